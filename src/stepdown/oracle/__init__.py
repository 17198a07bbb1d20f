"""A teacher with a label budget: the wrapper, its answer file, and the query strategies."""

from ._queried import Queried
from ._strategies import PoolState, QueryStrategy, Random, Representative

__all__ = ["PoolState", "Queried", "QueryStrategy", "Random", "Representative"]
