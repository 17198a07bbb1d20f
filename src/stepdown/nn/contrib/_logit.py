"""Regression of the logits."""

from __future__ import annotations

from torch import Tensor

from .._heads import OutputMethod
from .._method import Outputs
from ..functional._responses import logit


class Logit(OutputMethod):
    """The student's outputs regress the teacher's; labels are not used.

    Ba & Caruana, "Do Deep Nets Really Need to be Deep?", NeurIPS 2014; `functional.logit` on the networks' outputs.

    Examples
    --------
    >>> Logit()
    Logit()
    """

    def reads_probabilities_wrongly(self) -> bool:
        return False

    def loss(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> Tensor:
        return logit(student.logits, teacher.logits)
