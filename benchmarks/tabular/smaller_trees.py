"""How many rules a tree of depth 4 needs: accuracy and rules without branches within noise, at several margins.

    python -m benchmarks.tabular.smaller_trees --out benchmarks/results/smaller_trees.json
    python -m benchmarks.tabular.smaller_trees --sets other --margins 0 1.5 --out FILE

Forest of 100 trees as the teacher; test rows chose nothing. One run is one data set and seed; inside it all margins
share the search, so they differ by what is cut and nothing else. Runs that stand in --out are not done again.
"""

from __future__ import annotations

import argparse
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import log_loss

from benchmarks.common.keel import SUITE, WHEEL, prepared
from benchmarks.common.record import read, write
from benchmarks.tabular.targets import OTHER, STUDENT, TEACHERS, targets
from stepdown.core import TransferSet
from stepdown.learners import fit_to
from stepdown.trainers import Effort
from stepdown.trainers._tree_search import Search

WAYS = ("labels", "one-hop", "blend and rows")


def one_run(name: str, rows: int, seed: int, margins: list[float]) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    X, y, X_test, y_test = prepared(name, n_train=rows, seed=seed)
    teacher = TEACHERS["forest"].set_params(random_state=seed).fit(X, y)
    sets, _ = targets(teacher, TransferSet.for_classification(X, y), seed)
    ways = {}
    for way in WAYS:
        search = Search(Effort(), fit_to(STUDENT, sets[way], seed=seed), sets[way], np.random.RandomState(seed))
        tree, leaves = search.found()
        for margin in margins:
            student = search.finished(tree.take(0), leaves, margin)
            known = np.isin(y_test, student.classes_)
            ways[f"{way}, {margin:g}"] = {
                "test": round(float(student.score(X_test, y_test)), 5),
                "loss": round(log_loss(y_test[known], _smoothed(student, X_test[known]), labels=student.classes_), 5),
                "rules": int(student.get_n_leaves()),
                "smallest": int(student.tree_.n_node_samples[student.tree_.children_left < 0].min()),
            }
    return {"data": name, "rows": rows, "seed": seed, "n_train": len(y), "ways": ways}


def _smoothed(student: Any, X: Any) -> Any:
    """Probabilities with 1 % of the uniform distribution: leaves of one class would lose without bound."""
    return 0.99 * student.predict_proba(X) + 0.01 / len(student.classes_)


def show(runs: list[dict[str, Any]]) -> None:
    """Against the same search without cutting: points, log-loss and the share of the rules; by sets."""
    for rows in sorted({run["rows"] for run in runs}):
        mine = [run for run in runs if run["rows"] == rows]
        sets = sorted({run["data"] for run in mine})
        print(f"\nat most {rows} rows: {len(sets)} sets, {len(mine)} runs")
        for way in mine[0]["ways"]:
            base = way.rpartition(",")[0] + ", 0"
            pairs = [(run["data"], run["ways"][way], run["ways"][base]) for run in mine if way in run["ways"]]
            gains = np.array([np.mean([100 * (a["test"] - b["test"]) for d, a, b in pairs if d == s]) for s in sets])
            losses = np.mean([a["loss"] - b["loss"] for _, a, b in pairs])
            shares = [a["rules"] / b["rules"] for _, a, b in pairs]
            error = gains.std(ddof=1) / np.sqrt(len(sets)) if len(sets) > 1 else float("nan")
            print(
                f"  {way:<22} {gains.mean():+6.2f} ± {error:.2f}  worst {gains.min():+5.1f}  log-loss {losses:+.3f}"
                f"  rules {np.mean([a['rules'] for _, a, _ in pairs]):5.1f}  share {np.median(shares):.2f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=["suite"], help="names, or suite, or other")
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--margins", nargs="*", type=float, default=[0, 1, 1.5, 2, 2.5, 3])
    args = parser.parse_args()
    named = {"suite": SUITE, "other": OTHER}
    names = [name for asked in args.sets for name in named.get(asked, [asked])]
    runs: list[dict[str, Any]] = read(args.out)["runs"] if args.out.exists() else []
    done = {(run["data"], run["rows"], run["seed"]) for run in runs}
    for seed in args.seeds:
        for name in names:
            if (name, args.rows, seed) not in done:
                runs.append(one_run(name, args.rows, seed, args.margins))
                versions = {package: version(package) for package in ("scikit-learn", "numpy", "scipy")}
                write(args.out, {"data": WHEEL, "versions": versions, "runs": runs})
    show(runs)


if __name__ == "__main__":
    main()
