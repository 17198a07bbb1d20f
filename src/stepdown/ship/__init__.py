"""What leaves the house: the student in readable form, and as code that needs nothing of ours."""

from ._c import to_c
from ._cells import LARGEST as LARGEST
from ._cells import Kind as Kind
from ._columns import TableColumns
from ._columns import without_unread as without_unread
from ._compile import exportable as exportable
from ._json import to_json
from ._onnx import to_onnx
from ._plots import SizeDisplay
from ._python import to_python
from ._report import Report, report
from ._rules import rules
from ._sql import to_sql
from ._text import shown as shown

__all__ = [
    "Report",
    "SizeDisplay",
    "TableColumns",
    "report",
    "rules",
    "to_c",
    "to_json",
    "to_onnx",
    "to_python",
    "to_sql",
]
