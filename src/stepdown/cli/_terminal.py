"""What reaches the terminal, and what happens when its reader has left.

Results go to standard output, all else to standard error. With --json the result is one document and its text goes to
standard error, too; with --quiet nothing is said but errors. A reader that has left (``stepdown run ... | head``) never
stops the work: messages are dropped, and results are printed after everything has been written.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NamedTuple, TextIO

from rich.console import Console
from rich.text import Text

from stepdown.ship import shown


class Output(NamedTuple):
    """What the options of a command say about what is printed."""

    quiet: bool = False
    json: bool = False


_PLAIN = Output()
_OUTPUT: ContextVar[Output] = ContextVar("output", default=_PLAIN)


@contextmanager
def printing(output: Output) -> Iterator[None]:
    """Print as the options say."""
    token = _OUTPUT.set(output)
    try:
        yield
    finally:
        _OUTPUT.reset(token)


def output() -> Output:
    """Return how the command at work prints."""
    return _OUTPUT.get()


def show(text: str, drawn: Any = None) -> None:
    """Print a result for people: `drawn`, if there is one, on a terminal, else `text`."""
    if output().quiet:
        return
    console = Console(stderr=output().json)
    if console.is_terminal and drawn is not None:
        console.print(drawn)
        return
    # Column names and labels are the file's, and must not steer the terminal.
    text = "\n".join(shown(line) for line in text.split("\n"))
    if output().json:
        _to_stderr(text)
    else:
        # Rich would fold lines to 80 columns.
        print(text, flush=True)


def give(document: str) -> None:
    """Print the result as a JSON document, if that was asked for."""
    if output().json:
        print(document.rstrip("\n"), flush=True)


def tell(text: str, style: str = "", *, always: bool = False) -> None:
    """Print a line that is not a result to standard error; `style` is for its first word."""
    if output().quiet and not always:
        return
    head, space, rest = shown(" ".join(text.split())).partition(" ")
    console = Console(stderr=True)
    if console.is_terminal:
        console.print(Text.assemble((head, style), space, rest), soft_wrap=True)
    else:
        _to_stderr(f"{head}{space}{rest}")


def _to_stderr(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
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
