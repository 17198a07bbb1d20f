"""Teachers that scikit-learn doesn't know: objects that only answer, and plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples

from stepdown.core import InvalidInputError, TransferSet

Predict = TypeVar("Predict", bound=Callable[..., Any])


def _where_it_gives_probabilities(method: Predict) -> Predict:
    def check(self: Any) -> bool:
        # A function hasn't said yet what it returns before it is asked.
        asked = self.classes is not None or not hasattr(self.model, "predict")
        return hasattr(self.model, "predict_proba") or (asked and not self.is_hard)

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
        answers = np.asarray(_asked(self.model)(X))
        if answers.shape[:1] != (_num_samples(X),):
            raise InvalidInputError(
                f"the teacher gave answers of shape {answers.shape} for {_num_samples(X)} rows; expected one a row, in"
                " the order of the rows."
            )
        return answers[:, 0] if answers.ndim == 2 and answers.shape[1] == 1 else answers


def _asked(model: Any) -> Callable[[Any], Any]:
    """What answers rows; a Booster of XGBoost's own interface has another method for them."""
    ask: Callable[[Any], Any] = getattr(model, "inplace_predict", None) or getattr(model, "predict", model)
    return ask


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

    def _says(self, X: Any) -> NDArray[Any]:
        says = super()._says(X)
        is_share = self.classes is not None and not self.is_hard and not hasattr(self.model, "predict_proba")
        return np.column_stack([1 - says, says]) if is_share and says.ndim == 1 else says

    def predict(self, X: Any) -> NDArray[Any]:
        """Return labels, of shape (n_samples,): of probabilities the most probable."""
        says = self._says(X)
        return self.classes_[np.argmax(says, axis=1)] if says.ndim == 2 else says

    @_where_it_gives_probabilities
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return probabilities, of shape (n_samples, n_classes)."""
        says = self.model.predict_proba(X) if hasattr(self.model, "predict_proba") else self._says(X)
        return np.asarray(says, dtype=np.float64)


def as_estimator(model: Any, *, classify: bool) -> Any:
    """A model that scikit-learn knows as it is; what only answers, and a function, as a frozen teacher.

    Parameters
    ----------
    model : object
        With ``predict`` and perhaps ``predict_proba`` and ``classes_``, or a function of rows that returns labels,
        probabilities (of two classes, of the second alone, too) or real numbers. A Booster of LightGBM's or XGBoost's
        own interface is one.
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
    says = (getattr(inner, "predict_proba", None) or _asked(inner))(first)
    classes = getattr(inner, "classes_", None)
    if set(named := list(getattr(says, "columns", ()))) == set(data.classes.tolist()):
        classes = named  # a data frame says itself what its columns are
    shape = np.shape(says)
    is_hard = len(shape) != 2 or shape[1] == 1
    if is_hard and len(data.classes) == 2:
        is_hard = not _is_share(says, data.classes)
    if classes is None and len(shape) == 2 and shape[1] not in (1, len(data.classes)):
        raise InvalidInputError(
            f"teacher: got {shape[1]} probabilities a row for {len(data.classes)} classes; expected one column a class,"
            " in sorted order, or an object whose classes_ says what the columns are."
        )
    return FrozenEstimator(ForeignClassifier(inner, data.classes if classes is None else classes, is_hard=is_hard))


def _is_share(says: Any, classes: NDArray[Any]) -> bool:
    """Whether the answer to one row is the probability of the second class, as boosters of two classes give it."""
    (one,) = np.ravel(np.asarray(says)).tolist()[:1] or [None]
    return isinstance(one, float) and 0 < one < 1 and one not in classes.tolist()
