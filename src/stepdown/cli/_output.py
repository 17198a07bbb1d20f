"""A folder that appears whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from stepdown.oracle import AlreadyLockedError, locked

from ._errors import UsageError

PART = ".part"


def check_free(folder: Path) -> Path:
    """Refuse a folder that holds something, or that can't be made; return it."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; give --out another folder.")
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder}: the output folder is in use; give --out another one, or empty it.")
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise UsageError(f"{folder}: {above} is not writable.")
    return folder


def free_folder(name: str) -> Path:
    """Return the first of name, name-2, name-3, ... in the current folder that isn't in use."""
    candidates = (Path(name if number == 1 else f"{name}-{number}") for number in count(1))
    return check_free(next(path for path in candidates if not path.exists()))


def check_memory(memory: Path, out: Path) -> None:
    """Refuse a memory folder that can't be made, or that is in the way of the results."""
    if memory.exists() and not memory.is_dir():
        raise UsageError(f"{memory} is a file; give --memory another folder.")
    above = next(path for path in (memory.absolute(), *memory.absolute().parents) if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise UsageError(f"{memory}: {above} is not writable.")
    if out.absolute() in (memory.absolute(), *memory.absolute().parents):
        raise UsageError(
            f"{memory}: the memory folder is inside the output folder, which must be empty; choose another one."
        )


def clear_parts(path: Path) -> None:
    """Remove what killed runs have left beside a result; what a living one is writing has its lock."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.\w{{1,10}}{re.escape(PART)}")
    for part in path.absolute().parent.iterdir():
        if ours.fullmatch(part.name):
            with suppress(OSError, AlreadyLockedError), locked(part):
                shutil.rmtree(part) if part.is_dir() else part.unlink()


@contextmanager
def used_alone(memory: Path) -> Iterator[None]:
    """Keep a memory folder for this run: two that share one would pay twice for the same answers."""
    memory.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with locked(memory):
            yield
    except AlreadyLockedError as error:
        raise UsageError(f"{memory}: another run uses this memory folder; wait for it, or give another one.") from error


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside `folder`, and make it `folder` when all went well.

    After an error or an interruption nothing of it is left, and what a killed run left is cleared by the next one. The
    folder may have come into use in the meantime; then it is refused as by `check_free`, and not overwritten.
    """
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    clear_parts(folder)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=PART, dir=folder.parent))
    try:
        with locked(part):
            yield part
        # mkdtemp makes it private to the user; what ships has the rights of any new folder.
        mask = os.umask(0)
        os.umask(mask)
        part.chmod(0o777 & ~mask)
        check_free(folder)
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
