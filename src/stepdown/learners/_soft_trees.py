"""Trees and forests on soft targets: grown as multi-output regressors, handed back as classifiers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from ._soft_support import Floats
from ._trees import classifier_forest, classifier_tree

TREE_REGRESSORS = {DecisionTreeClassifier: DecisionTreeRegressor, ExtraTreeClassifier: ExtraTreeRegressor}
FOREST_REGRESSORS = {RandomForestClassifier: RandomForestRegressor, ExtraTreesClassifier: ExtraTreesRegressor}


def grows_by_gini(model: Any) -> bool:
    """Whether squared error on soft targets grows the same tree: Gini, and no constraint on a class's probability."""
    return model.criterion == "gini" and model.monotonic_cst is None


def fit_soft_tree(tree: Any, X: Any, Q: Floats, sample_weight: Floats | None, classes: NDArray[Any]) -> Any:
    """Grow a tree on soft targets; row counts such as ``min_samples_leaf`` count rows, not expanded ones."""
    regressor = _regressor(tree, TREE_REGRESSORS[type(tree)], len(classes))
    return classifier_tree(regressor.fit(X, Q, sample_weight=sample_weight), tree, classes)


def fit_soft_forest(forest: Any, X: Any, Q: Floats, sample_weight: Floats | None, classes: NDArray[Any]) -> Any:
    """Grow a forest on soft targets; the bootstrap draws rows, as with labels."""
    regressor = _regressor(forest, FOREST_REGRESSORS[type(forest)], len(classes))
    regressor.set_params(oob_score=bool(forest.oob_score))
    grown = regressor.fit(X, Q, sample_weight=sample_weight)
    return classifier_forest(grown, forest, classes, np.argmax(Q, axis=1))


def _regressor(model: Any, kind: type, n_classes: int) -> Any:
    regressor = kind()
    shared = regressor.get_params().keys() & model.get_params(deep=False).keys()
    settings = {name: getattr(model, name) for name in shared}
    settings["criterion"] = "squared_error"
    # scikit-learn averages the variances of the outputs, so its gains are those of Gini divided by their number.
    settings["min_impurity_decrease"] = model.min_impurity_decrease / n_classes
    settings["ccp_alpha"] = 0.0  # pruning is by the impurity of the classifier, when the tree has become one
    if "warm_start" in settings:
        settings["warm_start"] = False
    return regressor.set_params(**settings)
