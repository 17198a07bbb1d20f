"""Rows without a target, from a file of their own, brought into the form of the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stepdown.oracle._answer_file import row_keys

from ._data import Data, fingerprint, kind_of, like_training, read_table


def with_unlabeled(table: Data, path: Path) -> Data:
    """Return the table with the rows of a file beside it."""
    kinds = {name: kind_of(table.X[name]) for name in table.X}
    frame = read_table(path, texts=[name for name, kind in kinds.items() if kind == "texts"])
    rows = like_training(frame, kinds, path)
    known = set(row_keys(table.X))
    twice = sum(key in known for key in row_keys(rows))
    notices = [f"{twice} of the {len(rows)} unlabelled rows are also in {table.origin['file']}"] if twice else []
    origin = {"file": path.name, "fingerprint": fingerprint(path), "rows": len(rows)}
    return replace(
        table,
        unlabeled=rows,
        origin=table.origin | {"unlabeled": origin},
        notices=(*table.notices, *notices),
    )
