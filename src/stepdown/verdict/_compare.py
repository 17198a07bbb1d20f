"""The verdict: plain, one hop and several hops on rows that chose nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import (
    GroupKFold,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    check_cv,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, _num_samples, column_or_1d

from stepdown.core import InvalidInputError, NotSupportedError, Table
from stepdown.learners import cast_rows, complexity, in_words, predictions
from stepdown.multihop import MultihopClassifier, MultihopRegressor
from stepdown.oracle import Queried
from stepdown.search import Way, check_labels, check_names, check_scorer, read_scorer, solve, standing_in, takes_weight

from ._html import render_html
from ._sentence import summary_sentence
from ._summary import WAYS, held_out_metrics, summarise
from ._text import render_text

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
    y, sample_weight, groups = _check_rows(X, y, sample_weight, groups, classify=classify)
    scorer, name = read_scorer(scoring, classify=classify)
    teachers = multihop.teacher if isinstance(multihop.teacher, list | tuple) else [multihop.teacher]
    check_scorer(scorer, name, y, [*teachers, standing_in(multihop.student, classify=classify)], classify=classify)
    weighted = sample_weight is not None and takes_weight(scorer)
    if test is not None:
        if cv is not None:
            raise InvalidInputError("test and cv exclude each other: a hold-out takes the place of the outer folds.")
        X_test, y_test = _check_test(test, X, y, classify=classify)
        judge = _Judge(scorer, X_test, y_test, _parts(y_test, classify=classify))
        folds = _fit_ways(estimator, X, y, sample_weight, groups, X_unlabeled, judge)
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
        return Verdict(summary, _answers([folds[0]["said"]], y if classify else None))
    splits = _outer_folds(cv, X, y, groups, classify=classify)
    if sample_weight is not None and not all(sample_weight[test].any() for _, test in splits):
        raise InvalidInputError("sample_weight: all rows of an outer fold have weight 0. Drop these rows, or shuffle.")
    folds, said, seen = [], list[dict[str, Any]](), np.zeros(len(y), dtype=bool)
    for number, (train, held_out) in enumerate(splits, start=1):
        log.info("outer fold %d of %d", number, len(splits), extra={"progress": (number - 1, len(splits))})
        judge = _Judge(scorer, _safe_indexing(X, held_out), y[held_out])
        if weighted:
            judge = replace(judge, weight=sample_weight[held_out])
        weight = None if sample_weight is None else sample_weight[train]
        group = None if groups is None else groups[train]
        folds += _fit_ways(estimator, _safe_indexing(X, train), y[train], weight, group, X_unlabeled, judge)
        if not seen[held_out].any():  # of repeated folds the first
            said.append(folds[-1]["said"])
            seen[held_out] = True
    sizes = (float(np.mean([len(train) for train, _ in splits])), float(np.mean([len(test) for _, test in splits])))
    summary = summarise(multihop, X, y, folds, sizes=sizes, scorer=name, rope=rope, level=level)
    if sample_weight is not None:
        summary["weighted"] = "training and score" if weighted else "training"
    return Verdict(summary, _answers(said, y if classify else None))


def _answers(said: list[dict[str, Any]], labels: NDArray[Any] | None) -> dict[str, Any]:
    """What was answered to the rows of several folds; a class that a fold didn't know has no probability there."""
    classes = None if labels is None else np.unique(labels)
    found: dict[str, Any] = {"classes": classes, "y": np.concatenate([one["y"] for one in said])}
    for name in said[0]["answers"]:
        parts = []
        for one in said:
            part = np.asarray(one["answers"][name])
            if classes is not None:
                known = part
                part = np.zeros((len(known), len(classes)))
                part[:, np.searchsorted(classes, one["classes"])] = known
            parts.append(part)
        found[name] = np.concatenate(parts)
    return found


def _check_judgement(rope: Any, level: Any) -> None:
    """The limits of `compare_paired`, checked before the folds are fitted."""
    if not (isinstance(rope, int | float | np.number) and 0 <= rope < np.inf):
        raise InvalidInputError(f"rope={rope!r}: expected a half-width in units of the score, at least 0.")
    if not (isinstance(level, int | float | np.number) and 0.5 <= level < 1):
        raise InvalidInputError(f"level={level!r}: expected a probability from 0.5 to below 1, such as 0.95.")


