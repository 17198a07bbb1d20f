"""Points scores: whole points, the best that one change can reach, and cards that say what the model says."""

import re

import numpy as np
import pytest
from scipy.special import expit
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.metrics import log_loss
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from stepdown import MultihopClassifier, ship
from stepdown.learners import in_words
from stepdown.students import PointsScoreClassifier, TreeSumClassifier


@parametrize_with_checks([PointsScoreClassifier(max_splits=6)])
def test_contract_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture(scope="module", params=[2, 3])
def card(request):
    X, y = load_wine(return_X_y=True)
    y = np.minimum(y, request.param - 1)
    Q, w = 0.8 * np.eye(request.param)[y] + 0.2 / request.param, np.random.default_rng(0).uniform(0.5, 2, len(y))
    return PointsScoreClassifier(8, max_points=3).fit_soft(X, Q, np.arange(request.param), w), X, Q, w


def objective(model, X, Q, w):
    """The log-loss, and what points cost as log-odds on both sides."""
    apart = np.array([tree.value[1] - tree.value[2] for tree in model.trees_])
    return log_loss_of(model.predict_proba(X), Q, w) + 0.25 * (apart**2).sum()


def log_loss_of(share, Q, w):
    return -(w[:, None] * Q * np.log(share)).sum()


def test_points_are_whole_and_few(card):
    model, *_ = card
    assert len(model.trees_) == model.n_splits_ <= 8
    assert round(model.unit_, 2) == model.unit_
    for tree in model.trees_:
        points = tree.value[1:] / model.unit_
        np.testing.assert_allclose(points, np.rint(points), atol=1e-9)
        assert np.rint(points).max() <= 3
        assert (points.min(axis=0) == 0).all(), "one side of a condition has none"
        assert points.any()
    if len(model.intercept_) > 1:
        np.testing.assert_allclose(model.intercept_ / model.unit_, np.rint(model.intercept_ / model.unit_), atol=1e-9)


def test_no_point_more_or_less_is_better(card):
    model, X, Q, w = card
    best, unit = objective(model, X, Q, w), model.unit_
    places = [(tree.value, (2, k)) for tree in model.trees_ for k in range(tree.value.shape[1])]  # what lies right
    places += [(model.intercept_, k) for k in range(len(model.intercept_)) if len(model.intercept_) > 1]
    for values, place in places:
        for change in (-unit, unit):
            values[place] += change
            if all(np.abs(tree.value[2] - tree.value[1]).max() <= 3.001 * unit for tree in model.trees_):
                assert objective(model, X, Q, w) > best - (0.01 if len(model.intercept_) == 1 else 1e-6)
            values[place] -= change


def test_nothing_is_lost_where_points_suffice():
    rng = np.random.default_rng(0)
    X = rng.integers(20, size=(3000, 3)) / 20
    share = expit(0.6 * (3 * (X[:, 0] > 0.5) + 2 * (X[:, 1] <= 0.3) + 1 * (X[:, 2] > 0.7) - 3))
    model = PointsScoreClassifier(3).fit_soft(X, np.column_stack([1 - share, share]), [0, 1])
    assert model.unit_ == pytest.approx(0.6, abs=0.02)
    points = {int(tree.feature[0]): np.rint(tree.value[1:, 0] / model.unit_).tolist() for tree in model.trees_}
    assert points == {0: [0, 3], 1: [2, 0], 2: [0, 1]}
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], share, atol=0.02)


def test_whole_points_cost_little():
    X, y = load_breast_cancer(return_X_y=True)
    losses = [
        log_loss(y, model.fit(X, y).predict_proba(X))
        for model in (
            TreeSumClassifier(8, max_depth=1),
            PointsScoreClassifier(8),
            PointsScoreClassifier(8, max_points=1),
        )
    ]
    assert losses[0] < 1.1 * losses[0] + 0.01 > losses[1]
    assert losses[2] > losses[1]


def test_the_card_is_the_model():
    data = load_breast_cancer(as_frame=True)
    model = PointsScoreClassifier(4).fit(data.data, data.target_names[data.target])
    above, table = ship.rules(model).split("points  probability of malignant\n")
    lines = re.findall(r"^(.+?) (<=|>) ([\d.]+)(?: or missing)? +\+(\d)$", above, flags=re.MULTILINE)
    assert len(lines) == 4
    total = sum(
        int(points) * ((data.data[name] > float(cut)) == (sign == ">")).astype(int) for name, sign, cut, points in lines
    )
    shares = {int(points): float(share) for points, share in re.findall(r"^ +(\d+) +([\d.]+)%$", table, re.MULTILINE)}
    told = 100 * model.predict_proba(data.data)[:, 1]
    assert set(total) <= set(shares)
    np.testing.assert_allclose(total.map(shares), told, atol=0.051)


def test_each_class_has_a_card():
    data = load_iris(as_frame=True)
    model = PointsScoreClassifier(4).fit(data.data, data.target_names[data.target])
    text = ship.rules(model)
    start = re.search(r"\(start\) +\+(\d+) +\+(\d+) +\+(\d+)\n", text)
    np.testing.assert_allclose(model.unit_ * np.array(start.groups(), dtype=float), model.intercept_)
    assert f"exp({model.unit_:g} times its points)" in text


def test_a_teacher_teaches_one():
    X, y = load_breast_cancer(return_X_y=True)
    model = MultihopClassifier(DecisionTreeClassifier(min_samples_leaf=20), PointsScoreClassifier(5), random_state=0)
    student = model.fit(X[:300], y[:300]).student_
    assert isinstance(student, PointsScoreClassifier)
    assert model.score(X[300:], y[300:]) > 0.88
    assert in_words(student) == f"points score with {student.n_splits_} conditions"
