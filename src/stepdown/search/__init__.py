"""Which chain: the task, the ways to the student, their validation, budgets, the store and the policies."""

from ._dynamic import DynamicProgramming
from ._search import Fixed, Gate, Search

__all__ = ["DynamicProgramming", "Fixed", "Gate", "Search"]
