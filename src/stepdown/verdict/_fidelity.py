"""How closely a student follows its teacher, right or wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import rel_entr
from sklearn.metrics import r2_score

from ._inputs import as_probabilities, as_weights


def fidelity(teacher: ArrayLike, student: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """Share of rows on which the student gives the teacher's label, in [0, 1].

    Parameters
    ----------
    teacher, student : array-like of shape (n_samples,) or (n_samples, n_classes)
        Labels that the two models predict, or their probabilities with the same order of columns, of which the most
        probable class counts (the first on ties).
    sample_weight : array-like of shape (n_samples,), optional

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> fidelity(["a", "b", "b", "a"], ["a", "b", "a", "a"])
    0.75
    >>> fidelity([[0.9, 0.1], [0.4, 0.6]], [[0.6, 0.4], [0.8, 0.2]])
    0.5
    """
    said, answered = np.asarray(teacher), np.asarray(student)
    if said.shape != answered.shape or said.ndim not in (1, 2):
        raise ValueError(f"teacher and student: expected equal shapes, got {said.shape} and {answered.shape}.")
    if said.ndim == 2:
        said, answered = said.argmax(axis=1), answered.argmax(axis=1)
    return float(as_weights(sample_weight, len(said)) @ (said == answered))


def regression_fidelity(teacher: ArrayLike, student: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """R² of the student's predictions against the teacher's: 1 where they are equal, 0 for a constant student.

    Parameters
    ----------
    teacher, student : array-like of shape (n_samples,)
        Real predictions of the two models.
    sample_weight : array-like of shape (n_samples,), optional

    Examples
    --------
    >>> regression_fidelity([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 2.0])
    0.8
    """
    return float(r2_score(teacher, student, sample_weight=sample_weight))


def kl_divergence(teacher: ArrayLike, student: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    r"""Mean divergence :math:`\sum_c p_c \log(p_c / q_c)` (Kullback-Leibler) of student q from teacher p, in nats.

    The student's probabilities are clipped at the resolution of float64 (2.2e-16): a leaf that excludes a class which
    the teacher allows costs much, not infinity. `total_variation` has no such cliff.

    Parameters
    ----------
    teacher, student : array-like of shape (n_samples, n_classes)
        Probabilities with the same order of columns; rows sum to 1.
    sample_weight : array-like of shape (n_samples,), optional

    Raises
    ------
    ValueError
        If the shapes differ or rows don't sum to 1.

    Examples
    --------
    >>> round(kl_divergence([[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]]), 4)  # ln(2) / 2
    0.3466
    """
    p, q = _both(teacher, student)
    rows = rel_entr(np.maximum(p, 0.0), np.maximum(q, np.finfo(np.float64).eps)).sum(axis=1)
    return float(as_weights(sample_weight, len(p)) @ rows)


def total_variation(teacher: ArrayLike, student: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    r"""Mean total variation distance :math:`\frac12 \sum_c |p_c - q_c|`, in [0, 1]; 0 where the models say the same.

    Parameters
    ----------
    teacher, student : array-like of shape (n_samples, n_classes)
        Probabilities with the same order of columns; rows sum to 1.
    sample_weight : array-like of shape (n_samples,), optional

    Raises
    ------
    ValueError
        If the shapes differ or rows don't sum to 1.

    Examples
    --------
    >>> total_variation([[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]])
    0.25
    """
    p, q = _both(teacher, student)
    return float(as_weights(sample_weight, len(p)) @ (0.5 * np.abs(p - q).sum(axis=1)))


def _both(teacher: ArrayLike, student: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    p, q = as_probabilities(teacher, "teacher"), as_probabilities(student, "student")
    if p.shape != q.shape:
        raise ValueError(f"teacher and student: expected equal shapes, got {p.shape} and {q.shape}.")
    return p, q
