"""What tree search costs, as ratios to a forest and to a plain tree measured in the same run.

    python -m benchmarks.tabular.tree_search [--large] [--out FILE]

Writes JSON with the versions and prints it. ``--large`` adds 100,000 rows by 50 features (minutes).
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from benchmarks.common.record import write
from stepdown.core import TransferSet
from stepdown.trainers import TreeSearch

# rows, features, classes, repeats: the least time of several is what the work takes without its neighbours.
SIZES = [(300, 20, 2, 5), (300, 20, 5, 5), (1_000, 20, 3, 3), (10_000, 20, 3, 1)]
LARGE = (100_000, 50, 2, 1)
STUDENT = DecisionTreeClassifier(max_depth=4)


def least_seconds(work: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def measure(n_rows: int, n_features: int, n_classes: int, repeats: int, *, with_forest: bool = True) -> dict[str, Any]:
    X, y = make_classification(n_rows, n_features, n_informative=8, n_classes=n_classes, flip_y=0.1, random_state=0)
    labels = TransferSet.for_classification(X, y)
    noise = np.random.default_rng(0).dirichlet(np.ones(n_classes), n_rows)
    soft = labels.replace(y=0.7 * labels.soft_targets() + 0.3 * noise)
    search = TreeSearch()
    plain = least_seconds(lambda: clone(STUDENT).fit(X, y), repeats)
    seconds = {
        "search_labels": least_seconds(lambda: search.fit(STUDENT, labels, seed=0), repeats),
        "search_soft": least_seconds(lambda: search.fit(STUDENT, soft, seed=0), repeats),
        "quick_labels": least_seconds(lambda: search.quick().fit(STUDENT, labels, seed=0), repeats),
    }
    result: dict[str, Any] = {"rows": n_rows, "features": n_features, "classes": n_classes, "plain_seconds": plain}
    result |= {f"{name}_in_plain_fits": round(value / plain, 2) for name, value in seconds.items()}
    if with_forest:
        forest = least_seconds(lambda: RandomForestClassifier(100, random_state=0).fit(X, y), max(1, repeats - 1))
        result |= {f"{name}_in_forests": round(value / forest, 3) for name, value in seconds.items()}
    result["training_accuracy"] = {
        "plain": float(clone(STUDENT).fit(X, y).score(X, y)),
        "search": float(search.fit(STUDENT, labels, seed=0).score(X, y)) if with_forest else None,
    }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="add 100,000 rows by 50 features")
    parser.add_argument("--out", type=Path, default=Path("tree_search.json"))
    arguments = parser.parse_args()
    measure(300, 12, 2, 1)  # first calls pay for imports
    results = [measure(*size) for size in SIZES]
    if arguments.large:
        results.append(measure(*LARGE, with_forest=False))
    report = {
        "schema": 1,
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "sklearn": sklearn.__version__},
        "student": repr(STUDENT),
        "trainer": repr(TreeSearch()),
        "results": results,
    }
    write(arguments.out, report)
    print(arguments.out.read_text())


if __name__ == "__main__":
    main()
