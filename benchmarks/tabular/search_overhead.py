"""What a search spends beside the fits and predictions that it is made of.

    python -m benchmarks.tabular.search_overhead --out benchmarks/results/search_overhead.json

Inside are: every fit of a model by a trainer or a method, and what fitted models are asked. The rest is overhead:
slicing rows, seeds, measuring sizes, budgets, records. Times are of the processor, in one process and one thread; the
outermost of nested calls counts. The profile lists the functions that spent most by themselves.
"""

from __future__ import annotations

import argparse
import cProfile
import platform
import pstats
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from benchmarks.common.record import write
from stepdown import DynamicProgramming, MultihopClassifier
from stepdown.core import RefitOnLabels
from stepdown.learners import BaggedTreesClassifier, _grades, _signals
from stepdown.methods import _base, _reweighting
from stepdown.multihop import _select
from stepdown.search import Gate, _store as _resume, _validate
from stepdown.trainers import PlainFit, TreeSearch

SEARCHES = {"Gate()": Gate(), "DynamicProgramming()": DynamicProgramming()}
# What makes models, and what asks them: the work that a search is there to order.
WORK = [
    (PlainFit, "fit"),
    (TreeSearch, "fit"),
    (RefitOnLabels, "__call__"),
    (BaggedTreesClassifier, "fit"),
    (_resume, "fit_to"),
    (_reweighting, "fit_to"),
    (_signals, "predictions"),
    (_base, "predictions"),
    (_signals, "out_of_bag"),
    (_grades, "_graded_answers"),
    (_validate, "answers"),
    (_select, "latency"),
]


class Clock:
    """Seconds inside any of several functions, the outermost call counted."""

    def __init__(self) -> None:
        self.seconds, self.calls, self.depth = 0.0, 0, 0

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **keywords: Any) -> Any:
            self.depth += 1
            started = time.process_time()
            try:
                return function(*args, **keywords)
            finally:
                self.depth -= 1
                if not self.depth:
                    self.seconds += time.process_time() - started
                    self.calls += 1

        return timed


def measure(rows: int, search: Any) -> dict[str, Any]:
    X, y = make_classification(rows, 20, n_informative=10, n_classes=3, flip_y=0.1, random_state=0)
    student = DecisionTreeClassifier(max_depth=4)
    clf = MultihopClassifier(RandomForestClassifier(100), student, search=search, random_state=0)
    clf.fit(X, y)  # imports and caches
    clock, saved = Clock(), [(owner, name, getattr(owner, name)) for owner, name in WORK]
    for owner, name, function in saved:
        setattr(owner, name, clock.wrap(function))
    try:
        started = time.process_time()
        clf.fit(X, y)
        total = time.process_time() - started
    finally:
        for owner, name, function in saved:
            setattr(owner, name, function)
    return {"seconds": total, "inside": clock.seconds, "overhead": 1 - clock.seconds / total, "calls": clock.calls}


def profile(rows: int, search: Any, count: int = 12) -> list[dict[str, Any]]:
    X, y = make_classification(rows, 20, n_informative=10, n_classes=3, flip_y=0.1, random_state=0)
    clf = MultihopClassifier(
        RandomForestClassifier(100), DecisionTreeClassifier(max_depth=4), search=search, random_state=0
    )
    watcher = cProfile.Profile()
    watcher.runcall(clf.fit, X, y)
    stats = pstats.Stats(watcher)
    total = sum(entry[2] for entry in stats.stats.values())
    found = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:count]
    return [
        {"function": f"{Path(place[0]).name}:{place[2]}", "calls": entry[1], "own_share": round(entry[2] / total, 4)}
        for place, entry in found
    ]


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sizes", nargs="*", type=int, default=[300, 1000])
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    rows = []
    for size in args.sizes:
        for name, search in SEARCHES.items():
            runs = [measure(size, search) for _ in range(args.repeats)]
            middle = sorted(runs, key=lambda run: run["overhead"])[len(runs) // 2]
            rows.append({"search": name, "rows": size, **{key: round(value, 4) for key, value in middle.items()}})
            print(rows[-1], flush=True)
    functions = profile(args.sizes[0], DynamicProgramming())
    for row in functions:
        print(row)
    if args.out:
        packages = ["stepdown", "scikit-learn", "numpy", "joblib"]
        versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
        record = {
            "schema": 1,
            "data": "make_classification(rows, 20, n_informative=10, n_classes=3, flip_y=0.1, random_state=0)",
            "models": "RandomForestClassifier(100) to DecisionTreeClassifier(max_depth=4)",
            "seed": 0,
            "repeats": args.repeats,
            "rows": rows,
            "profile": {"search": "DynamicProgramming()", "rows": args.sizes[0], "functions": functions},
            "versions": versions,
        }
        write(args.out, record)
        print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
