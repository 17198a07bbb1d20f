"""The ways to teach the small student that `cifar.py` compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from stepdown.cli._image_networks import LAYERS
from stepdown.nn import (
    KD,
    PKT,
    Constant,
    CriticalPeriod,
    FlowRecipe,
    InformationFlow,
    LossMethod,
    Paced,
    Schedule,
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


def by_recipe(
    epochs: int,
    recipe: FlowRecipe,
    schedule: Callable[[int], Schedule] = CriticalPeriod.over,
    diagonal: bool = True,
    **changes: Any,
) -> Way:
    """The student's part of a recipe of `flow_through_auxiliary`, over another number of epochs."""
    rate = changes.pop("learning_rate", recipe.student[0][1])
    recipe = replace(recipe, student=((epochs, rate),), **changes)
    flow = InformationFlow(PAIRS, schedule(epochs), diagonal=diagonal)
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
    ours = partial(by_recipe, epochs, FlowRecipe.better())
    return {
        **{f"labels {weight}": ours(relations=weight) for weight in (0.5, 2.0, 8.0)},
        "labels 2.0, rate 0.006": ours(relations=2.0, learning_rate=6e-3),
        **{f"labels 8.0, rate {rate}": ours(relations=8.0, learning_rate=rate) for rate in (0.006, 0.012)},
        "labels 2.0, critical period as over 50 epochs": ours(relations=2.0, schedule=lambda _: CriticalPeriod()),
        "labels 2.0, constant weight 1": ours(relations=2.0, schedule=lambda _: Constant(1.0)),
    }
