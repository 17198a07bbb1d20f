"""What an intermediate is worth: its signal on the training rows, judged like a model."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from stepdown.core import InvalidInputError, TransferSet

from ._scoring import Scorer, takes_weight


class _Says(BaseEstimator):
    """Answers with what was said about some rows, asked about the same ones."""

    def __init__(self, values: NDArray[np.float64], classes: NDArray[Any] | None = None) -> None:
        self.values = values
        self.classes = classes

    def __sklearn_is_fitted__(self) -> bool:
        return True


class _SaysNumbers(RegressorMixin, _Says):
    def predict(self, X: Any) -> NDArray[np.float64]:
        return self.values


class _SaysClasses(ClassifierMixin, _Says):
    @property
    def classes_(self) -> Any:
        return self.classes

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        return self.values

    def predict(self, X: Any) -> NDArray[Any]:
        return np.asarray(self.classes)[np.argmax(self.values, axis=1)]


def value_of(values: NDArray[np.float64], data: TransferSet, scorer: Scorer | None = None) -> float:
    """The score of a signal: the scorer's, or weighted accuracy, in regression the coefficient of determination.

    Examples
    --------
    >>> data = TransferSet(np.zeros((2, 1)), np.array([0, 1]), np.array([3.0, 1.0]), classes=np.array([0, 1]))
    >>> value_of(np.array([[0.9, 0.1], [0.8, 0.2]]), data)
    0.75
    """
    truth, weights = data.labels(), None if data.sample_weight is None else data.weights()
    if scorer is not None:
        model = _SaysNumbers(values) if data.classes is None else _SaysClasses(values, data.classes)
        keywords = {} if weights is None or not takes_weight(scorer) else {"sample_weight": weights}
        return float(scorer(model, data.X, truth, **keywords))
    if data.is_classification:
        return float(np.average(np.argmax(values, axis=1) == data.label_index(), weights=weights))
    y = np.asarray(truth, dtype=np.float64)
    around_mean = np.average((y - np.average(y, weights=weights)) ** 2, weights=weights)
    return float(1.0 - np.average((values - y) ** 2, weights=weights) / max(around_mean, np.finfo(float).tiny))


def check_scores_signals(scorer: Scorer | None, data: TransferSet) -> None:
    """Refuse a scorer that looks for more in a model than its answers, before any candidate is fitted."""
    if scorer is None:
        return
    means = data.soft_targets() if data.is_classification else np.asarray(data.y, dtype=np.float64)[:, None]
    constant = np.tile(means.mean(axis=0), (data.n_samples, 1))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value_of(constant if data.is_classification else constant[:, 0], data, scorer)
    except Exception as error:
        raise InvalidInputError(
            f"scoring: intermediates are scored by what they say about rows that they haven't seen, and {scorer!r}"
            f" can't score a model of which only predict and predict_proba can be asked: {error}. Take a scorer of"
            " answers, or search=Gate(), which scores students only."
        ) from error
