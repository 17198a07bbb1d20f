"""Trees of depth 3 and 4 against those that are provably optimal on the training rows, on rows that chose nothing.

    python -m benchmarks.tabular.optimal --out benchmarks/results/optimal.json

Needs ``pip install --no-deps pystreed==1.4.0 scikit-survival`` (STreeD, MIT licence) beside stepdown. It minimises the
wrong answers over all trees of the depth on its own thresholds, five quantiles a column; the least rows of a leaf are
tuned by five-fold cross-validation. Tuning and fit, 21 searches, have 60 seconds of processor time in all and 20
seconds each; a set where a search isn't through by then counts as not finished. Runs that stand in --out are kept.
"""

from __future__ import annotations

import argparse
import time
import warnings
from contextlib import suppress
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from pystreed import STreeDClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from benchmarks.common.keel import SUITE, WHEEL, load, prepared
from benchmarks.common.record import read, write
from benchmarks.tabular.targets import COLLECTIONS, gaps, summary
from stepdown import MultihopClassifier, fit_student

LEAVES, FOLDS = (1, 5, 10, 20), 5
LIMIT, EACH = 60.0, 20.0  # seconds: of this process, and wall-clock, which is what the solver counts
DEPTHS = (3, 4)


class NotFinishedError(Exception):
    """No proof of optimality within the limit."""


def proven(X: Any, y: Any, depth: int, rows: int, end: float) -> Any:
    tree = STreeDClassifier(max_depth=depth, min_leaf_node_size=rows, time_limit=EACH, random_seed=0).fit(X, y)
    if time.process_time() > end or not hasattr(tree, "fit_result") or not tree.fit_result.is_optimal():
        raise NotFinishedError
    return tree


def optimal(X: Any, y: Any, depth: int, seed: int) -> Any:
    """The optimal tree with the leaf size that validates best, the first where several do."""
    end = time.process_time() + LIMIT
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(X, y))
    scores = [
        np.mean([np.mean(proven(X[a], y[a], depth, rows, end).predict(X[b]) == y[b]) for a, b in folds])
        for rows in LEAVES
    ]
    return proven(X, y, depth, LEAVES[int(np.argmax(scores))], end)


def one_run(name: str, rows: int, seed: int, depth: int) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    X, y, X_test, y_test = prepared(name, n_train=rows, seed=seed)
    tree, test = DecisionTreeClassifier(max_depth=depth, random_state=seed), {}
    known, codes = np.unique(y, return_inverse=True)
    started = time.process_time()
    with suppress(NotFinishedError):
        test["optimal"] = np.mean(known[optimal(X, codes, depth, seed).predict(X_test)] == y_test)
    seconds = time.process_time() - started
    if "optimal" in test:
        test["plain"] = tree.fit(X, y).score(X_test, y_test)
        test["labels"] = fit_student(tree, X, y, seed=seed).score(X_test, y_test)
        ours = MultihopClassifier(RandomForestClassifier(100), tree, random_state=seed).fit(X, y)
        test["default"] = ours.score(X_test, y_test)
    return {
        "data": name, "rows": rows, "seed": seed, "depth": depth, "n_train": len(y), "n_classes": len(known),
        "seconds": round(seconds, 2), "test": {way: round(float(score), 5) for way, score in test.items()},
    }  # fmt: skip


def show(runs: list[dict[str, Any]]) -> None:
    for rows, depth in sorted({(run["rows"], run["depth"]) for run in runs}):
        for title in (True, False):
            mine = [r for r in runs if (r["rows"], r["depth"]) == (rows, depth) and (r["data"] in SUITE) == title]
            done = [run for run in mine if run["test"]]
            if not done:
                continue
            sets = [len({run["data"] for run in some}) for some in (done, mine)]
            print(f"\n{'suite' if title else 'other sets'}, at most {rows} rows, depth {depth}:", end=" ")
            print(f"{sets[0]} of {sets[1]} sets finished, {len(done)} runs; points over the optimal tree")
            for way in ("plain", "labels", "default"):
                print(f"  {way:<10} {summary(list(gaps(done, way, 'optimal').values()))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=list(COLLECTIONS), help="names, or suite, other, further")
    parser.add_argument("--rows", nargs="*", type=int, default=[300])
    parser.add_argument("--seeds", nargs="*", type=int, default=[10])
    args = parser.parse_args()
    names = [name for asked in args.sets for name in COLLECTIONS.get(asked, [asked])]
    runs: list[dict[str, Any]] = read(args.out)["runs"] if args.out.exists() else []
    done = {(run["data"], run["rows"], run["seed"], run["depth"]) for run in runs}
    for seed, rows, name, depth in product(args.seeds, args.rows, names, DEPTHS):
        if (name, rows, seed, depth) not in done and (rows == 300 or len(load(name)[1]) >= 600):
            runs.append(one_run(name, rows, seed, depth))
            versions = {package: version(package) for package in ("scikit-learn", "numpy", "pystreed")}
            write(args.out, {"data": WHEEL, "versions": versions, "runs": runs})
    show(runs)


if __name__ == "__main__":
    main()
