"""When do several hops help? Ways to the student over data sets, sizes, noise, teachers, students and methods.

    python benchmarks/study.py --out benchmarks/results/study.json

One run is one data set, size, share of wrong labels, teacher (made again for signals, or frozen), student and seed; in
it every method teaches in one hop, through a bridge, and through a bridge that never saw the teacher, always with the
student's own trainer. Beside the test accuracies stands what could be known beforehand, from training rows only: what
`stepdown.diagnose` finds. The page sets one against the other (docs/when-hops-help.md).
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import warnings
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import rankdata, wilcoxon
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from keel import SUITE, WHEEL, load, prepared
from stepdown import KD, ConfWeight, Fixed, MultihopClassifier, SRatio, diagnose
from tabular import STUDENTS, TEACHERS

METHODS = {"KD": KD(weight=0.5), "ConfWeight": ConfWeight(), "SRatio": SRatio()}
RECIPES = "the default's recipes"
# The tree is taught in every situation, the others in the commonest ones.
GRIDS: list[dict[str, list[Any]]] = [
    {
        "student": ["tree of depth 4"],
        "rows": [100, 300],
        "noise": [0.0, 0.2],
        "teacher": ["forest", "lightgbm"],
        "frozen": [False, True],
    },
    {
        "student": ["3 trees of depth 3", "4 hidden units"],
        "rows": [300],
        "noise": [0.0, 0.2],
        "teacher": ["forest"],
        "frozen": [False, True],
    },
]


def one_run(data: str, student: str, rows: int, noise: float, teacher: str, frozen: bool, seed: int) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    X, y, X_test, y_test = prepared(data, n_train=rows, seed=seed)
    rng = np.random.default_rng(1000 + seed)
    y = np.where(rng.random(len(y)) < noise, rng.choice(np.unique(y), len(y)), y)
    source: Any = clone(TEACHERS[teacher]).set_params(random_state=seed)
    if frozen:
        source = FrozenEstimator(source.fit(X, y))
    pupil = STUDENTS[student]
    started = time.perf_counter()
    test: dict[str, dict[str, float]] = {}
    for name, methods in [("default", "auto"), *METHODS.items()]:
        # No arm is chosen: all are trained, and scored on rows that chose nothing.
        clf = MultihopClassifier(source, pupil, methods=methods, search=Fixed("1-hop"), random_state=seed)
        problem, choice = clf._solve(X, y)
        test[name] = {}
        for arm in choice.arms:
            if name == "default" or arm.uses_teacher:
                model = problem.train(arm).model
                test[name][arm.name] = float(np.mean(model.predict(X_test) == y_test))
    seconds = time.perf_counter() - started
    found = diagnose(source, pupil, X, y, random_state=seed).to_dict()
    return {
        "data": data,
        "n_train": len(y),
        "n_classes": len(np.unique(y)),
        "rows": rows,
        "noise": noise,
        "teacher": teacher,
        "frozen": frozen,
        "student": student,
        "seed": seed,
        "test": test,
        "facts": found["facts"],
        "advice": [piece["name"] for piece in found["recommendations"]],
        "seconds": seconds,
    }


def difference(run: dict[str, Any], way: str, method: str = "default") -> float:
    """By how many points several hops were better than one, with the same trainer and method."""
    tests = run["test"][method]
    one = next(score for name, score in tests.items() if name.startswith("1-hop"))
    return 100 * (next(score for name, score in tests.items() if name.startswith(way)) - one)


def over_sets(runs: list[dict[str, Any]], value: Any) -> dict[str, float]:
    """Mean of a value over teachers and seeds, then over data sets, with its standard error and Wilcoxon's p."""
    sets = sorted({run["data"] for run in runs})
    values = np.array([np.mean([value(run) for run in runs if run["data"] == name]) for name in sets])
    several = len(values) > 1
    return {
        "mean": round(float(values.mean()), 2),
        "std_error": round(float(values.std(ddof=1) / np.sqrt(len(values))), 2) if several else float("nan"),
        "p": round(float(wilcoxon(values).pvalue), 4) if several and np.any(values) else 1.0,
        "sets": len(sets),
        "runs": len(runs),
    }


