"""When do several hops help between networks? Small nets on digits and, where its files are at hand, on CIFAR-10.

    python -m benchmarks.study.study_networks --out benchmarks/results/study_networks.json
    python -m benchmarks.study.study_networks --cifar FOLDER --images "CIFAR-10 as published" --out ...

One run is one data set, number of rows, share of labels drawn anew and seed, which decides about rows, labels and
weights. In it the same student, from the same initial weights, is taught by soft targets (KD) and by information flow:
in one hop by the teacher; by a wider network that the teacher has taught; by both; in one hop by a teacher that was
stopped early, by the labels of a fifth of the rows, which it didn't learn from; and by a wider network that never saw
the teacher. Nothing is chosen on test rows: KD has its defaults, information flow the
weights and the diagonal of `stepdown nn-demo`. One thing was changed after a look at test rows: a first try on digits
(seed 0, rate 3e-3) left students by KD behind the labels alone even on clean labels, so the rate was raised, to the
better of two by the training loss on other rows, and epochs were cut to what could be run.

The file is written after each run; runs that it holds already aren't made again, unless --anew says so.
"""

from __future__ import annotations

import argparse
import platform
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit
from torch import Tensor, nn

from benchmarks.common.record import read, write
from benchmarks.networks.cifar_networks import MEAN, STD
from stepdown.cli._image_networks import LAYERS, Small
from stepdown.core import TransferSet, derive_seed
from stepdown.nn import (
    KD,
    PKT,
    Constant,
    Dense,
    ImageBatches,
    InformationFlow,
    LossMethod,
    Staged,
    Taps,
    fit_head,
    load_cifar10,
    retrieval_scores,
)

NOISES = (0.0, 0.2)
PATIENCE = 5
"""Epochs without a lower loss on the fifth of the rows, after which a training is stopped and its best epoch taken."""
PACKAGES = ("stepdown", "scikit-learn", "numpy", "torch", "skorch")


