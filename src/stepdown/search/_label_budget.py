"""What `fit` does for a teacher with a label budget: query, and make a task of the answers."""

from __future__ import annotations

import copy
import logging
import time
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples

from stepdown.core import InvalidInputError, NotSupportedError, Signal, Teacher, TransferSet, derive_seed
from stepdown.learners import fit_to, predictions, signal_key
from stepdown.methods import stack_rows
from stepdown.oracle import Ints, Queried, query_pool
from stepdown.students import AutoStudent

from ._dynamic import DynamicProgramming
from ._inputs import check_rows, default_folds
from ._parameters import (
    check_pool,
    check_student,
    check_ways,
    read_intermediates,
    read_search,
    read_seed,
    read_student,
    read_trainer,
)
from ._recipes import bridge_of_answers, preferred_of_answers, ways_of_answers
from ._scoring import asked_scorer
from ._search import Choice, Search
from ._task import Task, Way

log = logging.getLogger("stepdown")


def solve_queried(owner: Any, X: Any, y: Any, sample_weight: Any, groups: Any, X_unlabeled: Any) -> tuple[Task, Choice]:
    """Everything up to the choice of the way, for a `Queried` teacher; checks come before the first query."""
    queried: Queried = owner.teacher
    queried.check()
    search = _checked(owner)
    intermediates = read_intermediates(owner.intermediates, classify=True)
    if intermediates is not None and len(intermediates) > 1:
        raise NotSupportedError(
            f"intermediates: a label budget allows one bridge, which labels the pool; got {len(intermediates)}."
        )
    own, pool = _read_rows(owner, queried, X, y, sample_weight, groups, X_unlabeled)
    classes = _expected_classes(queried, own)
    trainer = read_trainer(owner.trainer, owner.student)
    expected = np.arange(2) if classes is None else classes
    scorer = asked_scorer(owner.scoring, np.repeat(expected, 2), owner.student, classify=True)
    seed = read_seed(owner.random_state)
    # Rows are left for the bridge to label unless the budget suffices for all.
    n_unknown = int(np.sum(~queried.is_known(pool)))
    ladder = [] if n_unknown <= queried.n_left else intermediates
    ways = ways_of_answers(owner.student, trainer, ladder, cv=_folds_of(owner))
    search.check(ways)
    rehearsal = expected[:2]
    check_ways(ways, queried, owner.student, TransferSet(_safe_indexing(pool, [0, 1]), rehearsal, classes=rehearsal))

    bridge = bridge_of_answers(owner.student) if not intermediates else intermediates[0][1]

    def learn(known: Ints) -> Any:
        if not len(known):
            return None
        data, teacher = _of_answers(copy.copy(queried), own, pool, known, _folds_of(owner))
        if len(np.unique(data.labels())) < 2:
            return None
        soft = data.replace(y=_answers_of(teacher, data, _folds_of(owner)), X_unlabeled=None)
        return predictions(fit_to(clone(bridge), soft, seed=derive_seed(seed, "queries")), pool, data.classes)[0]

    log.info("querying %d of %d rows", min(queried.n_left, n_unknown), _num_samples(pool))
    started = time.perf_counter()
    known = query_pool(queried, pool, learn, classes=classes, seed=seed)
    # A copy makes no queries: whatever methods, folds and processes do from here on, no further row is paid for.
    data, teacher = _of_answers(copy.copy(queried), own, pool, known, _folds_of(owner))
    _check_answers(data)
    check_ways(ways, queried, owner.student, data)
    problem = Task(
        teacher,
        owner.student,
        data,
        seed,
        teacher_seconds=time.perf_counter() - started,
        intermediates=intermediates,
        cv=_folds_of(owner),
    )
    choice = _choose(search, problem, ways, preferred_of_answers(ways, owner.student), scorer, owner.n_jobs)
    log.info("chosen: %s", choice.way.name)
    return problem, choice


def _choose(search: Search, problem: Task, ways: list[Way], preferred: Way, scorer: Any, n_jobs: Any) -> Choice:
    counts = np.unique(problem.data.label_index(), return_counts=True)[1]
    if np.sum(counts >= 2) < 2:  # a fold would be left with one class
        return Choice(preferred, None, ways)
    with warnings.catch_warnings():
        # Nobody could see to it that each class is answered twice.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return search.choose(problem, ways, preferred, scorer=scorer, n_jobs=n_jobs)


def _folds_of(owner: Any) -> Any:
    """Folds are how kept answers are found again, not how many are made: their number doesn't depend on rows."""
    return default_folds(0) if owner.cv is None else owner.cv


def _checked(owner: Any) -> Search:
    """Refuse parameters that make no sense here; return the search."""
    if isinstance(read_student(owner.student, classify=True), AutoStudent):
        raise NotSupportedError("student='auto': with a label budget give the estimator, such as a decision tree.")
    check_student(owner.student, classify=True)
    if not (isinstance(owner.methods, str) and owner.methods == "auto"):
        raise NotSupportedError(
            "methods: with a label budget the student learns the answers and the pool; leave methods='auto'."
        )
    search = read_search(owner.search, owner.student)
    if isinstance(search, DynamicProgramming):
        raise NotSupportedError(
            f"search={type(search).__name__}(): its methods would query every row. With a label budget use"
            " Gate() or Fixed()."
        )
    signal_key("out-of-fold", _folds_of(owner))
    return search


