"""What reaches the terminal, and what happens when its reader has left.

Results go to standard output, all else to standard error. A reader that has left (``stepdown run ... | head``) never
stops the work: messages are dropped, and results are printed after everything has been written.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text


def show(text: str, drawn: Any = None) -> None:
    """Print a result: `drawn`, if there is one, on a terminal, else `text`."""
    console = Console()
    if console.is_terminal and drawn is not None:
        console.print(drawn)
    else:
        # Rich would fold lines to 80 columns.
        print(text, flush=True)


def tell(text: str, style: str = "") -> None:
    """Print a line that is not a result to standard error; `style` is for its first word."""
    head, space, rest = " ".join(text.split()).partition(" ")
    console = Console(stderr=True)
    if console.is_terminal:
        console.print(Text.assemble((head, style), space, rest), soft_wrap=True)
        return
    try:
        print(f"{head}{space}{rest}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        hush(sys.stderr)


def hush(stream: TextIO) -> None:
    """Lead a stream whose reader has left to nowhere, so that the interpreter doesn't stumble over it at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def telling_warnings() -> Iterator[None]:
    """Print each warning once, in one line, without the line of source that raised it."""
    told: set[str] = set()

    def tell_once(message: Warning | str, *_: Any, **__: Any) -> None:
        line = " ".join(str(message).split())
        if line not in told:
            told.add(line)
            tell(f"warning: {line}", "bold yellow")

    with warnings.catch_warnings():
        warnings.showwarning = tell_once
        yield
