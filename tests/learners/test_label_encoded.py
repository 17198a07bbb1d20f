"""Any labels for a classifier that takes numbered ones only."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from stepdown import MultihopClassifier
from stepdown.core import InvalidInputError, TransferSet
from stepdown.learners import LabelEncoded, complexity, fit_to, predictions, supports_weight

NAMES = np.array(["white", "red", "rosé"])


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    return X, NAMES[y]


@pytest.fixture
def booster():
    xgboost = pytest.importorskip("xgboost", reason="the boosting extra isn't installed")
    return xgboost.XGBClassifier(n_estimators=5, max_depth=2, n_jobs=1)


@parametrize_with_checks(
    [LabelEncoded(DecisionTreeClassifier(max_depth=3, random_state=0)), LabelEncoded(RidgeClassifier())]
)
def test_scikit_learn_contract(estimator, check) -> None:
    check(estimator)


def test_it_says_what_the_bare_classifier_says_about_numbers(wine, booster) -> None:
    X, y = wine
    model = LabelEncoded(booster).fit(X, y)
    assert model.classes_.tolist() == sorted(NAMES)
    bare = clone(booster).fit(X, np.searchsorted(model.classes_, y))
    assert np.array_equal(model.predict_proba(X), bare.predict_proba(X))
    assert np.array_equal(model.predict(X), model.classes_[bare.predict(X)])
    assert model.score(X, y) > 0.9
    values, hard = predictions(model, X, np.unique(y))
    assert not hard
    assert np.array_equal(values, model.predict_proba(X))
    assert complexity(model).trees == complexity(bare).trees == 15


def test_weights_reach_the_classifier(wine) -> None:
    X, y = wine
    weight = np.where(y == "red", 0.0, 1.0)
    model = LabelEncoded(DecisionTreeClassifier(max_depth=2, random_state=0)).fit(X, y, weight)
    assert "red" not in model.predict(X)
    assert supports_weight(model)


def test_hard_answers_stay_hard(wine) -> None:
    assert not hasattr(LabelEncoded(RidgeClassifier()), "predict_proba")
    assert hasattr(LabelEncoded(LogisticRegression()), "predict_proba")


def test_a_booster_of_texts_is_a_teacher_and_a_student(wine, booster) -> None:
    X, y = wine
    tree = DecisionTreeClassifier(max_depth=2)
    clf = MultihopClassifier(LabelEncoded(booster), tree, cv=2, random_state=0).fit(X, y)
    assert type(clf.student_) is DecisionTreeClassifier
    assert set(clf.predict(X)) == set(NAMES)
    soft = np.full((len(y), 3), 0.1)
    soft[np.arange(len(y)), np.searchsorted(np.unique(y), y)] = 0.8
    student = fit_to(LabelEncoded(booster), TransferSet(X, soft, classes=np.unique(y)), seed=0)
    assert np.mean(student.predict(X) == y) > 0.9


def test_one_class_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="one class only"):
        LabelEncoded(DecisionTreeClassifier()).fit(np.eye(3), ["a"] * 3)
