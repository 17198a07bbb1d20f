"""Points scores: few conditions, each worth a small whole number of points."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, softmax
from sklearn.utils._param_validation import Interval

from ._cuts import Cuts, Floats
from ._growth import ENOUGH, ROUNDING, Growth, Logistic, Loss, Node
from ._tree_sum import DIGITS, TreeSumClassifier

FINEST = 10.0**-DIGITS
SIGNS = (-1, 1)
SHARES = (0.4, 0.6, 0.8, 1.0, 1.3, 1.7)  # of the points that the strongest condition starts with


class PointsScoreClassifier(TreeSumClassifier):
    """A classifier that people add up in their heads: few conditions, each worth a small whole number of points.

    A sum of stumps (`TreeSumClassifier` with trees of depth 1) whose points are whole numbers from 0 to `max_points`,
    times what one point is worth in log-odds. The stumps are grown and refined with any points, then these are rounded
    and changed by one as long as the log-loss falls, together with what a point is worth; conditions that are left with
    none are dropped. Of two classes the second gets the points, of more each class has a card of its own and starts
    with points for how frequent it is. Soft targets are learned as they are, without expansion.

    `stepdown.ship.rules` prints the card, and for two classes the probability of every total.

    Parameters
    ----------
    max_splits : int, default=15
        Conditions, at most.
    max_points : int, default=5
        Of a condition.
    min_samples_leaf : int, default=1
        Rows that meet a condition, and that don't.
    ridge : float, default=1.0
        Weight of half the squared log-odds of both sides in the objective, beside the log-loss of the rows.
    max_bins : int, default=64
        A column with more values than this is cut between quantiles. Of more than 256 columns fewer count, down to 16.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
    trees_ : list of SumTree
        Stumps; their values are log-odds, that is, points times `unit_`.
    intercept_ : array of shape (n_scores,)
        One score for two classes, else one a class.
    unit_ : float
        The log-odds that a point is worth, of two decimals.
    n_splits_ : int
    complexity_ : Complexity

    References
    ----------
    Scores whose whole coefficients make the log-loss small: Ustun & Rudin, Learning Optimized Risk Scores, JMLR 2019;
    rounding under several multipliers: Liu, Zhong, Li, Seltzer & Rudin, FasterRisk, NeurIPS 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = PointsScoreClassifier(max_splits=5).fit(X[:400], y[:400])
    >>> model.n_splits_, model.score(X[400:], y[400:]) > 0.9
    (5, True)
    """

    max_depth, refine = 1, True
    _parameter_constraints = {  # noqa: RUF012
        "max_points": [Interval(Integral, 1, None, closed="left")],
        **{
            name: allowed
            for name, allowed in TreeSumClassifier._parameter_constraints.items()
            if name not in ("max_depth", "refine")
        },
    }

    def __init__(
        self,
        max_splits: int = 15,
        *,
        max_points: int = 5,
        min_samples_leaf: int = 1,
        ridge: float = 1.0,
        max_bins: int = 64,
    ) -> None:
        self.max_splits = max_splits
        self.max_points = max_points
        self.min_samples_leaf = min_samples_leaf
        self.ridge = ridge
        self.max_bins = max_bins

    def _grown(self, cuts: Cuts, loss: Loss, depth: int | None) -> Growth:
        growth = super()._grown(cuts, loss, depth)
        self.unit_ = _to_points(growth, self.max_points)
        return growth


def _to_points(growth: Growth, most: int) -> float:
    """Move the sides of each stump whole points apart, of which one has none; what a point is worth."""
    assert isinstance(growth.loss, Logistic)
    merged: dict[int, Node] = {}
    for tree in growth.trees:
        if (first := merged.setdefault(tree.cut, tree)) is not tree:
            for side, more in zip(first.sides, tree.sides, strict=True):
                side.value = side.value + more.value
    growth.trees = list(merged.values())
    sides = [tree.sides for tree in growth.trees]
    met = np.zeros((growth.n_rows, len(sides) + 1))
    met[:, -1] = 1.0  # the start
    for place, (_, right) in enumerate(sides):
        met[right.rows, place] = 1.0
    start = growth.intercept + sum(left.value for left, _ in sides)
    apart = np.stack([*(right.value - left.value for left, right in sides), start])
    card = _Card(growth.loss, met, growth.ridge, most)
    unit, points = min(
        (card.rounded(apart, share * most) for share in SHARES), key=lambda found: card.objective(*found)
    )
    points[-1] += np.minimum(points[:-1], 0).sum(axis=0)
    if points.shape[1] > 1:
        points[-1] -= points[-1].min()
    growth.intercept = unit * points[-1]
    for (left, right), own in zip(sides, points, strict=False):
        left.value, right.value = unit * np.maximum(-own, 0), unit * np.maximum(own, 0)
    growth.trees = [tree for tree, own in zip(growth.trees, points, strict=False) if own.any()]
    return unit


class _Card:
    """Points for rows that meet conditions, of shape (n_conditions + 1, n_scores); the last line is the start.

    The start of a single score isn't whole, since what people look up is the probability of a total.
    """

    def __init__(self, loss: Logistic, met: Floats, ridge: float, most: int) -> None:
        # Rows that meet the same conditions count as one: the log-loss is linear in the targets.
        self.met, rows = np.unique(met, axis=0, return_inverse=True)
        weight = np.bincount(rows, loss.weight).astype(np.float64)
        Q = np.stack([np.bincount(rows, loss.weight * q) for q in loss.targets.T], axis=1) / weight[:, None]
        self.loss = Logistic(np.hstack([1 - Q, Q]) if Q.shape[1] == 1 else Q, weight)
        self.whole = Q.shape[1] > 1
        self.ridge, self.most = ridge, most

    def objective(self, unit: float, points: Floats) -> float:
        loss = self.loss.of_rows(unit * self.met @ points, slice(None)).sum()
        return float(loss + 0.25 * self.ridge * unit**2 * (points[:-1] ** 2).sum())

    def rounded(self, apart: Floats, largest: float) -> tuple[float, Floats]:
        """What a point is worth, and points, where the strongest condition starts with `largest` points."""
        unit = max(float(np.abs(apart[:-1]).max(initial=0.0)) / largest, FINEST)
        points = np.rint(apart / unit)
        points[:-1] = points[:-1].clip(-self.most, self.most)
        if not self.whole:
            points[-1] = apart[-1] / unit
        value = np.inf
        while True:
            unit, points = self._weighed(unit, self._descended(unit, points))
            before, value = value, self.objective(unit, points)
            if value > before - ENOUGH * abs(value):
                return unit, self._descended(unit, points)

    def _descended(self, unit: float, points: Floats) -> Floats:
        """Add or take the one point that lowers the objective most, until none does."""
        points = points.copy()
        limit = np.full(points.shape, self.most)
        limit[-1] = np.iinfo(limit.dtype).max if self.whole else 0
        penalty = np.full(points.shape, 0.25 * self.ridge * unit**2)
        penalty[-1] = 0.0
        weight, targets = self.loss.weight[:, None], self.loss.targets
        while True:
            scores = unit * self.met @ points
            share = softmax(scores, axis=1) if self.whole else expit(scores)
            changes = np.stack(
                [
                    self.met.T @ (weight * (np.log1p(share * np.expm1(sign * unit)) - sign * unit * targets))
                    + np.where(np.abs(points + sign) <= limit, penalty * (1 + 2 * sign * points), np.inf)
                    for sign in SIGNS
                ]
            )
            # Of changes that are equal but for rounding the first, so that weights and repeated rows agree.
            least = changes.min() + ROUNDING * weight.sum()
            if least >= 0:
                return points
            sign, line, score = np.unravel_index(np.argmax(changes <= least), changes.shape)
            points[line, score] += SIGNS[sign]

    def _weighed(self, unit: float, points: Floats) -> tuple[float, Floats]:
        """The best worth of a point, and start of a single score, for these points."""
        scores = self.met @ points if self.whole else self.met[:, :-1] @ points[:-1]
        free = 0.0 if self.whole else unit * points[-1, 0]
        squares = float((points[:-1] ** 2).sum())

        def objective(told: Floats) -> tuple[float, Floats]:
            now = told[0] * scores + told[1]
            slope, _ = self.loss.slopes(now)
            value = self.loss.of_rows(now, slice(None)).sum() + 0.25 * self.ridge * told[0] ** 2 * squares
            return float(value), np.array([(slope * scores).sum() + 0.5 * self.ridge * told[0] * squares, slope.sum()])

        start = (0.0, 0.0) if self.whole else (None, None)
        unit = float(minimize(objective, [unit, free], jac=True, bounds=[(FINEST, None), start]).x[0])
        unit = round(unit, DIGITS)
        if not self.whole:
            found = minimize(objective, [unit, free], jac=True, bounds=[(unit, unit), start]).x
            points = np.vstack([points[:-1], found[1:] / unit])
        return unit, points
