"""The JSON of a benchmark: small, and one row a line, so that a difference between two runs can be read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
DIGITS = 6


def write(path: Path, record: dict[str, Any]) -> None:
    """One entry a line, and one row a line where the entry is a list or a dict of rows; numbers with six digits."""
    entries = ",\n".join(f"{json.dumps(name)}: {_entry(value)}" for name, value in _plain(record).items())
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")  # an interrupted run leaves the old file whole
    part.write_text(f"{{\n{entries}\n}}\n")
    part.replace(path)


def read(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def _entry(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return "[\n" + ",\n".join(map(_compact, value)) + "\n]"
    if isinstance(value, dict) and value and all(isinstance(row, dict) for row in value.values()):
        return "{\n" + ",\n".join(f"{json.dumps(name)}: {_compact(row)}" for name, row in value.items()) + "\n}"
    return _compact(value)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """Python's own types, rounded."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "tolist"):  # an array or a number of numpy
        return _plain(value.tolist())
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, float) and math.isfinite(value):
        return float(f"{value:.{DIGITS}g}")
    return value
