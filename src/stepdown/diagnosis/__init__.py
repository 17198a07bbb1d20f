"""What kind of teacher, student and rows these are, and what to try first."""

from ._diagnose import Diagnosis, diagnose
from ._discretise import discretise
from ._label_errors import LabelErrors, likely_label_errors
from ._pid import PartialInformation, partial_information, partial_information_of_joint
from ._render import (
    by_role as by_role,
    fact_tables as fact_tables,
    model_lines as model_lines,
    remark_on as remark_on,
    render_diagnosis_html,
    render_diagnosis_text,
    why as why,
)

__all__ = [
    "Diagnosis",
    "LabelErrors",
    "PartialInformation",
    "diagnose",
    "discretise",
    "likely_label_errors",
    "partial_information",
    "partial_information_of_joint",
    "render_diagnosis_html",
    "render_diagnosis_text",
]
