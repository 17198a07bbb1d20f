"""Lists of rules: the first one that a row meets answers it."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from stepdown.learners import RULES as RULES, Complexity, SoftTargetsMixin

from ._base import FEW_ROWS, CutStudent, RealTargets
from ._cuts import Cuts, Floats
from ._flat import SumTree, flattened
from ._rule_search import RuleSearch


class _RuleList(CutStudent):
    rules_: list[SumTree]
    _parameter_constraints = {  # noqa: RUF012
        "max_rules": [Interval(Integral, 1, None, closed="left")],
        "max_conditions": [Interval(Integral, 1, None, closed="left")],
        "min_samples_leaf": [Interval(Integral, 1, None, closed="left")],
        "max_bins": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self, max_rules: int = 8, *, max_conditions: int = 2, min_samples_leaf: int = 1, max_bins: int = 64
    ) -> None:
        self.max_rules = max_rules
        self.max_conditions = max_conditions
        self.min_samples_leaf = min_samples_leaf
        self.max_bins = max_bins

    @property
    def complexity_(self) -> Complexity:
        """Its rules; the number to compare is that of their conditions and answers."""
        check_is_fitted(self)
        return Complexity(RULES, sum(tree.n_leaves for tree in self.rules_), rules=len(self.rules_))

    def _fit(self, X: Floats, targets: Floats, answers: Floats, weight: Floats) -> Self:
        cuts = Cuts(X, weight, self.max_bins)
        limits = {"max_rules": self.max_rules, "max_conditions": self.max_conditions, "min_rows": self.min_samples_leaf}
        search = RuleSearch(cuts, targets, weight, **limits)
        search.fit(refine=len(X) <= FEW_ROWS)
        self.rules_ = [flattened(node, cuts) for node in search.nodes(answers)]
        return self

    def _answers(self, X: Any) -> Floats:
        """What the first rule says that a row meets, of shape (n_samples, n_values)."""
        check_is_fitted(self)
        X = self._rows(X, reset=False)
        said = np.tile(self.rules_[-1].value[-1], (len(X), 1))
        open_rows = np.arange(len(X))
        for rule in self.rules_[:-1]:
            answers = rule.value[rule.apply(X[open_rows])]
            met = ~np.isnan(answers[:, 0])
            said[open_rows[met]] = answers[met]
            open_rows = open_rows[~met]
        return said


class RuleListClassifier(SoftTargetsMixin, _RuleList):
    """A classifier that is a short list of rules: *if ... and ...: yes; else if ...: no; ...; else: yes*.

    The first rule that a row meets answers it, with the mean of the soft targets of the training rows that it answers;
    the last rule has no condition. Rules are added one by one at the place in the list where the squared error falls
    most, and after each of them all are chosen anew, one at a time, while the others stand. Soft targets are learned as
    they are, without expansion.

    Parameters
    ----------
    max_rules : int, default=8
        With the last one.
    max_conditions : int, default=2
        Of a rule: columns at most, or above, a threshold.
    min_samples_leaf : int, default=1
        Training rows that each rule answers.
    max_bins : int, default=64
        A column with more values than this is cut between quantiles. Of more than 256 columns fewer count, down to 16.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
    rules_ : list of SumTree
        A rule each; leaves with NaN leave a row to the next one.
    complexity_ : Complexity

    References
    ----------
    Rivest, Learning Decision Lists, Machine Learning, 1987. Each condition chosen while all else stands:
    Carreira-Perpinan & Tavallali, Alternating Optimization of Decision Trees, NeurIPS 2018.

    Notes
    -----
    Above 5,000 rows rules are added, but not chosen anew.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = RuleListClassifier(max_rules=4).fit(X[:400], y[:400])
    >>> len(model.rules_), model.score(X[400:], y[400:]) > 0.9
    (4, True)
    """

    def _fit_targets(self, X: Floats, Q: Floats, sample_weight: Any) -> Self:
        self._validate_params()
        X, Q, weight = self._weighed(sample_weight, X, Q)
        return self._fit(X, Q, Q, weight)

    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes)
        """
        return self._answers(X)


class RuleListRegressor(RealTargets, _RuleList):
    """A regressor that is a short list of rules, as `RuleListClassifier`: each answers by the mean of its rows.

    Parameters
    ----------
    max_rules : int, default=8
        With the last one.
    max_conditions : int, default=2
        Of a rule: columns at most, or above, a threshold.
    min_samples_leaf : int, default=1
        Training rows that each rule answers.
    max_bins : int, default=64
        A column with more values than this is cut between quantiles. Of more than 256 columns fewer count, down to 16.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> print(RuleListRegressor(max_rules=4).fit(X, y).complexity_)
    4 rules
    """

    def _fit_targets(self, X: Floats, y: Floats, weight: Floats) -> Self:
        apart = y - np.average(y, weights=weight)
        spread = float(np.sqrt(np.average(apart**2, weights=weight)))
        return self._fit(X, (apart / (spread or 1.0))[:, None], y[:, None], weight)

    def predict(self, X: Any) -> Floats:
        """Return what the first rule says that each row meets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
        """
        return self._answers(X)[:, 0]
