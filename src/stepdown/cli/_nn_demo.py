"""The demonstration of transfer between networks, on handwritten digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from joblib import Parallel, cpu_count, delayed
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from skorch import NeuralNetClassifier
from torch import nn

from stepdown.core import InvalidInputError, TransferSet, derive_seed
from stepdown.nn import KD, PKT, Constant, ImageBatches, Taps, fit_head, flow_through_auxiliary, retrieval_scores

LAYERS = ("conv1", "conv2", "fc1")
FEATURES = LAYERS[-1]
ALONE = "student alone"
EPOCHS = 100
DIAGONAL = False
"""Of both relational methods, as in their papers. Chosen, with the student's widths and the weights of its layers, on a
part of the training half: benchmarks/networks/nn_demo.py."""
WEIGHTS = Constant()
TEACHER = {"conv1": 16, "conv2": 32, "features": 64}
SCALE = 16 / 255
"""Pixels of digits are 0 to 16."""


class Network(nn.Module):
    """Two convolutions and a linear layer, whose activations are the features, before the head."""

    def __init__(self, conv1: int = 8, conv2: int = 8, features: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(1, conv1, 3, padding=1), nn.BatchNorm2d(conv1), nn.ReLU(), nn.MaxPool2d(2))
        self.conv2 = nn.Sequential(
            nn.Conv2d(conv1, conv2, 3, padding=1), nn.BatchNorm2d(conv2), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.fc1 = nn.Sequential(nn.Flatten(), nn.Linear(4 * conv2, features), nn.ReLU())
        self.fc2 = nn.Linear(features, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.fc1(self.conv2(self.conv1(x))))


@dataclass(frozen=True)
class NnDemo:
    """What the demonstration found: for each network its scores on held-out digits, one of each seed, in [0, 1]."""

    parameters: dict[str, int] = field(default_factory=dict)
    retrieval: dict[str, list[float]] = field(default_factory=dict)
    accuracy: dict[str, list[float]] = field(default_factory=dict)

    def __str__(self) -> str:
        width = max(map(len, self.parameters))
        lines = [f"{'':{width}}  parameters  retrieval       accuracy"]
        lines += [
            f"{name:{width}}  {size:10,}  {_spread(self.retrieval[name])}  {_spread(self.accuracy[name])}"
            for name, size in self.parameters.items()
        ]
        return "\n".join(lines)

    def sentences(self) -> str:
        """What the table says, and what it doesn't."""
        repeats = len(self.retrieval[ALONE])
        gains = {
            name.removeprefix("student by "): 100 * (np.mean(scores) - np.mean(self.retrieval[ALONE]))
            for name, scores in self.retrieval.items()
            if name.startswith("student by ")
        }
        against = ", ".join(f"{name} {gain:+.1f}" for name, gain in gains.items())
        return (
            f"Percent on held-out digits: mean and standard deviation of {repeats} trainings.\n"
            "Retrieval: mean average precision of finding training digits of the same class by features (cosine).\n"
            "PKT and information flow teach the student without labels; its head was fitted to them afterwards.\n"
            "Layers weigh alike in all epochs: chosen, on training digits alone, against a critical period.\n"
            f"Retrieval against the student alone, in points: {against}.\n"
            "The digits are few and easy and the trainings short: this shows how it works, not what it is worth."
        )

    def join(self, other: NnDemo) -> None:
        """Take in the scores of other trainings of the same networks."""
        self.parameters.update(other.parameters)
        for mine, theirs in ((self.retrieval, other.retrieval), (self.accuracy, other.accuracy)):
            for name, scores in theirs.items():
                mine.setdefault(name, []).extend(scores)

    def add(self, name: str, net: NeuralNetClassifier, train: TransferSet, test: TransferSet) -> None:
        """Score a network and keep the scores under its name."""
        scores = retrieval_scores(_features(net, train.X), train.y, _features(net, test.X), test.y, at=(1,))
        self.parameters[name] = sum(values.numel() for values in net.module_.parameters())
        self.retrieval.setdefault(name, []).append(scores.mean_average_precision)
        self.accuracy.setdefault(name, []).append(float(np.mean(net.predict(test.X) == test.y)))


