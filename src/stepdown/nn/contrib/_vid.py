"""Variational information distillation."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from .._method import LayerMethod, Pairs
from .._positions import ChannelAxis, Pool, Tokens
from ..functional._features import vid, vid_initial_scale
from ._hint import channel_axis, pointwise


class _Prediction(nn.Module):
    """The mean of the teacher's features given the student's, and one variance a channel."""

    def __init__(self, width_in: int, width_out: int, ndim: int, axis: int, variance: float) -> None:
        super().__init__()
        self.axis = axis
        widths = [width_in, 2 * width_out, 2 * width_out, width_out]
        maps = [pointwise(a, b, ndim, axis) for a, b in pairwise(widths)]
        self.mean = nn.Sequential(maps[0], nn.ReLU(), maps[1], nn.ReLU(), maps[2])
        self.log_scale = nn.Parameter(torch.full((width_out,), vid_initial_scale(variance)))


class VID(LayerMethod):
    """The student predicts the teacher's features with a Gaussian whose variances are trained with it.

    Ahn et al., "Variational Information Distillation for Knowledge Transfer", CVPR 2019; `functional.vid`. The
    prediction is three pointwise maps with ReLU between, as in published code; it is thrown away after training.

    Parameters
    ----------
    pairs : sequence of (str, str)
        Teacher's and student's layers, equal in the number of positions; channels may differ.
    variance : float
        At the start, positive.
    channels, tokens, pool : optional
        As in `Hint`.

    Examples
    --------
    >>> VID([("layer2", "conv2")])
    VID(pairs=[('layer2', 'conv2')])
    """

    by_position = True

    def __init__(
        self,
        pairs: Pairs | str,
        variance: float = 5.0,
        channels: ChannelAxis = None,
        tokens: Tokens = None,
        pool: Pool = None,
    ) -> None:
        self.pairs = pairs
        self.variance = variance
        self.channels = channels
        self.tokens = tokens
        self.pool = pool

    def adapter(self, student: Tensor, teacher: Tensor) -> nn.Module:
        axis = channel_axis(student, teacher, self.channels)
        return _Prediction(student.shape[axis], teacher.shape[axis], student.ndim, axis, self.variance)

    def layer_loss(self, student: Tensor, teacher: Tensor, adapter: nn.Module | None) -> Tensor:
        assert isinstance(adapter, _Prediction)
        mean, axis = adapter.mean(student), adapter.axis
        return vid(mean.movedim(axis, 1), teacher.movedim(axis, 1), adapter.log_scale)