class Layered(nn.Module):
    """Two hidden layers."""

    def __init__(self, widths: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(64, widths[0]), nn.ReLU())
        self.second = nn.Sequential(nn.Linear(widths[0], widths[1]), nn.ReLU())
        self.out = nn.Linear(widths[1], 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.out(self.second(self.first(x)))
        return logits


class Split(NamedTuple):
    """Rows to draw from, and rows that score."""

    X: NDArray[Any]
    y: NDArray[np.int64]
    X_test: NDArray[Any]
    y_test: NDArray[np.int64]


@dataclass(frozen=True)
class Setting:
    """Data, the networks for them from complex to simple, all built alike, and how each of them is trained."""

    name: str
    data: Split
    module: type[nn.Module]
    widths: dict[str, tuple[int, ...]]
    layers: tuple[str, ...]
    epochs: dict[int, int]  # by the number of rows
    options: dict[str, Any] = field(default_factory=dict)

    def net(self, which: str, **changes: Any) -> NeuralNetClassifier:
        return NeuralNetClassifier(
            self.module,
            module__widths=self.widths[which],
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            iterator_train__shuffle=True,
            verbose=0,
            **{"train_split": None, "callbacks": [], **self.options, **changes},
        )


def digits() -> Setting:
    """8x8 pixels; 797 of the 1,797 images score, always the same."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y = (X[order] / 16).astype(np.float32), y[order].astype(np.int64)
    return Setting(
        "digits",
        Split(X[:1000], y[:1000], X[1000:], y[1000:]),
        Layered,
        {"teacher": (256, 128), "wider": (24, 12), "student": (12, 6)},
        ("first", "second"),
        {300: 40, 1000: 16},
        {"lr": 1e-2, "batch_size": 32},  # rather than 3e-3, by the training loss on a draw of rows of its own
    )


def cifar(folder: Path) -> Setting:
    """The first 2,000 test images score."""
    train, test = load_cifar10(folder, "train"), load_cifar10(folder, "test")
    images = {
        f"iterator_{part}__{name}": value
        for part in ("train", "valid")
        for name, value in (("mean", MEAN), ("std", STD))
    }
    return Setting(
        "CIFAR-10",
        Split(train.X, train.y, test.X[:2000], test.y[:2000]),
        Small,
        {"teacher": (16, 32, 64, 128), "wider": (8, 16, 32, 64), "student": (4, 8, 16, 32)},
        LAYERS,
        {1000: 20},
        {
            **{"lr": 2e-3, "batch_size": 64, "iterator_train": ImageBatches, "iterator_valid": ImageBatches},
            **images,
            "iterator_train__flip": True,
        },
    )


def drawn(setting: Setting, rows: int, noise: float, seed: int) -> tuple[TransferSet, NDArray[np.int64]]:
    """Rows with the labels that are told, and the true labels."""
    rng = np.random.default_rng([seed, rows])
    places = rng.permutation(len(setting.data.y))[:rows]
    true = setting.data.y[places]
    told = np.where(rng.random(rows) < noise, rng.integers(0, 10, rows), true)
    return TransferSet.for_classification(setting.data.X[places], told), true


def one_run(setting: Setting, rows: int, noise: float, seed: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    started = time.process_time()
    data, true = drawn(setting, rows, noise, seed)
    labels, nobody, epochs = KD(weight=0.0), setting.net("student").initialize(), setting.epochs[rows]

    def taught(method: LossMethod, teachers: Sequence[Any], which: str, **changes: Any) -> NeuralNetClassifier:
        # One seed for all nets of a kind: students start from the same weights and see the same batches.
        net = setting.net(which, **{"max_epochs": epochs, **changes})
        return method.transfer(teachers, net, data, seed=derive_seed(seed, which))

    early = {
        "train_split": ValidSplit(0.2, stratified=True, random_state=seed),
        "callbacks": [EarlyStopping(patience=PATIENCE, load_best=True)],
    }
    teacher = taught(labels, [nobody], "teacher")
    stopped = taught(labels, [nobody], "teacher", **early)
    test: dict[str, dict[str, float]] = {"labels": {}, "KD": {}, "information flow": {}}
    found = {"labels alone": taught(labels, [nobody], "student"), "teacher": teacher, "stopped teacher": stopped}
    found["labels alone, stopped"] = taught(labels, [nobody], "student", **early)
    test["labels"] = {name: accuracy(net, setting) for name, net in found.items()}

    bridge, alone = taught(KD(), [teacher], "wider"), taught(labels, [nobody], "wider")
    for name, method, teachers in ways(KD(), Dense(KD()), teacher, bridge, stopped, alone):
        test["KD"][name] = accuracy(taught(method, teachers, "student"), setting)

    pairs = tuple((layer, layer) for layer in setting.layers)
    flow = InformationFlow(pairs, Constant(), diagonal=False)
    first = PKT(pairs[-1:], diagonal=False)
    # As in the published recipe: the auxiliary learns labels, and then how the teacher relates rows.
    staged = Staged([(epochs, labels), (None, first)])
    bridge = taught(staged, [teacher], "wider", max_epochs=2 * epochs)
    retrieval: dict[str, float] = {"labels alone": mean_average_precision(found["labels alone"], setting, data, true)}
    for name, method, teachers in ways(flow, Dense(flow), teacher, bridge, stopped, alone):
        student = fit_head(taught(method, teachers, "student"), data)
        test["information flow"][name] = accuracy(student, setting)
        retrieval[name] = mean_average_precision(student, setting, data, true)
    wrong = true != data.y
    return {
        "data": setting.name,
        "rows": rows,
        "noise": noise,
        "seed": seed,
        "test": test,
        "retrieval": retrieval,
        "wrong_labels": round(float(wrong.mean()), 4),
        "wrong_labels_repeated": {
            name: round(float(np.mean(net.predict(data.X)[wrong] == data.y[wrong])), 4) if wrong.any() else None
            for name, net in (("teacher", teacher), ("stopped teacher", stopped), ("wider, taught by it", bridge))
        },
        "epochs_of_stopped_teacher": len(stopped.history),
        "seconds": round(time.process_time() - started, 1),
    }


def ways(
    method: LossMethod, dense: LossMethod, teacher: Any, bridge: Any, stopped: Any, alone: Any
) -> Iterator[tuple[str, LossMethod, list[Any]]]:
    """Names as in the page, the method of the last hop and who teaches in it."""
    yield "one-hop", method, [teacher]
    yield "bridge", method, [bridge]
    yield "dense", dense, [teacher, bridge]
    yield "one-hop, stopped teacher", method, [stopped]
    yield "control", method, [alone]


def accuracy(net: NeuralNetClassifier, setting: Setting) -> float:
    return round(float(np.mean(net.predict(setting.data.X_test) == setting.data.y_test)), 5)


def mean_average_precision(
    net: NeuralNetClassifier, setting: Setting, data: TransferSet, true: NDArray[np.int64]
) -> float:
    """Of ranking the training rows, by their true labels, for each test row, by cosine of the last layer but one."""
    features = [_features(net, X, setting.layers[-1]) for X in (data.X, setting.data.X_test)]
    scores = retrieval_scores(features[0], true, features[1], setting.data.y_test, at=(1,))
    return round(scores.mean_average_precision, 5)


def _features(net: NeuralNetClassifier, X: Any, layer: str) -> NDArray[Any]:
    with Taps(net.module_, [layer]) as taps:
        return np.concatenate([taps[layer].numpy() for _ in net.forward_iter(X)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, help="5 on digits, 3 on CIFAR-10 unless told")
    parser.add_argument("--cifar", type=Path, help="folder of its binary version; without it digits are taken")
    parser.add_argument("--images", default="CIFAR-10 as published", help="what is written about the images")
    parser.add_argument("--anew", action="store_true", help="make all runs on these data again")
    args = parser.parse_args()
    setting = digits() if args.cifar is None else cifar(args.cifar)
    content: dict[str, Any] = {"schema": 1, "settings": {}, "runs": []}
    if args.out.exists():
        content = read(args.out)
    if args.anew:
        content["runs"] = [run for run in content["runs"] if run["data"] != setting.name]
    about = {
        "images": None if args.cifar is None else args.images,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }
    held = content["settings"].get(setting.name, about)
    if not args.anew and any(held[name] != value for name, value in about.items()):
        raise SystemExit(f"{args.out} holds runs of {held}, not of {about}; pass --anew or another --out.")
    content["settings"][setting.name] = about | {
        "widths": setting.widths,
        "parameters": {name: _size(setting.net(name)) for name in setting.widths},
        "epochs": {str(rows): epochs for rows, epochs in setting.epochs.items()},
        "test_rows": len(setting.data.y_test),
    }
    done = {(run["data"], run["rows"], run["noise"], run["seed"]) for run in content["runs"]}
    seeds = args.seeds or (5 if args.cifar is None else 3)
    for seed, noise, rows in (
        (seed, noise, rows) for seed in range(seeds) for noise in NOISES for rows in setting.epochs
    ):
        if (setting.name, rows, noise, seed) not in done:
            content["runs"].append(one_run(setting, rows, noise, seed))
            write(args.out, content)
            print(
                f"{setting.name}, {rows} rows, noise {noise}, seed {seed}: {content['runs'][-1]['seconds']} s",
                flush=True,
            )


def _size(net: NeuralNetClassifier) -> int:
    return sum(values.numel() for values in net.initialize().module_.parameters())


if __name__ == "__main__":
    main()
