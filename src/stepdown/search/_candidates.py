"""The record of a search: one row a hop tried."""

from __future__ import annotations

from typing import Any

from stepdown.core import TransferMethod


def hop_row(source: str, target: str, method: TransferMethod) -> dict[str, Any]:
    """One hop of a search, of which nothing is known yet."""
    return {
        "source": source,
        "target": target,
        "method": repr(method),
        "score": None,
        "std_error": None,
        "validated": "",
        "fits": 0,
        "seconds": 0.0,
    }
