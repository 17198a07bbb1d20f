"""Rows without a target, from a file of their own, brought into the form of the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from stepdown.core import InvalidInputError
from stepdown.oracle._answer_file import row_keys

from ._data import Data, fingerprint, read_table, refuse_cells


def with_unlabeled(table: Data, path: Path) -> Data:
    """Return the table with the rows of a file beside it."""
    kinds = {name: _kind(table.X[name]) for name in table.X}
    frame = read_table(path, texts=[name for name, kind in kinds.items() if kind == "texts"])
    missing = [name for name in kinds if name not in frame.columns]
    if missing:
        raise InvalidInputError(
            f"{path}: {len(missing)} of the table's {len(kinds)} columns are missing: {', '.join(missing[:10])}"
            f"{', ...' if len(missing) > 10 else '.'}"
        )
    rows = frame[list(kinds)]
    refuse_cells(rows, path)
    for name, kind in kinds.items():
        found = _kind(rows[name])
        if kind and found and found != kind:
            raise InvalidInputError(f"{path}: column {name!r} holds {found}, and in the table {kind}; mend the file.")
    known = set(row_keys(table.X))
    twice = sum(key in known for key in row_keys(rows))
    notices = [f"{twice} of the {len(rows)} unlabelled rows stand in {table.origin['file']}, too"] if twice else []
    origin = {"file": path.name, "fingerprint": fingerprint(path), "rows": len(rows)}
    return replace(
        table,
        unlabeled=rows,
        origin=table.origin | {"unlabeled": origin},
        notices=(*table.notices, *notices),
    )


def _kind(column: pd.Series[Any]) -> str:
    """What a column holds, in a word; nothing where every value is missing."""
    values = column.dropna()
    if values.empty:
        return ""
    if pd.api.types.is_bool_dtype(values.infer_objects()):
        return "truth values"
    if pd.api.types.is_numeric_dtype(values):
        return "numbers"
    return "points in time" if pd.api.types.is_datetime64_any_dtype(values) else "texts"
