"""How complex a fitted model is: counts that can be compared, and what it costs to ship and to run."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.tree import BaseDecisionTree
from sklearn.utils.validation import _num_samples

from ._bagged_trees import BaggedTreesClassifier, BaggedTreesRegressor
from ._pipelines import peel
from ._sizes import BAYES, COMPOSITE, LINEAR, NEIGHBORS, NETWORK, OTHER, Complexity, of_trees
from .adapters import adapter_of


def complexity(model: Any) -> Complexity:
    """Measure a fitted model.

    Pipelines, frozen models, calibrated, voting and stacking ensembles are seen through; scikit-learn's trees,
    forests, bagging, boosting, linear models, networks, neighbours and naive Bayes are counted, LightGBM's and
    XGBoost's boosters, imodels' rules and sums of trees, interpret's additive models, and skorch nets. The steps of a
    pipeline that only prepare the rows are not counted, but in the bytes.

    Parameters
    ----------
    model : estimator
        Fitted.

    Returns
    -------
    Complexity

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> print(complexity(LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True))))
    12 coefficients
    """
    size_in_bytes = _pickled_bytes(model)
    counted = _count(model)
    if counted is None:
        return Complexity(OTHER, float(size_in_bytes or 0), bytes=size_in_bytes)
    return replace(counted, bytes=size_in_bytes)


def latency(model: Any, X: Any, *, repeats: int = 7) -> float:
    """Microseconds that a prediction takes per row, in one call for all rows.

    Parameters
    ----------
    model : estimator
        Fitted; asked for probabilities where it has them.
    X : array-like of shape (n_samples, n_features)
    repeats : int
        The median over so many calls, after one that isn't counted.

    Returns
    -------
    float

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> latency(DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1]), [[0.0], [1.0]]) > 0
    True
    """
    ask = model.predict_proba if hasattr(model, "predict_proba") else model.predict
    ask(X)
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        ask(X)
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds)) * 1e6 / max(1, _num_samples(X))


class _ByteCount:
    """A file that only counts what is written to it."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self.count += size
        return size


def _pickled_bytes(model: Any) -> int | None:
    sink = _ByteCount()
    try:
        pickle.Pickler(sink, protocol=5).dump(model)
    except Exception:  # third-party models fail to pickle in every way there is
        return None
    return sink.count


def _count(model: Any) -> Complexity | None:
    model = peel(model).learner
    if hasattr(type(model), "model_that_counts"):  # a wrapper of ours that stands above this room
        return _count(model.model_that_counts)
    if hasattr(type(model), "complexity_"):  # a model that says itself how large it is
        return model.complexity_
    if (adapter := adapter_of(model)) is not None and (size := adapter.size(model)) is not None:
        return size
    for known, count in _COUNTERS:
        if known(model):
            return count(model)
    return None


def _sum_of(models: Iterable[Any]) -> Complexity | None:
    """The complexity of several models together; None if one of them can't be counted."""
    parts = [_count(model) for model in models]
    counted = [part for part in parts if part is not None]
    if not counted or len(counted) < len(parts):
        return None
    sums: dict[str, int | None] = {}
    for name in ("trees", "nodes", "leaves", "rules", "nonzero_coefficients", "parameters", "terms"):
        counts = [count for part in counted if (count := getattr(part, name)) is not None]
        sums[name] = sum(counts) if counts else None
    depths = [part.depth for part in counted if part.depth is not None]
    kinds = {part.kind for part in counted}
    kind = kinds.pop() if len(kinds) == 1 else COMPOSITE
    return Complexity(kind, sum(part.size for part in counted), depth=max(depths, default=None), **sums)


def _tree(model: Any) -> Complexity:
    tree = model.tree_
    return of_trees(np.array([tree.node_count]), np.array([tree.n_leaves]), [tree.max_depth])


def _sklearn_ensemble(model: Any) -> Complexity | None:
    members = np.ravel(np.asarray(model.estimators_, dtype=object)).tolist()
    if all(isinstance(member, BaseDecisionTree) for member in members):
        return _trees([member.tree_ for member in members])
    final = getattr(model, "final_estimator_", None)
    return _sum_of(member for member in [*members, final] if member is not None and not isinstance(member, str))


def _trees(trees: list[Any]) -> Complexity:
    counts = [np.array([getattr(tree, name) for tree in trees]) for name in ("node_count", "n_leaves")]
    return of_trees(counts[0], counts[1], [tree.max_depth for tree in trees])


def _histogram_boosting(model: Any) -> Complexity:
    trees = [tree for stage in model._predictors for tree in stage]
    nodes = np.array([len(tree.nodes) for tree in trees])
    leaves = np.array([tree.get_n_leaf_nodes() for tree in trees])
    return of_trees(nodes, leaves, [tree.get_max_depth() for tree in trees])


def _network(model: Any) -> Complexity:
    n = sum(array.size for array in [*model.coefs_, *model.intercepts_])
    return Complexity(NETWORK, n, parameters=int(n))


def _linear(model: Any) -> Complexity:
    coef = model.coef_
    n = int(coef.count_nonzero()) if issparse(coef) else int(np.count_nonzero(coef))
    stored = int(np.prod(coef.shape)) + int(np.size(getattr(model, "intercept_", 0.0)))
    return Complexity(LINEAR, n, nonzero_coefficients=n, parameters=stored)


def _neighbors(model: Any) -> Complexity:
    n = int(model._fit_X.nnz if issparse(model._fit_X) else model._fit_X.size) + int(np.size(model._y))
    return Complexity(NEIGHBORS, n, parameters=n)


_BAYES_TABLES = ("theta_", "var_", "feature_log_prob_", "class_log_prior_", "class_prior_")


def _naive_bayes(model: Any) -> Complexity:
    tables = [getattr(model, name) for name in _BAYES_TABLES if hasattr(model, name)]
    n = sum(sum(part.size for part in table) if isinstance(table, list) else table.size for table in tables)
    return Complexity(BAYES, int(n), parameters=int(n))


def _calibrated(model: Any) -> Complexity | None:
    return _sum_of(part.estimator for part in model.calibrated_classifiers_)


def _meta(model: Any) -> Complexity | None:
    for name in ("best_estimator_", "regressor_", "estimator_"):
        if hasattr(model, name):
            return _count(getattr(model, name))
    return None


def _from(model: Any, *modules: str) -> bool:
    return any(cls.__module__.startswith(modules) for cls in type(model).__mro__)


# In order: what is a tree before what holds trees.
_COUNTERS: list[tuple[Any, Any]] = [
    (lambda model: isinstance(model, BaseDecisionTree), _tree),
    (lambda model: hasattr(model, "_predictors") and _from(model, "sklearn.ensemble._hist"), _histogram_boosting),
    (lambda model: isinstance(model, MLPClassifier | MLPRegressor), _network),
    (lambda model: hasattr(model, "calibrated_classifiers_"), _calibrated),
    (lambda model: hasattr(model, "estimators_"), _sklearn_ensemble),
    (lambda model: isinstance(model, BaggedTreesClassifier | BaggedTreesRegressor), lambda model: _trees(model.trees_)),
    (lambda model: _from(model, "sklearn.naive_bayes"), _naive_bayes),
    (lambda model: hasattr(model, "_fit_X") and _from(model, "sklearn.neighbors"), _neighbors),
    (lambda model: hasattr(model, "coef_"), _linear),
    (lambda model: hasattr(model, "fit"), _meta),
]
