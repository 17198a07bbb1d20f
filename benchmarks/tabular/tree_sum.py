"""Sums of small trees and points scores against greedy sums (FIGS) and a tree, with at most 15 splits each, on rows
that chose nothing.

    python -m venv --system-site-packages figs && figs/bin/pip install --no-deps imodels mlxtend tqdm six
    python -m benchmarks.tabular.tree_sum --out benchmarks/results/tree_sum.json

with the Python of that environment; without imodels the way `figs` is left out. One run is one data set and seed; in it
all ways share the teacher, a forest of 100 trees, and what it says about the rows. For each of them sums of trees of
depth 1, 2, 3 and any are fitted, from which `show` picks: one depth for all, or by the objective on the training rows,
as `TreeSumClassifier` does from 1 to its own.
Runs that --out holds are kept; --kept names a folder for rows and targets, which take most of the time.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.tree import DecisionTreeClassifier

from benchmarks.common.keel import SUITE, WHEEL, load, prepared
from benchmarks.common.record import read, write
from benchmarks.tabular.targets import COLLECTIONS, STUDENT, TEACHER, gaps, summary, task
from stepdown.core import TransferSet, as_teacher
from stepdown.methods import KD, NoTransfer
from stepdown.students import PointsScoreClassifier, TreeSumClassifier

WAYS = ("labels", "one-hop", "blend", "blend and rows")
SPLITS = 15
DEPTHS = (1, 2, 3, None)
PICKS = {"depth 1": (1,), "depth 2": (2,), "depth 3": (3,), "best of 1 to 3": (1, 2, 3), "best of all": DEPTHS}
MOST_TEST_ROWS = 4000  # FIGS asks its rows one by one


def figs(X: Any, y: Any) -> Any:
    from imodels import FIGSClassifier

    return FIGSClassifier(max_rules=SPLITS, random_state=0).fit(X, y)


class GrownOnce(TreeSumClassifier):
    """Under its own limit of depth only."""

    def _depths(self, n_rows: int) -> list[int | None]:
        return [self.max_depth]


def without_blend(name: str, rows: int, seed: int) -> dict[str, Any]:
    """As `task`, with labels and one hop only."""
    X, y, X_test, y_test = prepared(name, n_train=rows, seed=seed)
    data, teacher = TransferSet.for_classification(X, y), clone(TEACHER).set_params(random_state=seed).fit(X, y)
    sets = [m.supervise([as_teacher(teacher)], STUDENT, data, seed=seed) for m in (NoTransfer(), KD(weight=0.5))]
    score = teacher.score(X_test, y_test)
    return {"train": (X, y), "test": (X_test, y_test), "teacher": score, "sets": dict(zip(WAYS, sets, strict=False))}


def one_run(name: str, rows: int, seed: int, kept: Path | None, few: bool) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    found = without_blend(name, rows, seed) if few else task(name, rows, seed, kept)
    (X, y), (X_test, y_test) = found["train"], found["test"]
    X_test, y_test = X_test[:MOST_TEST_ROWS], y_test[:MOST_TEST_ROWS]
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
    objectives = {}
    for way, data in found["sets"].items():
        told = (data.X, data.soft_targets(), data.classes, data.weights())
        for depth in DEPTHS:
            name_of = f"{way}, depth {depth}"
            model = tried(name_of, lambda told=told, depth=depth: GrownOnce(SPLITS, max_depth=depth).fit_soft(*told))
            objectives[name_of] = objective(model, *told)
        tried(f"points, {way}", lambda told=told: PointsScoreClassifier(SPLITS).fit_soft(*told))
    return {
        "data": name, "rows": rows, "seed": seed, "n_train": len(y), "n_classes": len(np.unique(y)),
        "objective": objectives,
        "test": {way: round(float(score), 5) for way, score in test.items()},
        "seconds": {way: round(value, 3) for way, value in seconds.items()},
    }  # fmt: skip


def objective(model: TreeSumClassifier, X: Any, Q: Any, classes: Any, weight: Any) -> float:
    """What a fit makes small: the log-loss and half the squared points of the leaves."""
    loss = -float(weight @ (Q * np.log(np.clip(model.predict_proba(X), 1e-12, 1))).sum(axis=1))
    return loss + 0.5 * sum(float((tree.value[tree.children_left < 0] ** 2).sum()) for tree in model.trees_)


def picked(run: dict[str, Any]) -> dict[str, Any]:
    """The run, with the sum of each way that each rule picks."""
    test = {way: score for way, score in run["test"].items() if way not in run["objective"]}
    for way in dict.fromkeys(name.rpartition(",")[0] for name in run["objective"]):
        for rule, depths in PICKS.items():
            names = [f"{way}, depth {depth}" for depth in depths]
            test[f"sum, {way}, {rule}"] = run["test"][min(names, key=run["objective"].__getitem__)]
    return {**run, "test": test}


def show(runs: list[dict[str, Any]]) -> None:
    """Points over FIGS, or the tree without it, and over depth 3: mean over sets, its error, worst and best set."""
    runs = [picked(run) for run in runs]
    for rows in sorted({run["rows"] for run in runs}):
        for title in (True, False):
            mine = [run for run in runs if run["rows"] == rows and (run["data"] in SUITE) == title]
            if not mine:
                continue
            against = "figs" if all("figs" in run["test"] for run in mine) else "tree of depth 4"
            print(
                f"\n{'suite' if title else 'other sets'}, at most {rows} rows: {len({r['data'] for r in mine})} sets",
                end="",
            )
            print(f", {len(mine)} runs; points over {against}, over depth 3")
            for way in {way: None for run in mine for way in run["test"]}:
                runs_of_way = [run for run in mine if way in run["test"]]
                base = way.rpartition(",")[0] + ", depth 3"
                more = summary(list(gaps(runs_of_way, way, base).values())) if base in mine[0]["test"] else ""
                print(f"  {way:<50} {summary(list(gaps(runs_of_way, way, against).values()))}  {more}")


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
    parser.add_argument("--sets", nargs="*", default=list(COLLECTIONS), help="names, or suite, other, further")
    parser.add_argument("--rows", nargs="*", type=int, default=[300, 1000])
    parser.add_argument("--seeds", nargs="*", type=int, default=[10, 11])
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--few", action="store_true", help="labels and one hop only, without the blend")
    args = parser.parse_args()
    names = [name for asked in args.sets for name in COLLECTIONS.get(asked, [asked])]
    runs: list[dict[str, Any]] = read(args.out)["runs"] if args.out.exists() else []
    done = {(run["data"], run["rows"], run["seed"]) for run in runs}
    for seed, rows, name in product(args.seeds, args.rows, names):
        # At 1,000 rows only sets that hold clearly more than 300.
        if (name, rows, seed) not in done and (rows == 300 or len(load(name)[1]) >= 600):
            runs.append(one_run(name, rows, seed, args.kept, args.few))
            write(args.out, {"data": WHEEL, "versions": versions(), "runs": runs})
    show(runs)


if __name__ == "__main__":
    main()
