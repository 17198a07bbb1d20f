"""A file or folder that one process uses at a time; the lock goes with the process, however that ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stepdown.core import StepdownError


class AlreadyLockedError(StepdownError):
    """A file or folder that another process holds."""


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a file or folder against other processes, until the end of the block or of the process.

    Raises
    ------
    AlreadyLockedError
        If another process holds it, unless `wait`.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    file = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise AlreadyLockedError(f"{path} is held by another process.") from error
        yield
    finally:
        os.close(file)
