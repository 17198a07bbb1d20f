"""Teachers that scikit-learn doesn't know: objects that only answer, and plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.utils.metaestimators import available_if

from stepdown.core import InvalidInputError, TransferSet

Predict = TypeVar("Predict", bound=Callable[..., Any])


def _where_it_gives_probabilities(method: Predict) -> Predict:
    def check(self: Any) -> bool:
        # A function hasn't said yet what it returns before it is asked.
        return hasattr(self.model, "predict_proba") if hasattr(self.model, "predict") else not self.is_hard

    return cast("Predict", available_if(check)(method))


class _Foreign(BaseEstimator):
    """A model that answers and can't be fitted; what rows it reads is its own business."""

    model: Any

    @property
    def model_that_counts(self) -> Any:
        """The model whose complexity is this wrapper's."""
        return self.model

    def fit(self, X: Any, y: Any = None) -> Self:
        """Return the object itself."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        for name in ("sparse", "allow_nan", "string", "categorical"):
            setattr(tags.input_tags, name, True)
        return tags

    def _says(self, X: Any) -> NDArray[Any]:
        answers = np.asarray(self.model.predict(X) if hasattr(self.model, "predict") else self.model(X))
        return answers[:, 0] if answers.ndim == 2 and answers.shape[1] == 1 else answers


class ForeignRegressor(RegressorMixin, _Foreign):
    """A regressor around what has ``predict``, or a function of rows."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return what the model says, of shape (n_samples,)."""
        return self._says(X)


class ForeignClassifier(ClassifierMixin, _Foreign):
    """A classifier around what has ``predict``, and perhaps ``predict_proba``, or a function of rows."""

    def __init__(self, model: Any, classes: Any = None, *, is_hard: bool = False) -> None:
        self.model = model
        self.classes = classes
        self.is_hard = is_hard

    @property
    def classes_(self) -> NDArray[Any]:
        """What the columns of probabilities stand for."""
        return np.asarray(getattr(self.model, "classes_", None) if self.classes is None else self.classes)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return labels, of shape (n_samples,): of probabilities the most probable."""
        says = self._says(X)
        return self.classes_[np.argmax(says, axis=1)] if says.ndim == 2 else says

    @_where_it_gives_probabilities
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return probabilities, of shape (n_samples, n_classes)."""
        says = self.model.predict_proba(X) if hasattr(self.model, "predict") else self._says(X)
        return np.asarray(says, dtype=np.float64)


def as_estimator(model: Any, *, classify: bool) -> Any:
    """A model that scikit-learn knows as it is; what only answers, and a function, as a frozen teacher.

    Parameters
    ----------
    model : object
        With ``predict`` and perhaps ``predict_proba`` and ``classes_``, or a function of rows that returns labels,
        probabilities or real numbers.
    classify : bool
        Whether it answers with classes.

    Returns
    -------
    estimator

    Examples
    --------
    >>> rule = as_estimator(lambda X: ["warm" if row[0] > 20 else "cold" for row in X], classify=True)
    >>> rule.predict([[25.0], [15.0]]).tolist()
    ['warm', 'cold']
    """
    inner = model
    while isinstance(inner, FrozenEstimator):
        inner = inner.estimator
    answers = hasattr(inner, "predict") or callable(inner)
    if isinstance(inner, type) or not answers or hasattr(inner, "__sklearn_tags__"):
        return model
    return FrozenEstimator(ForeignClassifier(inner) if classify else ForeignRegressor(inner))


def told_classes(model: Any, data: TransferSet) -> Any:
    """A teacher of `as_estimator` that knows what its columns stand for, by its answer to one row; others as given."""
    foreign = model.estimator if isinstance(model, FrozenEstimator) else None
    if not isinstance(foreign, ForeignClassifier) or foreign.classes is not None or data.classes is None:
        return model
    inner, first = foreign.model, data.take(np.arange(1)).X
    ask = inner if not hasattr(inner, "predict") else getattr(inner, "predict_proba", inner.predict)
    says = ask(first)
    classes = getattr(inner, "classes_", None)
    if set(named := list(getattr(says, "columns", ()))) == set(data.classes.tolist()):
        classes = named  # a data frame says itself what its columns are
    shape = np.shape(says)
    is_hard = len(shape) != 2 or shape[1] == 1
    if classes is None and not is_hard and shape[1] != len(data.classes):
        raise InvalidInputError(
            f"teacher: got {shape[1]} probabilities a row for {len(data.classes)} classes; expected one column a class,"
            " in sorted order, or an object whose classes_ says what the columns are."
        )
    return FrozenEstimator(ForeignClassifier(inner, data.classes if classes is None else classes, is_hard=is_hard))
