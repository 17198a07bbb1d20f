"""A summary as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._tables import check_schema


def render_json(summary: Mapping[str, Any]) -> str:
    """Render a summary as JSON that every reader takes: numbers that aren't finite become null.

    Parameters
    ----------
    summary : mapping
        Of schema 1; NumPy scalars and arrays are taken too.

    Returns
    -------
    str
        With a newline at the end.

    Raises
    ------
    TypeError
        If a value is neither a JSON type nor NumPy's.
    ValueError
        If the summary is of another schema.

    Examples
    --------
    >>> print(render_json({"schema": 1, "seed": np.int64(3), "score": float("nan")}))
    {
      "schema": 1,
      "seed": 3,
      "score": null
    }
    <BLANKLINE>
    """
    check_schema(summary)
    return json.dumps(plain(summary), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Return the same in plain JSON types."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    raise TypeError(f"summary: {type(value).__name__} is not a JSON type; expected numbers, strings, lists and dicts.")
