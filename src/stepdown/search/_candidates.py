"""The record of a search: one row a hop tried."""

from __future__ import annotations

from typing import Any

from stepdown.core import TransferMethod


class Table(list[dict[str, Any]]):
    """Rows of plain JSON types, all with the same keys; a list in all respects, and a data frame on request.

    Examples
    --------
    >>> table = Table([{"name": "a", "score": 1.0}])
    >>> table[0]["score"], list(table.to_frame().columns)
    (1.0, ['name', 'score'])
    """

    def to_frame(self) -> Any:
        """Return a ``pandas.DataFrame`` with the rows in order."""
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_frame needs pandas: pip install pandas. The table itself is a list.") from error
        return pd.DataFrame(list(self))


def hop_row(
    source: str,
    target: str,
    method: TransferMethod,
    score: float | None,
    validated: str,
    *,
    std_error: float | None = None,
    fits: int = 0,
    seconds: float = 0.0,
) -> dict[str, Any]:
    """One hop of a search."""
    return {
        "source": source,
        "target": target,
        "method": repr(method),
        "score": score,
        "std_error": std_error,
        "validated": validated,
        "fits": fits,
        "seconds": seconds,
    }
