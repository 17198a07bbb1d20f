"""The estimators that users meet."""

from ._multihop import MultihopClassifier, MultihopRegressor
from ._select import Rung

__all__ = ["MultihopClassifier", "MultihopRegressor", "Rung"]
