"""Sums of small trees against greedy ones (FIGS) and a tree, with at most 15 splits each, on rows that chose nothing.

    python -m venv --system-site-packages figs && figs/bin/pip install --no-deps imodels mlxtend tqdm six
    python -m benchmarks.tabular.tree_sum --out benchmarks/results/tree_sum.json
    python -m benchmarks.tabular.tree_sum --sets other --out benchmarks/results/tree_sum_other.json

with the Python of that environment; without imodels the way `figs` is left out. One run is one data set and seed; in it
all ways share the teacher, a forest of 100 trees, and what it says about the rows. Runs that --out holds are kept;
--kept names a folder for rows and targets, which take most of the time, so that other students can be tried on them.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from benchmarks.common.keel import SUITE, WHEEL, prepared
from benchmarks.common.record import read, write
from benchmarks.tabular.targets import OTHER, targets
from stepdown.core import TransferSet
from stepdown.students import TreeSumClassifier

SPLITS = 15
MOST_TEST_ROWS = 4000  # FIGS asks its rows one by one


def figs(X: Any, y: Any) -> Any:
    from imodels import FIGSClassifier

    return FIGSClassifier(max_rules=SPLITS, random_state=0).fit(X, y)


def task(name: str, rows: int, seed: int) -> dict[str, Any]:
    """Rows, and what each way says about them: X, soft targets, classes and weights."""
    X, y, X_test, y_test = prepared(name, n_train=rows, seed=seed)
    X_test, y_test = X_test[:MOST_TEST_ROWS], y_test[:MOST_TEST_ROWS]
    teacher = RandomForestClassifier(100, random_state=seed).fit(X, y)
    told, _ = targets(teacher, TransferSet.for_classification(X, y), seed)
    ways = {way: (data.X, data.soft_targets(), data.classes, data.weights()) for way, data in told.items()}
    return {"train": (X, y), "test": (X_test, y_test), "teacher": teacher.score(X_test, y_test), "ways": ways}


def one_run(name: str, rows: int, seed: int, kept: Path | None) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    file = None if kept is None else kept / f"{name}_{rows}_{seed}.joblib"
    found = joblib.load(file) if file is not None and file.exists() else task(name, rows, seed)
    if file is not None and not file.exists():
        joblib.dump(found, file)
    (X, y), (X_test, y_test) = found["train"], found["test"]
    test, seconds = {"teacher": found["teacher"]}, {}

    def tried(way: str, fit: Callable[[], Any]) -> Any:
        started = time.process_time()  # of this process only, whatever else the machine does
        model = fit()
        seconds[way] = time.process_time() - started
        test[way] = float(np.mean(model.predict(X_test) == y_test))
        return model

    tried("tree of depth 4", lambda: DecisionTreeClassifier(max_depth=4, random_state=seed).fit(X, y))
    try:
        tried("figs", lambda: figs(X, y))
    except ImportError:
        warnings.warn("imodels isn't installed: no figs", stacklevel=2)
    for way, told in found["ways"].items():
        model = tried(f"sum, {way}", lambda told=told: TreeSumClassifier(SPLITS).fit_soft(*told))
    return {
        "data": name, "rows": rows, "seed": seed, "n_train": len(y), "n_classes": len(np.unique(y)),
        "trees": len(model.trees_),
        "test": {way: round(float(score), 5) for way, score in test.items()},
        "seconds": {way: round(value, 3) for way, value in seconds.items()},
    }  # fmt: skip


def gaps(runs: Sequence[dict[str, Any]], way: str, against: str) -> dict[str, float]:
    """Points over another way, by data set."""
    sets = sorted({run["data"] for run in runs})
    return {
        name: float(np.mean([100 * (r["test"][way] - r["test"][against]) for r in runs if r["data"] == name]))
        for name in sets
    }


def show(runs: list[dict[str, Any]]) -> None:
    """Points over FIGS, or the sum on labels without it: mean over sets, its standard error, worst and best set."""
    for rows in sorted({run["rows"] for run in runs}):
        mine = [run for run in runs if run["rows"] == rows]
        against = "figs" if all("figs" in run["test"] for run in mine) else "sum, labels"
        two = {run["data"] for run in mine if run["n_classes"] == 2}
        print(f"\nat most {rows} rows: {len({r['data'] for r in mine})} sets, {len(mine)} runs; points over {against}")
        for way in mine[0]["test"]:
            found = gaps(mine, way, against)
            all_gaps = np.array(list(found.values()))
            error = all_gaps.std(ddof=1) / np.sqrt(len(all_gaps)) if len(all_gaps) > 1 else float("nan")
            few = np.mean([gap for name, gap in found.items() if name in two]) if two else float("nan")
            seconds = np.median([run["seconds"].get(way, 0.0) for run in mine])
            print(
                f"  {way:<22} {all_gaps.mean():+6.2f} ± {error:.2f}  two classes {few:+6.2f}"
                f"  worst {all_gaps.min():+5.1f}  best {all_gaps.max():+5.1f}  {seconds:6.2f} s"
            )


def versions() -> dict[str, str]:
    found = {}
    for package in ("scikit-learn", "numpy", "scipy", "imodels"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=["suite"], help="names, or suite, or other")
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--kept", type=Path)
    args = parser.parse_args()
    named = {"suite": SUITE, "other": OTHER}
    names = [name for asked in args.sets for name in named.get(asked, [asked])]
    runs: list[dict[str, Any]] = read(args.out)["runs"] if args.out.exists() else []
    done = {(run["data"], run["rows"], run["seed"]) for run in runs}
    for seed in args.seeds:
        for name in names:
            if (name, args.rows, seed) not in done:
                runs.append(one_run(name, args.rows, seed, args.kept))
                write(args.out, {"data": WHEEL, "versions": versions(), "runs": runs})
    show(runs)


if __name__ == "__main__":
    main()
