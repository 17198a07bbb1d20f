"""Numbers in words and digits: the same in every renderer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
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
        # + 0.0 turns -0.0 into 0.0.
        return f"{round(100 * score, 1) + 0.0:.1f}" if self.in_points else figure(score)

    def spread(self, score: float | None) -> str:
        return f"±{self.value(score)}" if _known(score) else NOTHING

    def difference(self, gap: float | None) -> str:
        if not _known(gap):
            return NOTHING
        # + 0.0 turns -0.0 into 0.0.
        if self.in_points:
            return f"{round(100 * gap, 1) + 0.0:+.1f}"
        return f"{'-' if gap < 0 else '+'}{figure(abs(gap))}"

    def interval(self, row: Mapping[str, Any]) -> str:
        """Return "+1.2 [+0.3, +2.1]"."""
        low, high = row.get("low"), row.get("high")
        bounds = f" [{self.difference(low)}, {self.difference(high)}]" if _known(low) and _known(high) else ""
        return self.difference(row.get("difference")) + bounds


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def figure(value: float | None, digits: int = 3) -> str:
    """Return a number as people write it: so many digits, thousands apart, no exponent.

    Examples
    --------
    >>> figure(0.00006142), figure(1234567.8), figure(2.50), figure(-0.0)
    ('0.0000614', '1,234,568', '2.5', '0')
    """
    if not _known(value):
        return NOTHING
    if value == 0:
        return "0"
    if not 1e-9 <= abs(value) < 1e15:
        return f"{value:.{digits}g}"
    exact = Decimal(f"{value:.{digits}g}")
    if abs(exact) >= 10**digits:
        return f"{value:,.0f}"
    text = f"{exact:f}"
    return text.rstrip("0").rstrip(".") if "." in text else f"{int(text):,}"


def share(value: float | None) -> str:
    """Return a share of all as a percentage; a small one is never 0.

    Examples
    --------
    >>> share(0.1234), share(0.0004), share(1.0)
    ('12.3 %', '0.04 %', '100 %')
    """
    if not _known(value):
        return NOTHING
    percent = 100 * value
    if 0 < abs(percent) < 0.1 or 99.9 < percent < 100:
        return f"{figure(percent, 1 if percent < 1 else 4)} %"
    text = f"{percent:.1f}"
    return f"{text.removesuffix('.0') if percent in (0, 100) else text} %"


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
