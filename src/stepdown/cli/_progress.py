"""What the library says while it works, on the terminal, and how long that may still take."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.markup import escape

from stepdown.core import in_words, listening

from ._terminal import hush, output


class _Steps(logging.Handler):
    """Shows the current step beside a spinner; line by line where there is no terminal.

    A record with ``progress``, how many of how many parts are done, says how long the rest of them takes if it goes on
    as it has begun. One with ``remaining``, seconds, says what later ones count down. The parts inside a step, logged
    for debugging, are shown on a terminal only.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(logging.DEBUG)
        self.console = console
        self.status = console.status("starting")
        self.started = time.perf_counter()
        self.step = "starting"
        self.ends = self.started
        self.begun: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        now = time.perf_counter()
        inside = record.levelno < logging.INFO
        message = record.getMessage()
        progress: tuple[int, int] | None = getattr(record, "progress", None)
        if inside and progress is None:
            return
        if progress is not None:
            done, total = progress
            if done == 0 or record.msg not in self.begun:
                self.begun[record.msg] = now
            message += f" ({done} of {total})" if inside else ""
            message += time_left(now - self.begun[record.msg], done, total)
        elif now < self.ends:
            message += f", about {in_words(self.ends - now)} left before the students"
        self.ends = now + getattr(record, "remaining", self.ends - now)
        if not inside:
            self.step = message
        elapsed = f"{now - self.started:5.1f} s"
        try:
            if self.console.is_terminal:
                self.status.update(escape(f"{elapsed}  {self.step}: {message}" if inside else f"{elapsed}  {message}"))
            elif not inside:
                # Not by rich, which takes a reader that has left for a reason to exit.
                print(f"{elapsed}  {message}", file=self.console.file, flush=True)
        except BrokenPipeError:
            hush(self.console.file)  # type: ignore[arg-type]  # rich says IO[str]
        except Exception:
            self.handleError(record)


def time_left(seconds: float, done: int, total: int) -> str:
    """Return how long the rest takes when `done` parts took so many seconds; nothing where that can't be known yet.

    Examples
    --------
    >>> time_left(60.0, 2, 10), time_left(3.0, 2, 3), time_left(3.0, 0, 3)
    (', about 4 min left', ', about 2 s left', '')
    """
    if not 0 < done < total:
        return ""
    return f", about {in_words(seconds / done * (total - done))} left"


@contextmanager
def told_on(console: Console) -> Iterator[None]:
    """Tell what the logger "stepdown" says; afterwards the logger is as it was. With --quiet nothing is told."""
    if output().quiet:
        yield
        return
    handler = _Steps(console)
    with listening(handler, logging.DEBUG), handler.status if console.is_terminal else nullcontext():
        yield
