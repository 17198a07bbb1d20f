"""How one kind of student is fitted, as well as it can be, to what it is handed."""

from ._choice import fit_student, trainer_for
from ._forest_selection import ForestSelection
from ._plain import PlainFit
from ._restarts import Restarts
from ._tree_search import Effort, TreeSearch

__all__ = ["Effort", "ForestSelection", "PlainFit", "Restarts", "TreeSearch", "fit_student", "trainer_for"]
