"""Layers one after another against the teacher's strongest channels, then the relations of the last."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from stepdown.core import InvalidInputError

from .._combined import Staged
from .._information_flow import InformationFlow
from .._method import LayerMethod, LossMethod, Outputs, Pairs
from ..functional._features import hint


class _Channels(LayerMethod):
    """Some of the teacher's channels, copied element by element."""

    def __init__(self, pairs: Pairs, channels: Sequence[int] | Tensor) -> None:
        self.pairs = pairs
        self.channels = channels

    def layer_loss(self, student: Tensor, teacher: Tensor, adapter: nn.Module | None) -> Tensor:
        return hint(student, teacher[:, self.channels])


class InDistill(LossMethod):
    """A warm-up of direct matching, layer by layer and the deeper the longer, then information flow of the last layer.

    Sarridis et al., "InDistill: Information flow-preserving knowledge distillation for model compression", 2022. The
    teacher's layers are pruned to the student's width, so that no adapter stands between. A convolution, its
    normalisation and its activation work channel by channel, so that pruning is the choice of channels of a layer's
    output.

    Parameters
    ----------
    pairs : sequence of (str, str)
        Teacher's and student's layers from the first to the last, built alike: a layer before the last has the same
        positions on both sides.
    channels : sequence of sequence of int
        For each pair before the last the teacher's channels that stay, as many as the student has: those of
        ``functional.strongest_filters(teacher.conv1.weight, proportion=0.5)``.
    growth : int
        The warm-up of the layers takes growth + 1, growth + 2, ... epochs.

    Examples
    --------
    >>> method = InDistill([("conv1", "conv1"), ("fc1", "fc1")], channels=[[0, 2]])
    >>> [method.staged().stage(epoch)[0] for epoch in range(5)]
    [0, 0, 0, 1, 1]
    """

    def __init__(self, pairs: Pairs, channels: Sequence[Sequence[int] | Tensor], growth: int = 2) -> None:
        self.pairs = pairs
        self.channels = channels
        self.growth = growth

    def staged(self) -> Staged:
        """The same as stages.

        Returns
        -------
        Staged
        """
        if len(self.channels) != len(self.pairs) - 1:
            raise InvalidInputError(
                f"{len(self.channels)} choices of channels came for {len(self.pairs)} pairs; expected one for each "
                "pair before the last."
            )
        warm_up = [
            (self.growth + number, _Channels((pair,), kept))
            for number, (pair, kept) in enumerate(zip(self.pairs, self.channels, strict=False), start=1)
        ]
        return Staged([*warm_up, (None, InformationFlow((self.pairs[-1],)))])

    def layers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.staged().layers()

    def terms(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> dict[str, Tensor]:
        return self.staged().terms(student, teacher, target, epoch=epoch)

    def loss(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> Tensor:
        return self.staged().loss(student, teacher, target, epoch=epoch)
