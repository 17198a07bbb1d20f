"""What a search may spend.

A fit is a model made: a hop's, a fold's, one of those behind an out-of-fold signal, one that a method makes for its own
ends. What a trainer does to fit one student counts as one.
"""

from __future__ import annotations

import time
from typing import Any

from stepdown.core import BudgetSpentError, InvalidInputError


def check_limits(search: Any, max_fits: float | None, max_seconds: float | None) -> None:
    """Refuse a budget that isn't positive."""
    if any(limit is not None and not limit > 0 for limit in (max_fits, max_seconds)):
        raise InvalidInputError(f"{search!r}: a budget must be positive; None means no limit.")


class Budget:
    """Fits and seconds; nothing begins that they don't allow.

    Examples
    --------
    >>> budget = Budget(10, None)
    >>> budget.count(8)
    >>> budget.count(3)
    Traceback (most recent call last):
    ...
    stepdown.core._counting.BudgetSpentError: 3 fits more than 8 are over the limit of 10
    >>> budget.spent, budget.allows(2)
    (8, True)
    """

    def __init__(self, fits: int | None = None, seconds: float | None = None) -> None:
        self._fits = float("inf") if fits is None else float(fits)
        self._deadline = float("inf") if seconds is None else time.monotonic() + seconds
        self.spent = 0

    @property
    def is_endless(self) -> bool:
        """Whether nothing is limited."""
        return self._fits == self._deadline == float("inf")

    def allows(self, fits: int) -> bool:
        """Whether so many fits more may be made."""
        return time.monotonic() <= self._deadline and self.spent + fits <= self._fits

    def count(self, fits: int) -> None:
        """Spend fits that are about to be made, or raise `BudgetSpentError` where they may not be."""
        if not self.allows(fits):
            raise BudgetSpentError(f"{fits} fits more than {self.spent} are over the limit of {self._fits:g}")
        self.spent += fits
