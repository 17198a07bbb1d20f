"""Real data, small and fast: a part of the breast-cancer set, a frozen-free forest and hand-made teachers."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from stepdown.core import Teacher, TransferSet


class Answers(ClassifierMixin, BaseEstimator):
    """A fitted model that answers what it was given, row by row: an oracle for what a method does with answers."""

    def __init__(self, proba: Any, classes: Any) -> None:
        self.proba = proba
        self.classes = classes
        self.classes_ = np.asarray(classes)

    def predict_proba(self, X: Any) -> Any:
        return np.asarray(self.proba)[: len(X)]

    def predict(self, X: Any) -> Any:
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]


@pytest.fixture
def six_rows() -> TransferSet:
    X = np.arange(12.0).reshape(6, 2)
    return TransferSet.for_classification(X, np.array(["a", "b", "c", "a", "b", "c"]))


@pytest.fixture
def six_answers() -> np.ndarray:
    p = np.random.default_rng(0).dirichlet(np.ones(3), size=6)
    p[0] = [1.0, 0.0, 0.0]
    return p


@pytest.fixture
def oracle(six_answers: np.ndarray) -> Teacher:
    return Teacher(Answers(six_answers, ["a", "b", "c"]))


@pytest.fixture(scope="session")
def cancer() -> TransferSet:
    X, y = load_breast_cancer(return_X_y=True)
    return TransferSet.for_classification(X[:200, :6], np.array(["benign", "malignant"])[y[:200]])


@pytest.fixture(scope="session")
def forest(cancer: TransferSet) -> RandomForestClassifier:
    return RandomForestClassifier(30, random_state=0).fit(cancer.X, cancer.y)


@pytest.fixture(scope="session")
def diabetes() -> TransferSet:
    X, y = load_diabetes(return_X_y=True)
    return TransferSet(X[:150], y[:150])


@pytest.fixture(scope="session")
def regression_forest(diabetes: TransferSet) -> RandomForestRegressor:
    return RandomForestRegressor(20, random_state=0).fit(diabetes.X, diabetes.y)
