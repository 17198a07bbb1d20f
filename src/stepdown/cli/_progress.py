"""What the library says while it works, on the terminal."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.markup import escape

from ._terminal import hush


class _Steps(logging.Handler):
    """Shows the current step beside a spinner; line by line where there is no terminal."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self.console = console
        self.status = console.status("starting")
        self.started = time.perf_counter()

    def emit(self, record: logging.LogRecord) -> None:
        message = f"{time.perf_counter() - self.started:5.1f} s  {record.getMessage()}"
        try:
            if self.console.is_terminal:
                self.status.update(escape(message))
            else:
                # Not by rich, which takes a reader that has left for a reason to exit.
                print(message, file=self.console.file, flush=True)
        except BrokenPipeError:
            hush(self.console.file)  # type: ignore[arg-type]  # rich says IO[str]
        except Exception:
            self.handleError(record)


@contextmanager
def told_on(console: Console) -> Iterator[None]:
    """Tell what the logger "stepdown" says at level INFO; afterwards the logger is as it was."""
    logger = logging.getLogger("stepdown")
    handler, level = _Steps(console), logger.level
    logger.addHandler(handler)
    if logger.getEffectiveLevel() > logging.INFO:
        logger.setLevel(logging.INFO)
    try:
        with handler.status if console.is_terminal else nullcontext():
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
