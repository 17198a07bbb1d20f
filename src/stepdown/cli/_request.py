"""What a command is asked for, and what of it is refused before anything long starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer_names

from stepdown.core import InvalidInputError
from stepdown.oracle import Queried
from stepdown.search import Fixed, Gate, check_scorer, read_scorer, standing_in
from stepdown.ship import TableColumns

from ._budget import with_budget
from ._data import Data, fingerprint, read_data
from ._default_teacher import default_teacher
from ._errors import UsageError
from ._estimators import Spec, build, nearest, parse_spec
from ._limits import check_limits
from ._methods import read_methods
from ._prepare import fit_for, learns_from_labels_only, preparing
from ._probe import check_fits, few_rows
from ._searches import read_search
from ._teacher_file import check_answers, load_teacher, on_columns
from ._unlabeled import with_test, with_unlabeled

# Rows of a class: one outside an outer fold, and two inside, which the choice of the chain needs.
FEWEST = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """The options of a command, as given on the command line."""

    data: Path
    target: str
    teacher: str | None
    teacher_file: Path | None
    trust: tuple[str, ...]
    student: str
    out: Path | None
    task: str
    folds: int | None
    outer_folds: int | None = None
    repeats: int | None = None
    test: Path | None = None
    scoring: str | None
    seed: int
    jobs: int
    allow_import: bool
    read_as: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    unlabeled: Path | None = None
    method: tuple[str, ...] = ()
    search: str = "gate"
    query_budget: int | None = None
    memory: Path | None = None
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Models:
    """The two models: a teacher by name, or a fitted one (with a budget) and its file; and the student by name."""

    teacher: Spec | FrozenEstimator | Queried
    student: Spec
    file: Path | None = None

    def settings(self) -> dict[str, Any]:
        if isinstance(self.teacher, Spec):
            return {"teacher": self.teacher.text, "student": self.student.text}
        assert self.file is not None
        origin = {"teacher_file": self.file.name, "teacher_fingerprint": fingerprint(self.file)}
        return {"teacher": f"fitted, from {self.file.name}", **origin, "student": self.student.text}


def checked(request: Request) -> tuple[Data, Models]:
    """Read the table and the models; the words of the request are looked at before the file is."""
    if request.jobs == 0:
        raise UsageError("--jobs 0: expected 1 or more processes, or -1 for all cores.")
    if request.scoring is not None and request.scoring not in get_scorer_names():
        raise UsageError(f"--scoring: unknown scorer {request.scoring!r}{nearest(request.scoring, get_scorer_names())}")
    if request.teacher is not None and request.teacher_file is not None:
        raise UsageError("--teacher and --teacher-file exclude each other: give one of them.")
    if request.trust and request.teacher_file is None:
        raise UsageError("--trust names types of a --teacher-file that may be loaded; give --teacher-file FILE, too.")
    _check_search(request)
    student = parse_spec(request.student, allow_import=request.allow_import)
    if request.read_as and not student.is_readable:
        raise UsageError(f"--as is for students that people read, such as tree or logistic, got {student.name}.")
    if request.teacher_file is None:
        named = request.teacher and parse_spec(request.teacher, allow_import=request.allow_import)
        table = _read(request)
        if not named:
            named, notices = default_teacher(table, student)
            table = replace(table, notices=(*table.notices, *notices))
        models = Models(named, student)
    else:
        fitted = load_teacher(request.teacher_file, request.trust)
        table = _read(request)
        models = Models(_fitted_teacher(request, fitted, table), student, request.teacher_file)
    _check_models(table, models, request.scoring)
    if student.is_readable:
        told = TableColumns(table.kinds).fit(table.X).notes()
        table = replace(table, notices=(*table.notices, *told))
    return table, models


def _check_search(request: Request) -> None:
    search = read_search(request.search)
    methods = read_methods(request.method)
    check_limits(request.limits, search)
    if request.query_budget is None:
        return
    if request.test is not None:
        raise UsageError(
            "--test judges all ways anew, and each would need queries of its own; leave --query-budget out."
        )
    if methods:
        raise UsageError("--method doesn't go with --query-budget, where the student learns the answers and the pool.")
    if request.unlabeled is None:
        raise UsageError("--query-budget needs rows to query: give --unlabeled FILE.")
    if request.teacher_file is None:
        raise UsageError("--query-budget needs a fitted teacher: give --teacher-file FILE.")
    if not isinstance(search, Fixed | Gate):
        raise UsageError(
            f"--search {request.search} would query every row; with --query-budget use gate, one-hop or multihop."
        )


def _read(request: Request) -> Data:
    table = read_data(request.data, request.target, request.task, request.drop, request.read_as)
    table = table if request.unlabeled is None else with_unlabeled(table, request.unlabeled)
    return table if request.test is None else with_test(table, request.test)


def _fitted_teacher(request: Request, fitted: Any, table: Data) -> FrozenEstimator | Queried:
    assert request.teacher_file is not None
    teacher = on_columns(fitted, table, request.teacher_file)
    if request.query_budget is not None:
        queried = with_budget(teacher, request.teacher_file, table, request.query_budget, request.memory)
        if request.search == "multihop" and int(np.sum(~queried.is_known(table.unlabeled))) <= queried.n_left:
            raise UsageError(
                f"--query-budget {request.query_budget} suffices for all unlabelled rows, so nothing is left for a"
                " chain; with --search take gate or one-hop."
            )
        return queried
    check_answers(teacher, table, request.teacher_file)
    return teacher


def _check_models(table: Data, models: Models, scoring: str | None) -> None:
    if isinstance(models.teacher, Queried) and learns_from_labels_only(build(models.student, table.task), table.task):
        raise UsageError(
            f"--student {models.student.name} learns from labels only; with --query-budget take one that learns from"
            " probabilities, such as tree or logistic."
        )
    specs = [spec for spec in (models.teacher, models.student) if isinstance(spec, Spec)]
    classify = table.task == "classification"
    built = [standing_in(fit_for(spec, table.task, table.y), classify=classify) for spec in specs]
    scorer, name = read_scorer(scoring, classify=classify)
    try:
        check_scorer(scorer, name, table.y, [models.teacher, *built][-2:], classify=classify)
    except InvalidInputError as error:
        raise UsageError(f"--{error}") from error
    if any(spec.parameters for spec in specs if not spec.is_default):
        places = few_rows(table.y, table.task)
        rows = preparing(models.student, table.kinds).fit(table.X).transform(table.X.iloc[places])
        for spec, model in zip(specs, built, strict=True):
            check_fits(spec, model, rows, table.y[places])


def check_folds(table: Data, folds: int) -> None:
    if len(table.y) < folds:
        raise InvalidInputError(
            f"there are {len(table.y)} rows, fewer than {folds} folds; give a smaller --outer-folds."
        )
    if table.task == "classification":
        counts = pd.Series(table.y).value_counts()
        if counts.min() < max(FEWEST, folds):
            fewer = "Give a smaller --outer-folds, or merge" if counts.min() >= FEWEST else "Merge"
            raise InvalidInputError(
                f"class {counts.idxmin()!s} has {counts.min()} rows, fewer than {max(FEWEST, folds)}: outer folds would"
                f" lack it. {fewer} or drop the class."
            )
