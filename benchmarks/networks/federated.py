"""What clients of different kinds gain by each other's answers on public rows: scikit-learn's digits.

    python -m benchmarks.networks.federated --out benchmarks/results/federated.json

For each seed the 1,797 rows are cut into 400 public ones, whose labels nobody uses, five clients of 80 rows, and the
rest to score on. A client's rows are drawn with class shares from a Dirichlet distribution of 0.5, so that clients
know different classes; their models are a network, a forest, a tree, a linear model and bagged trees. Nothing is
chosen by any score. Means are over seeds, ± half the 95 % interval of Student's t; differences are paired by seed.
"""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier
from torch import nn, optim

from benchmarks.common.record import write
from stepdown.contrib.federated import Client, Federation, federate, mean_of_logits, mean_of_probabilities
from stepdown.core import TransferSet, derive_seed
from stepdown.learners import BaggedTreesClassifier, fit_to, predictions

PUBLIC, OWN, SKEW, ROUNDS = 400, 80, 0.5, 2
CLASSES = np.arange(10)
MEANS = {"probabilities": mean_of_probabilities, "logits": mean_of_logits}


def models() -> list[Any]:
    net = NeuralNetClassifier(
        nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)),
        criterion=nn.CrossEntropyLoss,
        optimizer=optim.Adam,
        lr=0.01,
        max_epochs=30,
        batch_size=64,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    return [
        net,
        RandomForestClassifier(100),
        DecisionTreeClassifier(max_depth=8),
        LogisticRegression(max_iter=500),
        BaggedTreesClassifier(50),
    ]


def cut(seed: int) -> tuple[list[Client], Any, TransferSet]:
    """Clients, public rows, and rows to score on."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    rng = np.random.default_rng(derive_seed(seed, "cut"))
    free = rng.permutation(len(y))
    public, free = free[:PUBLIC], free[PUBLIC:]
    clients = []
    for model in models():
        shares = rng.dirichlet(np.full(10, SKEW)) + 1e-9  # rows remain where the favoured classes are used up
        weights = shares[y[free]]
        mine = rng.choice(free, OWN, replace=False, p=weights / weights.sum())
        clients.append(Client(model, X[mine], y[mine]))
        free = np.setdiff1d(free, mine)
    return clients, X[public], TransferSet(X[free], y[free], classes=CLASSES)


def accuracy(model: Any, test: TransferSet) -> float:
    values, _ = predictions(model, test.X, CLASSES)
    return 100 * float(np.mean(values.argmax(1) == test.y))


def scores(seed: int) -> dict[str, float]:
    clients, public, test = cut(seed)
    found: dict[str, float] = {}
    for name, mean in MEANS.items():
        made: Federation = federate(clients, public, rounds=ROUNDS, mean=mean, seed=seed)
        for after in range(ROUNDS + 1):
            found[f"clients, {after} rounds, {name}"] = float(np.mean([accuracy(m, test) for m in made.models[after]]))
            teacher = made.teacher(after)
            found[f"together, {after} rounds, {name}"] = accuracy(teacher, test)
            told = TransferSet(public, teacher.predict_proba(public), classes=CLASSES)
            student = fit_to(DecisionTreeClassifier(max_depth=8), told, seed=derive_seed(seed, "student"))
            found[f"tree, {after} rounds, {name}"] = accuracy(student, test)
    return found


def interval(values: Any) -> str:
    values = np.asarray(values)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():5.1f} ± {half:3.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, list[float]] = {}
    for seed in range(arguments.seeds):
        for name, value in scores(seed).items():
            found.setdefault(name, []).append(round(value, 2))
        print(f"seed {seed} done", flush=True)
    for name, values in found.items():
        start = found[f"{name.split(',')[0]}, 0 rounds, {name.rpartition(', ')[2]}"]
        print(f"{name:34} {interval(values)}   against no rounds {interval(np.subtract(values, start))}")
    if arguments.out:
        versions = {name: version(name) for name in ("numpy", "scikit-learn", "torch", "skorch")}
        about = {"python": platform.python_version(), **versions, "data": "load_digits"}
        write(arguments.out, {"about": about, "seeds": list(range(arguments.seeds)), "accuracy": found})


if __name__ == "__main__":
    main()
