"""Grades of fitted models, against what the libraries say about their own stages."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, make_classification
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stepdown.core import InvalidInputError, SignalWarning, TransferSet, as_teacher
from stepdown.learners import bagged_bridge, graded_signals, grades, training_signal

X, Y = make_classification(200, 6, n_informative=4, n_classes=3, flip_y=0.2, random_state=0)
DATA = TransferSet.for_classification(X, Y)


@pytest.mark.parametrize(
    "boosting",
    [GradientBoostingClassifier(n_estimators=10, random_state=0), HistGradientBoostingClassifier(max_iter=10)],
    ids=["gradient", "histogram"],
)
def test_boosting_grades_are_its_stages(boosting):
    boosting.fit(X, Y)
    stages = list(boosting.staged_predict_proba(X))
    for grade, rounds in zip(grades(boosting, 5), (2, 4, 6, 8, 10), strict=True):
        np.testing.assert_allclose(grade.model.predict_proba(X), stages[rounds - 1])
    assert len(list(boosting.staged_predict_proba(X))) == 10


def test_lightgbm_and_xgboost_grades_are_their_first_rounds():
    lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    light = lightgbm.LGBMClassifier(n_estimators=9, n_jobs=1, verbose=-1).fit(X, Y)
    for grade, rounds in zip(grades(light, 3), (3, 6, 9), strict=True):
        np.testing.assert_allclose(grade.model.predict_proba(X), light.predict_proba(X, num_iteration=rounds))
        assert type(grade.model) is type(light)
    booster = xgboost.XGBClassifier(n_estimators=9, n_jobs=1).fit(X, Y)
    for grade, rounds in zip(grades(booster, 3), (3, 6, 9), strict=True):
        expected = booster.predict_proba(X, iteration_range=(0, rounds))
        np.testing.assert_allclose(grade.model.predict_proba(X), expected, rtol=1e-5)
    assert booster.get_booster().num_boosted_rounds() == 9


def test_forests_put_their_worst_trees_first():
    forest = RandomForestClassifier(20, random_state=0).fit(X, Y)
    accuracy = []
    for tree, bag in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        unseen = np.setdiff1d(np.arange(200), bag)
        accuracy.append(np.mean(tree.predict(X[unseen]) == Y[unseen]))
    order = np.argsort(accuracy, kind="stable")
    found = grades(forest, 4, data=DATA)
    assert [grade.name for grade in found] == ["5 members", "10 members", "15 members", "full"]
    for grade, count in zip(found[:3], (5, 10, 15), strict=True):
        members = [forest.estimators_[index] for index in order[:count]]
        assert grade.model.estimators_ == members
        expected = np.mean([tree.predict_proba(X) for tree in members], axis=0)
        np.testing.assert_allclose(grade.model.predict_proba(X), expected)
    assert found[-1].model is forest
    assert len(forest.estimators_) == 20


def test_held_out_rows_order_trees_too():
    forest = ExtraTreesClassifier(10, random_state=0).fit(X[:100], Y[:100])
    held_out = DATA.take(np.arange(100, 200))
    order = np.argsort([np.mean(tree.predict(X[100:]) == Y[100:]) for tree in forest.estimators_], kind="stable")
    for model in (forest, FrozenEstimator(forest)):
        first = grades(model, 5, data=held_out)[0].model
        assert first.estimators_ == [forest.estimators_[index] for index in order[:2]]


def test_bagging_keeps_the_features_of_its_members():
    bagging = BaggingClassifier(LogisticRegression(), n_estimators=6, max_features=0.5, random_state=0).fit(X, Y)
    first = grades(bagging, 3, data=DATA)[0].model
    expected = [
        model.predict_proba(X[:, features])
        for model, features in zip(first.estimators_, first.estimators_features_, strict=True)
    ]
    np.testing.assert_allclose(first.predict_proba(X), np.mean(expected, axis=0))


def test_networks_are_probed():
    network = MLPClassifier((5, 4), solver="lbfgs", max_iter=5000, activation="tanh", alpha=3.0, random_state=0)
    network.fit(X, Y)
    found = grades(network, data=DATA)
    assert [grade.name for grade in found] == ["probe on layer 1", "probe on layer 2", "full"]
    hidden = np.tanh(X @ network.coefs_[0] + network.intercepts_[0])
    np.testing.assert_allclose(found[0].model[0].transform(X), hidden)
    hidden = np.tanh(hidden @ network.coefs_[1] + network.intercepts_[1])
    np.testing.assert_allclose(found[1].model[0].transform(X), hidden)
    assert found[1].model.score(X, Y) > 0.6
    assert len(grades(network)) == 1
    assert [grade.name for grade in grades(network, 2, data=DATA)] == ["probe on layer 2", "full"]


def test_anything_else_is_one_grade():
    model = LogisticRegression().fit(X, Y)
    assert [grade.model for grade in grades(model, data=DATA)] == [model]
    with pytest.raises(InvalidInputError, match="n_grades=0"):
        grades(model, 0)


def test_pipelines_keep_their_steps():
    pipe = make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=4, random_state=0)).fit(X, Y)
    first = grades(pipe, 2)[0].model
    stage = list(pipe[-1].staged_predict_proba(pipe[0].transform(X)))[1]
    np.testing.assert_allclose(first.predict_proba(X), stage)


# signals -------------------------------------------------------------------------------------------------------------


def test_out_of_bag_grades_add_up_to_the_whole():
    forest = RandomForestClassifier(40, oob_score=True, random_state=0).fit(X, Y)
    signals = graded_signals(as_teacher(forest), DATA, 4)
    assert {signal.source for signal in signals} == {"out-of-bag"}
    np.testing.assert_allclose(signals[-1].values, forest.oob_decision_function_, atol=1e-12)
    # By plain loops: the first ten of the order, each on its own unseen rows.
    half = grades(forest, 4, data=DATA)[1].model
    votes, counts = np.zeros((200, 3)), np.zeros(200)
    for tree, bag in zip(half.estimators_, half.estimators_samples_, strict=True):
        unseen = np.setdiff1d(np.arange(200), bag)
        votes[unseen] += tree.predict_proba(X[unseen])
        counts[unseen] += 1
    reached = counts > 0
    np.testing.assert_allclose(signals[1].values[reached], votes[reached] / counts[reached, None])


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingClassifier(n_estimators=7, random_state=0),
        ExtraTreesClassifier(9, random_state=0),
        MLPClassifier((5, 4), solver="lbfgs", max_iter=3000, random_state=0),
        LogisticRegression(),
        make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=3, random_state=0)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_out_of_fold_grades_end_in_the_training_signal(model):
    teacher = as_teacher(model.fit(X, Y))
    signals = graded_signals(teacher, DATA, 3, seed=0, cv=3)
    alone = training_signal(as_teacher(model), DATA, seed=0, cv=3)
    assert signals[-1] is training_signal(teacher, DATA, seed=0, cv=3)
    np.testing.assert_array_equal(signals[-1].values, alone.values)
    assert len(signals) == (1 if isinstance(model, LogisticRegression) else 3)
    assert all(signal.source == "out-of-fold" for signal in signals)
    again = graded_signals(teacher, DATA, 3, seed=5, cv=3)
    assert all(first is second for first, second in zip(signals, again, strict=True))


def test_a_model_without_grades_has_its_training_signal_for_one():
    bag = bagged_bridge(LogisticRegression(), 200).set_params(random_state=0)
    teacher = as_teacher(bag.fit(X, Y))
    [signal] = graded_signals(teacher, DATA)
    assert signal.source == "out-of-bag"
    assert signal is training_signal(teacher, DATA)


def test_grades_of_frozen_and_in_sample():
    boosting = GradientBoostingClassifier(n_estimators=6, random_state=0).fit(X, Y)
    stages = list(boosting.staged_predict_proba(X))
    frozen = graded_signals(as_teacher(FrozenEstimator(boosting)), DATA, 3)
    for signal, rounds in zip(frozen, (2, 4, 6), strict=True):
        assert signal.source == "frozen"
        np.testing.assert_allclose(signal.values, stages[rounds - 1])
    forest = ExtraTreesClassifier(10, random_state=0).fit(X, Y)
    with pytest.warns(SignalWarning, match="carries nothing"):
        signals = graded_signals(as_teacher(forest), DATA, 2, signals="in-sample")
    assert [signal.source for signal in signals] == ["in-sample"] * 2


def test_regression():
    X, y = load_diabetes(return_X_y=True)
    data = TransferSet(X, y)
    forest = RandomForestRegressor(40, oob_score=True, random_state=0).fit(X, y)
    signals = graded_signals(as_teacher(forest), data, 4)
    np.testing.assert_allclose(signals[-1].values, forest.oob_prediction_)
    errors = [np.mean((signal.values - y) ** 2) for signal in signals]
    assert errors[0] > errors[-1]
    boosting = GradientBoostingRegressor(n_estimators=6, random_state=0).fit(X, y)
    np.testing.assert_allclose(grades(boosting, 3)[0].model.predict(X), list(boosting.staged_predict(X))[1])
    network = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=50_000, alpha=100.0, random_state=0)
    network.fit(X, y)
    assert grades(network, data=data)[0].model.predict(X).shape == (442,)
