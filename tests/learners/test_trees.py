"""Trees and forests from arrays: they must be indistinguishable from what ``fit`` makes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
    export_text,
)

from stepdown.core import InvalidInputError
from stepdown.learners._trees import classifier_forest, classifier_tree, empty_nodes, node_impurity, tree_from_nodes

LABELS = np.array(["a", "b", "c"])


@pytest.fixture
def iris():
    X, y = load_iris(return_X_y=True)
    return X, y, np.eye(3)[y]


@pytest.fixture
def soft(iris):
    X, _, onehot = iris
    noise = np.random.default_rng(0).dirichlet(np.ones(3), len(X))
    return X, 0.6 * onehot + 0.4 * noise


def states_equal(one, other):
    a, b = one.tree_.__getstate__(), other.tree_.__getstate__()
    for field in a["nodes"].dtype.names:
        np.testing.assert_allclose(a["nodes"][field], b["nodes"][field], atol=1e-12, err_msg=field)
    np.testing.assert_allclose(a["values"], b["values"], atol=1e-12)
    assert a["max_depth"] == b["max_depth"]


@pytest.mark.parametrize(
    "tree",
    [DecisionTreeClassifier(max_depth=3), ExtraTreeClassifier(max_depth=3, random_state=0)],
    ids=lambda t: type(t).__name__,
)
def test_a_classifier_is_rebuilt_exactly(tree, iris):
    X, y, _ = iris
    fitted = clone(tree).fit(X, LABELS[y])
    state = fitted.tree_.__getstate__()
    again = tree_from_nodes(tree, state["nodes"], state["values"], n_features=4, classes=fitted.classes_)
    assert type(again) is type(tree)
    states_equal(fitted, again)
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(again.feature_importances_, fitted.feature_importances_)
    assert vars(fitted).keys() == vars(again).keys()
    assert again.max_features_ == fitted.max_features_
    assert not hasattr(tree, "tree_")


@pytest.mark.parametrize(
    "tree",
    [DecisionTreeRegressor(max_depth=3), ExtraTreeRegressor(max_depth=3, random_state=0)],
    ids=lambda t: type(t).__name__,
)
def test_a_regressor_is_rebuilt_exactly(tree, iris):
    X, y, _ = iris
    fitted = clone(tree).fit(X, X[:, 0] + y)
    state = fitted.tree_.__getstate__()
    again = tree_from_nodes(tree, state["nodes"], state["values"], n_features=4)
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert vars(fitted).keys() == vars(again).keys()


@pytest.mark.parametrize("max_features", [None, "sqrt", "log2", 2, 0.6])
def test_max_features_is_read_as_scikit_learn_reads_it(max_features, iris):
    X, y, _ = iris
    tree = DecisionTreeClassifier(max_depth=1, max_features=max_features).fit(X, y)
    state = tree.tree_.__getstate__()
    again = tree_from_nodes(tree, state["nodes"], state["values"], n_features=4, classes=tree.classes_)
    assert again.max_features_ == tree.max_features_


def test_one_hot_targets_give_the_classifier_that_labels_give(iris):
    X, y, onehot = iris
    template = DecisionTreeClassifier(max_depth=3, random_state=3)
    grown = DecisionTreeRegressor(max_depth=3, random_state=3).fit(X, onehot)
    states_equal(classifier_tree(grown, template, LABELS), clone(template).fit(X, LABELS[y]))


@pytest.mark.parametrize("criterion", ["gini", "entropy"])
def test_impurities_are_those_of_the_expanded_rows(criterion, soft):
    X, Q = soft
    weight = np.random.default_rng(1).uniform(0.5, 2, len(X))
    grown = DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, Q, sample_weight=weight)
    tree = classifier_tree(grown, DecisionTreeClassifier(max_depth=3, criterion=criterion), LABELS)
    where = tree.decision_path(X).toarray().astype(bool)
    for node in range(tree.tree_.node_count):
        mean = np.average(Q[where[:, node]], axis=0, weights=weight[where[:, node]])
        expected = 1 - sum(m * m for m in mean) if criterion == "gini" else -sum(m * np.log2(m) for m in mean)
        assert tree.tree_.impurity[node] == pytest.approx(expected, abs=1e-12)


def test_soft_targets_give_the_tree_of_the_expanded_rows(soft):
    X, Q = soft
    grown = DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, Q)
    tree = classifier_tree(grown, DecisionTreeClassifier(max_depth=3), LABELS)
    rows, codes = np.nonzero(Q)
    expanded = DecisionTreeClassifier(max_depth=3, random_state=0).fit(
        X[rows], LABELS[codes], sample_weight=Q[rows, codes]
    )
    np.testing.assert_array_equal(tree.tree_.feature, expanded.tree_.feature)
    np.testing.assert_allclose(tree.tree_.threshold, expanded.tree_.threshold)
    np.testing.assert_allclose(tree.predict_proba(X), expanded.predict_proba(X), atol=1e-12)
    np.testing.assert_allclose(tree.feature_importances_, expanded.feature_importances_, atol=1e-12)


def test_pruning_is_that_of_the_expanded_rows(soft):
    X, Q = soft
    grown = DecisionTreeRegressor(max_depth=5, random_state=0).fit(X, Q)
    tree = classifier_tree(grown, DecisionTreeClassifier(ccp_alpha=0.01), LABELS)
    rows, codes = np.nonzero(Q)
    expanded = DecisionTreeClassifier(max_depth=5, ccp_alpha=0.01, random_state=0)
    expanded.fit(X[rows], LABELS[codes], sample_weight=Q[rows, codes])
    assert tree.get_n_leaves() == expanded.get_n_leaves() < grown.get_n_leaves()


def test_everything_that_is_done_with_trees_works(soft):
    X, Q = soft
    grown = DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, Q)
    tree = classifier_tree(grown, DecisionTreeClassifier(max_depth=3, random_state=0), LABELS)
    twin = pickle.loads(pickle.dumps(tree))
    np.testing.assert_array_equal(twin.predict_proba(X), tree.predict_proba(X))
    assert export_text(tree).count("class:") == tree.get_n_leaves() == 8
    assert tree.get_depth() == 3
    np.testing.assert_array_equal(tree.apply(X), grown.apply(X))
    assert tree.feature_importances_.sum() == pytest.approx(1)
    assert clone(tree).fit(X, np.argmax(Q, axis=1)).get_depth() <= 3


def test_a_tree_is_stored_without_code(soft):
    skops = pytest.importorskip("skops.io", reason="skops is an extra")
    X, Q = soft
    grown = DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, Q)
    tree = classifier_tree(grown, DecisionTreeClassifier(max_depth=3), LABELS)
    stored = skops.dumps(tree)
    fitted = skops.dumps(DecisionTreeClassifier(max_depth=3).fit(X, LABELS[np.argmax(Q, axis=1)]))
    unknown = skops.get_untrusted_types(data=stored)
    assert unknown == skops.get_untrusted_types(data=fitted)
    np.testing.assert_array_equal(skops.loads(stored, trusted=unknown).predict(X), tree.predict(X))


@pytest.mark.parametrize(
    ("grower", "template"),
    [
        (RandomForestRegressor(7, max_features="sqrt", random_state=0), RandomForestClassifier(7, random_state=0)),
        (ExtraTreesRegressor(7, random_state=0), ExtraTreesClassifier(7, random_state=0)),
    ],
    ids=["forest", "extra"],
)
def test_a_forest_keeps_predictions_samples_and_importances(grower, template, soft):
    X, Q = soft
    grown = clone(grower).fit(X, Q)
    forest = classifier_forest(grown, template, LABELS)
    np.testing.assert_allclose(forest.predict_proba(X), grown.predict(X), atol=1e-12)
    for mine, theirs in zip(forest.estimators_samples_, grown.estimators_samples_, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_allclose(forest.feature_importances_, grown.feature_importances_, atol=1e-12)
    twin = pickle.loads(pickle.dumps(forest))
    np.testing.assert_array_equal(twin.predict(X), forest.predict(X))
    assert set(forest.predict(X)) <= set(LABELS)
    refitted = clone(forest).fit(X, LABELS[np.argmax(Q, axis=1)])
    assert vars(refitted).keys() == vars(forest).keys()
    assert vars(refitted.estimators_[0]).keys() == vars(forest.estimators_[0]).keys()


def test_a_forest_keeps_its_out_of_bag_predictions():
    X, y = make_classification(200, random_state=0)
    grown = RandomForestRegressor(30, oob_score=True, random_state=0).fit(X, np.eye(2)[y])
    forest = classifier_forest(grown, RandomForestClassifier(30, oob_score=True), np.array([0, 1]), y)
    np.testing.assert_allclose(forest.oob_decision_function_, grown.oob_prediction_, atol=1e-12)
    assert forest.oob_score_ == np.mean(np.argmax(grown.oob_prediction_, axis=1) == y)


def test_impurity_of_an_unknown_criterion():
    with pytest.raises(InvalidInputError, match="'poisson'"):
        node_impurity(np.ones((1, 1)), "poisson")


def split_at_root():
    nodes = empty_nodes(3)
    nodes[0] = (1, 2, 0, 0.5, 0.5, 4, 4.0, 0)
    return nodes, np.array([[[0.5, 0.5]], [[1.0, 0.0]], [[0.0, 1.0]]])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda nodes: nodes["left_child"].__setitem__(0, 0), "one tree"),
        (lambda nodes: nodes["right_child"].__setitem__(0, 1), "one tree"),
        (lambda nodes: nodes["right_child"].__setitem__(0, 9), "one tree"),
        (lambda nodes: nodes["feature"].__setitem__(0, 5), "outside 0"),
    ],
)
def test_nodes_that_are_no_tree(spoil, message):
    nodes, values = split_at_root()
    spoil(nodes)
    with pytest.raises(InvalidInputError, match=message):
        tree_from_nodes(DecisionTreeClassifier(), nodes, values, n_features=1, classes=np.arange(2))


def test_values_that_do_not_fit():
    nodes, values = split_at_root()
    with pytest.raises(InvalidInputError, match="3 nodes"):
        tree_from_nodes(DecisionTreeClassifier(), nodes, values[:2], n_features=1, classes=np.arange(2))
    with pytest.raises(InvalidInputError, match="3 classes"):
        tree_from_nodes(DecisionTreeClassifier(), nodes, values, n_features=1, classes=np.arange(3))
    with pytest.raises(InvalidInputError, match="no classes"):
        tree_from_nodes(DecisionTreeClassifier(), nodes, values, n_features=1)


def test_a_regressor_of_another_width(soft):
    X, Q = soft
    with pytest.raises(InvalidInputError, match="3 outputs but there are 2"):
        classifier_tree(DecisionTreeRegressor().fit(X, Q), DecisionTreeClassifier(), np.arange(2))
