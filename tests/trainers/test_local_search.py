"""Local search: never worse than the tree it starts from, within the same limits, and bounded."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown.core import TransferSet
from stepdown.trainers import Effort, TreeSearch, _many_rows, _tree_search

FEW = Effort(10, refined=2)
GOES_ON = Effort(10, refined=2, rounds=6, copies=4)


def problem(seed=0, n=200):
    X, y = make_classification(n, 8, n_informative=6, n_redundant=0, n_classes=3, flip_y=0.1, random_state=seed)
    return TransferSet.for_classification(X, y)


def fitted(effort, student, data, seed=0):
    return TreeSearch(effort, prune=0).fit(student, data, seed=seed)


@pytest.mark.parametrize("student", [DecisionTreeClassifier(max_depth=4), DecisionTreeClassifier(max_leaf_nodes=12)])
def test_going_on_pays_and_never_costs(student):
    gains = []
    for seed in range(4):
        data = problem(seed)
        gains.append(
            fitted(GOES_ON, student, data).score(data.X, data.y) - fitted(FEW, student, data).score(data.X, data.y)
        )
    assert min(gains) >= 0
    assert max(gains) > 0.005


def test_so_it_does_in_regression():
    gains = []
    for seed in range(3):
        data = TransferSet(*make_regression(200, 6, n_informative=4, noise=20, random_state=seed))
        few, more = (fitted(effort, DecisionTreeRegressor(max_depth=3), data) for effort in (FEW, GOES_ON))
        gains.append(more.score(data.X, data.y) - few.score(data.X, data.y))
    assert min(gains) >= -1e-9
    assert max(gains) > 0.005


@pytest.mark.parametrize(
    "limits",
    [
        {"max_depth": 4, "min_samples_leaf": 15},
        {"max_depth": 3, "min_samples_split": 50},
        {"max_depth": 4, "min_weight_fraction_leaf": 0.1},
        {"max_leaf_nodes": 7},
    ],
    ids=str,
)
def test_limits_are_kept(limits):
    data = problem(n=300)
    tree = fitted(GOES_ON, DecisionTreeClassifier(**limits), data)
    sizes = np.bincount(tree.apply(data.X))
    inner = tree.tree_.children_left >= 0
    assert sizes[sizes > 0].min() >= max(
        limits.get("min_samples_leaf", 1), 300 * limits.get("min_weight_fraction_leaf", 0)
    )
    assert tree.tree_.n_node_samples[inner].min() >= limits.get("min_samples_split", 2)
    assert tree.get_depth() <= limits.get("max_depth", 99)
    assert tree.get_n_leaves() <= limits.get("max_leaf_nodes", 99)


def test_missing_values_are_no_matter():
    data = problem()
    X = np.where(np.random.default_rng(0).uniform(size=data.X.shape) < 0.2, np.nan, data.X)
    data = data.replace(X=X)
    student = DecisionTreeClassifier(max_depth=3)
    assert fitted(GOES_ON, student, data).score(X, data.y) >= fitted(FEW, student, data).score(X, data.y)


def test_the_seed_decides():
    data, student = problem(), DecisionTreeClassifier(max_depth=4)
    one, same = (fitted(GOES_ON, student, data, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.tree_.threshold, same.tree_.threshold)


def test_a_stump_has_one_split_to_kick():
    data = problem()
    assert fitted(GOES_ON, DecisionTreeClassifier(max_depth=1), data).get_n_leaves() == 2


@pytest.mark.parametrize(("n", "rounds"), [(100, 6), (3000, 6), (6000, 3), (90_000, 1)])
def test_many_rows_get_fewer_rounds(monkeypatch, n, rounds):
    asked = []
    for module in (_tree_search, _many_rows):
        monkeypatch.setattr(
            module, "iterated_local_search", lambda best, *_, rounds, copies: asked.append(rounds) or best
        )
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2))
    fitted(
        Effort(0, refined=0, rounds=6),
        DecisionTreeClassifier(max_depth=2),
        TransferSet.for_classification(X, X[:, 0] > 0.1),
    )
    assert asked == [rounds]


def test_names_are_numbers_and_more_is_better():
    data, student = problem(seed=1), DecisionTreeClassifier(max_depth=4)
    quick, default, thorough = (
        fitted(name, student, data).score(data.X, data.y) for name in ("quick", "default", "thorough")
    )
    assert quick <= default <= thorough
    assert quick < thorough
