"""Whether a stated probability comes true that often."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._inputs import as_probabilities, as_weights, label_index


def calibration_error(
    y_true: ArrayLike,
    proba: ArrayLike,
    classes: ArrayLike,
    *,
    n_bins: int = 15,
    strategy: Literal["uniform", "quantile"] = "uniform",
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Expected calibration error of the winning class, in [0, 1]; 0 is calibrated.

    Rows are binned by the confidence in their most probable class; the error is
    :math:`\sum_b w_b\,|\mathrm{accuracy}_b - \mathrm{confidence}_b|`, with :math:`w_b` the share of the rows in bin b.
    It looks at one number a row ("confidence calibration"); `classwise_calibration_error` looks at every class.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    proba : array-like of shape (n_samples, n_classes)
        Rows sum to 1.
    classes : array-like of shape (n_classes,)
        The labels of the columns.
    n_bins : int, default=15
        At most so many; empty ones don't count.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width, or of equal mass (less biased where confidences crowd near 1). Equal confidences, as a
        tree gives them, always share a bin.
    sample_weight : array-like of shape (n_samples,), optional
        Weighs the averages; the bins themselves are cut by rows.

    Raises
    ------
    ValueError
        If rows don't sum to 1, a label isn't among the classes, or `n_bins` or `strategy` is none of the above.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017, eq. 3.

    Examples
    --------
    >>> proba = [[0.8, 0.2]] * 4 + [[0.4, 0.6]] * 2
    >>> y = ["a", "a", "a", "b", "b", "a"]  # 0.8 comes true in 3 of 4 rows, 0.6 in 1 of 2
    >>> round(calibration_error(y, proba, ["a", "b"]), 4)  # 4/6 * 0.05 + 2/6 * 0.1
    0.0667
    """
    values = as_probabilities(proba, "proba")
    index = label_index(y_true, values, classes)
    winner = values.argmax(axis=1)
    confidence = values[np.arange(len(index)), winner]
    weights = as_weights(sample_weight, len(index))
    return _binned_gap(confidence, winner == index, weights, n_bins, strategy)


def classwise_calibration_error(
    y_true: ArrayLike,
    proba: ArrayLike,
    classes: ArrayLike,
    *,
    n_bins: int = 15,
    strategy: Literal["uniform", "quantile"] = "uniform",
    sample_weight: ArrayLike | None = None,
) -> float:
    """Mean over the classes of the binned calibration error of their column, in [0, 1]; 0 is calibrated.

    Parameters
    ----------
    y_true, proba, classes, n_bins, strategy, sample_weight
        As in `calibration_error`.

    References
    ----------
    M. Kull, M. Perello-Nieto, M. Kängsepp, T. Silva Filho, H. Song, P. Flach, "Beyond temperature scaling: obtaining
    well-calibrated multi-class probabilities with Dirichlet calibration", NeurIPS 2019, section 3.

    Examples
    --------
    >>> proba = [[0.8, 0.2]] * 4 + [[0.4, 0.6]] * 2
    >>> y = ["a", "a", "a", "b", "b", "a"]
    >>> round(classwise_calibration_error(y, proba, ["a", "b"]), 4)
    0.0667
    """
    values = as_probabilities(proba, "proba")
    index = label_index(y_true, values, classes)
    weights = as_weights(sample_weight, len(index))
    columns = range(values.shape[1])
    return float(np.mean([_binned_gap(values[:, c], index == c, weights, n_bins, strategy) for c in columns]))


def _binned_gap(
    stated: NDArray[np.float64],
    came_true: NDArray[np.bool_],
    weights: NDArray[np.float64],
    n_bins: int,
    strategy: str,
) -> float:
    if n_bins < 1:
        raise ValueError(f"n_bins={n_bins}: expected at least 1.")
    inner = np.linspace(0.0, 1.0, n_bins + 1)[1:-1]
    if strategy == "quantile":
        inner = np.unique(np.quantile(stated, inner))
    elif strategy != "uniform":
        raise ValueError(f"strategy={strategy!r}: expected 'uniform' (equal width) or 'quantile' (equal mass).")
    # side="left": a value on an edge belongs to the bin below, and equal values never part.
    bins = np.searchsorted(inner, stated, side="left")
    # sum_b W_b |acc_b - conf_b| = sum_b |sum of w (came_true - stated) in b|: the bins' own weights cancel.
    return float(np.abs(np.bincount(bins, weights=weights * (came_true - stated))).sum())
