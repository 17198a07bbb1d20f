"""Hops, and the loop that runs them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import StepdownError
from ._method import Trainer, TransferMethod
from ._seeds import derive_seed
from ._table import Table
from ._teacher import Teacher, as_teacher
from ._transfer_set import TransferSet

log = logging.getLogger("stepdown")


@dataclass(frozen=True, slots=True)
class Hop:
    """One transfer that is to be made: which student, by which method, fitted by which trainer.

    Parameters
    ----------
    student : estimator
        Unfitted.
    method : TransferMethod
    trainer : Trainer, optional
        None means the student's own ``fit``.
    name : str
        Names the student; also what the hop's seed is derived from.
    """

    student: Any
    method: TransferMethod
    trainer: Trainer | None = None
    name: str = "student"


@dataclass(frozen=True, slots=True)
class HopRecord:
    """One transfer that was made.

    Parameters
    ----------
    name : str
        The student's name.
    teachers : tuple of str
        Names of the earlier models that were asked, the nearest last; empty for the complex model itself and for a
        model that learned from labels.
    method : TransferMethod or None
        None for a model that was not taught (the first of a chain).
    trainer : Trainer or None
    model : estimator
        The fitted student.
    complexity : object or None
        What `measure` returned for it.
    score : float or None
        Validated on training data only; None where nothing was validated.
    seconds : float
        Wall-clock seconds of the hop, teacher signals included where it was the first to ask for them.
    notes : mapping or None
        What the method says about how it taught, as in `TransferSet.notes`; of the last hop of a search.
    """

    name: str
    teachers: tuple[str, ...]
    method: TransferMethod | None
    trainer: Trainer | None
    model: Any
    complexity: Any = None
    score: float | None = None
    seconds: float = 0.0
    notes: Mapping[str, float] | None = None

    def __str__(self) -> str:
        source = f"{' + '.join(self.teachers)} -> " if self.teachers else ""
        how = "" if self.method is None else f" by {self.method}"
        size = "" if self.complexity is None else f" [{self.complexity}]"
        notes = ", ".join(f"{name} {value:.2f}" for name, value in (self.notes or {}).items())
        return f"{source}{self.name}{how}{size}{notes and f' ({notes})'}"


class Chain(list[HopRecord]):
    """The hops of a chain in order; printed one a line, behind a note if there is one, and a data frame on request."""

    note: str = ""

    def __init__(self, records: Iterable[HopRecord] = (), note: str = "") -> None:
        super().__init__(records)
        self.note = note

    def to_table(self) -> Table:
        """One row a model: from which teachers, by which method, its size, score and seconds."""
        return Table(
            {
                "model": record.name,
                "teachers": " + ".join(record.teachers),
                "method": "" if record.method is None else str(record.method),
                "complexity": "" if record.complexity is None else str(record.complexity),
                "score": record.score,
                "seconds": record.seconds,
            }
            for record in self
        )

    def to_frame(self) -> Any:
        """Return a ``pandas.DataFrame`` with a row a model."""
        return self.to_table().to_frame()

    def __repr__(self) -> str:
        return "\n".join(filter(None, [self.note, *map(str, self)])) if self else "[]"


@contextmanager
def naming_the_hop(description: str) -> Iterator[None]:
    """Say in every error from inside which hop it came from; foreign exceptions get a note."""
    try:
        yield
    except StepdownError as error:
        raise type(error)(f"{description}: {error}") from error
    except Exception as error:
        error.add_note(f"stepdown: in {description}")
        raise


def run_hops(
    teachers: Sequence[Teacher | Any],
    hops: Sequence[Hop],
    data: TransferSet,
    *,
    seed: int | None = None,
    measure: Callable[[Any], Any] | None = None,
    first: int = 1,
) -> tuple[list[HopRecord], list[Teacher]]:
    """Run hops one after another; every student becomes a teacher of those behind it.

    Parameters
    ----------
    teachers : sequence of fitted estimators or Teacher
        Where the chain starts; the complex model first.
    hops : sequence of Hop
        In order; an empty sequence leaves the teachers as they are.
    data : TransferSet
        The training rows, the same for every hop, so that signals can be shared.
    seed : int, optional
        Each hop derives its own from this and its name.
    measure : callable, optional
        ``measure(model)`` fills `HopRecord.complexity`.
    first : int
        What messages call the first of these hops.

    Returns
    -------
    records : list of HopRecord
        One a hop.
    teachers : list of Teacher
        The given teachers and behind them the students.

    Raises
    ------
    StepdownError
        With the hop named in front of the message.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown import KD
    >>> data = TransferSet.for_classification(*load_iris(return_X_y=True))
    >>> forest = RandomForestClassifier(20, random_state=0).fit(data.X, data.y)
    >>> records, models = run_hops([forest], [Hop(DecisionTreeClassifier(max_depth=2), KD())], data, seed=0)
    >>> type(records[0].model).__name__, len(models)
    ('DecisionTreeClassifier', 2)
    """
    chain = [as_teacher(teacher) for teacher in teachers]
    records = []
    for number, hop in enumerate(hops, start=first):
        nearest = chain[-1].name if chain else "labels"
        started = time.perf_counter()
        description = f"hop {number} ({nearest} -> {hop.name}, {type(hop.method).__name__})"
        log.info("%s", description)
        hop_seed = derive_seed(seed, "hop", hop.name)
        with naming_the_hop(description):
            model = hop.method.transfer(chain, hop.student, data, trainer=hop.trainer, seed=hop_seed)
            complexity = None if measure is None else measure(model)
        asked = tuple(teacher.name for teacher in hop.method.asks(chain))
        seconds = time.perf_counter() - started
        records.append(HopRecord(hop.name, asked, hop.method, hop.trainer, model, complexity, None, seconds))
        chain.append(student_as_teacher(model, hop, list(chain), data, seed=seed))
    return records, chain


def student_as_teacher(
    model: Any, hop: Hop, teachers: Sequence[Teacher], data: TransferSet, *, seed: int | None = None
) -> Teacher:
    """The student of a hop in its next role. Making it again means making its hop again on the given rows.

    Parameters
    ----------
    model : estimator
        What the hop gave.
    hop : Hop
    teachers : sequence of Teacher
        The earlier models, which the hop had.
    data : TransferSet
        The rows that it had.
    seed : int, optional
        The root seed that it had, as in `run_hops`.
    """
    earlier, hop_seed = list(teachers), derive_seed(seed, "hop", hop.name)

    def refit(part: TransferSet, rows: NDArray[np.intp]) -> Any:
        known = [teacher.restrict(data, rows, part) for teacher in earlier]
        return hop.method.transfer(known, hop.student, part, trainer=hop.trainer, seed=hop_seed)

    return Teacher(model, refit, hop.name, n_jobs=earlier[-1].n_jobs if earlier else None)
