"""What redundant information distillation brings on scikit-learn's digits, beside labels and KD.

    python -m benchmarks.networks.rid --out benchmarks/results/rid.json

For each seed 300 rows to learn from, stratified, and the rest to score on. A convolutional teacher of width 16 learns
them; a student of width 4 is trained for 24 epochs in every way by the same Adam at 0.005. `RID` has four rounds of six
epochs, of which the filters take a third; for fairness it, and the labels, get twice the epochs as well. The weight of
the layers is the published one. Nothing is chosen by any score. A run goes on where the file of a former one ends.
"""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from skorch import NeuralNetClassifier
from torch import nn, optim

from benchmarks.common.record import read, write
from stepdown.core import TransferSet, derive_seed
from stepdown.nn import KD, LossMethod
from stepdown.nn.contrib import RID

EPOCHS, PAIRS = 24, [("2", "2"), ("5", "5")]
LABELS = KD(weight=0.0)
WAYS: dict[str, tuple[int, LossMethod]] = {
    "labels": (EPOCHS, LABELS),
    "KD": (EPOCHS, KD()),
    "labels, twice the epochs": (2 * EPOCHS, LABELS),
    "RID": (EPOCHS, RID(PAIRS, length=6, filtering=2)),
    "RID, twice the epochs": (2 * EPOCHS, RID(PAIRS, length=6, filtering=2)),
}


def net(width: int, epochs: int) -> NeuralNetClassifier:
    module = nn.Sequential(
        *(nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * width, 4 * width), nn.ReLU(), nn.Linear(4 * width, 10)),
    )
    settings = {"criterion": nn.CrossEntropyLoss, "optimizer": optim.Adam, "train_split": None, "verbose": 0}
    return NeuralNetClassifier(
        module, lr=0.005, max_epochs=epochs, batch_size=32, iterator_train__shuffle=True, **settings
    )


def scores(seed: int) -> dict[str, float]:
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    parts = train_test_split(X, y, train_size=300, stratify=y, random_state=derive_seed(seed, "cut"))
    X_train, X_test, y_train, y_test = parts
    data = TransferSet.for_classification(X_train, y_train)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        nobody, untrained = net(16, EPOCHS).initialize(), net(16, EPOCHS)
        students = {name: net(4, epochs) for name, (epochs, _) in WAYS.items()}
    teacher = LABELS.transfer([nobody], untrained, data, seed=derive_seed(seed, "teacher"))
    found = {"teacher": 100 * teacher.score(X_test, y_test)}
    for name, (_, method) in WAYS.items():
        taught = method.transfer([teacher], students[name], data, seed=derive_seed(seed, "student"))
        found[name] = 100 * taught.score(X_test, y_test)
    return found


def interval(values: np.ndarray) -> str:
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():5.1f} ± {half:3.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    versions = {name: version(name) for name in ("numpy", "scikit-learn", "torch", "skorch")}
    about = {"python": platform.python_version(), **versions, "data": "load_digits"}
    found: dict[str, list[float]] = {}
    if arguments.out and arguments.out.exists():
        before = read(arguments.out)
        if before["about"] != about:
            parser.error(f"{arguments.out} was made with {before['about']}; take another file, or delete it.")
        found = before["accuracy"]
    for seed in range(len(found.get("teacher", ())), arguments.seeds):
        for name, value in scores(seed).items():
            found.setdefault(name, []).append(round(value, 2))
        print(f"seed {seed} done", flush=True)
        if arguments.out:
            write(arguments.out, {"about": about, "seeds": list(range(seed + 1)), "accuracy": found})
    for name, values in found.items() if arguments.seeds > 1 else ():
        apart = np.subtract(values, found["labels"])
        print(f"{name:24} {interval(np.asarray(values))}   against labels {interval(apart)}")


if __name__ == "__main__":
    main()
