"""A student whose kind is still open: of at most so many rules, whatever it is made of."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.feature_selection import RFE
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils._param_validation import Interval

from ._points_score import PointsScoreClassifier
from ._rule_list import RuleListClassifier, RuleListRegressor
from ._tree_sum import TreeSumClassifier, TreeSumRegressor


class AutoStudent(BaseEstimator):
    """What both tasks share. Not to be fitted: a `MultihopClassifier` or `MultihopRegressor` makes a model of it."""

    _parameter_constraints = {"max_rules": [Interval(Integral, 2, None, closed="left")]}  # noqa: RUF012
    _tree: Any
    _sum: Any
    _list: Any
    _linear: Any
    _points: Any = None  # in classification

    def __init__(self, max_rules: int = 16) -> None:
        self.max_rules = max_rules

    def stand_in(self) -> Any:
        """The tree that stands for the student until its kind is chosen."""
        return self._tree(max_depth=max(1, int(self.max_rules).bit_length() - 1))

    def kinds(self, n_features: int, n_scores: int, *, gaps: bool = False) -> dict[str, Any]:
        """Unfitted estimators by what they are called, the default first.

        Parameters
        ----------
        n_features : int
        n_scores : int
            Sums that a linear model makes: 1, or one a class where there are more than two.
        gaps : bool
            Whether values are missing, which linear models get filled.
        """
        found = {
            "sum of trees": self._sum(max_splits=self.max_rules - 1),
            "tree": self.stand_in(),
            "tree, best first": self._tree(max_leaf_nodes=self.max_rules),
            "rule list": self._list(max_rules=self.max_rules),
        }
        if self._points is not None:
            found["points score"] = self._points(max_splits=self.max_rules - 1)
        n_columns = (self.max_rules - 1) // n_scores
        if n_columns:
            fill = [SimpleImputer(strategy="median")] if gaps else []
            few = [RFE(self._linear(), n_features_to_select=n_columns, step=0.1)] if n_columns < n_features else []
            found["linear"] = make_pipeline(*fill, StandardScaler(), *few, self._linear())
        return found


class AutoStudentClassifier(ClassifierMixin, AutoStudent):
    """The kind of small classifier that validates best, with at most so many rules.

    Given as the student of a `stepdown.MultihopClassifier` (``"auto"`` is short for it), the kinds below are taught in
    the same way and validated on the same folds, and the best ships, as an ordinary estimator of its class. The first
    is left only for one that is better by more than a standard error of that comparison.

    - a sum of small trees (`TreeSumClassifier`);
    - a tree as deep as the rules allow, and one that is grown best first;
    - a list of rules (`RuleListClassifier`);
    - a points score (`PointsScoreClassifier`);
    - a logistic regression on few columns.

    Rules are those of a list, leaves of a tree, and the splits of a sum of trees (the conditions of a points score) and
    one more; a linear model has as many coefficients, its intercept among them.

    Parameters
    ----------
    max_rules : int, default=16
        At least 2.

    Examples
    --------
    >>> list(AutoStudentClassifier(max_rules=8).kinds(n_features=30, n_scores=1))
    ['sum of trees', 'tree', 'tree, best first', 'rule list', 'points score', 'linear']
    """

    _tree, _sum, _list = DecisionTreeClassifier, TreeSumClassifier, RuleListClassifier
    _points = PointsScoreClassifier

    @staticmethod
    def _linear() -> Any:
        return LogisticRegression(max_iter=1000)


class AutoStudentRegressor(RegressorMixin, AutoStudent):
    """The kind of small regressor that validates best, with at most so many rules.

    As `AutoStudentClassifier`, with ridge regression as the linear model and without points scores.

    Parameters
    ----------
    max_rules : int, default=16
        At least 2.

    Examples
    --------
    >>> AutoStudentRegressor(max_rules=8).stand_in()
    DecisionTreeRegressor(max_depth=3)
    """

    _tree, _sum, _list = DecisionTreeRegressor, TreeSumRegressor, RuleListRegressor
    _linear = Ridge
