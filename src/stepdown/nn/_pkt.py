"""Probabilistic knowledge transfer."""

from __future__ import annotations

from torch import Tensor, nn

from ._method import LayerMethod, LossMethod, Pairs
from ._positions import ChannelAxis, Pool, Tokens
from .functional._numerics import Reduction
from .functional._relational import pkt


class PKT(LayerMethod):
    """Rows that are neighbours for the teacher should be so for the student; labels are not used.

    Passalis & Tefas, "Learning Deep Representations with Probabilistic Knowledge Transfer", ECCV 2018;
    `functional.pkt`. The classifying head of a student that learns this alone has to be trained afterwards.

    Parameters
    ----------
    pairs : sequence of (str, str), or "auto"
        Teacher's and student's layers, of any shapes; "auto" takes the last proposed pair.
    reduction : {"mean", "row", "sum"}
        "mean" falls as 1/n_rows; "row" doesn't depend on the size of the batch.
    diagonal : bool
        Whether a row counts as its own neighbour.
    tokens, channels, pool : optional
        How sequences and maps are read, as in `LayerMethod`.

    Examples
    --------
    >>> PKT([("avgpool", "fc1")])
    PKT(pairs=[('avgpool', 'fc1')])
    """

    def __init__(
        self,
        pairs: Pairs | str = "auto",
        reduction: Reduction = "mean",
        diagonal: bool = True,
        tokens: Tokens = None,
        channels: ChannelAxis = None,
        pool: Pool = None,
    ) -> None:
        self.pairs = pairs
        self.reduction = reduction
        self.diagonal = diagonal
        self.tokens = tokens
        self.channels = channels
        self.pool = pool

    def with_pairs(self, pairs: Pairs) -> LossMethod:
        return super().with_pairs(pairs[-1:])

    def layer_loss(self, student: Tensor, teacher: Tensor, adapter: nn.Module | None) -> Tensor:
        return pkt(student, teacher, reduction=self.reduction, diagonal=self.diagonal)
