"""The verdict: plain, one hop and several hops on rows that chose nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing

from stepdown.core import InvalidInputError, NotSupportedError, Table
from stepdown.multihop import MultihopClassifier, MultihopRegressor
from stepdown.oracle import Queried
from stepdown.search import check_scorer, read_scorer, standing_in, takes_weight

from ._held_out_rows import checked_hold_out, checked_targets, outer_folds, parts_of
from ._html import render_html
from ._sentence import summary_sentence
from ._summary import summarise
from ._text import render_text
from ._ways import Judge, fit_ways, joined_answers

log = logging.getLogger("stepdown")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `compare` found; ``str(verdict)`` is the tables with their sentences.

    Parameters
    ----------
    summary : mapping
        Plain JSON types; ``summary["schema"]`` is the version of its form. `stepdown.verdict` renders it.
    answers : mapping, optional
        What "chosen", "plain", "teacher" and "baseline" answered to the held-out rows, each row once, beside "y" and
        "classes" (None of numbers): what a report counts class by class.

    Examples
    --------
    >>> row = {"a": "multihop", "b": "one-hop", "difference": 0.012, "low": 0.003, "high": 0.021, "verdict": "better"}
    >>> verdict = Verdict({"schema": 1, "scorer": "accuracy", "comparisons": [row], "chosen": {"multihop": 10}})
    >>> verdict.comparisons
    a         b        difference    low   high  verdict
    multihop  one-hop       0.012  0.003  0.021  better
    >>> verdict.chosen, verdict.sentence.split(":")[0]
    ({'multihop': 10}, 'The multihop chain is better than one-hop transfer')
    """

    summary: Mapping[str, Any]
    answers: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def ways(self) -> Table:
        """One row a way: its mean held-out score, the spread over folds, the metrics of all ways, seconds and size."""
        ways = list(self.summary.get("ways", ()))
        metrics = [key for key in ways[0]["metrics"] if all(key in way["metrics"] for way in ways)] if ways else []
        return Table(
            {"way": way["name"], "score": way["mean"], "std": way["std"]}
            | {key: way["metrics"][key] for key in metrics}
            | {"seconds": way["seconds"], "model": way["complexity"]["text"]}
            for way in ways
        )

    @property
    def comparisons(self) -> Table:
        """One row a pair of ways: the difference with its interval, probabilities and the verdict on it."""
        return Table(dict(row) for row in self.summary.get("comparisons", ()))

    @property
    def chosen(self) -> dict[str, int]:
        """In how many folds the search took which way."""
        return dict(self.summary["chosen"])

    @property
    def sentence(self) -> str:
        """The result in plain English."""
        return summary_sentence(self.summary)

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as a dict of plain JSON types."""
        return dict(self.summary)

    def __str__(self) -> str:
        return render_text(self.to_dict())

    def _repr_html_(self) -> str:
        return render_html(self.to_dict())


def compare(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = None,
    scoring: Any = None,
    sample_weight: Any = None,
    groups: Any = None,
    X_unlabeled: Any = None,
    test: tuple[Any, Any] | None = None,
    rope: float = 0.01,
    level: float = 0.95,
) -> Verdict:
    """Compare the ways to the student on outer folds that chose nothing, or on a hold-out.

    A frozen teacher can't be kept from rows that it was fitted on. Split off the rows for `compare` before you fit it,
    or else its own score, and a little of what it hands on, is not held out; the verdict says so.

    In every outer fold the whole of `estimator` is fitted on the training part: the teacher, its signals, the gate.
    Then the student is trained by *every* way, and all are scored on the held-out part. "chosen" is the way the gate
    took in that fold; "multihop" and "one-hop" are, where there are several of a kind, the ones the gate rated best on
    the training part.

    Differences are paired by fold and judged by the correlated Bayesian t-test with a region of practical equivalence,
    whose scale is that of the corrected resampled t-test [1]_ [2]_.

    With `test` all is fitted once, to all rows, and scored on the hold-out. Differences are then judged over its parts:
    what they say is about these very models, on rows like those held out, and not about other training rows.

    Parameters
    ----------
    estimator : MultihopClassifier, MultihopRegressor, or a Pipeline that ends in one
        Unfitted or fitted; clones are used. Earlier steps of a pipeline are fitted inside the folds.
    X, y : array-like
    cv : int, splitter or None
        Outer folds; None means five folds, twice. With groups, None and int mean folds of whole groups, once.
    scoring : str or callable, optional
        A scorer's name or ``scorer(model, X, y)``; default accuracy, or the coefficient of determination.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative. Used in training, and in the score where the scorer takes weights, as the default ones and most of
        scikit-learn's do; ``summary["weighted"]`` says which. The metrics beside the score are not weighted.
    groups : array-like of shape (n_samples,), optional
        Groups are never split between the two sides of a fold.
    X_unlabeled : array-like of shape (n_unlabeled, n_features), optional
        Further rows, which the teacher may label in every fold; they must be none of those of `X`.
    test : (array-like, array-like), optional
        Rows and targets of a hold-out, at least 20, which takes the place of `cv`.
    rope : float, default=0.01
        Differences smaller than this, in units of the score, are of no practical importance.
    level : float, default=0.95
        Of intervals, and the probability that a verdict other than "undecided" needs.

    Returns
    -------
    Verdict

    Raises
    ------
    InvalidInputError
        For what can't be compared: before anything is fitted wherever that can be known.

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
    >>> sorted(way["name"] for way in verdict.to_dict()["ways"])[:3]
    ['baseline', 'chosen', 'control']
    """
    multihop = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(multihop, MultihopClassifier | MultihopRegressor):
        raise InvalidInputError(
            "compare: expected a MultihopClassifier, a MultihopRegressor or a Pipeline that ends in one, got"
            f" {type(multihop).__name__}."
        )
    classify = isinstance(multihop, ClassifierMixin)
    if isinstance(multihop.teacher, Queried):
        raise NotSupportedError(
            "compare: with a label budget every outer fold would need queries of its own. Hold labelled rows back, and"
            " score on them what fit gives with search=Fixed('one-hop'), Fixed('multihop') and so on, with one"
            " Queried(teacher, budget) as the teacher of all: they share its answers."
        )
    _check_judgement(rope, level)
    y, sample_weight, groups = checked_targets(X, y, sample_weight, groups, classify=classify)
    scorer, name = read_scorer(scoring, classify=classify)
    teachers = multihop.teacher if isinstance(multihop.teacher, list | tuple) else [multihop.teacher]
    check_scorer(scorer, name, y, [*teachers, standing_in(multihop.student, classify=classify)], classify=classify)
    weighted = sample_weight is not None and takes_weight(scorer)
    if test is not None:
        if cv is not None:
            raise InvalidInputError("test and cv exclude each other: a hold-out takes the place of the outer folds.")
        X_test, y_test = checked_hold_out(test, X, y, classify=classify)
        judge = Judge(scorer, X_test, y_test, parts_of(y_test, classify=classify))
        folds = fit_ways(estimator, X, y, sample_weight, groups, X_unlabeled, judge)
        summary = summarise(multihop, X, y, folds, sizes=(np.inf, len(y_test)), scorer=name, rope=rope, level=level)
        way = folds[0]["chosen"]
        if summary["teacher_unused"]:
            summary["teacher_unused"] = f"The teacher is not used: {way!r} was chosen."
        summary |= {
            "chosen": {way: 1},
            "train_rows": len(y),
            "hold_out": {"rows": len(y_test), "parts": len(folds)},
        }
        summary |= {"weighted": "training"} if sample_weight is not None else {}
        return Verdict(summary, joined_answers([folds[0]["said"]], y if classify else None))
    splits = outer_folds(cv, X, y, groups, classify=classify)
    if sample_weight is not None and not all(sample_weight[test].any() for _, test in splits):
        raise InvalidInputError("sample_weight: all rows of an outer fold have weight 0. Drop these rows, or shuffle.")
    folds, said, seen = [], list[dict[str, Any]](), np.zeros(len(y), dtype=bool)
    for number, (train, held_out) in enumerate(splits, start=1):
        log.info("outer fold %d of %d", number, len(splits), extra={"progress": (number - 1, len(splits))})
        judge = Judge(scorer, _safe_indexing(X, held_out), y[held_out])
        if weighted:
            judge = replace(judge, weight=sample_weight[held_out])
        weight = None if sample_weight is None else sample_weight[train]
        group = None if groups is None else groups[train]
        folds += fit_ways(estimator, _safe_indexing(X, train), y[train], weight, group, X_unlabeled, judge)
        if not seen[held_out].any():  # of repeated folds the first
            said.append(folds[-1]["said"])
            seen[held_out] = True
    sizes = (float(np.mean([len(train) for train, _ in splits])), float(np.mean([len(test) for _, test in splits])))
    summary = summarise(multihop, X, y, folds, sizes=sizes, scorer=name, rope=rope, level=level)
    if sample_weight is not None:
        summary["weighted"] = "training and score" if weighted else "training"
    return Verdict(summary, joined_answers(said, y if classify else None))


def _check_judgement(rope: Any, level: Any) -> None:
    """The limits of `compare_paired`, checked before the folds are fitted."""
    if not (isinstance(rope, int | float | np.number) and 0 <= rope < np.inf):
        raise InvalidInputError(f"rope={rope!r}: expected a half-width in units of the score, at least 0.")
    if not (isinstance(level, int | float | np.number) and 0.5 <= level < 1):
        raise InvalidInputError(f"level={level!r}: expected a probability from 0.5 to below 1, such as 0.95.")
