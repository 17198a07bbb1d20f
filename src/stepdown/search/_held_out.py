"""What the models of a search said about training rows that they hadn't seen: what a report is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stepdown.core import TransferSet
from stepdown.oracle import Queried

from ._search import KINDS, Choice
from ._task import Task
from ._validate import Validation, said_of


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Answers to training rows, each by models that were made without the row, but for a frozen teacher.

    Parameters
    ----------
    rows : array of shape (n_rows,)
        Positions among the training rows. Folds that were given may leave rows out, or hold them twice.
    y : array of shape (n_rows,)
        Labels or targets of these rows.
    classes : array of shape (n_classes,) or None
        None in regression.
    sample_weight : array of shape (n_rows,) or None
    answers : dict of array
        By name, of "teacher", of "baseline" (the commonest class or the mean of the training part) and of ways to the
        student: probabilities of shape (n_rows, n_classes), or numbers of shape (n_rows,).
    ways : dict of str
        The name of the best way of every kind; "chosen" is the kind that the search chose.
    sizes : dict of float
        Mean bytes of the students of these ways, as pickled, where they can be.
    n_folds : int
    widening : float
        By how much standard errors over rows of a difference grow, because folds learn from the same rows.
    teacher_may_have_seen : bool
        Whether the teacher is frozen, so that its answers may be optimistic.
    """

    rows: NDArray[np.intp]
    y: NDArray[np.generic]
    classes: NDArray[np.generic] | None
    sample_weight: NDArray[np.float64] | None
    answers: dict[str, NDArray[np.float32]]
    ways: dict[str, str]
    sizes: dict[str, float]
    n_folds: int
    widening: float
    teacher_may_have_seen: bool


def held_out(problem: Task, choice: Choice) -> HeldOut | None:
    """What a search has kept, and the teacher of every fold, asked once more; None where nothing was validated."""
    validation = choice.validation
    if validation is None or isinstance(problem.teacher.model, Queried):
        return None
    data, taken = validation.problem.data, validation.problem.taken  # many rows are sampled
    ways = {kind: way.name for kind in KINDS if (way := choice.best(kind)) is not None} | {"chosen": choice.way.name}
    # Rows that were cut into folds repeatedly are shown as they were cut first.
    splits = validation.splits[: len(validation.splits) // validation.repeats]
    parts = [data.take(test) for _, test in splits]
    answers = {name: [validation.said.get((name, place)) for place in range(len(parts))] for name in ways.values()}
    if any(said is None for said in answers[choice.way.name]):
        return None
    answers["teacher"] = [_teacher_on(validation, place, part) for place, part in enumerate(parts)]
    answers["baseline"] = [_baseline(data.take(train), len(test)) for train, test in splits]
    rows = np.concatenate([test for _, test in splits])
    order = np.argsort(rows, kind="stable")
    return HeldOut(
        rows[order] if taken is None else taken[rows[order]],
        data.labels()[rows[order]],
        data.classes,
        None if data.sample_weight is None else data.weights()[rows[order]],
        {
            name: np.concatenate([part for part in said if part is not None])[order]
            for name, said in answers.items()
            if all(part is not None for part in said)
        },
        ways,
        {name: size for name in ways.values() if (size := _mean_bytes(validation, name)) is not None},
        len(parts),
        float(np.sqrt(1 + len(splits) * np.mean([len(test) / len(train) for train, test in splits]))),
        problem.teacher.is_frozen,
    )


def _mean_bytes(validation: Validation, name: str) -> float | None:
    sizes = [validation.bytes.get((name, place)) for place in range(len(validation.splits))]
    known = [size for size in sizes if size is not None]
    return float(np.mean(known)) if len(known) == len(sizes) else None


def _teacher_on(validation: Validation, place: int, held: TransferSet) -> NDArray[np.float32] | None:
    """What the teacher of a fold says; of a frozen one what it has said already, for it may be slow or dear."""
    problem = validation.problem
    if problem.teacher.is_frozen:
        for (_, owner), (_, signal) in problem.teacher.memo.items():
            if owner == id(problem.data.X):
                return signal.values[validation.splits[place][1]].astype(np.float32)
    return said_of(validation.part(place).teacher.model, held)


def _baseline(train: TransferSet, n_rows: int) -> NDArray[np.float32]:
    """The shares of the classes, or the mean: what a model says that knows the labels only."""
    weights = train.weights()
    if train.classes is None:
        return np.full(n_rows, np.average(train.labels(), weights=weights), dtype=np.float32)
    counts = np.bincount(train.label_index(), weights=weights, minlength=len(train.classes))
    return np.tile((counts / counts.sum()).astype(np.float32), (n_rows, 1))
