"""From a file to rows and a target, or to one clear line about what is wrong with it."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from stepdown.core import InvalidInputError
from stepdown.ship import Kind

from ._errors import UsageError
from ._estimators import nearest

TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
PARQUET_ENDINGS = (".parquet", ".pq")
SEPARATORS = ",;\t|"
QUOTED = re.compile(r'"(?:[^"]|"")*"')
# What the separator is guessed from.
MOST_CHARACTERS = 2**16
MOST_LINES = 50
# Whole numbers with more distinct values than this are taken for quantities.
MOST_CLASSES = 20
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Data:
    """A table ready to be learned from."""

    X: Any
    y: NDArray[Any]
    task: str
    origin: dict[str, Any]
    notices: tuple[str, ...] = ()
    unlabeled: Any = None
    kinds: Mapping[str, str] = field(default_factory=dict)


def read_data(
    path: Path, target: str, task: str = "auto", drop: Sequence[str] = (), read_as: Sequence[str] = ()
) -> Data:
    """Read a CSV or Parquet file, leave columns out, and take the target out."""
    frame = read_table(path)
    columns = list(frame.columns)
    if target not in columns:
        raise UsageError(
            f"{path}: no column {target!r}{nearest(target, columns)} It has: {', '.join(columns[:30])}"
            f"{', ...' if len(columns) > 30 else '.'}"
        )
    kinds = dict(_kind(text) for text in read_as)
    for option, names in (("--drop", drop), ("--as", kinds)):
        for name in names:
            if name not in columns or name == target:
                raise UsageError(
                    f"{option} {name}: it must name a column to learn from{nearest(name, columns)} They are:"
                    f" {', '.join(column for column in columns[:30] if column != target)}."
                )
    data = _take_target(frame.drop(columns=list(drop)), target, task, path)
    return replace(data, kinds={name: kind for name, kind in kinds.items() if name not in drop})


def _kind(text: str) -> tuple[str, str]:
    """Read ``column=kind``."""
    name, _, kind = text.rpartition("=")
    if kind not in KINDS or not name:
        raise UsageError(f"--as {text}: expected COLUMN=KIND, where KIND is {', '.join(KINDS)}.")
    return name, kind


def read_table(path: Path, texts: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV or Parquet file as it is."""
    frame = _read_text(path, texts) if _kind_of_file(path) == "text" else _read_parquet(path)
    if frame.empty:
        raise InvalidInputError(f"{path}: the file has no rows.")
    frame.columns = pd.Index([str(column) for column in frame.columns])
    return frame


def _kind_of_file(path: Path) -> Literal["text", "parquet"]:
    if not path.is_file():
        raise UsageError(f"{path}: file not found.")
    if path.stat().st_size == 0:
        raise InvalidInputError(f"{path}: the file is empty.")
    name = path.name.lower()
    if not name.endswith(TEXT_ENDINGS + PARQUET_ENDINGS):
        raise UsageError(f"{path}: expected a file ending in {', '.join(TEXT_ENDINGS + PARQUET_ENDINGS)}.")
    return "text" if name.endswith(TEXT_ENDINGS) else "parquet"


