"""From a file to rows and a target, or to one clear line about what is wrong with it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stepdown.core import InvalidInputError
from stepdown.search import check_class_count, check_spread
from stepdown.ship import LARGEST, Kind, numbers_of, numbers_written

from ._errors import UsageError
from ._estimators import nearest
from ._formats import read_table

# Whole numbers with more distinct values than this are taken for quantities.
MOST_CLASSES = 20
KINDS: tuple[str, ...] = get_args(Kind)
# From here on floats can't hold every whole number.
LARGEST_EXACT = 2**53
LONGEST_LABEL = 1000
LONGEST_CELL = 1_000_000


@dataclass(frozen=True, slots=True)
class Data:
    """A table ready to be learned from."""

    X: Any
    y: NDArray[Any]
    task: str
    origin: dict[str, Any]
    notices: tuple[str, ...] = ()
    unlabeled: Any = None
    test: tuple[Any, NDArray[Any]] | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)


def read_data(
    path: Path, target: str, task: str = "auto", drop: Sequence[str] = (), read_as: Sequence[str] = ()
) -> Data:
    """Read a table, leave columns out, and take the target out."""
    frame = read_table(path)
    columns = list(frame.columns)
    if target not in columns:
        raise UsageError(
            f"{path}: no column {target!r}{nearest(target, columns)} It has: {', '.join(columns[:30])}"
            f"{', ...' if len(columns) > 30 else '.'}"
        )
    kinds = read_kinds(read_as)
    for option, names in (("--drop", drop), ("--as", kinds)):
        for name in names:
            if name not in columns or name == target:
                raise UsageError(
                    f"{option} {name}: it must name a column to learn from{nearest(name, columns)} They are:"
                    f" {', '.join(column for column in columns[:30] if column != target)}."
                )
    data = _take_target(frame.drop(columns=list(drop)), target, task, path)
    return replace(data, kinds={name: kind for name, kind in kinds.items() if name not in drop})


def read_kinds(read_as: Sequence[str]) -> dict[str, str]:
    """Read the options ``--as``."""
    return dict(_kind(text) for text in read_as)


def _kind(text: str) -> tuple[str, str]:
    """Read ``column=kind``."""
    name, _, kind = text.rpartition("=")
    if kind not in KINDS or not name:
        raise UsageError(f"--as {text}: expected COLUMN=KIND, where KIND is {', '.join(KINDS)}.")
    return name, kind


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
    numbers = X.select_dtypes("number", exclude="timedelta")
    largest: dict[str, float] = {}
    # Some columns at a time: one by one is slow where there are very many, and all at once is a copy of the table.
    for start in range(0, numbers.shape[1], 1000):
        part = numbers.iloc[:, start : start + 1000]
        largest |= zip(
            map(str, part),
            np.fmax.reduce(np.abs(part.to_numpy(float, na_value=np.nan)), axis=0, initial=0.0),
            strict=True,
        )
    infinite = [name for name, value in largest.items() if np.isinf(value)]
    if infinite:
        raise InvalidInputError(f"{path}: columns {infinite[:5]} hold infinite values; clip them or leave them empty.")
    too_large = [name for name, value in largest.items() if value > LARGEST]
    if too_large:
        raise InvalidInputError(
            f"{path}: columns {too_large[:5]} hold numbers beyond {LARGEST:.2g}, which are infinite to trees; rescale"
            " them."
        )
    texts = [name for name, kind in X.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    long = [name for name in texts if any(isinstance(cell, str) and len(cell) > LONGEST_CELL for cell in X[name])]
    if long:
        raise InvalidInputError(
            f"{path}: columns {long[:5]} hold texts of more than {LONGEST_CELL:,} characters; --drop them."
        )
    nested = [name for name in texts if X[name].dtype == object and any(map(_is_nested, X[name]))]
    if nested:
        raise InvalidInputError(
            f"{path}: columns {nested[:5]} hold lists, records or raw bytes; spread them over columns or drop them."
        )


def _take_target(frame: pd.DataFrame, target: str, task: str, path: Path) -> Data:
    notices = []
    column = as_numbers(frame[target], task)
    missing = column.isna().to_numpy()
    if missing.all():
        raise InvalidInputError(f"{path}: every value of the target {target!r} is missing.")
    if missing.any():
        notices.append(f"{int(missing.sum())} of {len(frame)} rows have no target and are left out")
        frame, column = frame[~missing].reset_index(drop=True), column[~missing].reset_index(drop=True)
    X = frame.drop(columns=target)
    if not X.columns.size:
        raise InvalidInputError(f"{path}: {target!r} is the only column, so nothing is left to learn from.")
    refuse_cells(X, path)
    refuse_cells(frame[[target]].select_dtypes(exclude="number"), path)
    if pd.api.types.is_float_dtype(column) and np.isinf(column.to_numpy(float)).any():
        raise InvalidInputError(f"{path}: the target {target!r} holds infinite values; fix or drop these rows.")
    if column.dtype.kind == "f" and isinstance(frame[target].iloc[0], str):
        notices.append(f"{target!r} is read as numbers, {frame[target].iloc[0]!r} as {column.iloc[0]:.12g}")
    if task == "auto":
        task = task_of(column)
        notices.append(f"{target!r} is treated as {task}{_otherwise(column, task, '; --task {} changes that')}")
    y = _labels(column, path) if task == "classification" else _quantities(column, path)
    alike = _alike(y)
    if alike:
        notices.append(
            f"classes {alike[:4]} differ in spaces or capitals only; if they mean the same, write them alike"
        )
    origin = {
        "file": path.name,
        "fingerprint": fingerprint(path),
        "target": target,
        "rows": len(y),
        "rows_without_target": int(missing.sum()),
        "columns": [str(column) for column in X.columns],
    }
    return Data(X, y, task, origin, tuple(notices))


def as_numbers(column: pd.Series[Any], task: str) -> pd.Series[Any]:
    """A target of decimals, or of texts such as 3,25 or $1,300, as numbers where these are quantities."""
    if all(isinstance(cell, Decimal) for cell in column):
        return column.astype(float)
    cells = column.to_numpy(dtype=object)
    if task == "classification" or not any(isinstance(cell, str) for cell in cells):
        return column
    written = numbers_written(cells, Counter(cells[column.notna()].tolist()))
    if written is None or written.clock:
        return column
    numbers = pd.Series(numbers_of(cells, written), index=column.index, name=column.name)
    quantities = task == "regression" or task_of(numbers.dropna()) == "regression"
    return numbers if quantities and numbers.notna().any() else column


def _otherwise(column: pd.Series[Any], task: str, advice: str) -> str:
    """Advice to take the other task, where the target can be learned so: nothing is advised that would be refused."""
    values = column.dropna()
    if task == "classification":
        numbers = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        possible = numbers and bool(np.isfinite(values.to_numpy(float)).all()) and values.nunique() > 1
    else:
        possible = 1 < values.nunique() < len(values)
    return advice.format("regression" if task == "classification" else "classification") if possible else ""


def _is_nested(cell: Any) -> bool:
    return isinstance(cell, list | tuple | dict | set | bytes | np.ndarray)


def task_of(column: pd.Series[Any]) -> str:
    """What a target without gaps is taken for."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return "classification"
    values = column.to_numpy(float)
    whole = np.array_equal(values, np.round(values))
    return "classification" if whole and len(np.unique(values)) <= MOST_CLASSES else "regression"


