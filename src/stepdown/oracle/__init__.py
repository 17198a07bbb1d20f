"""A teacher with a label budget: the wrapper, its answer file, and the query strategies."""

from ._answer_file import row_keys as row_keys
from ._lock import AlreadyLockedError as AlreadyLockedError, locked as locked
from ._pool import query_pool as query_pool
from ._queried import Queried
from ._strategies import Ints as Ints, PoolState, QueryStrategy, Random, Representative

__all__ = ["PoolState", "Queried", "QueryStrategy", "Random", "Representative"]
