"""Models that the contract needs and nobody else: one that notices what it is asked, one with columns in any order."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.neighbors import KNeighborsClassifier

from stepdown.core import Teacher, TransferSet


class InOrder(ClassifierMixin, BaseEstimator):
    """A fitted classifier with its columns in another order of classes."""

    def __init__(self, model: Any, order: Any) -> None:
        self.model = model
        self.order = order
        self.classes_ = np.asarray(model.classes_)[list(order)]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        return np.asarray(self.model.predict_proba(X))[:, list(self.order)]

    def predict(self, X: Any) -> NDArray[Any]:
        return np.asarray(self.model.predict(X))


class _Attentive(ClassifierMixin, BaseEstimator):
    """A nearest-neighbour classifier that writes down which share of its own training rows each question repeats.

    It has memorised its rows, so what it says about them are the labels.
    """

    def __init__(self, diary: list[float]) -> None:
        self.diary = diary

    def fit(self, X: Any, y: Any) -> Self:
        self.inner_ = KNeighborsClassifier(1).fit(X, y)
        self.classes_ = self.inner_.classes_
        self.own_ = {row.tobytes() for row in np.asarray(X, dtype=np.float64)}
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        asked = {row.tobytes() for row in np.asarray(X, dtype=np.float64)}
        self.diary.append(len(asked & self.own_) / len(self.own_))
        return np.asarray(self.inner_.predict_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        return np.asarray(self.classes_[np.argmax(self.predict_proba(X), axis=1)])


def attentive_teacher(data: TransferSet) -> tuple[Teacher, list[float]]:
    """A teacher that can be made again, and its diary."""
    diary: list[float] = []

    def refit(part: TransferSet, rows: NDArray[np.intp]) -> Any:
        return _Attentive(diary).fit(part.X, part.labels())

    return Teacher(_Attentive(diary).fit(data.X, data.labels()), refit, "attentive teacher"), diary
