"""How complex a fitted model is: counts that can be compared, and what it costs to ship and to run."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.tree import BaseDecisionTree
from sklearn.utils.validation import _num_samples

from ._bagged_trees import BaggedTreesClassifier, BaggedTreesRegressor
from ._networks import n_parameters
from ._pipelines import peel

TREES = "trees"
LINEAR = "linear"
NETWORK = "network"
NEIGHBORS = "neighbors"
BAYES = "naive Bayes"
COMPOSITE = "composite"
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Complexity:
    """How complex a fitted model is. What doesn't apply to its kind is None.

    Parameters
    ----------
    kind : str
        "trees" (a tree or an ensemble of them), "linear", "network", "neighbors", "naive Bayes", "composite" (models
        of several kinds) or "other". Sizes of one kind compare well, others roughly.
    size : float
        The number to compare: nodes of all trees, non-zero coefficients of a linear model (intercepts not counted),
        parameters of a network or of naive Bayes, stored numbers of neighbours; of a composite the sum; else bytes.
    trees : int or None
    nodes : int or None
    leaves : int or None
    rules : int or None
        Paths from a root to a leaf: the rules that someone would have to read.
    depth : int or None
        Of the deepest tree.
    nonzero_coefficients : int or None
    parameters : int or None
        Stored numbers that fitting has set, where these are not nodes.
    bytes : int or None
        Of the model as pickled; None where it can't be.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> print(complexity(DecisionTreeClassifier(max_depth=2, random_state=0).fit(*load_iris(return_X_y=True))))
    1 tree, 5 nodes, 3 rules, depth 2
    """

    kind: str
    size: float
    trees: int | None = None
    nodes: int | None = None
    leaves: int | None = None
    rules: int | None = None
    depth: int | None = None
    nonzero_coefficients: int | None = None
    parameters: int | None = None
    bytes: int | None = None

    def __str__(self) -> str:
        parts = []
        if self.trees is not None:
            parts.append("1 tree" if self.trees == 1 else f"{self.trees:,} trees")
            parts += [f"{self.nodes:,} nodes", f"{self.rules:,} rules", f"depth {self.depth}"]
        if self.nonzero_coefficients is not None:
            parts.append(f"{self.nonzero_coefficients:,} coefficients")
        elif self.parameters is not None:
            unit = "stored numbers" if self.kind == NEIGHBORS else "parameters"
            parts.append(f"{self.parameters:,} {unit}")
        if not parts:
            parts.append("size unknown" if self.bytes is None else f"{self.bytes:,} bytes")
        return ", ".join(parts)


def complexity(model: Any) -> Complexity:
    """Measure a fitted model.

    Pipelines, frozen models, calibrated, voting and stacking ensembles are seen through; scikit-learn's trees,
    forests, bagging, boosting, linear models, networks, neighbours and naive Bayes are counted, LightGBM's and
    XGBoost's boosters, and skorch nets. The steps of a pipeline that only prepare the rows are not counted, but in the
    bytes.

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
    for known, count in _COUNTERS:
        if known(model):
            return count(model)
    return None


def of_trees(nodes: NDArray[np.intp], leaves: NDArray[np.intp], depths: Iterable[int]) -> Complexity:
    """The complexity of trees from their numbers of nodes and leaves, and their depths."""
    n_nodes, n_leaves = int(np.sum(nodes)), int(np.sum(leaves))
    depth = max(depths, default=0)
    return Complexity(TREES, n_nodes, len(nodes), n_nodes, n_leaves, n_leaves, int(depth))


def _sum_of(models: Iterable[Any]) -> Complexity | None:
    """The complexity of several models together; None if one of them can't be counted."""
    parts = [_count(model) for model in models]
    counted = [part for part in parts if part is not None]
    if not counted or len(counted) < len(parts):
        return None
    sums: dict[str, int | None] = {}
    for name in ("trees", "nodes", "leaves", "rules", "nonzero_coefficients", "parameters"):
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


def _lightgbm(model: Any) -> Complexity:
    booster = model.booster_ if hasattr(model, "booster_") else model
    roots = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    return _of_nested(roots, ("left_child", "right_child"))


def _xgboost(model: Any) -> Complexity | None:
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    if json.loads(booster.save_config())["learner"]["gradient_booster"]["name"] == "gblinear":
        return None
    return _of_nested([json.loads(text) for text in booster.get_dump(dump_format="json")], ("children",))


def _of_nested(roots: list[Any], child_keys: tuple[str, ...]) -> Complexity:
    """Trees as nested dicts: a node's children stand under `child_keys`, one a key or several in a list."""
    nodes, leaves, depths = [], [], []
    for root in roots:
        n_nodes = n_leaves = depth = 0
        level = [root]
        while level:
            n_nodes += len(level)
            below = []
            for node in level:
                children = [node[key] for key in child_keys if key in node]
                if not children:
                    n_leaves += 1
                for child in children:
                    below.extend(child if isinstance(child, list) else [child])
            level = below
            depth += bool(level)
        nodes.append(n_nodes)
        leaves.append(n_leaves)
        depths.append(depth)
    return of_trees(np.array(nodes), np.array(leaves), depths)


def _network(model: Any) -> Complexity:
    n = sum(array.size for array in [*model.coefs_, *model.intercepts_])
    return Complexity(NETWORK, n, parameters=int(n))


def _torch_network(model: Any) -> Complexity:
    n = n_parameters(model)
    return Complexity(NETWORK, n, parameters=n)


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


# In order: what is a tree before what holds trees. Other libraries' models are known by their module.
_COUNTERS: list[tuple[Any, Any]] = [
    (lambda model: isinstance(model, BaseDecisionTree), _tree),
    (lambda model: hasattr(model, "_predictors") and _from(model, "sklearn.ensemble._hist"), _histogram_boosting),
    (lambda model: _from(model, "lightgbm."), _lightgbm),
    (lambda model: _from(model, "xgboost."), _xgboost),
    (lambda model: isinstance(model, MLPClassifier | MLPRegressor), _network),
    (lambda model: peel(model).is_network, _torch_network),
    (lambda model: hasattr(model, "calibrated_classifiers_"), _calibrated),
    (lambda model: hasattr(model, "estimators_"), _sklearn_ensemble),
    (lambda model: isinstance(model, BaggedTreesClassifier | BaggedTreesRegressor), lambda model: _trees(model.trees_)),
    (lambda model: _from(model, "sklearn.naive_bayes"), _naive_bayes),
    (lambda model: hasattr(model, "_fit_X") and _from(model, "sklearn.neighbors"), _neighbors),
    (lambda model: hasattr(model, "coef_"), _linear),
    (lambda model: hasattr(model, "fit"), _meta),
]
