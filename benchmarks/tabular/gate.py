"""What rule should choose the way: all ways validated on many folds, and scored on rows that chose nothing.

    python -m benchmarks.tabular.gate --out benchmarks/results/gate.json
    python -m benchmarks.tabular.gate --sets other --out benchmarks/results/gate_other.json

One run is one data set, teacher, condition and seed: a tree of depth 4 by every way of the gate. It keeps the mean
score of each way in each fold of repeated validation by halves, and by fifths (teacher, signals and bridges made again
in each fold), so that rules and numbers of repeats are compared without another fit (`benchmarks.tabular.gate_rules`).
Runs that stand in --out are kept and not done again; the file is written after each.
"""

from __future__ import annotations

import argparse
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from benchmarks.common.keel import SUITE, WHEEL, prepared
from benchmarks.common.record import read, write
from benchmarks.tabular.tabular import STUDENTS, TEACHERS
from benchmarks.tabular.targets import OTHER
from stepdown import MultihopClassifier
from stepdown.core import derive_seed
from stepdown.search import Search
from stepdown.search._search import Choice
from stepdown.search._solve import solve
from stepdown.search._validate import Validation, split_rows

CONDITIONS = {
    "clean": (False, 0.0),
    "frozen": (True, 0.0),
    "frozen, 20 % noise": (True, 0.2),
    "20 % noise": (False, 0.2),
}
KEYS = ("data", "rows", "teacher", "student", "condition", "seed")


class Recorded(Search):
    """Validates all ways again and again, keeps the means of the folds, and takes the preferred way."""

    def __init__(self, halves: int, fifths: int) -> None:
        self.halves = halves
        self.fifths = fifths

    def choose(self, problem: Any, ways: Any, preferred: Any, *, scorer: Any = None, n_jobs: Any = None) -> Choice:
        self.seen_: dict[str, Any] = {}
        for name, folds, repeats in [("halves", 2, self.halves), ("fifths", 5, self.fifths)]:
            found: dict[str, list[float]] = {way.name: [] for way in ways}
            for repeat in range(repeats):
                validation = Validation(problem, folds=folds)
                if repeat:
                    validation.splits = split_rows(problem.data, folds, derive_seed(problem.seed, "gate", repeat))
                scored = validation.folds_of(ways, range(len(validation.splits)))
                for way, parts in zip(ways, scored, strict=True):
                    found[way.name] += [round(float(np.mean(part.score)), 4) for part in parts]
                if name == "halves" and repeat == 0:
                    scores = validation.together(ways, [[part.score for part in parts] for parts in scored])
                    home = list(ways).index(preferred)
                    self.seen_["over rows"] = {
                        way.name: [round(value, 5) for value in scores.difference(place, home)]
                        for place, way in enumerate(ways)
                    }
            self.seen_[name] = found
        return Choice(preferred, None, list(ways))


def one_run(
    data: str, rows: int, teacher: str, student: str, condition: str, seed: int, halves: int, fifths: int
) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    X, y, X_test, y_test = prepared(data, n_train=rows, seed=seed)
    frozen, noise = CONDITIONS[condition]
    rng = np.random.default_rng(1000 + seed)
    y = np.where(rng.random(len(y)) < noise, rng.choice(np.unique(y), len(y)), y)
    source = clone(TEACHERS[teacher])
    if frozen:
        source = FrozenEstimator(source.set_params(random_state=seed).fit(X, y))
    search = Recorded(halves, fifths)
    started = time.process_time()
    problem, choice = solve(MultihopClassifier(source, STUDENTS[student], search=search, random_state=seed), X, y)
    validated = time.process_time()
    models = {way.name: problem.train(way).model for way in choice.ways}
    seconds = {"validation": validated - started, "training": time.process_time() - validated}
    return {
        "data": data, "rows": rows, "teacher": teacher, "student": student, "condition": condition, "seed": seed,
        "n_train": len(y), "n_test": len(y_test), "n_classes": len(np.unique(y)), "preferred": choice.way.name,
        "kinds": {way.name: way.kind for way in choice.ways},
        "test": {name: round(float(np.mean(model.predict(X_test) == y_test)), 5) for name, model in models.items()},
        "teacher_test": round(float(np.mean(problem.teacher.model.predict(X_test) == y_test)), 5),
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        **search.seen_,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=["suite"], help="names, or suite, or other")
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--teachers", nargs="*", choices=TEACHERS, default=["forest"])
    parser.add_argument("--student", choices=STUDENTS, default="tree of depth 4")
    parser.add_argument("--conditions", nargs="*", choices=CONDITIONS, default=list(CONDITIONS)[:3])
    parser.add_argument("--halves", type=int, default=5, help="how often the rows are halved")
    parser.add_argument("--fifths", type=int, default=0, help="how often the rows are cut in five")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1])
    args = parser.parse_args()
    named = {"suite": SUITE, "other": OTHER}
    names = [name for asked in args.sets for name in named.get(asked, [asked])]
    runs: list[dict[str, Any]] = read(args.out)["runs"] if args.out.exists() else []
    done = {tuple(run[key] for key in KEYS) for run in runs}
    for seed in args.seeds:
        for condition in args.conditions:
            for teacher in args.teachers:
                for name in names:
                    task = (name, args.rows, teacher, args.student, condition, seed)
                    if task in done:
                        continue
                    runs.append(one_run(*task, args.halves, args.fifths))
                    print(*task, runs[-1]["seconds"], flush=True)
                    versions = {package: version(package) for package in ("scikit-learn", "numpy", "scipy", "lightgbm")}
                    write(args.out, {"data": WHEEL, "versions": versions, "runs": runs})


if __name__ == "__main__":
    main()
