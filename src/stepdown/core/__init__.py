"""The vocabulary: what a hop learns from, who teaches, how knowledge moves, and the loop over hops.

Nothing here knows a class of model; this room imports no other.
"""

from ._counting import BudgetSpentError, count_fits, counting, is_counting
from ._dict_rows import DictRows
from ._errors import ComplexityWarning, InvalidInputError, NotSupportedError, SignalWarning, StepdownError
from ._hops import Chain, Hop, HopRecord, naming_the_hop, run_hops, student_as_teacher
from ._lesson import Lesson, Supervision, rows_of
from ._many import ENOUGH_ROWS as ENOUGH_ROWS, MANY_ROWS, MOST_LEARNED as MOST_LEARNED, sample_rows as sample_rows
from ._method import Trainer, TransferMethod
from ._parallel import side_by_side
from ._progress import in_words, listening, printing
from ._seeds import derive_seed
from ._table import Table, WayRow
from ._teacher import RefitOnLabels, Signal, Teacher, as_teacher
from ._transfer_set import ANSWERED, LEARNED, TransferSet
from ._versions import fingerprint, package_versions

__all__ = [
    "ANSWERED",
    "LEARNED",
    "MANY_ROWS",
    "BudgetSpentError",
    "Chain",
    "DictRows",
    "ComplexityWarning",
    "Hop",
    "HopRecord",
    "InvalidInputError",
    "Lesson",
    "NotSupportedError",
    "RefitOnLabels",
    "Signal",
    "SignalWarning",
    "StepdownError",
    "Supervision",
    "Table",
    "Teacher",
    "Trainer",
    "TransferMethod",
    "TransferSet",
    "WayRow",
    "as_teacher",
    "count_fits",
    "counting",
    "derive_seed",
    "fingerprint",
    "in_words",
    "is_counting",
    "listening",
    "naming_the_hop",
    "printing",
    "package_versions",
    "rows_of",
    "run_hops",
    "side_by_side",
    "student_as_teacher",
]
