"""Further rows from a file of their own, brought into the form of the table: unlabelled ones, and a hold-out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stepdown.core import InvalidInputError
from stepdown.oracle import row_keys

from ._data import Data, as_labels, as_numbers, fingerprint, kind_of, like_training
from ._estimators import nearest
from ._formats import read_table


def with_unlabeled(table: Data, path: Path) -> Data:
    """Return the table with the rows of a file beside it."""
    rows, twice = _rows_like(table, _read(table, path), path)
    notices = [f"{twice} of the {len(rows)} unlabelled rows are also in {table.origin['file']}"] if twice else []
    return replace(
        table,
        unlabeled=rows,
        origin=table.origin | {"unlabeled": _origin(rows, path)},
        notices=(*table.notices, *notices),
    )


def with_test(table: Data, path: Path) -> Data:
    """Return the table with a hold-out beside it, which has the target, too."""
    target = table.origin["target"]
    as_text = table.y.dtype.kind == "U"
    frame = _read(table, path, [target] if as_text else [])
    if target not in frame:
        raise InvalidInputError(f"{path}: no column {target!r}, the target{nearest(target, list(frame.columns))}")
    column = as_numbers(frame[target], table.task)
    known = column.notna()
    notices = [f"{int((~known).sum())} rows of {path.name} have no target and are left out"] if not known.all() else []
    frame, column = frame[known].reset_index(drop=True), column[known].reset_index(drop=True)
    if frame.empty:
        raise InvalidInputError(f"{path}: every value of the target {target!r} is missing.")
    if table.task == "regression":
        numeric = pd.api.types.is_numeric_dtype(column)
        y = column.to_numpy(float) if numeric else None
        if y is None or not np.isfinite(y).all():
            raise InvalidInputError(f"{path}: the target {target!r} isn't numeric and finite throughout; fix the file.")
    else:
        y = as_labels(column, path)
        unknown = np.setdiff1d(y.astype(str), table.y.astype(str))
        if len(unknown):
            raise InvalidInputError(
                f"{path}: {target!r} has classes that {table.origin['file']} hasn't: {', '.join(unknown[:5])}. Leave"
                " these rows out, or add such rows to the table."
            )
        y = y.astype(table.y.dtype)
    rows, twice = _rows_like(table, frame, path)
    if twice:
        notices.append(
            f"{twice} of the {len(rows)} rows of {path.name} are also in {table.origin['file']}; scores on them are"
            " optimistically biased"
        )
    return replace(
        table,
        test=(rows, y),
        origin=table.origin | {"test": _origin(rows, path)},
        notices=(*table.notices, *notices),
    )


def _read(table: Data, path: Path, texts: list[str] | None = None) -> pd.DataFrame:
    """A file whose columns of texts are texts as in the table, though they may look like numbers."""
    return read_table(path, texts=[name for name in table.X if kind_of(table.X[name]) == "texts"] + (texts or []))


def _rows_like(table: Data, frame: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, int]:
    """The columns of the table, and how many of the rows are in the table as well."""
    rows = like_training(frame, {name: kind_of(table.X[name]) for name in table.X}, path)
    known = set(row_keys(table.X))
    return rows, sum(key in known for key in row_keys(rows))


def _origin(rows: pd.DataFrame, path: Path) -> dict[str, Any]:
    return {"file": path.name, "fingerprint": fingerprint(path), "rows": len(rows)}
