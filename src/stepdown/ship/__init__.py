"""What leaves the house: the student in readable form, and as code that needs nothing of ours."""

from ._c import to_c
from ._cells import LARGEST as LARGEST, Kind as Kind, numbers_of as numbers_of
from ._columns import TableColumns, without_unread as without_unread
from ._compile import exportable as exportable
from ._headline import headline as headline
from ._json import to_json
from ._onnx import to_onnx
from ._page import page as page
from ._plots import SizeDisplay
from ._python import to_python
from ._report import (
    Report,
    held_out as held_out,
    hop_row as hop_row,
    one_line as one_line,
    report,
    said_in_validation as said_in_validation,
    speed as speed,
    summary_of as summary_of,
    with_table as with_table,
)
from ._rules import rules
from ._spelling import numbers_written as numbers_written
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
