"""A contrast of each row with many others, whose features are remembered."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from stepdown.core import InvalidInputError

EPS = 1e-7


class Contrast(NamedTuple):
    """A loss, and what is to be kept for the next batch.

    Parameters
    ----------
    loss : tensor of shape ()
        The sum of both directions.
    parts : tuple of two tensors of shape ()
        The student's features among the teacher's remembered ones, and the teacher's among the student's.
    student_rows, teacher_rows : tensor of shape (n_batch, n_features)
        What the memories have to hold at the rows of the batch from now on; without gradient.
    normalisers : tuple of two floats
        Of both directions; those of the first batch are passed on to all further ones.
    """

    loss: Tensor
    parts: tuple[Tensor, Tensor]
    student_rows: Tensor
    teacher_rows: Tensor
    normalisers: tuple[float, float]


def crd(
    student: Tensor,
    teacher: Tensor,
    rows: Tensor,
    student_memory: Tensor,
    teacher_memory: Tensor,
    *,
    temperature: float = 0.07,
    momentum: float = 0.5,
    normalisers: tuple[float, float] | None = None,
) -> Contrast:
    """Contrastive representation distillation: tell the own row of the other network from other rows.

    Tian, Krishnan & Isola, "Contrastive Representation Distillation", ICLR 2020, as in the published code: with x the
    score of a pair, exp(cosine / temperature) / Z, and c = n_others / n_rows, the mean over the batch of
    -log(x / (x + c)) for the own row and -log(c / (x + c)) for each other one, in both directions.

    The memories hold features of all training rows, one row each, and stay as they are; write `student_rows` and
    `teacher_rows` of the result to them. Both networks' features pass a trained linear map to the same width first.

    Parameters
    ----------
    student, teacher : tensor of shape (n_batch, n_features)
        Of length 1 in each row. Both carry gradients, because both linear maps are trained; the networks' own features
        are to be detached on the teacher's side before its map.
    rows : tensor of shape (n_batch, 1 + n_others), int64
        In column 0 the number of the row itself in the training set, behind it those of rows of other classes.
    student_memory, teacher_memory : tensor of shape (n_rows, n_features)
        Of all training rows.
    temperature : float
        Positive.
    momentum : float
        Share of the remembered features in the new ones, from 0 to below 1.
    normalisers : tuple of two floats, optional
        Z of both directions; without, those of this batch.

    Returns
    -------
    Contrast

    Raises
    ------
    InvalidInputError
        For shapes that don't fit, a temperature that isn't positive, or a momentum out of range.

    Examples
    --------
    >>> features = functional.normalize(torch.eye(3) + 0.1)
    >>> rows = torch.tensor([[0, 1, 2], [1, 0, 2], [2, 0, 1]])
    >>> alike = crd(features, features, rows, features, features, temperature=0.5)
    >>> mixed = crd(features.flip(0), features, rows, features, features, temperature=0.5)
    >>> bool(alike.loss < mixed.loss)
    True
    """
    _check(student, teacher, rows, student_memory, teacher_memory)
    if temperature <= 0 or not 0 <= momentum < 1:
        raise InvalidInputError(
            f"temperature={temperature}, momentum={momentum}: expected a positive one, and one from 0 to below 1."
        )
    sides = ((student, teacher_memory.detach()), (teacher, student_memory.detach()))
    n, chance = len(student_memory), (rows.shape[1] - 1) / len(student_memory)
    with torch.autocast(student.device.type, enabled=False):  # half precision overflows at exp(1 / 0.07)
        scores = [
            ((memory[rows] @ features.to(memory.dtype)[:, :, None])[:, :, 0] / temperature).exp()
            for features, memory in sides
        ]
        if normalisers is None:
            normalisers = (scores[0].mean().item() * n, scores[1].mean().item() * n)
        parts = [_contrast(score / normaliser, chance) for score, normaliser in zip(scores, normalisers, strict=True)]
        new = [
            functional.normalize(momentum * memory.detach()[rows[:, 0]] + (1 - momentum) * features.detach())
            for features, memory in ((student, student_memory), (teacher, teacher_memory))
        ]
    return Contrast(parts[0] + parts[1], (parts[0], parts[1]), new[0], new[1], normalisers)


def _contrast(x: Tensor, chance: float) -> Tensor:
    """The loss of scores of shape (n_batch, 1 + n_others), the own row's first."""
    own, others = x[:, 0], x[:, 1:]
    return -((own / (own + chance + EPS)).log().sum() + (chance / (others + chance + EPS)).log().sum()) / len(x)


def _check(student: Tensor, teacher: Tensor, rows: Tensor, student_memory: Tensor, teacher_memory: Tensor) -> None:
    alike = student.shape == teacher.shape and student_memory.shape == teacher_memory.shape
    axes = (student.ndim, rows.ndim, student_memory.ndim) == (2, 2, 2)
    if not (
        alike
        and axes
        and student.shape[1] == student_memory.shape[1]
        and len(rows) == len(student)
        and rows.shape[1] > 1
    ):
        shapes = [tuple(values.shape) for values in (student, teacher, rows, student_memory, teacher_memory)]
        raise InvalidInputError(
            f"student, teacher, rows and both memories of shapes {shapes} came; expected (n_batch, n_features) twice, "
            "(n_batch, 1 + n_others) with n_others from 1, and (n_rows, n_features) twice."
        )
