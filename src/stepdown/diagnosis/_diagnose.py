"""The diagnosis: what kind of teacher, student and rows these are, and what to try first."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier

from stepdown._moved import renamed
from stepdown.core import (
    InvalidInputError,
    NotSupportedError,
    Signal,
    Teacher,
    TransferSet,
    as_teacher,
    derive_seed,
    fingerprint,
    naming_the_hop,
    package_versions,
)
from stepdown.learners import (
    bagged_bridge,
    complexity,
    fit_to,
    peel,
    predictions,
    training_signal,
)
from stepdown.multihop import MultihopClassifier
from stepdown.oracle import Queried
from stepdown.search import (
    check_model,
    check_pool,
    check_rows,
    check_student,
    check_targets,
    fit_teacher,
    read_seed,
    read_teacher,
    read_trainer,
)
from stepdown.trainers import PlainFit

from ._advice import advise
from ._findings import Answers, measure
from ._render import render_diagnosis_html, render_diagnosis_text

log = logging.getLogger("stepdown")

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What `diagnose` found.

    Parameters
    ----------
    summary : mapping
        Plain JSON types; ``summary["schema"]`` is the version of its form. ``"facts"`` holds what was measured,
        ``"recommendations"`` what follows, each with the facts that it rests on.

    Notes
    -----
    ``str(diagnosis)`` is a page to read.
    """

    summary: Mapping[str, Any]

    @property
    def facts(self) -> dict[str, Any]:
        """What was measured, by name; None where it can't be known."""
        return dict(self.summary["facts"])

    @property
    def recommendations(self) -> tuple[dict[str, Any], ...]:
        """What follows, in the order in which to do it."""
        return tuple(self.summary["recommendations"])

    @property
    def way(self) -> str:
        """The recommended way to the student, "labels", "one-hop" or "multihop": what ``Fixed(way)`` takes."""
        return next(str(found["way"]) for found in self.recommendations if found["role"] == "way")

    @property
    def likely_error_rows(self) -> list[int]:
        """Positions of the rows whose labels are likely wrong: a bag of trees contradicts them out of bag."""
        return list(self.summary["likely_error_rows"])

    doubted_rows = renamed("doubted_rows", "likely_error_rows")

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as a dict of plain JSON types."""
        return dict(self.summary)

    def __str__(self) -> str:
        return render_diagnosis_text(self.to_dict())

    def _repr_html_(self) -> str:
        return render_diagnosis_html(self.to_dict())


def diagnose(
    teacher: Any,
    student: Any,
    X: Any,
    y: Any,
    *,
    X_unlabeled: Any = None,
    query_budget: int | None = None,
    groups: Any = None,
    trainer: Any = "auto",
    cv: int = 5,
    random_state: Any = None,
    n_jobs: int | None = None,
) -> Diagnosis:
    """Say, before anything is distilled, what teacher, student and rows are like, and what to try first.

    No transfer is made. Measured are the gap between teacher and student on rows that they haven't seen, what better
    training of the student gives, the teacher's over-fit, confidence and calibration, likely label errors, agreement,
    and what teacher and student know about the label, both and each alone. A table of rules reads these facts;
    docs/diagnose.md shows it, with what each rule rests on.

    Fits: the teacher 1 + `cv` times, once where it is bagged (its out-of-bag answers need no folds), never where it is
    frozen; the student 1 + `cv` times by its own ``fit`` and 1 + `cv` times by a quick version of its trainer where it
    has one; one bag of some 50 trees on the labels (1 + `cv` with `groups`, which bags don't respect).

    Parameters
    ----------
    teacher : classifier, or list of classifiers
        The complex model. Clones of it are fitted; wrap a fitted one in ``sklearn.frozen.FrozenEstimator`` to keep it.
        Several are averaged.
    student : classifier
        The simple model; clones of it are fitted.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Labels.
    X_unlabeled : array-like of shape (n_unlabeled, n_features), optional
        Rows without a label.
    query_budget : int, optional
        For how many of them the teacher may be queried; None means all of them. None is queried here, but a frozen
        teacher is queried for the rows of `X`, whatever that costs.
    groups : array-like of shape (n_samples,), optional
        Groups are never split between the two sides of a fold.
    trainer : Trainer or "auto", default="auto"
        How the student would be trained; "auto" takes the best known for its kind.
    cv : int, default=5
        Folds of the out-of-fold answers.
    random_state : int, RandomState or None, default=None
        Seeds everything whose own ``random_state`` is None.
    n_jobs : int, optional
        Processes for the folds.

    Returns
    -------
    Diagnosis

    Raises
    ------
    InvalidInputError, NotSupportedError
        Before anything is fitted wherever that can be known; regression is not supported.

    Notes
    -----
    A teacher that is frozen may or may not have seen the rows. Nothing that would need unseen answers is stated for it,
    and what is stated (information, agreement) is optimistically biased if it has.

    The share of likely label errors is the estimate of confident learning (`stepdown.diagnosis.likely_label_errors`)
    from the out-of-bag probabilities of the bag. Where classes overlap it counts labels that are right but improbable.

    Information is counted from clusters of what the models say (`stepdown.diagnosis.discretise`) and overstated by
    about (k - 1)(C - 1) / 2N nats for k clusters, C classes and N rows; the summary holds the number.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown import diagnose
    >>> X, y = load_digits(return_X_y=True)
    >>> found = diagnose(RandomForestClassifier(50), DecisionTreeClassifier(max_depth=4), X[:300], y[:300],
    ...                  random_state=0)
    >>> found.way, found.facts["teacher_signal"], found.facts["capacity_gap"] > 0.1
    ('one-hop', 'out-of-bag', True)
    """
    if isinstance(teacher, Queried):
        raise NotSupportedError(
            "teacher: a Queried would spend its budget on the labelled rows. Give the model that it wraps, with"
            " query_budget=, if queries for these rows are free."
        )
    source = read_teacher(teacher, classify=True)
    for role, model in (("teacher", source), ("student", student)):
        if isinstance(model, BaseEstimator) and not is_classifier(model):
            raise NotSupportedError(f"{role}: diagnose needs classifiers, got {type(model).__name__}.")
        check_model(role, model, classify=True)
    check_student(student, classify=True)
    chain = MultihopClassifier(source, student, cv=cv, random_state=random_state)
    X, y, _, groups = check_rows(chain, X, y, None, groups, [source, student])
    pool = check_pool(chain, X, X_unlabeled, [source, student])
    n_unlabelled = 0 if pool is None else int(pool.shape[0])
    _check_budget(query_budget, n_unlabelled)
    data = TransferSet.for_classification(X, y, groups=groups)
    check_targets(data, cv)
    trainer = read_trainer(trainer, student)
    seed = read_seed(random_state)

    log.info("diagnosis: fitting the teacher, %s", type(peel(source).learner).__name__)
    fitted = fit_teacher(source, data, seed)

    def signal(model: Teacher) -> Signal:
        with naming_the_hop(model.name):
            return training_signal(model, data, cv=cv, seed=derive_seed(seed, "folds"), n_jobs=n_jobs)

    log.info("diagnosis: predictions of teacher, student and a bag of trees on rows they have not seen")
    alone = _student(student, PlainFit(), data, seed)
    says_alone = signal(alone)
    trained, says_trained = alone, says_alone
    if not isinstance(trainer, PlainFit):
        trained = _student(student, trainer.quick(), data, seed)
        says_trained = signal(trained)
    shape = {"n_columns": np.shape(X)[1], "n_classes": 1 if data.classes is None else len(data.classes)}
    bag = fit_to(bagged_bridge(student, data.n_samples, **shape), data, seed=derive_seed(seed, "bag"))
    answers = Answers(
        in_sample=predictions(fitted.model, X, data.classes)[0],
        teacher=signal(fitted),
        student=says_alone,
        trained=says_trained,
        bag=signal(as_teacher(bag, name="bag")),
        teacher_size=complexity(fitted.model),
        student_size=complexity(trained.model),
    )
    facts, errors = measure(
        data, answers, n_unlabelled=n_unlabelled, query_budget=query_budget, seed=derive_seed(seed, "clusters")
    )
    return Diagnosis(
        {
            "schema": SCHEMA,
            "task": "classification",
            "n_samples": data.n_samples,
            "n_features": int(np.shape(X)[1]),
            "seed": int(random_state) if isinstance(random_state, int | np.integer) else None,
            "folds": int(cv),
            "models": {
                "teacher": {"name": type(peel(source).learner).__name__, "complexity": str(answers.teacher_size)},
                "student": {"name": type(peel(student).learner).__name__, "complexity": str(answers.student_size)},
            },
            "facts": facts,
            "recommendations": advise(facts),
            "likely_error_rows": errors.tolist(),
            "versions": package_versions(),
            "data": {"fingerprint": fingerprint(X, y)},
        }
    )


def _student(student: Any, trainer: Any, data: TransferSet, seed: int) -> Teacher:
    """The student in the place of a teacher, so that its answers are made in the same way: on folds, or out of bag."""

    def refit(part: TransferSet, _: Any) -> Any:
        return trainer.fit(student, part, seed=derive_seed(seed, "hop", "student"))

    return Teacher(refit(data, None), refit, "student")


def _check_budget(query_budget: int | None, n_unlabelled: int) -> None:
    if query_budget is None:
        return
    if not isinstance(query_budget, int | np.integer) or isinstance(query_budget, bool) or query_budget < 0:
        raise InvalidInputError(f"query_budget={query_budget!r}: expected a number of rows or None for all.")
    if not n_unlabelled:
        raise InvalidInputError("query_budget needs rows to query; give the pool as X_unlabeled.")
