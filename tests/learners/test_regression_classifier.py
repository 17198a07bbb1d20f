"""A classifier around a regressor."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version as parse

from stepdown.core import NotSupportedError
from stepdown.learners import RegressionClassifier, supports_weight

WEIGHT_CHECKS = (
    "check_sample_weights_pandas_series",
    "check_sample_weights_not_an_array",
    "check_sample_weights_list",
    "check_all_zero_sample_weights_error",
    "check_sample_weights_shape",
    "check_sample_weights_not_overwritten",
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
    "check_classifiers_one_label_sample_weights",
)

# Before 1.7 the check on sparse rows gave no weights to what takes none.
FAILING = [name for name in WEIGHT_CHECKS if "sparse" not in name or parse(sklearn.__version__) >= parse("1.7")]


def without_weights(estimator):
    takes = supports_weight(estimator)
    return {} if takes else dict.fromkeys(FAILING, "the regressor takes no weights, and they are refused")


@parametrize_with_checks(
    [
        RegressionClassifier(DecisionTreeRegressor(random_state=0)),
        RegressionClassifier(Ridge()),
        RegressionClassifier(KNeighborsRegressor(3)),
    ],
    expected_failed_checks=without_weights,
)
def test_contract_of_scikit_learn(estimator, check):
    check(estimator)


def test_predictions_are_clipped_and_made_to_sum_to_one():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), rng.integers(3, size=60)
    model = RegressionClassifier(LinearRegression()).fit(X, y)
    far = 50 * X
    raw = np.clip(model.regressor_.predict(far), 0, 1)
    assert (model.regressor_.predict(far) < 0).any()
    np.testing.assert_allclose(model.predict_proba(far), raw / raw.sum(axis=1, keepdims=True))


def test_nothing_left_is_uniform():
    class Nothing(Ridge):
        def predict(self, X):
            return -np.ones((len(X), 3))

    X, y = np.arange(6.0)[:, None], np.array([0, 1, 2, 0, 1, 2])
    np.testing.assert_allclose(RegressionClassifier(Nothing()).fit(X, y).predict_proba(X), 1 / 3)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_regressors_of_one_output_serve_too(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = np.digitize(X[:, 0], [0.0, 0.7][: n_classes - 1])
    model = RegressionClassifier(GradientBoostingRegressor(n_estimators=20, random_state=0)).fit(X, y)
    assert model.score(X, y) > 0.9
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


def test_two_classes_are_one_regression():
    X, q = np.arange(6.0)[:, None], np.array([0.1, 0.2, 0.4, 0.5, 0.7, 0.9])
    model = RegressionClassifier(LinearRegression()).fit_soft(X, np.stack([1 - q, q], axis=1), ["no", "yes"])
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], LinearRegression().fit(X, q).predict(X))
    assert model.predict(X)[-1] == "yes"


def test_weights_reach_the_regressor_or_are_refused():
    X, y, w = np.zeros((4, 1)), [0, 1, 1, 1], [3.0, 1.0, 0.0, 0.0]
    model = RegressionClassifier(DecisionTreeRegressor()).fit(X, y, w)
    np.testing.assert_allclose(model.predict_proba(X[:1]), [[0.75, 0.25]])
    with pytest.raises(NotSupportedError, match="takes no sample_weight"):
        RegressionClassifier(KNeighborsRegressor(1)).fit(X, y, w)
