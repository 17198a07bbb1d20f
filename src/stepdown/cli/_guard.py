"""Files that were made to do harm, or were broken on the way: refused before they fill the memory."""

from __future__ import annotations

import io
import math
import os
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from stepdown.core import InvalidInputError

# Repetitive text shrinks to a fiftieth, a bomb to a thousandth.
MOST_RATIO = 200
ALWAYS_ALLOWED = 2**28  # bytes


class _Guarded(io.RawIOBase):
    """The bytes of a stream, looked at on the way."""

    def __init__(self, stream: Any, path: Path, most: float) -> None:
        self._stream, self._path, self._left = stream, path, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk: bytes = self._stream.read(len(buffer))
        buffer[: len(chunk)] = chunk
        self._left -= len(chunk)
        if self._left < 0:
            raise InvalidInputError(
                f"{self._path}: the file unpacks to more than {MOST_RATIO} times its size, which is not like a table;"
                " unpack it yourself if you trust it."
            )
        if b"\0" in chunk:
            # pandas would end a cell, or the table, there.
            raise InvalidInputError(
                f"{self._path}: the file holds NUL bytes, so it isn't UTF-8 text (UTF-16, perhaps); save it as UTF-8."
            )
        return len(chunk)


def guarded(stream: Any, path: Path, *, packed: bool) -> io.BufferedReader:
    """Bytes of text from an open file; what isn't text, or a bomb, is refused as soon as it is read."""
    return io.BufferedReader(_Guarded(stream, path, most_unpacked(path) if packed else math.inf), 2**18)


def most_unpacked(path: Path) -> int:
    """How many bytes a packed file may hold."""
    return max(ALWAYS_ALLOWED, MOST_RATIO * path.stat().st_size)


def refuse_bomb(path: Path) -> None:
    """Refuse a ZIP archive that would fill the memory; BadZipFile where it isn't one."""
    with ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > most_unpacked(path):
        raise InvalidInputError(f"{path}: the file would unpack to {unpacked:,} bytes, which is not like a model.")


def memory_here() -> float:
    """The bytes of this machine's memory; infinite where the system doesn't tell."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # Windows
        return math.inf
