"""A label budget of m rows of 500: does a bridge that labels the rest pay, and which rows to query?

    python -m benchmarks.tabular.queries --out benchmarks/results/queries.json

One run is one data set, seed, budget, kind of answers and strategy. The teacher (a forest on even seeds, LightGBM
on odd ones) is fitted on rows of its own and frozen; 500 other rows are the pool, none of them with a label; the
students are scored on rows that neither has seen. All ways but "plain" share the student's trainer, and all learn
from the same answers. "default" is the way that the gate took; it is computed for the default strategy only.
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
from lightgbm import LGBMClassifier
from scipy.stats import wilcoxon
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier

from benchmarks.common.keel import WHEEL, prepared
from benchmarks.common.record import write
from benchmarks.tabular.tabular import HardAnswers
from stepdown import Fixed, MultihopClassifier, Queried
from stepdown.oracle import QueryStrategy, Random, Representative
from stepdown.search._solve import solve

# Those of the development suite with 500 rows for the pool, some 200 for the teacher, and test rows.
SETS = [
    "german", "segment", "contraceptive", "phoneme", "vowel", "spambase", "letter", "texture", "satimage", "optdigits",
    "splice", "magic", "banana",
]  # fmt: skip
POOL, MOST_FOR_TEACHER, MOST_TEST = 500, 1000, 2000
STUDENT = DecisionTreeClassifier(max_depth=4)


class SmallMargin(QueryStrategy):
    """Half of the budget on representative rows, the rest in three rounds on rows that the bridge is least sure of."""

    def choose(self, state: Any, *, seed: int | None = None) -> Any:
        budget = len(state.known) + state.n_left
        proba = state.learn() if len(state.known) else None
        if proba is None:
            return Representative().choose(state, seed=seed)[: max(2, budget // 2)]
        two = np.sort(proba[state.open], axis=1)[:, -2:]
        a_third = int(np.ceil((budget - budget // 2) / 3))
        return state.open[np.argsort(two[:, 1] - two[:, 0], kind="stable")[: min(state.n_left, a_third)]]


STRATEGIES = {"representative": Representative(), "random": Random(), "small margin": SmallMargin()}
CONDITIONS = [
    ("probabilities", "representative"), ("labels", "representative"), ("probabilities", "random"),
    ("labels", "random"), ("probabilities", "small margin"),
]  # fmt: skip


def runs_of(data: str, seed: int, budgets: list[int]) -> list[dict[str, Any]]:
    warnings.simplefilter("ignore")
    X, y, X_test, y_test = prepared(data, n_train=POOL + MOST_FOR_TEACHER, seed=seed)
    X_test, y_test = X_test[:MOST_TEST], y_test[:MOST_TEST]
    order = np.random.default_rng(seed).permutation(len(y))
    pool, theirs = X[order[:POOL]], order[POOL:]
    kind, model = (
        ("lightgbm", LGBMClassifier(n_estimators=100, verbose=-1, n_jobs=1, random_state=seed))
        if seed % 2
        else ("forest", RandomForestClassifier(100, random_state=seed))
    )
    model.fit(X[theirs], y[theirs])
    runs = []
    for answers, queries in CONDITIONS:
        for budget in budgets:
            started = time.process_time()
            fitted = FrozenEstimator(model if answers == "probabilities" else HardAnswers(model))
            teacher = Queried(fitted, budget, strategy=STRATEGIES[queries])
            chain = MultihopClassifier(teacher, STUDENT, random_state=seed)
            whole = queries == "representative"
            if not whole:
                chain.set_params(search=Fixed())
            problem, choice = solve(chain, pool, None)
            assert teacher.n_queried == budget
            ways = [way for way in choice.ways if whole or way.kind in ("one-hop", "multihop")]
            scores = {way.kind: float(np.mean(problem.train(way).model.predict(X_test) == y_test)) for way in ways}
            if whole:
                scores["default"] = scores[choice.way.kind]
            runs.append(
                {
                    "data": data, "seed": seed, "teacher": kind, "teacher_rows": len(theirs), "answers": answers,
                    "queries": queries, "budget": budget, "test": scores, "chosen": choice.way.kind if whole else None,
                    "teacher_test": float(np.mean(model.predict(X_test) == y_test)),
                    "seconds": round(time.process_time() - started, 2),
                }
            )  # fmt: skip
    return runs


def per_set(runs: list[dict[str, Any]], name: str) -> np.ndarray:
    sets = sorted({run["data"] for run in runs})
    return np.array([100 * np.mean([run["test"][name] for run in runs if run["data"] == data]) for data in sets])


def difference(gaps: np.ndarray) -> dict[str, float]:
    """Mean over data sets, its standard error, Wilcoxon's p, the worst and the best set."""
    numbers = {
        "mean": gaps.mean(),
        "std_error": gaps.std(ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else float("nan"),
        "p": wilcoxon(gaps).pvalue if len(gaps) > 1 and np.any(gaps) else 1.0,
        "worst": gaps.min(),
        "best": gaps.max(),
    }
    return {key: round(float(value), 4 if key == "p" else 2) for key, value in numbers.items()}


def table(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Averages over seeds, then over data sets."""
    rows = []
    for answers, queries in CONDITIONS:
        for budget in sorted({run["budget"] for run in runs}):
            mine = [r for r in runs if (r["answers"], r["queries"], r["budget"]) == (answers, queries, budget)]
            row: dict[str, Any] = {"answers": answers, "queries": queries, "budget": budget}
            row |= {"sets": len({run["data"] for run in mine}), "runs": len(mine)}
            row["test"] = {name: round(float(per_set(mine, name).mean()), 2) for name in mine[0]["test"]}
            row["teacher"] = round(100 * float(np.mean([run["teacher_test"] for run in mine])), 2)
            for a, b in [
                ("multihop", "one-hop"), ("multihop", "labels"), ("multihop", "control"),
                ("one-hop", "labels"), ("default", "one-hop"),
            ]:  # fmt: skip
                if a in row["test"] and b in row["test"]:
                    row[f"{a} - {b}"] = difference(per_set(mine, a) - per_set(mine, b))
            other = [r for r in runs if (r["answers"], r["queries"], r["budget"]) == (answers, "random", budget)]
            if queries != "random":
                for name in ("multihop", "one-hop"):
                    gaps = per_set(mine, name) - per_set(other, name)
                    row[f"{name}: {queries} - random"] = difference(gaps)
            rows.append(row)
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(f"\n{row['answers']}, {row['queries']}, {row['budget']} rows | {row['sets']} sets | {row['test']}")
        for name, value in row.items():
            if isinstance(value, dict) and name != "test":
                print(
                    f"   {name:<40} {value['mean']:+6.2f} ± {value['std_error']:.2f}   p {value['p']:.3f}"
                    f"   worst {value['worst']:+.1f}, best {value['best']:+.1f}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--budgets", nargs="*", type=int, default=[40, 100, 250])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    prepared(args.sets[0], n_train=100, seed=0)  # fetches the wheel before the processes start
    runs: list[dict[str, Any]] = []
    for data in args.sets:
        parts = Parallel(n_jobs=args.jobs)(delayed(runs_of)(data, seed, args.budgets) for seed in range(args.seeds))
        runs += [run for part in parts for run in part]
        print(f"{data}: {sum(run['seconds'] for run in runs):.0f} core seconds so far", flush=True)
        if args.out:
            save(args, runs)
    show(table(runs))


def save(args: argparse.Namespace, runs: list[dict[str, Any]]) -> None:
    packages = ["stepdown", "scikit-learn", "numpy", "scipy", "lightgbm"]
    versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    asked = {name: value for name, value in vars(args).items() if name not in ("out", "jobs")}
    record = {"schema": 1, "data": WHEEL, "versions": versions, "arguments": asked, "pool": POOL}
    record |= {"student": repr(STUDENT), "table": table(runs), "runs": runs}
    write(args.out, record)


if __name__ == "__main__":
    main()
