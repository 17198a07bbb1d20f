"""What information flow is worth in short trainings, by the scale of its weights and by how layers are paired.

    python -m benchmarks.networks.nn_flow_scale --out benchmarks/results/nn_flow_scale.json

Teacher, auxiliaries and student are trained on two thirds of scikit-learn's digits' first half and scored on the last
third of it, for each seed with another cut: mean average precision of retrieval by the last features, and accuracy with
the head fitted. The optimiser is Adam. Every way has the same number of epochs a hop.
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
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from skorch import NeuralNetClassifier
from torch import nn

from benchmarks.common.record import write
from stepdown.cli._nn_demo import Network
from stepdown.core import Hop, TransferSet, run_hops
from stepdown.nn import (
    KD,
    PKT,
    Constant,
    CriticalPeriod,
    InformationFlow,
    LossMethod,
    Relative,
    Staged,
    Taps,
    auxiliaries,
    fit_head,
    retrieval_scores,
)

FEATURES = "fc1.2"
SMALL = {"conv1": 4, "conv2": 8, "features": 16}
ALIKE = [(name, name) for name in ("conv1.3", "conv2.3", FEATURES)]


def net(epochs: int, **widths: int) -> NeuralNetClassifier:
    return NeuralNetClassifier(
        Network,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=5e-3,
        max_epochs=epochs,
        batch_size=64,
        iterator_train__shuffle=True,
        iterator_train__drop_last=True,
        train_split=None,
        callbacks="disable",
        verbose=0,
        **{f"module__{name}": width for name, width in (SMALL | widths).items()},
    )


def cut(seed: int) -> tuple[TransferSet, TransferSet]:
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    half, _, labels, _ = train_test_split(X, y, train_size=0.5, stratify=y, random_state=0)
    parts = train_test_split(half, labels, test_size=1 / 3, stratify=labels, random_state=seed)
    train, valid = (TransferSet.for_classification(parts[side], parts[2 + side]) for side in (0, 1))
    return train, valid


def features(made: NeuralNetClassifier, data: TransferSet) -> np.ndarray:
    with Taps(made.module_, [FEATURES]) as taps:
        return np.concatenate([taps[FEATURES].numpy() for _ in made.forward_iter(data.X)])


def score(made: NeuralNetClassifier, train: TransferSet, valid: TransferSet) -> dict[str, float]:
    made = fit_head(made, train)
    found = retrieval_scores(features(made, train), train.y, features(made, valid), valid.y, at=(1,))
    accuracy = float(np.mean(made.predict(valid.X) == valid.y))
    return {"retrieval": round(100 * found.mean_average_precision, 2), "accuracy": round(100 * accuracy, 2)}


def ways(epochs: int) -> Iterator[tuple[str, LossMethod]]:
    """Methods of the hops between networks, by name."""
    drawn = CriticalPeriod.over(epochs)
    schedules = {"published": CriticalPeriod(), "drawn out": drawn, "relative": Relative(drawn), "constant": Constant()}
    for name, schedule in schedules.items():
        yield f"flow, {name}", InformationFlow(ALIKE, schedule)
    yield "flow, relative, pairs by kappa on a fresh student", InformationFlow("auto", Relative(drawn))
    yield "last layer only", PKT([(FEATURES, FEATURES)])


def once(seed: int, epochs: int) -> Iterator[tuple[str, dict[str, float]]]:
    train, valid = cut(seed)
    student = net(epochs)
    labels = KD(weight=0.0)
    nobody = clone(student).initialize()
    teacher = labels.transfer([nobody], net(2 * epochs, conv1=16, conv2=32, features=64), train, seed=seed)
    yield "teacher", score(teacher, train, valid)
    yield "student alone", score(labels.transfer([nobody], student, train, seed=seed), train, valid)
    wide = dict(auxiliaries(student, (4.0, 2.0), X=train.X, seed=seed))
    first = Staged([(epochs, labels), (None, PKT([(FEATURES, FEATURES)]))])
    for chain in ((), ("auxiliary 2x",), ("auxiliary 4x",), ("auxiliary 4x", "auxiliary 2x")):
        for way, method in ways(epochs):
            further = Staged([(epochs, labels), (None, method)])
            hops = [
                Hop(clone(wide[name]).set_params(max_epochs=2 * epochs), further if place else first, name=name)
                for place, name in enumerate(chain)
            ]
            records, _ = run_hops([teacher], [*hops, Hop(student, method)], train, seed=seed)
            yield f"{', '.join(chain) or 'no auxiliary'}: {way}", score(records[-1].model, train, valid)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, dict[str, list[float]]] = {}
    for seed in range(arguments.seeds):
        for name, values in once(seed, arguments.epochs):
            row = found.setdefault(name, {"retrieval": [], "accuracy": []})
            for measure, value in values.items():
                row[measure].append(value)
        print(f"seed {seed} done", flush=True)
    for name, row in found.items():
        cells = "  ".join(f"{np.mean(values):5.1f} ± {np.std(values):3.1f}" for values in row.values())
        print(f"{name:85} {cells}")
    if arguments.out:
        versions = {name: version(name) for name in ("numpy", "scikit-learn", "torch", "skorch")}
        about = {"python": platform.python_version(), **versions, "data": "load_digits, first half, a third held out"}
        content = {"about": about, "epochs": arguments.epochs, "seeds": list(range(arguments.seeds)), "percent": found}
        write(arguments.out, content)


if __name__ == "__main__":
    main()
