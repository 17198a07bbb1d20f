"""The ways to teach the small student that `cifar.py` compares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from stepdown.cli._image_networks import LAYERS
from stepdown.nn import (
    KD,
    PKT,
    CriticalPeriod,
    FlowRecipe,
    InformationFlow,
    LossMethod,
    Paced,
)

PAIRS = tuple((layer, layer) for layer in LAYERS)
LAST = PAIRS[-1:]


@dataclass(frozen=True)
class Way:
    """A loss, whose network teaches, and Adam's settings; the defaults are the published recipe's."""

    method: LossMethod
    teacher: str | None = "aux_pkt"
    learning_rate: float = 1e-3
    beta2: float = 0.999


def by_recipe(epochs: int, recipe: FlowRecipe, **changes: Any) -> Way:
    """The student's part of a recipe of `flow_through_auxiliary`, over another number of epochs."""
    rate = changes.pop("learning_rate", recipe.student[0][1])
    recipe = replace(recipe, student=((epochs, rate),), **changes)
    flow = InformationFlow(PAIRS, CriticalPeriod.over(epochs))
    return Way(recipe.for_student(flow, LAYERS[-1]), learning_rate=rate, beta2=recipe.beta2)


def falling(epochs: int, method: LossMethod, teacher: str | None) -> Way:
    """Another method under the falling rate of ours."""
    ours = FlowRecipe.better()
    return Way(Paced(method, falling=epochs), teacher, ours.student[0][1], ours.beta2)


def students(epochs: int) -> dict[str, Way]:
    """What is scored on the test images: both recipes, and other methods at the rates of each."""
    others: dict[str, tuple[LossMethod, str | None]] = {
        "PKT": (PKT(LAST), "aux_pkt"),
        "KD": (KD(), "tiny_cifar10"),
        "cross-entropy": (KD(weight=0.0), None),
    }
    return {
        "published recipe": by_recipe(epochs, FlowRecipe()),
        "our recipe": by_recipe(epochs, FlowRecipe.better()),
        **{name: Way(Paced(method, renewed=True), teacher) for name, (method, teacher) in others.items()},
        **{f"{name}, our rates": falling(epochs, method, teacher) for name, (method, teacher) in others.items()},
    }


def choices(epochs: int) -> dict[str, Way]:
    """What our recipe was chosen from, on images held out of the training part."""
    return {
        f"labels {weight}, rate {rate}": by_recipe(epochs, FlowRecipe.better(), relations=weight, learning_rate=rate)
        for weight in (0.5, 1.0, 2.0, 4.0, 8.0)
        for rate in (0.003, 0.006, 0.012, 0.024)
    }
