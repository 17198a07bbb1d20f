"""What every loss needs: rows in full precision, norms with finite gradients, reductions."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Literal, ParamSpec, TypeVar

import torch
from torch import Tensor

from stepdown.core import InvalidInputError

Reduction = Literal["mean", "row", "sum"]
"""How entries become a scalar: the mean of all, the sum of each row averaged over the rows, or the sum of all."""

NEARLY = 0.1
"""Share of the squared norms, below which the rows differ little from their mean."""

P = ParamSpec("P")
R = TypeVar("R")


def full_precision(loss: Callable[P, R]) -> Callable[P, R]:
    """Run a loss outside autocast: its logarithms, roots and norms don't survive half precision."""

    @wraps(loss)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        given = [
            part for value in (*args, *kwargs.values()) for part in (value if isinstance(value, list) else [value])
        ]
        device = next(part.device.type for part in given if isinstance(part, Tensor))
        with torch.autocast(device, enabled=False):
            return loss(*args, **kwargs)

    return guarded


def rows(features: Tensor, *, at_least: int = 1) -> Tensor:
    """Features as a matrix of shape (n_rows, n_features) in float32 or float64, for what compares rows of one side.

    Columns stand in the order of memory, so that maps with channels last are not copied; no inner product of rows
    depends on it.
    """
    if features.ndim == 0:
        raise InvalidInputError("features have shape (); expected (n_rows, ...): one row an example of the batch.")
    if len(features) < at_least:
        raise InvalidInputError(
            f"a batch of {len(features)} row(s) came, and a loss of relations between rows needs at least {at_least}; "
            "drop the last, smaller batch (drop_last=True) or take larger ones."
        )
    if features.ndim == 4 and features.is_contiguous(memory_format=torch.channels_last):
        features = features.permute(0, 2, 3, 1)
    matrix = features.reshape(len(features), -1)
    return matrix if matrix.dtype in (torch.float32, torch.float64) else matrix.float()


def matched_rows(student: Tensor, teacher: Tensor, *, at_least: int = 2) -> tuple[Tensor, Tensor]:
    """Both sides as matrices over the same rows; the teacher's carries no gradient."""
    if len(student) != len(teacher):
        raise InvalidInputError(
            f"the student has {len(student)} rows and the teacher {len(teacher)}: both must come from the same batch."
        )
    return rows(student, at_least=at_least), rows(teacher.detach(), at_least=at_least)


def masked_sqrt(values: Tensor) -> Tensor:
    """The root of non-negative values, with gradient 0 instead of infinity at 0."""
    positive = values > 0
    return torch.where(positive, torch.where(positive, values, 1.0).sqrt(), 0.0)


def gram_matrix(features: Tensor) -> Tensor:
    """Inner products of the rows, of shape (n_rows, n_rows)."""
    return features @ features.T


def precise_gram(features: Tensor) -> Tensor:
    """Inner products for cosines: in float64 where the rows differ little from their mean.

    All cosines are then nearly 1, and what float32 leaves of their differences is rounding.
    """
    gram = gram_matrix(features)
    squared = gram.detach().diagonal().mean()
    if gram.dtype == torch.float64 or gram.device.type == "mps" or squared - gram.detach().mean() >= NEARLY * squared:
        return gram
    return gram_matrix(features.double())


def centred(features: Tensor) -> Tensor:
    """Rows without their mean, for what distances alone decide: a large common offset would eat the digits of float32.

    No distance moves with the mean, so that it carries no gradient.
    """
    return features - features.detach().mean(0)


def inverse_norms(gram: Tensor, eps: float) -> Tensor:
    """1/(norm + eps) of each row, of shape (..., n_rows); zero rows get 1/eps, or 0 where eps is 0."""
    norms = masked_sqrt(gram.diagonal(0, -2, -1))
    if eps == 0:
        return torch.where(norms > 0, 1 / torch.where(norms > 0, norms, 1.0), 0.0)
    return 1 / (norms + eps)


def squared_distances(gram: Tensor) -> Tensor:
    """Squared Euclidean distances of the rows from their inner products, never negative.

    The squared norms are the Gram matrix's own diagonal: taken from elsewhere, their rounding makes
    a row distant from itself, and the root of that is what a float32 gradient then consists of.
    """
    squared = gram.diagonal()
    # A row doesn't move from itself: the slope of the root there is so steep that rounding would be all of a gradient.
    return (squared[:, None] + squared - 2 * gram).clamp(min=0).fill_diagonal_(0)


def off_diagonal(matrix: Tensor) -> Tensor:
    """A square matrix without its diagonal, of shape (n, n - 1), row by row."""
    n = len(matrix)
    return matrix.reshape(-1)[1:].view(n - 1, n + 1)[:, :-1].reshape(n, n - 1)


def reduced(entries: Tensor, reduction: Reduction) -> Tensor:
    """Entries of shape (n_rows, ...) as a scalar."""
    if reduction == "mean":
        return entries.mean()
    if reduction == "row":
        return entries.sum() / len(entries)
    if reduction == "sum":
        return entries.sum()
    raise InvalidInputError(f"reduction={reduction!r}: expected 'mean', 'row' or 'sum'.")
