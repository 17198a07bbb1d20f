"""Genuine scikit-learn trees and forests made from arrays.

scikit-learn grows a classifier tree from hard labels only. A tree that was grown on soft targets, or moved
node by node after growing, has to be put back into a `DecisionTreeClassifier` that nobody can tell from one
that ``fit`` made: it is pickled, drawn, pruned and asked for importances like any other. That works by the
protocol that pickling uses (``Tree.__setstate__``), which scikit-learn keeps stable from 1.3 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.tree._tree import NODE_DTYPE, Tree, ccp_pruning_path

from stepdown.core import InvalidInputError

LEAF = -1
"""What stands in ``left_child`` and ``right_child`` of a leaf."""

_NO_FEATURE = -2
_GROWN_PRIVATELY = ("_n_samples", "_n_samples_bootstrap", "_sample_weight")


def empty_nodes(n_nodes: int) -> NDArray[Any]:
    """Nodes for `tree_from_nodes`, all of them leaves without rows.

    Examples
    --------
    >>> empty_nodes(2)["left_child"].tolist()
    [-1, -1]
    """
    nodes = np.zeros(n_nodes, dtype=NODE_DTYPE)
    nodes["left_child"] = nodes["right_child"] = LEAF
    nodes["feature"] = nodes["threshold"] = _NO_FEATURE
    return nodes


def node_impurity(values: NDArray[np.float64], criterion: str = "gini") -> NDArray[np.float64]:
    """Impurity of nodes from their mean soft targets, as if each row stood there once for every class.

    Gini is ``1 - ||q||^2``, entropy (``"entropy"``, ``"log_loss"``) is ``-sum q log2 q``.

    Examples
    --------
    >>> node_impurity(np.array([[0.5, 0.5], [0.0, 1.0]])).tolist()
    [0.5, 0.0]
    """
    if criterion == "gini":
        return np.maximum(1.0 - np.einsum("...c,...c->...", values, values), 0.0)
    if criterion in ("entropy", "log_loss"):
        logs = np.log2(values, out=np.zeros_like(values), where=values > 0)
        return np.maximum(-np.einsum("...c,...c->...", values, logs), 0.0)
    raise InvalidInputError(f"criterion {criterion!r} has no impurity of class means; use gini, entropy or log_loss.")


def tree_from_nodes(
    template: Any,
    nodes: NDArray[Any],
    values: NDArray[np.float64],
    *,
    n_features: int,
    classes: NDArray[Any] | None = None,
    feature_names: Sequence[str] | NDArray[Any] | None = None,
) -> Any:
    """Return a fitted tree of the template's class and parameters with the given nodes.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> nodes = empty_nodes(3)
    >>> nodes[0] = (1, 2, 0, 0.5, 0.5, 4, 4.0, 0)
    >>> nodes["n_node_samples"][1:] = nodes["weighted_n_node_samples"][1:] = 2
    >>> values = np.array([[[0.5, 0.5]], [[1.0, 0.0]], [[0.0, 1.0]]])
    >>> tree = tree_from_nodes(DecisionTreeClassifier(), nodes, values, n_features=1, classes=np.array(["a", "b"]))
    >>> tree.predict([[0.0], [1.0]]).tolist()
    ['a', 'b']
    """
    classifier = is_classifier(template)
    _check_nodes(nodes, values, n_features, classes if classifier else None, classifier)
    tree = clone(template)
    n_outputs = values.shape[1]
    tree.n_features_in_ = int(n_features)
    if feature_names is not None:
        tree.feature_names_in_ = np.asarray(feature_names, dtype=object)
    tree.n_outputs_ = n_outputs
    tree.max_features_ = _max_features(template.max_features, n_features)
    if classifier:
        tree.classes_ = np.array(classes)
        tree.n_classes_ = np.int64(values.shape[2])
    tree.tree_ = _raw_tree(nodes, values, n_features)
    return tree


def classifier_tree(regressor: Any, template: Any, classes: NDArray[Any]) -> Any:
    """Turn a tree that was grown on soft targets by squared error into a classifier with the same splits.

    Splitting by the summed squared error of the targets is splitting by the Gini impurity of rows that stand there
    once for every class, weighted by its probability: ``Gini = 1 - ||q||^2`` and the sum of the variances differ by
    the spread of the targets within rows, which no split changes. So the splits stay and only the impurities
    are stated anew. A ``ccp_alpha`` of the template is applied to those.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
    >>> X, Q = np.arange(4.0)[:, None], np.array([[1, 0], [0.8, 0.2], [0.2, 0.8], [0, 1]])
    >>> grown = DecisionTreeRegressor(max_depth=1).fit(X, Q)
    >>> classifier_tree(grown, DecisionTreeClassifier(max_depth=1), np.array([0, 1])).predict_proba([[0.0]])
    array([[0.9, 0.1]])
    """
    state = regressor.tree_.__getstate__()
    if state["values"].shape[1] != len(classes):
        raise InvalidInputError(
            f"the regressor has {state['values'].shape[1]} outputs but there are {len(classes)} classes; "
            "fit it to soft targets with one column a class."
        )
    values = _as_distributions(state["values"])
    nodes = state["nodes"].copy()
    nodes["impurity"] = node_impurity(values[:, 0], template.criterion)
    tree = tree_from_nodes(
        template,
        nodes,
        values,
        n_features=regressor.n_features_in_,
        classes=classes,
        feature_names=getattr(regressor, "feature_names_in_", None),
    )
    tree._prune_tree()  # does nothing at ccp_alpha=0
    return tree


def cut_back(tree: Any, n_leaves: int) -> None:
    """Take the weakest branches of a fitted tree away, in place, until it has no more than so many leaves.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> tree = DecisionTreeRegressor().fit(np.arange(4.0)[:, None], [0.0, 0.1, 5.0, 7.0])
    >>> cut_back(tree, 2)
    >>> int(tree.get_n_leaves()), tree.predict([[0.0], [3.0]]).tolist()
    (2, [0.05, 6.0])
    """
    whole, own = tree.tree_, tree.ccp_alpha
    if whole.n_leaves <= n_leaves:
        return
    alphas = ccp_pruning_path(whole)["ccp_alphas"]
    low, high = 0, len(alphas) - 1  # the last leaves the root alone
    try:
        while low <= high:
            middle = (low + high) // 2
            tree.tree_, tree.ccp_alpha = whole, alphas[middle]
            tree._prune_tree()
            low, high = (middle + 1, high) if tree.tree_.n_leaves > n_leaves else (low, middle - 1)
        tree.tree_, tree.ccp_alpha = whole, alphas[low]
        tree._prune_tree()
    finally:
        tree.ccp_alpha = own


def classifier_forest(
    regressor: Any, template: Any, classes: NDArray[Any], labels: NDArray[np.intp] | None = None
) -> Any:
    """Turn a regressor forest that was grown on soft targets into a classifier forest with the same splits.

    The bootstrap seeds of the trees move along, so ``estimators_samples_`` and out-of-bag work as usual.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    >>> X, Q = np.arange(4.0)[:, None], np.array([[1, 0], [0.8, 0.2], [0.2, 0.8], [0, 1]])
    >>> grown = RandomForestRegressor(5, random_state=0).fit(X, Q)
    >>> forest = classifier_forest(grown, RandomForestClassifier(5), np.array(["a", "b"]))
    >>> bool(np.allclose(forest.predict_proba(X), grown.predict(X)))
    True
    """
    forest = clone(template)
    forest._validate_estimator()  # sets estimator_ as fit does
    base = clone(forest.estimator_)
    base.set_params(**{name: getattr(forest, name) for name in forest.estimator_params})
    codes = np.arange(len(classes), dtype=np.float64)
    trees = []
    for grown in regressor.estimators_:
        tree = classifier_tree(grown, base, codes)
        tree.random_state = grown.random_state
        trees.append(tree)
    forest.estimators_ = trees
    forest.n_features_in_ = regressor.n_features_in_
    if hasattr(regressor, "feature_names_in_"):
        forest.feature_names_in_ = regressor.feature_names_in_
    forest.n_outputs_ = 1
    forest.classes_ = np.array(classes)
    forest.n_classes_ = len(classes)
    for name in _GROWN_PRIVATELY:
        if hasattr(regressor, name):
            setattr(forest, name, getattr(regressor, name))
    if hasattr(regressor, "oob_prediction_"):
        decision = _as_distributions(np.asarray(regressor.oob_prediction_)[:, :, None])[:, 0]
        forest.oob_decision_function_ = decision
        if labels is not None:
            forest.oob_score_ = float(np.mean(np.argmax(decision, axis=1) == labels))
    return forest


def _as_distributions(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of soft targets, (n, n_classes, 1) -> (n, 1, n_classes), with the rounding of the sums taken out."""
    means = np.maximum(np.swapaxes(values, 1, 2), 0.0)
    totals = means.sum(axis=2, keepdims=True)
    uniform = np.full_like(means, 1.0 / means.shape[2])
    return np.ascontiguousarray(np.divide(means, totals, out=uniform, where=totals > 0))


