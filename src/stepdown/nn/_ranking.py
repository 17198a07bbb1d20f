"""Ranking a database by its distances to queries, when all that is asked is which ranks are relevant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Distances come from one matrix product per block; they are ranked in slices of so many rows, which stay in cache.
SLICE = 16
# More ambiguous ties than this in a slice, and longer keys are cheaper than settling them one by one.
FEW = 4 * SLICE


def ranked_relevance(
    A: NDArray[Any], B: NDArray[Any], codes: NDArray[Any], query_codes: NDArray[Any], block: int
) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield, slice by slice, the first query and whether the row at each rank is relevant, shape (rows, n_database).

    Distances are ``A @ B.T`` and equal ones are ranked by index; a row is relevant where the codes are equal.
    """
    distances = np.empty((min(block, len(A)), len(B)), A.dtype)
    signed = distances.view(f"i{A.dtype.itemsize}")
    rank = KeyRanker(len(B)) if A.dtype == np.float32 else rank_by_argsort
    for start in range(0, len(A), block):
        size = min(block, len(A) - start)
        np.matmul(A[start : start + size], B.T, out=distances[:size])
        for low in range(0, size, SLICE):
            part = slice(low, min(low + SLICE, size))
            # Rounding can make a distance negative. Clipped as integers, because that catches -0.0 as well.
            if signed[part].min() < 0:
                np.maximum(signed[part], 0, out=signed[part])
            relevant = query_codes[start:][part, None] == codes
            yield start + low, rank(distances[part], relevant)


def rank_by_argsort(distances: NDArray[Any], relevant: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return `relevant` in the order of (distance, index) along each row."""
    return np.take_along_axis(relevant, np.argsort(distances, axis=1, kind="stable"), axis=1)


class KeyRanker:
    """`rank_by_argsort` for slices of float32 distances that aren't negative, without the indices nobody asks for.

    The bits of such a number, read as an integer, grow with it. So an integer key can hold distance, index and
    relevance in this order of weight; sorting keys is vectorised where sorting indices isn't. Half of the time is
    saved by keys of 32 bits: distances to a query share their leading bits, and the room that leaves goes to the
    leading bits of the index. Where even those tie and relevance differs, the order is settled by looking the rows
    up. Data with many ties get keys of 64 bits, which hold everything.
    """

    def __init__(self, n_database: int) -> None:
        if n_database >= 2**31:
            raise ValueError(f"database: {n_database} rows; expected fewer than 2**31 with dtype=float32.")
        self.index = np.arange(n_database, dtype=np.uint32)
        self.keys: NDArray[Any] = np.empty((SLICE, n_database), np.uint32)

    def __call__(self, distances: NDArray[np.float32], relevant: NDArray[np.bool_]) -> NDArray[np.bool_]:
        bits = distances.view(np.uint32)
        if self.keys.dtype == np.uint32:
            ranked = self._by_short_keys(bits, relevant)
            if ranked is not None:
                return ranked
            self.keys = np.empty(self.keys.shape, np.uint64)
        keys = self.keys[: len(bits)]
        halves = keys.view(np.uint32).reshape(*keys.shape, 2)
        low, high = (0, 1) if np.little_endian else (1, 0)
        halves[..., high] = bits
        np.bitwise_or(self.index << np.uint32(1), relevant, out=halves[..., low])
        keys.sort(axis=1)
        return _last_bit(keys)

    def _by_short_keys(self, bits: NDArray[np.uint32], relevant: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """Return the ranked relevance, or None where too many ties are ambiguous."""
        lowest = bits.min()
        room = min(32 - int(bits.max() - lowest).bit_length(), 31)
        lost = max(len(self.index).bit_length() - (room - 1), 0)
        place = self.index >> np.uint32(lost) << np.uint32(1)
        shift = np.uint32(room)
        keys = self.keys[: len(bits)]
        # ((bits - lowest) << shift) + place + relevant in three passes; what overflows on the way cancels.
        np.left_shift(bits, shift, out=keys)
        np.add(keys, place - (lowest << shift), out=keys)
        np.bitwise_or(keys, relevant, out=keys)
        keys.sort(axis=1)
        ranked = _last_bit(keys)
        # Flat, because finding the few places where it holds is many times slower in two dimensions.
        ambiguous = np.flatnonzero((keys[:, 1:] ^ keys[:, :-1]) == 1)
        if len(ambiguous) > FEW:
            return None
        for row, rank in zip(*np.divmod(ambiguous, keys.shape[1] - 1), strict=True):
            key = keys[row, rank]
            first = np.searchsorted(keys[row], key)
            last = np.searchsorted(keys[row], key | np.uint32(1), side="right")
            tied = np.flatnonzero(bits[row] == (key >> shift) + lowest)
            tied = tied[place[tied] == key & ((np.uint32(1) << shift) - np.uint32(1))]
            ranked[row, first:last] = relevant[row, tied]
        return ranked


def _last_bit(keys: NDArray[Any]) -> NDArray[np.bool_]:
    return (keys.astype(np.uint8) & np.uint8(1)).view(np.bool_)
