"""The bag that serves as a bridge, against scikit-learn's trees grown one by one."""

import pickle

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from stepdown.core import TransferSet, as_teacher
from stepdown.learners import BaggedTreesClassifier, BaggedTreesRegressor, complexity, fit_to, training_signal

WEIGHTS = "bootstraps are drawn over rows, whatever their weights"
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": WEIGHTS,
    "check_sample_weight_equivalence_on_sparse_data": WEIGHTS,
}


@parametrize_with_checks(
    [BaggedTreesClassifier(5, random_state=0), BaggedTreesRegressor(5, max_features=0.5, random_state=0)],
    expected_failed_checks=lambda estimator: EXPECTED,
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_contract(estimator, check) -> None:
    check(estimator)


def by_hand(X, Q, n_trees: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The same draws and trees in plain sight: mean predictions, and means over the trees that have not seen a row."""
    random = np.random.RandomState(seed)
    everywhere, unseen, counts = np.zeros_like(Q), np.zeros_like(Q), np.zeros(len(X))
    for _ in range(n_trees):
        draws = np.bincount(random.randint(len(X), size=len(X)), minlength=len(X))
        rows = np.flatnonzero(draws)
        tree = DecisionTreeRegressor(max_features="sqrt", random_state=random)
        tree.fit(X[rows], Q[rows], sample_weight=draws[rows].astype(float))
        says = tree.predict(X)
        everywhere += says
        unseen[draws == 0] += says[draws == 0]
        counts += draws == 0
    return everywhere / n_trees, unseen / counts[:, None]


def test_soft_targets_and_out_of_bag_means() -> None:
    X, y = load_iris(return_X_y=True)
    X = X.astype(np.float32)
    Q = 0.7 * np.eye(3)[y] + 0.1
    bag = BaggedTreesClassifier(30, random_state=3).fit_soft(X, Q, np.array([0, 1, 2]))
    everywhere, unseen = by_hand(X, Q, 30, 3)
    np.testing.assert_allclose(bag.predict_proba(X), everywhere, atol=1e-12)
    np.testing.assert_allclose(bag.oob_values_, unseen, atol=1e-12)


def test_two_classes_are_fitted_by_one_column() -> None:
    X, y = load_iris(return_X_y=True)
    X, y = X[50:], y[50:] - 1
    both = BaggedTreesClassifier(20, random_state=0).fit_soft(X, np.eye(2)[y], np.array([0, 1]))
    labels = BaggedTreesClassifier(20, random_state=0).fit(X, y)
    np.testing.assert_array_equal(both.predict_proba(X), labels.predict_proba(X))
    np.testing.assert_allclose(both.predict_proba(X).sum(axis=1), 1.0)


def test_it_knows_as_much_out_of_bag_as_a_forest() -> None:
    X, y = load_iris(return_X_y=True)
    rng = np.random.default_rng(0)
    noisy = np.where(rng.random(len(y)) < 0.2, rng.integers(0, 3, len(y)), y)
    bag = BaggedTreesClassifier(100, random_state=0).fit(X, noisy)
    forest = RandomForestClassifier(100, oob_score=True, random_state=0).fit(X, noisy)
    of_bag = np.mean(bag.oob_values_.argmax(axis=1) == y)
    of_forest = np.mean(forest.oob_decision_function_.argmax(axis=1) == y)
    assert abs(of_bag - of_forest) < 0.04
    assert of_bag > np.mean(noisy == y)


def test_out_of_bag_answers_are_for_the_rows_of_fit_alone() -> None:
    data = TransferSet.for_classification(*load_iris(return_X_y=True))
    bag = fit_to(BaggedTreesClassifier(40), data, seed=0)
    assert training_signal(as_teacher(bag), data).source == "out-of-bag"
    turned = data.take(np.arange(149, -1, -1))
    assert training_signal(as_teacher(bag), turned, seed=0).source == "out-of-fold"
    grouped = data.replace(groups=np.arange(150) // 2)
    assert training_signal(as_teacher(bag), grouped, seed=0).source == "out-of-fold"


def test_regression_sparse_missing_values_and_weights() -> None:
    X, y = load_diabetes(return_X_y=True)
    bag = BaggedTreesRegressor(30, max_features=0.5, random_state=0).fit(X, y)
    assert np.corrcoef(bag.oob_values_[:, 0], y)[0, 1] > 0.5
    sparse = BaggedTreesRegressor(30, max_features=0.5, random_state=0).fit(csr_matrix(X), y)
    np.testing.assert_allclose(sparse.predict(csr_matrix(X)), bag.predict(X))
    holes = X.copy()
    holes[::7, 2] = np.nan
    assert np.isfinite(BaggedTreesRegressor(10, random_state=0).fit(holes, y).predict(holes)).all()
    none = np.where(y > np.median(y), 0.0, 1.0)
    assert BaggedTreesRegressor(10, random_state=0).fit(X, y, none).predict(X).max() <= np.median(y)


def test_complexity_and_pickle() -> None:
    X, y = load_iris(return_X_y=True)
    bag = BaggedTreesClassifier(7, random_state=0).fit(X, y)
    assert complexity(bag).nodes == sum(tree.node_count for tree in bag.trees_)
    again = pickle.loads(pickle.dumps(bag))
    np.testing.assert_array_equal(again.predict_proba(X), bag.predict_proba(X))
