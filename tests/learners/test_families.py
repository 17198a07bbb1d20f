"""Where candidates come from, and which of them lie between."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone, is_regressor
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown.learners import BaggedTreesClassifier, _bagged_trees, bagged_bridge, between, complexity, grown, shrunk

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "C3.json").read_text())["C3_multihop"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_candidates_between(vector):
    inputs = vector["inputs"]
    candidates = [(candidate["name"], candidate["complexity"]) for candidate in inputs["candidates"]]
    found = between(candidates, inputs["complex_complexity"], inputs["simple_complexity"])
    assert found == vector["expected"]["order"]


def test_between_takes_measured_models_and_excludes_the_ends():
    X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]
    sizes = {depth: complexity(DecisionTreeClassifier(max_depth=depth).fit(X, y)) for depth in (1, 2, 3)}
    assert between([(str(depth), size) for depth, size in sizes.items()], sizes[3], sizes[1]) == ["2"]


def test_bridges_read_rows_as_the_student_does():
    student = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=4))
    bridge = bagged_bridge(student, 300)
    assert isinstance(bridge[0], StandardScaler)
    assert bridge[0] is not student[0]
    assert bridge[-1].n_estimators > bagged_bridge(student, 10_000)[-1].n_estimators
    assert is_regressor(bagged_bridge(DecisionTreeRegressor(), 300))
    assert bagged_bridge(DecisionTreeClassifier(), 300).min_samples_leaf == 3
    assert bagged_bridge(DecisionTreeClassifier(), 29_000).min_samples_leaf == 5
    many = bagged_bridge(DecisionTreeClassifier(), 100_000)  # each tree draws few of so many rows
    assert (many.max_samples, many.min_samples_leaf) == (5000, 3)
    assert bagged_bridge(DecisionTreeClassifier(), 300, n_trees=30).n_estimators == 30


def test_a_bridge_of_long_rows_or_many_classes_looks_at_less():
    tree = DecisionTreeClassifier()
    for n_rows, n_columns, n_classes in ((300, 500, 3), (1_000, 10_000, 2), (9_999, 300, 3), (9_999, 20, 26)):
        usual = bagged_bridge(tree, n_rows, n_columns=n_columns, n_classes=n_classes)
        assert repr(usual) == repr(bagged_bridge(tree, n_rows)), n_rows
    long = bagged_bridge(tree, 500, n_columns=100_000, n_classes=2)
    assert 0.003 < long.max_features < 0.01
    assert long.max_samples is None
    many = bagged_bridge(tree, 9_000, n_columns=20, n_classes=2_000)
    assert many.max_features == "sqrt"
    assert 200 <= many.max_samples < 500


def test_long_rows_are_not_copied_and_make_the_same_trees(monkeypatch):
    X = np.random.default_rng(0).normal(size=(60, 12)).astype(np.float32)
    y, weight = (X[:, 0] > 0).astype(int), np.arange(60) % 3
    bag = BaggedTreesClassifier(5, min_samples_leaf=3, random_state=0)
    copied = clone(bag).fit(X, y, sample_weight=weight)
    monkeypatch.setattr(_bagged_trees, "LONG_ROWS", 10)
    whole = clone(bag).fit(X, y, sample_weight=weight)
    assert np.array_equal(whole.oob_values_, copied.oob_values_, equal_nan=True)
    assert [tree.node_count for tree in whole.trees_] == [tree.node_count for tree in copied.trees_]


def test_grown_students():
    assert [tree.max_depth for _, tree in grown(DecisionTreeClassifier(max_depth=4))] == [8, 6]
    assert [tree.max_depth for _, tree in grown(DecisionTreeClassifier(max_depth=1))] == [2]
    assert [tree.max_leaf_nodes for _, tree in grown(DecisionTreeClassifier(max_leaf_nodes=8))] == [32, 16]
    assert [forest.n_estimators for _, forest in grown(RandomForestClassifier(3))] == [30, 9]
    assert [net.hidden_layer_sizes for _, net in grown(MLPClassifier((4, 2)))] == [(16, 8), (8, 4)]
    assert grown(LogisticRegression()) == []
    assert grown(DecisionTreeClassifier()) == []
    student = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=3))
    assert grown(student)[0][1][-1].max_depth == 6
    assert student[-1].max_depth == 3


def test_shrunk_teachers():
    X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]
    forest = RandomForestClassifier(100, max_depth=2).fit(X, y)
    small = [model for _, model in shrunk(FrozenEstimator(forest))]
    assert [model.n_estimators for model in small] == [30, 10]
    assert all(model.max_depth == 2 and not hasattr(model, "estimators_") for model in small)
    assert [name for name, _ in shrunk(GradientBoostingClassifier(n_estimators=20))] == ["6 members"]
    assert [net.hidden_layer_sizes for _, net in shrunk(MLPClassifier((8,)))] == [(4,), (2,)]
    assert shrunk(LinearRegression()) == []
    piped = shrunk(make_pipeline(StandardScaler(), RandomForestClassifier(50)))
    assert piped[0][1][-1].n_estimators == 15
