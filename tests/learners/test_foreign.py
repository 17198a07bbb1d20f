"""Teachers that scikit-learn doesn't know: objects that only answer, and functions."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown import MultihopClassifier, MultihopRegressor, diagnose
from stepdown.core import InvalidInputError, NotSupportedError
from stepdown.learners import as_estimator

X, codes = load_iris(return_X_y=True)
y = np.array(["c", "a", "b"])[codes]
FOREST = RandomForestClassifier(15, random_state=0).fit(X, y)
TREE = DecisionTreeClassifier(max_depth=2)


class Predictor:
    """Answers, and has nothing else that scikit-learn asks for."""

    classes_ = FOREST.classes_

    def predict(self, X):
        return FOREST.predict(X)

    def predict_proba(self, X):
        return FOREST.predict_proba(X)


class Fittable(Predictor):
    def fit(self, X, y):
        raise AssertionError("it is asked, not fitted")


class Shuffled(Predictor):
    """Columns in an order of its own."""

    classes_ = FOREST.classes_[[2, 0, 1]]

    def predict_proba(self, X):
        return FOREST.predict_proba(X)[:, [2, 0, 1]]


class Framed(Predictor):
    """Answers with a data frame, whose columns say what they are."""

    classes_ = None

    def predict_proba(self, X):
        return pd.DataFrame(FOREST.predict_proba(X)[:, [1, 2, 0]], columns=FOREST.classes_[[1, 2, 0]])


class Labels:
    def predict(self, X):
        return FOREST.predict(X).tolist()


SOFT = [
    Predictor(),
    Fittable(),
    Shuffled(),
    Framed(),
    FrozenEstimator(Predictor()),
    FOREST.predict_proba,
    lambda rows: FOREST.predict_proba(rows).tolist(),
]
HARD = [Labels(), FOREST.predict, FrozenEstimator(Labels())]


def booster(library, X, y, **objective):
    """Of the library's own interface."""
    module = pytest.importorskip(library)
    if library == "xgboost":
        return module.train(objective, module.DMatrix(X, y), 5)
    return module.train({**objective, "verbose": -1}, module.Dataset(X, y), 5)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_boosters_of_their_own_interface_teach_with_their_probabilities(library):
    softmax = {"objective": "multi:softprob" if library == "xgboost" else "multiclass", "num_class": 3}
    logistic = {"objective": "binary:logistic" if library == "xgboost" else "binary"}
    # Classes are numbered in sorted order.
    three = booster(library, X, np.searchsorted(FOREST.classes_, y), **softmax)
    clf = of(three)
    assert clf.teacher_.predict_proba(X).shape == (150, 3)
    assert np.mean(clf.predict(X) == y) > 0.9
    two = booster(library, X, (y == "c").astype(int), **logistic)
    labels = np.where(y == "c", "yes", "no")
    clf = MultihopClassifier(two, TREE, random_state=0).fit(X, labels)
    shares = clf.teacher_.predict_proba(X)
    assert np.mean(np.array(["no", "yes"])[shares.argmax(axis=1)] == labels) > 0.95
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert np.mean(clf.predict(X) == labels) > 0.9
    target = X[:, 2]
    number = MultihopRegressor(booster(library, X, target), DecisionTreeRegressor(max_depth=3), random_state=0)
    assert number.fit(X, target).score(X, target) > 0.4


@pytest.mark.parametrize("answers", [["a"], None, {"a": 1}])
def test_answers_that_are_not_one_a_row_are_refused_in_a_line(answers):
    with pytest.raises(InvalidInputError, match=r"the teacher gave answers of shape .* rows; expected one a row"):
        of(lambda rows: answers)


def of(teacher):
    return MultihopClassifier(teacher, TREE, random_state=0).fit(X, y)


@pytest.mark.parametrize("teacher", SOFT, ids=range(len(SOFT)))
def test_what_gives_probabilities_teaches_like_the_frozen_model_behind_it(teacher):
    clf, known = of(teacher), of(FrozenEstimator(FOREST))
    assert np.array_equal(clf.predict_proba(X), known.predict_proba(X))
    assert clf.teacher_.score(X, y) == FOREST.score(X, y)
    assert clf.teacher is teacher


@pytest.mark.parametrize("teacher", HARD, ids=range(len(HARD)))
def test_what_gives_labels_teaches_by_labels(teacher):
    clf = of(teacher)
    assert not hasattr(clf.teacher_, "predict_proba")
    assert clf.score(X, y) > 0.9


@pytest.mark.parametrize("teacher", [FOREST.predict_proba, Framed(), [Predictor(), LogisticRegression(max_iter=500)]])
def test_diagnose_takes_them_too(teacher):
    assert diagnose(teacher, TREE, X, y, random_state=0).facts["teacher_signal"] in ("frozen", "out-of-fold")


def test_a_regressor_is_a_function_of_rows():
    X, y = load_diabetes(return_X_y=True)
    forest = RandomForestRegressor(15, random_state=0).fit(X, y)
    student = DecisionTreeRegressor(max_depth=2)
    models = [
        MultihopRegressor(teacher, student, random_state=0).fit(X, y)
        for teacher in (FrozenEstimator(forest), forest.predict, lambda rows: forest.predict(rows)[:, None])
    ]
    assert all(np.array_equal(models[0].predict(X), model.predict(X)) for model in models[1:])


def test_wrong_teachers_are_refused_in_words():
    with pytest.raises(InvalidInputError, match="2 probabilities a row for 3 classes"):
        of(lambda rows: np.full((len(rows), 2), 0.5))
    with pytest.raises(NotSupportedError, match="teacher=None"):
        of(None)
    with pytest.raises(NotSupportedError, match="teacher=<class"):
        of(Predictor)


@pytest.mark.parametrize("model", [FOREST, FrozenEstimator(FOREST), TREE])
def test_what_scikit_learn_knows_is_left_alone(model):
    assert as_estimator(model, classify=True) is model
