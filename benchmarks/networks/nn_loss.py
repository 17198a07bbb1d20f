"""What the information-flow loss costs: time and memory as ratios to one kernel after the other, in one run.

    python -m benchmarks.networks.nn_loss --out benchmarks/results/nn_loss.json

The layers are those of the published auxiliary and student networks on 32x32 images. The straightforward version writes
down the published recipe: for each layer and kernel both similarity matrices, then autograd. It is measured twice, with
the teacher detached and, as the published code does it, with gradients for the teacher's features too. All sides are
timed alternately on one thread, four layers forward and then backward together, in processor time; a ratio is the
median over the rounds of that within a round. Memory is the most that is allocated at a time beyond the features,
gradients included.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks.common.record import write
from stepdown.nn.functional import information_flow

LAYERS = {"conv1": (1800, 3600), "conv2": (576, 1152), "conv3": (128, 256), "fc1": (64, 128)}
"""Widths of student and teacher."""


def straightforward(student: Tensor, teacher: Tensor, eps: float = 1e-6) -> Tensor:
    def cosine(features: Tensor) -> Tensor:
        unit = features / (features.pow(2).sum(1, keepdim=True).sqrt() + eps)
        return (unit @ unit.T + 1) / 2

    def student_t(features: Tensor) -> Tensor:
        squared = features.pow(2).sum(1)
        distances = squared[:, None] + squared - 2 * features @ features.T
        return 1 / (1 + (distances.clamp(min=0) + eps).sqrt())

    loss = student.new_zeros(())
    for kernel in (cosine, student_t):
        p, q = kernel(teacher), kernel(student)
        p, q = p / p.sum(1, keepdim=True), q / q.sum(1, keepdim=True)
        loss = loss + ((p - q) * (p.log() - q.log())).mean()
    return loss


Loss = Callable[[Tensor, Tensor], Tensor]
Features = list[tuple[Tensor, Tensor]]


def step(loss: Loss, features: Features, teacher_gradient: bool = False) -> None:
    for student, teacher in features:
        student.grad = teacher.grad = None
        teacher.requires_grad_(teacher_gradient)
    torch.stack([loss(student, teacher) for student, teacher in features]).sum().backward()


def seconds(work: Callable[[], None]) -> float:
    started = time.process_time()  # of this process alone, whoever else keeps the machine busy
    work()
    return time.process_time() - started


def peak_bytes(work: Callable[[], None]) -> int:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    results = profiler.profiler.kineto_results  # type: ignore[union-attr]
    changes = [event for event in results.events() if event.name() == "[memory]"]
    level = peak = 0
    for event in sorted(changes, key=lambda event: event.start_ns()):
        level += event.nbytes()
        peak = max(peak, level)
    return peak


def measured(n: int, rounds: int) -> dict[str, object]:
    torch.manual_seed(0)
    features = [
        (torch.randn(n, mine).relu().requires_grad_(), torch.randn(n, theirs).relu())
        for mine, theirs in LAYERS.values()
    ]
    ways = {
        "stepdown": lambda: step(information_flow, features),
        "straightforward": lambda: step(straightforward, features),
        "as published": lambda: step(straightforward, features, teacher_gradient=True),
    }
    for work in ways.values():
        work()
    times = [{name: seconds(work) for name, work in ways.items()} for _ in range(rounds)]
    memory = {name: peak_bytes(work) for name, work in ways.items()}
    step(information_flow, features)
    mine = [student.grad.double() for student, _ in features]
    exact = [(student.detach().double().requires_grad_(), teacher.detach().double()) for student, teacher in features]
    step(straightforward, exact)
    error = max(float((a - b.grad).norm() / b.grad.norm()) for a, (b, _) in zip(mine, exact, strict=True))
    return {
        "rows": n,
        "milliseconds": {name: round(1e3 * statistics.median(t[name] for t in times), 2) for name in ways},
        "speed": {name: round(statistics.median(t[name] / t["stepdown"] for t in times), 2) for name in list(ways)[1:]},
        "largest relative error of a gradient in float32": error,
        "megabytes": {name: round(size / 1e6, 2) for name, size in memory.items()},
        "memory": {name: round(memory["stepdown"] / memory[name], 3) for name in list(ways)[1:]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    report = {
        "torch": torch.__version__,
        "machine": platform.machine(),
        "threads": 1,
        "batches": [measured(128, 4 * options.rounds), measured(1024, options.rounds)],
    }
    text = json.dumps(report, indent=1)
    print(text)
    if options.out:
        write(options.out, report)


if __name__ == "__main__":
    main()
