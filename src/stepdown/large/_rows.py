"""What is in a Parquet file, read a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.core import InvalidInputError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """The numeric columns of a file, and its target."""

    path: Path
    target: str
    columns: tuple[str, ...]
    n_rows: int

    @classmethod
    def of(cls, path: Path | str, target: str) -> Rows:
        """Look at the schema; refuse what isn't numbers before anything is read."""
        file = _parquet(path)
        schema = file.schema_arrow
        if target not in schema.names:
            raise InvalidInputError(f"{path}: no column {target!r}; there are {schema.names[:20]}.")
        from pyarrow import types

        numeric = (types.is_integer, types.is_floating, types.is_boolean)
        strange = [
            f"{field.name} ({field.type})"
            for field in schema
            if field.name != target and not any(is_kind(field.type) for is_kind in numeric)
        ]
        if strange:
            raise InvalidInputError(
                f"{path}: expected columns of numbers beside the target, got {strange[:10]}. Encode or drop them."
            )
        columns = tuple(name for name in schema.names if name != target)
        if not columns or file.metadata.num_rows < 2:
            raise InvalidInputError(f"{path}: {file.metadata.num_rows} rows of {len(columns)} columns; expected more.")
        return cls(Path(path), target, columns, file.metadata.num_rows)

    def targets(self) -> NDArray[Any]:
        """The target of every row."""
        values = _parquet(self.path).read(columns=[self.target]).column(0)
        if values.null_count:
            raise InvalidInputError(f"{self.path}: {values.null_count} rows have no {self.target!r}. Drop these rows.")
        return np.asarray(values)

    def blocks(self, size: int, start: int = 0) -> Iterator[tuple[int, Floats]]:
        """Blocks of rows from a row on, each with the position of its first row; missing values are NaN."""
        at, rest = 0, start
        for batch in _parquet(self.path).iter_batches(batch_size=size, columns=list(self.columns)):
            if at + batch.num_rows > start:
                skipped = max(0, rest - at)
                X = np.empty((batch.num_rows - skipped, len(self.columns)), dtype=np.float32)
                for place, column in enumerate(batch.slice(skipped).columns):
                    X[:, place] = column.to_numpy(zero_copy_only=False)
                if np.isinf(X).any():
                    raise InvalidInputError(f"{self.path}: infinite or beyond float32 in rows from {at + skipped} on.")
                yield at + skipped, X
            at += batch.num_rows

    def some(self, positions: NDArray[np.intp], size: int) -> Floats:
        """The rows at these sorted positions."""
        X = np.empty((len(positions), len(self.columns)), dtype=np.float32)
        for start, block in self.blocks(size):
            low, high = np.searchsorted(positions, [start, start + len(block)])
            X[low:high] = block[positions[low:high] - start]
        return X


def _parquet(path: Path | str) -> Any:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise ImportError('Parquet needs pyarrow: pip install "stepdown[cli]"') from error
    try:
        return ParquetFile(path)
    except (OSError, ArrowException) as error:
        raise InvalidInputError(f"{path}: expected a Parquet file: {error}") from error
