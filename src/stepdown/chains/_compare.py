"""The verdict: simple alone, one hop and several hops on rows that chose nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import (
    GroupKFold,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    check_cv,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing

from stepdown import reports
from stepdown.core import InvalidInputError
from stepdown.models import complexity, predictions

from ._multihop import _Multihop
from ._problem import Arm
from ._summary import ARMS, held_out_metrics, summarise

__all__ = ["Verdict", "compare"]

log = logging.getLogger("stepdown")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `compare` found.

    Parameters
    ----------
    summary : mapping
        Plain JSON types; ``summary["schema"]`` is the version of its form. `stepdown.reports` renders it.

    Notes
    -----
    ``str(verdict)`` is the table with its sentences.
    """

    summary: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as a dict of plain JSON types."""
        return dict(self.summary)

    def __str__(self) -> str:
        return reports.render_text(self.to_dict())

    def _repr_html_(self) -> str:
        return reports.render_html(self.to_dict())


def compare(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = None,
    scoring: Any = None,
    sample_weight: Any = None,
    groups: Any = None,
    rope: float = 0.01,
    level: float = 0.95,
) -> Verdict:
    """Compare the ways to the student on outer folds that chose nothing.

    A frozen teacher can't be kept from rows that it was fitted on. Split off the rows for `compare` before you fit it,
    or else its own score, and a little of what it hands on, is not held out; the verdict says so.

    In every outer fold the whole of `estimator` is fitted on the training part: the teacher, its signals, the gate.
    Then the student is trained by *every* way, and all are scored on the held-out part. "chosen" is the way the gate
    took in that fold; "multihop" and "1-hop" are, where there are several of a kind, the ones the gate rated best on
    the training part.

    Differences are paired by fold and judged by the correlated Bayesian t-test with a region of practical equivalence,
    whose scale is that of the corrected resampled t-test [1]_ [2]_.

    Parameters
    ----------
    estimator : MultihopClassifier, MultihopRegressor, or a Pipeline that ends in one
        Unfitted or fitted; clones are used. Earlier steps of a pipeline are fitted inside the folds.
    X, y : array-like
    cv : int, splitter or None
        Outer folds; None means five folds, twice. With groups, None and int mean folds of whole groups, once.
    scoring : str or callable, optional
        A scorer's name or ``scorer(model, X, y)``; default accuracy, or the coefficient of determination.
    sample_weight, groups : array-like of shape (n_samples,), optional
        Weights are used in training, not in scores; whole groups stand on one side of every fold.
    rope : float, default=0.01
        Differences smaller than this, in units of the score, are of no practical importance.
    level : float, default=0.95
        Of intervals, and the probability that a verdict other than "undecided" needs.

    Returns
    -------
    Verdict

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003.
    .. [2] A. Benavoli, G. Corani, J. Demšar and M. Zaffalon, "Time for a Change: a Tutorial for Comparing Multiple
       Classifiers Through Bayesian Analysis", JMLR 18, 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown import MultihopClassifier, compare
    >>> clf = MultihopClassifier(RandomForestClassifier(20), DecisionTreeClassifier(max_depth=2), random_state=0)
    >>> verdict = compare(clf, *load_iris(return_X_y=True), cv=3)
    >>> sorted(arm["name"] for arm in verdict.to_dict()["arms"])[:3]
    ['1-hop', 'chosen', 'control']
    """
    multihop = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(multihop, _Multihop):
        raise InvalidInputError(
            "compare: expected a MultihopClassifier, a MultihopRegressor or a Pipeline that ends in one, got"
            f" {type(multihop).__name__}."
        )
    classify = is_classifier(multihop)
    if groups is not None and (cv is None or isinstance(cv, int)):
        folds_of_groups = StratifiedGroupKFold if classify else GroupKFold
        cv = folds_of_groups(5 if cv is None else cv, shuffle=True, random_state=0)
    elif cv is None:
        cv = (
            RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
            if classify
            else RepeatedKFold(n_splits=5, n_repeats=2, random_state=0)
        )
    splitter = check_cv(cv, y, classifier=classify)
    scorer = check_scoring(multihop.student, scoring=scoring)
    splits = list(splitter.split(X, y, groups))
    folds = []
    for number, (train, test) in enumerate(splits, start=1):
        log.info("outer fold %d of %d", number, len(splits))
        folds.append(_one_fold(estimator, X, y, train, test, sample_weight, groups, scorer))
    sizes = (float(np.mean([len(train) for train, _ in splits])), float(np.mean([len(test) for _, test in splits])))
    name = (
        scoring
        if isinstance(scoring, str)
        else ("accuracy" if classify else "r2")
        if scoring is None
        else repr(scoring)
    )
    return Verdict(summarise(multihop, X, y, folds, sizes=sizes, scorer=name, rope=rope, level=level))


def _one_fold(
    estimator: Any,
    X: Any,
    y: Any,
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    sample_weight: Any,
    groups: Any,
    scorer: Any,
) -> dict[str, Any]:
    """Fit everything on the training part; score every arm on the held-out part."""
    X_train, X_test = _safe_indexing(X, train), _safe_indexing(X, test)
    y_train, y_test = np.asarray(y)[train], np.asarray(y)[test]
    multihop = clone(estimator)
    if isinstance(multihop, Pipeline):
        prepare, multihop = multihop[:-1], multihop[-1]
        if len(prepare):
            X_train = prepare.fit_transform(X_train, y_train)
            X_test = prepare.transform(X_test)
    weight = None if sample_weight is None else np.asarray(sample_weight)[train]
    group = None if groups is None else np.asarray(groups)[train]
    problem, choice = multihop._solve(X_train, y_train, weight, group)
    wanted: dict[str, Arm | None] = {kind: choice.best(kind) for kind in ARMS}
    wanted["chosen"] = choice.arm
    teacher = problem.teacher.model
    teacher_says, _ = predictions(teacher, X_test, problem.data.classes)
    results = {"teacher": _score(teacher, X_test, y_test, teacher_says, problem, scorer, problem.teacher_seconds)}
    trained: dict[str, dict[str, Any]] = {}
    for name, arm in wanted.items():
        if arm is None:
            continue
        if arm.name not in trained:
            started = time.perf_counter()
            model = problem.train(arm).model
            seconds = time.perf_counter() - started
            trained[arm.name] = _score(model, X_test, y_test, teacher_says, problem, scorer, seconds)
        results[name] = trained[arm.name]
    return {"arms": results, "chosen": choice.arm.name, "frozen": problem.teacher.is_frozen}


def _score(
    model: Any, X: Any, y: NDArray[Any], teacher_says: NDArray[np.float64], problem: Any, scorer: Any, seconds: float
) -> dict[str, Any]:
    metrics = held_out_metrics(model, X, y, teacher_says, problem.data.classes)
    return {"score": float(scorer(model, X, y)), "metrics": metrics, "size": complexity(model), "seconds": seconds}
