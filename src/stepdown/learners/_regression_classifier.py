"""A classifier made of a regressor on class probabilities."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.multioutput import MultiOutputRegressor
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from stepdown.core import NotSupportedError

from ._pipelines import supports_weight
from ._soft_targets import SoftTargetsMixin


class RegressionClassifier(SoftTargetsMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier that regresses the probability of each class, one-hot labels or soft targets alike.

    With it any regressor can be a student of soft targets: a nearest-neighbour model, for instance, averages the
    soft targets of the neighbours, though it takes no weights.

    Parameters
    ----------
    regressor : regressor
        Fitted as a clone, to one output for two classes, else to one output a class; a regressor of a single output
        is then fitted once a class.

    Attributes
    ----------
    regressor_ : regressor
    classes_ : array of shape (n_classes,)

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> X, y = load_iris(return_X_y=True)
    >>> RegressionClassifier(KNeighborsRegressor(3)).fit(X, y).predict_proba(X[:1])
    array([[1., 0., 0.]])
    """

    def __init__(self, regressor: Any) -> None:
        self.regressor = regressor

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predictions clipped to [0, 1] and made to sum to 1; uniform where nothing is left.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        X = self._rows(X, reset=False)
        values = np.clip(np.asarray(self.regressor_.predict(X), dtype=np.float64), 0.0, 1.0)
        if len(self.classes_) == 2:
            values = values.reshape(len(values))
            return np.stack([1.0 - values, values], axis=1)
        totals = values.sum(axis=1, keepdims=True)
        uniform = np.full_like(values, 1.0 / values.shape[1])
        return np.divide(values, totals, out=uniform, where=totals > 0)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.regressor)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.classifier_tags.poor_score = inner.regressor_tags is None or inner.regressor_tags.poor_score
        return tags

    def _rows(self, X: Any, *y: Any, reset: bool) -> Any:
        tags = get_tags(self.regressor).input_tags
        finite = "allow-nan" if tags.allow_nan else True
        accept_sparse = "csr" if tags.sparse else False
        return validate_data(self, X, *y, reset=reset, accept_sparse=accept_sparse, ensure_all_finite=finite)

    def _fit_targets(self, X: Any, Q: NDArray[np.float64], sample_weight: Any) -> Self:
        regressor = clone(self.regressor)
        if len(self.classes_) == 2:
            targets = Q[:, 1]
        else:
            targets = Q
            if not get_tags(regressor).target_tags.multi_output:
                regressor = MultiOutputRegressor(regressor)
        keywords = {}
        if sample_weight is not None:
            if not supports_weight(self.regressor):
                raise NotSupportedError(
                    f"{type(self.regressor).__name__}.fit takes no sample_weight; leave the weights out, or take a "
                    "regressor that takes them."
                )
            keywords["sample_weight"] = sample_weight
        self.regressor_ = regressor.fit(X, targets, **keywords)
        return self
