"""Bagged trees that learn soft targets as readily as labels, and say what they know out of bag: the default bridge.

A bridge never ships, but every default chain grows one or two of them, and their cost is most of the chain's.
scikit-learn's forests spend more on making hundreds of small estimators than on small data itself. Here one tree is
fitted again and again, only its ``tree_`` is kept, and the out-of-bag answers are summed on the way.
"""

from __future__ import annotations

import hashlib
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ._categories import category_codes, known_categories
from ._soft_targets import SoftTargetsMixin

LONG_ROWS = 2_000  # columns


class _BaggedTrees(BaseEstimator):
    """Grown trees, and the means of what they say about rows outside their bags."""

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        max_features: Any = "sqrt",
        min_samples_leaf: int = 1,
        max_samples: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_features = max_features
        self.min_samples_leaf = min_samples_leaf
        self.max_samples = max_samples
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags

    def _rows(self, X: Any, *y: Any, reset: bool, **checks: Any) -> Any:
        """Checked rows, and targets where they are given; columns of categories become their codes."""
        if reset:
            self._categories = known_categories(X)
        if self._categories and hasattr(X, "columns"):
            X = category_codes(X, self._categories)
        return validate_data(
            self, X, *y, reset=reset, dtype=np.float32, accept_sparse="csr", ensure_all_finite="allow-nan", **checks
        )

    def _grow(self, X: Any, targets: NDArray[Any], weight: NDArray[np.float64], tree: Any, n_outputs: int) -> Self:
        """Grow all trees, each on a bootstrap whose drawn rows stand there once, with their draws as weight."""
        n_rows = X.shape[0]
        n_draws = n_rows if self.max_samples is None else min(n_rows, self.max_samples)
        random = check_random_state(self.random_state)
        tree.set_params(max_features=self.max_features, min_samples_leaf=self.min_samples_leaf, random_state=random)
        # A tree looks for missing values, and takes sparse rows as they come, only with its own input checks.
        check_input = issparse(X) or bool(np.isnan(np.sum(X)))
        # A tree leaves out rows of no weight by itself; to copy the others costs more where these are long.
        whole = not issparse(X) and X.shape[1] >= LONG_ROWS
        total, unseen_by = np.zeros((n_rows, n_outputs)), np.zeros(n_rows)
        self.trees_ = []
        with config_context(skip_parameter_validation=True):
            for _ in range(self.n_estimators):
                draws = np.bincount(random.randint(n_rows, size=n_draws), minlength=n_rows)
                drawn = draws * weight
                rows = np.flatnonzero(drawn)
                if rows.size == 0:  # nearly all weights are zero and the draw missed the others
                    drawn, rows = weight, np.flatnonzero(weight)
                some = slice(None) if whole else rows
                tree.fit(X[some], targets[some], sample_weight=drawn[some], check_input=check_input)
                self.trees_.append(tree.tree_)
                unseen = np.flatnonzero(draws == 0)
                if unseen.size:
                    total[unseen] += self._answer(tree.tree_, X[unseen])
                    unseen_by[unseen] += 1
        with np.errstate(invalid="ignore"):
            self.oob_values_ = total / unseen_by[:, None]
        self._unseen = total, unseen_by
        self._digest = _digest(X)
        return self

    def unseen_sums(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Sums of the trees' answers on rows outside their bags, and how many trees answered each row.

        None unless these are the rows of `fit`, in their order.
        """
        X = self._rows(X, reset=False)
        same = X.shape[0] == len(self.oob_values_) and _digest(X) == self._digest
        return self._unseen if same else None

    def _answer(self, tree: Any, X: Any) -> NDArray[np.float64]:
        """What one tree says, of shape (n_samples, n_outputs)."""
        values = tree.predict(X)
        return values[:, :, 0] if values.ndim == 3 else values

    def _mean(self, X: Any) -> NDArray[np.float64]:
        check_is_fitted(self)
        X = self._rows(X, reset=False)
        total = self._answer(self.trees_[0], X)
        for tree in self.trees_[1:]:
            total = total + self._answer(tree, X)
        return total / len(self.trees_)


def _digest(X: Any) -> str:
    """Other rows, or the same in another order, have another; in whatever layout they lie."""
    parts = (X.data, X.indices, X.indptr) if issparse(X) else (X,)
    digest = hashlib.blake2b(str(X.shape).encode())
    for part in parts:
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


class BaggedTreesClassifier(SoftTargetsMixin, _BaggedTrees):
    """A bag of unpruned trees for labels or soft targets.

    Parameters
    ----------
    n_estimators : int, default=100
        Trees.
    max_features : int, float, "sqrt", "log2" or None, default="sqrt"
        Features that a split looks at.
    min_samples_leaf : int, default=1
        Rows.
    max_samples : int, optional
        Draws of a bootstrap at most; as many as there are rows unless given.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    trees_ : list of sklearn.tree._tree.Tree
    classes_ : array of shape (n_classes,)
    oob_values_ : array of shape (n_samples, n_classes)
        Mean answer of the trees that have not seen the row; NaN where all have.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> bag = BaggedTreesClassifier(30, random_state=0).fit(X, y)
    >>> bag.oob_values_.shape, bag.score(X, y) > 0.95
    ((150, 3), True)
    """

    def _fit_targets(self, X: Any, Q: NDArray[np.float64], sample_weight: Any) -> Self:
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        n_classes = Q.shape[1]
        # Squared error on targets splits as Gini does; of two columns one says all.
        columns = np.ascontiguousarray(Q[:, 1]) if n_classes == 2 else Q
        return self._grow(X, columns, weight, DecisionTreeRegressor(), n_classes)

    def _answer(self, tree: Any, X: Any) -> NDArray[np.float64]:
        values = super()._answer(tree, X)
        return np.column_stack([1.0 - values[:, 0], values[:, 0]]) if len(self.classes_) == 2 else values

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return mean leaf distributions of shape (n_samples, n_classes)."""
        return np.clip(self._mean(X), 0.0, 1.0)


class BaggedTreesRegressor(RegressorMixin, _BaggedTrees):
    """A bag of unpruned trees for real targets.

    Parameters and attributes are those of `BaggedTreesClassifier`, without classes; `oob_values_` has one column.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> BaggedTreesRegressor(30, max_features=0.5, random_state=0).fit(X, y).oob_values_.shape
    (442, 1)
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to real targets of shape (n_samples,)."""
        X, y = self._rows(X, y, reset=True, y_numeric=True)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return self._grow(X, np.asarray(y, dtype=np.float64), weight, DecisionTreeRegressor(), 1)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return mean predictions of shape (n_samples,)."""
        return self._mean(X)[:, 0]
