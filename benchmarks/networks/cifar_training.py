"""How a student is trained and scored in `cifar.py`: one loop for every way to teach it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.networks.cifar_networks import MEAN, STD, fast
from stepdown.nn import ImageBatches, LossMethod, Outputs, Taps, linear_probe_accuracy, retrieval_scores

PROBE_ROWS = 10_000
"""Training rows to which a head is fitted; all 50,000 change the accuracy by less than a seed."""


class Split(NamedTuple):
    """Images and labels of one part of the data."""

    X: NDArray[np.uint8]
    y: NDArray[np.int64]


@dataclass(frozen=True)
class Settings:
    """Everything of a training but the loss; the defaults are the published recipe's."""

    epochs: int = 15
    learning_rate: float = 1e-3
    batch_size: int = 128
    padding: int = 4
    flip: bool = True
    fresh_optimizer: bool = True  # a new Adam in each epoch
    beta2: float = 0.999  # Adam's
    cosine: bool = False  # the rate rises over a tenth of the steps and falls to 0 along a cosine
    late: int = 0  # epochs at the end with a tenth of the rate

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step."""
        if self.cosine:
            rise = steps // 10
            fallen = (1 + math.cos(math.pi * (step - rise) / (steps - rise))) / 2
            return self.learning_rate * ((step + 1) / rise if step < rise else fallen)
        return self.learning_rate * (0.1 if step >= steps * (1 - self.late / self.epochs) else 1.0)

    def changes(self) -> dict[str, Any]:
        plain = asdict(Settings())
        return {name: value for name, value in asdict(self).items() if value != plain[name]}


class Lesson(NamedTuple):
    """A student, and the method and the network that teach it; the labels do where there are none."""

    student: nn.Module
    method: LossMethod | None = None
    teacher: nn.Module | None = None


def train(lessons: Sequence[Lesson], data: Split, settings: Settings, *, seed: int, device: str = "cpu") -> float:
    """Train students in place, side by side on the same batches; return the seconds of the processor.

    Each teacher runs once a batch for all of its students. Nothing else is shared: a student becomes what it would have
    become alone.
    """
    started = time.process_time()
    batches = ImageBatches(
        data, settings.batch_size, shuffle=True, padding=settings.padding, flip=settings.flip, seed=seed, device=device,
        mean=MEAN, std=STD,
    )  # fmt: skip
    teachers = {id(lesson.teacher): lesson.teacher for lesson in lessons if lesson.teacher is not None}
    optimizers = [_optimizer(lesson.student, settings) for lesson in lessons]
    step, steps = 0, settings.epochs * len(batches)
    with ExitStack() as stack:
        views = {key: stack.enter_context(_tapped(teacher, lessons, 0)) for key, teacher in teachers.items()}
        own_views = [stack.enter_context(_tapped(lesson.student, [lesson], 1)) for lesson in lessons]
        for lesson in lessons:
            fast(lesson.student.to(device).train())
        for epoch in range(settings.epochs):
            if settings.fresh_optimizer:
                optimizers = [_optimizer(lesson.student, settings) for lesson in lessons]
            for x, y in batches:
                with torch.no_grad():
                    known = {key: Outputs(teacher(x), dict(views[key].items())) for key, teacher in teachers.items()}
                for lesson, view, optimizer in zip(lessons, own_views, optimizers, strict=True):
                    out = Outputs(lesson.student(x), dict(view.items()))
                    if lesson.method is None:
                        loss = nn.functional.cross_entropy(out.logits, y)
                    else:
                        loss = lesson.method.loss(out, known[id(lesson.teacher)], y, epoch=epoch)
                    for group in optimizer.param_groups:
                        group["lr"] = settings.rate(step, steps)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                step += 1
    return time.process_time() - started


def _optimizer(student: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    return torch.optim.Adam(student.parameters(), settings.learning_rate, betas=(0.9, settings.beta2), fused=True)


def _tapped(network: nn.Module, lessons: Sequence[Lesson], side: int) -> Taps:
    """Taps of a network for the layers that the methods read on its side, the teacher's (0) or the student's (1)."""
    methods = [lesson.method for lesson in lessons if lesson.method and network in (lesson.teacher, lesson.student)]
    return Taps(network, dict.fromkeys(name for method in methods for name in method.layers()[side]))


def features(network: nn.Module, X: NDArray[np.uint8], layer: str = "features", device: str = "cpu") -> NDArray[Any]:
    """A layer's activations for all images, without augmentation."""
    found = []
    network.eval()
    with Taps(network, [layer]) as taps, torch.no_grad():
        for x, _ in ImageBatches((X, None), 500, mean=MEAN, std=STD, device=device):
            network(x)
            found.append(taps[layer].flatten(1).cpu())
    return torch.cat(found).numpy()


def scored(
    network: nn.Module, data: Split, test: Split, *, compatible: bool = False, device: str = "cpu"
) -> dict[str, Any]:
    """Retrieval of training images by test images, in percent, and the accuracy of a head fitted to the labels."""
    known, asked = (features(network, split.X, device=device) for split in (data, test))
    found: dict[str, Any] = {}
    for metric in ("cosine", "euclidean"):
        scores = retrieval_scores(known, data.y, asked, test.y, metric=metric)  # type: ignore[arg-type]
        found[metric] = round(100 * scores.map_11, 2)
        found[f"{metric}, at 100"] = round(100 * scores.precision_at[100], 2)
        if compatible:
            scores = retrieval_scores(known, data.y, asked, test.y, metric=metric, compatible="pkth")  # type: ignore[arg-type]
            found[f"{metric}, as published"] = round(100 * scores.map_11, 2)
    found["accuracy of a fitted head"] = round(
        100 * linear_probe_accuracy(known[:PROBE_ROWS], data.y[:PROBE_ROWS], asked, test.y), 2
    )
    return found
