"""What our own students share: how they check rows and weights."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, validate_data

from stepdown.core import InvalidInputError

from ._cuts import Floats

FEW_ROWS = 5_000  # of more, what was grown isn't refined as thoroughly


class CutStudent(BaseEstimator):
    """A student that asks whether numbers lie below thresholds, and takes gaps as they are."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _rows(self, X: Any, *y: Any, reset: bool, **checks: Any) -> Any:
        return validate_data(self, X, *y, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan", **checks)

    def _weighed(self, sample_weight: Any, X: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
        """Rows and targets that weigh something, and their weights."""
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weight.any():
            raise InvalidInputError("sample_weight is zero everywhere; at least one row must weigh something.")
        return (X, y, weight) if weight.all() else (X[weight > 0], y[weight > 0], weight[weight > 0])


class RealTargets(RegressorMixin):
    """The regressors among them; `_fit_targets` gets rows and targets that weigh something."""

    # Annotations only: methods here would stand before those of the classes that come after the mixin.
    _rows: Any
    _weighed: Any
    _validate_params: Any

    @abstractmethod
    def _fit_targets(self, X: Floats, y: Floats, weight: Floats) -> Self:
        """Fit to checked rows."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to real targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN is a missing value.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
        """
        self._validate_params()
        X, y = self._rows(X, y, reset=True, y_numeric=True)
        return self._fit_targets(*self._weighed(sample_weight, X, np.asarray(y, dtype=np.float64)))
