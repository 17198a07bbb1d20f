"""Attention transfer."""

from __future__ import annotations

from torch import Tensor, nn

from .._method import LayerMethod, Pairs
from .._positions import ChannelAxis, Tokens
from ..functional._features import at
from ..functional._numerics import Reduction


class AT(LayerMethod):
    """Where the teacher's layers are active, the student's should be.

    Zagoruyko & Komodakis, "Paying More Attention to Attention", ICLR 2017; `functional.at`. Usually added to the
    labels' loss with a weight of about 1000: ``WeightedSum([(1.0, KD(weight=0.0)), (1000.0, AT(pairs))])``.

    Parameters
    ----------
    pairs : sequence of (str, str)
        Teacher's and student's layers with maps; sizes and channels may differ.
    power : float
        Of the activations.
    reduction : {"mean", "row"}
        As in `functional.at`.
    channels, tokens : optional
        How sequences and maps are read, as in `LayerMethod`. Tokens beside a map are laid out like it.

    Examples
    --------
    >>> AT([("layer2", "conv2")])
    AT(pairs=[('layer2', 'conv2')])
    """

    by_position = True

    def __init__(
        self,
        pairs: Pairs | str,
        power: float = 2.0,
        reduction: Reduction = "mean",
        channels: ChannelAxis = None,
        tokens: Tokens = None,
    ) -> None:
        self.pairs = pairs
        self.power = power
        self.reduction = reduction
        self.channels = channels
        self.tokens = tokens

    def layer_loss(self, student: Tensor, teacher: Tensor, adapter: nn.Module | None) -> Tensor:
        assert not isinstance(self.channels, tuple)
        return at(student, teacher, power=self.power, reduction=self.reduction, channels=self.channels)
