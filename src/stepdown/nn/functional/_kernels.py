"""How similar the rows of a batch are: one function a kernel, and the probabilities made of them."""

from __future__ import annotations

import torch
from torch import Tensor

from ._numerics import (
    centred,
    gram_matrix,
    inverse_norms,
    masked_sqrt,
    off_diagonal,
    precise_gram,
    rows,
    squared_distances,
)

SMALLEST_SIMILARITY = 1e-12
"""Opposite rows have cosine -1 and similarity 0, whose logarithm isn't finite."""


def pairwise_distances(features: Tensor, *, eps: float = 1e-6) -> Tensor:
    """Euclidean distances sqrt(d^2 + eps) of the rows.

    Parameters
    ----------
    features : tensor of shape (n_rows, ...)
        Feature maps are flattened.
    eps : float
        Keeps the root's gradient finite; with 0 equal rows have distance 0 and gradient 0.

    Returns
    -------
    tensor of shape (n_rows, n_rows)

    Examples
    --------
    >>> pairwise_distances(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), eps=0.0)
    tensor([[0., 5.],
            [5., 0.]])
    """
    return masked_sqrt(squared_distances(gram_matrix(centred(rows(features)))) + eps)


def cosine_kernel(features: Tensor, *, eps: float = 1e-6) -> Tensor:
    """(cos + 1) / 2 of each pair of rows, between 1e-12 and 1.

    Passalis & Tefas, "Learning Deep Representations with Probabilistic Knowledge Transfer", ECCV 2018, eq. 5.

    Parameters
    ----------
    features : tensor of shape (n_rows, ...)
        All-zero rows have cosine 0 with every row.
    eps : float
        Added to the norms.

    Returns
    -------
    tensor of shape (n_rows, n_rows)
        In float64 where the rows have so much in common that float32 can't tell their cosines apart.

    Examples
    --------
    >>> cosine_kernel(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), eps=0.0)
    tensor([[1.0000, 0.5000],
            [0.5000, 1.0000]])
    """
    gram = precise_gram(rows(features))
    scale = inverse_norms(gram, eps)
    return ((gram * scale[:, None] * scale + 1) / 2).clamp(min=SMALLEST_SIMILARITY)


def student_t_kernel(features: Tensor, *, exponent: float = 1.0, eps: float = 1e-6) -> Tensor:
    """1 / (1 + d^exponent) of each pair of rows, d their distance.

    Passalis, Tzelepi & Tefas, "Heterogeneous Knowledge Distillation using Information Flow Modeling", CVPR 2020, eq. 8.

    Parameters
    ----------
    features : tensor of shape (n_rows, ...)
    exponent : float
        Positive.
    eps : float
        Under the root of the distance.

    Returns
    -------
    tensor of shape (n_rows, n_rows)

    Examples
    --------
    >>> student_t_kernel(torch.tensor([[0.0], [1.0]]), eps=0.0)
    tensor([[1.0000, 0.5000],
            [0.5000, 1.0000]])
    """
    return 1 / (1 + pairwise_distances(features, eps=eps) ** exponent)


def gaussian_kernel(features: Tensor, *, sigma: float | Tensor | None = None) -> Tensor:
    """exp(-d^2 / (4 sigma^2)) of each pair of rows: a Parzen window of width sigma with itself, without its constant.

    The constant (4 pi sigma^2)^(-D/2) is left out because it makes layers of different width incomparable.

    Parameters
    ----------
    features : tensor of shape (n_rows, ...)
    sigma : float, optional
        The window's standard deviation; None takes the median distance of the rows over sqrt(2).

    Returns
    -------
    tensor of shape (n_rows, n_rows)

    Examples
    --------
    >>> gaussian_kernel(torch.tensor([[0.0], [2.0]]), sigma=1.0)
    tensor([[1.0000, 0.3679],
            [0.3679, 1.0000]])
    """
    squared = squared_distances(gram_matrix(centred(rows(features, at_least=2))))
    four_sigma_squared = 2 * off_diagonal(squared).median() if sigma is None else 4 * sigma**2
    return torch.exp(-squared / four_sigma_squared)


def rbf_kernel(features: Tensor, *, sigma: float = 1.0, eps: float = 1e-6) -> Tensor:
    """exp(-d / sigma) of each pair of rows; the distance isn't squared.

    Parameters
    ----------
    features : tensor of shape (n_rows, ...)
    sigma : float
        Positive.
    eps : float
        Under the root of the distance.

    Returns
    -------
    tensor of shape (n_rows, n_rows)

    Examples
    --------
    >>> rbf_kernel(torch.tensor([[0.0], [1.0]]), eps=0.0)
    tensor([[1.0000, 0.3679],
            [0.3679, 1.0000]])
    """
    return torch.exp(-pairwise_distances(features, eps=eps) / sigma)


def adaptive_rbf_kernel(features: Tensor, *, eps: float = 1e-6) -> Tensor:
    """exp(-d / mean d) of each pair of rows, the mean taken over all pairs with the diagonal.

    Parameters
    ----------
    features : tensor of shape (n_rows, ...)
    eps : float
        Under the root of the distance.

    Returns
    -------
    tensor of shape (n_rows, n_rows)

    Examples
    --------
    >>> adaptive_rbf_kernel(torch.tensor([[0.0], [1.0]]), eps=0.0)
    tensor([[1.0000, 0.1353],
            [0.1353, 1.0000]])
    """
    distances = pairwise_distances(features, eps=eps)
    return torch.exp(-distances / distances.mean())


def cauchy_kernel(features: Tensor, *, sigma: float = 1.0, eps: float = 1e-6) -> Tensor:
    """1 / (1 + d^2 / sigma^2) of each pair of rows.

    Parameters
    ----------
    features : tensor of shape (n_rows, ...)
    sigma : float
        Positive.
    eps : float
        Added to the squared distance.

    Returns
    -------
    tensor of shape (n_rows, n_rows)

    Examples
    --------
    >>> cauchy_kernel(torch.tensor([[0.0], [2.0]]), eps=0.0)
    tensor([[1.0000, 0.2000],
            [0.2000, 1.0000]])
    """
    return 1 / (1 + (squared_distances(gram_matrix(centred(rows(features)))) + eps) / sigma**2)


def conditional_probabilities(kernel: Tensor, *, diagonal: bool = True) -> Tensor:
    """Rows of a kernel matrix as distributions: the probability of row j as the neighbour of row i.

    Parameters
    ----------
    kernel : tensor of shape (n_rows, n_rows)
        Positive similarities.
    diagonal : bool
        Whether a row is its own neighbour; the papers leave it out, the published code keeps it.

    Returns
    -------
    tensor of shape (n_rows, n_rows), or (n_rows, n_rows - 1) without the diagonal
        Rows sum to 1.

    Examples
    --------
    >>> conditional_probabilities(torch.tensor([[1.0, 3.0], [1.0, 1.0]]))
    tensor([[0.2500, 0.7500],
            [0.5000, 0.5000]])
    """
    similarity = kernel if diagonal else off_diagonal(kernel)
    return similarity / similarity.sum(1, keepdim=True)
