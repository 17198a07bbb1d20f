"""Fits are counted where they are made, before they are made, so that whoever set a limit can prevent one too many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_count: ContextVar[Callable[[int], None] | None] = ContextVar("count", default=None)


class BudgetSpentError(Exception):
    """The next fit would be one more than a search may make."""


def count_fits(n: int = 1) -> None:
    """Say that `n` models are about to be made; what a trainer does to fit one student counts as one.

    Examples
    --------
    >>> made = []
    >>> with counting(made.append):
    ...     count_fits(5)
    >>> count_fits(), made
    (None, [5])
    """
    count = _count.get()
    if count is not None:
        count(n)


def is_counting() -> bool:
    """Whether anybody counts; other threads and processes than this one wouldn't be heard."""
    return _count.get() is not None


@contextmanager
def counting(count: Callable[[int], None]) -> Iterator[None]:
    """Call `count` with the fits of what happens inside, after whoever counts around it; it may raise."""
    around = _count.get()

    def both(n: int) -> None:
        if around is not None:
            around(n)
        count(n)

    token = _count.set(both)
    try:
        yield
    finally:
        _count.reset(token)
