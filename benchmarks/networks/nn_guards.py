"""What the checks of a batch cost: their share of a training step, in processor time on one thread.

    python -m benchmarks.networks.nn_guards --out benchmarks/results/nn_guards.json

Each function that only looks for mistakes in every batch is timed from inside real training steps. A step is the
student's forward pass, the loss with the teacher's pass, the backward pass and the optimiser's step.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from benchmarks.common.record import write
from stepdown.nn import KD, PKT, InformationFlow, LossMethod, Transfer, WeightedSum, _transfer

CHECKS = ("expect_rows", "expect_latest")


class Cnn(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2))
        self.conv2 = nn.Sequential(nn.Conv2d(width, 2 * width, 3), nn.BatchNorm2d(2 * width), nn.ReLU())
        self.fc1 = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(8 * width, 64), nn.ReLU())
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        return self.fc2(self.fc1(self.conv2(self.conv1(x))))


class Words(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, 2, 2 * width, batch_first=True)
        self.words = nn.Embedding(1000, width)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 4)

    def forward(self, x: Any) -> Any:
        return self.head(self.encoder(self.words(x)).mean(1))


PAIRS = {"images": [(name, name) for name in ("conv1", "conv2", "fc1")], "words": [("words",) * 2, ("encoder",) * 2]}


class Clock:
    """Processor time spent inside some functions."""

    def __init__(self) -> None:
        self.spent = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.spent += time.process_time() - started

        return timed


def measure(kind: str, method: LossMethod, rows: int, steps: int) -> dict[str, float]:
    torch.manual_seed(0)
    if kind == "images":
        x, teacher, student = torch.randn(rows, 3, 32, 32), Cnn(32), Cnn(8)
    else:
        x, teacher, student = torch.randint(1000, (rows, 32)), Words(64), Words(16)
    y, optimizer = torch.arange(rows) % 4, torch.optim.Adam(student.parameters())
    checks, whole = Clock(), []
    timed = {name: checks.around(getattr(_transfer, name)) for name in CHECKS}
    with Transfer(teacher, student, method) as transfer, patch.multiple(_transfer, **timed):
        transfer._check = checks.around(transfer._check)  # type: ignore[method-assign]
        for step in range(steps + 1):
            started = time.process_time()
            loss = transfer.loss(x, student(x), y, epoch=0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            whole.append(time.process_time() - started)
            if step == 0:
                checks.spent = 0.0
    step_seconds = sum(whole[1:]) / steps
    return {
        "step_ms": round(1000 * step_seconds, 3),
        "share_of_a_step": round(checks.spent / sum(whole[1:]), 5),
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    results = {}
    for kind, pairs in PAIRS.items():
        methods: dict[str, LossMethod] = {
            "KD": KD(),
            "PKT": PKT(pairs[-1:]),
            "KD + InformationFlow": WeightedSum([(1.0, KD()), (1.0, InformationFlow(pairs))]),
        }
        for name, method in methods.items():
            results[f"{kind}: {name}"] = measure(kind, method, options.rows, options.steps)
    record = {
        "rows": options.rows,
        "steps": options.steps,
        "threads": 1,
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "results": results,
    }
    print(json.dumps(record, indent=2))
    if options.out:
        write(options.out, record)


if __name__ == "__main__":
    main()
