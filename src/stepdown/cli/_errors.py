"""Two kinds of errors that users can fix: words on the command line, and data."""

from __future__ import annotations

from stepdown.core import InvalidInputError, NotSupportedError, StepdownError


class UsageError(InvalidInputError):
    """A request that can't be met, whatever the rows hold: an option, a name, a file that isn't there."""


def exit_code(error: StepdownError) -> int:
    """Return 2 for a request that can't be met, 1 for data that can't be learned from."""
    return 2 if isinstance(error, UsageError | NotSupportedError) else 1
