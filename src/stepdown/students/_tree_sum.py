"""Sums of small trees as estimators."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from scipy.special import expit, softmax
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from stepdown.learners import Complexity, SoftTargetsMixin, of_sum as of_sum

from ._base import FEW_ROWS, CutStudent, RealTargets
from ._cuts import Cuts, Floats
from ._flat import flattened
from ._growth import Growth, Logistic, Loss, Squared

DIGITS = 2  # of log-odds: a hundredth moves no probability by more than a quarter of a point
SHALLOW = (1, 2, 3)
SHOWN = 3  # significant digits of a standard deviation, in regression


class _TreeSum(CutStudent):
    _parameter_constraints = {  # noqa: RUF012
        "max_splits": [Interval(Integral, 1, None, closed="left")],
        "max_depth": [Interval(Integral, 1, None, closed="left"), None],
        "min_samples_leaf": [Interval(Integral, 1, None, closed="left")],
        "ridge": [Interval(Real, 0, None, closed="neither")],
        "max_bins": [Interval(Integral, 2, None, closed="left")],
        "refine": ["boolean"],
    }

    def __init__(
        self,
        max_splits: int = 15,
        *,
        max_depth: int | None = 3,
        min_samples_leaf: int = 1,
        ridge: float = 1.0,
        max_bins: int = 64,
        refine: bool = True,
    ) -> None:
        self.max_splits = max_splits
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.ridge = ridge
        self.max_bins = max_bins
        self.refine = refine

    @property
    def complexity_(self) -> Complexity:
        """Its size in trees, nodes and rules; of these it has as many as one tree with all the splits."""
        check_is_fitted(self)
        leaves = np.array([tree.n_leaves for tree in self.trees_], dtype=np.intp)
        return of_sum(leaves, [tree.max_depth for tree in self.trees_])

    def _fit(self, X: Floats, loss: Loss, *, scale: float = 1.0, digits: int = DIGITS) -> Self:
        cuts = Cuts(X, loss.weight, self.max_bins)
        growth = min((self._grown(cuts, loss, depth) for depth in self._depths(len(X))), key=Growth.objective)
        self.trees_ = [flattened(tree, cuts, scale, digits) for tree in growth.trees]
        self.intercept_ = np.round(scale * growth.intercept, digits) + 0.0
        self.n_splits_ = sum(tree.n_leaves - 1 for tree in self.trees_)
        return self

    def _depths(self, n_rows: int) -> list[int | None]:
        """Limits to grow under, the given one first: greedy growth under a lower one may find a better sum."""
        lower = SHALLOW if self.refine and n_rows <= FEW_ROWS else ()
        return [self.max_depth, *(depth for depth in lower if self.max_depth is None or depth < self.max_depth)]

    def _grown(self, cuts: Cuts, loss: Loss, depth: int | None) -> Growth:
        growth = Growth(cuts, loss, ridge=self.ridge, max_depth=depth, min_rows=self.min_samples_leaf)
        growth.fit(self.max_splits, self.refine)
        return growth

    def _scores(self, X: Any) -> Floats:
        """Intercepts and leaf values added up, of shape (n_samples, n_scores)."""
        check_is_fitted(self)
        X = self._rows(X, reset=False)
        scores = np.tile(self.intercept_, (len(X), 1))
        for tree in self.trees_:
            scores += tree.value[tree.apply(X)]
        return scores


class TreeSumClassifier(SoftTargetsMixin, _TreeSum):
    """A classifier that adds up what a few small trees say: as readable as one tree, and usually more accurate.

    Each leaf of each tree holds points, in log-odds: of the second class where there are two, else of each class. The
    points of the leaves that a row falls into and the intercept are added; of two classes the second has the
    probability ``1 / (1 + exp(-sum))``, of more each has ``exp(its sum)``, divided by the total. Splits are made one by
    one wherever they lower the log-loss most, in a tree that there is or as the root of a new one, and the points of
    all leaves are fitted together after each. Then splits are chosen anew while all others stand, and the cheapest are
    dropped for better ones, as long as the log-loss falls. Up to 5,000 rows this is done under limits of depth 1, 2, 3
    and `max_depth`; the sum with the least objective stays. Soft targets are learned as they are, without expansion.

    Points have two decimals and thresholds are short, so that what `stepdown.ship.rules` prints is the model itself.

    Parameters
    ----------
    max_splits : int, default=15
        Of all trees together.
    max_depth : int or None, default=3
        Of each tree; None for any.
    min_samples_leaf : int, default=1
        Rows.
    ridge : float, default=1.0
        Weight of half the squared points in the objective, beside the log-loss of the rows. The more, the closer are
        the points of leaves with few rows to zero.
    max_bins : int, default=64
        A column with more values than this is cut between quantiles. Of more than 256 columns fewer count, down to 16.
    refine : bool, default=True
        Whether splits are chosen again after growing.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
    trees_ : list of SumTree
    intercept_ : array of shape (n_scores,)
        One score for two classes, else one a class.
    n_splits_ : int
    complexity_ : Complexity

    References
    ----------
    Greedy sums of trees: Tan, Singh, Nasseri, Agarwal & Yu, Fast Interpretable Greedy-Tree Sums, 2022. Gain by second
    derivatives: Friedman, Hastie & Tibshirani, Additive Logistic Regression, Annals of Statistics, 2000. Splits chosen
    while all else stands: Carreira-Perpinan & Tavallali, Alternating Optimization of Decision Trees, NeurIPS 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = TreeSumClassifier(max_splits=6).fit(X[:400], y[:400])
    >>> model.n_splits_, model.score(X[400:], y[400:]) > 0.9
    (6, True)
    """

    def _fit_targets(self, X: Floats, Q: Floats, sample_weight: Any) -> Self:
        self._validate_params()
        X, Q, weight = self._weighed(sample_weight, X, Q)
        return self._fit(X, Logistic(Q, weight))

    def decision_function(self, X: Any) -> Floats:
        """Return the points of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,) for two classes, else (n_samples, n_classes)
        """
        scores = self._scores(X)
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes)
        """
        scores = self._scores(X)
        if len(self.classes_) > 2:
            return np.asarray(softmax(scores, axis=1))
        share = expit(scores[:, 0])
        return np.column_stack([1.0 - share, share])


