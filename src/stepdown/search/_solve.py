"""Everything up to the choice of the way: what `fit` does before it trains the student, and `compare` in every fold."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from stepdown.core import InvalidInputError, Teacher, TransferSet, as_teacher, derive_seed, naming_the_hop
from stepdown.learners import peel, soft_fit_support, supports_weight, told_classes, weighed_by_threshold
from stepdown.oracle import Queried
from stepdown.students import AutoStudent

from ._inputs import check_classes, check_rows, check_targets, read_cv
from ._kinds import choose_kind
from ._label_budget import solve_queried
from ._parameters import (
    check_model,
    check_pool,
    check_student,
    check_ways,
    is_frozen,
    read_intermediates,
    read_methods,
    read_search,
    read_seed,
    read_student,
    read_teacher,
    read_trainer,
    standing_in,
)
from ._plan import Plan
from ._recipes import build_ways, labels_of_teacher, maker_of_rows, preferred_way, word_of_teacher
from ._scoring import asked_scorer
from ._search import Choice
from ._store import Store, fit_once
from ._task import Task, Way, with_made_rows

log = logging.getLogger("stepdown")


def solve(
    owner: Any, X: Any, y: Any, sample_weight: Any = None, groups: Any = None, X_unlabeled: Any = None
) -> tuple[Task, Choice]:
    """Fit the teacher of a `MultihopClassifier` or `MultihopRegressor`, and choose the way to its student."""
    classify = isinstance(owner, ClassifierMixin)  # tags would need models that have been checked
    if classify and isinstance(owner.teacher, Queried):
        return solve_queried(owner, X, y, sample_weight, groups, X_unlabeled)
    student = standing_in(owner.student, classify=classify)
    source = read_teacher(owner.teacher, classify=classify)
    check_model("teacher", source, classify=classify)
    check_student(student, classify=classify)
    models = [source, student]
    X, y, sample_weight, groups = check_rows(owner, X, y, sample_weight, groups, models)
    X_unlabeled = check_pool(owner, X, X_unlabeled, models)
    data = TransferSet(X, y, sample_weight, X_unlabeled, groups, np.unique(y) if classify else None)
    cv, data = read_cv(owner.cv, data)
    check_targets(data, cv if data.folds is None else 2)
    methods = read_methods(owner.methods)
    if methods is None and classify and soft_fit_support(student).kind == "refused":
        methods = [labels_of_teacher(cv)]
    intermediates = read_intermediates(owner.intermediates, classify=classify)
    trainer, search = read_trainer(owner.trainer, student), read_search(owner.search, student)
    seed = read_seed(owner.random_state)
    frozen, pool = is_frozen(source), X_unlabeled is not None
    maker = maker_of_rows(data, student) if frozen and not pool and methods is None else None
    data = with_made_rows(data, maker, seed)

    def ways_by(methods: Any, intermediates: Any) -> list[Way]:
        return build_ways(source, student, data, trainer, methods, intermediates, frozen=frozen, cv=cv, seed=seed)

    ways = ways_by(methods, intermediates)
    search.check(ways)
    scorer = asked_scorer(owner.scoring, y, student, classify=classify)
    check_ways(ways, source, student, data)
    auto = read_student(owner.student, classify=classify)
    n_kinds = len(auto.kinds(np.shape(X)[1], 1, gaps=False)) if isinstance(auto, AutoStudent) else 0
    ahead = Plan.of(source, ways, search, cv, data.n_samples, frozen=frozen, n_kinds=n_kinds)
    log.info(ahead.text)
    if not frozen:
        log.info("fitting the teacher, %s", type(peel(source).learner).__name__)
    started = time.perf_counter()
    teacher = fit_teacher(source, data, seed, owner.memory)
    teacher.n_jobs = owner.n_jobs
    ahead.tell_time(time.perf_counter() - started, owner.n_jobs)
    pupils = [student, *(model for _, model in intermediates or [])]
    if all(supports_weight(model) for model in pupils):
        plain, data = data, weighed_by_threshold(teacher, data)
        if data is not plain and methods is None and intermediates is None:
            by_teacher = ways_by([word_of_teacher(cv)], [])
            with suppress(InvalidInputError):  # unless a way over a bridge was asked for
                search.check(by_teacher)
                methods, intermediates, ways = [by_teacher[-1].method], [], by_teacher
    problem = Task(
        teacher,
        student,
        data,
        seed,
        teacher_seconds=time.perf_counter() - started,
        methods=methods,
        intermediates=intermediates,
        cv=cv,
        maker=maker,
        store=_store_of(owner, data, source, seed),
    )
    preferred = preferred_way(ways, student, frozen=frozen, pool=pool, n_samples=data.n_samples)
    choice = search.choose(problem, ways, preferred, scorer=scorer, n_jobs=owner.n_jobs)
    log.info("chosen: %s", choice.way.name)
    if isinstance(auto, AutoStudent):
        return choose_kind(problem, choice, auto, scorer=scorer, n_jobs=owner.n_jobs)
    return problem, choice


def fit_teacher(source: Any, data: TransferSet, seed: int, memory: Any = None) -> Teacher:
    """The complex model in its role, fitted unless it is frozen."""
    with naming_the_hop("teacher"):
        if isinstance(source, FrozenEstimator):
            check_is_fitted(source)
            teacher = as_teacher(told_classes(source, data))
        else:
            model = fit_once(memory, source, data.replace(X_unlabeled=None), derive_seed(seed, "teacher"))
            teacher = Teacher(model) if is_frozen(source) else as_teacher(model)
        if teacher.is_frozen:  # any other has just learned these classes
            check_classes(teacher.model, data)
    return teacher


def _store_of(owner: Any, data: TransferSet, source: Any, seed: int) -> Store | None:
    """Where this search, and no other, keeps what it makes."""
    params = owner.get_params(deep=False) | {"teacher": source}
    for name in ("memory", "n_jobs", "verbose", "keep_rungs", "random_state"):
        params.pop(name, None)
    return Store.where_possible(owner.memory, data, type(owner).__name__, seed, *params.items())
