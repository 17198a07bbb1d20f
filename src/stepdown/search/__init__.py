"""Which chain: the task, the ways to the student, their validation, budgets, the store and the policies."""

from ._contents import check_labels as check_labels, check_names as check_names
from ._dynamic import DynamicProgramming
from ._held_out import HeldOut as HeldOut, held_out as held_out
from ._inputs import (
    check_class_count as check_class_count,
    check_rows as check_rows,
    check_spread as check_spread,
    check_targets as check_targets,
    checked_rows as checked_rows,
    default_folds as default_folds,
    warn_unless_falling as warn_unless_falling,
)
from ._parameters import (
    check_model as check_model,
    check_pool as check_pool,
    check_student as check_student,
    read_seed as read_seed,
    read_teacher as read_teacher,
    read_trainer as read_trainer,
    standing_in as standing_in,
)
from ._recipes import MOST_ROWS_FOR_BRIDGE as MOST_ROWS_FOR_BRIDGE
from ._scoring import check_scorer as check_scorer, read_scorer as read_scorer, takes_weight as takes_weight
from ._search import KINDS as KINDS, Choice as Choice, Fixed, Gate, Kinds as Kinds, Search
from ._solve import fit_teacher as fit_teacher, solve as solve
from ._store import Store as Store, refuse_shared as refuse_shared
from ._task import Task as Task, Trained as Trained, Way as Way
from ._validate import WayScores as WayScores

__all__ = ["DynamicProgramming", "Fixed", "Gate", "Search"]
