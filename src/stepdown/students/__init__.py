"""Small models of our own that people can read, for labels and soft targets alike."""

from ._flat import SumTree
from ._tree_sum import TreeSumClassifier, TreeSumRegressor

__all__ = ["SumTree", "TreeSumClassifier", "TreeSumRegressor"]