def _labels(column: pd.Series[Any], path: Path) -> NDArray[Any]:
    y = as_labels(column, path)
    classes, counts = np.unique(y, return_counts=True)
    check_class_count(len(y), len(classes))
    if len(classes) < 2:
        raise InvalidInputError(f"{path}: the target {column.name!r} is {classes[0]!s} in every row: one class only.")
    if counts.max() == 1:
        raise InvalidInputError(
            f"{path}: every row has its own value of {column.name!r}, so it doesn't define classes"
            f"{_otherwise(column, 'classification', '; for a number use --task {}')}."
        )
    return y


def _alike(y: NDArray[Any]) -> list[str]:
    """Classes that differ in spaces or capitals only."""
    if y.dtype.kind != "U":
        return []
    classes = [str(label) for label in np.unique(y)]
    folded = [" ".join(label.split()).casefold() for label in classes]
    counts = Counter(folded)
    return [label for label, short in zip(classes, folded, strict=True) if counts[short] > 1]


def as_labels(column: pd.Series[Any], path: Path) -> NDArray[Any]:
    """A column without gaps as classes."""
    if pd.api.types.is_bool_dtype(column):
        return column.to_numpy(bool)
    if pd.api.types.is_integer_dtype(column):
        whole = column.to_numpy()
        return whole.astype(np.str_) if whole.max() > np.iinfo(np.int64).max else whole.astype(np.int64)
    if pd.api.types.is_numeric_dtype(column):
        y = column.to_numpy(float)
        # Gaps turn whole numbers into floats when a file is read; the gaps are gone now.
        if not np.array_equal(y, np.round(y)):
            return y
        if np.abs(y).max() >= LARGEST_EXACT:
            raise InvalidInputError(
                f"{path}: labels of {column.name!r} beyond 2^53 were read as floats, which can't tell neighbours"
                " apart; drop the rows without a label, or write the labels as text, such as k123."
            )
        return y.astype(np.int64)
    texts = column.astype(str)
    if texts.str.len().max() > LONGEST_LABEL:
        raise InvalidInputError(
            f"{path}: {column.name!r} holds texts of more than {LONGEST_LABEL:,} characters, which don't name classes."
        )
    if any(text.endswith("\0") for text in texts):  # which NumPy drops
        raise InvalidInputError(f"{path}: {column.name!r} holds texts that end in NUL; fix the file.")
    return texts.to_numpy(dtype=np.str_)


def _quantities(column: pd.Series[Any], path: Path) -> NDArray[Any]:
    if not pd.api.types.is_numeric_dtype(column):
        raise InvalidInputError(
            f"{path}: the target {column.name!r} isn't numeric ({column.iloc[0]!r}), and regression needs numbers"
            f"{_otherwise(column, 'regression', '; for classes use --task {}')}."
        )
    y = column.to_numpy(float)
    check_spread(y)
    if y.min() == y.max():
        raise InvalidInputError(f"{path}: the target {column.name!r} is {y[0]:g} in every row.")
    return y
