"""Information-flow distillation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from torch import Tensor, nn

from stepdown.core import StepdownError

from ._method import LayerMethod, Pairs, Seen
from ._positions import ChannelAxis, Pool, Tokens
from ._schedules import CriticalPeriod, Schedule
from .functional._information import information_flow, information_flows
from .functional._numerics import Reduction


class InformationFlow(LayerMethod):
    """The student's layers, from the first to the last, relate the rows as the teacher's layers do.

    Passalis, Tzelepi & Tefas, "Heterogeneous Knowledge Distillation using Information Flow Modeling", CVPR 2020;
    `functional.information_flow` of each pair, weighted by the schedule. Best taught by an auxiliary network that is
    built like the student and wider. Labels are not used: the classifying head has to be trained afterwards.

    Parameters
    ----------
    pairs : sequence of (str, str), or "auto"
        Teacher's and student's layers, of any shapes, from the first to the last; "auto" takes `propose_pairs`.
    schedule : Schedule, optional
        Weights of the layers over the epochs; by default ``CriticalPeriod()``.
    reduction : {"mean", "row", "sum"}
        "mean", which falls as 1/n_rows, is that of the published code; "row" doesn't depend on the size of the batch.
    diagonal : bool
        Whether a row counts as its own neighbour.
    tokens, channels, pool : optional
        How sequences and maps are read, as in `LayerMethod`.

    Examples
    --------
    >>> InformationFlow([("conv1", "conv1"), ("fc1", "fc1")]).layer_weights(epoch=0, n_layers=2)
    (100.0, 1.0)
    """

    def __init__(
        self,
        pairs: Pairs | str = "auto",
        schedule: Schedule | None = None,
        reduction: Reduction = "mean",
        diagonal: bool = True,
        tokens: Tokens = None,
        channels: ChannelAxis = None,
        pool: Pool = None,
    ) -> None:
        self.pairs = pairs
        self.schedule = schedule
        self.reduction = reduction
        self.diagonal = diagonal
        self.tokens = tokens
        self.channels = channels
        self.pool = pool

    def layer_weights(self, epoch: int, n_layers: int) -> tuple[float, ...]:
        schedule = CriticalPeriod() if self.schedule is None else self.schedule
        return schedule.weights(epoch, n_layers)

    def layer_loss(self, student: Tensor, teacher: Tensor, adapter: nn.Module | None) -> Tensor:
        return information_flow(student, teacher, reduction=self.reduction, diagonal=self.diagonal)

    def layer_losses(self, pairs: Sequence[Seen]) -> Iterable[Tensor]:
        if type(self).layer_loss is InformationFlow.layer_loss:
            with suppress(StepdownError):  # which is raised, with the layer's name, one by one
                students, teachers = [pair.student for pair in pairs], [pair.teacher for pair in pairs]
                return information_flows(students, teachers, reduction=self.reduction, diagonal=self.diagonal)
        return super().layer_losses(pairs)
