"""Soft targets as weighted rows: what a learner of hard labels and weights can be handed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Expansion = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]

# A class must not vanish from `classes_` because no row gives it any probability.
_BARELY = 1e-12


def expand_soft_targets(
    Q: NDArray[np.float64], sample_weight: NDArray[np.float64] | None = None, *, drop_zero: bool = True
) -> Expansion:
    """Turn each row with soft targets into one row a class, weighted by its probability.

    Row *i* becomes rows ``(x_i, c)`` of weight ``w_i q_ic``, in the order of rows, then classes. For every loss that
    is linear in the one-hot label the weighted sum over these rows is the loss on the soft targets.

    Examples
    --------
    >>> rows, labels, weights = expand_soft_targets(np.array([[0.75, 0.25], [0.0, 1.0]]), np.array([2.0, 1.0]))
    >>> rows.tolist(), labels.tolist(), weights.tolist()
    ([0, 0, 1], [0, 1, 1], [1.5, 0.5, 1.0])
    """
    Q = np.asarray(Q, dtype=np.float64)
    if drop_zero:
        rows, labels = np.nonzero(Q)
    else:
        rows, labels = (index.ravel() for index in np.indices(Q.shape))
    weights = Q[rows, labels]
    if sample_weight is not None:
        weights *= np.asarray(sample_weight, dtype=np.float64)[rows]
    return rows, labels, weights


def expansion_blocks(
    Q: NDArray[np.float64], sample_weight: NDArray[np.float64] | None = None, *, max_rows: int
) -> Iterator[Expansion]:
    """`expand_soft_targets` in pieces of at most `max_rows` expanded rows, for learners that take rows in parts.

    A block ends between two rows of `Q`; a row of more classes than `max_rows` makes a block of its own.

    Examples
    --------
    >>> Q = np.full((3, 2), 0.5)
    >>> [rows.tolist() for rows, _, _ in expansion_blocks(Q, max_rows=4)]
    [[0, 0, 1, 1], [2, 2]]
    """
    ends = np.cumsum(np.count_nonzero(Q, axis=1))
    start, done = 0, 0
    while start < len(Q):
        stop = max(start + 1, int(np.searchsorted(ends, done + max_rows, side="right")))
        weight = None if sample_weight is None else sample_weight[start:stop]
        rows, labels, weights = expand_soft_targets(Q[start:stop], weight)
        rows += start
        yield rows, labels, weights
        start, done = stop, int(ends[stop - 1])


def thinned_targets(Q: NDArray[np.float64], per_row: int, seed: int | None = None) -> NDArray[np.float64]:
    """Targets with at most `per_row` classes a row that equal `Q` on average.

    Each row draws `per_row` classes by systematic sampling (one random offset a row, equal steps through its
    cumulated probabilities), so a class of probability q is drawn ``floor`` or ``ceil`` of ``q * per_row`` times:
    the least noise that an unbiased draw can have.

    Examples
    --------
    >>> thinned_targets(np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]), 2, seed=0).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    """
    offsets = np.random.default_rng(seed).random((len(Q), 1))
    steps = np.cumsum(Q, axis=1)
    steps *= per_row / steps[:, -1:]
    # How many of the points offset, offset + 1, ... lie below each cumulated probability.
    steps -= offsets
    np.ceil(steps, out=steps)
    np.clip(steps, 0, per_row, out=steps)
    steps[:, -1] = per_row
    steps[:, 1:] -= steps[:, :-1].copy()
    steps /= per_row
    return steps + 0.0  # no negative zeros


def with_every_class(expansion: Expansion, Q: NDArray[np.float64]) -> Expansion:
    """Add a row of next to no weight for every class that no row is left of, so that ``classes_`` is stable."""
    rows, labels, weights = expansion
    missing = np.setdiff1d(np.arange(Q.shape[1]), labels)
    if not missing.size:
        return expansion
    weight = _BARELY * (weights.mean() if weights.size else 1.0)
    return (
        np.concatenate([rows, np.argmax(Q[:, missing], axis=0)]),
        np.concatenate([labels, missing]),
        np.concatenate([weights, np.full(len(missing), weight)]),
    )
