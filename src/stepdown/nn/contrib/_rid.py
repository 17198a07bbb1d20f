"""Redundant information distillation: the student follows what the teacher says about the labels, and nothing else."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from stepdown.core import InvalidInputError

from .._kd import KD
from .._method import LayerMethod, Outputs, Pairs, naming_the_layers
from .._positions import ChannelAxis, Pool, Tokens
from ..functional._features import vid
from ._hint import channel_axis

EPS = 1e-3
"""The smallest variance, as in the published code."""


def _filter(width_in: int, width_between: int, width_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(width_in, width_between, 1),
        nn.BatchNorm1d(width_between),
        nn.ReLU(),
        nn.Conv1d(width_between, width_out, 1),
    )


class _Filters(nn.Module):
    """The teacher's filter with a classifier of its own, the student's, and one variance a channel."""

    def __init__(self, student: Tensor, teacher: Tensor, axis: int, n_classes: int, scale: float) -> None:
        super().__init__()
        self.axis = axis
        self.width, wide = student.shape[axis], teacher.shape[axis]
        self.teacher = _filter(wide, wide, self.width)
        self.student = _filter(self.width, 2 * self.width, self.width)
        n_features = student[0].numel()
        self.head = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(n_features, n_classes))
        self.log_scale = nn.Parameter(torch.full((self.width,), scale))

    def both(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """Filtered features of shape (n_rows, n_channels, n_positions)."""
        mine, theirs = (side.movedim(self.axis, 1) for side in (student, teacher))
        mine, theirs = (side.reshape(*side.shape[:2], -1) for side in (mine, theirs))
        return self.student(mine), self.teacher(theirs)

    def variance(self) -> Tensor:
        return (nn.functional.softplus(self.log_scale) + EPS).view(1, -1, 1)


class RID(LayerMethod):
    """By turns a filter learns what the teacher's layer says about the labels, and the student to say it too.

    Dissanayake et al., "Quantifying Knowledge Distillation Using Partial Information Decomposition", AISTATS 2025, and
    its code. In the first epochs of each round the filters of the teacher's layers are trained, each with a classifier
    of its own: the sum over layers of the cross-entropy and, but for the first round, of
    ``mean((f_s - f_t)^2 / var)``. In the others the student is, with its own filters and variances:
    ``cross-entropy + weight * sum(mean(log var + (f_s - f_t)^2 / var))``. All filters are thrown away after training.
    (The published code has ``var^2`` in the place of ``log var`` in training and ``log var`` in its reports; the latter
    is a Gaussian's.)

    Parameters
    ----------
    pairs : sequence of (str, str)
        Teacher's and student's layers, equal in the number of positions; channels may differ.
    length : int
        Epochs of a round; the published trainings of 300 epochs have ten rounds.
    filtering : int
        In how many of them, the first, the filters are trained; published is a quarter.
    weight : float
        Of the layers against the labels.
    scale : float
        At the start ``var = softplus(scale) + 0.001``.
    channels, tokens, pool : optional
        As in `Hint`.

    Examples
    --------
    >>> method = RID([("layer2", "conv2")], length=4, filtering=1)
    >>> [method.filters(epoch) for epoch in range(5)]
    [True, False, False, False, True]
    """

    by_position = True

    def __init__(
        self,
        pairs: Pairs | str,
        length: int,
        filtering: int,
        weight: float = 10.0,
        scale: float = 5.0,
        channels: ChannelAxis = None,
        tokens: Tokens = None,
        pool: Pool = None,
    ) -> None:
        self.pairs = pairs
        self.weight = weight
        self.length = length
        self.filtering = filtering
        self.scale = scale
        self.channels = channels
        self.tokens = tokens
        self.pool = pool

    def filters(self, epoch: int) -> bool:
        """Return whether the filters are trained in an epoch, and not the student.

        Parameters
        ----------
        epoch : int
            From 0.

        Returns
        -------
        bool
        """
        if not 0 < self.filtering < self.length:
            raise InvalidInputError(
                f"length={self.length}, filtering={self.filtering}: expected a round of epochs of which the filters "
                "have some, and not all."
            )
        return epoch % self.length < self.filtering

    def reads_outputs(self) -> bool:
        return True

    def check_outputs(self, student: Outputs, teacher: Outputs) -> None:
        KD(weight=0.0).check_outputs(student, teacher)

    def check_criteria(self, student: Any, teacher: Any) -> None:
        KD(weight=0.0).check_criteria(student, teacher)

    def adapters(self, student: Outputs, teacher: Outputs) -> dict[str, nn.Module]:
        made: dict[str, nn.Module] = {}
        for number, (theirs, mine) in enumerate(self._pairs()):
            with naming_the_layers(theirs, mine):
                method, layer, taught = self._seen(student.layers[mine], teacher.layers[theirs])
                axis = channel_axis(layer, taught, getattr(method, "channels", None))
                made[str(number)] = _Filters(layer, taught, axis, student.logits.shape[1], self.scale)
        return made

    def terms(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> dict[str, Tensor]:
        if target is None:
            raise InvalidInputError("RID needs labels: its filters learn what the teacher says about them.")
        filtering, found = self.filters(epoch), {}
        if not filtering:
            found["labels"] = KD(weight=0.0).loss(student, student, target, epoch=epoch)
        for number, (theirs, mine) in enumerate(self._pairs()):
            adapter = student.adapters[str(number)]
            assert isinstance(adapter, _Filters)
            with naming_the_layers(theirs, mine):
                _, layer, taught = self._seen(student.layers[mine], teacher.layers[theirs])
                if filtering:
                    own, told = adapter.both(layer.detach(), taught)
                    term = nn.functional.cross_entropy(adapter.head(told), target)
                    if epoch >= self.length:
                        term = term + ((own.detach() - told) ** 2 / adapter.variance().detach()).mean()
                else:
                    term = self.weight * self.layer_loss(layer, taught, adapter)
            found[f"{theirs} -> {mine}"] = term
        return found

    def layer_loss(self, student: Tensor, teacher: Tensor, adapter: nn.Module | None) -> Tensor:
        assert isinstance(adapter, _Filters)
        own, told = adapter.both(student, teacher)
        return 2 * vid(own, told.detach(), adapter.log_scale, eps=EPS)
