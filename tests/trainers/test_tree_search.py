"""Tree search: genuine trees that keep the student's limits and are never worse on the objective."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_classification
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
    export_text,
)

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet
from stepdown.learners import fit_to
from stepdown.trainers import Effort, PlainFit, TreeSearch, _tree_search, _wide

SMALL = TreeSearch(Effort(8, refined=3), prune=0)


def soft_set(n=150, n_classes=3, seed=0, **rest):
    X, y = make_classification(n, 6, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=seed)
    noise = np.random.default_rng(seed).dirichlet(np.ones(n_classes), n)
    classes = np.array(["x", "y", "z", "zz"][:n_classes])
    return TransferSet(X, 0.6 * np.eye(n_classes)[y] + 0.4 * noise, classes=classes, **rest)


def soft_accuracy(model, data):
    code = np.searchsorted(data.classes, model.predict(data.X))
    targets = data.soft_targets()
    return np.average(targets[np.arange(len(code)), code], weights=data.weights())


def same_tree(one, other):
    a, b = one.tree_.__getstate__(), other.tree_.__getstate__()
    for field in a["nodes"].dtype.names:
        np.testing.assert_array_equal(a["nodes"][field], b["nodes"][field], err_msg=field)
    np.testing.assert_array_equal(a["values"], b["values"])


def check_nodes(tree, X, targets, weight):
    """What each node says of itself is what its rows are."""
    raw = tree.tree_
    leaves = tree.apply(X)  # not decision_path, which scikit-learn 1.6 sends missing values astray in
    below = [{node} for node in range(raw.node_count)]
    for node in reversed(range(raw.node_count)):
        if raw.children_left[node] >= 0:
            below[node] |= below[raw.children_left[node]] | below[raw.children_right[node]]
    for node in range(raw.node_count):
        rows = np.isin(leaves, list(below[node]))
        assert raw.n_node_samples[node] == rows.sum()
        assert raw.weighted_n_node_samples[node] == pytest.approx(weight[rows].sum())
        mean = np.average(targets[rows], axis=0, weights=weight[rows])
        np.testing.assert_allclose(raw.value[node].ravel(), np.ravel(mean), atol=1e-9)


def is_as_good(one, other):
    return one >= other - 1e-12


@pytest.mark.parametrize("student", [DecisionTreeClassifier(max_depth=3), ExtraTreeClassifier(max_depth=3)], ids=str)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_soft_tree_is_genuine_and_better(student, n_classes):
    data = soft_set(n_classes=n_classes, sample_weight=np.random.default_rng(1).uniform(0.5, 2, 150))
    tree = SMALL.fit(student, data, seed=0)
    assert type(tree) is type(student)
    assert not hasattr(student, "tree_")
    assert soft_accuracy(tree, data) > soft_accuracy(fit_to(student, data, seed=0), data)
    assert tree.get_depth() <= 3
    assert export_text(tree).count("class:") == tree.get_n_leaves()
    assert tree.feature_importances_.sum() == pytest.approx(1)
    assert tree.classes_.tolist() == data.classes.tolist()
    twin = pickle.loads(pickle.dumps(tree))
    np.testing.assert_array_equal(twin.predict_proba(data.X), tree.predict_proba(data.X))
    check_nodes(tree, data.X, data.y, data.sample_weight)
    clone(tree).fit(data.X, data.labels())


@pytest.mark.parametrize(
    "student",
    [DecisionTreeRegressor(max_depth=3), ExtraTreeRegressor(max_depth=3), DecisionTreeRegressor(max_leaf_nodes=7)],
    ids=str,
)
def test_regression(student):
    X, y = load_diabetes(return_X_y=True)
    weight = np.random.default_rng(0).uniform(0.1, 2, len(y))
    data = TransferSet(X, y + 1e4, sample_weight=weight)
    tree = SMALL.fit(student, data, seed=0)
    plain = PlainFit().fit(student, data, seed=0)

    def error(model):
        return np.average((model.predict(X) - data.y) ** 2, weights=weight)

    assert error(tree) < error(plain)
    assert tree.get_n_leaves() <= 8
    check_nodes(tree, X, data.y, weight)
    variance = np.average((data.y - np.average(data.y, weights=weight)) ** 2, weights=weight)
    assert tree.tree_.impurity[0] == pytest.approx(variance)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    depth=st.integers(1, 4),
    leaf=st.sampled_from([1, 7, 0.1]),
    fraction=st.sampled_from([0.0, 0.08]),
    values=st.sampled_from([2, 5, 1000]),
)
def test_never_worse_than_the_plain_fit_and_within_its_limits(seed, depth, leaf, fraction, values):
    random = np.random.default_rng(seed)
    X = random.integers(0, values, (60, 3)).astype(float)
    y = random.integers(0, 3, 60)
    y[:3] = [0, 1, 2]
    weight = random.integers(0, 4, 60).astype(float)
    weight[:3] = 1
    data = TransferSet.for_classification(X, y, sample_weight=weight)
    student = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=leaf, min_weight_fraction_leaf=fraction)
    tree = SMALL.fit(student, data, seed=seed)
    plain = fit_to(student, data, seed=seed)
    assert is_as_good(soft_accuracy(tree, data), soft_accuracy(plain, data))
    assert tree.get_depth() <= depth
    leaves = tree.apply(X)
    for own in np.unique(leaves):
        rows = (leaves == own) & (weight > 0)
        least = leaf if leaf >= 1 else np.ceil(leaf * np.sum(weight > 0))
        assert rows.sum() >= least
        assert is_as_good(weight[rows].sum(), fraction * weight.sum())
    assert np.all(tree.tree_.n_node_samples > 0)


def test_min_samples_split_is_kept():
    data = soft_set()
    tree = SMALL.fit(DecisionTreeClassifier(max_depth=4, min_samples_split=40), data, seed=0)
    inner = tree.tree_.children_left >= 0
    assert inner.any()
    assert tree.tree_.n_node_samples[inner].min() >= 40


def test_max_leaf_nodes_is_kept_by_deep_trees():
    data = soft_set(n=300)
    tree = SMALL.fit(DecisionTreeClassifier(max_leaf_nodes=9), data, seed=0)
    assert 2 <= tree.get_n_leaves() <= 9
    assert tree.get_depth() > 3


def test_one_hot_targets_are_labels():
    X, y = load_iris(return_X_y=True)
    data = TransferSet.for_classification(X, np.array(["a", "b", "c"])[y])
    student = DecisionTreeClassifier(max_depth=2)
    same_tree(SMALL.fit(student, data, seed=1), SMALL.fit(student, data.replace(y=np.eye(3)[y]), seed=1))


def test_a_weight_of_two_is_a_row_twice_in_objective_and_values():
    data = soft_set(n=60)
    twice = np.concatenate([np.arange(60), np.arange(30)])
    weight = np.where(np.arange(60) < 30, 2.0, 1.0)
    search = TreeSearch(Effort(0, refined=1), prune=0)  # only the plain fit, which both ways is one, and its refinement
    student = DecisionTreeClassifier(max_depth=3, random_state=0)
    weighted = search.fit(student, data.replace(sample_weight=weight), seed=0)
    repeated = search.fit(student, data.take(twice), seed=0)
    np.testing.assert_array_equal(weighted.tree_.feature, repeated.tree_.feature)
    np.testing.assert_allclose(weighted.tree_.threshold, repeated.tree_.threshold)
    np.testing.assert_allclose(weighted.tree_.value, repeated.tree_.value, atol=1e-12)


def test_rows_without_weight_are_not_there():
    data = soft_set(n=100)
    weight = np.where(np.arange(100) < 80, 1.0, 0.0)
    student = DecisionTreeClassifier(max_depth=3, random_state=0)
    search = TreeSearch(Effort(5))
    weighted = search.fit(student, data.replace(sample_weight=weight), seed=0)
    same_tree(weighted, search.fit(student, data.take(np.arange(80)), seed=0))


def test_the_seed_decides():
    data = soft_set(n=400, n_classes=4, seed=5)
    student = DecisionTreeClassifier(max_depth=4)
    search = TreeSearch(Effort(20, refined=1))
    one, same, *others = (search.fit(student, data, seed=seed) for seed in (0, 0, 1, 2, 3))
    same_tree(one, same)
    assert any(not np.array_equal(one.tree_.threshold, other.tree_.threshold) for other in others)
    pinned = DecisionTreeClassifier(max_depth=3, random_state=5)
    same_tree(SMALL.fit(pinned, data), SMALL.fit(pinned, data))
    assert SMALL.fit(pinned, data, seed=3).random_state == 5


def test_the_order_of_blocks_is_no_matter(monkeypatch):
    data = soft_set()
    student = DecisionTreeClassifier(max_depth=3)
    whole = SMALL.fit(student, data, seed=0)
    monkeypatch.setattr(_tree_search, "_MAX_PAIRS", 1)
    same_tree(whole, SMALL.fit(student, data, seed=0))


def test_the_data_stay_as_they_are():
    data = soft_set()
    before = data.X.copy(), data.y.copy()
    data.X.setflags(write=False)
    data.y.setflags(write=False)
    SMALL.fit(DecisionTreeClassifier(max_depth=3), data, seed=0)
    np.testing.assert_array_equal(data.X, before[0])
    np.testing.assert_array_equal(data.y, before[1])


def test_class_weight_is_part_of_the_objective():
    X, y = make_classification(300, 5, n_informative=2, weights=[0.85], flip_y=0.2, random_state=0)
    data = TransferSet.for_classification(X, y)
    student = DecisionTreeClassifier(max_depth=2, class_weight="balanced")
    tree = SMALL.fit(student, data, seed=0)
    plain = fit_to(student, data, seed=0)

    def balanced(model):
        hit = model.predict(X) == y
        return (hit[y == 0].mean() + hit[y == 1].mean()) / 2

    assert is_as_good(balanced(tree), balanced(plain))
    np.testing.assert_allclose(tree.tree_.value[0].ravel(), [0.5, 0.5])
    factors = len(y) / (2 * np.bincount(y))
    given_dict = clone(student).set_params(class_weight=dict(enumerate(factors)))
    np.testing.assert_allclose(SMALL.fit(given_dict, data, seed=0).tree_.value, tree.tree_.value)


def test_entropy_shapes_candidates_and_impurities():
    data = soft_set()
    tree = SMALL.fit(DecisionTreeClassifier(max_depth=2, criterion="entropy"), data, seed=0)
    root = tree.tree_.value[0].ravel()
    assert tree.tree_.impurity[0] == pytest.approx(-np.sum(root * np.log2(root)))
    assert soft_accuracy(tree, data) >= soft_accuracy(fit_to(tree, data), data)


def test_missing_values_are_searched_too():
    X, y = load_breast_cancer(return_X_y=True)
    X = np.where(np.random.default_rng(0).uniform(size=X.shape) < 0.2, np.nan, X)
    data = TransferSet.for_classification(X, y)
    student = DecisionTreeClassifier(max_depth=3)
    tree = SMALL.fit(student, data, seed=0)
    assert soft_accuracy(tree, data) > soft_accuracy(fit_to(student, data, seed=0), data)
    check_nodes(tree, X, np.eye(2)[y], np.ones(len(y)))


def test_sparse_rows_are_searched_too():
    data = soft_set()
    X = np.where(np.abs(data.X) < 0.5, 0, data.X)
    student = DecisionTreeClassifier(max_depth=3)
    dense = SMALL.fit(student, data.replace(X=X), seed=0)
    same_tree(SMALL.fit(student, data.replace(X=sparse.csr_matrix(X)), seed=0), dense)


@pytest.mark.parametrize("criterion", ["gini", "entropy", "squared_error"])
def test_wide_sparse_rows_are_searched_on_the_columns_that_split(criterion):
    rng = np.random.default_rng(0)
    X = sparse.random(300, 900, 0.05, format="csr", random_state=0)
    score = np.asarray(X[:, :30].sum(axis=1)).ravel()
    if criterion == "squared_error":
        student, data = DecisionTreeRegressor(max_depth=3, random_state=0), TransferSet(X, score)
    else:
        student = DecisionTreeClassifier(max_depth=3, criterion=criterion, random_state=0)
        p = np.clip(score / score.max() + 0.1 * rng.normal(size=300), 0, 1)
        data = TransferSet(X, np.stack([1 - p, p], axis=1), rng.uniform(0.5, 1, 300), classes=np.array(["a", "b"]))
    tree = TreeSearch().fit(student, data, seed=0)
    assert tree.n_features_in_ == 900
    assert tree.get_depth() <= 3
    dense = TreeSearch().fit(student, data.replace(X=X.toarray()), seed=0)
    targets = data.y if data.classes is None else data.y[:, 1]
    answers = [model.predict(X) if data.classes is None else model.predict_proba(X)[:, 1] for model in (tree, dense)]
    errors = [np.mean((answer - targets) ** 2) for answer in answers]
    assert errors[0] < 1.1 * errors[1]
    np.testing.assert_allclose(tree.predict(X[:9].toarray()) == tree.predict(X[:9]), True)


def test_most_of_wide_sparse_rows_is_never_made_dense(monkeypatch):
    X = sparse.random(200, 5_000, 0.01, format="csr", random_state=0)
    data = TransferSet.for_classification(X, np.asarray(X[:, :500].sum(axis=1)).ravel() > 2)
    made = []
    to_array = sparse.csr_array.toarray
    monkeypatch.setattr(sparse.csr_array, "toarray", lambda self: made.append(self.shape) or to_array(self))
    TreeSearch().fit(DecisionTreeClassifier(max_depth=4), data, seed=0)
    assert len(made) == 1
    assert made[0][1] < 400
    made.clear()
    monkeypatch.setattr(_wide, "_MAX_CELLS", 10)
    student = DecisionTreeClassifier(max_depth=4, random_state=0)
    same_tree(TreeSearch().fit(student, data, seed=0), fit_to(student, data, seed=0))
    assert not made


@pytest.mark.parametrize(
    "student",
    [
        DecisionTreeClassifier(),
        DecisionTreeClassifier(max_depth=30),
        DecisionTreeClassifier(max_depth=3, ccp_alpha=0.01),
        DecisionTreeClassifier(max_depth=3, min_impurity_decrease=0.01),
        DecisionTreeClassifier(max_depth=3, min_samples_leaf=140),
    ],
    ids=str,
)
def test_what_is_not_searched_is_fitted_plainly(student):
    data = soft_set()
    same_tree(SMALL.fit(student, data, seed=0), fit_to(student, data, seed=0))


def test_regression_that_is_not_searched_is_fitted_plainly():
    X, y = load_diabetes(return_X_y=True)
    for student, data in [
        (DecisionTreeRegressor(max_depth=2, criterion="absolute_error"), TransferSet(X, y)),
        (DecisionTreeRegressor(max_depth=2), TransferSet(X, np.stack([y, -y], axis=1))),
        (DecisionTreeRegressor(max_depth=2, monotonic_cst=[1] + [0] * 9), TransferSet(X, y)),
    ]:
        same_tree(SMALL.fit(student, data, seed=0), fit_to(student, data, seed=0))


def test_pipelines_and_frames():
    X, y = load_iris(return_X_y=True, as_frame=True)
    data = TransferSet.for_classification(X, y.map({0: "a", 1: "b", 2: "c"}).to_numpy())
    bare = SMALL.fit(DecisionTreeClassifier(max_depth=2), data, seed=0)
    assert bare.feature_names_in_.tolist() == list(X.columns)
    pipeline = make_pipeline("passthrough", SimpleImputer(), StandardScaler(), DecisionTreeClassifier(max_depth=2))
    fitted = SMALL.fit(pipeline, data, seed=0)
    assert not hasattr(pipeline[-1], "tree_")
    assert not hasattr(pipeline[2], "scale_")
    assert fitted[-1].get_depth() <= 2
    assert isinstance(X, pd.DataFrame)
    assert soft_accuracy(fitted, data) >= 0.96
    framed = SMALL.fit(clone(pipeline).set_output(transform="pandas"), data, seed=0)
    np.testing.assert_array_equal(framed.predict(X), fitted.predict(X))


def test_refining_and_choosing_both_help():
    data = soft_set(n=400, n_classes=4, seed=5)
    student = DecisionTreeClassifier(max_depth=4)
    plain, chosen, refined = (
        soft_accuracy(trainer.fit(student, data, seed=0), data)
        for trainer in (PlainFit(), TreeSearch(Effort(20, refined=0)), TreeSearch(Effort(20, refined=5)))
    )
    assert plain < chosen < refined
    assert soft_accuracy(TreeSearch().quick().fit(student, data, seed=0), data) > plain


def test_one_row_a_class():
    data = TransferSet.for_classification(np.array([[0.0], [1.0]]), np.array(["no", "yes"]))
    tree = TreeSearch().fit(DecisionTreeClassifier(max_depth=3), data, seed=0)
    assert tree.predict(data.X).tolist() == ["no", "yes"]


def test_other_students_are_refused():
    with pytest.raises(NotSupportedError, match="not LogisticRegression; use trainer_for"):
        TreeSearch().fit(LogisticRegression(), soft_set(), seed=0)


@pytest.mark.parametrize(
    "numbers",
    [
        {"candidates": -1},
        {"refined": -1},
        {"passes": 0},
        {"rounds": -1},
        {"copies": 0},
        {"max_rows": 1},
        {"n_bins": 300},
        {"n_bins": 1},
        {"fraction": 0},
        {"fraction": 1.5},
    ],
)
def test_numbers_that_can_not_be(numbers):
    [(name, value)] = numbers.items()
    with pytest.raises(InvalidInputError, match=f"{name}={value}.*expected"):
        TreeSearch(Effort(**numbers)).fit(DecisionTreeClassifier(max_depth=2), soft_set(), seed=0)


@pytest.mark.parametrize("effort", ["slow", None, 3])
def test_efforts_that_are_not_known(effort):
    with pytest.raises(InvalidInputError, match=r"effort=.*expected one of .*quick.* or an Effort"):
        TreeSearch(effort).fit(DecisionTreeClassifier(max_depth=2), soft_set(), seed=0)


@pytest.mark.parametrize("depth", [2, 40])
def test_rounding_leads_no_tree_out_of_the_range_of_its_targets(depth):
    # The plain fit, which is what is returned here, says 1000000000.0000001.
    data = TransferSet(np.zeros((6, 1)), np.full(6, 1e9), np.full(6, 1e-6))
    student = DecisionTreeRegressor(max_depth=depth)
    assert student.fit(data.X, data.y, data.sample_weight).predict(data.X).max() > 1e9
    assert set(TreeSearch().fit(student, data, seed=0).predict(data.X)) == {1e9}