class TreeSumRegressor(RealTargets, _TreeSum):
    """A regressor that adds up what a few small trees say.

    As `TreeSumClassifier`, with squared error in place of the log-loss; parameters and attributes are the same, without
    classes. Leaves are rounded to about a thousandth of the standard deviation of the targets.

    Parameters
    ----------
    max_splits : int, default=15
        Of all trees together.
    max_depth : int or None, default=3
        Of each tree; None for any.
    min_samples_leaf : int, default=1
        Rows.
    ridge : float, default=1.0
        As so many rows each leaf is drawn towards zero.
    max_bins : int, default=64
        A column with more values than this is cut between quantiles. Of more than 256 columns fewer count, down to 16.
    refine : bool, default=True
        Whether splits are chosen again after growing.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> print(TreeSumRegressor(max_splits=4).fit(X, y).complexity_)
    4 trees, 12 nodes, 5 rules, depth 1
    """

    def _fit_targets(self, X: Floats, y: Floats, weight: Floats) -> Self:
        mean = float(np.average(y, weights=weight))
        scale = math.sqrt(float(np.average((y - mean) ** 2, weights=weight)))
        if scale <= 1e-12 * abs(mean):  # constant, but for rounding
            self.trees_, self.intercept_, self.n_splits_ = [], np.array([mean]), 0
            return self
        return self._fit(X, Squared(y / scale, weight), scale=scale, digits=SHOWN - math.floor(math.log10(scale)))

    def predict(self, X: Any) -> Floats:
        """Return the intercept and the leaves of each row added up.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
        """
        return self._scores(X)[:, 0]
