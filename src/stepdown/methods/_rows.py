"""Rows of arrays, sparse matrices and data frames: put on top of each other, and coded as numbers and back.

Data frames are recognised by the module of the object in hand; neither pandas nor polars is imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from stepdown.core import InvalidInputError


def frame_library(X: Any) -> str | None:
    """The name of the data-frame library that X comes from: "pandas", "polars" or None."""
    name = type(X).__module__.partition(".")[0]
    return name if name in ("pandas", "polars") and hasattr(X, "columns") else None


def stack_rows(parts: Sequence[Any]) -> Any:
    """Put the rows of tables of one kind on top of each other; column types of data frames stay."""
    libraries = {frame_library(part) for part in parts}
    widths = {np.shape(part)[1] if len(np.shape(part)) == 2 else None for part in parts}
    if len(libraries) > 1 or len(widths) > 1 or None in widths:
        kinds = [f"{type(part).__name__} of shape {np.shape(part)}" for part in parts]
        raise InvalidInputError(f"rows can only be added to a table of the same kind and columns, got {kinds}.")
    library = libraries.pop()
    if library is not None:
        names = [list(part.columns) for part in parts]
        if any(name != names[0] for name in names):
            raise InvalidInputError(f"added rows have the columns {names[-1][:10]}, expected {names[0][:10]}.")
        module = sys.modules[library]
        return module.concat(parts, ignore_index=True) if library == "pandas" else module.concat(parts)
    if any(sp.issparse(part) for part in parts):
        return sp.vstack(parts, format="csr")
    return np.concatenate([np.asarray(part) for part in parts])


def last_made(n_samples: int, added: Sequence[Any]) -> NDArray[np.bool_]:
    """Which rows are made up where those of the last table are: `n_samples` rows, then the added tables."""
    counts = [np.shape(part)[0] for part in added]
    made = np.zeros(n_samples + sum(counts), dtype=bool)
    made[len(made) - counts[-1] :] = True
    return made


def _whole(seen: NDArray[Any], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whole numbers between the smallest and the largest that were seen, which their type can surely hold."""
    return np.clip(np.rint(values), np.nanmin(seen, axis=0), np.nanmax(seen, axis=0))


class CodedTable:
    """A table as floats, with codes in its nominal columns, and the way back to its own kind.

    Columns of a data frame that aren't numeric are nominal. In an array only those that are named so; an array of
    another type than numbers has nominal columns only where its values aren't numbers.
    """

    def __init__(self, X: Any, nominal: Sequence[int] | None = None) -> None:
        if sp.issparse(X):
            raise InvalidInputError("synthetic rows can't be made of a sparse matrix; give a dense one, X.toarray().")
        self._library = frame_library(X)
        self._X: Any = X if self._library else np.asarray(X)
        n, n_features = self._X.shape
        asked = set(nominal or ())
        if not asked <= set(range(n_features)):
            raise InvalidInputError(f"nominal={sorted(asked)}: expected positions of columns in [0, {n_features}).")
        self.values = np.empty((n, n_features))
        self.nominal = np.zeros(n_features, dtype=bool)
        self._row_of_code: dict[int, NDArray[np.intp]] = {}
        for j in range(n_features):
            column = self._column(j)
            numbers = None if j in asked else _as_numbers(column, self._is_numeric(j))
            if numbers is None:
                # str() holds apart what categories, strings, booleans and missing values hold apart.
                _, first, codes = np.unique(np.asarray(column).astype(str), return_index=True, return_inverse=True)
                self._row_of_code[j], self.nominal[j] = first, True
                numbers = codes.astype(np.float64)
            self.values[:, j] = numbers

    def decode(self, values: NDArray[np.float64]) -> Any:
        """Rows of the table's own kind and column types; integer columns are rounded."""
        if self._library is None:
            return self._decode_array(values)
        columns = {name: self._decode_column(j, values[:, j]) for j, name in enumerate(self._X.columns)}
        return type(self._X)(columns)

    def _decode_array(self, values: NDArray[np.float64]) -> NDArray[Any]:
        dtype = self._X.dtype
        if dtype.kind != "O" and not self._row_of_code:
            return (_whole(self._X, values) if dtype.kind in "iu" else values).astype(dtype)
        out = np.empty(values.shape, dtype=dtype)
        for j in range(values.shape[1]):
            out[:, j] = self._decode_column(j, values[:, j])
        return out

    def _decode_column(self, j: int, values: NDArray[np.float64]) -> Any:
        column = self._column_of_its_kind(j)
        if j in self._row_of_code:
            rows = self._row_of_code[j][values.astype(np.intp)]
            return column.take(rows).reset_index(drop=True) if self._library == "pandas" else column[rows]
        numbers = self._rounded(column, values)
        if self._library == "pandas":
            return type(column)(numbers).astype(column.dtype)
        if self._library == "polars":
            return type(column)(column.name, numbers, nan_to_null=column.null_count() > 0).cast(column.dtype)
        return numbers

    def _rounded(self, column: Any, values: NDArray[np.float64]) -> NDArray[Any]:
        if self._library is None and self._X.dtype.kind == "O":
            whole = all(float(value).is_integer() for value in column)
        else:
            whole = column.dtype.is_integer() if self._library == "polars" else column.dtype.kind in "iu"
        return (
            _whole(column.to_numpy() if self._library else np.asarray(column, dtype=float), values) if whole else values
        )

    def _column_of_its_kind(self, j: int) -> Any:
        if self._library == "pandas":
            return self._X.iloc[:, j]
        return self._X.to_series(j) if self._library == "polars" else self._X[:, j]

    def _column(self, j: int) -> Any:
        column = self._column_of_its_kind(j)
        return column if self._library is None else column.to_numpy()

    def _is_numeric(self, j: int) -> bool | None:
        column = self._column_of_its_kind(j)
        if self._library == "polars":
            return bool(column.dtype.is_numeric())
        kind = getattr(column.dtype, "kind", "O")
        # Objects of an array may still all be numbers.
        return None if kind == "O" and self._library is None else kind in "iuf"


def _as_numbers(column: Any, numeric: bool | None) -> NDArray[np.float64] | None:
    if numeric is False:
        return None
    try:
        return np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        return None
