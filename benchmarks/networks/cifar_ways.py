"""The ways to teach the small student that `cifar.py` compares."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor
from torch.nn import functional

from benchmarks.networks.cifar_training import Settings
from stepdown.cli._image_networks import LAYERS
from stepdown.nn import KD, PKT, Constant, InformationFlow, LossMethod, Outputs, WeightedSum
from stepdown.nn.functional import information_flow

PAIRS = tuple((layer, layer) for layer in LAYERS)
LAST = PAIRS[-1:]


@dataclass(frozen=True)
class Way:
    """A loss, whose network teaches, and what else differs from the published recipe."""

    method: LossMethod | None
    teacher: str | None = "aux_pkt"
    settings: Settings = field(default_factory=Settings)


class LabelFlow(LossMethod):
    """The labels as one more layer that teaches: rows of one class are equal there, all others equally far."""

    def __init__(self, layer: str = LAYERS[-1], scale: float = 3.0, n_classes: int = 10) -> None:
        self.layer = layer
        self.scale = scale
        self.n_classes = n_classes

    def layers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (), (self.layer,)

    def loss(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> Tensor:
        assert target is not None
        return information_flow(student.layers[self.layer], self.scale * functional.one_hot(target, self.n_classes))


STUDENTS = {
    "information flow": Way(InformationFlow(PAIRS)),
    "PKT": Way(PKT(LAST)),
    "cross-entropy": Way(None, None),
    "information flow, constant weight 100": Way(InformationFlow(PAIRS, Constant(100.0))),
    "KD": Way(KD(), "tiny_cifar10"),
}

ONE_OPTIMIZER = Settings(fresh_optimizer=False)
FALLING = Settings(fresh_optimizer=False, beta2=0.99, cosine=True, learning_rate=3e-3)
FLOW = InformationFlow(PAIRS)
WITH_LABELS = WeightedSum([(1.0, FLOW), (0.5, LabelFlow())])
ABLATION: dict[str, Way] = {
    "one optimizer": Way(FLOW, settings=ONE_OPTIMIZER),
    "falling rate": Way(FLOW, settings=FALLING),
    "falling rate, relations of the labels added": Way(
        WeightedSum([(1.0, FLOW), (0.5, LabelFlow())]), settings=FALLING
    ),
    "falling rate, cross-entropy added": Way(WeightedSum([(1.0, FLOW), (1e-3, KD(weight=0.0))]), settings=FALLING),
}
