"""What `verbose` prints: the log, on standard output."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def printing(verbose: int) -> Iterator[None]:
    """Print what the logger "stepdown" says: from 1 on the steps, from 2 on their details, too.

    In this process: jobs in other processes keep to the log of theirs.

    Examples
    --------
    >>> with printing(1):
    ...     logging.getLogger("stepdown").info("fitting the teacher")
    [stepdown] fitting the teacher
    """
    if not verbose:
        yield
        return
    log = logging.getLogger("stepdown")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("[stepdown] %(message)s"))
    level, wanted = log.level, logging.INFO if verbose == 1 else logging.DEBUG
    handler.setLevel(wanted)
    log.addHandler(handler)
    log.setLevel(min(wanted, log.getEffectiveLevel()))
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
