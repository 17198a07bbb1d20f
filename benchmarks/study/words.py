"""How the study's page says numbers: cells, intervals, situations, and what many comparisons are worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scipy.stats import binomtest

GIVEN = {"again": "made again", "frozen": "frozen", "hard answers": "hard answers"}
ALPHA = 0.05


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def many(tests: Sequence[float], what: str) -> str:
    """How many comparisons, how many of them by chance, and what survives Holm's correction."""
    low = sum(p < ALPHA for p in tests)
    held = 0
    for place, p in enumerate(sorted(tests)):
        if p > ALPHA / (len(tests) - place):
            break
        held += 1
    chance = binomtest(low, len(tests), ALPHA, alternative="greater").pvalue if tests else 1.0
    return (
        f"{len(tests)} comparisons of {what}: {low} with p below {ALPHA}, where {ALPHA * len(tests):.1f} are"
        " expected by"
        f" chance (as many or more would come by chance with probability {chance:.2g} if they were independent); {held}"
        f" after Holm's correction."
    )


def name_of(row: dict[str, Any]) -> str:
    """A situation in words."""
    parts = ["hard answers" if row["given"] == "hard answers" else f"teacher {GIVEN[row['given']]}"]
    if "student" in row:
        parts = [row["student"], f"{row['rows']:,} rows", *parts]
    told = f"{100 * row['noise']:.0f} % of the labels drawn anew" if row["noise"] else "labels as they came"
    return ", ".join([*parts, told])


def labels_of(noise: float) -> str:
    return f"{100 * noise:.0f} % drawn anew" if noise else "as they came"


def cell(effect: dict[str, Any] | None, *, interval_too: bool = False) -> str:
    if not effect:
        return ""
    if "std_error" not in effect:
        return number(effect["mean"])
    return f"{number(effect['mean'])} ± {effect['std_error']:.2f}" + (f" ({interval(effect)})" if interval_too else "")


def interval(effect: dict[str, Any]) -> str:
    return f"{number(effect['low'])} to {number(effect['high'])}" if "low" in effect else ""


def number(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def clear(effects: Sequence[dict[str, Any]]) -> str:
    """How often intervals lie on one side of 0."""
    low, high = sum(e.get("low", 0) > 0 for e in effects), sum(e.get("high", 0) < 0 for e in effects)
    return f"above 0 in {low} of {len(effects)}, below in {high}"