def _check_rows(X: Any, y: Any, sample_weight: Any, groups: Any, *, classify: bool) -> tuple[Any, Any, Any]:
    """What is indexed by fold must be as long as the rows; the rest is the business of `fit`."""
    if y is None:
        raise InvalidInputError("y is None: compare needs the targets of all rows.")
    check_names(X)
    y = column_or_1d(y, warn=True)
    n_rows = _num_samples(X)
    for name, values in (("y", y), ("sample_weight", sample_weight), ("groups", groups)):
        if values is not None and np.shape(values)[:1] != (n_rows,):
            raise InvalidInputError(f"{name} has shape {np.shape(values)} for {n_rows} rows; give one value a row.")
    if classify:
        check_labels(y)
        check_classification_targets(y)
    if sample_weight is not None:
        try:
            sample_weight = _check_sample_weight(sample_weight, y, dtype=np.float64, ensure_non_negative=True)
        except (ValueError, TypeError) as error:
            raise InvalidInputError(f"sample_weight: {error}") from error
    return y, sample_weight, None if groups is None else column_or_1d(groups)


def _outer_folds(
    cv: Any, X: Any, y: NDArray[Any], groups: Any, *, classify: bool
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    if groups is not None and (cv is None or isinstance(cv, int)):
        folds_of_groups = StratifiedGroupKFold if classify else GroupKFold
        cv = folds_of_groups(5 if cv is None else cv, shuffle=True, random_state=0)
    elif cv is None:
        cv = (
            RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
            if classify
            else RepeatedKFold(n_splits=5, n_repeats=2, random_state=0)
        )
    try:
        splits = list(check_cv(cv, y, classifier=classify).split(X, y, groups))
    except (ValueError, TypeError) as error:
        raise InvalidInputError(f"cv={cv!r} gives no outer folds of these rows: {error}") from error
    if len(splits) < 2 or not all(len(train) and len(test) for train, test in splits):
        raise InvalidInputError(
            f"cv={cv!r} gives {len(splits)} outer folds; expected at least 2, each with rows on both sides."
        )
    return [(np.asarray(train), np.asarray(test)) for train, test in splits]


# Rows of a hold-out, below which its parts say too little, and the most parts.
FEWEST_HELD_OUT, MOST_PARTS = 20, 10


def _check_test(test: Any, X: Any, y: NDArray[Any], *, classify: bool) -> tuple[Any, NDArray[Any]]:
    """A hold-out like the rows: as many columns, by the same names, and no classes but theirs."""
    try:
        X_test, y_test = test
    except (TypeError, ValueError) as error:
        raise InvalidInputError("test: expected rows and targets of a hold-out, (X_test, y_test).") from error
    check_names(X_test)
    y_test = column_or_1d(y_test, warn=True)
    if len(y_test) != _num_samples(X_test) or len(y_test) < FEWEST_HELD_OUT:
        raise InvalidInputError(
            f"test: got {_num_samples(X_test)} rows and {len(y_test)} targets; expected as many of either, at least"
            f" {FEWEST_HELD_OUT}."
        )
    names, given = getattr(X, "columns", None), getattr(X_test, "columns", None)
    if names is not None and given is not None and list(names) != list(given):
        raise InvalidInputError(f"test: its columns must be those of X, in their order: {list(names)[:10]}.")
    if np.shape(X_test)[1:] != np.shape(X)[1:]:
        raise InvalidInputError(f"test: expected {np.shape(X)[1]} columns as X has, got {np.shape(X_test)[1]}.")
    if classify and len(unknown := np.setdiff1d(y_test, y)):
        raise InvalidInputError(f"test: classes {unknown[:5].tolist()} aren't among those of y.")
    return X_test, y_test


def _parts(y: NDArray[Any], *, classify: bool) -> tuple[NDArray[np.intp], ...]:
    """A hold-out in parts with all classes alike, by chance otherwise."""
    order = np.random.default_rng(0).permutation(len(y))
    if classify:
        order = order[np.argsort(y[order], kind="stable")]
    most = min(MOST_PARTS, len(y) // 10)
    return tuple(order[start::most] for start in range(most))


@dataclass(frozen=True, slots=True)
class _Judge:
    """Rows that chose nothing, whole or in parts, and how models are scored on them."""

    scorer: Any
    X: Any
    y: NDArray[Any]
    parts: tuple[NDArray[np.intp], ...] = ()
    weight: NDArray[Any] | None = None

    def scores(self, model: Any) -> list[float]:
        """One score, or one a part, whose mean is that of all rows: parts are there for the spread."""
        keywords = {} if self.weight is None else {"sample_weight": self.weight}
        rows = cast_rows(model, self.X)
        whole = float(self.scorer(model, rows, self.y, **keywords))
        if not self.parts:
            return [whole]
        scores = np.array([float(self.scorer(model, _safe_indexing(rows, at), self.y[at])) for at in self.parts])
        return list(scores - scores.mean() + whole)


def _fit_ways(
    estimator: Any, X: Any, y: Any, sample_weight: Any, groups: Any, X_unlabeled: Any, judge: _Judge
) -> list[dict[str, Any]]:
    """Fit everything to these rows, and score every way on those of the judge: one result, or one a part."""
    multihop = clone(estimator)
    if isinstance(multihop, Pipeline):
        prepare, multihop = multihop[:-1], multihop[-1]
        if len(prepare):
            X = prepare.fit_transform(X, y)
            judge = replace(judge, X=prepare.transform(judge.X))
            X_unlabeled = None if X_unlabeled is None else prepare.transform(X_unlabeled)
    problem, choice = solve(multihop, X, y, sample_weight, groups, X_unlabeled)
    wanted: dict[str, Way | None] = {kind: choice.best(kind) for kind in WAYS}
    wanted["chosen"] = choice.way
    teacher = problem.teacher.model
    teacher_says, _ = predictions(teacher, judge.X, problem.data.classes)

    def score(model: Any, seconds: float, notes: Mapping[str, float] | None = None) -> dict[str, Any]:
        size = complexity(model)
        return {
            "scores": judge.scores(model),
            "metrics": held_out_metrics(model, judge.X, judge.y, teacher_says, problem.data.classes),
            "size": size,
            "model": in_words(model, size),
            "seconds": seconds,
            "notes": dict(notes or {}),
        }

    said = {"teacher": teacher_says}
    results = {"teacher": score(teacher, problem.teacher_seconds)}
    trained, kept = dict[str, dict[str, Any]](), dict[str, Any]()
    for name, way in wanted.items():
        if way is None:
            continue
        if way.name not in trained:
            started = time.perf_counter()
            made = problem.train(way)
            trained[way.name] = score(made.model, time.perf_counter() - started, made.records[-1].notes)
            kept[way.name] = made.model
        if name in ("plain", "chosen"):
            said[name], _ = predictions(kept[way.name], judge.X, problem.data.classes)
        results[name] = trained[way.name]
    started = time.perf_counter()
    classify = problem.data.classes is not None
    dummy = _baseline(y, sample_weight, classify=classify)
    words = "always the commonest class" if classify else "always the mean"
    said["baseline"], _ = predictions(dummy, judge.X, problem.data.classes)
    results["baseline"] = score(dummy, time.perf_counter() - started) | {"model": words}
    about = {
        "chosen": choice.way.name,
        "uses_teacher": choice.way.uses_teacher,
        "frozen": problem.teacher.is_frozen,
        "said": {"y": judge.y, "classes": problem.data.classes, "answers": said},
    }
    return [
        about | {"ways": {name: found | {"score": found["scores"][part]} for name, found in results.items()}}
        for part in range(max(1, len(judge.parts)))
    ]


def _baseline(y: Any, weight: Any, *, classify: bool) -> Any:
    """The model that everything must beat: always the commonest class, with the shares of all, or the mean."""
    dummy = DummyClassifier(strategy="prior") if classify else DummyRegressor()
    return dummy.fit(np.zeros((len(y), 1)), y, sample_weight=weight)
