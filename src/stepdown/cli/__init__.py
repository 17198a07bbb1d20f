"""The command line, ``stepdown``; needs the extra ``stepdown[cli]``."""

from __future__ import annotations

import sys
from importlib.util import find_spec

__all__ = ["main"]

NEEDED = ("typer", "rich", "skrub", "pandas", "pyarrow", "skops")


def main() -> None:
    """Run the command line; say what to install where something is missing.

    Raises
    ------
    SystemExit
        With code 0, with 1 for data that can't be learned from, with 2 for a request that can't be met, with 130 when
        interrupted, with 143 when terminated, with 141 when the reader of the results has left.
    """
    missing = [package for package in NEEDED if find_spec(package) is None]
    if missing:
        print(f'stepdown: the command line needs {", ".join(missing)}: pip install "stepdown[cli]"', file=sys.stderr)
        raise SystemExit(2)
    from ._app import app

    app()
