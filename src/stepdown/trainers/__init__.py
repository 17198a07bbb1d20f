"""How one kind of student is fitted, as well as it can be, to what it is handed."""

from ._choice import fit_student, trainer_for
from ._flat_trees import FlatTrees as FlatTrees, Rows as Rows
from ._forest_selection import ForestSelection
from ._histogram import (
    Binned as Binned,
    Growth as Growth,
    exact_sums as exact_sums,
    flat as flat,
    grow as grow,
    histogram as histogram,
)
from ._plain import PlainFit
from ._restarts import Restarts
from ._shape import Limits as Limits, add_up as add_up, preorder as preorder
from ._size import no_larger_than_own_fit as no_larger_than_own_fit
from ._tao import Bins as Bins
from ._tree_search import Effort, TreeSearch

__all__ = ["Effort", "ForestSelection", "PlainFit", "Restarts", "TreeSearch", "fit_student", "trainer_for"]
