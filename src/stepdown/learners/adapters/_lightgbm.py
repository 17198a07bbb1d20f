"""LightGBM's models."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.learners._sizes import Complexity, of_nested_trees
from stepdown.learners._soft_support import Floats, Realisation, SoftFitSupport

from ._adapter import Adapter, PartOf, rounds_named
from ._boosters import boosted_log_odds, regressor_like


class LightGBM(Adapter):
    """Its scikit-learn estimators, and for their size its bare boosters."""

    library = "lightgbm"
    members = ("n_estimators",)
    reads_categories = True
    bins_rows = True

    def size(self, learner: Any) -> Complexity | None:
        """Trees."""
        booster = learner.booster_ if hasattr(learner, "booster_") else learner
        roots = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
        return of_nested_trees(roots, ("left_child", "right_child"))

    def rounds(self, learner: Any) -> tuple[int, PartOf] | None:
        """Those that predictions use."""
        if not hasattr(learner, "booster_"):
            return None
        return learner.best_iteration_ or learner.n_estimators_, partial(_first_rounds, learner)

    def soft_fit(self, learner: Any, n_classes: int) -> tuple[SoftFitSupport, Realisation] | None:
        """Two classes by the log-loss."""
        objectives = (None, "binary", "cross_entropy", "xentropy")
        return boosted_log_odds(learner, n_classes, "lightgbm.sklearn.LGBMClassifier", objectives, _fit)


def _first_rounds(model: Any, count: int) -> tuple[str, Any]:
    part = copy.deepcopy(model)
    part.booster_.model_from_string(model.booster_.model_to_string(num_iteration=count))
    return rounds_named(count), part


def _fit(
    model: Any, X: Any, q: Floats, sample_weight: Floats | None, classes: NDArray[Any], params: dict[str, Any]
) -> Any:
    regressor = regressor_like(model, "LGBMRegressor", "cross_entropy", params).fit(X, q, sample_weight=sample_weight)
    # One round on labels that name both classes makes it a fitted classifier; then it gets the other booster.
    model.set_params(n_estimators=1)
    model.fit(X, np.resize(classes, len(q)))
    model.set_params(n_estimators=params["n_estimators"])
    model.booster_.model_from_string(regressor.booster_.model_to_string())
    return model
