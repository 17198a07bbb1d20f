"""Which trainer serves which student, and fitting from labels alone."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor

import stepdown.trainers
from stepdown.core import InvalidInputError, Trainer
from stepdown.trainers import ForestSelection, PlainFit, Restarts, TreeSearch, fit_student, trainer_for


@pytest.mark.parametrize(
    ("student", "trainer"),
    [
        (DecisionTreeClassifier(max_depth=4), TreeSearch),
        (ExtraTreeRegressor(), TreeSearch),
        (RandomForestClassifier(3, max_depth=3), ForestSelection),
        (RandomForestClassifier(100), PlainFit),
        (ExtraTreesRegressor(10), ForestSelection),
        (MLPClassifier((16,)), Restarts),
        (MLPRegressor(hidden_layer_sizes=(8, 8)), Restarts),
        (MLPClassifier(16), Restarts),
        (MLPClassifier((512,)), PlainFit),
        (LogisticRegression(), PlainFit),
        (GradientBoostingClassifier(), PlainFit),
    ],
    ids=str,
)
def test_every_kind_gets_its_trainer(student, trainer):
    assert type(trainer_for(student)) is trainer
    assert type(trainer_for(make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), student)))) is trainer


@pytest.mark.parametrize(
    "name", [n for n in stepdown.trainers.__all__ if isinstance(getattr(stepdown.trainers, n), type) and n != "Effort"]
)
def test_every_trainer_is_one(name):
    trainer = getattr(stepdown.trainers, name)()
    assert isinstance(trainer, Trainer)
    assert isinstance(trainer.quick(), type(trainer))
    assert repr(clone(trainer)) == repr(trainer)


def test_labels_of_any_kind():
    X, y = load_iris(return_X_y=True)
    tree = fit_student(DecisionTreeClassifier(max_depth=2), X.tolist(), np.array(["a", "b", "c"])[y].tolist(), seed=0)
    assert tree.classes_.tolist() == ["a", "b", "c"]
    assert tree.score(X, np.array(["a", "b", "c"])[y]) >= 0.96


def test_integer_targets_of_a_regressor_are_no_classes():
    X, y = load_diabetes(return_X_y=True)
    tree = fit_student(DecisionTreeRegressor(max_depth=2), X, y.astype(int), seed=0)
    assert tree.score(X, y) > 0.4


def test_the_trainer_that_is_given_is_used():
    X, y = load_iris(return_X_y=True)
    student = DecisionTreeClassifier(max_depth=2, random_state=0)
    plain = fit_student(student, X, y, trainer=PlainFit())
    np.testing.assert_array_equal(plain.predict_proba(X), clone(student).fit(X, y).predict_proba(X))


def test_weights_reach_the_student():
    X, y = load_iris(return_X_y=True)
    weight = np.where(y == 2, 0.0, 1.0)
    tree = fit_student(DecisionTreeClassifier(max_depth=2), X, y, sample_weight=weight, seed=0)
    assert set(tree.predict(X)) == {0, 1}


@pytest.mark.parametrize(
    ("y", "weight", "message"),
    [
        (np.zeros(9), None, "150 rows but y has shape"),
        (np.zeros((150, 2)), None, "one label a row"),
        (np.arange(150) % 2, np.ones(3), r"shape \(3,\); expected \(150,\)"),
    ],
)
def test_what_does_not_fit(y, weight, message):
    X, _ = load_iris(return_X_y=True)
    with pytest.raises(InvalidInputError, match=message):
        fit_student(DecisionTreeClassifier(max_depth=2), X, y, sample_weight=weight)
