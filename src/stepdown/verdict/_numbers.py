"""Numbers in words and digits: the same in every renderer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

# Scores between 0 and 1 are shown in points, hundredths of their range.
IN_POINTS = (
    "accuracy",
    "balanced_accuracy",
    "f1",
    "precision",
    "recall",
    "roc_auc",
    "average_precision",
    "r2",
    "jaccard",
)
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Scale:
    """How the numbers of one score are shown."""

    scorer: str

    @property
    def in_points(self) -> bool:
        return self.scorer.startswith(IN_POINTS)

    @property
    def unit(self) -> str:
        """What follows a difference: " points", or nothing for a score with a unit of its own."""
        return " points" if self.in_points else ""

    def value(self, score: float | None) -> str:
        if not _known(score):
            return NOTHING
        return f"{100 * score:.1f}" if self.in_points else three_digits(score)

    def spread(self, score: float | None) -> str:
        return f"±{self.value(score)}" if _known(score) else NOTHING

    def difference(self, gap: float | None) -> str:
        if not _known(gap):
            return NOTHING
        # + 0.0 turns -0.0 into 0.0.
        return f"{round(100 * gap, 1) + 0.0:+.1f}" if self.in_points else f"{float(f'{gap:.3g}') + 0.0:+.3g}"

    def interval(self, row: Mapping[str, Any]) -> str:
        """Return "+1.2 [+0.3, +2.1]"."""
        low, high = row.get("low"), row.get("high")
        bounds = f" [{self.difference(low)}, {self.difference(high)}]" if _known(low) and _known(high) else ""
        return self.difference(row.get("difference")) + bounds


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def three_digits(value: float | None) -> str:
    return f"{value:.3g}" if _known(value) else NOTHING


def count(value: float | None) -> str:
    """Return a whole number with its thousands apart."""
    return f"{round(value):,}" if _known(value) else NOTHING


def seconds(value: float | None) -> str:
    if not _known(value):
        return NOTHING
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def size(complexity: Any) -> str:
    """Return the text of a model's complexity, or its size."""
    if isinstance(complexity, Mapping):
        return str(complexity["text"]) if complexity.get("text") else count(complexity.get("size"))
    return NOTHING if complexity is None else str(complexity)
