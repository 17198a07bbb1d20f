"""Losses between the outputs of a student and of its teachers, with their gradients.

Definitions on small arrays, to check other code against and to train students that take a gradient. All are in
natural logarithms and average over rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepdown.core import InvalidInputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KDLoss:
    """Value, parts and gradient of the KD loss.

    Parameters
    ----------
    value : float
        ``(1 - weight) * cross_entropy + weight * temperature**2 * divergence``.
    cross_entropy : float or None
        Of the student to the labels, at temperature 1; None without labels.
    divergence : float
        Kullback-Leibler divergence from teacher to student at the given temperature, without its factor.
    gradient : array of shape (n_samples, n_classes)
        Of `value` in the student's logits.
    """

    value: float
    cross_entropy: float | None
    divergence: float
    gradient: Floats


@dataclass(frozen=True, slots=True)
class LogitLoss:
    """Value of the logit loss, and its gradient in the student's logits, of shape (n_samples, n_classes)."""

    value: float
    gradient: Floats


@dataclass(frozen=True, slots=True)
class DGKDLoss:
    """Value, parts and gradient of the densely guided loss.

    Parameters
    ----------
    value : float
    cross_entropy : float or None
    divergences : tuple of float
        One per teacher, kept or not, without the factor.
    gradient : array of shape (n_samples, n_classes)
        Of `value` in the student's logits.
    """

    value: float
    cross_entropy: float | None
    divergences: tuple[float, ...]
    gradient: Floats


def log_softmax(logits: ArrayLike, temperature: float = 1.0) -> Floats:
    """Log probabilities of logits, of shape (n_samples, n_classes).

    Parameters
    ----------
    logits : array-like of shape (n_samples, n_classes)
        Finite; at least two classes.
    temperature : float, default=1.0
        Positive.

    Raises
    ------
    InvalidInputError
        If the shape, a value or the temperature is out of range.

    Examples
    --------
    >>> log_softmax([[0.0, np.log(3.0)]]).round(4).tolist()
    [[-1.3863, -0.2877]]
    """
    z = _as_logits(logits, "logits") / _as_temperature(temperature)
    z -= z.max(axis=1, keepdims=True)
    z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
    return z


def softmax(logits: ArrayLike, temperature: float = 1.0) -> Floats:
    """Probabilities of logits, of shape (n_samples, n_classes); see `log_softmax`.

    Examples
    --------
    >>> softmax([[0.0, np.log(3.0)]]).round(4).tolist()
    [[0.25, 0.75]]
    """
    return np.asarray(np.exp(log_softmax(logits, temperature)))


def kd_loss(
    student_logits: ArrayLike,
    teacher_logits: ArrayLike,
    y: ArrayLike | None = None,
    *,
    temperature: float = 4.0,
    weight: float = 0.9,
    reduction: str = "batchmean",
) -> KDLoss:
    """Cross-entropy to the labels, mixed with the divergence from the softened teacher.

    ``(1 - weight) * CE(y, student) + weight * T**2 * KL(teacher at T || student at T)``. The factor T² keeps the size
    of the soft gradient independent of T; for large T the gradient tends to the difference of the centred logits
    divided by (n_samples * n_classes).

    Parameters
    ----------
    student_logits, teacher_logits : array-like of shape (n_samples, n_classes)
        Columns in the same order of classes.
    y : array-like of int of shape (n_samples,), optional
        Columns of the true classes. Without labels the weight is 1.
    temperature : float, default=4.0
        Positive; softens both sides of the divergence, not the cross-entropy.
    weight : float, default=0.9
        Share of the divergence, in [0, 1].
    reduction : {"batchmean", "elementmean"}
        Whether the divergence is averaged over rows, as defined, or over rows and classes, which makes it n_classes
        times weaker; the latter is what the published code of TAKD and DGKD does.

    Raises
    ------
    InvalidInputError
        On shapes that differ, values that aren't finite, labels that aren't columns, parameters out of range.

    References
    ----------
    G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural network", NeurIPS deep learning
    workshop, 2015, section 2.

    Examples
    --------
    >>> loss = kd_loss([[1.0, 1.0, -0.5]], [[2.0, 0.5, -1.0]], [0], temperature=1.0, weight=0.5)
    >>> round(loss.value, 4), loss.gradient.shape
    (0.5175, (1, 3))
    """
    z_s, z_t = _as_pair(student_logits, teacher_logits)
    cross_entropy, hard_gradient = _cross_entropy(z_s, y)
    share = _as_share(weight) if cross_entropy is not None else 1.0
    divergence, soft_gradient = _softened_divergence(z_s, z_t, temperature)
    if reduction == "elementmean":
        divergence, soft_gradient = divergence / z_s.shape[1], soft_gradient / z_s.shape[1]
    elif reduction != "batchmean":
        raise InvalidInputError(f"reduction={reduction!r}: expected 'batchmean' or 'elementmean'.")
    value = share * temperature**2 * divergence + (1.0 - share) * (cross_entropy or 0.0)
    gradient = share * soft_gradient + (1.0 - share) * hard_gradient
    return KDLoss(value, cross_entropy, divergence, gradient)


