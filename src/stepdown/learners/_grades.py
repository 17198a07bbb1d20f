"""Grades: the cheaper versions that a fitted model already contains, from cheap to full."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from stepdown.core import InvalidInputError, Signal, Teacher, TransferSet

from ._networks import network_probes, probed_features
from ._out_of_bag import (
    BAGGING,
    FORESTS,
    Members,
    bagging_members,
    fitted_members,
    forest_members,
    is_reached,
    unseen_mean,
)
from ._pipelines import peel, with_final
from ._probes import is_mlp, probes
from ._signals import IN_SAMPLE, OUT_OF_FOLD, out_of_fold, predictions, signal_key, training_signal
from .adapters import PartOf, adapter_of, rounds_named


@dataclass(frozen=True, slots=True)
class Grade:
    """One of the models that a fitted model contains.

    Parameters
    ----------
    name : str
    model : estimator
        Fitted; predicts what the whole model predicts, in the same classes.
    """

    name: str
    model: Any


def grades(model: Any, n_grades: int = 5, *, data: TransferSet | None = None) -> list[Grade]:
    """The grades of a fitted model, from cheap to full; the last is the model itself.

    Forests and bagging give nested prefixes of their members; boosting (scikit-learn, LightGBM, XGBoost) its first
    rounds; networks, scikit-learn's and skorch nets, linear probes on their hidden layers. Anything else is a single
    grade.

    Parameters
    ----------
    model : estimator
        Fitted; pipelines and frozen models are seen through.
    n_grades : int
        At most so many; a network has one more than hidden layers.
    data : TransferSet, optional
        Labelled rows. Members are then ordered by their accuracy on these, the worst first, on the rows out of each
        one's bag where these are the model's training rows; and probes are fitted to them. Without
        data members stay in their order and a network is a single grade.

    Returns
    -------
    list of Grade

    References
    ----------
    A. Dhurandhar, K. Shanmugam, R. Luss, "Enhancing simple models by exploiting what they already know", ICML
    2020: graded classifiers. The order of trees and the nesting are our choice.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import GradientBoostingClassifier
    >>> boosting = GradientBoostingClassifier(n_estimators=10).fit(*load_iris(return_X_y=True))
    >>> [grade.name for grade in grades(boosting, 3)]
    ['4 rounds', '7 rounds', 'full']
    """
    if n_grades < 1:
        raise InvalidInputError(f"n_grades={n_grades}: expected at least 1.")
    parts = _sized_parts(model, data)
    if parts is not None:
        whole, part_of = parts
        below = [part_of(size) for size in sorted(set(prefix_sizes(whole, n_grades)) - {whole})]
    else:
        below = [] if data is None else _probes(model, data, n_grades)
    return [*(Grade(name, with_final(model, part)) for name, part in below), Grade("full", model)]


def prefix_sizes(whole: int, n_grades: int) -> list[int]:
    """``ceil(k whole / n)`` for k = 1..n: the sizes of nested prefixes, the last the whole."""
    return [-(-step * whole // n_grades) for step in range(1, n_grades + 1)]


def _has_grades(model: Any) -> bool:
    return _sized_parts(model, None) is not None or is_mlp(model) or peel(model).is_network


def _probes(model: Any, data: TransferSet, n_grades: int) -> list[tuple[str, Any]]:
    return network_probes(model, data, n_grades - 1) if peel(model).is_network else probes(model, data, n_grades)


def _sized_parts(model: Any, data: TransferSet | None) -> tuple[int, PartOf] | None:
    """The number of members, and what makes the model of the first so many; None for what has no prefixes."""
    final = peel(model).learner
    if isinstance(final, FORESTS + BAGGING):
        order = np.arange(len(final.estimators_)) if data is None else worst_first(model, data)
        return len(order), partial(_first_members, final, order)
    if isinstance(final, GradientBoostingClassifier | GradientBoostingRegressor):
        return len(final.estimators_), partial(_first_stages, final)
    if isinstance(final, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
        return int(final.n_iter_), partial(_first_iterations, final)
    adapter = adapter_of(final)
    return None if adapter is None else adapter.rounds(final)


def worst_first(model: Any, data: TransferSet) -> NDArray[np.intp]:
    """The members of a bagged model in order of rising accuracy, on rows out of their bags where these can be told."""
    peeled = peel(model)
    forest = peeled.learner
    # A frozen forest may be asked about other rows than its own, and those are all held out.
    members = None if peeled.is_frozen else fitted_members(model, data)
    if members is None:
        nothing = [np.empty(0, dtype=np.intp)] * len(forest.estimators_)
        over = forest_members if isinstance(forest, FORESTS) else bagging_members
        members = over(forest, peeled.prepare(data.X), nothing)
    return np.argsort(_member_scores(members, data, getattr(forest, "classes_", None)), kind="stable")


def _member_scores(members: Members, data: TransferSet, classes: NDArray[Any] | None) -> NDArray[np.float64]:
    """Accuracy, or minus the squared error, of each member on the rows it has not seen; lowest where there are none."""
    targets = data.labels()
    scores = np.full(len(members.in_bag), -np.inf)
    for member in range(len(scores)):
        rows = members.unseen(member)
        if rows.size:
            says = members.ask(member, rows)
            if classes is None:
                scores[member] = -np.mean((says[:, 0] - targets[rows]) ** 2)
            else:
                scores[member] = np.mean(classes[np.argmax(says, axis=1)] == targets[rows])
    return scores


# What makes parts of the fitted. Each returns a name and a model of the same class, which shares what it can.


def _first_members(forest: Any, order: NDArray[np.intp], count: int) -> tuple[str, Any]:
    part = copy.copy(forest)
    part.estimators_ = [forest.estimators_[index] for index in order[:count]]
    part.n_estimators = count
    for name in ("estimators_features_", "_seeds"):  # bagging keeps these beside its members
        if hasattr(forest, name):
            kept = getattr(forest, name)
            setattr(part, name, [kept[index] for index in order[:count]])
    return "1 member" if count == 1 else f"{count} members", part


def _first_stages(boosting: Any, count: int) -> tuple[str, Any]:
    part = copy.copy(boosting)
    part.estimators_ = boosting.estimators_[:count]
    part.n_estimators_ = count
    return rounds_named(count), part


def _first_iterations(boosting: Any, count: int) -> tuple[str, Any]:
    part = copy.copy(boosting)
    part._predictors = boosting._predictors[:count]
    return rounds_named(count), part


# Signals of grades ------------------------------------------------------------------------------------------------


def graded_signals(
    teacher: Teacher,
    data: TransferSet,
    n_grades: int = 5,
    *,
    signals: str = OUT_OF_FOLD,
    cv: int = 5,
    seed: int | None = None,
    n_jobs: int | None = None,
) -> list[Signal]:
    """What each grade of a teacher says about the rows it was trained on, as if it had not seen them.

    Parameters
    ----------
    teacher : Teacher
        Its memo keeps the signals.
    data : TransferSet
        The training rows.
    n_grades : int
    signals, cv, seed, n_jobs
        As in `training_signal`.

    Returns
    -------
    list of Signal
        From cheap to full; the last is `training_signal`. A model without grades gives a single one.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from stepdown.core import as_teacher
    >>> data = TransferSet.for_classification(*load_iris(return_X_y=True))
    >>> teacher = as_teacher(RandomForestClassifier(50, random_state=0).fit(data.X, data.y))
    >>> len(graded_signals(teacher, data, 3, seed=0))
    3
    """
    if n_grades < 1:
        raise InvalidInputError(f"n_grades={n_grades}: expected at least 1.")
    key = signal_key(signals, cv)
    if not _has_grades(teacher.model):
        return [training_signal(teacher, data, signals=signals, cv=cv, seed=seed, n_jobs=n_jobs)]
    keys = [f"{key}:grade {grade} of {n_grades}" for grade in range(1, n_grades)]
    kept = [signal for name in keys if (signal := teacher.recall(name, data)) is not None]
    full = teacher.recall(key, data)
    counted = teacher.recall(f"{key}:graded by {n_grades}", data)
    if counted is not None and full is not None:
        return [*kept, full]
    answers, source = _graded_answers(teacher, data, n_grades, signals, cv, seed, n_jobs)
    graded = [Signal(values, source, hard) for values, hard in answers]
    if full is None and source != IN_SAMPLE:
        full = teacher.remember(key, data, graded[-1])
    elif full is None:
        full = training_signal(teacher, data, signals=signals, cv=cv, seed=seed, n_jobs=n_jobs)
    below = graded[:-1]  # fewer than asked for where the model has fewer grades
    for name, signal in zip(keys, below, strict=False):
        teacher.remember(name, data, signal)
    teacher.remember(f"{key}:graded by {n_grades}", data, full)
    return [*below, full]


Answers = list[tuple[NDArray[np.float64], bool]]


def _graded_answers(
    teacher: Teacher, data: TransferSet, n_grades: int, signals: str, cv: int, seed: int | None, n_jobs: int | None
) -> tuple[Answers, str]:
    if signals == IN_SAMPLE or teacher.is_frozen:
        answers = _ask_grades(teacher.model, data.X, data, n_grades)
        return answers, IN_SAMPLE if signals == IN_SAMPLE else "frozen"
    prefixes = _out_of_bag_prefixes(teacher.model, data, n_grades)
    if prefixes is not None:
        return prefixes, "out-of-bag"

    def ask(model: Any, X: Any, part: TransferSet) -> Answers:
        return _ask_grades(model, X, part, n_grades)

    return out_of_fold(teacher, data, cv, seed, n_jobs, ask), OUT_OF_FOLD


def _ask_grades(model: Any, X: Any, data: TransferSet, n_grades: int) -> Answers:
    """What the grades say about X, ordered or probed by `data`; an ensemble gives exactly `n_grades` answers."""
    parts = _sized_parts(model, data)
    if parts is None and peel(model).is_network:
        found = network_probes(model, data, n_grades - 1)
        read = zip(found, probed_features(model, X, found), strict=True)
        below = [predictions(probe[1:], features, data.classes) for (_, probe), features in read]
        return [*below, predictions(model, X, data.classes)]
    if parts is None:
        return [predictions(grade.model, X, data.classes) for grade in grades(model, n_grades, data=data)]
    whole, part_of = parts
    sizes = prefix_sizes(whole, n_grades)
    says = {whole: predictions(model, X, data.classes)}
    for size in set(sizes) - {whole}:
        says[size] = predictions(with_final(model, part_of(size)[1]), X, data.classes)
    return [says[size] for size in sizes]


def _out_of_bag_prefixes(model: Any, data: TransferSet, n_grades: int) -> Answers | None:
    """Out-of-bag answers of nested prefixes; None where `training_signal` would not be out-of-bag either."""
    members = fitted_members(model, data)
    if members is None:
        return None
    scores = _member_scores(members, data, getattr(peel(model).learner, "classes_", None))
    sizes = prefix_sizes(len(scores), n_grades)
    rank = np.empty(len(scores), dtype=np.intp)
    rank[np.argsort(scores, kind="stable")] = np.arange(len(scores))
    totals, counts = np.zeros((n_grades, members.n_rows, members.n_outputs)), np.zeros((n_grades, members.n_rows))
    # In the members' own order, so that the whole is to the last bit what `out_of_bag` gives.
    for member in range(len(scores)):
        rows = members.unseen(member)
        if rows.size:
            says = members.ask(member, rows)
            for grade in np.flatnonzero(np.asarray(sizes) > rank[member]):
                totals[grade, rows] += says
                counts[grade, rows] += 1
    if not is_reached(counts[-1]):
        return None
    return [(unseen_mean(model, data, total, count), False) for total, count in zip(totals, counts, strict=True)]
