"""Who listens to the log while something is at work, and what `verbose` prints of it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident

log = logging.getLogger("stepdown")

_lock = Lock()
_levels: list[int] = []
_level_before = logging.NOTSET


def in_words(seconds: float) -> str:
    """Return a time in the unit that people would name it in.

    Examples
    --------
    >>> in_words(240.0), in_words(2.3), in_words(0.1)
    ('4 min', '2 s', '1 s')
    """
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 1.0):.0f} s"


@contextmanager
def listening(handler: logging.Handler, level: int) -> Iterator[None]:
    """Give a handler what the logger "stepdown" says from a level on.

    Threads may listen at once, each with a handler of its own: the logger has its former level again when the last of
    them has left.
    """
    global _level_before
    with _lock:
        if not _levels:
            _level_before = log.level
        _levels.append(level)
        log.addHandler(handler)
        log.setLevel(min(level, log.getEffectiveLevel()))
    try:
        yield
    finally:
        with _lock:
            log.removeHandler(handler)
            _levels.remove(level)
            log.setLevel(_level_before)
            if _levels:
                log.setLevel(min(*_levels, log.getEffectiveLevel()))


@contextmanager
def printing(verbose: int) -> Iterator[None]:
    """Print what the logger "stepdown" says in this thread: from 1 on the steps, from 2 on their details, too.

    Jobs in other threads and processes keep to the log of theirs.

    Examples
    --------
    >>> with printing(1):
    ...     logging.getLogger("stepdown").info("fitting the teacher")
    [stepdown] fitting the teacher
    """
    if not verbose:
        yield
        return
    level, thread = logging.INFO if verbose == 1 else logging.DEBUG, get_ident()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("[stepdown] %(message)s"))
    handler.setLevel(level)
    handler.addFilter(lambda record: record.thread == thread)
    with listening(handler, level):
        yield