WAYS = {
    "bare": lambda run: difference(run, "chain, bare"),
    "averaged": lambda run: difference(run, "chain, averaged"),
    "control": lambda run: difference(run, "control"),
    **{name: (lambda run, name=name: difference(run, "chain", name)) for name in METHODS},
}
FACTS = [
    "overfit", "confidence_gap", "calibration_error_in_sample", "label_doubt", "repeats_doubted", "teacher_lead",
    "capacity_gap", "complexity_ratio", "agreement", "classes", "fewest_rows_of_a_class", "information_unique_teacher",
    "information_redundant",
]  # fmt: skip


def situations(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Effects by what the user knows without looking at the rows."""
    keys = ("student", "rows", "noise", "frozen", "teacher")
    rows = []
    for situation in sorted({tuple(run[key] for key in keys) for run in runs}, key=str):
        mine = [run for run in runs if tuple(run[key] for key in keys) == situation]
        effects = {name: over_sets(mine, way) for name, way in WAYS.items()}
        rows.append(dict(zip(keys, situation, strict=True)) | {"multihop - 1-hop": effects})
    return rows


def what_goes_with_it(runs: list[dict[str, Any]], *, draws: int = 2000) -> list[dict[str, Any]]:
    """Rank correlation of the bare chain's advantage with what could be known; intervals by bootstrap over sets."""
    random = np.random.default_rng(0)
    sets = sorted({run["data"] for run in runs})
    of_set = [np.flatnonzero([run["data"] == name for run in runs]) for name in sets]
    gains = np.array([WAYS["bare"](run) for run in runs])
    rows = []
    for fact in FACTS:
        values = np.array([np.nan if run["facts"].get(fact) is None else float(run["facts"][fact]) for run in runs])
        if np.isfinite(values).sum() < 10 or np.nanstd(values) == 0:
            continue
        drawn = []
        for _ in range(draws):
            places = np.concatenate([of_set[place] for place in random.integers(len(sets), size=len(sets))])
            drawn.append(rank_correlation(values[places], gains[places]))
        low, high = np.nanpercentile(drawn, [2.5, 97.5])
        rows.append(
            {
                "fact": fact,
                "correlation": round(rank_correlation(values, gains), 3),
                "low": round(float(low), 3),
                "high": round(float(high), 3),
            }
        )
    return sorted(rows, key=lambda row: -abs(row["correlation"]))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    ranks = [rankdata(values[known]) for values in (a, b)]
    return float(np.corrcoef(ranks)[0, 1]) if min(np.std(part) for part in ranks) > 0 else float("nan")


def what_advice_was_worth(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The bare chain's advantage in the runs in which `diagnose` gave an advice."""
    names = sorted({name for run in runs for name in run["advice"]})
    rows = []
    for name in names:
        mine = [run for run in runs if name in run["advice"]]
        rows.append({"advice": name, "multihop - 1-hop": over_sets(mine, WAYS["bare"])})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sets", nargs="*", default=SUITE)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    prepared(args.sets[0], n_train=100, seed=0)  # fetches the wheel before the processes start
    tasks = [
        (data, *point.values(), seed)
        for grid in GRIDS
        for values in product(*grid.values())
        for data in args.sets
        for seed in range(args.seeds)
        if (point := dict(zip(grid, values, strict=True)))["rows"] < 0.7 * len(load(data)[1])
    ]
    runs = Parallel(n_jobs=args.jobs, verbose=1)(delayed(one_run)(*task) for task in tasks)
    packages = ["stepdown", "scikit-learn", "numpy", "scipy", "lightgbm"]
    record = {
        "schema": 1,
        "data": WHEEL,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "sets": args.sets,
        "seeds": args.seeds,
        "situations": situations(runs),
        "what goes with it": what_goes_with_it(runs),
        "advice": what_advice_was_worth(runs),
        "runs": runs,
    }
    for row in record["situations"]:
        told = {
            name: f"{value['mean']:+.2f} ± {value['std_error']:.2f}" for name, value in row["multihop - 1-hop"].items()
        }
        print({key: value for key, value in row.items() if key != "multihop - 1-hop"}, told)
    for row in [*record["what goes with it"], *record["advice"]]:
        print(row)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(record, indent=1, default=float) + "\n")
        print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
