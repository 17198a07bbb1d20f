"""How a student is trained and scored in `cifar.py`: one loop for every way to teach it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
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
    """What students that are trained side by side share; the defaults are the published recipe's."""

    epochs: int = 15
    batch_size: int = 128
    padding: int = 4
    flip: bool = True
    amp: bool = False  # networks in bfloat16, losses in float32


class Lesson(NamedTuple):
    """A student, the method and the network that teach it, and Adam's settings."""

    student: nn.Module
    method: LossMethod
    teacher: nn.Module | None = None
    learning_rate: float = 1e-3
    beta2: float = 0.999


def train(lessons: Sequence[Lesson], data: Split, settings: Settings, *, seed: int, device: str = "cpu") -> float:
    """Train students in place, side by side on the same batches, each at its method's pace; return the seconds of the
    processor.

    Each teacher runs once a batch for all of its students. Nothing else is shared: a student becomes what it would have
    become alone.
    """
    started = time.process_time()
    batches = ImageBatches(
        data, settings.batch_size, shuffle=True, padding=settings.padding, flip=settings.flip, seed=seed, device=device,
        mean=MEAN, std=STD,
    )  # fmt: skip
    half = partial(torch.autocast, torch.device(device).type, torch.bfloat16, enabled=settings.amp)
    teachers = {id(lesson.teacher): lesson.teacher for lesson in lessons if lesson.teacher is not None}
    with ExitStack() as stack:
        views = {key: stack.enter_context(_tapped(teacher, lessons, 0)) for key, teacher in teachers.items()}
        own_views = [stack.enter_context(_tapped(lesson.student, [lesson], 1)) for lesson in lessons]
        for lesson in lessons:
            fast(lesson.student.to(device).train())
        optimizers = [_optimizer(lesson) for lesson in lessons]
        for epoch in range(settings.epochs):
            for number, (x, y) in enumerate(batches):
                with torch.no_grad(), half():
                    known = {key: Outputs(teacher(x), dict(views[key].items())) for key, teacher in teachers.items()}
                for lesson, view, optimizer in zip(lessons, own_views, optimizers, strict=True):
                    with half():
                        out = Outputs(lesson.student(x), dict(view.items()))
                    loss = lesson.method.loss(out, known.get(id(lesson.teacher), out), y, epoch=epoch)
                    pace = lesson.method.pace(epoch + (number + 0.5) / len(batches))
                    if pace.renewed and number == 0:
                        optimizer.state.clear()
                    for group in optimizer.param_groups:
                        group["lr"] = lesson.learning_rate * pace.rate
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
    return time.process_time() - started


def _optimizer(lesson: Lesson) -> torch.optim.Optimizer:
    return torch.optim.Adam(lesson.student.parameters(), lesson.learning_rate, betas=(0.9, lesson.beta2), fused=True)


def _tapped(network: nn.Module, lessons: Sequence[Lesson], side: int) -> Taps:
    """Taps of a network for the layers that the methods read on its side, the teacher's (0) or the student's (1)."""
    methods = [lesson.method for lesson in lessons if network in (lesson.teacher, lesson.student)]
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
