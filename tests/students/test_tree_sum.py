"""Sums of small trees: what they learn, and that they are the best of their kind where that can be worked out."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from stepdown.core import InvalidInputError, TransferSet
from stepdown.learners import complexity, fit_to, soft_fit_support
from stepdown.students import TreeSumClassifier, TreeSumRegressor
from stepdown.students._cuts import Cuts


@parametrize_with_checks([TreeSumClassifier(), TreeSumRegressor()])
def test_contract_of_scikit_learn(estimator, check):
    check(estimator)


def additive(n=400, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(n, 5))
    y = 3.0 * (X[:, 0] > 0.5) - 2.0 * (X[:, 1] > 0.3) + 1.0 * (X[:, 2] > 0.7)
    return X, y


def test_a_sum_of_stumps_is_found_with_as_many_splits():
    X, y = additive()
    model = TreeSumRegressor(max_splits=3, max_depth=1, max_bins=1000, ridge=1e-6).fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, atol=0.005)
    assert sorted(int(tree.feature[0]) for tree in model.trees_) == [0, 1, 2]
    tree = DecisionTreeRegressor(max_leaf_nodes=4).fit(X, y)  # as many splits in one tree
    assert tree.score(X, y) < 0.95


def test_an_interaction_needs_depth():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(500, 2))
    y = np.sign(X[:, 0] + 0.1) * np.sign(X[:, 1] - 0.2)
    assert TreeSumRegressor(max_depth=2).fit(X, y).score(X, y) > 0.95
    assert TreeSumRegressor(max_depth=1).fit(X, y).score(X, y) < 0.6


def scores_by_hand(model, X):
    """Every row through every tree, question by question."""
    scores = []
    for row in X:
        total = np.array(model.intercept_)
        for tree in model.trees_:
            node = 0
            while tree.children_left[node] >= 0:
                x = row[tree.feature[node]]
                left = tree.missing_go_to_left[node] if np.isnan(x) else x <= tree.threshold[node]
                node = (tree.children_left if left else tree.children_right)[node]
            total = total + tree.value[node]
        scores.append(total)
    return np.array(scores)


def with_gaps(X, seed=0):
    X = np.array(X, dtype=float)
    X[np.random.default_rng(seed).random(X.shape) < 0.1] = np.nan
    return X


def test_predictions_are_what_the_trees_add_up_to():
    X, y = load_iris(return_X_y=True)
    X = with_gaps(X)
    model = TreeSumClassifier(max_splits=8).fit(X, y)
    scores = scores_by_hand(model, X)
    np.testing.assert_allclose(model.decision_function(X), scores)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), shares)
    two = TreeSumClassifier(max_splits=8).fit(X, y == 1)
    share = 1 / (1 + np.exp(-scores_by_hand(two, X)[:, 0]))
    np.testing.assert_allclose(two.predict_proba(X), np.column_stack([1 - share, share]), atol=1e-12)
    np.testing.assert_array_equal(two.predict(X), share > 0.5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_no_leaf_can_be_moved_for_the_better(n_classes):
    X, y = load_iris(return_X_y=True)
    y = np.minimum(y, n_classes - 1)
    Q, w = 0.8 * np.eye(n_classes)[y] + 0.2 / n_classes, np.random.default_rng(0).uniform(0.5, 2, len(y))
    model = TreeSumClassifier(max_splits=5, ridge=2.0).fit_soft(X, Q, np.arange(n_classes), w)

    def objective():
        loss = -(w[:, None] * Q * np.log(model.predict_proba(X))).sum()
        return loss + sum((tree.value[tree.children_left < 0] ** 2).sum() for tree in model.trees_)

    best = objective()
    moved = [(tree.value, place) for tree in model.trees_ for place in np.flatnonzero(tree.children_left < 0)]
    for values, place in [*moved, (model.intercept_, slice(None))]:
        for k in range(values.shape[-1] if values.ndim == 2 else 1):
            at = (place, k) if values.ndim == 2 else (0,)
            for change in (-0.05, 0.05):
                values[at] += change
                assert objective() > best - 0.02, "rounding to hundredths costs no more"
                values[at] -= change


def test_soft_targets_are_learned_as_rows_of_each_class_would_be():
    X, y = load_iris(return_X_y=True)
    rng = np.random.default_rng(0)
    Q = rng.dirichlet([0.3, 0.3, 0.3], len(y)) / 2 + np.eye(3)[y] / 2
    soft = TreeSumClassifier(max_splits=6).fit_soft(X, Q, np.arange(3))
    rows, labels = np.repeat(X, 3, axis=0), np.tile([0, 1, 2], len(X))
    hard = TreeSumClassifier(max_splits=6).fit(rows, labels, Q.ravel())
    np.testing.assert_allclose(soft.predict_proba(X), hard.predict_proba(X), atol=0.01)
    assert [tree.feature.tolist() for tree in soft.trees_] == [tree.feature.tolist() for tree in hard.trees_]


@pytest.mark.parametrize("seed", [0, 2, 4])
def test_more_depth_is_never_worse_on_the_rows(seed):
    """Greedy growth alone is, at these seeds."""
    X, y = make_classification(120, 5, n_informative=4, n_redundant=0, flip_y=0.1, random_state=seed)

    def objective(max_depth):
        model = TreeSumClassifier(6, max_depth=max_depth).fit(X, y)
        points = np.concatenate([tree.value[tree.children_left < 0] for tree in model.trees_])
        return len(y) * log_loss(y, model.predict_proba(X)) + 0.5 * (points**2).sum()

    values = [objective(depth) for depth in (1, 2, 3, None)]
    assert all(after <= before + 0.05 for before, after in pairwise(values)), "but for rounding of the points"


@pytest.mark.parametrize("seed", range(3))
def test_refining_lowers_the_loss(seed):
    X, y = load_breast_cancer(return_X_y=True)
    rows = np.random.default_rng(seed).permutation(len(y))[:300]
    losses = [
        log_loss(y[rows], TreeSumClassifier(refine=refine).fit(X[rows], y[rows]).predict_proba(X[rows]))
        for refine in (False, True)
    ]
    assert losses[1] < losses[0]


@pytest.mark.parametrize("refine", [False, True])
@pytest.mark.parametrize(("max_splits", "max_depth", "min_rows"), [(1, 2, 1), (7, 1, 20), (10, 3, 10), (12, None, 30)])
def test_limits_are_kept(refine, max_splits, max_depth, min_rows):
    X, y = load_iris(return_X_y=True)
    X = with_gaps(X)
    model = TreeSumClassifier(max_splits, max_depth=max_depth, min_samples_leaf=min_rows, refine=refine).fit(X, y)
    assert 1 <= model.n_splits_ <= max_splits
    for tree in model.trees_:
        assert max_depth is None or tree.max_depth <= max_depth
        counts = np.bincount(tree.apply(X), minlength=len(tree.feature))
        leaf = tree.children_left < 0
        assert counts[leaf].min() >= min_rows
        np.testing.assert_array_equal(counts[leaf], tree.n_node_samples[leaf])


def test_a_gap_may_be_what_tells_classes_apart():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    gap = rng.random(200) < 0.4
    X[gap, 1] = np.nan
    model = TreeSumClassifier(max_splits=1).fit(X, gap)
    assert model.score(X, gap) == 1
    assert model.trees_[0].threshold[0] == np.inf
    assert not model.trees_[0].missing_go_to_left[0]
    X[:, 1] = np.where(gap, np.nan, 2.0)  # the same where the column has one value
    assert TreeSumClassifier(max_splits=1).fit(X, gap).score(X, gap) == 1


def test_gaps_that_training_had_none_of_go_where_most_rows_went():
    X = np.arange(10.0)[:, None]
    model = TreeSumRegressor(max_splits=1).fit(X, X[:, 0] > 7)
    assert model.predict([[np.nan]]) == model.predict([[0.0]])


def test_cuts_lie_between_values_and_are_short():
    x = np.array([0.1, 0.1234567, 0.1234568, 3.0, 1e6, np.nan])[:, None]
    cuts = Cuts(x, np.ones(6), 10)
    thresholds = [cuts.threshold(cut) for cut in range(4)]
    assert all(low <= cut < high for low, cut, high in zip(x[:, 0], thresholds, x[1:, 0], strict=False))
    assert thresholds[0] == 0.11
    assert thresholds[1] == 0.12345675
    assert thresholds[3] == 500000


def test_sums_left_of_cuts_by_plain_loops():
    rng = np.random.default_rng(0)
    X = with_gaps(rng.integers(0, 4, size=(30, 3)))
    cuts = Cuts(X, np.ones(30), 10)
    values, leaf = rng.normal(size=(30, 2)), rng.integers(-1, 2, 30)
    sums = cuts.left_sums(values, leaf, 2)
    for number in range(2):
        for cut in range(len(cuts)):
            rows = np.flatnonzero(leaf == number)
            left = rows[cuts.goes_left(cut, rows)]
            np.testing.assert_allclose(sums[number, cut], values[left].sum(axis=0), atol=1e-12)


def test_few_bins_still_cut_where_the_weight_is():
    x = np.arange(1000.0)[:, None]
    weight = np.where(x[:, 0] < 900, 1e-6, 1.0)
    cuts = Cuts(x, weight, 5)
    assert len(cuts) == 4
    assert cuts.low.min() > 900


def test_wide_tables_are_cut_at_fewer_places():
    X = np.random.default_rng(0).normal(size=(50, 2000))
    assert len(Cuts(X, np.ones(50), 64)) == 2000 * 15
    assert len(Cuts(X[:, :10], np.ones(50), 64)) == 10 * 49


def test_chains_know_it():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), TreeSumClassifier(max_splits=4))
    assert soft_fit_support(model).kind == "exact"
    Q = 0.7 * np.eye(3)[y] + 0.1
    fitted = fit_to(model, TransferSet(X, Q, classes=np.array(["a", "b", "c"])), seed=0)
    assert set(fitted.predict(X)) == {"a", "b", "c"}
    size = complexity(fitted)
    assert size.kind == "trees"
    assert size.rules == 5  # as many as a single tree of four splits
    assert size.leaves == 4 + size.trees
    assert size.nodes == 2 * size.leaves - size.trees
    assert size.size == size.nodes


def test_it_is_read_back_without_running_code():
    io = pytest.importorskip("skops.io", reason="skops isn't installed")
    X, y = load_iris(return_X_y=True)
    model = TreeSumClassifier(max_splits=3).fit(X, y)
    written = io.dumps(model)
    read = io.loads(written, trusted=io.get_untrusted_types(data=written))
    np.testing.assert_array_equal(read.predict_proba(X), model.predict_proba(X))


def test_what_cannot_be_right_is_refused():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(InvalidInputError, match="one class only"):
        TreeSumClassifier().fit(X, np.zeros(len(y)))
    with pytest.raises(ValueError, match=r"(?i)zero"):
        TreeSumClassifier().fit(X, y, np.zeros(len(y)))
    with pytest.raises(InvalidInputError, match="Q has shape"):
        TreeSumClassifier().fit_soft(X, np.eye(2)[y % 2], np.arange(3))
    with pytest.raises(InvalidInputError, match="sum to 1"):
        TreeSumClassifier().fit_soft(X, np.ones((len(y), 2)), np.arange(2))
    with pytest.raises(ValueError, match="max_splits"):
        TreeSumClassifier(max_splits=0).fit(X, y)


def test_a_constant_target_needs_no_tree():
    model = TreeSumRegressor().fit(np.arange(9.0)[:, None], np.full(9, 0.1))
    assert model.trees_ == []
    np.testing.assert_allclose(model.predict([[3.0], [np.nan]]), 0.1)
    assert complexity(model).rules == 1