def _raw_tree(nodes: NDArray[Any], values: NDArray[np.float64], n_features: int) -> Tree:
    n_outputs, n_classes = values.shape[1:]
    tree = Tree(n_features, np.full(n_outputs, n_classes, dtype=np.intp), n_outputs)
    tree.__setstate__(
        {
            "max_depth": _depth(nodes),
            "node_count": len(nodes),
            "nodes": np.ascontiguousarray(nodes, dtype=NODE_DTYPE),
            "values": np.ascontiguousarray(values, dtype=np.float64),
        }
    )
    return tree


def _depth(nodes: NDArray[Any]) -> int:
    depth, level = 0, np.array([0])
    while True:
        level = level[nodes["left_child"][level] != LEAF]
        if not level.size:
            return depth
        level = np.concatenate([nodes["left_child"][level], nodes["right_child"][level]])
        depth += 1


def _max_features(max_features: Any, n_features: int) -> int:
    """How many features a split looks at, by scikit-learn's reading of the parameter."""
    if max_features is None:
        return n_features
    if isinstance(max_features, str):
        root = np.sqrt(n_features) if max_features == "sqrt" else np.log2(n_features)
        return max(1, int(root))
    if isinstance(max_features, int | np.integer):
        return int(max_features)
    return max(1, int(max_features * n_features)) if max_features > 0 else 0


