"""What our own classifiers share: labels are soft targets that are sure."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from stepdown.core import InvalidInputError


class SoftTargetsMixin(ClassifierMixin):
    """A classifier that learns the probability of each class.

    One of this kind has ``predict_proba``, ``_rows(X, *y, reset)``, which checks rows, together with labels where these
    are given, and ``_fit_targets(X, Q, sample_weight)``, which gets checked rows and soft targets.
    """

    classes_: NDArray[Any]
    # Annotations only: methods here would stand before those of the classes that come after the mixin.
    _rows: Any
    _fit_targets: Any
    predict_proba: Any

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Raises
        ------
        InvalidInputError
            If there is one class only.
        """
        X, y = self._rows(X, y, reset=True)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InvalidInputError(f"y holds one class only, {self.classes_.tolist()}; expected at least two classes.")
        return self._fit_targets(X, np.eye(len(self.classes_))[codes], sample_weight)

    def fit_soft(self, X: Any, Q: Any, classes: Any, sample_weight: Any = None) -> Self:
        """Fit to soft targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        Q : array of shape (n_samples, n_classes)
            Rows sum to 1.
        classes : array of shape (n_classes,)
            Sorted labels that the columns of `Q` stand for.
        sample_weight : array-like of shape (n_samples,), optional

        Raises
        ------
        InvalidInputError
            If `Q` isn't a table of probabilities with a column for each class.
        """
        X = self._rows(X, reset=True)
        Q, classes = np.asarray(Q, dtype=np.float64), np.asarray(classes)
        if Q.shape != (X.shape[0], len(classes)) or len(classes) < 2:
            raise InvalidInputError(
                f"Q has shape {Q.shape}; expected ({X.shape[0]}, {len(classes)}): a row for each row of X and a column "
                "for each of at least two classes."
            )
        if not (Q.min() >= 0 and np.allclose(Q.sum(axis=1), 1.0, atol=1e-6)):  # also false for NaN
            raise InvalidInputError("soft targets must be non-negative and sum to 1 in each row.")
        self.classes_ = classes
        return self._fit_targets(X, Q, sample_weight)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row, the first where several are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
        """
        best = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[best]
