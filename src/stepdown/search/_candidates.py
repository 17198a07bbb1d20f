"""The record of a search: one row a hop tried."""

from __future__ import annotations

from typing import Any

from stepdown.core import TransferMethod


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
