"""Soft targets of two classes for libraries of boosters: the log-loss is boosted on the probability itself.

Their classifiers take labels only, their regressors take any target. So a regressor with the log-loss is fitted, and
its booster is moved into a classifier by the libraries' own ways of saving and loading.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.learners._class_weight import fold_class_weight, with_class_weight
from stepdown.learners._soft_support import Floats, Realisation, SoftFitSupport

# Of these the log-loss isn't the whole story.
_OTHER_LOSSES = ("is_unbalance", "unbalance", "unbalanced_sets", "early_stopping_rounds")


def boosted_log_odds(
    model: Any, n_classes: int, kind: str, objectives: tuple[str | None, ...], fit: Callable[..., Any]
) -> tuple[SoftFitSupport, Realisation] | None:
    """How a library's own classifier boosts soft targets of two classes; a subclass may fit in another way."""
    params = model.get_params(deep=False)
    own = f"{type(model).__module__}.{type(model).__name__}" == kind
    if (
        n_classes != 2
        or not own
        or params.get("objective") not in objectives
        or any(params.get(name) for name in _OTHER_LOSSES)
    ):
        return None

    def realise(
        model: Any, X: Any, Q: Floats, sample_weight: Floats | None, classes: NDArray[Any], seed: int | None
    ) -> Any:
        Q, sample_weight = with_class_weight(model, Q, sample_weight, classes)
        if params.get("scale_pos_weight"):
            Q, sample_weight = fold_class_weight(Q, sample_weight, np.array([1.0, params["scale_pos_weight"]]))
        return fit(model, X, Q[:, 1], sample_weight, classes, model.get_params(deep=False))

    return SoftFitSupport("exact", "boosts the log-loss on the probability of the second class"), realise


def regressor_like(model: Any, name: str, objective: str, params: dict[str, Any]) -> Any:
    """The library's regressor, with a classifier's parameters."""
    settings = {**params, "objective": objective}
    for folded in ("class_weight", "scale_pos_weight"):
        if folded in settings:
            settings[folded] = None
    kind = getattr(sys.modules[type(model).__module__], name)
    return kind(**{name: value for name, value in settings.items() if value is not None})
