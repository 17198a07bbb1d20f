"""Restarts: the best of several seeds, and what counts as best."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, make_classification
from sklearn.linear_model import SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor, ExtraTreeClassifier

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet
from stepdown.learners import fit_to
from stepdown.trainers import Restarts

# A tolerance this large ends training before the limit of iterations, which would warn.
NETWORK = MLPClassifier((3,), solver="lbfgs", max_iter=2000, tol=1e-2)


def problem(soft=False):
    X, y = make_classification(120, 6, n_informative=4, n_classes=3, random_state=0)
    targets = 0.7 * np.eye(3)[y] + 0.1
    classes = np.array(["a", "b", "c"])
    return TransferSet(X, targets if soft else classes[y], classes=classes)


def cross_entropy(model, data):
    logs = np.log(np.maximum(model.predict_proba(data.X), 1e-30))
    return -np.mean(np.sum(data.soft_targets() * logs, axis=1))


@pytest.mark.parametrize("soft", [True, False], ids=["soft", "labels"])
def test_the_best_of_several_is_kept(soft):
    data = problem(soft)
    losses = [cross_entropy(Restarts(n).fit(NETWORK, data, seed=0), data) for n in (1, 2, 4, 8)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]
    plain = fit_to(NETWORK, data, seed=0)
    assert losses[0] == pytest.approx(cross_entropy(plain, data))
    assert not hasattr(NETWORK, "coefs_")


def test_regression_is_judged_by_squared_error():
    X, y = load_diabetes(return_X_y=True)
    weight = np.random.default_rng(0).uniform(0.1, 2, len(y))
    data = TransferSet(X, y, sample_weight=weight)
    student = DecisionTreeRegressor(max_depth=3, splitter="random")

    def error(model):
        return np.average((model.predict(X) - y) ** 2, weights=weight)

    errors = [error(Restarts(n).fit(student, data, seed=0)) for n in (1, 3, 9)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0]


def test_a_student_without_probabilities_is_judged_by_its_answers():
    data = problem()
    student = SGDClassifier(max_iter=5, tol=None)
    accuracies = [np.mean(Restarts(n).fit(student, data, seed=0).predict(data.X) == data.y) for n in (1, 8)]
    assert accuracies[1] >= accuracies[0]


def test_a_seed_of_the_students_own_is_the_first_and_stays():
    data = problem()
    student = ExtraTreeClassifier(max_depth=2, random_state=1)
    one = Restarts(1).fit(student, data, seed=0)
    np.testing.assert_array_equal(one.predict_proba(data.X), fit_to(student, data).predict_proba(data.X))
    best = Restarts(20).fit(student, data, seed=0)
    assert best.random_state == 1
    assert not np.array_equal(best.predict_proba(data.X), one.predict_proba(data.X))


def test_the_seed_decides():
    data = problem()
    student = ExtraTreeClassifier(max_depth=2)
    one, same, other = (Restarts(3).fit(student, data, seed=seed).predict_proba(data.X) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_pipelines():
    fitted = Restarts(2).fit(make_pipeline(StandardScaler(), NETWORK), problem(), seed=0)
    assert set(fitted.predict(problem().X)) <= {"a", "b", "c"}


def test_small_regressor_networks():
    X, y = load_diabetes(return_X_y=True)
    student = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs", max_iter=500, tol=10)
    )
    assert Restarts(2).fit(student, TransferSet(X, y), seed=0).predict(X).shape == y.shape


def test_what_is_refused():
    with pytest.raises(NotSupportedError, match="KNeighborsClassifier has none; use PlainFit"):
        Restarts().fit(KNeighborsClassifier(), problem(), seed=0)
    with pytest.raises(InvalidInputError, match="n_restarts=0"):
        Restarts(0).fit(NETWORK, problem(), seed=0)


def test_quick_is_smaller():
    assert Restarts().quick().n_restarts == 2
    assert Restarts(1).quick().n_restarts == 1
