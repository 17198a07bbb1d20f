"""Soft targets."""

from __future__ import annotations

from torch import Tensor

from ._method import LossMethod, Outputs
from .functional._responses import kd


class KD(LossMethod):
    """The teacher's softened probabilities, mixed with the labels.

    Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", 2015; `functional.kd` on the networks'
    outputs.

    Parameters
    ----------
    temperature : float
        Positive; softens both sides.
    weight : float
        Of the teacher against the labels, between 0 (labels alone) and 1. Without labels the teacher stands alone.

    Examples
    --------
    >>> KD(temperature=2.0)
    KD(temperature=2.0)
    """

    def __init__(self, temperature: float = 4.0, weight: float = 0.9) -> None:
        self.temperature = temperature
        self.weight = weight

    def loss(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> Tensor:
        return kd(student.logits, teacher.logits, target, temperature=self.temperature, weight=self.weight)
