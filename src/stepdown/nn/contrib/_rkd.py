"""Relational knowledge distillation."""

from __future__ import annotations

from torch import Tensor, nn

from .._method import LayerMethod, LossMethod, Pairs
from ..functional._relational import rkd


class RKD(LayerMethod):
    """Relative distances and angles between rows should be the teacher's.

    Park et al., "Relational Knowledge Distillation", CVPR 2019; `functional.rkd`.

    Parameters
    ----------
    pairs : sequence of (str, str), or "auto"
        Teacher's and student's layers, of any shapes; "auto" takes the last proposed pair.
    distance_weight, angle_weight : float
        Non-negative; angles take memory in the third power of the batch.

    Examples
    --------
    >>> RKD([("avgpool", "fc1")])
    RKD(pairs=[('avgpool', 'fc1')])
    """

    def __init__(self, pairs: Pairs | str = "auto", distance_weight: float = 25.0, angle_weight: float = 50.0) -> None:
        self.pairs = pairs
        self.distance_weight = distance_weight
        self.angle_weight = angle_weight

    def with_pairs(self, pairs: Pairs) -> LossMethod:
        return super().with_pairs(pairs[-1:])

    def layer_loss(self, student: Tensor, teacher: Tensor, adapter: nn.Module | None) -> Tensor:
        return rkd(student, teacher, distance_weight=self.distance_weight, angle_weight=self.angle_weight)
