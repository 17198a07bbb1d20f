"""What a whole step of training costs: data, both networks, loss, backward pass and optimiser, on one core.

    python -m benchmarks.networks.nn_step --out benchmarks/results/nn_step.json

The student of information-flow distillation learns from the published auxiliary network's architecture, at batch 128 of
32x32 images. The straightforward side follows the published recipe: each image is padded, cut, mirrored and normalised
by itself in Python (with Pillow, or else NumPy), the networks rectify before they pool, the teacher's features carry
gradients, so that the backward pass runs through the teacher too, and for each layer and kernel both similarity
matrices are written down. Once more it has the networks of our side, which pool first, and once more the teacher
detached besides. This library's side is `ImageBatches`, a frozen teacher (folded, and once more not), channels last,
`InformationFlow` and the fused Adam. Weights, batch size and what is computed are the same on all sides. They are timed
alternately in processor time; a ratio is the median over the rounds of that within a round.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.common.record import write
from benchmarks.networks.cifar_networks import MEAN, STD, fast
from benchmarks.networks.nn_loss import straightforward
from stepdown.cli._image_networks import LAYERS, TINY, VERY_TINY, Small
from stepdown.nn import ImageBatches, InformationFlow, Taps, Transfer, folded

try:
    from PIL import Image, ImageOps
except ImportError:
    Image = ImageOps = None

BATCH = 128
PADDING = 4
SIZE = 32


class PadAndCrop:
    def __call__(self, image: Any) -> Any:
        top, left = (int(torch.randint(2 * PADDING + 1, (1,))) for _ in range(2))
        if Image is None:
            padded = np.pad(image, ((PADDING, PADDING), (PADDING, PADDING), (0, 0)))
            return padded[top : top + SIZE, left : left + SIZE]
        return ImageOps.expand(image, PADDING).crop((left, top, left + SIZE, top + SIZE))


class Mirror:
    def __call__(self, image: Any) -> Any:
        if torch.rand(1) < 0.5:
            return image[:, ::-1] if Image is None else ImageOps.mirror(image)
        return image


class Scaled:
    def __call__(self, image: Any) -> Tensor:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)


class Normalised:
    def __call__(self, image: Tensor) -> Tensor:
        mean, std = (torch.as_tensor(values, dtype=image.dtype).view(-1, 1, 1) for values in (MEAN, STD))
        return image.clone().sub_(mean).div_(std)


class ImageByImage(Dataset):  # type: ignore[type-arg]
    """Images that are augmented one at a time by composed transformations, as is usual."""

    def __init__(self, X: NDArray[np.uint8], y: NDArray[np.int64]) -> None:
        self.X = X.transpose(0, 2, 3, 1)
        self.y = y
        self.transforms = (PadAndCrop(), Mirror(), Scaled(), Normalised())

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.X[index] if Image is None else Image.fromarray(np.ascontiguousarray(self.X[index]))
        for transform in self.transforms:
            image = transform(image)
        return image, int(self.y[index])


def endless(batches: Any) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from batches


class Rectified(Small):
    """The same function as it is published."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(nn.functional.relu(self.conv1_bn(self.conv1(x))))
        x = self.pool2(nn.functional.relu(self.conv2_bn(self.conv2(x))))
        x = self.pool3(nn.functional.relu(self.conv3_bn(self.conv3(x))))
        logits: Tensor = self.fc2(self.features(self.fc1(x.flatten(1))))
        return logits


POOLED = {Small: LAYERS, Rectified: ("pool1", "pool2", "pool3", "features")}


def as_published(
    data: tuple[Any, Any], weights: dict[str, Any], *, kind: type[Small] = Rectified, detached: bool = False
) -> Iterator[float]:
    """A step each time the next loss is asked for."""
    teacher, student = networks(weights, kind)
    layers = POOLED[kind]
    optimizer = torch.optim.Adam(student.parameters(), 1e-3)
    batches = endless(DataLoader(ImageByImage(*data), BATCH, shuffle=True, drop_last=True))
    with Taps(teacher, layers) as theirs, Taps(student, layers) as mine:
        for x, _ in batches:
            optimizer.zero_grad()
            teacher.zero_grad()
            with torch.set_grad_enabled(not detached):
                teacher(x)
            student(x)
            loss = x.new_zeros(())
            for layer, weight in zip(layers, (100.0, 100.0, 100.0, 1.0), strict=True):
                loss = loss + weight * straightforward(mine[layer].flatten(1), theirs[layer].flatten(1))
            loss.backward()
            optimizer.step()
            yield loss.item()


def by_stepdown(
    data: tuple[Any, Any], weights: dict[str, Any], *, prepared: Callable[[Small], nn.Module]
) -> Iterator[float]:
    teacher, student = networks(weights)
    fast(student)
    optimizer = torch.optim.Adam(student.parameters(), 1e-3, fused=True)
    batches = endless(
        ImageBatches(data, BATCH, shuffle=True, drop_last=True, padding=PADDING, flip=True, mean=MEAN, std=STD)
    )
    method = InformationFlow([(layer, layer) for layer in LAYERS])
    with Transfer(fast(prepared(teacher)), student, method) as transfer:
        for x, y in batches:
            loss = transfer.loss(x, student(x), y, epoch=0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield loss.item()


def networks(weights: dict[str, Any], kind: type[Small] = Small) -> tuple[Small, Small]:
    teacher, student = kind(TINY), kind(VERY_TINY)
    teacher.load_state_dict(weights["teacher"])
    student.load_state_dict(weights["student"])
    return teacher.eval(), student.train()


def seconds(steps: Iterator[float], n: int) -> float:
    started = time.process_time()  # of this process alone, whoever else keeps the machine busy
    for _ in range(n):
        next(steps)
    return (time.process_time() - started) / n


def measured(rounds: int, steps: int, n_images: int = 4096) -> dict[str, Any]:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (n_images, 3, 8, 8), dtype=np.uint8)
    data = coarse.repeat(4, 2).repeat(4, 3), rng.integers(0, 10, n_images)
    weights = {"teacher": Small(TINY).state_dict(), "student": Small(VERY_TINY).state_dict()}
    ways = {
        "stepdown": by_stepdown(data, weights, prepared=folded),
        "stepdown, teacher not folded": by_stepdown(data, weights, prepared=lambda teacher: teacher),
        "as published": as_published(data, weights),
        "as published, pooling first": as_published(data, weights, kind=Small),
        "as published, pooling first, teacher detached": as_published(data, weights, kind=Small, detached=True),
    }
    for work in ways.values():
        seconds(work, 3)
    times = [{name: seconds(work, steps) for name, work in ways.items()} for _ in range(rounds)]
    return {
        "milliseconds": {name: round(1e3 * statistics.median(t[name] for t in times), 1) for name in ways},
        "ratio to stepdown": {
            name: round(statistics.median(t[name] / t["stepdown"] for t in times), 2) for name in list(ways)[1:]
        },
        "spread of the ratio as published": [
            round(value, 2) for value in np.quantile([t["as published"] / t["stepdown"] for t in times], [0.1, 0.9])
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=5, help="of each side in a round")
    options = parser.parse_args()
    torch.set_num_threads(1)
    report = {
        "torch": torch.__version__,
        "machine": platform.machine(),
        "threads": 1,
        "batch": BATCH,
        "images": "Pillow" if Image is not None else "NumPy",
        "rounds": options.rounds,
        "steps": options.steps,
        **measured(options.rounds, options.steps),
    }
    text = json.dumps(report, indent=1)
    print(text)
    if options.out:
        write(options.out, report)


if __name__ == "__main__":
    main()
