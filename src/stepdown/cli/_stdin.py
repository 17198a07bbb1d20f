"""A table from standard input, where ``-`` stands for a file."""

from __future__ import annotations

import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stepdown.core import StepdownError

from ._errors import UsageError

# Options and arguments that name a table.
TABLES = ("data", "table", "unlabeled", "test")
# How files of the formats begin; anything else is taken for text.
BEGINNINGS = {
    b"PAR1": ".parquet",
    b"ARROW1": ".feather",
    b"FEA1": ".feather",
    b"PK\x03\x04": ".xlsx",
    b"BZh": ".csv.bz2",
    b"\xfd7zXZ\x00": ".csv.xz",
    b"\x28\xb5\x2f\xfd": ".csv.zst",
}
GZIPPED = b"\x1f\x8b"
START = 2**16


@contextmanager
def with_standard_input(given: dict[str, Any]) -> Iterator[None]:
    """Put a temporary file in the place of a table that is ``-``."""
    names = [name for name in TABLES if str(given.get(name)) == "-"]
    if len(names) > 1:
        raise UsageError("only one table can be read from standard input; give the others as files.")
    if not names:
        yield
        return
    if sys.stdin.isatty():
        raise UsageError("- reads a table from standard input, but nothing is piped into it.")
    with tempfile.TemporaryDirectory(prefix="stepdown-") as folder:
        start = sys.stdin.buffer.read(START)
        file = Path(folder) / f"stdin{_ending(start)}"
        with file.open("wb") as spool:
            spool.write(start)
            shutil.copyfileobj(sys.stdin.buffer, spool)
        given[names[0]] = file
        try:
            yield
        except StepdownError as error:
            # The name of the temporary file would tell the user nothing.
            raise type(error)(str(error).replace(str(file), "standard input")) from error


def _ending(start: bytes) -> str:
    packed = start.startswith(GZIPPED)
    if packed:
        start = zlib.decompressobj(wbits=31).decompress(start, START)
    ending = next((ending for begin, ending in BEGINNINGS.items() if start.startswith(begin)), None)
    if ending is None:
        text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
        ending = ".jsonl" if text.startswith(b"{") else ".json" if text.startswith(b"[") else ".csv"
    return f"{ending}.gz" if packed else ending
