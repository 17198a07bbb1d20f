"""Where data become large."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._transfer_set import TransferSet

ENOUGH_ROWS = 10_000
"""From so many rows on a half says what a search wants to know: ways are compared by the teachers of two folds."""

MANY_ROWS = 30_000
"""From so many rows on, costly steps are done on fewer rows or fewer folds (docs/large-data.md)."""

MOST_LEARNED = 100_000
"""Rows that a teacher which is made again for its signals learns from at most."""


def sample_rows(data: TransferSet, most: int, seed: int | None) -> NDArray[np.intp]:
    """About so many rows in their order: stratified, at least two rows a class, and groups as a whole."""
    random = np.random.default_rng(seed)
    if data.groups is not None:
        index = np.unique(data.groups, return_inverse=True)[1]
        sizes = np.bincount(index)
        order = random.permutation(len(sizes))
        wanted = order[: max(2, int(np.searchsorted(np.cumsum(sizes[order]), most)))]
        return np.flatnonzero(np.isin(index, wanted))
    order = random.permutation(data.n_samples)
    if not data.is_classification:
        return np.sort(order[:most])
    index = data.label_index()[order]
    counts = np.bincount(index)
    quota = np.maximum(2, np.ceil(counts * (most / data.n_samples))).astype(np.intp)
    by_class = np.argsort(index, kind="stable")
    rank = np.arange(len(index)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(order[by_class[rank < quota[index[by_class]]]])