def _read_rows(
    owner: Any, queried: Queried, X: Any, y: Any, sample_weight: Any, groups: Any, X_unlabeled: Any
) -> tuple[TransferSet | None, Any]:
    """The user's own labelled rows, if there are any, and the pool."""
    models = [owner.student] if callable(queried.teacher) else [queried.teacher, owner.student]
    if y is None:
        given = {"sample_weight": sample_weight, "groups": groups, "X_unlabeled": X_unlabeled}
        extra = [name for name, value in given.items() if value is not None]
        if extra:
            raise InvalidInputError(
                f"fit(X) without labels: X is the pool of rows to query, and {extra} can't be used."
                " Give labelled rows as X and y, and the pool as X_unlabeled."
            )
        pool = check_rows(owner, X, np.zeros(_num_samples(X)), None, None, models)[0]  # zeros stand for no labels
        return None, pool
    X, y, sample_weight, groups = check_rows(owner, X, y, sample_weight, groups, models)
    check_classification_targets(y)
    pool = check_pool(owner, X, X_unlabeled, models)
    if pool is None:
        raise InvalidInputError(
            "a label budget needs rows to query: fit(X, y, X_unlabeled=pool), or fit(pool) where the teacher is the"
            " only source of labels."
        )
    if _num_samples(pool) < 2:
        raise InvalidInputError(f"X_unlabeled has {_num_samples(pool)} rows; a pool needs at least 2.")
    return TransferSet(X, y, sample_weight, None, groups, np.unique(y)), pool


def _expected_classes(queried: Queried, own: TransferSet | None) -> NDArray[Any] | None:
    """The classes that are known before any query; None where none are."""
    declared = queried.declared_classes
    if own is None or own.classes is None:
        return declared
    if declared is None:
        return own.classes
    unknown = [label for label in own.classes.tolist() if label not in set(declared.tolist())]
    if unknown:
        raise InvalidInputError(
            f"labels {unknown[:5]} are unknown to the teacher, whose classes are {declared.tolist()[:20]}. Drop these"
            " rows, or use a teacher that knows them."
        )
    return declared


def _of_answers(
    answered: Queried, own: TransferSet | None, pool: Any, known: Ints, cv: int
) -> tuple[TransferSet, Teacher]:
    """The training rows, and a teacher that knows its answers for them.

    Training rows are the user's own, followed by the queried ones; the rest of the pool stays unlabelled. For the
    user's own rows, which are not queried, the teacher's answers are their labels.
    """
    rows = _safe_indexing(pool, known)
    labels = answered.predict(rows)
    classes = _all_classes(answered, own, labels)
    answers, hard = predictions(answered, rows, classes)
    unknown = np.setdiff1d(np.arange(_num_samples(pool)), known)
    rest = _safe_indexing(pool, unknown) if len(unknown) else None
    data = TransferSet(rows, labels, X_unlabeled=rest, classes=classes)
    if own is not None:
        weight, groups = own.sample_weight, own.groups
        if weight is not None:
            weight = np.concatenate([own.weights(), np.full(len(labels), own.weights().mean())])
        if groups is not None:  # an answered row is a group of its own
            codes = np.unique(groups, return_inverse=True)[1]
            groups = np.concatenate([codes, codes.max() + 1 + np.arange(len(labels))])
        known_labels = np.concatenate([np.asarray(own.y), labels])
        data = TransferSet(stack_rows([own.X, rows]), known_labels, weight, rest, groups, classes)
        answers = np.vstack([own.replace(classes=classes).soft_targets(), answers])
    # One column a class from the beginning: few answers may miss a class, and fewer in a fold.
    data = data.replace(y=data.soft_targets())
    teacher = Teacher(answered)
    teacher.remember(signal_key("out-of-fold", cv), data, Signal(answers, "frozen", hard))
    return data, teacher


def _answers_of(teacher: Teacher, data: TransferSet, cv: int) -> NDArray[np.float64]:
    signal = teacher.recall(signal_key("out-of-fold", cv), data)
    assert signal is not None
    return signal.values


def _all_classes(answered: Queried, own: TransferSet | None, labels: NDArray[Any]) -> NDArray[Any]:
    parts = [answered.classes_, labels, *([] if own is None or own.classes is None else [own.classes])]
    kinds = {isinstance(label, str) for part in parts for label in part.tolist()}
    if len(kinds) > 1:
        shown = [part.tolist()[:5] for part in parts]
        raise InvalidInputError(
            f"the teacher returned {shown[1]} and the labels are {shown[-1]}: strings and numbers. Map one to the"
            " other; the answers are kept."
        )
    return np.unique(np.concatenate(parts))


def _check_answers(data: TransferSet) -> None:
    names = np.unique(data.labels())
    if len(names) < 2:
        raise InvalidInputError(
            f"labels and answers are of one class only, {names.tolist()}: a classifier needs at least two. Raise the"
            " budget, or give a more varied pool. The answers are kept."
        )
