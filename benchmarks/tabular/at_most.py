"""The best small model of at most 16 rules: the kind chosen by validation, against trees and FIGS on labels.

    python -m benchmarks.tabular.at_most --out benchmarks/results/at_most.json --seeds 10
    python -m benchmarks.tabular.at_most --sets other further --out benchmarks/results/at_most_other.json --seeds 10
    ... the same with --rows 1000, for sets of at least 600 rows

`MultihopClassifier(RandomForestClassifier(100), "auto")`, scored on rows that chose nothing. What it is compared with
is the better of scikit-learn's tree of depth 4 and imodels' FIGS with 15 splits, both on the labels alone, picked by
five-fold cross-validation. Needs ``pip install imodels==3.0.4`` beside stepdown. Runs that stand in --out are kept.
"""

from __future__ import annotations

import argparse
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from imodels import FIGSClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from benchmarks.common.keel import WHEEL, load, prepared
from benchmarks.common.record import read, write
from benchmarks.tabular.targets import COLLECTIONS
from stepdown import MultihopClassifier
from stepdown.search._kinds import MARGIN

MARGINS = (0.0, round(MARGIN, 2), 1.0, 1.5, 2.0)


def one_run(name: str, rows: int, seed: int) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    X, y, X_test, y_test = prepared(name, n_train=rows, seed=seed)
    codes = np.searchsorted(np.unique(y), y)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    labels: dict[str, Any] = {"tree": DecisionTreeClassifier(max_depth=4, random_state=seed)}
    labels["figs"] = FIGSClassifier(max_rules=15, random_state=seed)
    picked = {way: float(np.mean(cross_val_score(model, X, codes, cv=folds))) for way, model in labels.items()}
    known = np.unique(y)
    test = {f"{way} on labels": np.mean(known[m.fit(X, codes).predict(X_test)] == y_test) for way, m in labels.items()}
    started = time.perf_counter()
    auto = MultihopClassifier(RandomForestClassifier(100), "auto", random_state=seed, keep_rungs=True).fit(X, y)
    seconds = time.perf_counter() - started
    models = {
        rung.name.removeprefix("student, "): rung.model for rung in auto.rungs_ if rung.name.startswith("student")
    }
    test |= {kind: np.mean(model.predict(X_test) == y_test) for kind, model in models.items()}
    test |= {"auto": auto.score(X_test, y_test), "teacher": auto.teacher_.score(X_test, y_test)}
    kinds = {row["kind"]: [row["score"], row["difference"], row["difference_std_error"]] for row in auto.kinds_}
    chosen = next(row["kind"] for row in auto.kinds_ if row["chosen"])
    return {
        "data": name, "rows": rows, "seed": seed, "n_train": len(y), "n_classes": len(known), "seconds": seconds,
        "cross_validated": picked, "way": next(row["way"] for row in auto.comparison_ if row["chosen"]),
        "kinds": kinds, "chosen": chosen, "test": {way: round(float(score), 5) for way, score in test.items()},
    }  # fmt: skip


def by_margin(run: dict[str, Any], margin: float) -> float:
    """What would have shipped at another margin."""
    best = next(iter(run["kinds"]))
    score = run["kinds"][best][0]
    for kind, (mean, gain, error) in run["kinds"].items():
        if gain > margin * error and mean > score:
            best, score = kind, mean
    return run["test"][best]


def show(runs: list[dict[str, Any]]) -> None:
    """Points over the model on labels that cross-validation picks, and over the default tree; mean over sets."""
    for rows in sorted({run["rows"] for run in runs}):
        mine = [run for run in runs if run["rows"] == rows]
        sets = sorted({run["data"] for run in mine})
        print(f"\nat most {rows} rows: {len(sets)} sets, {len(mine)} runs")
        ways = {way: [run["test"].get(way, np.nan) for run in mine] for way in mine[0]["test"]}
        ways |= {f"auto, margin {margin:g}": [by_margin(run, margin) for run in mine] for margin in MARGINS}
        picked = [
            run["test"][max(run["cross_validated"], key=run["cross_validated"].get) + " on labels"] for run in mine
        ]
        for way, scores in ways.items():
            texts = []
            for base in (picked, ways["tree"]):
                gaps = 100 * (np.array(scores) - base)
                means = np.array(
                    [np.nanmean([g for g, run in zip(gaps, mine, strict=True) if run["data"] == s]) for s in sets]
                )
                error = np.nanstd(means, ddof=1) / np.sqrt(len(sets)) if len(sets) > 1 else np.nan
                texts.append(f"{np.nanmean(means):+6.2f} ± {error:.2f} (worst {np.nanmin(means):+5.1f})")
            print(f"  {way:<20} over labels {texts[0]}   over the tree {texts[1]}")
        print("  chosen:", {kind: sum(run["chosen"] == kind for run in mine) for kind in mine[0]["kinds"]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=["suite"], help="names, or suite, other, further")
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    args = parser.parse_args()
    names = [name for asked in args.sets for name in COLLECTIONS.get(asked, [asked])]
    runs: list[dict[str, Any]] = read(args.out)["runs"] if args.out.exists() else []
    done = {(run["data"], run["rows"], run["seed"]) for run in runs}
    for seed in args.seeds:
        for name in names:
            if (name, args.rows, seed) not in done and (args.rows == 300 or len(load(name)[1]) >= 600):
                runs.append(one_run(name, args.rows, seed))
                versions = {package: version(package) for package in ("scikit-learn", "numpy", "imodels")}
                write(args.out, {"data": WHEEL, "versions": versions, "runs": runs})
    show(runs)


if __name__ == "__main__":
    main()
