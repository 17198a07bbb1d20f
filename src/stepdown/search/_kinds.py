"""Of several kinds of student, the one that validates best: all are taught in the way chosen for their stand-in."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import issparse

from stepdown.core import NotSupportedError
from stepdown.students import AutoStudent
from stepdown.trainers import trainer_for

from ._scoring import Scorer
from ._search import KINDS, Choice, Kinds, leave_home
from ._task import Task, Way
from ._validate import Validation

log = logging.getLogger("stepdown")

FOLDS = 3
# One standard error of the difference over rows, by benchmarks/tabular/at_most.py; those of the scores are larger by
# this root, since they count that folds learn from the same rows.
MARGIN = (1 + FOLDS / (FOLDS - 1)) ** -0.5


def choose_kind(
    problem: Task, choice: Choice, auto: AutoStudent, *, scorer: Scorer | None, n_jobs: int | None
) -> tuple[Task, Choice]:
    """The task with the student that validates best in the place of its stand-in, and the ways to it.

    In every fold the teacher and what the student is told are made once for all kinds. The ways that the search has
    compared for the stand-in are compared again for the kind that ships, by the same rule: what is reported is about
    what ships.
    """
    classes = problem.data.classes
    n_scores = 1 if classes is None or len(classes) == 2 else len(classes)
    students = auto.kinds(np.shape(problem.data.X)[1], n_scores, gaps=_has_gaps(problem.data.X))
    students = {name: student for name, student in students.items() if _suits(problem, choice.way, name, student)}
    shared = Validation(problem.sampled(), folds=FOLDS, scorer=scorer, quick=False, n_jobs=n_jobs)
    places = range(len(shared.splits))
    for place in places:
        shared.part(place).supervised(choice.way)
    ways = [_taught(choice.way, student) for student in students.values()]
    validations = [shared.for_student(student) for student in students.values()]
    folds = []
    for number, (way, validation) in enumerate(zip(ways, validations, strict=True)):
        log.debug("kinds of students", extra={"progress": (number, len(ways))})
        folds.append([one.score for one in validation.folds_of([way], places)[0]])
    scores = shared.together(ways, folds)
    chosen = leave_home(scores, 0, range(len(ways)), MARGIN)
    names = list(students)
    log.info("the kind of student: %s", names[chosen])
    tasks = [replace(problem, student=student, store=None) for student in students.values()]
    way, validation, student = ways[chosen], validations[chosen], tasks[chosen].student
    if choice.scores is None:
        rivals, by_way = [way if mine is choice.way else _taught(mine, student) for mine in choice.ways], None
    else:
        best = [mine for kind in KINDS if (mine := choice.best(kind)) is not None]
        best = [mine for mine in best if mine is choice.way or _suits(problem, mine, mine.name, student)]
        rivals = [way if mine is choice.way else _taught(mine, student) for mine in best]
        told = [
            folds[chosen] if mine is way else [one.score for one in validation.folds_of([mine], places)[0]]
            for mine in rivals
        ]
        by_way = validation.together(rivals, told)
        place = leave_home(by_way, rivals.index(way), range(len(rivals)), choice.margin)
        way = ways[chosen] = rivals[place]
        folds[chosen] = told[place]
        scores = shared.together(ways, folds)
    decided = replace(choice, way=way, score=scores.mean(chosen), ways=rivals, scores=by_way, validation=validation)
    return tasks[chosen], replace(decided, kinds=Kinds(names, tasks, ways, scores, chosen))


def _taught(way: Way, student: Any) -> Way:
    """The way with the trainer that the student needs, where it has that of the stand-in."""
    try:
        way.trainer.check_student(student)
    except NotSupportedError:
        return replace(way, trainer=trainer_for(student))
    return replace(way)


def _suits(problem: Task, way: Way, name: str, student: Any) -> bool:
    try:
        way.method.check_student(student, problem.data)
    except NotSupportedError as error:
        log.info("left out: %s: %s", name, error)
        return False
    return True


def _has_gaps(X: Any) -> bool:
    return not issparse(X) and bool(np.isnan(np.asarray(X, dtype=np.float64)).any())
