"""How well the neighbours of a query share its label: content-based retrieval by features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ._ranking import ranked_relevance

LEVELS = 11
# Computed like this, not as i / 10, because the last bit of 0.30000000000000004 decides which rank is nearest.
PKTH_LEVELS = np.arange(0, 1.01, 0.1)


@dataclass(frozen=True, slots=True, eq=False)
class RetrievalScores:
    """What `retrieval_scores` found, query by query; the properties are means over the queries.

    Parameters
    ----------
    interpolated_precision : array of shape (n_queries,)
        11-point average precision of each query, in [0, 1].
    average_precision : array of shape (n_queries,)
        Average precision without interpolation, in [0, 1].
    precision : array of shape (n_queries, len(at))
        Precision among the first k, in [0, 1].
    at : tuple of int
        The k of the columns of `precision`.
    """

    interpolated_precision: NDArray[np.float64] = field(repr=False)
    average_precision: NDArray[np.float64] = field(repr=False)
    precision: NDArray[np.float64] = field(repr=False)
    at: tuple[int, ...]

    @property
    def map_11(self) -> float:
        """Mean 11-point average precision, in [0, 1]."""
        return float(self.interpolated_precision.mean())

    @property
    def mean_average_precision(self) -> float:
        """Mean average precision without interpolation, in [0, 1]."""
        return float(self.average_precision.mean())

    @property
    def precision_at(self) -> dict[int, float]:
        """Mean precision among the first k, for each k that was asked for."""
        return dict(zip(self.at, self.precision.mean(axis=0).tolist(), strict=True))

    def __str__(self) -> str:
        at = "".join(f", P@{k} {100 * value:.2f}" for k, value in self.precision_at.items())
        return f"mAP11 {100 * self.map_11:.2f}, mAP {100 * self.mean_average_precision:.2f}{at} (percent)"


def retrieval_scores(
    database: ArrayLike,
    database_labels: ArrayLike,
    queries: ArrayLike,
    query_labels: ArrayLike,
    *,
    metric: Literal["cosine", "euclidean"] = "cosine",
    at: Sequence[int] = (100,),
    block: int = 128,
    compatible: Literal["pkth"] | None = None,
    dtype: DTypeLike = np.float32,
) -> RetrievalScores:
    r"""Rank the whole database by distance to each query and score where the rows of its label stand.

    With :math:`P_k` the share of relevant rows among the first k and :math:`R_k` the share of all relevant rows that
    stand there: average precision is the mean of :math:`P_k` over the ranks of the relevant rows, and 11-point average
    precision is the mean over :math:`r = 0, 0.1, \dots, 1` of :math:`\max\{P_k : R_k \ge r\}`. Equal distances are
    ranked by database index. Queries must not be rows of the database: no row is left out as a query's own.

    Parameters
    ----------
    database : array-like of shape (n_database, n_features)
        Features of the rows to be found; training rows, as a rule.
    database_labels : array-like of shape (n_database,)
        A row is relevant to the queries of its label.
    queries : array-like of shape (n_queries, n_features)
        Features of the rows to search with; test rows, as a rule.
    query_labels : array-like of shape (n_queries,)
        Each must occur in `database_labels`.
    metric : {"cosine", "euclidean"}, default="cosine"
        Distance. A row of zeros has cosine distance 1 to every row.
    at : sequence of int, default=(100,)
        The k to give precision for, each in [1, n_database].
    block : int, default=128
        Queries that are compared with the database at once. Memory grows with ``block * n_database``, and no result
        depends on it, except with `compatible`.
    compatible : {"pkth"}, optional
        Reproduce the evaluator published with the reference below, to compare with its figures and no others. It
        interpolates the first `block` ranks only (one less than the queries of a batch, 128 there), reads each recall
        level at the nearest rank instead of behind it, and gives the interpolated curve as precision@k. So both
        figures depend on how queries fall into batches. `average_precision` is left as it is.
    dtype : {float32, float64}, default=float32
        What distances are computed in. In float64 they are sorted in a slower way.

    Returns
    -------
    RetrievalScores
        Scores of each query, and their means.

    Raises
    ------
    ValueError
        If shapes don't match, features aren't finite, a query's label isn't in the database, or a k, a metric or a
        dtype is none of the above.

    References
    ----------
    C. D. Manning, P. Raghavan, H. Schütze, "Introduction to Information Retrieval", Cambridge University Press, 2008,
    section 8.4.
    N. Passalis, M. Tzelepi, A. Tefas, "Heterogeneous knowledge distillation using information flow modeling",
    CVPR 2020 (the published evaluator).

    Examples
    --------
    >>> scores = retrieval_scores([[1, 0], [1, 1], [0, 1]], ["a", "b", "a"], [[2, 0.1]], ["a"], at=[1, 2])
    >>> round(scores.mean_average_precision, 4), scores.precision_at  # "a" at ranks 1 and 3: (1/1 + 2/3) / 2
    (0.8333, {1: 1.0, 2: 0.5})
    """
    if compatible not in (None, "pkth"):
        raise ValueError(f"compatible={compatible!r}: expected None or 'pkth'.")
    if block < 1:
        raise ValueError(f"block={block}: expected at least 1.")
    X, Q = _features(database, "database"), _features(queries, "queries")
    if X.shape[1] != Q.shape[1]:
        raise ValueError(f"database has {X.shape[1]} features and queries have {Q.shape[1]}: give both the same.")
    codes, query_codes = _label_codes(database_labels, query_labels, len(X), len(Q))
    ks = _as_ranks(at, len(X))
    factors = _factors(X, Q, metric, np.dtype(dtype))
    parts = []
    for start, relevant in ranked_relevance(*factors, codes, query_codes, block):
        positives = _Positives.of(relevant)
        if compatible == "pkth":
            batch = min(block, len(Q) - start // block * block)
            interpolated, precision = _pkth_scores(positives, relevant, ks, batch)
        else:
            interpolated, precision = positives.eleven_point(), _precision_at(relevant, ks)
        parts.append((interpolated, positives.average_precision(), precision))
    interpolated, average, precision = (np.concatenate(part) for part in zip(*parts, strict=True))
    return RetrievalScores(interpolated, average, precision, tuple(ks.tolist()))


def _features(values: ArrayLike, name: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name}: expected features of shape (n_rows, n_features), got shape {array.shape}.")
    if array.dtype.kind not in "buif":
        raise ValueError(f"{name}: expected real numbers, got dtype {array.dtype}.")
    return array


def _label_codes(
    database_labels: ArrayLike, query_labels: ArrayLike, n_database: int, n_queries: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return labels as integers of the smallest type that holds them; comparing those is what costs."""
    labels, wanted = np.asarray(database_labels), np.asarray(query_labels)
    for array, length, name in ((labels, n_database, "database_labels"), (wanted, n_queries, "query_labels")):
        if array.shape != (length,):
            raise ValueError(f"{name}: expected shape ({length},), got {array.shape}.")
    known, codes = np.unique(labels, return_inverse=True)
    if (known.dtype.kind in "USO") != (wanted.dtype.kind in "USO"):
        raise ValueError(f"query_labels are {wanted.dtype} and database_labels {labels.dtype}: give both the same.")
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    absent = known[place] != wanted
    if absent.any():
        names = np.unique(wanted[absent])[:5].tolist()
        raise ValueError(f"query_labels: no row of the database has the labels {names}; leave those queries out.")
    small = np.min_scalar_type(len(known))
    return codes.astype(small), place.astype(small)


