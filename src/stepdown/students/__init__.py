"""Small models of our own that people can read, for labels and soft targets alike."""

from ._auto import AutoStudent, AutoStudentClassifier, AutoStudentRegressor
from ._flat import SumTree
from ._points_score import PointsScoreClassifier
from ._rule_list import RuleListClassifier, RuleListRegressor
from ._tree_sum import TreeSumClassifier, TreeSumRegressor

__all__ = [
    "AutoStudent",
    "AutoStudentClassifier",
    "AutoStudentRegressor",
    "PointsScoreClassifier",
    "RuleListClassifier",
    "RuleListRegressor",
    "SumTree",
    "TreeSumClassifier",
    "TreeSumRegressor",
]
