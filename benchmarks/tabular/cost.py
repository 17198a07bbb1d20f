"""What the default fit costs, in fits of a 100-tree forest on the same rows, measured in one run.

    python -m benchmarks.tabular.cost --out benchmarks/results/cost.json

Machines are noisy: both sides are timed alternately, and the ratio is that of the medians.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lightgbm import LGBMClassifier
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier

from benchmarks.common.record import write
from stepdown import DynamicProgramming, MultihopClassifier

SIZES = [300, 1000, 3000, 10_000]


def timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    rows = []
    for n in SIZES:
        for classes in (2, 6):
            X, y = make_classification(
                n, 20, n_informative=10, n_classes=classes, n_clusters_per_class=2, flip_y=0.1, random_state=0
            )
            forest = RandomForestClassifier(100, random_state=0)
            fitted = RandomForestClassifier(100, random_state=1).fit(X, y)
            works: dict[str, Callable[[], Any]] = {
                "one forest": lambda: forest.fit(X, y),  # noqa: B023
                "default, forest": lambda: default(RandomForestClassifier(100)).fit(X, y),  # noqa: B023
                "default, LightGBM": lambda: default(LGBMClassifier(verbose=-1, n_jobs=1)).fit(X, y),  # noqa: B023
                "default, frozen forest": lambda: default(FrozenEstimator(fitted)).fit(X, y),  # noqa: B023
            }
            if n == SIZES[0]:
                works["wide search"] = lambda: default(RandomForestClassifier(100), DynamicProgramming()).fit(X, y)  # noqa: B023
            seconds: dict[str, list[float]] = {name: [] for name in works}
            for _ in range(args.repeats):
                for name, work in works.items():
                    seconds[name].append(timed(work))
            medians = {name: statistics.median(values) for name, values in seconds.items()}
            base = medians["one forest"]
            ratios = {name: round(median / base, 2) for name, median in medians.items() if name != "one forest"}
            rows.append({"rows": n, "features": 20, "classes": classes, "forest_seconds": base, "ratios": ratios})
            print(f"{n:>6} rows, {classes} classes: forest {base:.3f} s;", ratios, flush=True)
    if args.out:
        packages = ["stepdown", "scikit-learn", "numpy", "lightgbm"]
        versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
        record = {"schema": 1, "unit": "fits of RandomForestClassifier(100)", "repeats": args.repeats, "rows": rows}
        write(args.out, record | {"versions": versions})
        print(f"wrote {args.out}")


def default(teacher: Any, search: Any = "auto") -> MultihopClassifier:
    return MultihopClassifier(teacher, DecisionTreeClassifier(max_depth=4), search=search, random_state=0)


if __name__ == "__main__":
    main()