def _check_nodes(
    nodes: NDArray[Any], values: NDArray[np.float64], n_features: int, classes: NDArray[Any] | None, classifier: bool
) -> None:
    if values.ndim != 3 or len(values) != len(nodes) or not len(nodes):
        raise InvalidInputError(
            f"values of shape {values.shape} don't belong to {len(nodes)} nodes; give (nodes, 1, C)."
        )
    if classifier and (classes is None or values.shape[1:] != (1, len(classes))):
        known = "no classes" if classes is None else f"{len(classes)} classes"
        raise InvalidInputError(f"values of shape {values.shape} came with {known}; a classifier needs (nodes, 1, C).")
    left, right = nodes["left_child"], nodes["right_child"]
    inner = np.flatnonzero(left != LEAF)
    children = np.concatenate([left[inner], right[inner]])
    # A child before its parent, or with two parents, would send sklearn's compiled loops in circles.
    in_order = np.all(left[inner] > inner) and np.all(right[inner] > inner)
    if not in_order or not np.array_equal(np.sort(children), np.arange(1, len(nodes))):
        raise InvalidInputError("the nodes are not one tree with the root first and every child behind its parent.")
    if inner.size and not (nodes["feature"][inner].min() >= 0 and nodes["feature"][inner].max() < n_features):
        raise InvalidInputError(f"a split reads a feature outside 0..{n_features - 1}.")
