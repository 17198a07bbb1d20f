"""Chains: the estimators that users meet, the searches that choose, and the verdict."""

from ._compare import Verdict, compare
from ._diagnose import Diagnosis, diagnose
from ._dynamic import DynamicProgramming
from ._greedy import Greedy
from ._multihop import MultihopClassifier, MultihopRegressor
from ._queries import PoolState, QueryPolicy, Random, Representative
from ._search import Fixed, Gate, Search
from ._select import Rung

__all__ = [
    "Diagnosis",
    "DynamicProgramming",
    "Fixed",
    "Gate",
    "Greedy",
    "MultihopClassifier",
    "MultihopRegressor",
    "PoolState",
    "QueryPolicy",
    "Random",
    "Representative",
    "Rung",
    "Search",
    "Verdict",
    "compare",
    "diagnose",
]
