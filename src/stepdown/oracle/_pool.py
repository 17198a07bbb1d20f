"""Queries for the rows of a pool, in the rounds of a strategy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from stepdown.core import InvalidInputError, derive_seed

from ._answer_file import row_keys
from ._queried import Queried
from ._strategies import Floats, Ints, PoolState, Representative


def query_pool(
    queried: Queried,
    X: Any,
    learn: Callable[[Ints], Floats | None],
    *,
    classes: NDArray[Any] | None,
    seed: int | None,
) -> Ints:
    """Query rows of a pool until the budget is spent or every row is known; return the positions of the known ones."""
    strategy = Representative() if queried.strategy is None else queried.strategy
    first_of_its_kind = np.unique(row_keys(X), return_index=True)[1]
    while True:
        is_known = queried.is_known(X)
        known = np.flatnonzero(is_known)
        may = np.sort(first_of_its_kind[~is_known[first_of_its_kind]])
        n_left = min(queried.n_left, len(may))
        if n_left == 0:
            break
        state = PoolState(X, known, may, n_left, lambda known=known: learn(known))  # type: ignore[misc]
        rows = np.asarray(strategy.choose(state, seed=derive_seed(seed, "queries")))
        if not 1 <= len(rows) <= n_left or len(np.unique(rows)) != len(rows) or not np.isin(rows, may).all():
            raise InvalidInputError(
                f"{strategy!r} chose {len(rows)} rows; expected 1 to {n_left} different ones of state.open. This"
                " round made no query."
            )
        queried.query(_safe_indexing(X, rows), classes)
    if not len(known):
        raise InvalidInputError(
            f"budget={queried.budget} leaves no query for this pool: {queried.n_queried} rows were queried before, none"
            " of them in the pool. Raise the budget."
        )
    return known
