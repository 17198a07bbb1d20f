"""Rows for people and programs: a list of dicts that prints as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Table(list[dict[str, Any]]):
    """Rows of plain JSON types, all with the same keys; a list in all respects, and a data frame on request.

    Parameters
    ----------
    rows : iterable of dict
    note : str
        What has to be known before the rows are read: the first line of the printed table.

    Examples
    --------
    >>> table = Table([{"name": "a", "score": 0.98765, "chosen": True}, {"name": "bc", "score": None, "chosen": False}])
    >>> table
    name   score  chosen
    a     0.9877  yes
    bc         -  no
    >>> table[0]["score"], list(table.to_frame().columns)
    (0.98765, ['name', 'score', 'chosen'])
    """

    note: str = ""

    def __init__(self, rows: Iterable[dict[str, Any]] = (), note: str = "") -> None:
        super().__init__(rows)
        self.note = note

    def to_frame(self) -> Any:
        """Return a ``pandas.DataFrame`` with the rows in order."""
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_frame needs pandas: pip install pandas. The table itself is a list.") from error
        return pd.DataFrame([dict(row) for row in self])

    def __repr__(self) -> str:
        if not self:
            return "[]"
        columns = [_column(str(key), [row[key] for row in self]) for key in self[0]]
        lines = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
        return "\n".join([self.note, *lines] if self.note else lines)


class WayRow(dict[str, Any]):
    """A row of `comparison_`; what was once called "arm" is still found under that key."""

    def __missing__(self, key: str) -> Any:
        if key != "arm":
            raise KeyError(key)
        return self["way"]


def _column(head: str, values: list[Any]) -> list[str]:
    numbers = all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)
    cells = [head, *map(_cell, values)]
    width = max(map(len, cells))
    return [cell.rjust(width) if numbers else cell.ljust(width) for cell in cells]


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case _:
            return str(value)
