"""Sizes of models, counted by hand."""

from __future__ import annotations

import dataclasses
import pickle
import threading

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from stepdown.learners import complexity, latency

X, Y = make_classification(150, 6, n_informative=4, n_classes=3, random_state=0)
TREE = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, Y)


def walk(tree, node=0):
    """Nodes, leaves and depth by recursion."""
    if tree.children_left[node] == -1:
        return 1, 1, 0
    left, right = walk(tree, tree.children_left[node]), walk(tree, tree.children_right[node])
    return left[0] + right[0] + 1, left[1] + right[1], max(left[2], right[2]) + 1


def test_a_tree():
    size = complexity(TREE)
    assert (size.nodes, size.leaves, size.depth) == walk(TREE.tree_)
    assert (size.kind, size.size, size.trees, size.rules) == ("trees", size.nodes, 1, size.leaves)
    assert size.bytes == len(pickle.dumps(TREE, protocol=5))


@pytest.mark.parametrize(
    "ensemble",
    [
        RandomForestClassifier(5, random_state=0),
        BaggingClassifier(n_estimators=5, random_state=0),
        GradientBoostingClassifier(n_estimators=5, random_state=0),
        AdaBoostClassifier(n_estimators=5, random_state=0),
    ],
    ids=str,
)
def test_ensembles_are_the_sum_of_their_trees(ensemble):
    size = complexity(ensemble.fit(X, Y))
    walks = np.array([walk(tree.tree_) for tree in np.ravel(ensemble.estimators_)])
    assert (size.trees, size.nodes, size.leaves) == (len(walks), walks[:, 0].sum(), walks[:, 1].sum())
    assert (size.depth, size.size) == (walks[:, 2].max(), walks[:, 0].sum())


def test_histogram_boosting():
    model = HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=5, random_state=0).fit(X, Y)
    size = complexity(model)
    assert (size.trees, size.leaves, size.nodes) == (12, 12 * 5, 12 * 9)


def test_lightgbm_and_xgboost():
    lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    light = lightgbm.LGBMClassifier(n_estimators=4, num_leaves=5, n_jobs=1, verbose=-1).fit(X, Y)
    size = complexity(light)
    assert (size.trees, size.leaves, size.nodes, size.kind) == (12, 60, 108, "trees")
    assert complexity(light.booster_).nodes == 108
    booster = xgboost.XGBClassifier(n_estimators=4, max_depth=2, n_jobs=1).fit(X, Y)
    table = booster.get_booster().trees_to_dataframe()
    size = complexity(booster)
    assert (size.trees, size.nodes, size.leaves) == (12, len(table), (table["Feature"] == "Leaf").sum())
    assert size.depth == 2
    linear = xgboost.XGBClassifier(n_estimators=2, booster="gblinear", n_jobs=1).fit(X, Y)
    assert complexity(linear).kind == "linear"


def test_linear_models_count_what_is_not_zero():
    model = LogisticRegression(max_iter=500).fit(X, Y)
    size = complexity(model)
    assert (size.kind, size.size, size.parameters) == ("linear", 18, 21)
    sparse = Lasso(0.1).fit(X, Y)
    assert 0 < complexity(sparse).nonzero_coefficients == np.count_nonzero(sparse.coef_) < 6


def test_networks_neighbours_and_naive_bayes():
    network = MLPClassifier((4,), solver="lbfgs", max_iter=3000, random_state=0).fit(X, Y)
    assert complexity(network).parameters == 6 * 4 + 4 + 4 * 3 + 3
    assert complexity(KNeighborsClassifier().fit(X, Y)).size == 150 * 6 + 150
    assert complexity(GaussianNB().fit(X, Y)).parameters == 2 * 18 + 3
    assert complexity(MultinomialNB().fit(X - X.min(), Y)).parameters == 18 + 3


def test_wrappers_are_seen_through():
    expected = dataclasses.replace(complexity(TREE), bytes=None)
    search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [3]}, cv=2).fit(X, Y)
    for model in (
        make_pipeline(StandardScaler(with_mean=False, with_std=False), clone(TREE)).fit(X, Y),
        FrozenEstimator(TREE),
        search,
    ):
        assert dataclasses.replace(complexity(model), bytes=None) == expected
    calibrated = CalibratedClassifierCV(FrozenEstimator(TREE)).fit(X, Y)
    assert complexity(calibrated).nodes == expected.nodes


def test_composites_add_up():
    members = [("tree", clone(TREE)), ("linear", LogisticRegression(max_iter=500))]
    vote = complexity(VotingClassifier(members).fit(X, Y))
    nodes = complexity(TREE).nodes
    assert (vote.kind, vote.size, vote.nodes, vote.nonzero_coefficients) == ("composite", nodes + 18, nodes, 18)
    stack = complexity(StackingClassifier(members, cv=2, final_estimator=GaussianNB()).fit(X, Y))
    assert stack.size == nodes + 18 + 2 * 3 * 6 + 3


def test_what_is_unknown_is_weighed():
    class Unknown:
        def predict(self, X):
            return X

    size = complexity(DictModel())
    assert (size.kind, size.size, size.bytes) == ("other", size.bytes, len(pickle.dumps(DictModel(), protocol=5)))
    assert complexity(Unknown()).bytes is None  # a class of a function can't be pickled
    locked = clone(TREE)
    locked.lock = threading.Lock()
    locked.tree_ = TREE.tree_
    assert complexity(locked).bytes is None
    assert str(complexity(Unknown())) == "size unknown"


class DictModel:
    pass


def test_text():
    assert str(complexity(RandomForestClassifier(2, max_depth=1, random_state=0).fit(X, Y))) == (
        "2 trees, 6 nodes, 4 rules, depth 1"
    )
    assert str(complexity(KNeighborsClassifier().fit(X, Y))) == "1,050 stored numbers"


def test_latency_is_per_row():
    class Slow:
        def predict(self, X):
            threading.Event().wait(0.01)
            return X

    assert 90 < latency(Slow(), np.zeros((100, 1)), repeats=3) < 1000
