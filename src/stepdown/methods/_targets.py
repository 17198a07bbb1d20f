"""What can be made of a teacher's probabilities: softer ones, logits, labels; and the chains through a ladder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepdown.core import InvalidInputError

Floats = NDArray[np.float64]


def soften(probabilities: ArrayLike, temperature: float, *, eps: float = 1e-6) -> Floats:
    """Probabilities at a temperature: ``softmax(log(max(p, eps)) / temperature)``.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_classes)
        Rows sum to 1.
    temperature : float
        Positive; 1 gives the probabilities back as they are.
    eps : float, default=1e-6
        Stands for zero probabilities, whose logarithm is infinite.

    Returns
    -------
    array of shape (n_samples, n_classes)
        Rows sum to 1.

    Raises
    ------
    InvalidInputError
        If the probabilities aren't distributions or the temperature isn't positive.

    Examples
    --------
    >>> soften([[0.8, 0.2]], 2.0).round(4).tolist()
    [[0.6667, 0.3333]]
    """
    p = _as_distributions(probabilities)
    if not 0.0 < temperature < np.inf:
        raise InvalidInputError(f"temperature={temperature!r}: expected a positive finite number.")
    if temperature == 1.0:
        return p
    # The largest entry becomes 1, so that no power underflows to a row of zeros at a low temperature.
    scaled = np.maximum(p, eps)
    scaled /= scaled.max(axis=1, keepdims=True)
    scaled **= 1.0 / temperature
    scaled /= scaled.sum(axis=1, keepdims=True)
    return scaled


def centred_log_probabilities(probabilities: ArrayLike, *, eps: float = 1e-6) -> Floats:
    """Logits of a teacher that gives probabilities only: log probabilities, centred in each row.

    Their softmax gives the probabilities back, up to the clipping. A forest has exact zeros, for which `eps` decides
    the size of the logits; ``1 / (2 * n_train)`` is a good value there.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_classes)
        Rows sum to 1.
    eps : float, default=1e-6
        In (0, 1).

    Returns
    -------
    array of shape (n_samples, n_classes)
        Rows sum to 0.

    Raises
    ------
    InvalidInputError
        If the probabilities aren't distributions or `eps` is out of range.

    Examples
    --------
    >>> centred_log_probabilities([[0.8, 0.2]]).round(4).tolist()
    [[0.6931, -0.6931]]
    """
    p = _as_distributions(probabilities)
    if not 0.0 < eps < 1.0:
        raise InvalidInputError(f"eps={eps!r}: expected a number in (0, 1).")
    z = np.log(np.maximum(p, eps))
    z -= z.mean(axis=1, keepdims=True)
    return z


def standardise_logits(logits: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Logits with mean 0 and standard deviation 1 in each column, and what was taken off.

    Invert it by `restore_logits` before the softmax of a prediction: the largest column changes otherwise.

    Parameters
    ----------
    logits : array-like of shape (n_samples, n_classes)

    Returns
    -------
    standardised : array of shape (n_samples, n_classes)
    mean, deviation : arrays of shape (n_classes,)
        Deviations (ddof 0) under 1e-12 are replaced by 1.

    Examples
    --------
    >>> z, mean, deviation = standardise_logits([[2.0, 5.0], [4.0, 5.0]])
    >>> z.tolist(), mean.tolist(), deviation.tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [3.0, 5.0], [1.0, 1.0])
    """
    z = np.asarray(logits, dtype=np.float64)
    if z.ndim != 2 or len(z) == 0 or not np.isfinite(z).all():
        raise InvalidInputError(f"logits: expected finite values of shape (n_samples, n_classes), got {z.shape}.")
    mean, deviation = z.mean(axis=0), z.std(axis=0)
    deviation = np.where(deviation < 1e-12, 1.0, deviation)
    return (z - mean) / deviation, mean, deviation


def restore_logits(standardised: ArrayLike, mean: ArrayLike, deviation: ArrayLike) -> Floats:
    """The inverse of `standardise_logits`, of the same shape.

    Examples
    --------
    >>> restore_logits([[-1.0, 0.0]], [3.0, 5.0], [1.0, 1.0]).tolist()
    [[2.0, 5.0]]
    """
    return np.asarray(np.asarray(standardised, dtype=np.float64) * np.asarray(deviation) + np.asarray(mean))


def hard_labels(probabilities: ArrayLike, classes: ArrayLike) -> NDArray[Any]:
    """The class of the largest probability of each row, the first on ties.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_classes)
    classes : array-like of shape (n_classes,)

    Examples
    --------
    >>> hard_labels([[0.4, 0.4, 0.2], [0.1, 0.2, 0.7]], ["a", "b", "c"]).tolist()
    ['a', 'c']
    """
    p, names = np.asarray(probabilities), np.asarray(classes)
    if p.ndim != 2 or names.shape != (p.shape[1],):
        raise InvalidInputError(f"expected one class for each column, got {names.shape} classes for shape {p.shape}.")
    return np.asarray(names[np.argmax(p, axis=1)])


def chain_paths(sizes: Iterable[float]) -> list[list[float]]:
    """All chains from the first to the last of a falling ladder of sizes, the shorter first.

    Parameters
    ----------
    sizes : iterable of number
        Strictly falling: the teacher, the possible assistants, the student.

    Returns
    -------
    list of list
        ``2 ** (number of assistants)`` chains.

    Raises
    ------
    InvalidInputError
        If there are fewer than two sizes or they don't fall.

    References
    ----------
    S. I. Mirzadeh and others, "Improved knowledge distillation via teacher assistant", AAAI 2020.

    Examples
    --------
    >>> chain_paths([110, 20, 8])
    [[110, 8], [110, 20, 8]]
    """
    ladder: Sequence[float] = list(sizes)
    if len(ladder) < 2 or any(a <= b for a, b in pairwise(ladder)):
        raise InvalidInputError(f"sizes={ladder}: expected at least two, each smaller than the one before.")
    between = ladder[1:-1]
    return [
        [ladder[0], *chosen, ladder[-1]]
        for length in range(len(between) + 1)
        for chosen in combinations(between, length)
    ]


def _as_distributions(values: ArrayLike) -> Floats:
    p = np.asarray(values, dtype=np.float64)
    if p.ndim != 2 or p.size == 0 or not np.isfinite(p).all() or p.min() < 0:
        raise InvalidInputError(f"probabilities: expected non-negative finite rows over classes, got shape {p.shape}.")
    # Probabilities stored in float32, or averaged over many members, sum to 1 only up to this.
    if np.abs(p.sum(axis=1) - 1.0).max() > 1e-4:
        raise InvalidInputError("probabilities: each row must sum to 1.")
    return p
