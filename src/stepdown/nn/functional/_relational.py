"""Losses of the relations between the rows of a batch; the widths of the two sides may differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from stepdown.core import InvalidInputError

from ._kernels import conditional_probabilities, cosine_kernel, pairwise_distances
from ._numerics import (
    Reduction,
    centred,
    full_precision,
    gram_matrix,
    matched_rows,
    off_diagonal,
    precise_gram,
    reduced,
    squared_distances,
)

Kernel: TypeAlias = Callable[[Tensor], Tensor]
Divergence: TypeAlias = Callable[[Tensor, Tensor], Tensor]


def kullback_leibler(teacher: Tensor, student: Tensor, *, eps: float = 0.0) -> Tensor:
    """p log((p + eps) / (q + eps)), entry by entry, p the teacher's.

    Parameters
    ----------
    teacher, student : tensor
        Probabilities of the same shape.
    eps : float
        Non-negative.

    Returns
    -------
    tensor of the same shape

    Examples
    --------
    >>> kullback_leibler(torch.tensor([0.5, 0.5]), torch.tensor([0.5, 0.5]))
    tensor([0., 0.])
    """
    return teacher * ((teacher + eps) / (student + eps)).log()


def jeffreys(teacher: Tensor, student: Tensor) -> Tensor:
    """(p - q) (log p - log q), entry by entry: both Kullback-Leibler divergences together.

    Parameters
    ----------
    teacher, student : tensor
        Positive probabilities of the same shape.

    Returns
    -------
    tensor of the same shape

    Examples
    --------
    >>> jeffreys(torch.tensor([0.5]), torch.tensor([0.5]))
    tensor([0.])
    """
    return (teacher - student) * (teacher.log() - student.log())


@full_precision
def relational(
    student: Tensor,
    teacher: Tensor,
    kernel: Kernel = cosine_kernel,
    divergence: Divergence = jeffreys,
    *,
    reduction: Reduction = "mean",
    diagonal: bool = True,
) -> Tensor:
    """A divergence of the neighbour probabilities that a kernel makes of each side's features.

    Parameters
    ----------
    student : tensor of shape (n_rows, ...)
        At least two rows.
    teacher : tensor of shape (n_rows, ...)
        Over the same rows.
    kernel : callable
        Features to similarities of shape (n_rows, n_rows), for instance `cosine_kernel` or a partial of it.
    divergence : callable
        ``divergence(p, q)`` entry by entry, p the teacher's.
    reduction : {"mean", "row", "sum"}
        "mean" falls as 1/n_rows; "row" doesn't depend on the size of the batch.
    diagonal : bool
        Whether a row counts as its own neighbour.

    Returns
    -------
    tensor of shape ()

    Raises
    ------
    InvalidInputError
        For fewer than two rows, or different numbers of rows.

    Examples
    --------
    >>> features = torch.eye(3)
    >>> relational(features, features).item()
    0.0
    """
    student, teacher = matched_rows(student, teacher)
    p = conditional_probabilities(kernel(teacher), diagonal=diagonal)
    q = conditional_probabilities(kernel(student), diagonal=diagonal)
    return reduced(divergence(p, q), reduction).to(student.dtype)


def pkt(
    student: Tensor, teacher: Tensor, *, reduction: Reduction = "mean", diagonal: bool = True, eps: float = 1e-7
) -> Tensor:
    """Probabilistic knowledge transfer: KL divergence of the cosine neighbour probabilities.

    Passalis & Tefas, "Learning Deep Representations with Probabilistic Knowledge Transfer", ECCV 2018, eq. 7. The
    published code keeps the diagonal and takes the mean; the paper leaves the diagonal out and sums.

    Parameters
    ----------
    student, teacher : tensor of shape (n_rows, ...)
        At least two rows; widths may differ.
    reduction : {"mean", "row", "sum"}
        "mean" falls as 1/n_rows; "row" doesn't depend on the size of the batch.
    diagonal : bool
        Whether a row counts as its own neighbour.
    eps : float
        Added to the norms and to both probabilities inside the logarithm.

    Returns
    -------
    tensor of shape ()

    Raises
    ------
    InvalidInputError
        For fewer than two rows, or different numbers of rows.

    Examples
    --------
    >>> features = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> pkt(3 * features, features).item() < 1e-7
    True
    """
    return relational(
        student,
        teacher,
        lambda features: cosine_kernel(features, eps=eps),
        lambda p, q: kullback_leibler(p, q, eps=eps),
        reduction=reduction,
        diagonal=diagonal,
    )


@full_precision
def sp(student: Tensor, teacher: Tensor, *, order: float = 2.0) -> Tensor:
    """Mean squared difference of the similarity matrices, their rows normalised.

    Tung & Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019, eq. 4.

    Parameters
    ----------
    student, teacher : tensor of shape (n_rows, ...)
        At least two rows; widths may differ.
    order : float
        Of the rows' norm: 2 in the paper.

    Returns
    -------
    tensor of shape ()

    Raises
    ------
    InvalidInputError
        For fewer than two rows, or different numbers of rows.

    Examples
    --------
    >>> features = torch.rand(4, 3)
    >>> sp(2 * features, features).item() < 1e-12
    True
    """
    student, teacher = matched_rows(student, teacher)
    mine, theirs = (functional.normalize(precise_gram(features), p=order, dim=1) for features in (student, teacher))
    return ((mine - theirs) ** 2).mean().to(student.dtype)


@full_precision
def mds(student: Tensor, teacher: Tensor, *, power: float = 2.0, eps: float = 1e-6) -> Tensor:
    """Stress: mean over the pairs of rows of how far the student's distance is from the teacher's, to a power.

    Parameters
    ----------
    student, teacher : tensor of shape (n_rows, ...)
        At least two rows; widths may differ.
    power : float
        2 for the classical stress, 1 for absolute differences.
    eps : float
        Under the root of the distances.

    Returns
    -------
    tensor of shape ()

    Raises
    ------
    InvalidInputError
        For fewer than two rows, or different numbers of rows.

    Examples
    --------
    >>> mds(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [3.0]]), eps=0.0).item()
    4.0
    """
    student, teacher = matched_rows(student, teacher)
    mine, theirs = (off_diagonal(pairwise_distances(features, eps=eps)) for features in (student, teacher))
    return (mine - theirs).abs().pow(power).mean()


@full_precision
def rkd(
    student: Tensor,
    teacher: Tensor,
    *,
    distance_weight: float = 25.0,
    angle_weight: float = 50.0,
    diagonal: bool = True,
) -> Tensor:
    """Huber losses of the distances, each side divided by its mean, and of the angles within triplets of rows.

    Park et al., "Relational Knowledge Distillation", CVPR 2019, eq. 3 to 9 (with weights 1 and 2). Angles take
    n_rows^3 numbers: at most some 256 rows.

    Parameters
    ----------
    student, teacher : tensor of shape (n_rows, ...)
        At least two rows, three for angles without the diagonal; widths may differ.
    distance_weight, angle_weight : float
        Non-negative; a part of weight 0 isn't computed.
    diagonal : bool
        Whether pairs and triplets with repeated rows, which add nothing, count in the means; in most published code
        they do.

    Returns
    -------
    tensor of shape ()

    Raises
    ------
    InvalidInputError
        For too few rows, or different numbers of rows.

    Examples
    --------
    >>> features = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> rkd(3 * features, features).item() < 1e-9
    True
    """
    if not diagonal and angle_weight and len(student) < 3:
        raise InvalidInputError(f"{len(student)} rows make no triplet of distinct ones; expected at least 3.")
    student, teacher = matched_rows(student, teacher)
    n = len(student)
    loss = student.new_zeros(())
    if distance_weight:
        total = functional.huber_loss(_relative_distances(student), _relative_distances(teacher), reduction="sum")
        loss = loss + distance_weight * total / (n**2 if diagonal else n * (n - 1))
    if angle_weight:
        total = functional.huber_loss(*_angles(student, teacher, diagonal), reduction="sum")
        loss = loss + angle_weight * total / (n**3 if diagonal else n * (n - 1) * (n - 2))
    return loss


def _relative_distances(features: Tensor) -> Tensor:
    distances = pairwise_distances(features, eps=0.0)
    positive = distances > 0
    return distances / (distances.sum() / positive.sum().clamp(min=1)).clamp(min=1e-12)


def _angles(student: Tensor, teacher: Tensor, diagonal: bool) -> tuple[Tensor, Tensor]:
    """Cosines at row i between the ways to rows j and k, of shape (n_rows, n_rows, n_rows), from inner products."""
    both = []
    for features in (student, teacher):
        gram = gram_matrix(centred(features))
        squared = squared_distances(gram)
        away = squared > 0
        inverse = torch.where(away, torch.where(away, squared, 1.0).rsqrt(), 0.0)
        products = gram - gram[:, :, None] - gram[:, None, :] + gram.diagonal()[:, None, None]
        cosines = products * inverse[:, :, None] * inverse[:, None, :]
        if not diagonal:  # j = k says 1 on both sides unless a row stands twice
            cosines = cosines * (1 - torch.eye(len(gram), dtype=gram.dtype, device=gram.device))
        both.append(cosines)
    return both[0], both[1]
