"""Every way to the student, fitted to some rows and scored on others that chose nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing

from stepdown.learners import cast_rows, complexity, in_words, predictions
from stepdown.search import Way, solve

from ._summary import WAYS, held_out_metrics


@dataclass(frozen=True, slots=True)
class Judge:
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


def fit_ways(
    estimator: Any, X: Any, y: Any, sample_weight: Any, groups: Any, X_unlabeled: Any, judge: Judge
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


def joined_answers(said: list[dict[str, Any]], labels: NDArray[Any] | None) -> dict[str, Any]:
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
