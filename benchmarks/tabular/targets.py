"""What better targets, further rows and local search are worth to a tree of depth 4, on rows that chose nothing.

    python -m benchmarks.tabular.targets --out benchmarks/results/targets.json
    python -m benchmarks.tabular.targets --sets other --out benchmarks/results/targets_other.json

One run is one data set, teacher and seed; inside it all ways share the teacher, its signals and the blend. Runs that
stand in --out are kept and not done again; the file is written after each.
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
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from benchmarks.common.keel import SUITE, WHEEL, prepared
from benchmarks.common.record import read, write
from stepdown.core import TransferSet, as_teacher
from stepdown.methods import KD, Blend, Interpolate, NoTransfer
from stepdown.trainers import Effort, PlainFit, TreeSearch

STUDENT = DecisionTreeClassifier(max_depth=4)
TEACHERS = {
    "forest": RandomForestClassifier(100),
    "boosting": HistGradientBoostingClassifier(max_iter=100),
    "logistic": LogisticRegression(max_iter=2000),
}
TRAINERS = {"": TreeSearch(Effort()), ", local search": TreeSearch(Effort(rounds=20))}
# Of the same wheel; none is among those that recipes were designed on, or made from one of them.
OTHER = [
    "bands", "breast", "bupa", "chess", "hayes-roth", "housevotes", "ionosphere", "iris", "mammographic", "marketing",
    "monk-2", "mushroom", "penbased", "ring", "saheart", "tae", "tic-tac-toe", "titanic", "twonorm", "wdbc", "wine",
    "wisconsin",
]  # fmt: skip


def targets(teacher: Any, data: TransferSet, seed: int) -> tuple[dict[str, TransferSet], dict[str, float]]:
    """What each way tells the student, and the weights of the blend."""
    first = as_teacher(teacher)
    blend = Blend(synthesiser=Interpolate())
    rows = blend.supervise([first], STUDENT, data, seed=seed)
    sets = {
        "labels": NoTransfer().supervise([first], STUDENT, data, seed=seed),
        "one-hop": KD(weight=0.5).supervise([first], STUDENT, data, seed=seed),
        "blend": rows.take(np.arange(data.n_samples)).replace(sample_weight=None),
        "blend and rows": rows,
    }
    return sets, dict(rows.notes or {})


def one_run(name: str, rows: int, teacher: str, frozen: bool, noise: float, seed: int) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    X, y, X_test, y_test = prepared(name, n_train=rows, seed=seed)
    random = np.random.default_rng(1000 + seed)
    y = np.where(random.random(len(y)) < noise, random.choice(np.unique(y), len(y)), y)
    model = clone(TEACHERS[teacher])
    if "random_state" in model.get_params():
        model.set_params(random_state=seed)
    started = time.perf_counter()
    model.fit(X, y)
    seconds = {"teacher": time.perf_counter() - started}
    data = TransferSet.for_classification(X, y)
    started = time.perf_counter()
    sets, notes = targets(FrozenEstimator(model) if frozen else model, data, seed)
    seconds["targets"] = time.perf_counter() - started
    test = {"plain": PlainFit().fit(STUDENT, data, seed=seed).score(X_test, y_test)}
    for way, told in sets.items():
        for suffix, trainer in TRAINERS.items():
            started = time.perf_counter()
            test[way + suffix] = trainer.fit(STUDENT, told, seed=seed).score(X_test, y_test)
            seconds[way + suffix] = time.perf_counter() - started
    test["teacher"] = model.score(X_test, y_test)
    return {
        "data": name, "rows": rows, "teacher": teacher, "frozen": frozen, "noise": noise, "seed": seed,
        "n_train": len(y), "n_classes": len(np.unique(y)), "notes": notes,
        "test": {way: round(float(score), 5) for way, score in test.items()},
        "seconds": {way: round(value, 3) for way, value in seconds.items()},
    }  # fmt: skip


def show(runs: list[dict[str, Any]]) -> None:
    """Points over labels with the present search: mean over sets, its standard error, worst and best set."""
    kinds = sorted({(run["rows"], run["teacher"], run["frozen"], run["noise"]) for run in runs})
    for kind in kinds:
        mine = [run for run in runs if (run["rows"], run["teacher"], run["frozen"], run["noise"]) == kind]
        sets = sorted({run["data"] for run in mine})
        few = [name for name in sets if max(run["n_classes"] for run in mine if run["data"] == name) == 2]
        rows, teacher, frozen, noise = kind
        print(f"\nat most {rows} rows, {'frozen ' * frozen}{teacher}, {noise:.0%} noise", end="")
        print(f": {len(sets)} sets, {len(mine)} runs")
        for way in mine[0]["test"]:
            gaps = {
                name: np.mean([100 * (r["test"][way] - r["test"]["labels"]) for r in mine if r["data"] == name])
                for name in sets
            }
            all_gaps = np.array(list(gaps.values()))
            error = all_gaps.std(ddof=1) / np.sqrt(len(sets)) if len(sets) > 1 else float("nan")
            two = np.mean([gaps[name] for name in few]) if few else float("nan")
            seconds = np.mean([run["seconds"].get(way, 0.0) for run in mine])
            print(
                f"  {way:<32} {all_gaps.mean():+6.2f} ± {error:.2f}  two classes {two:+6.2f}"
                f"  worst {all_gaps.min():+5.1f}  best {all_gaps.max():+5.1f}  {seconds:6.2f} s"
            )
        worth = np.mean([run["notes"].get("teacher", 0.0) for run in mine])
        seconds = np.mean([run["seconds"]["targets"] for run in mine])
        print(f"  the teacher is {worth:.0%} of the blend; targets take {seconds:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=["suite"], help="names, or suite, or other")
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--teacher", choices=TEACHERS, default="forest")
    parser.add_argument("--frozen", action="store_true")
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    args = parser.parse_args()
    named = {"suite": SUITE, "other": OTHER}
    names = [name for asked in args.sets for name in named.get(asked, [asked])]
    runs: list[dict[str, Any]] = read(args.out)["runs"] if args.out.exists() else []
    keys = ("data", "rows", "teacher", "frozen", "noise", "seed")
    done = {tuple(run[key] for key in keys) for run in runs}
    for seed in args.seeds:
        for name in names:
            task = (name, args.rows, args.teacher, args.frozen, args.noise, seed)
            if task in done:
                continue
            runs.append(one_run(*task))
            versions = {package: version(package) for package in ("scikit-learn", "numpy", "scipy")}
            write(args.out, {"data": WHEEL, "versions": versions, "runs": runs})
    show(runs)


if __name__ == "__main__":
    main()
