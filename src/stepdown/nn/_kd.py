"""Soft targets."""

from __future__ import annotations

from torch import Tensor

from ._heads import OutputMethod
from ._method import Outputs
from .functional._responses import IGNORED, binary_kd, kd


class KD(OutputMethod):
    """The teacher's softened probabilities, mixed with the labels.

    Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", 2015; `functional.kd` on the networks'
    outputs, of rows, of tokens, or of pixels. Tokens that the batch's ``attention_mask`` leaves out don't count.

    Parameters
    ----------
    temperature : float
        Positive; softens both sides.
    weight : float
        Of the teacher against the labels, between 0 (labels alone) and 1. Without labels the teacher stands alone.
    classes : int, optional
        Axis of the classes, as in `functional.kd`: by default what the labels leave, else -1 of three axes and 1 of
        more.
    ignore_index : int
        Where a target has this value, neither teacher nor label counts.

    Examples
    --------
    >>> KD(temperature=2.0)
    KD(temperature=2.0)
    """

    def __init__(
        self, temperature: float = 4.0, weight: float = 0.9, classes: int | None = None, ignore_index: int = IGNORED
    ) -> None:
        self.temperature = temperature
        self.weight = weight
        self.classes = classes
        self.ignore_index = ignore_index

    def loss(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> Tensor:
        return kd(
            student.logits,
            teacher.logits,
            target,
            temperature=self.temperature,
            weight=self.weight,
            classes=self.classes,
            mask=student.token_mask(),
            ignore_index=self.ignore_index,
        )


class BinaryKD(OutputMethod):
    """The teacher's softened yes or no of each output by itself, mixed with the labels: several labels a row, or one.

    `functional.binary_kd` on the networks' outputs, whose sigmoid is the probability: what a network that is trained
    by ``BCEWithLogitsLoss`` returns. Hinton, Vinyals & Dean, 2015, for each label by itself, as Yang et al.,
    "Multi-Label Knowledge Distillation", ICCV 2023, do.

    Parameters
    ----------
    temperature : float
        Positive; softens both sides.
    weight : float
        Of the teacher against the labels, between 0 (labels alone) and 1. Without labels the teacher stands alone.
    ignore_index : int
        Where a target has this value, such as an unknown label, neither teacher nor label counts.

    Examples
    --------
    >>> BinaryKD(temperature=2.0)
    BinaryKD(temperature=2.0)
    """

    def __init__(self, temperature: float = 4.0, weight: float = 0.9, ignore_index: int = IGNORED) -> None:
        self.temperature = temperature
        self.weight = weight
        self.ignore_index = ignore_index

    def loss(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> Tensor:
        return binary_kd(
            student.logits,
            teacher.logits,
            target,
            temperature=self.temperature,
            weight=self.weight,
            mask=student.token_mask(),
            ignore_index=self.ignore_index,
        )
