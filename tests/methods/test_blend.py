"""The blend: what rows most probably are, from models that have not seen them."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import HuberRegressor, LinearRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown import Fixed, MultihopClassifier
from stepdown.core import InvalidInputError, NotSupportedError, TransferSet, as_teacher, counting
from stepdown.methods import Blend, Interpolate
from stepdown.methods._blend_sources import best_exponent, calibrated, least_squares_weights, mixture_weights
from stepdown.trainers import PlainFit

TREE = DecisionTreeClassifier(max_depth=3)


def noisy(n=120, flip=0.2, seed=0, **rest):
    """Rows, given labels, and those that the rows had before some were flipped."""
    X, y = make_classification(n, 6, n_informative=3, flip_y=0, class_sep=1.5, random_state=seed)
    flipped = np.random.default_rng(seed).random(n) < flip
    return TransferSet.for_classification(X, np.where(flipped, 1 - y, y), **rest), y


def forest(data):
    return RandomForestClassifier(30, random_state=0).fit(data.X, data.labels())


def told(method, teacher, data, student=TREE):
    return method.supervise([as_teacher(teacher)], student, data, seed=0)


def test_targets_know_better_than_the_labels():
    data, truth = noisy()
    supervised = told(Blend(weight=1.0), forest(data), data)
    np.testing.assert_allclose(supervised.y.sum(axis=1), 1)
    assert np.mean(supervised.y.argmax(axis=1) == truth) > np.mean(data.y == truth) + 0.08


def test_the_label_has_the_rest():
    data, _ = noisy()
    teacher = forest(data)
    pure, mixed = (told(Blend(weight=weight), teacher, data).y for weight in (1.0, 0.4))
    np.testing.assert_allclose(mixed, 0.4 * pure + 0.6 * data.soft_targets())
    assert told(Blend(weight=0), teacher, data) is data


def test_no_row_is_answered_by_a_model_that_saw_its_label():
    data, _ = noisy()
    other = data.replace(y=np.where(np.arange(120) == 7, 1 - data.y, data.y))
    own = [told(Blend(weight=1.0), DummyClassifier().fit(one.X, one.y), one).y[7, 1] for one in (data, other)]
    assert abs(own[0] - own[1]) < 0.1


def test_nor_by_one_that_saw_its_group():
    data, _ = noisy(60)
    rows = np.repeat(np.arange(60), 4)
    copied = data.take(rows).replace(groups=rows)
    teacher = KNeighborsClassifier(3).fit(copied.X, copied.y)
    alone, grouped = (
        np.mean(told(Blend(weight=1.0), teacher, one).y.argmax(axis=1) == copied.y)
        for one in (copied.replace(groups=None), copied)
    )
    assert alone > 0.98
    assert grouped < 0.9


def test_a_teacher_is_worth_what_the_data_say(caplog):
    whole, _ = noisy(2000, flip=0.0)
    data, rest = whole.take(np.arange(200)), whole.take(np.arange(200, 2000))
    knowing = FrozenEstimator(forest(rest))
    ignorant = FrozenEstimator(DummyClassifier(strategy="uniform", random_state=0).fit(data.X, data.y))
    with caplog.at_level(logging.INFO, "stepdown"):
        worth = [told(Blend(), teacher, data).notes["teacher"] for teacher in (knowing, ignorant)]
    assert worth[0] > 0.2
    assert worth[1] < 0.1
    assert "% teacher, " in caplog.text


@pytest.mark.parametrize("hard", [False, True])
def test_a_frozen_teacher_that_knows_the_labels_by_heart_is_not_believed(hard):
    data, truth = noisy(200, flip=0.25)
    model = KNeighborsClassifier(1).fit(data.X, data.y)
    if hard:
        model = HardAnswers(model)
    supervised = told(Blend(weight=1.0), FrozenEstimator(model), data)
    assert np.mean(supervised.y.argmax(axis=1) == truth) > np.mean(data.y == truth) + 0.05


class HardAnswers(ClassifierMixin, BaseEstimator):
    """A fitted classifier of which only `predict` can be asked."""

    def __init__(self, model):
        self.model = model
        self.classes_ = model.classes_

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.model.predict(X)


def test_the_chain_says_what_the_teacher_was_worth():
    data, _ = noisy(80)
    model = MultihopClassifier(
        forest(data), TREE, methods=Blend(), intermediates=[], trainer=PlainFit(), random_state=0
    )
    hop = model.set_params(search=Fixed("one-hop")).fit(data.X, data.y).chain_[-1]
    assert list(hop.notes) == ["teacher", "bag", "bag with larger leaves", "boosting"]
    assert f"(teacher {hop.notes['teacher']:.2f}, bag" in str(hop)


@pytest.mark.parametrize(("frozen", "fits"), [(False, 2 + 1 + 3), (True, 2 + 1 + 3 + 1)])
def test_every_fit_is_counted(frozen, fits):
    data, _ = noisy(60)
    teacher, made = forest(data), []
    with counting(made.append):
        told(Blend(cv=3), FrozenEstimator(teacher) if frozen else teacher, data)
    assert sum(made) == fits


def test_further_rows_have_the_weight_that_was_asked_for():
    data, _ = noisy(100, X_unlabeled=np.random.default_rng(1).normal(size=(30, 6)))
    supervised = told(Blend(synthesiser=Interpolate(), added_weight=0.5), forest(data), data)
    assert supervised.n_samples == 100 + 30 + 400
    weight = supervised.weights()
    assert (weight[:100] == 1).all()
    assert weight[100:130].sum() == pytest.approx(30)
    assert weight[130:].sum() == pytest.approx(50)
    many = data.replace(X_unlabeled=np.zeros((500, 6)), sample_weight=np.full(100, 2.0))
    assert told(Blend(), forest(data), many).weights()[100:].sum() == pytest.approx(200)
    assert told(Blend(use_unlabeled=False), forest(data), many).n_samples == 100


def test_real_targets():
    X, y = make_regression(150, 5, n_informative=3, noise=5, random_state=0)
    noise = np.random.default_rng(0).normal(0, 60, 150)
    data = TransferSet(X, y + noise)
    teacher = RandomForestRegressor(30, random_state=0).fit(X, data.y)
    supervised = told(Blend(weight=1.0, synthesiser=Interpolate()), teacher, data, DecisionTreeRegressor(max_depth=3))
    assert supervised.classes is None
    assert sum(supervised.notes.values()) == pytest.approx(1)
    assert np.mean((supervised.y[:150] - y) ** 2) < np.mean(noise**2)


def test_columns_that_the_student_prepares_itself():
    X, y = load_iris(return_X_y=True)
    frame = pd.DataFrame({"size": pd.cut(X[:, 2], 8).astype(str), "width": pd.cut(X[:, 3], 8).astype(str)})
    student = make_pipeline(OneHotEncoder(handle_unknown="ignore"), DecisionTreeClassifier(max_depth=3))
    teacher = make_pipeline(OneHotEncoder(handle_unknown="ignore"), RandomForestClassifier(20, random_state=0))
    data = TransferSet.for_classification(frame, y)
    supervised = told(Blend(synthesiser=Interpolate(copies=1)), teacher.fit(frame, y), data, student)
    assert list(supervised.X.columns) == ["size", "width"]
    assert set(supervised.X["size"]) <= set(frame["size"])
    assert list(supervised.notes) == ["teacher", "bag"], "sparse rows are left to the first bag"


def test_sparse_rows():
    data, truth = noisy()
    data = data.replace(X=sparse.csr_matrix(np.where(np.abs(data.X) > 0.5, data.X, 0)))
    supervised = told(Blend(weight=1.0), forest(data), data)
    assert sparse.issparse(supervised.X)
    assert np.mean(supervised.y.argmax(axis=1) == truth) > 0.75
    with pytest.raises(InvalidInputError, match=r"Interpolate.*dense"):
        Blend(synthesiser=Interpolate()).check_student(TREE, data)


def test_the_best_power_undoes_doubt_and_overconfidence():
    random = np.random.default_rng(0)
    truth = random.dirichlet([1, 1], 4000)
    targets = np.eye(2)[(random.random(4000) < truth[:, 1]).astype(int)]
    shares, weight = np.array([0.5, 0.5]), np.ones(4000)
    for power, expected in ((2.0, 0.5), (1.0, 1.0), (0.5, 2.0)):
        p = truth**power / np.sum(truth**power, axis=1, keepdims=True)
        assert best_exponent(p, targets, weight, shares) == pytest.approx(expected, rel=0.3)
    np.testing.assert_allclose(calibrated(np.array([[1.0, 0.0]]), shares, 1.0), [[0.99, 0.01]])


def test_weights_of_a_mixture_are_by_hand_those_of_most_likelihood():
    targets = np.eye(2)[[0, 0, 1, 1, 0]]
    sure, wrong = 0.9 * targets + 0.05, 0.9 * targets[:, ::-1] + 0.05
    weights = mixture_weights([sure, wrong], targets, np.ones(5))
    assert weights[0] > 0.95
    np.testing.assert_allclose(mixture_weights([sure, sure], targets, np.ones(5)), [0.5, 0.5])
    more = mixture_weights([sure, wrong], targets, np.array([1.0, 1.0, 1.0, 1.0, 0.0]))
    np.testing.assert_allclose(more, mixture_weights([sure[:4], wrong[:4]], targets[:4], np.ones(4)))


def test_weights_in_regression_are_least_squares():
    random = np.random.default_rng(0)
    y = random.normal(size=500)
    answers = [y + random.normal(0, spread, 500) for spread in (0.5, 1.0, 8.0)]
    weights = least_squares_weights(answers, y, np.ones(500))
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(weights, [0.8, 0.2, 0.0], atol=0.07)
    np.testing.assert_allclose(least_squares_weights(answers, 0 * y, np.ones(500)).sum(), 1)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Blend(weight=1.5), "weight=1.5.*in .0, 1"),
        (Blend(added_weight=0), "added_weight=0.*positive"),
        (Blend(cv=1), "cv=1"),
    ],
    ids=str,
)
def test_parameters_out_of_range(method, message):
    data, _ = noisy(40)
    with pytest.raises(InvalidInputError, match=message):
        method.check_student(TREE, data)


def test_a_student_that_learns_labels_only_is_refused():
    data, _ = noisy(40)
    with pytest.raises(NotSupportedError, match="Blend hands over soft targets"):
        Blend().check_student(KNeighborsClassifier(), data)


@pytest.mark.parametrize(
    "limit", [{"min_samples_leaf": 10}, {"min_samples_split": 0.1}, {"min_weight_fraction_leaf": 0.1}]
)
def test_limits_are_not_to_count_made_up_rows(limit):
    data, _ = noisy(40)
    student = DecisionTreeClassifier(max_depth=3, **limit)
    with pytest.raises(NotSupportedError, match=r"Blend.*min_.*would count made-up"):
        Blend(synthesiser=Interpolate()).check_student(student, data)
    Blend().check_student(student, data)


@pytest.mark.parametrize(
    "student",
    [
        HistGradientBoostingRegressor(loss="quantile", quantile=0.9),
        DecisionTreeRegressor(criterion="absolute_error"),
        HuberRegressor(),
    ],
    ids=str,
)
def test_a_loss_that_a_mean_can_not_teach_is_refused(student):
    data = TransferSet(np.zeros((20, 1)), np.arange(20.0))
    with pytest.raises(NotSupportedError, match=r"Blend.*learns the .* mean"):
        Blend().check_student(student, data)


def test_a_loss_of_counts_is_told_none_below_zero():
    random = np.random.default_rng(0)
    X = random.normal(size=(120, 3))
    data = TransferSet(X, random.poisson(np.exp(X[:, 0] - 1)).astype(float))
    teacher = LinearRegression().fit(X, data.y)
    student = HistGradientBoostingRegressor(loss="poisson", max_iter=5)
    assert told(Blend(synthesiser=Interpolate()), teacher, data, student).y.min() >= 0
