"""How much a network's layers say about the classes, layer by layer, and which layers correspond."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from stepdown.core import InvalidInputError

from ._kernels import cosine_kernel
from ._numerics import rows


class QuadraticInformation(NamedTuple):
    """Quadratic mutual information of features and labels, and what it is made of.

    Parameters
    ----------
    within : float
        The part of pairs of one class.
    total : float
        The part of all pairs.
    between : float
        The part of each class with all.
    information : float
        ``within + total - 2 between``, not negative.
    """

    within: float
    total: float
    between: float
    information: float


class FlowMatch(NamedTuple):
    """Which teacher's layer each student's layer corresponds to.

    Parameters
    ----------
    layers : tuple of int
        One position a student's layer.
    divergence : float
        The sum of the squared differences of information.
    """

    layers: tuple[int, ...]
    divergence: float


@torch.no_grad()
def qmi(similarity: Tensor, labels: Tensor) -> QuadraticInformation:
    """Quadratic mutual information of features, given as a kernel matrix, and class labels.

    Torkkola, "Feature Extraction by Non-Parametric Mutual Information Maximization", JMLR 2003, eq. 17 to 20; the
    diagonal is included.

    Parameters
    ----------
    similarity : tensor of shape (n_rows, n_rows)
        Of a positive semi-definite kernel, for instance `gaussian_kernel` or `cosine_kernel`.
    labels : tensor of int, of shape (n_rows,)

    Returns
    -------
    QuadraticInformation
        0 for a single class. Values of different kernels can't be compared.

    Raises
    ------
    InvalidInputError
        For shapes that don't fit.

    Examples
    --------
    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> informative = qmi(cosine_kernel(features), torch.tensor([0, 0, 1, 1]))
    >>> useless = qmi(cosine_kernel(features), torch.tensor([0, 1, 0, 1]))
    >>> informative.information > useless.information
    True
    """
    n = len(similarity)
    if similarity.shape != (n, n) or labels.shape != (n,):
        raise InvalidInputError(
            f"similarities of shape {tuple(similarity.shape)} and labels of shape {tuple(labels.shape)} came; expected "
            "(n_rows, n_rows) and (n_rows,)."
        )
    _, index = labels.unique(return_inverse=True)
    kernel = similarity.double()
    members = functional.one_hot(index).to(kernel)
    shares = members.mean(0)
    within = float((members * (kernel @ members)).sum()) / n**2
    total = float((shares**2).sum() * kernel.sum()) / n**2
    between = float((shares[index] * kernel.sum(1)).sum()) / n**2
    return QuadraticInformation(within, total, between, max(within + total - 2 * between, 0.0))


def flow_vector(
    layers: Sequence[Tensor], labels: Tensor, *, kernel: Callable[[Tensor], Tensor] = cosine_kernel
) -> tuple[float, ...]:
    """What each layer says about the classes: its quadratic mutual information with them.

    Passalis, Tzelepi & Tefas, "Heterogeneous Knowledge Distillation using Information Flow Modeling", CVPR 2020,
    eq. 2.

    Parameters
    ----------
    layers : sequence of tensor of shape (n_rows, ...)
        In the order of the network.
    labels : tensor of int, of shape (n_rows,)
    kernel : callable
        Bounded ones, as the cosine's, make layers of different width comparable.

    Returns
    -------
    tuple of float
        One value a layer.

    Examples
    --------
    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> first, second = flow_vector([features + 1, features], torch.tensor([0, 0, 1, 1]))
    >>> first < second
    True
    """
    return tuple(qmi(kernel(layer.detach()), labels).information for layer in layers)


@torch.no_grad()
def relational_profile(
    layers: Sequence[Tensor], *, kernel: Callable[[Tensor], Tensor] = cosine_kernel
) -> tuple[float, ...]:
    """How far each layer already relates the rows as the last one does; needs no labels.

    The centred alignment of each layer's kernel matrix with the last layer's: ``<K, L> / (|K| |L|)`` after taking the
    means of rows and columns away, which is 1 at the last layer. Kernel alignment is that of Cortes, Mohri &
    Rostamizadeh, JMLR 2012; its use as a flow is ours.

    Parameters
    ----------
    layers : sequence of tensor of shape (n_rows, ...)
        In the order of the network.
    kernel : callable
        Features to similarities.

    Returns
    -------
    tuple of float
        One value a layer, between -1 and 1, rarely below 0.

    Examples
    --------
    >>> last = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    >>> [round(value, 3) for value in relational_profile([last * 2, last])]
    [1.0, 1.0]
    """
    centred = []
    for layer in layers:
        matrix = kernel(rows(layer, at_least=2)).double()
        matrix = matrix - matrix.mean(0) - matrix.mean(1, keepdim=True) + matrix.mean()
        norm = matrix.norm()
        centred.append(matrix / norm if norm > 0 else matrix)
    return tuple(float((matrix * centred[-1]).sum()) for matrix in centred)


def flow_match(student: Sequence[float], teacher: Sequence[float]) -> FlowMatch:
    """Match each student's layer with the teacher's layer that says as much, the last with the last.

    Passalis, Tzelepi & Tefas, CVPR 2020, eq. 4 and 5; of equally near layers the earliest.

    Parameters
    ----------
    student, teacher : sequence of float
        Flow vectors.

    Returns
    -------
    FlowMatch

    Raises
    ------
    InvalidInputError
        For an empty vector.

    Examples
    --------
    >>> flow_match([0.12, 0.22, 0.55], [0.1, 0.25, 0.4, 0.6]).layers
    (0, 1, 3)
    """
    if not student or not teacher:
        raise InvalidInputError(
            f"{len(student)} student and {len(teacher)} teacher layers came; expected at least one."
        )
    last = len(teacher) - 1
    nearest = [min(range(len(teacher)), key=lambda j: (value - teacher[j]) ** 2) for value in student[:-1]]
    layers = (*nearest, last)
    divergence = sum((value - teacher[j]) ** 2 for value, j in zip(student, layers, strict=True))
    return FlowMatch(layers, divergence)
