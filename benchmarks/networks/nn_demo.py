"""With which settings `stepdown nn-demo` runs: chosen on a third of its training half, never on the half that it shows.

    python -m benchmarks.networks.nn_demo --out benchmarks/results/nn_demo.json

Teacher, auxiliary and students are trained on two thirds of the training half of scikit-learn's digits, and score on
the last third, for each seed with another cut. What is varied: the student's widths, the weights of its layers over the
epochs, and whether a row counts as its own neighbour (for PKT and for information flow alike). The demonstration takes
the student and the diagonal by which information flow scores best in the mean; of the schedules it keeps the published
one, drawn out over its epochs, unless another is better by more than twice the standard error of their difference.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from sklearn.base import clone
from sklearn.model_selection import train_test_split

from benchmarks.common.record import write
from stepdown.cli._nn_demo import ALONE, EPOCHS, FEATURES, LAYERS, TEACHER, NnDemo, digits, network
from stepdown.core import TransferSet, derive_seed
from stepdown.nn import KD, PKT, Constant, CriticalPeriod, InformationFlow, fit_head, flow_through_auxiliary

STUDENTS = {
    "4-8-16": {"conv1": 4, "conv2": 8, "features": 16},
    "8-8-16": {"conv1": 8, "conv2": 8, "features": 16},
}
SCHEDULES = {"published": CriticalPeriod(), "drawn out": CriticalPeriod.over(EPOCHS), "constant": Constant()}


def cut(seed: int | None) -> tuple[TransferSet, TransferSet]:
    """Rows to learn from and rows to choose by, both of the training half."""
    half, _ = digits()
    parts = train_test_split(half.X, half.y, test_size=1 / 3, stratify=half.y, random_state=seed)
    train, valid = (TransferSet.for_classification(parts[side], parts[2 + side]) for side in (0, 1))
    return train, valid


def scores(seed: int, student_name: str) -> Iterator[tuple[str, float]]:
    """Mean average precision on the rows to choose by, of every way to train one student."""
    own = derive_seed(seed, "settings")
    train, valid = cut(own)
    found, alone, student = NnDemo(), KD(weight=0.0), network(**STUDENTS[student_name])
    nobody = clone(student).initialize()
    teacher = alone.transfer([nobody], network(**TEACHER), train, seed=own)
    found.add("teacher", teacher, train, valid)
    found.add(ALONE, alone.transfer([nobody], student, train, seed=own), train, valid)
    found.add("KD", KD().transfer([teacher], student, train, seed=own), train, valid)
    for diagonal in (True, False):
        kept = "with the diagonal" if diagonal else "without the diagonal"
        pkt = PKT([(FEATURES, FEATURES)], diagonal=diagonal).transfer([teacher], student, train, seed=own)
        found.add(f"PKT, {kept}", fit_head(pkt, train), train, valid)
        settings = {"layers": LAYERS, "teacher_layer": FEATURES, "diagonal": diagonal, "seed": own}
        record = flow_through_auxiliary(teacher, student, train, schedule=SCHEDULES["drawn out"], **settings)
        found.add(f"auxiliary, {kept}", fit_head(record.auxiliary, train), train, valid)
        for name, schedule in SCHEDULES.items():
            method = InformationFlow(record.pairs, schedule, diagonal=diagonal)
            flow = method.transfer([record.auxiliary], student, train, seed=own)
            found.add(f"information flow, {name}, {kept}", fit_head(flow, train), train, valid)
    for name, values in found.retrieval.items():
        yield name, 100 * values[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, dict[str, list[float]]] = {name: {} for name in STUDENTS}
    for seed in range(arguments.seeds):
        for student, table in found.items():
            for name, value in scores(seed, student):
                table.setdefault(name, []).append(round(value, 2))
            print(f"seed {seed}, student {student} done", flush=True)
    for student, table in found.items():
        print(f"\nstudent {student}: mean average precision on {arguments.seeds} cuts, in percent")
        for name, values in table.items():
            print(f"  {name:50} {np.mean(values):5.1f} ± {np.std(values):3.1f}")
    if arguments.out:
        versions = {name: version(name) for name in ("numpy", "scikit-learn", "torch", "skorch")}
        about = {
            "python": platform.python_version(),
            **versions,
            "epochs": EPOCHS,
            "data": "load_digits, training half",
        }
        content = {"about": about, "seeds": list(range(arguments.seeds)), "retrieval": found}
        write(arguments.out, content)


if __name__ == "__main__":
    main()
