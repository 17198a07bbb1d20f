"""What our own students share: how they check rows and weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
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
