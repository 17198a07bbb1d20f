"""Tree alternating optimisation against plain loops, and what may never happen to a tree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.tree import DecisionTreeRegressor

from stepdown.trainers import _tao
from stepdown.trainers._flat_trees import FlatTrees, Rows
from stepdown.trainers._objective import SoftAccuracy, SquaredError
from stepdown.trainers._tao import Bins, alternating_optimisation


class LoopTree:
    """One pass of alternating optimisation as the paper tells it: row by row, split by split."""

    def __init__(self, tree, X, reward, answer_of):
        self.X, self.reward, self.answer_of = X.astype(float), reward, answer_of
        self.root = self.copy_of(tree, 0)
        self.label(self.root, list(range(len(X))))

    def copy_of(self, tree, node):
        if tree.children_left[node] == -1:
            return {}
        return {
            "split": (tree.feature[node], tree.threshold[node]),
            "children": [self.copy_of(tree, tree.children_left[node]), self.copy_of(tree, tree.children_right[node])],
        }

    def label(self, node, rows):
        if "split" not in node:
            if rows:
                node["answer"] = self.answer_of(rows)
            return
        for side in (0, 1):
            self.label(node["children"][side], [i for i in rows if self.side(node, i) == side])

    def side(self, node, i):
        feature, threshold = node["split"]
        return 0 if self.X[i, feature] <= threshold else 1

    def answer(self, node, i):
        while "split" in node:
            node = node["children"][self.side(node, i)]
        return node["answer"]

    def value(self):
        return sum(self.reward(i, self.answer(self.root, i)) for i in range(len(self.X)))

    def levels(self):
        level = [(self.root, list(range(len(self.X))))]
        while level:
            yield [(node, rows) for node, rows in level if "split" in node]
            level = [
                (node["children"][side], [i for i in rows if self.side(node, i) == side])
                for node, rows in level
                if "split" in node
                for side in (0, 1)
            ]

    def one_pass(self):
        for level in reversed(list(self.levels())):
            for node, rows in level:
                self.improve(node, rows)
            self.label(self.root, list(range(len(self.X))))

    def improve(self, node, rows):
        def worth(split, children):
            return sum(
                self.reward(i, self.answer(children[0 if self.X[i, split[0]] <= split[1] else 1], i)) for i in rows
            )

        # Splits of one worth differ by this order alone: as they stand, then mirrored; low features, low values.
        best = (worth(node["split"], node["children"]), node["split"], node["children"])
        for children in (node["children"], node["children"][::-1]):
            for feature in range(self.X.shape[1]):
                values = sorted({self.X[i, feature] for i in rows})
                for value, after in zip(values, values[1:] + values[-1:], strict=True):
                    threshold = (value + after) / 2
                    now = worth((feature, threshold), children)
                    if now > best[0] + 1e-9:
                        best = (now, (feature, threshold), children)
        node["split"], node["children"] = best[1], best[2]


def soft_problem(seed, n=40, n_classes=3):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 4)).astype(np.float32)
    X[:, 3] = random.integers(0, 3, n)
    targets = random.dirichlet(np.ones(n_classes) * 0.5, n)
    weight = random.uniform(0.2, 2.0, n)
    return X, targets, weight


def grown(X, targets, depth, seed=0):
    rows = np.random.default_rng(seed).integers(0, len(X), len(X))
    return DecisionTreeRegressor(max_depth=depth, random_state=seed).fit(X[rows], targets[rows]).tree_


def value_of(trees, X, objective):
    sums = objective.sums(trees.leaves(Rows(X)), trees.n_nodes)
    return objective.value(sums).sum()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_pass_is_that_of_plain_loops(seed, depth):
    X, targets, weight = soft_problem(seed)
    tree = grown(X, targets, depth)
    loops = LoopTree(
        tree,
        X,
        lambda i, answer: weight[i] * targets[i, answer],
        lambda rows: int(np.argmax(sum(weight[i] * targets[i] for i in rows))),
    )
    objective = SoftAccuracy(targets, weight)
    flat = FlatTrees.of([tree])
    before = value_of(flat, X, objective)
    alternating_optimisation(flat, Rows(X), Bins(Rows(X), 255), objective, n_passes=1)
    loops.one_pass()
    assert value_of(flat, X, objective) == pytest.approx(loops.value(), abs=1e-9)
    assert depth < 3 or loops.value() > before + 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_a_pass_of_regression_is_that_of_plain_loops(seed):
    X, targets, weight = soft_problem(seed)
    y = targets[:, 0] * 10 + 100
    tree = grown(X, y, 2)
    loops = LoopTree(
        tree,
        X,
        lambda i, answer: -weight[i] * (y[i] - answer) ** 2,
        lambda rows: sum(weight[i] * y[i] for i in rows) / sum(weight[i] for i in rows),
    )
    objective = SquaredError(y, weight)
    flat = FlatTrees.of([tree])
    alternating_optimisation(flat, Rows(X), Bins(Rows(X), 255), objective, n_passes=1)
    loops.one_pass()
    assert value_of(flat, X, objective) == pytest.approx(loops.value(), abs=1e-9)


def test_trees_move_alone_or_together_and_in_blocks(monkeypatch):
    X, targets, weight = soft_problem(0, n=80)
    objective = SoftAccuracy(targets, weight)
    trees = [grown(X, targets, depth, seed) for seed, depth in enumerate((1, 2, 3, 3))]
    together = FlatTrees.of(trees)
    alternating_optimisation(together, Rows(X), Bins(Rows(X), 255), objective)
    monkeypatch.setattr(_tao, "_MAX_CELLS", 100)
    for at, tree in enumerate(trees):
        alone = FlatTrees.of([tree])
        alternating_optimisation(alone, Rows(X), Bins(Rows(X), 255), objective)
        part = together.take(at)
        for field in ("left", "right", "feature", "threshold"):
            np.testing.assert_array_equal(getattr(part, field), getattr(alone, field))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    values=st.integers(1, 12),
    depth=st.integers(1, 4),
    missing=st.sampled_from([0.0, 0.3]),
    n_bins=st.sampled_from([2, 5, 255]),
)
def test_no_pass_makes_a_tree_worse(seed, values, depth, missing, n_bins):
    random = np.random.default_rng(seed)
    X = random.integers(0, values, (50, 3)).astype(np.float32)
    X[random.uniform(size=X.shape) < missing] = np.nan
    targets = np.eye(3)[random.integers(0, 3, 50)]
    weight = random.integers(0, 3, 50).astype(float)
    objective = SoftAccuracy(targets, weight)
    flat = FlatTrees.of([grown(X, targets, depth)])
    rows = Rows(X)
    bins = Bins(rows, n_bins)
    last = value_of(flat, X, objective)
    for _ in range(4):
        alternating_optimisation(flat, rows, bins, objective, n_passes=1)
        now = value_of(flat, X, objective)
        assert now >= last - 1e-9
        last = now


def test_a_missing_value_goes_where_it_wins_most():
    X = np.array([[0], [1], [2], [3], [np.nan], [np.nan]], dtype=np.float32)
    y = np.array([0, 0, 1, 1, 0, 0])
    weight = np.array([1.0, 1, 2, 2, 1, 1])  # so that the two leaves begin with different answers
    tree = DecisionTreeRegressor(max_depth=1, random_state=0).fit(np.array([[0.0], [1], [9]]), [0.0, 1, 1]).tree_
    flat = FlatTrees.of([tree])
    objective = SoftAccuracy(np.eye(2)[y], weight)
    alternating_optimisation(flat, Rows(X), Bins(Rows(X), 255), objective)
    assert value_of(flat, X, objective) == 8
    assert flat.threshold[0] == 1.5


@pytest.mark.parametrize("n_values", [3, 40])
def test_bins_hold_every_value_of_a_feature_that_has_few(n_values):
    column = np.random.default_rng(0).integers(0, n_values, 500)
    bins = Bins(Rows(column.astype(np.float32)[:, None]), 255)
    np.testing.assert_array_equal(bins.codes[0], np.unique(column, return_inverse=True)[1])


def test_bins_of_many_values_are_even():
    column = np.random.default_rng(0).normal(size=(10_000, 1)).astype(np.float32)
    column[:100] = np.nan
    bins = Bins(Rows(column), 10)
    sizes = np.bincount(bins.codes[0], minlength=11)
    assert sizes[10] == 100
    assert sizes[:10].min() > 900
    assert np.all(np.diff(bins.codes[0][np.argsort(column[:, 0])].astype(int)[:9900]) >= 0)


def test_splits_leave_enough_rows_on_both_sides():
    X = np.arange(20, dtype=np.float32)[:, None]
    y = (np.arange(20) >= 18).astype(int)
    tree = DecisionTreeRegressor(max_depth=1).fit(X, np.arange(20) >= 10).tree_
    for least, left in ((1, 18), (5, 15)):
        flat = FlatTrees.of([tree])
        objective = SoftAccuracy(np.eye(2)[y], np.where(y == 1, 5.0, 1.0))
        alternating_optimisation(flat, Rows(X), Bins(Rows(X), 255), objective, min_samples_leaf=least)
        assert np.sum(X[:, 0] <= flat.threshold[0]) == left


def test_values_of_any_size_are_told_apart():
    X = np.array([[-3e38], [3e38], [-3e38], [3e38]], dtype=np.float32)
    X = np.hstack([X, np.array([[0], [1], [0], [0]], dtype=np.float32)])
    y = np.array([0, 1, 0, 1])
    tree = DecisionTreeRegressor(max_depth=1).fit(X[:, 1:], X[:, 1]).tree_
    flat = FlatTrees.of([tree])
    flat.feature[0] = 1
    objective = SoftAccuracy(np.eye(2)[y], np.ones(4))
    assert value_of(flat, X, objective) == 3
    alternating_optimisation(flat, Rows(X), Bins(Rows(X), 255), objective)
    assert value_of(flat, X, objective) == 4
