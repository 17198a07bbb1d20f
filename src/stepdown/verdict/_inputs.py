"""Checks that the metrics share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Probabilities that were stored in float32, or averaged over many members, sum to 1 up to this.
SUM_TOLERANCE = 1e-4


def as_probabilities(proba: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return an array of shape (n_samples, n_classes) whose rows are distributions."""
    values = np.asarray(proba, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"{name}: expected probabilities of shape (n_samples, n_classes), got shape {values.shape}.")
    if not np.isfinite(values).all() or values.min() < -SUM_TOLERANCE:
        raise ValueError(f"{name}: probabilities must be finite and not negative.")
    if np.abs(values.sum(axis=1) - 1.0).max() > SUM_TOLERANCE:
        raise ValueError(f"{name}: each row must sum to 1; give probabilities, not decision values.")
    return values


def as_weights(sample_weight: ArrayLike | None, n_samples: int) -> NDArray[np.float64]:
    """Return weights of shape (n_samples,) that sum to 1."""
    if sample_weight is None:
        return np.full(n_samples, 1.0 / n_samples)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (n_samples,):
        raise ValueError(f"sample_weight: expected shape ({n_samples},), got {weights.shape}.")
    total = weights.sum()
    if not np.isfinite(weights).all() or weights.min() < 0 or total <= 0:
        raise ValueError("sample_weight: expected finite weights that are not negative, and not all zero.")
    return np.asarray(weights / total)


def label_index(y_true: ArrayLike, proba: NDArray[np.float64], classes: ArrayLike) -> NDArray[np.intp]:
    """Return, for each row, the column of `proba` that belongs to its label."""
    y, names = np.asarray(y_true), np.asarray(classes)
    if names.shape != (proba.shape[1],):
        raise ValueError(f"classes: expected the {proba.shape[1]} labels of the columns, got shape {names.shape}.")
    if y.shape != (proba.shape[0],):
        raise ValueError(f"y_true: expected shape ({proba.shape[0]},), got {y.shape}.")
    order = np.argsort(names)
    place = np.minimum(np.searchsorted(names[order], y), len(names) - 1)
    index = order[place]
    wrong = names[index] != y
    if wrong.any():
        raise ValueError(f"y_true: labels {np.unique(y[wrong])[:5].tolist()} are not among the classes.")
    return np.asarray(index, dtype=np.intp)
