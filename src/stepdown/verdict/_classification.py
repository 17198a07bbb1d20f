"""How good labels and probabilities are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import accuracy_score, recall_score

from ._inputs import as_probabilities, as_weights, label_index


def accuracy(y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """Share of rows whose label is right, in [0, 1].

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        Labels.
    sample_weight : array-like of shape (n_samples,), optional

    Examples
    --------
    >>> accuracy(["a", "b", "b", "b"], ["a", "a", "b", "b"])
    0.75
    """
    return float(accuracy_score(y_true, y_pred, sample_weight=sample_weight))


def balanced_accuracy(y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """Mean over the classes present in `y_true` of the share of their rows that is right, in [0, 1].

    It equals ``sklearn.metrics.balanced_accuracy_score`` but doesn't warn where a small fold lacks a class that the
    model answers.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        Labels.
    sample_weight : array-like of shape (n_samples,), optional

    Examples
    --------
    >>> round(balanced_accuracy(["a", "b", "b", "b"], ["a", "a", "b", "b"]), 3)
    0.833
    """
    present = np.unique(np.asarray(y_true))
    return float(
        recall_score(y_true, y_pred, labels=present, average="macro", sample_weight=sample_weight, zero_division=0)
    )


def log_loss(
    y_true: ArrayLike, proba: ArrayLike, classes: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Mean negative logarithm of the probability given to the true class; 0 is perfect.

    Probabilities are clipped at the resolution of float64 (2.2e-16), so that one confident error costs 36 and not
    infinity. The columns may be in any order, and a class may be missing from `y_true`; ``sklearn.metrics.log_loss``
    accepts neither.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    proba : array-like of shape (n_samples, n_classes)
        Rows sum to 1.
    classes : array-like of shape (n_classes,)
        The labels of the columns.
    sample_weight : array-like of shape (n_samples,), optional

    Raises
    ------
    ValueError
        If rows don't sum to 1 or a label isn't among the classes.

    Examples
    --------
    >>> round(log_loss(["a", "b"], [[0.5, 0.5], [0.75, 0.25]], ["a", "b"]), 4)  # (ln 2 + ln 4) / 2
    1.0397
    """
    values = as_probabilities(proba, "proba")
    index = label_index(y_true, values, classes)
    chosen = np.clip(values[np.arange(len(index)), index], np.finfo(np.float64).eps, 1.0)
    # 0 - x rather than -x: a perfect model has loss 0.0, not -0.0.
    return float(0.0 - as_weights(sample_weight, len(index)) @ np.log(chosen))


def brier_score(
    y_true: ArrayLike, proba: ArrayLike, classes: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Mean squared distance between the probabilities and the one-hot truth, in [0, 2]; 0 is perfect.

    The original definition, summed over all classes for two of them as for more: with two classes it is twice the
    value that looks at one column only.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    proba : array-like of shape (n_samples, n_classes)
        Rows sum to 1.
    classes : array-like of shape (n_classes,)
        The labels of the columns.
    sample_weight : array-like of shape (n_samples,), optional

    Raises
    ------
    ValueError
        If rows don't sum to 1 or a label isn't among the classes.

    References
    ----------
    G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review, 1950, eq. 2.

    Examples
    --------
    >>> brier_score(["a", "b"], [[0.5, 0.5], [1.0, 0.0]], ["a", "b"])  # (0.25 + 0.25 + 1 + 1) / 2
    1.25
    """
    values = as_probabilities(proba, "proba")
    index = label_index(y_true, values, classes)
    chosen = values[np.arange(len(index)), index]
    # |p - e|^2 = |p|^2 - 2 p_true + 1 needs no one-hot copy.
    squares = np.einsum("ij,ij->i", values, values) - 2.0 * chosen + 1.0
    return float(as_weights(sample_weight, len(index)) @ np.maximum(squares, 0.0))