def logit_loss(student_logits: ArrayLike, teacher_logits: ArrayLike) -> LogitLoss:
    """Half the squared distance of the logits, averaged over rows; labels play no part.

    Parameters
    ----------
    student_logits, teacher_logits : array-like of shape (n_samples, n_classes)

    Raises
    ------
    InvalidInputError
        On shapes that differ or values that aren't finite.

    References
    ----------
    J. Ba and R. Caruana, "Do deep nets really need to be deep?", NeurIPS 2014, section 2.2.

    Examples
    --------
    >>> logit_loss([[1.0, 0.0]], [[3.0, 0.0]]).value
    2.0
    """
    z_s, z_t = _as_pair(student_logits, teacher_logits)
    difference = z_s - z_t
    value = 0.5 * float(np.einsum("ij,ij->", difference, difference)) / len(z_s)
    return LogitLoss(value, difference / len(z_s))


def dgkd_loss(
    student_logits: ArrayLike,
    teachers_logits: Sequence[ArrayLike],
    y: ArrayLike | None = None,
    *,
    temperature: float = 5.0,
    weight: float = 0.5,
    keep: Sequence[Any] | None = None,
) -> DGKDLoss:
    """KD from the teacher and all larger assistants at once: divergences are summed over the teachers, not averaged.

    Parameters
    ----------
    student_logits : array-like of shape (n_samples, n_classes)
    teachers_logits : sequence of array-like of shape (n_samples, n_classes)
    y : array-like of int of shape (n_samples,), optional
        Columns of the true classes. Without labels the weight is 1.
    temperature : float, default=5.0
    weight : float, default=0.5
        Factor of the sum of divergences, in [0, 1].
    keep : sequence of bool, one per teacher, optional
        Teachers that take part in this batch; the stochastic variant drops some at random.

    Raises
    ------
    InvalidInputError
        On shapes that differ, and where nothing is left to learn from.

    References
    ----------
    W. Son, J. Na, J. Choi and W. Hwang, "Densely guided knowledge distillation using multiple teacher assistants",
    ICCV 2021.

    Examples
    --------
    >>> z = [[2.0, 0.0]]
    >>> one, two = dgkd_loss([[0.0, 0.0]], [z], [0]), dgkd_loss([[0.0, 0.0]], [z, z], [0])
    >>> round(two.value - one.value, 6) == round(0.5 * 25 * one.divergences[0], 6)
    True
    """
    kept = [True] * len(teachers_logits) if keep is None else [bool(k) for k in keep]
    if len(kept) != len(teachers_logits):
        raise InvalidInputError(
            f"keep: expected one entry for each of {len(teachers_logits)} teachers, got {len(kept)}."
        )
    z_s = _as_logits(student_logits, "student_logits")
    cross_entropy, hard_gradient = _cross_entropy(z_s, y)
    share = _as_share(weight) if cross_entropy is not None else 1.0
    if share == 1.0 and not any(kept):
        raise InvalidInputError("no teacher is kept and the labels have no weight: nothing is left to learn from.")
    value = (1.0 - share) * (cross_entropy or 0.0)
    gradient = (1.0 - share) * hard_gradient
    divergences = []
    for logits, used in zip(teachers_logits, kept, strict=True):
        divergence, soft_gradient = _softened_divergence(*_as_pair(z_s, logits), temperature)
        divergences.append(divergence)
        if used:
            value += share * temperature**2 * divergence
            gradient = gradient + share * soft_gradient
    return DGKDLoss(value, cross_entropy, tuple(divergences), gradient)


def _softened_divergence(z_s: Floats, z_t: Floats, temperature: float) -> tuple[float, Floats]:
    """KL at T averaged over rows, and the gradient of T² times it."""
    log_s, log_t = log_softmax(z_s, temperature), log_softmax(z_t, temperature)
    p_t = np.exp(log_t)
    divergence = float(np.einsum("ij,ij->", p_t, log_t - log_s)) / len(z_s)
    return divergence, temperature * (np.exp(log_s) - p_t) / len(z_s)


def _cross_entropy(z_s: Floats, y: ArrayLike | None) -> tuple[float | None, Floats]:
    if y is None:
        return None, np.zeros_like(z_s)
    index = np.asarray(y)
    n, n_classes = z_s.shape
    if index.shape != (n,) or index.dtype.kind not in "iu" or index.min() < 0 or index.max() >= n_classes:
        raise InvalidInputError(f"y: expected {n} integers in [0, {n_classes}), the columns of the true classes.")
    log_s = log_softmax(z_s)
    gradient = np.exp(log_s)
    gradient[np.arange(n), index] -= 1.0
    return float(-log_s[np.arange(n), index].mean()), gradient / n


def _as_logits(values: ArrayLike, name: str) -> Floats:
    z = np.asarray(values, dtype=np.float64)
    if z.ndim != 2 or z.shape[0] < 1 or z.shape[1] < 2:
        raise InvalidInputError(f"{name}: expected shape (n_samples, n_classes) with n_classes >= 2, got {z.shape}.")
    if not np.isfinite(z).all():
        raise InvalidInputError(f"{name}: expected finite values; make logits of probabilities with eps > 0.")
    return z


def _as_pair(student: ArrayLike, teacher: ArrayLike) -> tuple[Floats, Floats]:
    z_s, z_t = _as_logits(student, "student_logits"), _as_logits(teacher, "teacher_logits")
    if z_s.shape != z_t.shape:
        raise InvalidInputError(f"student and teacher logits must have one shape, got {z_s.shape} and {z_t.shape}.")
    return z_s, z_t


def _as_temperature(temperature: float) -> float:
    if not 0.0 < temperature < np.inf:
        raise InvalidInputError(f"temperature={temperature!r}: expected a positive finite number.")
    return float(temperature)


def _as_share(weight: float) -> float:
    if not 0.0 <= weight <= 1.0:
        raise InvalidInputError(f"weight={weight!r}: expected a number in [0, 1].")
    return float(weight)
