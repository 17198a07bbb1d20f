"""Row weights from confidences in the true class: ConfWeight, ProfWeight, SRatio, and what they share."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepdown.core import InvalidInputError, SignalWarning

Floats = NDArray[np.float64]


def conf_weights(probabilities: ArrayLike, y: ArrayLike) -> Floats:
    """The probability that a model gives to the true class of each row.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_classes)
        Of a model that hasn't seen the rows: in-sample, a forest's are all near 1.
    y : array-like of int of shape (n_samples,)
        Columns of the true classes.

    Returns
    -------
    array of shape (n_samples,)
        In [0, 1].

    Raises
    ------
    InvalidInputError
        If shapes or columns don't fit.

    Examples
    --------
    >>> conf_weights([[0.7, 0.3], [0.6, 0.4]], [0, 1]).tolist()
    [0.7, 0.4]
    """
    p, index = np.asarray(probabilities, dtype=np.float64), np.asarray(y)
    if p.ndim != 2 or index.shape != (len(p),) or index.dtype.kind not in "iu":
        raise InvalidInputError(f"expected one column index for each row, got shapes {p.shape} and {index.shape}.")
    if len(p) == 0 or index.min() < 0 or index.max() >= p.shape[1]:
        raise InvalidInputError(f"y: expected columns in [0, {p.shape[1]}).")
    return np.asarray(_as_confidence(p[np.arange(len(p)), index], "probabilities"))


def normalise_weights(weights: ArrayLike, y: ArrayLike | None = None) -> Floats:
    """Weights scaled to mean 1 over all rows, zeros included.

    A regularised learner then sees the same total weight as without weights.

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Finite, non-negative.
    y : array-like of shape (n_samples,), optional
        Labels. A class whose rows all have weight 0 would vanish from the student; its rows get the smallest positive
        weight, with a `SignalWarning`.

    Returns
    -------
    array of shape (n_samples,)
        Mean 1.

    Raises
    ------
    InvalidInputError
        If weights are negative or not finite, or all zero.

    Examples
    --------
    >>> normalise_weights([1.0, 3.0]).tolist()
    [0.5, 1.5]
    """
    w = np.array(weights, dtype=np.float64)
    if w.ndim != 1 or not np.isfinite(w).all() or (w < 0).any():
        raise InvalidInputError("weights: expected finite values of shape (n_samples,) that are not negative.")
    if not w.any():
        raise InvalidInputError("all weights are zero: no row is left to learn from; allow a higher ceiling.")
    if y is not None:
        classes, index = np.unique(np.asarray(y), return_inverse=True)
        gone = np.bincount(index, weights=w) == 0
        if gone.any():
            warnings.warn(
                f"every row of the classes {classes[gone].tolist()[:10]} had weight 0; they get the smallest positive.",
                SignalWarning,
                stacklevel=2,
            )
            w[gone[index]] = w[w > 0].min()
    return np.asarray(w / w.mean())


def select_grades(errors: ArrayLike, simple_error: float, margin: float = 0.0) -> NDArray[np.intp]:
    """Positions of the grades whose error is lower than the simple model's by at least the margin.

    Parameters
    ----------
    errors : array-like of shape (n_grades,)
        In [0, 1].
    simple_error : float
        Of the same kind: an error rate next to error rates.
    margin : float, default=0.0
        Non-negative; alpha in the papers.

    Examples
    --------
    >>> select_grades([0.4, 0.25, 0.1], 0.3).tolist()
    [1, 2]
    """
    check_margin(margin)
    # 0.3 - 0.2 is less than 0.1 in floating point; a margin that is met exactly counts.
    return np.flatnonzero(np.asarray(errors, dtype=np.float64) <= simple_error - margin + 1e-12)


def check_margin(margin: float) -> None:
    """Raise an `InvalidInputError` unless the margin is a number that is not negative."""
    if not 0 <= margin < np.inf:
        raise InvalidInputError(f"margin={margin!r}: expected a number that is not negative.")


def prof_weights(
    profile: ArrayLike, errors: ArrayLike, simple_error: float, *, margin: float = 0.0
) -> tuple[Floats, NDArray[np.intp]]:
    """Area under the profile of the true class's confidence over the grades that beat the simple model.

    At unit spacing the area is the mean.

    Parameters
    ----------
    profile : array-like of shape (n_samples, n_grades)
        Confidence in the true class by grade.
    errors : array-like of shape (n_grades,)
        Error rates of the grades.
    simple_error : float
        Error rate of the simple model fitted without weights.
    margin : float, default=0.0
        By how much a grade has to be better.

    Returns
    -------
    weights : array of shape (n_samples,)
        In [0, 1], not normalised.
    selected : array of int
        Positions of the grades that took part.

    Raises
    ------
    InvalidInputError
        If no grade beats the simple model by the margin.

    References
    ----------
    A. Dhurandhar, K. Shanmugam, R. Luss and P. Olsen, "Improving simple models with confidence profiles",
    NeurIPS 2018, algorithm 1 with the area under the curve.

    Examples
    --------
    >>> weights, selected = prof_weights([[0.4, 0.6, 0.8]], [0.4, 0.25, 0.1], 0.3)
    >>> weights.round(3).tolist(), selected.tolist()
    ([0.7], [1, 2])
    """
    values, selected = _selected_profile(profile, errors, simple_error, margin)
    return values.mean(axis=1), selected


def sratio_weights(
    profile: ArrayLike,
    errors: ArrayLike,
    simple_confidence: ArrayLike,
    simple_error: float,
    *,
    margin: float = 0.0,
    ceiling: float = 2.0,
    above: str = "zero",
    floor: float | None = None,
    eps: float = 1e-6,
) -> tuple[Floats, NDArray[np.intp]]:
    """Ratio of the complex model's to the simple model's confidence in the true class.

    Parameters
    ----------
    profile : array-like of shape (n_samples, n_grades)
        Confidence of the grades in the true class; its mean over the selected grades is the numerator.
    errors : array-like of shape (n_grades,)
        Error rates of the grades.
    simple_confidence : array-like of shape (n_samples,)
        The simple model's; `eps` stands for smaller values.
    simple_error : float
        Its error rate.
    margin : float, default=0.0
        By how much a grade has to be better than the simple model; alpha in the paper.
    ceiling : float, default=2.0
        Largest ratio that counts, beta in the paper; infinity for none.
    above : {"zero", "clip"}
        Whether rows above the ceiling are dropped, as in the paper, or held at it.
    floor : float, optional
        Smallest ratio, applied before the ceiling; 1 never takes weight from a row.
    eps : float, default=1e-6

    Returns
    -------
    weights : array of shape (n_samples,)
        In [0, ceiling], not normalised.
    selected : array of int
        Positions of the grades that took part.

    Raises
    ------
    InvalidInputError
        If no grade beats the simple model by the margin, or a parameter is out of range.

    References
    ----------
    A. Dhurandhar, K. Shanmugam and R. Luss, "Enhancing simple models by exploiting what they already know",
    ICML 2020, algorithm 1.

    Examples
    --------
    >>> weights, _ = sratio_weights([[0.8], [0.8]], [0.1], [0.5, 0.1], 0.3)
    >>> weights.tolist()
    [1.6, 0.0]
    """
    check_ratio_rule(ceiling, above, floor)
    values, selected = _selected_profile(profile, errors, simple_error, margin)
    complex_confidence = values.mean(axis=1)
    weights = ratio_weights(complex_confidence, simple_confidence, ceiling=ceiling, above=above, floor=floor, eps=eps)
    return weights, selected


def ratio_weights(
    complex_confidence: ArrayLike,
    simple_confidence: ArrayLike,
    *,
    ceiling: float = 2.0,
    above: str = "zero",
    floor: float | None = None,
    eps: float = 1e-6,
) -> Floats:
    """The ratio of two confidences in the true class, kept between floor and ceiling; see `sratio_weights`.

    Parameters
    ----------
    complex_confidence, simple_confidence : array-like of shape (n_samples,)
    ceiling, above, floor, eps
        See `sratio_weights`.

    Returns
    -------
    array of shape (n_samples,)

    Examples
    --------
    >>> ratio_weights([0.8, 0.8, 0.2], [0.5, 0.1, 0.5], above="clip", floor=1.0).tolist()
    [1.6, 2.0, 1.0]
    """
    check_ratio_rule(ceiling, above, floor)
    upper = _as_confidence(complex_confidence, "complex_confidence")
    lower = _as_confidence(simple_confidence, "simple_confidence")
    if upper.ndim != 1 or lower.shape != upper.shape:
        raise InvalidInputError(f"simple_confidence: expected shape {upper.shape}, got {lower.shape}.")
    ratio = upper / np.maximum(lower, eps)
    if floor is not None:
        ratio = np.maximum(ratio, floor)
    return np.minimum(ratio, ceiling) if above == "clip" else np.where(ratio > ceiling, 0.0, ratio)


def check_ratio_rule(ceiling: float, above: str, floor: float | None) -> None:
    """Raise an `InvalidInputError` unless the parameters of `ratio_weights` make sense."""
    if not ceiling > 0:
        raise InvalidInputError(f"ceiling={ceiling!r}: expected a positive number.")
    if above not in ("zero", "clip"):
        raise InvalidInputError(f"above={above!r}: expected 'zero' or 'clip'.")
    if floor is not None and not 0 <= floor <= ceiling:
        raise InvalidInputError(f"floor={floor!r}: expected a number between 0 and the ceiling {ceiling}.")


def quantile_ceiling(ratio: ArrayLike, *, quantile: float = 0.9, largest: float = 2.0) -> float:
    """A ceiling from the ratios themselves: their quantile, but not above `largest`.

    The rule of a public implementation of SRatio (MissTiny, partially-interpretable-estimators), not of the paper.

    Examples
    --------
    >>> quantile_ceiling([1.4, 4.0, 1.0, 0.7])
    2.0
    """
    return min(float(np.quantile(np.asarray(ratio, dtype=np.float64), quantile)), largest)


def mean_one_penalty(weights: ArrayLike) -> tuple[float, Floats]:
    """``(mean(w) - 1)**2`` and its gradient, which keep learned weights from vanishing.

    Parameters
    ----------
    weights : array-like of shape (n_samples,)

    Returns
    -------
    value : float
    gradient : array of shape (n_samples,)

    Examples
    --------
    >>> value, gradient = mean_one_penalty([1.0, 2.0])
    >>> value, gradient.tolist()
    (0.25, [0.5, 0.5])
    """
    w = np.asarray(weights, dtype=np.float64)
    excess = float(w.mean()) - 1.0
    return excess**2, np.full(len(w), 2.0 * excess / len(w))


def _selected_profile(
    profile: ArrayLike, errors: ArrayLike, simple_error: float, margin: float
) -> tuple[Floats, NDArray[np.intp]]:
    values, e = _as_confidence(profile, "profile"), np.asarray(errors, dtype=np.float64)
    if values.ndim != 2 or e.shape != (values.shape[1],):
        raise InvalidInputError(f"expected one error for each grade, got shapes {values.shape} and {e.shape}.")
    selected = select_grades(e, simple_error, margin)
    if len(selected) == 0:
        raise InvalidInputError(
            f"no grade has an error of at most {simple_error - margin:.4g} (the simple model's {simple_error:.4g} "
            f"less the margin {margin:g}; the best has {e.min():.4g}): the teacher is too weak, or lower the margin."
        )
    return values[:, selected], selected


def _as_confidence(values: ArrayLike, name: str) -> Floats:
    p = np.asarray(values, dtype=np.float64)
    if not np.isfinite(p).all() or (p < 0).any() or (p > 1 + 1e-4).any():
        raise InvalidInputError(f"{name}: expected probabilities in [0, 1].")
    return p
