"""Variational information distillation."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from stepdown.core import InvalidInputError

from .._method import LayerMethod, Pairs
from ..functional._features import vid, vid_initial_scale
from ._hint import pointwise


class _Prediction(nn.Module):
    """The mean of the teacher's features given the student's, and one variance a channel."""

    def __init__(self, width_in: int, width_out: int, ndim: int, variance: float) -> None:
        super().__init__()
        widths = [width_in, 2 * width_out, 2 * width_out, width_out]
        maps = [pointwise(a, b, ndim) for a, b in pairwise(widths)]
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

    Examples
    --------
    >>> VID([("layer2", "conv2")])
    VID(pairs=[('layer2', 'conv2')])
    """

    def __init__(self, pairs: Pairs | str, variance: float = 5.0) -> None:
        self.pairs = pairs
        self.variance = variance

    def adapter(self, student: Tensor, teacher: Tensor) -> nn.Module:
        if student.ndim != teacher.ndim or student.shape[2:] != teacher.shape[2:]:
            raise InvalidInputError(
                f"features of shape {tuple(student.shape)} (student) and {tuple(teacher.shape)} (teacher) can't be "
                "predicted position by position; pair layers of the same size, or use AT (maps of any size), PKT or "
                "InformationFlow (any shapes)."
            )
        return _Prediction(student.shape[1], teacher.shape[1], student.ndim, self.variance)

    def layer_loss(self, student: Tensor, teacher: Tensor, adapter: nn.Module | None) -> Tensor:
        assert isinstance(adapter, _Prediction)
        return vid(adapter.mean(student), teacher, adapter.log_scale)
