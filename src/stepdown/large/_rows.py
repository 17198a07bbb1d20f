"""Tables that don't fit memory, asked a block at a time: a Parquet file, or what dask and ray hold in partitions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from stepdown.core import InvalidInputError

Floats = NDArray[np.float32]
T = TypeVar("T")

IN_FLIGHT = 8
"""Partitions whose answers are waited for at a time; each is then written, so that a killed run has it."""


class Rows(ABC):
    """The columns of a table and its target.

    `name` says which table it is, in this process and in any other; `like` is a data frame of its columns without rows.
    """

    table: str
    target: str
    columns: tuple[str, ...]
    n_rows: int
    name: tuple[Any, ...]
    like: Any

    @abstractmethod
    def targets(self) -> Any:
        """The target of every row, as a pandas Series."""

    @abstractmethod
    def each(self, ask: Callable[[Any], T], size: int, start: int = 0) -> Iterator[tuple[int, T]]:
        """What `ask` returns for data frames of all rows from `start` on, with the first row of each, in order."""

    def some(self, positions: NDArray[np.intp], size: int) -> Any:
        """A data frame of the rows at these sorted positions."""
        import pandas as pd

        parts = []
        for start, block in self.each(_itself, size):
            low, high = np.searchsorted(positions, [start, start + len(block)])
            parts.append(block.iloc[positions[low:high] - start])
        return pd.concat(parts, ignore_index=True)

    def _take(self, like: Any, drop: Sequence[str]) -> None:
        """Keep the columns; refuse a table without the target or without anything else."""
        unknown = [name for name in drop if name not in like.columns or name == self.target]
        if unknown:
            raise InvalidInputError(f"{self.table}: no column {unknown[0]!r} to leave out.")
        names = [str(name) for name in like.columns if name not in drop]
        if self.target not in names:
            raise InvalidInputError(f"{self.table}: no column {self.target!r}; there are {list(names[:20])}.")
        if len(set(names)) < len(names):
            repeated = sorted({name for name in names if names.count(name) > 1})
            raise InvalidInputError(f"{self.table}: several columns are named {repeated[:5]}; rename them.")
        self.columns = tuple(name for name in names if name != self.target)
        if not self.columns or self.n_rows < 2:
            raise InvalidInputError(f"{self.table}: {self.n_rows} rows of {len(self.columns)} columns; expected more.")
        self.like = like[list(self.columns)]


class _ParquetFile(Rows):
    def __init__(self, path: Path | str, target: str, drop: Sequence[str]) -> None:
        self.path, self.table, self.target = Path(path), str(path), target
        file = self._open()
        self.n_rows = file.metadata.num_rows
        self._take(file.schema_arrow.empty_table().to_pandas(), drop)
        about = self.path.stat()
        self.name = (self.path.name, about.st_size, about.st_mtime_ns)

    def targets(self) -> Any:
        return self._open().read(columns=[self.target]).column(0).to_pandas()

    def each(self, ask: Callable[[Any], T], size: int, start: int = 0) -> Iterator[tuple[int, T]]:
        at = 0
        for batch in self._open().iter_batches(batch_size=size, columns=list(self.columns)):
            skipped = max(0, start - at)
            if skipped < batch.num_rows:
                try:
                    batch.validate(full=True)  # pandas decodes texts long after they are read
                except ValueError as error:
                    raise InvalidInputError(f"{self.path}: rows from {at} on can't be read ({error}).") from error
                yield at + skipped, ask(batch.slice(skipped).to_pandas())
            at += batch.num_rows

    def _open(self) -> Any:
        try:
            from pyarrow import ArrowException
            from pyarrow.parquet import ParquetFile
        except ImportError as error:
            raise ImportError('Parquet needs pyarrow: pip install "stepdown[cli]"') from error
        try:
            return ParquetFile(self.path)
        except (OSError, ArrowException) as error:
            raise InvalidInputError(f"{self.path}: expected a Parquet file: {error}") from error


class _Partitions(Rows):
    """A table in parts that are held elsewhere: what is asked about a part is asked where the part is."""

    sizes: list[int]

    def each(self, ask: Callable[[Any], T], size: int, start: int = 0) -> Iterator[tuple[int, T]]:
        ends = np.cumsum(self.sizes)
        places = [place for place, end in enumerate(ends) if end > start and self.sizes[place]]
        for first in range(0, len(places), IN_FLIGHT):
            some = places[first : first + IN_FLIGHT]
            skipped = [max(0, start - int(ends[place] - self.sizes[place])) for place in some]
            answers = self.ask_parts(_Ask(ask, self.columns), some, skipped)
            for place, skip, answer in zip(some, skipped, answers, strict=True):
                yield int(ends[place]) - self.sizes[place] + skip, answer

    @abstractmethod
    def ask_parts(self, ask: Callable[[Any, int], T], places: Sequence[int], skipped: Sequence[int]) -> Sequence[T]:
        """What `ask` returns for these parts, each without its first so many rows."""


class _Ask:
    """A question about a part; with ``columns`` alone, and numbered anew, as those of a file are."""

    def __init__(self, ask: Callable[[Any], Any], columns: Sequence[str]) -> None:
        self.ask, self.columns = ask, list(columns)

    def __call__(self, part: Any, skipped: int) -> Any:
        return self.ask(part[self.columns].iloc[skipped:].reset_index(drop=True))


class _DaskFrame(_Partitions):
    def __init__(self, frame: Any, target: str, drop: Sequence[str]) -> None:
        from dask.base import tokenize

        self.frame, self.table, self.target = frame, "the dask data frame", target
        self.sizes = [int(size) for size in frame.map_partitions(len).compute()]
        self.n_rows, self.name = sum(self.sizes), ("dask", tokenize(frame))
        self._take(frame.partitions[0].compute().iloc[:0], drop)
        self.parts = frame.to_delayed()

    def targets(self) -> Any:
        return self.frame[self.target].compute().reset_index(drop=True)

    def ask_parts(self, ask: Callable[[Any, int], T], places: Sequence[int], skipped: Sequence[int]) -> Sequence[T]:
        import dask

        # A node of the graph by itself, so that the teacher in it goes to a worker once and not with every part.
        asked = dask.delayed(ask)
        answers: Sequence[T] = dask.compute(
            *(asked(self.parts[place], skip) for place, skip in zip(places, skipped, strict=True))
        )
        return answers


class _RayDataset(_Partitions):
    def __init__(self, dataset: Any, target: str, drop: Sequence[str]) -> None:
        import joblib
        import ray

        self.table, self.target = "the ray data set", target
        context = ray.data.DataContext.get_current().execution_options
        kept, context.preserve_order = context.preserve_order, True
        try:
            self.parts = dataset.to_pandas_refs()
        finally:
            context.preserve_order = kept
        measure = ray.remote(_length)
        self.sizes = ray.get([measure.remote(part) for part in self.parts])
        self.n_rows = sum(self.sizes)
        self._take(ray.get(self.parts[0]).iloc[:0], drop)
        self.name = ("ray", joblib.hash((self.columns, self.targets())))

    def targets(self) -> Any:
        import pandas as pd

        asked, some = _Ask(_itself, [self.target]), range(len(self.parts))
        return pd.concat(self.ask_parts(asked, some, [0] * len(self.parts)), ignore_index=True)[self.target]

    def ask_parts(self, ask: Callable[[Any, int], T], places: Sequence[int], skipped: Sequence[int]) -> Sequence[T]:
        import ray

        asked, call = ray.put(ask), ray.remote(_call)
        wanted = zip(places, skipped, strict=True)
        answers: Sequence[T] = ray.get([call.remote(asked, self.parts[place], skip) for place, skip in wanted])
        return answers


def rows_of(source: Any, target: str, drop: Sequence[str] = ()) -> Rows:
    """A file by its path; data frames of dask and data sets of ray by the module of their class."""
    module = type(source).__module__.partition(".")[0]
    if module in ("dask", "dask_expr"):
        return _DaskFrame(source, target, drop)
    if module == "ray":
        return _RayDataset(source, target, drop)
    if not isinstance(source, str | Path):
        raise InvalidInputError(
            f"expected the path of a Parquet file, a dask data frame or a ray data set, got {type(source).__name__}."
        )
    return _ParquetFile(source, target, drop)


def check_numbers(rows: Rows) -> None:
    """Refuse columns that aren't numbers before anything is read."""
    from pandas.api.types import is_numeric_dtype

    strange = [f"{name} ({kind})" for name, kind in rows.like.dtypes.items() if not is_numeric_dtype(kind)]
    if strange:
        raise InvalidInputError(
            f"{rows.table}: expected columns of numbers beside the target, got {strange[:10]}. Drop them, or have them"
            " read: prepare=stepdown.ship.TableColumns()."
        )


class Numbers:
    """Data frames of numbers as arrays; missing values are NaN."""

    def __init__(self, table: str) -> None:
        self.table = table

    def transform(self, frame: Any) -> Floats:
        X = np.asarray(frame.to_numpy(np.float32, na_value=np.nan))
        infinite = np.isinf(X).any(axis=0)
        if infinite.any():
            names = [str(name) for name in frame.columns[infinite]]
            raise InvalidInputError(f"{self.table}: columns {names[:10]} hold numbers infinite or beyond float32.")
        return X


def _itself(block: Any) -> Any:
    return block


def _length(part: Any) -> int:
    return len(part)


def _call(ask: Callable[[Any, int], Any], part: Any, skipped: int) -> Any:
    return ask(part, skipped)
