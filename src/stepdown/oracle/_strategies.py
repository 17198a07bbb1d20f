"""Which rows of a pool a teacher with a label budget is queried for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.utils import check_random_state

from stepdown.methods import CodedTable

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]

_MAX_DENSE_CELLS = 50_000_000
_MAX_CLUSTERED = 10_000


@dataclass(frozen=True)
class PoolState:
    """What a strategy sees before a round of queries.

    Parameters
    ----------
    X : array-like, sparse matrix or data frame of shape (n_pool, n_features)
        The pool.
    known : array of int
        Positions of the rows that are labelled.
    open : array of int
        Positions that may be queried: not labelled yet, and no two of equal content.
    n_left : int
        How many of these may still be queried, at least 1.
    learn : callable
        ``learn()`` fits the bridge to the known rows and returns its probabilities for the whole pool, of shape
        (n_pool, n_classes); None while fewer than two classes are known.
    """

    X: Any
    known: Ints
    open: Ints
    n_left: int
    learn: Callable[[], Floats | None]

    @cached_property
    def numbers(self) -> Floats:
        """The pool as numbers for distances, of shape (n_pool, any).

        Numeric columns have mean 0 and deviation 1, with 0 for what is missing; any other column becomes one of 0 and
        1 for each of its values, divided by the square root of two, so that two different values lie 1 apart.
        """
        if issparse(self.X):
            if self.X.shape[0] * self.X.shape[1] > _MAX_DENSE_CELLS:
                return np.asarray(TruncatedSVD(50, random_state=0).fit_transform(self.X))
            return _standardised(self.X.toarray())
        table = CodedTable(self.X)
        parts = [_standardised(table.values[:, ~table.nominal])]
        for column in table.values[:, table.nominal].T:
            parts.append((column[:, None] == np.unique(column)).astype(float) / np.sqrt(2))
        return np.hstack(parts)


def _standardised(values: NDArray[Any]) -> Floats:
    values = np.asarray(values, dtype=np.float64)
    seen = np.isfinite(values)
    n_seen = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, values, 0.0).sum(axis=0) / n_seen
    centred = np.where(seen, values - mean, 0.0)
    deviation = np.sqrt((centred**2).sum(axis=0) / n_seen)
    return centred / np.where(deviation > 0, deviation, 1.0)


class QueryStrategy(BaseEstimator, ABC):
    """Chooses the rows to query, in one round or in several, each of which sees the answers so far.

    Examples
    --------
    Query the rows that the bridge is least sure of, ten at a time:

    >>> class LeastSure(QueryStrategy):
    ...     def choose(self, state, *, seed=None):
    ...         proba = state.learn()
    ...         if proba is None:
    ...             return Random().choose(state, seed=seed)[:10]
    ...         return state.open[np.argsort(proba[state.open].max(axis=1))[: min(10, state.n_left)]]
    >>> LeastSure()
    LeastSure()
    """

    @abstractmethod
    def choose(self, state: PoolState, *, seed: int | None = None) -> Ints:
        """Return the rows to query next.

        Parameters
        ----------
        state : PoolState
        seed : int, optional
            The same in every round.

        Returns
        -------
        array of int
            Positions, some of ``state.open``, at least one and at most ``state.n_left``. The strategy is called again
            until none is left.
        """


class Random(QueryStrategy):
    """Rows drawn at random, in one round.

    Examples
    --------
    >>> state = PoolState(np.eye(5), np.array([3]), np.array([0, 1, 2, 4]), 2, lambda: None)
    >>> Random().choose(state, seed=0).shape
    (2,)
    """

    def choose(self, state: PoolState, *, seed: int | None = None) -> Ints:
        return np.asarray(check_random_state(seed).permutation(state.open)[: state.n_left])


class Representative(QueryStrategy):
    """One row for each cluster of the pool: the one next to the centre; in one round.

    The pool is split by k-means into as many clusters as rows may be known. With few answers, typical rows are worth
    more than hard ones [1]_ [2]_. A cluster with a known row isn't queried again, so an interrupted run goes on with
    the rows it had chosen.

    References
    ----------
    .. [1] Z. Xu, K. Yu, V. Tresp, X. Xu and J. Wang, "Representative sampling for text classification using support
       vector machines", ECIR 2003.
    .. [2] G. Hacohen, A. Dekel and D. Weinshall, "Active learning on a budget: opposite strategies suit high and low
       budgets", ICML 2022.

    Examples
    --------
    >>> rows = np.array([[0.0], [0.1], [0.2], [9.0], [9.1], [9.2]])
    >>> state = PoolState(rows, np.array([], dtype=int), np.arange(6), 2, lambda: None)
    >>> Representative().choose(state, seed=0).tolist()
    [1, 4]
    """

    def choose(self, state: PoolState, *, seed: int | None = None) -> Ints:
        random = check_random_state(seed)
        rows = state.numbers
        seen = np.concatenate([state.known, state.open])
        n_clusters = min(state.n_left + len(state.known), len(np.unique(rows[seen], axis=0)))
        sample = np.arange(len(rows))
        if len(rows) > _MAX_CLUSTERED:
            sample = np.sort(random.permutation(len(rows))[:_MAX_CLUSTERED])
        clusters = KMeans(min(n_clusters, len(sample)), n_init=1, random_state=random).fit(rows[sample])
        home = clusters.predict(rows[state.open])
        far = np.linalg.norm(rows[state.open] - clusters.cluster_centers_[home], axis=1)
        # First the nearest of every cluster, then the second nearest; known rows have had their turn.
        turns_taken = np.zeros(len(clusters.cluster_centers_), dtype=np.intp)
        if len(state.known):
            np.add.at(turns_taken, clusters.predict(rows[state.known]), 1)
        order = np.lexsort((far, home))
        starts = np.searchsorted(home[order], np.arange(len(turns_taken)))
        turn = np.empty(len(order), dtype=np.intp)
        turn[order] = np.arange(len(order)) - starts[home[order]]
        chosen: Ints = state.open[np.lexsort((far, turn + turns_taken[home]))[: state.n_left]]
        return np.sort(chosen)