def fingerprint(path: Path) -> str:
    """Return what the file is recognised by."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def kind_of(column: pd.Series[Any]) -> str:
    """What a column holds, in a word; nothing where every value is missing."""
    values = column.dropna()
    if values.empty:
        return ""
    if pd.api.types.is_bool_dtype(values.infer_objects()):
        return "truth values"
    if pd.api.types.is_numeric_dtype(values):
        return "numbers"
    return "points in time" if pd.api.types.is_datetime64_any_dtype(values) else "texts"


def like_training(frame: pd.DataFrame, kinds: Mapping[str, str], path: Path) -> pd.DataFrame:
    """The columns that training had, in its order; refused where one is missing or holds another kind of values."""
    missing = [name for name in kinds if name not in frame.columns]
    if missing:
        raise InvalidInputError(
            f"{path}: {len(missing)} of the table's {len(kinds)} columns are missing: {', '.join(missing[:10])}"
            f"{', ...' if len(missing) > 10 else '.'}"
        )
    rows = frame[list(kinds)]
    refuse_cells(rows, path)
    for name, kind in kinds.items():
        found = kind_of(rows[name])
        if kind and found and found != kind:
            raise InvalidInputError(f"{path}: column {name!r} holds {found}, but {kind} in the table; fix the file.")
    return rows


def refuse_cells(X: pd.DataFrame, path: Path) -> None:
    """Refuse columns with values that no model can take."""
    infinite = [str(column) for column in X.select_dtypes("number") if np.isinf(X[column].to_numpy(float)).any()]
    if infinite:
        raise InvalidInputError(f"{path}: columns {infinite[:5]} hold infinite values; clip them or leave them empty.")
    nested = [name for name in X if X[name].dtype == object and any(map(_is_nested, X[name]))]
    if nested:
        raise InvalidInputError(
            f"{path}: columns {nested[:5]} hold lists, records or raw bytes; spread them over columns or drop them."
        )


def _take_target(frame: pd.DataFrame, target: str, task: str, path: Path) -> Data:
    notices = []
    missing = frame[target].isna().to_numpy()
    if missing.all():
        raise InvalidInputError(f"{path}: every value of the target {target!r} is missing.")
    if missing.any():
        notices.append(f"{int(missing.sum())} of {len(frame)} rows have no target and are left out")
        frame = frame[~missing].reset_index(drop=True)
    X = frame.drop(columns=target)
    if not X.columns.size:
        raise InvalidInputError(f"{path}: {target!r} is the only column, so nothing is left to learn from.")
    refuse_cells(X, path)
    column = _without_decimal_commas(frame[target])
    if task == "auto":
        task = _task_of(column)
        other = "regression" if task == "classification" else "classification"
        notices.append(f"{target!r} is treated as {task}; --task {other} changes that")
    y = _labels(column, path) if task == "classification" else _quantities(column, path)
    origin = {
        "file": path.name,
        "fingerprint": fingerprint(path),
        "target": target,
        "rows": len(y),
        "rows_without_target": int(missing.sum()),
        "columns": [str(column) for column in X.columns],
    }
    return Data(X, y, task, origin, tuple(notices))


def _without_decimal_commas(column: pd.Series[Any]) -> pd.Series[Any]:
    """A target of texts such as 3,25 as numbers; where all have three digits behind, they may be thousands."""
    texts = column.astype(str).str.strip()
    with_comma = texts[texts.str.contains(",", regex=False)]
    if with_comma.empty or with_comma.str.fullmatch(r".*,\d{3}").all():
        return column
    return texts.str.replace(",", ".").astype(float) if texts.str.fullmatch(r"[+-]?\d+(,\d+)?").all() else column


def _is_nested(cell: Any) -> bool:
    return isinstance(cell, list | tuple | dict | set | bytes | np.ndarray)


def _task_of(column: pd.Series[Any]) -> str:
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return "classification"
    values = column.to_numpy(float)
    whole = np.array_equal(values, np.round(values))
    return "classification" if whole and len(np.unique(values)) <= MOST_CLASSES else "regression"


def _labels(column: pd.Series[Any], path: Path) -> NDArray[Any]:
    if pd.api.types.is_bool_dtype(column):
        y = column.to_numpy(bool)
    elif pd.api.types.is_numeric_dtype(column):
        y = column.to_numpy(float)
        # Gaps turn whole numbers into floats when a file is read; the gaps are gone now.
        if np.array_equal(y, np.round(y)):
            y = y.astype(np.int64)
    else:
        y = column.astype(str).to_numpy(dtype=np.str_)
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise InvalidInputError(f"{path}: the target {column.name!r} is {classes[0]!s} in every row: one class only.")
    if counts.max() == 1:
        raise InvalidInputError(
            f"{path}: every row has its own value of {column.name!r}, so it doesn't define classes; for a number use"
            " --task regression."
        )
    return y


def _quantities(column: pd.Series[Any], path: Path) -> NDArray[Any]:
    if not pd.api.types.is_numeric_dtype(column):
        raise InvalidInputError(
            f"{path}: the target {column.name!r} isn't numeric ({column.iloc[0]!r}), and regression needs numbers;"
            " for classes use --task classification."
        )
    y = column.to_numpy(float)
    if not np.isfinite(y).all():
        raise InvalidInputError(f"{path}: the target {column.name!r} holds infinite values.")
    if np.ptp(y) == 0:
        raise InvalidInputError(f"{path}: the target {column.name!r} is {y[0]:g} in every row.")
    return y


def read_blocks(path: Path, texts: Sequence[str], rows: int) -> Iterator[pd.DataFrame]:
    """Read a CSV or Parquet file in blocks of so many rows."""
    kind = _kind_of_file(path)
    if kind == "text":
        with _text_errors(path), pd.read_csv(path, chunksize=rows, **_text_options(path, texts)) as blocks:
            yield from blocks
    else:
        with _parquet_errors(path), pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(rows):
                yield batch.to_pandas()


def _read_text(path: Path, texts: Sequence[str]) -> pd.DataFrame:
    with _text_errors(path):
        return pd.read_csv(path, **_text_options(path, texts))


def _text_options(path: Path, texts: Sequence[str]) -> dict[str, Any]:
    return {
        "sep": _check_header(path),
        "encoding": "utf-8-sig",
        "skipinitialspace": True,
        "index_col": False,
        "dtype": dict.fromkeys(texts, str),
    }


@contextmanager
def _text_errors(path: Path) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            # Rows longer than the header would shift all columns by one, or lose their last field.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            yield
    except pd.errors.ParserWarning as error:
        raise InvalidInputError(
            f"{path}: some rows have more fields than the header names columns; name every column, or fix the rows."
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path}: the file isn't UTF-8 text ({error.reason}); save it as UTF-8.") from error
    except pd.errors.EmptyDataError as error:
        raise InvalidInputError(f"{path}: the file has no columns.") from error
    except (pd.errors.ParserError, csv.Error, gzip.BadGzipFile, EOFError) as error:
        raise InvalidInputError(
            f"{path}: the file can't be read as a table ({' '.join(str(error).split())})."
        ) from error


def _check_header(path: Path) -> str:
    """Return the separator. Columns that repeat are refused here: pandas would rename them without a word."""
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        start = file.read(MOST_CHARACTERS)
    separator = _separator(start)
    records = csv.reader(io.StringIO(start, newline=""), delimiter=separator, skipinitialspace=True)
    header = next((record for record in records if record), [])
    _refuse_repeats(path, [name.strip() for name in header])
    return separator


def _separator(start: str) -> str:
    """Return the separator of the names in the header, outside quotes; on ties, the one that rows have as often."""
    bare = [line for line in QUOTED.sub('""', start).splitlines()[:MOST_LINES] if line.strip()]
    # The last line may be cut.
    rows = bare[1:-1] or bare[1:]

    def worth(separator: str) -> tuple[int, float]:
        names = bare[0].count(separator)
        alike = sum(row.count(separator) == names for row in rows) / len(rows) if rows and names else 0.0
        return names, alike

    return max(SEPARATORS, key=worth) if bare else SEPARATORS[0]


def _read_parquet(path: Path) -> pd.DataFrame:
    with _parquet_errors(path):
        return pd.read_parquet(path, engine="pyarrow")


@contextmanager
def _parquet_errors(path: Path) -> Iterator[None]:
    try:
        _refuse_repeats(path, pyarrow.parquet.read_schema(path).names)
        yield
    except (pyarrow.ArrowException, OSError) as error:
        raise InvalidInputError(f"{path}: not a readable Parquet file ({' '.join(str(error).split())}).") from error


def _refuse_repeats(path: Path, names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidInputError(f"{path}: columns {repeated[:5]} appear more than once; give each its own name.")
