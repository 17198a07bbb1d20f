"""From a file to rows and a target, or to one clear line about what is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stepdown.core import InvalidInputError
from stepdown.ship import Kind

from ._errors import UsageError
from ._estimators import nearest
from ._formats import read_table

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
    column = without_decimal_commas(frame[target])
    if task == "auto":
        task = _task_of(column)
        notices.append(f"{target!r} is treated as {task}{_otherwise(column, task, '; --task {} changes that')}")
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


def without_decimal_commas(column: pd.Series[Any]) -> pd.Series[Any]:
    """A target of texts such as 3,25 as numbers; where all have three digits behind, they may be thousands."""
    texts = column.astype(str).str.strip()
    with_comma = texts[texts.str.contains(",", regex=False)]
    if with_comma.empty or with_comma.str.fullmatch(r".*,\d{3}").all():
        return column
    return texts.str.replace(",", ".").astype(float) if texts.str.fullmatch(r"[+-]?\d+(,\d+)?").all() else column


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


def _task_of(column: pd.Series[Any]) -> str:
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return "classification"
    values = column.to_numpy(float)
    whole = np.array_equal(values, np.round(values))
    return "classification" if whole and len(np.unique(values)) <= MOST_CLASSES else "regression"


def _labels(column: pd.Series[Any], path: Path) -> NDArray[Any]:
    y = as_labels(column)
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise InvalidInputError(f"{path}: the target {column.name!r} is {classes[0]!s} in every row: one class only.")
    if counts.max() == 1:
        raise InvalidInputError(
            f"{path}: every row has its own value of {column.name!r}, so it doesn't define classes"
            f"{_otherwise(column, 'classification', '; for a number use --task {}')}."
        )
    return y


def as_labels(column: pd.Series[Any]) -> NDArray[Any]:
    """A column without gaps as classes."""
    if pd.api.types.is_bool_dtype(column):
        return column.to_numpy(bool)
    if not pd.api.types.is_numeric_dtype(column):
        return column.astype(str).to_numpy(dtype=np.str_)
    y = column.to_numpy(float)
    # Gaps turn whole numbers into floats when a file is read; the gaps are gone now.
    return y.astype(np.int64) if np.array_equal(y, np.round(y)) else y


def _quantities(column: pd.Series[Any], path: Path) -> NDArray[Any]:
    if not pd.api.types.is_numeric_dtype(column):
        raise InvalidInputError(
            f"{path}: the target {column.name!r} isn't numeric ({column.iloc[0]!r}), and regression needs numbers"
            f"{_otherwise(column, 'regression', '; for classes use --task {}')}."
        )
    y = column.to_numpy(float)
    if not np.isfinite(y).all():
        raise InvalidInputError(f"{path}: the target {column.name!r} holds infinite values.")
    if np.ptp(y) == 0:
        raise InvalidInputError(f"{path}: the target {column.name!r} is {y[0]:g} in every row.")
    return y