def _as_ranks(at: Sequence[int], n_database: int) -> NDArray[np.intp]:
    ks = np.asarray(at)
    if ks.ndim != 1 or (ks.size and (ks.dtype.kind not in "ui" or ks.min() < 1 or ks.max() > n_database)):
        raise ValueError(f"at={at!r}: expected integers from 1 to the {n_database} rows of the database.")
    return ks.astype(np.intp)


@np.errstate(over="ignore", invalid="ignore")  # the norms that come out tell, and an error says it
def _factors(X: NDArray[Any], Q: NDArray[Any], metric: str, dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return A and B, in `dtype`, so that the rows of ``A @ B.T`` rank the database as the distances do."""
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype={dtype}: expected float32 or float64.")
    n_features = X.shape[1]
    if metric == "cosine":  # 1 - cos = [-q / |q|, 1] . [x / |x|, 1]
        factors = np.empty((len(Q), n_features + 1), dtype), np.empty((len(X), n_features + 1), dtype)
        for rows, factor, name in ((Q, factors[0], "queries"), (X, factors[1], "database")):
            norms = np.sqrt(_squared_norms(rows, name))
            norms[norms == 0.0] = 1.0
            np.divide(rows, norms[:, None], out=factor[:, :-1], casting="same_kind")
            factor[:, -1] = 1.0
        np.negative(factors[0][:, :-1], out=factors[0][:, :-1])
        return factors
    if metric != "euclidean":
        raise ValueError(f"metric={metric!r}: expected 'cosine' or 'euclidean'.")
    # |q - x|^2 = [-2 q, |q|^2, 1] . [x, 1, |x|^2]
    factors = np.empty((len(Q), n_features + 2), dtype), np.empty((len(X), n_features + 2), dtype)
    centre, unit = _frame(X)
    for rows, factor, name, one in ((Q, factors[0], "queries", -1), (X, factors[1], "database", -2)):
        moved = factor[:, :-2]
        np.subtract(rows, centre, out=moved, casting="same_kind")
        moved /= unit
        factor[:, -3 - one] = _squared_norms(moved, name)
        factor[:, one] = 1.0
    factors[0][:, :-2] *= -2.0
    return factors


def _frame(X: NDArray[Any]) -> tuple[NDArray[np.float64], float]:
    """Return an origin and a unit in which squared norms are small, so that their differences lose few digits.

    The unit is a power of two and the origin a multiple of it: whole numbers keep their exact distances, and ties stay
    ties.
    """
    centre = X.mean(axis=0, dtype=np.float64)
    spread = float(np.maximum(X.max(axis=0) - centre, centre - X.min(axis=0)).max())
    if not math.isfinite(spread):
        raise ValueError("database: features must be finite.")
    unit = math.ldexp(1.0, math.frexp(spread)[1] - 1) if spread > 0 else 1.0
    return np.asarray(np.round(centre / unit) * unit), unit


def _squared_norms(rows: NDArray[Any], name: str) -> NDArray[Any]:
    squares = np.einsum("ij,ij->i", rows, rows, dtype=np.result_type(rows, np.float32))
    if not np.isfinite(squares).all():
        raise ValueError(f"{name}: features must be finite, and so must their squares.")
    return np.asarray(squares)


@dataclass(frozen=True, slots=True)
class _Positives:
    """The relevant rows of some rankings, one ranking's behind the other's, in the order of their ranks."""

    counts: NDArray[np.intp]  # of each ranking, at least 1
    starts: NDArray[np.intp]  # where each ranking's first one stands in the two arrays below
    rank: NDArray[np.intp]  # from 1
    precision: NDArray[np.float64]  # at that rank

    @classmethod
    def of(cls, relevant: NDArray[np.bool_]) -> _Positives:
        n_rankings, n_database = relevant.shape
        place = np.flatnonzero(relevant)
        bounds = np.searchsorted(place, np.arange(n_rankings + 1) * n_database)
        starts, counts = bounds[:-1], np.diff(bounds)
        rank = place - np.repeat(np.arange(n_rankings) * n_database - 1, counts)
        nth = np.arange(1, len(place) + 1) - np.repeat(starts, counts)
        return cls(counts, starts, rank, nth / rank)

    def average_precision(self) -> NDArray[np.float64]:
        return np.asarray(np.add.reduceat(self.precision, self.starts) / self.counts)

    def eleven_point(self) -> NDArray[np.float64]:
        """Mean over the levels r of the largest precision from the first rank with recall >= r on.

        Precision only falls between relevant rows, so the largest one is always found at such a row.
        """
        # How many relevant rows a recall of i / 10 takes, rounded up, in whole numbers: 3 of 10 do for 0.3.
        needed = -(-np.arange(LEVELS) * self.counts[:, None] // (LEVELS - 1))
        # The stretch from each level's first row to the next level's; the last one ends where the next ranking begins.
        stretches = self.starts[:, None] + np.maximum(needed, 1) - 1
        largest = np.maximum.reduceat(self.precision, stretches.ravel()).reshape(stretches.shape)
        return np.asarray(np.maximum.accumulate(largest[:, ::-1], axis=1).mean(axis=1))


def _precision_at(relevant: NDArray[np.bool_], ks: NDArray[np.intp]) -> NDArray[np.float64]:
    found = np.cumsum(relevant[:, : ks.max(initial=0)], axis=1)
    return np.asarray(found[:, ks - 1] / ks)


def _pkth_scores(
    positives: _Positives, relevant: NDArray[np.bool_], ks: NDArray[np.intp], batch: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """11-point average precision and precision@k as the published evaluator has them.

    Its loop of interpolation counts the queries of the batch where it should count the ranks, so that precision is a
    running maximum over the first `batch` ranks and raw behind them.
    """
    n_database = relevant.shape[1]
    head = _precision_at(relevant, np.arange(1, min(batch, n_database) + 1))
    head = np.maximum.accumulate(head[:, ::-1], axis=1)[:, ::-1]
    # Recall takes the values c / count. The nearest to a level (the lower of two equally near) is one of the two around
    # it. c = 0 is read at rank 1: where a relevant row stands there no rank has it, and c = 1, the next, is at rank 1.
    counts = positives.counts[:, None, None]
    around = np.floor(PKTH_LEVELS[:, None] * counts).astype(np.intp) + np.arange(2)
    nearest = np.argmin(np.abs(around / counts - PKTH_LEVELS[:, None]), axis=2)
    c = np.take_along_axis(around, nearest[..., None], axis=2)[..., 0]
    at_c = positives.starts[:, None] + np.maximum(c, 1) - 1
    rank = np.where(c > 0, positives.rank[at_c], 1)
    interpolated = _with_head(head, positives.precision[at_c], rank).mean(axis=1)
    asked = np.broadcast_to(ks, (len(relevant), len(ks)))
    return interpolated, _with_head(head, _precision_at(relevant, ks), asked)


def _with_head(
    head: NDArray[np.float64], precision: NDArray[np.float64], rank: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Precision at each rank, replaced by `head` where that reaches."""
    length = head.shape[1]
    column = np.minimum(rank, length) - 1
    return np.where(rank <= length, np.take_along_axis(head, column, axis=1), precision)
