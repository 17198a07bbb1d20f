"""A teacher from a file with a label budget, and where its answers are kept."""

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


def with_budget(teacher: FrozenEstimator, file: Path, table: Data, budget: int, memory: Path | None) -> Queried:
    """Return the teacher with a budget of rows; what it answers is kept in `memory`."""
    if table.task != "classification":
        raise UsageError("--query-budget needs classes, and the target is numeric; see --task.")
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
def naming_the_file(teacher: Any, file: Path | None) -> Iterator[None]:
    """Say in one line that the teacher of a file fails on the first row that it is queried for.

    It can't be tried beforehand: every row counts.
    """
    try:
        yield
    except StepdownError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        if file is None or not isinstance(teacher, Queried) or teacher.n_queried:
            raise
        raise cannot_answer(file, error) from error


def queries_summary(teacher: Queried, table: Data, known_before: int) -> dict[str, Any]:
    """Return what was queried, in plain JSON types."""
    return {
        "budget": teacher.budget,
        "queried": teacher.n_queried,
        "queried_in_this_run": teacher.n_queried - known_before,
        "unlabeled": len(table.unlabeled),
        "store": None if teacher.store is None else Path(teacher.store).name,
    }


def queries_line(queries: Mapping[str, Any]) -> str:
    """Return the same in words."""
    return (
        f"The teacher was queried for {queries['queried']} unlabelled rows of a label budget of {queries['budget']},"
        f" {queries['queried_in_this_run']} of them in this run."
    )
