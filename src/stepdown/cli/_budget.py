"""A teacher from a file that may be asked only so often, and where its answers are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sklearn.frozen import FrozenEstimator

from stepdown.core import StepdownError
from stepdown.oracle import Queried

from ._data import Data, fingerprint
from ._errors import UsageError
from ._teacher_file import cannot_answer


def purse(teacher: FrozenEstimator, file: Path, table: Data, budget: int, memory: Path | None) -> Queried:
    """Return the teacher with a budget of rows; what it answers is kept in `memory`."""
    if table.task != "classification":
        raise UsageError("--query-budget does classification, and the target is a number; see --task.")
    store = None
    if memory is not None:
        memory.mkdir(parents=True, exist_ok=True)
        # Answers are found by the values of a row, so teachers and orders of columns must not share a file.
        mine = hashlib.sha256("\n".join([fingerprint(file), *map(repr, table.X.columns)]).encode()).hexdigest()
        store = memory / f"answers-{mine[:16]}.jsonl"
    queried = Queried(teacher, budget, store=store)
    queried.check()
    return queried


@contextmanager
def asking(teacher: Any, file: Path | None) -> Iterator[None]:
    """Say in one line that the teacher fails on the first row that it is asked about.

    Rows that aren't counted can't be spent on trying it beforehand.
    """
    try:
        yield
    except StepdownError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        if file is None or not isinstance(teacher, Queried) or teacher.n_asked:
            raise
        raise cannot_answer(file, error) from error


def asked_summary(teacher: Queried, table: Data, known_before: int) -> dict[str, Any]:
    """Return what was asked, in plain JSON types."""
    return {
        "budget": teacher.budget,
        "asked": teacher.n_asked,
        "asked_in_this_run": teacher.n_asked - known_before,
        "unlabeled": len(table.unlabeled),
        "store": None if teacher.store is None else Path(teacher.store).name,
    }


def asked_line(queries: Mapping[str, Any]) -> str:
    """Return the same in words."""
    return (
        f"The teacher has answered {queries['asked']} unlabelled rows of a budget of {queries['budget']},"
        f" {queries['asked_in_this_run']} of them in this run."
    )
