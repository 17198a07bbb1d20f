"""Data that are made: noise on labels, rules to be found, and a table with all that real ones have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["axis_rules", "label_noise", "mixed_table"]


def label_noise(y: ArrayLike, fraction: float, seed: int | None = None) -> NDArray[Any]:
    """Give a share of the labels another label, drawn evenly from the other classes.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of at least two classes; left as they are.
    fraction : float
        Share of the rows whose label changes, in [0, 1]; rounded to whole rows.
    seed : int, optional

    Returns
    -------
    array of shape (n_samples,)
        A copy, of the same type.

    Raises
    ------
    ValueError
        If the fraction is out of range or there is no other class.

    Examples
    --------
    >>> y = ["a", "b", "c", "a", "b"] * 20
    >>> int((label_noise(y, 0.2, seed=0) != y).sum())
    20
    """
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"fraction={fraction}: expected a share of the rows, from 0 to 1.")
    classes, index = np.unique(np.asarray(y), return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y: expected at least two classes, got {classes.tolist()}.")
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(index), round(fraction * len(index)), replace=False)
    # A step of 1 to n_classes - 1 around the circle of classes never comes back to the label.
    index[rows] = (index[rows] + rng.integers(1, len(classes), len(rows))) % len(classes)
    return np.asarray(classes[index])


def axis_rules(
    n_samples: int = 300, n_features: int = 5, *, depth: int = 3, seed: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Make rows whose label is decided by a random tree of axis-parallel cuts.

    A tree of that depth can be right everywhere; one greedy pass often isn't.

    Parameters
    ----------
    n_samples, n_features : int
        Shape of X; values are uniform in [0, 1).
    depth : int
        Cuts on each way from the root to a leaf; leaves have classes 0 and 1 in turn.
    seed : int, optional

    Returns
    -------
    X : array of shape (n_samples, n_features)
    y : array of int of shape (n_samples,)

    Examples
    --------
    >>> X, y = axis_rules(100, seed=0)
    >>> X.shape, sorted(set(y.tolist()))
    ((100, 5), [0, 1])
    """
    rng = np.random.default_rng(seed)
    X = rng.random((n_samples, n_features))
    leaf = np.zeros(n_samples, dtype=np.intp)
    for level in range(depth):
        feature = rng.integers(0, n_features, 2**level)
        cut = rng.uniform(0.3, 0.7, 2**level)
        leaf = 2 * leaf + (X[np.arange(n_samples), feature[leaf]] > cut[leaf])
    return X, leaf % 2


def mixed_table(n_samples: int = 300, *, seed: int | None = None) -> dict[str, list[Any]]:
    """Make a table as real ones are: numbers, words, dates, flags, gaps, and a column that says nothing.

    Parameters
    ----------
    n_samples : int
        Rows.
    seed : int, optional

    Returns
    -------
    dict of list
        Columns "age", "income" (with gaps), "region" (with gaps), "since" (ISO dates), "member", "empty" and the
        targets "churn" ("yes" or "no") and "spending" (real); what any data frame library takes.

    Examples
    --------
    >>> table = mixed_table(50, seed=0)
    >>> sorted(table)
    ['age', 'churn', 'empty', 'income', 'member', 'region', 'since', 'spending']
    """
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, n_samples)
    income = rng.lognormal(10.0, 0.5, n_samples).round(2)
    region = rng.choice(["north", "south", "east", "west"], n_samples)
    days = rng.integers(0, 3000, n_samples)
    member = rng.random(n_samples) < 0.4
    pull = 0.03 * (age - 45) + 1.2 * (region == "south") - 1.5 * member + 0.0004 * (days - 1500)
    gaps = rng.random((2, n_samples)) < 0.1
    return {
        "age": age.tolist(),
        "income": [None if gap else value for gap, value in zip(gaps[0], income.tolist(), strict=True)],
        "region": [None if gap else value for gap, value in zip(gaps[1], region.tolist(), strict=True)],
        "since": (np.datetime64("2015-01-01") + days).astype(str).tolist(),
        "member": member.tolist(),
        "empty": [None] * n_samples,
        "churn": np.where(pull + rng.logistic(0.0, 0.5, n_samples) > 0, "yes", "no").tolist(),
        "spending": (100.0 + 30.0 * pull + income / 1000.0 + rng.normal(0.0, 5.0, n_samples)).round(2).tolist(),
    }
