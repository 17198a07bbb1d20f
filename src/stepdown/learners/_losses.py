"""What a regressor's loss makes of its targets: the property of them that it learns, and their range."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_regressor

from ._pipelines import learning_parts

_LOSSES = ("loss", "criterion", "objective", "application", "loss_function")
_LEVELS = ("quantile", "quantile_alpha", "alpha")
_MEDIAN = re.compile(r"absolute|^(mae|l1|lad|regression_l1)$|^epsilon_insensitive", re.IGNORECASE)
_OF_A_LEVEL = re.compile(r"quantile", re.IGNORECASE)
_OTHER = re.compile(r"huber|fair|mape|percentage|logerror|expectile", re.IGNORECASE)
_RANGED = re.compile(r"poisson|gamma|tweedie|logistic|entropy|logerror", re.IGNORECASE)


def learned_property(model: Any) -> str | None:
    """What of its targets a regressor learns, such as "quantile 0.9" or "huber"; None for their mean."""
    for part, named in _with_losses(model):
        if _OF_A_LEVEL.search(named):
            params = part.get_params(deep=False)
            level = re.search(r"alpha=([\d.]+)", named)
            known = level[1] if level else next((params[name] for name in _LEVELS if name in params), 0.5)
            return f"quantile {_as_number(known)}"
        if _MEDIAN.search(named):
            return "quantile 0.5"
        if _OTHER.search(named):
            return named
    return None


def _as_number(level: Any) -> Any:
    try:
        return f"{float(level):g}"
    except (TypeError, ValueError):  # several levels at once
        return level


def can_teach(teacher: Any, student: Any) -> bool:
    """Whether a regressor's answers are what another one's loss is to learn; classifiers can always be taught."""
    wanted = learned_property(student) if is_regressor(student) else None
    return wanted is None or learned_property(teacher) == wanted


def in_range_of_loss(student: Any, answers: NDArray[np.float64], y: Any) -> NDArray[np.float64]:
    """A teacher's real answers, kept within those of the labels where the loss doesn't take every number."""
    ranged = any(_RANGED.search(named) for _, named in _with_losses(student)) or _transforms_targets(student)
    return np.clip(answers, np.min(y), np.max(y)) if ranged else answers


def _transforms_targets(model: Any) -> bool:
    return any(hasattr(part, "regressor") and hasattr(part, "transformer") for part in learning_parts(model))


def _with_losses(model: Any) -> Iterator[tuple[Any, str]]:
    """The estimators that learn inside a model, with the names of their losses and classes."""
    for part in learning_parts(model):
        yield part, type(part).__name__
        params = part.get_params(deep=False) if hasattr(part, "get_params") else {}
        yield from ((part, params[name]) for name in _LOSSES if isinstance(params.get(name), str))
