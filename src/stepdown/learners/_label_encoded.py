"""Any labels for classifiers that take numbered ones only, as XGBoost's does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_y, check_is_fitted

from stepdown.core import InvalidInputError

Predict = TypeVar("Predict", bound=Callable[..., Any])


def _where_it_gives_probabilities(predict: Predict) -> Predict:
    def check(self: Any) -> bool:
        return hasattr(self.estimator_ if hasattr(self, "estimator_") else self.estimator, "predict_proba")

    return cast("Predict", available_if(check)(predict))


class LabelEncoded(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A classifier that sees its labels as 0, 1, ..., n_classes - 1 and answers in the labels that it was given.

    XGBoost's classifier refuses texts and numbers with gaps. Around it, `LabelEncoded` is a teacher, or a student, for
    any labels; around a classifier that takes them anyway it changes nothing.

    Parameters
    ----------
    estimator : classifier
        Left as it is; a clone is fitted.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on the numbers.
    classes_ : array of shape (n_classes,)
        The labels, sorted.

    Notes
    -----
    Soft targets of two classes, which a bare ``XGBClassifier`` boosts exactly, are expanded to weighted rows here.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LabelEncoded(DecisionTreeClassifier(max_depth=2)).fit(X, ["few" if n == 0 else "many" for n in y])
    >>> model.estimator_.classes_.tolist(), model.predict(X[-2:]).tolist()
    ([0, 1], ['many', 'many'])
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit a clone of the classifier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Whatever the classifier takes.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If the labels are of one class.
        """
        y = _check_y(y, estimator=self)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InvalidInputError(
                f"y holds one class only, {self.classes_.tolist()}: a classifier needs at least two classes."
            )
        keywords = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.estimator_ = clone(self.estimator).fit(X, numbers, **keywords)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return labels, of shape (n_samples,)."""
        check_is_fitted(self)
        return self.classes_[np.asarray(self.estimator_.predict(X)).ravel().astype(np.intp)]

    @_where_it_gives_probabilities
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return probabilities, of shape (n_samples, n_classes), columns as in ``classes_``."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict_proba(X), dtype=np.float64)

    @property
    def n_features_in_(self) -> int:
        """How many columns `fit` saw."""
        return int(self.estimator_.n_features_in_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.classifier_tags.multi_class = inner.classifier_tags is None or inner.classifier_tags.multi_class
        return tags