def digits() -> tuple[TransferSet, TransferSet]:
    """One half of the digits to learn from, and one to be judged by."""
    X, y = load_digits(return_X_y=True)
    images = X.astype(np.uint8).reshape(-1, 1, 8, 8)
    halves = train_test_split(images, y.astype(np.int64), test_size=0.5, stratify=y, random_state=0)
    train, test = (TransferSet.for_classification(halves[side], halves[2 + side]) for side in (0, 1))
    return train, test


def run_nn_demo(
    seed: int = 0, repeats: int = 4, tell: Callable[[str], object] = print, *, epochs: int = EPOCHS
) -> NnDemo:
    """Train teacher, auxiliary and students `repeats` times, from seeds of their own, on the same half of the digits.

    The repeats run side by side, one on each core.
    """
    if repeats < 1:
        raise InvalidInputError(f"repeats={repeats}: expected 1 or more.")
    train, test = digits()
    seeds = [derive_seed(seed, "repeat", repeat) for repeat in range(repeats)]
    tell(f"training {repeats} times teacher, auxiliary and students, {epochs} epochs each")
    found = NnDemo()
    together = Parallel(n_jobs=min(repeats, cpu_count()), return_as="generator")
    for number, one in enumerate(together(delayed(_once)(train, test, own, epochs) for own in seeds), start=1):
        found.join(one)
        tell(f"{number} of {repeats} done")
    return found


def _once(train: TransferSet, test: TransferSet, seed: int | None, epochs: int) -> NnDemo:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # networks as small as these are slower on more
    try:
        return _trained(train, test, seed, epochs)
    finally:
        torch.set_num_threads(threads)


def _trained(train: TransferSet, test: TransferSet, seed: int | None, epochs: int) -> NnDemo:
    found = NnDemo()
    alone = KD(weight=0.0)  # the labels alone
    student = network(epochs)
    # Any network will do as the teacher of a method that doesn't listen to it.
    nobody = clone(student).initialize()
    teacher = alone.transfer([nobody], network(epochs, **TEACHER), train, seed=derive_seed(seed, "teacher"))
    own = derive_seed(seed, "student")
    flow = flow_through_auxiliary(
        teacher,
        student,
        train,
        layers=LAYERS,
        teacher_layer=FEATURES,
        factor=2.0,
        schedule=WEIGHTS,
        diagonal=DIAGONAL,
        seed=own,
    )
    pkt = PKT([(FEATURES, FEATURES)], diagonal=DIAGONAL).transfer([teacher], student, train, seed=own)
    found.add("teacher", teacher, train, test)
    found.add("auxiliary", fit_head(flow.auxiliary, train), train, test)
    found.add(ALONE, alone.transfer([nobody], student, train, seed=own), train, test)
    found.add("student by KD", KD().transfer([teacher], student, train, seed=own), train, test)
    found.add("student by PKT", fit_head(pkt, train), train, test)
    found.add("student by information flow", flow.student, train, test)
    return found


def _spread(scores: list[float]) -> str:
    return f"{100 * np.mean(scores):5.1f} ± {100 * np.std(scores):4.1f}"


def network(epochs: int = EPOCHS, **widths: int) -> NeuralNetClassifier:
    """A net that is yet to be trained: the student unless widths say otherwise."""
    return NeuralNetClassifier(
        Network,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=5e-3,
        max_epochs=epochs,
        batch_size=64,
        iterator_train=ImageBatches,
        iterator_valid=ImageBatches,
        iterator_train__std=SCALE,
        iterator_valid__std=SCALE,
        iterator_train__shuffle=True,
        iterator_train__drop_last=True,
        train_split=None,
        callbacks="disable",
        verbose=0,
        **{f"module__{name}": width for name, width in widths.items()},
    )


def _features(net: NeuralNetClassifier, X: Any) -> np.ndarray[Any, Any]:
    with Taps(net.module_, [FEATURES]) as taps:
        return np.concatenate([taps[FEATURES].numpy() for _ in net.forward_iter(X)])
