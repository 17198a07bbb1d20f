"""Where synthetic rows come from, as objects that hold the settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator

from ._rows import CodedTable
from ._synthesis import interpolate, munge, resample

_FEW_ROWS = 400


class Synthesiser(BaseEstimator, ABC):
    """Makes rows without labels out of rows."""

    @abstractmethod
    def synthesise(self, X: Any, *, seed: int | None = None) -> Any:
        """Return new rows of the same kind and columns as X, a dense array or a data frame; X is left alone."""

    def takes(self, X: Any) -> bool:
        """Whether these rows are of a kind that it can work on."""
        return not issparse(X)


class Munge(Synthesiser):
    """Rows near the data's manifold: near neighbours exchange values, with noise in the continuous ones.

    Columns of a data frame that aren't numeric are nominal by themselves; integer columns are rounded. The time is
    O(copies * n_samples²): for more than a few thousand rows see `Resample`.

    Parameters
    ----------
    copies : int, default=10
        How many times as many rows; k of the paper.
    swap_probability : float, default=0.5
        p of the paper, in [0, 1].
    local_variance : float, default=2.0
        s of the paper, positive; larger means less noise.
    nominal : sequence of int, optional
        Positions of further nominal columns.

    References
    ----------
    C. Bucila, R. Caruana and A. Niculescu-Mizil, "Model compression", KDD 2006. See `functional.munge`.

    Examples
    --------
    >>> import numpy as np
    >>> Munge(copies=3).synthesise(np.arange(8.0).reshape(4, 2), seed=0).shape
    (12, 2)
    """

    def __init__(
        self,
        copies: int = 10,
        *,
        swap_probability: float = 0.5,
        local_variance: float = 2.0,
        nominal: Sequence[int] | None = None,
    ) -> None:
        self.copies = copies
        self.swap_probability = swap_probability
        self.local_variance = local_variance
        self.nominal = nominal

    def takes(self, X: Any) -> bool:
        """Whether these rows are dense and all numbers finite, without which there is no nearest row."""
        return super().takes(X) and _is_complete(X, self.nominal)

    def synthesise(self, X: Any, *, seed: int | None = None) -> Any:
        table = CodedTable(X, self.nominal)
        rows = munge(
            table.values,
            table.nominal,
            copies=self.copies,
            swap_probability=self.swap_probability,
            local_variance=self.local_variance,
            seed=seed,
        )
        return table.decode(rows)


class Resample(Synthesiser):
    """Copies of the rows with some cells drawn anew from their columns and some numeric ones disturbed; fast.

    Parameters
    ----------
    copies : int, default=10
        How many times as many rows.
    swap_probability : float, default=0.1
        Share of cells drawn anew.
    noise_probability : float, default=0.1
        Share of numeric cells that get noise.
    noise : float, default=0.1
        Its standard deviation, in standard deviations of the column.
    nominal : sequence of int, optional
        Positions of nominal columns, besides the non-numeric ones of a data frame.

    Examples
    --------
    >>> import numpy as np
    >>> Resample(copies=3).synthesise(np.arange(8.0).reshape(4, 2), seed=0).shape
    (12, 2)
    """

    def __init__(
        self,
        copies: int = 10,
        *,
        swap_probability: float = 0.1,
        noise_probability: float = 0.1,
        noise: float = 0.1,
        nominal: Sequence[int] | None = None,
    ) -> None:
        self.copies = copies
        self.swap_probability = swap_probability
        self.noise_probability = noise_probability
        self.noise = noise
        self.nominal = nominal

    def takes(self, X: Any) -> bool:
        """Whether these rows are dense and no number is infinite, of which none can be drawn near."""
        return super().takes(X) and not bool(np.isinf(CodedTable(X, self.nominal).values).any())

    def synthesise(self, X: Any, *, seed: int | None = None) -> Any:
        table = CodedTable(X, self.nominal)
        rows = resample(
            table.values,
            table.nominal,
            copies=self.copies,
            swap_probability=self.swap_probability,
            noise_probability=self.noise_probability,
            noise=self.noise,
            seed=seed,
        )
        return table.decode(rows)


class Interpolate(Synthesiser):
    """Rows between near neighbours; see `functional.interpolate`.

    Columns of a data frame that aren't numeric are nominal by themselves; integer columns are rounded.

    Parameters
    ----------
    copies : int, optional
        How many times as many rows; None makes 4 of each up to 400 rows, else 2.
    n_neighbors : int, default=6
        The neighbour is drawn from so many.
    nominal : sequence of int, optional
        Positions of further nominal columns.

    Examples
    --------
    >>> import numpy as np
    >>> Interpolate().synthesise(np.arange(8.0).reshape(4, 2), seed=0).shape
    (16, 2)
    """

    def __init__(
        self,
        copies: int | None = None,
        *,
        n_neighbors: int = 6,
        nominal: Sequence[int] | None = None,
    ) -> None:
        self.copies = copies
        self.n_neighbors = n_neighbors
        self.nominal = nominal

    def takes(self, X: Any) -> bool:
        """Whether these rows are dense and all numbers finite, without which there is no nearest row."""
        return super().takes(X) and _is_complete(X, self.nominal)

    def synthesise(self, X: Any, *, seed: int | None = None) -> Any:
        table = CodedTable(X, self.nominal)
        copies = self.copies
        if copies is None:
            copies = 4 if len(table.values) <= _FEW_ROWS else 2
        rows = interpolate(
            table.values,
            table.nominal,
            copies=copies,
            n_neighbors=self.n_neighbors,
            seed=seed,
        )
        return table.decode(rows)


def _is_complete(X: Any, nominal: Sequence[int] | None) -> bool:
    return bool(np.isfinite(CodedTable(X, nominal).values).all())
