"""The search for a tree where rows are many: the tree of the slow way where both are exact, else as good."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown.core import MANY_ROWS, TransferSet
from stepdown.trainers import TreeSearch, _tree_search
from stepdown.trainers._flat_trees import FlatTrees, Rows
from stepdown.trainers._histogram import Binned, Drawn, Growth, exact_sums, flat, grow
from stepdown.trainers._objective import SoftAccuracy, SquaredError
from stepdown.trainers._tao import Bins, alternating_optimisation
from stepdown.trainers._tao_dense import optimise_one


def whole_numbers(n=400, missing=False, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 9, size=(n, 3)).astype(np.float32)
    y = (X[:, 0] > 4) * 2.0 + (X[:, 1] > 2) * (X[:, 2] > 5) + rng.normal(scale=0.3, size=n)
    if missing:
        X[rng.random(X.shape) < 0.2] = np.nan
    return X, y


def grown(X, y, growth, weight=None):
    rows = Rows(X)
    bins = Bins(rows, 255)
    weight = np.ones(len(y)) if weight is None else weight
    counts = [np.ones(len(y))] if growth.counts_rows else []
    columns = np.stack([weight, weight * (y - np.average(y, weights=weight)), *counts])
    columns = np.stack([exact_sums(column, len(y), 10.0) for column in columns])
    trees, inner, totals = grow(Drawn(bins.codes, columns, None, bins.n_bins, bins.width), growth)
    return flat(trees, inner, [edges.astype(float) for edges in bins.edges]), rows, totals


def partition(leaves):
    """Which rows are together, whatever the leaves are called."""
    return np.unique(leaves, return_inverse=True)[1][:, None] == np.unique(leaves, return_inverse=True)[1][None]


@pytest.mark.parametrize(
    "limits",
    [
        {"max_depth": 3},
        {"max_depth": 4, "min_samples_leaf": 20},
        {"max_depth": None, "max_leaf_nodes": 7},
        {"max_depth": 5, "min_samples_split": 60, "max_leaf_nodes": 9},
    ],
)
def test_it_is_the_tree_of_scikit_learn_where_every_value_has_a_bin(limits):
    X, y = whole_numbers()
    theirs = DecisionTreeRegressor(**limits).fit(X, y)
    mine, rows, _ = grown(X, y, Growth(**{"max_leaf_nodes": None, **limits}))
    assert np.array_equal(partition(mine.leaves(rows)[0]), partition(theirs.apply(X)))


def test_weights_count_as_repeated_rows():
    X, y = whole_numbers(200)
    times = np.random.default_rng(1).integers(1, 4, size=len(y))
    growth = Growth(max_depth=4, max_leaf_nodes=None)
    once, rows, _ = grown(X, y, growth, times.astype(float))
    often = grown(np.repeat(X, times, axis=0), np.repeat(y, times), growth)[0]
    assert np.array_equal(partition(once.leaves(rows)[0]), partition(often.leaves(rows)[0]))


def test_the_order_of_rows_changes_nothing():
    X, y = whole_numbers(missing=True)
    growth = Growth(max_depth=4, max_leaf_nodes=None)
    order = np.random.default_rng(2).permutation(len(y))
    first, _, totals = grown(X, y, growth)
    second, _, others = grown(X[order], y[order], growth)
    assert np.array_equal(first.feature, second.feature)
    assert np.array_equal(first.threshold, second.threshold)
    assert np.array_equal(first.missing_left, second.missing_left)
    assert np.array_equal(totals[0], others[0])


def test_missing_values_go_where_they_win_most():
    X = np.array([[1, 1, 2, 2, np.nan, np.nan]], dtype=np.float32).T
    for y, left in ((np.array([0, 0, 1, 1, 0, 0.0]), True), (np.array([0, 0, 1, 1, 1, 1.0]), False)):
        tree, rows, _ = grown(X, y, Growth(max_depth=1, max_leaf_nodes=None))
        assert tree.missing_left[0] == left
        leaves = tree.leaves(rows)[0]
        assert all(len(np.unique(y[leaves == leaf])) == 1 for leaf in np.unique(leaves))


def test_children_are_their_parents_less_their_siblings():
    X, y = whole_numbers(missing=True)
    trees = Binned(1)
    rows = Rows(X)
    bins = Bins(rows, 255)
    source = Drawn(bins.codes, exact_sums(np.stack([np.ones(len(y)), y]), len(y), 10.0), None, bins.n_bins, bins.width)
    whole = source.sums(trees, np.array([0]))
    first = trees.split(np.array([0]), np.array([1]), np.array([3]), np.array([True]))
    assert np.array_equal(whole[:, :, 0], source.sums(trees, np.array([first[0], first[0] + 1])).sum(axis=2))


@pytest.mark.parametrize(("missing", "least"), list(product([False, True], [1, 15])))
def test_one_tree_on_many_rows_is_moved_as_trees_side_by_side_are(missing, least):
    X, y = whole_numbers(600, missing)
    rows = Rows(X)
    bins = Bins(rows, 255)
    grown = [
        DecisionTreeRegressor(max_depth=3, random_state=s, max_features=1).fit(X[s::3], y[s::3]).tree_ for s in range(3)
    ]
    codes = (y > 1).astype(int) + (y > 2)
    for objective in (SquaredError(y, np.ones(len(y))), SoftAccuracy(np.eye(3)[codes], np.ones(len(y)))):
        together = FlatTrees.of(grown)
        alternating_optimisation(together, rows, bins, objective, n_passes=3, min_samples_leaf=least)
        for place in range(3):
            alone = FlatTrees.of([grown[place]])
            optimise_one(alone, rows, bins, objective, n_passes=3, min_samples_leaf=least)
            for name in ("left", "right", "feature", "threshold", "missing_left"):
                assert np.array_equal(getattr(alone, name), getattr(together.take(place), name))


@pytest.fixture(scope="module")
def many():
    X, y = make_classification(MANY_ROWS, 6, n_informative=5, n_redundant=0, n_classes=3, flip_y=0.1, random_state=0)
    return X.astype(np.float32), y


def test_it_is_never_worse_than_the_plain_tree_and_keeps_limits(many):
    X, y = many
    student = DecisionTreeClassifier(max_depth=4, min_samples_leaf=900)
    tree = TreeSearch(prune=0).fit(student, TransferSet.for_classification(X, y), seed=0)
    assert tree.score(X, y) >= student.fit(X, y).score(X, y) - 0.001  # which has more than 255 thresholds
    assert tree.get_depth() <= 4
    assert np.bincount(tree.apply(X))[np.unique(tree.apply(X))].min() >= 900
    again = TreeSearch(prune=0).fit(
        DecisionTreeClassifier(max_depth=4, min_samples_leaf=900), TransferSet.for_classification(X, y), seed=0
    )
    assert np.array_equal(tree.tree_.threshold, again.tree_.threshold)


def test_it_is_about_as_good_as_the_search_on_all_rows(many, monkeypatch):
    X, y = many
    data = TransferSet.for_classification(X, y)
    fast = TreeSearch().fit(DecisionTreeClassifier(max_depth=3), data, seed=0)
    monkeypatch.setattr(_tree_search, "MANY_ROWS", np.inf)
    slow = TreeSearch().fit(DecisionTreeClassifier(max_depth=3), data, seed=0)
    assert fast.score(X, y) >= slow.score(X, y) - 0.01


def test_leaves_answer_by_all_rows(many):
    X, y = many
    targets = np.sin(X[:, 0]) + X[:, 1] + 0.1 * y
    tree = TreeSearch().fit(DecisionTreeRegressor(max_depth=3), TransferSet(X, targets), seed=0)
    leaves = tree.apply(X)
    for leaf in np.unique(leaves):
        assert tree.tree_.value[leaf, 0, 0] == pytest.approx(targets[leaves == leaf].mean())
