"""Where columns may be cut in two, and what lies left of every cut, for all leaves and outputs in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

# Of wide tables fewer values are looked at, because a split looks at all cuts of all columns.
MOST_CUTS = 16384
FEWEST_BINS = 16


class Cuts:
    """All cuts of the columns of a table: between neighbouring values, of many values between quantiles.

    A column with gaps has each cut twice, with the gaps on either side, and one cut more between gaps and values. In
    the histograms a column's bins follow those of the column before; its first is that of the gaps.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        NaN is a gap.
    weight : array of shape (n_samples,)
        Positive; quantiles are those of the weighted rows.
    max_bins : int
    """

    def __init__(self, X: Floats, weight: Floats, max_bins: int) -> None:
        self.X = X
        n_columns = X.shape[1]
        max_bins = min(max_bins, max(FEWEST_BINS, MOST_CUTS // n_columns))
        bins = np.empty(X.shape, dtype=np.int64)
        columns: list[tuple[Any, ...]] = []
        offset = 0
        for place in range(n_columns):
            values, codes = np.unique(X[:, place], return_inverse=True)
            n_values = int(np.searchsorted(values, np.inf, side="right"))  # NaN is one value, behind all others
            below = _edges(np.bincount(codes, weights=weight)[:n_values], max_bins)
            bins[:, place] = offset + np.where(codes < n_values, np.searchsorted(below, codes, side="left") + 1, 0)
            lows, highs = values[below], values[below + 1]
            ends = offset + 1 + np.arange(len(below))
            column, yes = np.full(len(below), place), np.ones(len(below), dtype=bool)
            columns.append((column, lows, highs, ~yes, ends, np.full(len(below), offset + 1)))
            if 0 < n_values < len(values):
                columns.append((column, lows, highs, yes, ends, np.full(len(below), offset)))
                columns.append(([place], [np.inf], [np.inf], [False], [offset + 1 + len(below)], [offset + 1]))
            offset += len(below) + 2
        self.size = offset
        self.bins = bins
        joined = [np.concatenate(part) for part in zip(*columns, strict=True)]
        self.column, self.low, self.high, self.gaps_left, end, start = joined
        self.column, self.gaps_left = self.column.astype(np.intp), self.gaps_left.astype(bool)
        self._end, self._start = end.astype(np.intp) + 1, start.astype(np.intp)
        self._ones = np.ones(bins.size)
        self._pointers = np.arange(0, bins.size + 1, n_columns)

    def __len__(self) -> int:
        return len(self.column)

    def left_sums(self, values: Floats, leaf: Rows, n_leaves: int) -> Floats:
        """Sums of what each cut sends left in each leaf, of shape (n_leaves, n_cuts, n_values).

        `values` has the shape (n_samples, n_values); rows whose leaf is negative are in none.
        """
        rows = np.flatnonzero(leaf >= 0)
        whole = len(rows) == len(leaf)
        keys = (self.bins if whole else self.bins[rows]) + (leaf[rows] * self.size)[:, None]
        # A product with a matrix of ones sums all values of a row at once, which a histogram each doesn't.
        ones, pointers = self._ones[: keys.size], self._pointers[: len(rows) + 1]
        table = csc_array((ones, keys.ravel(), pointers), shape=(n_leaves * self.size, len(rows)))
        sums = (table @ (values if whole else values[rows])).reshape(n_leaves, self.size, values.shape[1])
        total = np.zeros((n_leaves, self.size + 1, values.shape[1]))
        np.cumsum(sums, axis=1, out=total[:, 1:])
        return np.asarray(total[:, self._end] - total[:, self._start])

    def goes_left(self, cut: int, rows: Rows) -> NDArray[np.bool_]:
        """Which of the rows go left."""
        x = self.X[rows, self.column[cut]]
        left = x <= self.low[cut]
        return left | np.isnan(x) if self.gaps_left[cut] else left

    def threshold(self, cut: int) -> float:
        """The shortest decimal near the middle between the two values that a cut lies between."""
        low, high = float(self.low[cut]), float(self.high[cut])
        middle = low + (high - low) / 2
        short = (float(f"{middle:.{digits}g}") for digits in range(1, 17))
        return next((value for value in short if low < value < high), low)


def _edges(weights: NDArray[Any], max_bins: int) -> Rows:
    """Places of the values that a cut lies behind."""
    if len(weights) <= max_bins:
        return np.arange(max(len(weights) - 1, 0))
    total = np.cumsum(weights)
    wanted = total[-1] * np.arange(1, max_bins) / max_bins
    return np.unique(np.searchsorted(total, wanted).clip(max=len(weights) - 2))
