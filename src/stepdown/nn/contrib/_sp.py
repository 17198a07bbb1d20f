"""Similarity-preserving distillation."""

from __future__ import annotations

from torch import Tensor, nn

from .._method import LayerMethod, LossMethod, Pairs
from .._positions import ChannelAxis, Pool, Tokens
from ..functional._relational import sp


class SP(LayerMethod):
    """Rows that are similar for the teacher should be so for the student.

    Tung & Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019; `functional.sp`. Usually added to the
    labels' loss with a weight of about 3000.

    Parameters
    ----------
    pairs : sequence of (str, str), or "auto"
        Teacher's and student's layers, of any shapes; "auto" takes the last proposed pair.
    tokens, channels, pool : optional
        How sequences and maps are read, as in `LayerMethod`.

    Examples
    --------
    >>> SP([("layer4", "conv3")])
    SP(pairs=[('layer4', 'conv3')])
    """

    def __init__(
        self,
        pairs: Pairs | str = "auto",
        tokens: Tokens = None,
        channels: ChannelAxis = None,
        pool: Pool = None,
    ) -> None:
        self.pairs = pairs
        self.tokens = tokens
        self.channels = channels
        self.pool = pool

    def with_pairs(self, pairs: Pairs) -> LossMethod:
        return super().with_pairs(pairs[-1:])

    def layer_loss(self, student: Tensor, teacher: Tensor, adapter: nn.Module | None) -> Tensor:
        return sp(student, teacher)
