"""XGBoost's models."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from stepdown.core import InvalidInputError
from stepdown.learners._sizes import Complexity, of_nested_trees
from stepdown.learners._soft_support import Floats, Realisation, SoftFitSupport

from ._adapter import Adapter, PartOf, rounds_named
from ._boosters import boosted_log_odds, regressor_like


class XGBoost(Adapter):
    """Its scikit-learn estimators, and for their size its bare boosters."""

    library = "xgboost"
    members = ("n_estimators",)
    reads_categories = True
    bins_rows = True

    def size(self, learner: Any) -> Complexity | None:
        """Trees; a linear booster is left to its bytes."""
        booster = learner.get_booster() if hasattr(learner, "get_booster") else learner
        if json.loads(booster.save_config())["learner"]["gradient_booster"]["name"] == "gblinear":
            return None
        return of_nested_trees([json.loads(text) for text in booster.get_dump(dump_format="json")], ("children",))

    def rounds(self, learner: Any) -> tuple[int, PartOf] | None:
        """Those that predictions use: early stopping leaves some behind the best one."""
        if learner.get_params().get("booster") == "gblinear":
            return None
        best = getattr(learner, "best_iteration", None)
        count = learner.get_booster().num_boosted_rounds() if best is None else best + 1
        return count, partial(_first_rounds, learner)

    def soft_fit(self, learner: Any, n_classes: int) -> tuple[SoftFitSupport, Realisation] | None:
        """Two classes by the log-loss."""
        objectives = (None, "binary:logistic")
        return boosted_log_odds(learner, n_classes, "xgboost.sklearn.XGBClassifier", objectives, _fit)


def _first_rounds(model: Any, count: int) -> tuple[str, Any]:
    part = clone(model)
    part.load_model(bytearray(model.get_booster()[:count].save_raw("ubj")))
    part.set_params(**model.get_params(deep=False))  # loading writes over some
    return rounds_named(count), part


def _fit(
    model: Any, X: Any, q: Floats, sample_weight: Floats | None, classes: NDArray[Any], params: dict[str, Any]
) -> Any:
    if not np.array_equal(classes, [0, 1]):
        raise InvalidInputError(f"XGBClassifier takes the classes 0 and 1 only; got {classes.tolist()}. Encode them.")
    regressor = regressor_like(model, "XGBRegressor", "binary:logistic", params).fit(X, q, sample_weight=sample_weight)
    model.load_model(bytearray(regressor.get_booster().save_raw("ubj")))
    # Loading writes what it has read over some of the parameters.
    return model.set_params(
        **{name: value for name, value in params.items() if getattr(model, name, value) is not value}
    )
