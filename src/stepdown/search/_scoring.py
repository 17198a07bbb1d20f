"""What a comparison is judged by: the scorer, whether it suits the task, whether it takes weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer, mean_pinball_loss
from sklearn.metrics._scorer import _BaseScorer
from sklearn.tree import ExtraTreeClassifier, ExtraTreeRegressor

from stepdown.core import InvalidInputError
from stepdown.learners import learned_property

Scorer = Callable[..., float]


def read_scorer(scoring: Any, *, classify: bool) -> tuple[Scorer, str]:
    """The scorer that is meant, and its name in reports."""
    if scoring is None:
        scoring = "accuracy" if classify else "r2"
    if isinstance(scoring, str):
        if scoring not in get_scorer_names():
            raise InvalidInputError(
                f"scoring={scoring!r}: there is no such scorer; sklearn.metrics.get_scorer_names() lists them."
            )
        return get_scorer(scoring), scoring
    if not callable(scoring):
        raise InvalidInputError(
            f"scoring={scoring!r}: expected the name of a scorer or a callable scorer(model, X, y), got"
            f" {type(scoring).__name__}."
        )
    if getattr(scoring, "__module__", "").startswith("sklearn.metrics.") and not isinstance(scoring, _BaseScorer):
        raise InvalidInputError(
            f"scoring={scoring!r} compares two arrays; expected a scorer such as make_scorer({scoring.__name__})."
        )
    return scoring, repr(scoring)


def asked_scorer(scoring: Any, y: NDArray[Any], student: Any, *, classify: bool) -> Scorer | None:
    """The scorer of students, after a check that it can score these targets; None for accuracy or squared error."""
    if scoring is None:
        wanted = (None if classify else learned_property(student)) or ""
        if not wanted.startswith("quantile"):
            return None
        level = float(wanted.removeprefix("quantile "))
        scorer: Scorer = make_scorer(mean_pinball_loss, alpha=level, greater_is_better=False)
        return scorer
    scorer, name = read_scorer(scoring, classify=classify)
    check_scorer(scorer, name, y, [student], classify=classify)
    return scorer


def takes_weight(scorer: Scorer) -> bool:
    """Whether a scorer makes use of ``sample_weight``."""
    measured = scorer._score_func if isinstance(scorer, _BaseScorer) else scorer
    try:
        return "sample_weight" in signature(measured).parameters
    except (TypeError, ValueError):
        return False


def check_scorer(scorer: Scorer, name: str, y: NDArray[Any], models: Sequence[Any], *, classify: bool) -> None:
    """Refuse a scorer that fits neither the task nor the models, before anything is fitted.

    It is tried on a model that always says the same and on one of two answers; what a callable of the user's reads from
    other models only, such as coefficients, is believed.
    """
    if isinstance(scorer, _BaseScorer):
        _check_response(scorer, name, models, classify=classify)
    rows = np.arange(len(y), dtype=np.float64)[:, None]
    tried: list[Any] = [DummyClassifier(), ExtraTreeClassifier(max_depth=1, random_state=0)]
    scores = []
    for model in tried if classify else [DummyRegressor(), ExtraTreeRegressor(max_depth=1, random_state=0)]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                scores.append(scorer(model.fit(rows, y), rows, y))
        except Exception as error:  # anything goes wrong in other people's functions
            if not isinstance(scorer, _BaseScorer):
                return _check_arguments(scorer, name)
            hint = f" Take '{name}_macro' or '{name}_weighted'." if f"{name}_macro" in get_scorer_names() else ""
            said = str(error).partition("\n")[0].rstrip(".")
            raise InvalidInputError(f"scoring={name!r} can't score these targets: {said}.{hint}") from error
    for score in scores:
        if np.ndim(score) or np.asarray(score).dtype.kind not in "biuf":
            raise InvalidInputError(
                f"scoring={name!r} gave {score!r:.60} ({type(score).__name__}) when it was tried; expected one number a"
                " model, greater for better ones."
            )
    if not np.isfinite(scores).any():
        raise InvalidInputError(
            f"scoring={name!r} gave {scores[0]} for a model that always says the same and {scores[1]} for one of two"
            " answers; expected finite numbers."
        )
    return None


def _check_response(scorer: Any, name: str, models: Sequence[Any], *, classify: bool) -> None:
    task = "classes" if classify else "real targets"
    if scorer._score_func.__module__.endswith("_regression") == classify:
        raise InvalidInputError(f"scoring={name!r} doesn't score {task}; take {'accuracy' if classify else 'r2'!r}.")
    asked = getattr(scorer, "_response_method", "predict")
    asked = (asked,) if isinstance(asked, str) else tuple(asked)
    for model in models:
        if not any(hasattr(model, method) for method in asked):
            raise InvalidInputError(
                f"scoring={name!r} asks models for {' or '.join(asked)}, which {type(model).__name__} lacks; take a"
                " scorer of answers, such as 'accuracy' or 'balanced_accuracy'."
            )


def _check_arguments(scorer: Scorer, name: str) -> None:
    """Refuse a callable that doesn't take a model, rows and targets."""
    try:
        signature(scorer).bind(None, None, None)
    except TypeError as error:
        raise InvalidInputError(f"scoring={name!r} can't be called as scorer(model, X, y): {error}.") from error
    except ValueError:  # its signature can't be read
        return
