"""Optimiser, epochs and learning rates of information-flow distillation, as published and as we found better."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sklearn.base import clone
from skorch import NeuralNet
from torch import optim

from stepdown.core import InvalidInputError

from ._combined import Staged, WeightedSum
from ._kd import KD
from ._label_flow import LabelFlow
from ._method import LossMethod
from ._paced import Paced

Stages = tuple[tuple[int, float], ...]
"""Epochs and learning rates, one stage after another."""


@dataclass(frozen=True, slots=True)
class FlowRecipe:
    """How the networks of `flow_through_auxiliary` are trained, by Adam.

    The defaults are the published ones: Passalis, Tzelepi & Tefas, "Heterogeneous Knowledge Distillation using
    Information Flow Modeling", CVPR 2020, and its code, which makes a new Adam in each epoch.

    Parameters
    ----------
    labels : tuple of (int, float)
        Epochs and learning rates in which the auxiliary learns the labels, one stage after another.
    transfer : tuple of (int, float)
        Those in which it learns from the teacher's last layer, by the hybrid kernel with Jeffreys' divergence.
    student : tuple of (int, float)
        Those of the student.
    batch_size : int or None
        None leaves the student's own.
    renewed : bool
        Whether Adam begins anew in each epoch.
    falling : bool
        Whether the rate of each stage falls to 0 along half a cosine.
    beta2 : float
        Adam's memory of squared gradients.
    relations : float
        Weight of the labels as one more relation between rows, beside the teacher's; 0 leaves them out.

    Examples
    --------
    >>> recipe = FlowRecipe().shortened(0.1)
    >>> recipe.labels, recipe.transfer, recipe.student
    (((5, 0.001), (3, 0.0001)), ((3, 0.001), (1, 0.0001)), ((5, 0.001),))
    >>> FlowRecipe.better().student
    ((50, 0.003),)
    """

    labels: Stages = ((50, 1e-3), (30, 1e-4))
    transfer: Stages = ((30, 1e-3), (10, 1e-4))
    student: Stages = ((50, 1e-3),)
    batch_size: int | None = 128
    renewed: bool = True
    falling: bool = False
    beta2: float = 0.999
    relations: float = 0.0

    def __post_init__(self) -> None:
        for name in ("labels", "transfer", "student"):
            stages = getattr(self, name)
            if not stages or any(epochs < 1 or rate <= 0 for epochs, rate in stages):
                raise InvalidInputError(f"{name}={stages!r}: expected pairs of an epoch or more and a positive rate.")

    @classmethod
    def better(cls) -> FlowRecipe:
        """What ``recipe="falling"`` stands for: one Adam, one falling rate, the labels as one more relation."""
        return cls(
            labels=((50, 3e-3),),
            transfer=((40, 3e-3),),
            student=((50, 3e-3),),
            renewed=False,
            falling=True,
            beta2=0.99,
            relations=0.5,
        )

    def shortened(self, factor: float) -> FlowRecipe:
        """The same with all numbers of epochs multiplied, and at least 1.

        Parameters
        ----------
        factor : float
            Positive; above 1 it lengthens.

        Returns
        -------
        FlowRecipe
        """
        if not factor > 0:
            raise InvalidInputError(f"factor={factor}: expected a positive number.")
        labels, transfer, student = (
            tuple((max(1, round(epochs * factor)), rate) for epochs, rate in stages)
            for stages in (self.labels, self.transfer, self.student)
        )
        return replace(self, labels=labels, transfer=transfer, student=student)

    def applied(self, student: NeuralNet) -> NeuralNet:
        """An unfitted student of the same class with the recipe's optimiser, epochs and rate."""
        settings: dict[str, Any] = {"optimizer": optim.Adam, "optimizer__betas": (0.9, self.beta2)}
        if self.batch_size is not None:
            settings["batch_size"] = self.batch_size
        made: NeuralNet = clone(student).set_params(**settings, **_course(self.student))
        return made

    def for_bridge(self, told: LossMethod, layer: str) -> tuple[dict[str, Any], Staged]:
        """The settings of the auxiliary, and its method: labels, then what it is told."""
        stages = [*self.labels, *self.transfer]
        methods = [KD(weight=0.0)] * len(self.labels) + [self._told(told, layer)] * len(self.transfer)
        return _course(stages), self._staged(stages, methods)

    def for_student(self, told: LossMethod, layer: str) -> Staged:
        """The method of the student."""
        return self._staged(self.student, [self._told(told, layer)] * len(self.student))

    def _told(self, told: LossMethod, layer: str) -> LossMethod:
        return WeightedSum([(1.0, told), (self.relations, LabelFlow(layer))]) if self.relations else told

    def _staged(self, stages: Any, methods: list[LossMethod]) -> Staged:
        first = stages[0][1]
        return Staged(
            [
                (epochs, Paced(method, rate / first, epochs if self.falling else None, self.renewed))
                for (epochs, rate), method in zip(stages, methods, strict=True)
            ]
        )


def _course(stages: Any) -> dict[str, Any]:
    return {"lr": stages[0][1], "max_epochs": sum(epochs for epochs, _ in stages)}


CVPR2020 = FlowRecipe()
FALLING = FlowRecipe.better()
