"""What a training gains from a teacher whose features are kept, where rows are the same in every epoch.

    python -m benchmarks.networks.nn_cache --out benchmarks/results/nn_cache.json

A small network learns from a larger one by `InformationFlow` of three layers and `KD`, at batch 128 of 32x32 images
that aren't augmented, once with the network itself and once with `CachedTeacher`. Both sides train an epoch
alternately, in processor time on one core; the ratio is the median over the rounds of that within a round. Filling the
cache is counted by itself, in epochs of the side without it. Data and weights are random: nothing here depends on what
they say.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.common.record import write
from stepdown.nn import KD, CachedTeacher, InformationFlow, Transfer, WeightedSum

BATCH, ROWS = 128, 1024
LAYERS = ("2", "5", "8")
TEACHERS = {"twice as wide": 16, "eight times as wide": 64}


def network(width: int) -> nn.Sequential:
    torch.manual_seed(width)
    layers: list[nn.Module] = []
    for a, b in ((3, width), (width, 2 * width), (2 * width, 4 * width)):
        layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * width, 10))


def epoch(transfer: Transfer, student: nn.Module, optimizer: Any, x: Tensor, y: Tensor, number: int) -> float:
    start = time.process_time()
    for rows in torch.randperm(len(x)).split(BATCH):
        loss = transfer.loss(x[rows], student(x[rows]), y[rows], epoch=number)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.process_time() - start


def measured(width: int, rounds: int) -> dict[str, Any]:
    x, y = torch.randn(ROWS, 3, 32, 32), torch.arange(ROWS) % 10
    teacher = network(width).eval()
    method = WeightedSum([(1.0, InformationFlow([(layer, layer) for layer in LAYERS])), (1.0, KD())])
    seconds: dict[str, list[float]] = {"network": [], "cached": []}
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        cached = CachedTeacher(teacher, x, folder)
        cached.outputs(LAYERS)
        filling = time.process_time() - start
        students = {"network": network(8), "cached": network(8)}
        with (
            Transfer(teacher, students["network"], method) as live,
            Transfer(cached, students["cached"], method) as kept,
        ):
            sides = {"network": live, "cached": kept}
            optimizers = {name: torch.optim.Adam(student.parameters()) for name, student in students.items()}
            for number in range(rounds + 1):
                for name, transfer in sides.items():
                    spent = epoch(transfer, students[name], optimizers[name], x, y, number)
                    if number:  # the first warms up
                        seconds[name].append(spent)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.npy"))
    ratios = [a / b for a, b in zip(seconds["network"], seconds["cached"], strict=True)]
    plain = statistics.median(seconds["network"])
    return {
        "ratio of an epoch": round(statistics.median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in ratios],
        "filling, in epochs": round(filling / plain, 2),
        "seconds of an epoch": {name: round(statistics.median(values), 3) for name, values in seconds.items()},
        "bytes a row on disk": size // ROWS,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = {name: measured(width, arguments.rounds) for name, width in TEACHERS.items()}
    for name, values in found.items():
        print(name, values)
    if arguments.out:
        about = {"python": platform.python_version(), "torch": version("torch"), "batch": BATCH, "rows": ROWS}
        write(arguments.out, {"about": about, "teachers": found})


if __name__ == "__main__":
    main()
