"""What the library says while it works, on the terminal, and how long that may still take."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.markup import escape

from stepdown.core import in_words, listening

from ._terminal import hush, output

SOON = 30.0
"""Seconds between lines about a long step, where there is no terminal."""


class Ahead:
    """How long the rest takes, by how long the steps so far took.

    Parameters
    ----------
    steps : mapping of str to float
        The messages that tell of steps, in their order, with the seconds that are expected of each.
    now : float

    Examples
    --------
    >>> ahead = Ahead({"digging": 60.0, "planting": 30.0}, now=0.0)
    >>> ahead.left(10.0)
    80.0
    >>> ahead.told("digging", (0, 4), 10.0)
    >>> ahead.told("digging", (2, 4), 70.0)  # twice as slow as expected
    >>> ahead.left(70.0)
    120.0
    """

    def __init__(self, steps: Mapping[str, float], now: float) -> None:
        self.names, self.expected = list(steps), list(steps.values())
        self.place, self.begun, self.last = -1, now, now
        self.rest = sum(self.expected)
        self.pace = 1.0

    def told(self, name: str, progress: tuple[int, int] | None, now: float) -> None:
        """Hear that a step has begun, or how many of how many parts of it are done; others don't count."""
        if name in self.names[max(self.place, 0) :]:
            place = self.names.index(name)
            if place > self.place:
                self.place, self.begun = place, now
            done, total = progress or (0, 1)
            here = self.pace * self.expected[place]
            spent = now - self.begun
            # What is done at once was read from memory= and says nothing about the rest.
            if done and spent > 1:
                here = spent * total / done
                self.pace = here / (self.expected[place] or here)
            self.rest = here * (1 - done / max(total, 1)) + self.pace * sum(self.expected[place + 1 :])
            self.last = now

    def left(self, now: float) -> float:
        """Seconds."""
        return max(0.0, self.rest - (now - self.last))


class Clock:
    """What is known of how long the whole takes: its parts, such as outer folds, and the steps of the present one."""

    def __init__(self) -> None:
        self.ahead: Ahead | None = None
        self.begun = 0.0
        self.parts: tuple[int, int] | None = None

    def told(self, record: logging.LogRecord, now: float) -> None:
        """Hear a record of the log."""
        progress = getattr(record, "progress", None)
        if hasattr(record, "steps"):
            self.ahead = Ahead(record.steps, now)
        elif self.ahead is not None:
            self.ahead.told(record.msg, progress, now)
        if progress is not None and record.levelno >= logging.INFO and not hasattr(record, "steps"):
            self.begun = now if self.parts is None or progress[0] == 0 else self.begun
            self.parts, self.ahead = progress, None

    def left(self, now: float) -> float | None:
        """Seconds; None where that can't be known yet."""
        here = None if self.ahead is None else self.ahead.left(now)
        if self.parts is None:
            return here
        done, total = self.parts
        spent = now - self.begun
        whole = spent / done if done else None if here is None else spent + here
        if whole is None:
            return None
        return max(0.0, whole * total - spent)


class _Steps(logging.Handler):
    """Shows the current step beside a spinner; line by line where there is no terminal.

    A record with ``progress``, how many of how many parts are done, and one with ``steps``, the seconds that are
    expected of those to come by their messages, tell how long the rest takes. The parts inside a step, logged for
    debugging, are shown on a terminal, and elsewhere now and then.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(logging.DEBUG)
        self.console = console
        self.status = console.status("starting")
        self.started = self.shown = time.perf_counter()
        self.step = "starting"
        self.clock = Clock()

    def emit(self, record: logging.LogRecord) -> None:
        now = time.perf_counter()
        inside = record.levelno < logging.INFO
        message = record.getMessage()
        progress: tuple[int, int] | None = getattr(record, "progress", None)
        if inside and progress is None:
            return
        self.clock.told(record, now)
        if inside and progress is not None:
            message = f"{self.step}: {message} ({progress[0]} of {progress[1]})"
        else:
            self.step = message
        left = None if hasattr(record, "steps") else self.clock.left(now)
        if left is not None and left >= 1:
            message += f", about {in_words(left)} left"
        line = f"{now - self.started:5.1f} s  {message}"
        try:
            if self.console.is_terminal:
                self.status.update(escape(line))
            elif not inside or now - self.shown >= SOON:
                self.shown = now
                # Not by rich, which takes a reader that has left for a reason to exit.
                print(line, file=self.console.file, flush=True)
        except BrokenPipeError:
            hush(self.console.file)  # type: ignore[arg-type]  # rich says IO[str]
        except Exception:
            self.handleError(record)


@contextmanager
def told_on(console: Console) -> Iterator[None]:
    """Tell what the logger "stepdown" says; afterwards the logger is as it was. With --quiet nothing is told."""
    if output().quiet:
        yield
        return
    handler = _Steps(console)
    with listening(handler, logging.DEBUG), handler.status if console.is_terminal else nullcontext():
        yield
