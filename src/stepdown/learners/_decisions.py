"""A teacher of two classes that decides by a threshold of its own: its probabilities say it, and so do the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.core import Teacher, TransferSet

from ._networks import cast_rows
from ._pipelines import peel

Floats = NDArray[np.float64]

# Models of these decide for the most probable class, unless they name another threshold.
_LIBRARIES = ("sklearn", "lightgbm", "xgboost", "catboost", "skorch", "stepdown")
_NAMES = ("best_threshold_", "threshold")
_RANGE = 1e-3, 1 - 1e-3
_MOST_ROWS = 1000


def decision_threshold(model: Any, X: Any, p: Floats, classes: NDArray[Any]) -> float | None:
    """From which of its probabilities `p` of the second class on a fitted model answers it; None for one half."""
    learner = peel(model).learner
    while hasattr(learner, "best_estimator_"):
        learner = peel(learner.best_estimator_).learner
    stated = [value for name in _NAMES if isinstance(value := getattr(learner, name, None), float | np.floating)]
    if not stated and type(learner).__module__.partition(".")[0] in _LIBRARIES:
        return None
    yes = np.asarray(model.predict(X)).ravel() == classes[1]
    if p.shape != yes.shape or not np.isfinite(p).all():  # which is refused where it is to teach
        return None
    low, high = p[~yes].max(initial=0.0), p[yes].min(initial=1.0)
    if low > high:  # it decides by something else
        return None
    of_first = getattr(learner, "pos_label", None) == classes[0]
    known = [1 - float(value) if of_first else float(value) for value in stated]
    threshold = next(
        (value for value in known if low <= value <= high), 0.5 if low <= 0.5 <= high else (low + high) / 2
    )
    return None if threshold == 0.5 else float(np.clip(threshold, *_RANGE))


def at_threshold(values: Floats, threshold: float) -> Floats:
    """Probabilities of two classes by odds times a constant, so that the threshold, or a hair less, comes at 0.5."""
    threshold *= 1 - 1e-9
    moved = values * [threshold, 1 - threshold]
    return moved / moved.sum(axis=1, keepdims=True)


@dataclass(frozen=True, slots=True)
class _WithoutCosts:
    """How a teacher is made again on rows that are weighed by its threshold: as before; a class, to be pickled."""

    refit: Callable[[TransferSet, NDArray[np.intp]], Any]
    costs: Floats

    def __call__(self, part: TransferSet, rows: NDArray[np.intp]) -> Any:
        return self.refit(part.replace(sample_weight=part.weights() / self.costs[part.label_index()]), rows)


def weighed_by_threshold(teacher: Teacher, data: TransferSet) -> TransferSet:
    """The same rows, weighed so that the best decisions on them are those by the teacher's threshold.

    To answer the second class from a probability t on is to take an error on the first for t and one on the second for
    1 - t. The teacher itself is made again without these weights. Where its probabilities say what it decides, and
    where it says none, the rows stay as they are.
    """
    model, classes = teacher.model, data.classes
    if classes is None or len(classes) != 2 or not hasattr(model, "predict_proba"):
        return data
    X = cast_rows(model, data.take(np.unique(np.linspace(0, data.n_samples - 1, _MOST_ROWS).astype(np.intp))).X)
    p = np.asarray(model.predict_proba(X), dtype=np.float64)
    threshold = decision_threshold(model, X, p[:, 1], classes) if p.shape[1] == 2 else None
    if threshold is None:
        return data
    costs = np.array([threshold, 1 - threshold])
    costs *= data.weights().sum() / (data.weights() @ costs[data.label_index()])
    if teacher.refit is not None:
        teacher.refit = _WithoutCosts(teacher.refit, costs)
    return data.replace(sample_weight=data.weights() * costs[data.label_index()])
