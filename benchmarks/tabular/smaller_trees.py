"""How many rules a tree of depth 4 needs: accuracy and rules without branches within noise, at several margins.

    python -m benchmarks.tabular.smaller_trees --out benchmarks/results/smaller_trees.json

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

from benchmarks.common.keel import SUITE, WHEEL
from benchmarks.common.record import read, write
from benchmarks.tabular.targets import COLLECTIONS, STUDENT, summary, task
from stepdown.learners import fit_to
from stepdown.trainers import Effort
from stepdown.trainers._tree_search import Search

WAYS = ("labels", "one-hop", "blend and rows")


def one_run(name: str, rows: int, seed: int, margins: list[float], kept: Path | None) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    found = task(name, rows, seed, kept)
    X_train, (X_test, y_test) = found["train"][0], found["test"]
    ways = {}
    for way in WAYS:
        data = found["sets"][way]
        search = Search(Effort(), fit_to(STUDENT, data, seed=seed), data, np.random.RandomState(seed))
        tree, leaves = search.found()
        for margin in margins:
            student = search.finished(tree.take(0), leaves, margin)
            known = np.isin(y_test, student.classes_)
            ways[f"{way}, {margin:g}"] = {
                "test": round(float(student.score(X_test, y_test)), 5),
                "loss": round(log_loss(y_test[known], _smoothed(student, X_test[known]), labels=student.classes_), 5),
                "rules": int(student.get_n_leaves()),
                "smallest": int(np.unique(student.apply(X_train), return_counts=True)[1].min()),
            }
    return {"data": name, "rows": rows, "seed": seed, "n_train": len(X_train), "ways": ways}


def _smoothed(student: Any, X: Any) -> Any:
    """Probabilities with 1 % of the uniform distribution: leaves of one class would lose without bound."""
    return 0.99 * student.predict_proba(X) + 0.01 / len(student.classes_)


def show(runs: list[dict[str, Any]]) -> None:
    """Against the same search without cutting, by sets: points, log-loss, rules, and trees with a leaf of few rows."""
    for rows in sorted({run["rows"] for run in runs}):
        for title, in_suite in {"suite": True, "others": False}.items():
            mine = [run for run in runs if run["rows"] == rows and (run["data"] in SUITE) == in_suite]
            if not mine:
                continue
            sets = sorted({run["data"] for run in mine})
            print(f"\nat most {rows} rows, {title}: {len(sets)} sets, {len(mine)} runs")
            for way in mine[0]["ways"]:
                base = way.rpartition(",")[0] + ", 0"
                pairs = [(run["data"], run["ways"][way], run["ways"][base]) for run in mine]
                gains = [float(np.mean([100 * (a["test"] - b["test"]) for d, a, b in pairs if d == s])) for s in sets]
                losses = np.mean([a["loss"] - b["loss"] for _, a, b in pairs])
                share = np.median([a["rules"] / b["rules"] for _, a, b in pairs])
                few = sum(a["smallest"] <= 3 for _, a, _ in pairs)
                print(
                    f"  {way:<22} {summary(gains)}  log-loss {losses:+.3f}  share of the rules {share:.2f}"
                    f"  {few} with a leaf of at most three rows"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=list(COLLECTIONS), help="names, or suite, other, further")
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--seeds", nargs="*", type=int, default=[10])
    parser.add_argument("--margins", nargs="*", type=float, default=[0, 1.5, 1.75, 2])
    parser.add_argument("--kept", type=Path, help="a folder for rows and targets, shared by scripts")
    args = parser.parse_args()
    names = [name for asked in args.sets for name in COLLECTIONS.get(asked, [asked])]
    runs: list[dict[str, Any]] = read(args.out)["runs"] if args.out.exists() else []
    done = {(run["data"], run["rows"], run["seed"]) for run in runs}
    for seed in args.seeds:
        for name in names:
            if (name, args.rows, seed) not in done:
                runs.append(one_run(name, args.rows, seed, args.margins, args.kept))
                versions = {package: version(package) for package in ("scikit-learn", "numpy", "scipy")}
                write(args.out, {"data": WHEEL, "versions": versions, "runs": runs})
    show(runs)


if __name__ == "__main__":
    main()
