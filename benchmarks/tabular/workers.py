"""What a second worker of dask and of ray saves, where a fit of the teacher takes seconds.

    python -m benchmarks.tabular.workers [--engines dask ray] [--rounds 2] --out benchmarks/results/workers.json

A local cluster of one worker, then of two, in turn, each with one thread; the default search with a booster of
scikit-learn's as the teacher. Seconds are wall-clock, so the machine should do nothing else; its load is noted. Needs
dask[distributed] and ray.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.tree import DecisionTreeClassifier

from benchmarks.common.record import write
from stepdown import MultihopClassifier

ROWS, COLUMNS, TREES = 4000, 20, 30


@contextmanager
def dask_of(workers: int) -> Iterator[None]:
    from dask.distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        joblib.parallel_config("dask"),
    ):
        yield


@contextmanager
def ray_of(workers: int) -> Iterator[None]:
    import ray
    from ray.util.joblib import register_ray

    ray.init(num_cpus=workers, include_dashboard=False, logging_level="ERROR")
    register_ray()
    with joblib.parallel_config("ray", n_jobs=workers):
        yield
    ray.shutdown()


ENGINES = {"dask": dask_of, "ray": ray_of}


def run(engine: str, workers: int) -> dict[str, Any]:
    X, y = make_classification(ROWS, COLUMNS, n_informative=8, random_state=0)
    teacher = GradientBoostingClassifier(n_estimators=TREES, random_state=0)
    clf = MultihopClassifier(teacher, DecisionTreeClassifier(max_depth=4), random_state=0)
    with ENGINES[engine](workers):
        started = time.perf_counter()
        clf.fit(X, y)
        seconds = time.perf_counter() - started
    student = hashlib.sha256(clf.predict_proba(X).tobytes()).hexdigest()[:12]
    return {"engine": engine, "workers": workers, "seconds": seconds, "student": student, "load": os.getloadavg()[0]}


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    X, y = make_classification(ROWS, COLUMNS, n_informative=8, random_state=0)
    started = time.perf_counter()
    GradientBoostingClassifier(n_estimators=TREES, random_state=0).fit(X, y)
    alone = time.perf_counter() - started
    rows: list[dict[str, Any]] = []
    for _ in range(args.rounds):
        for engine in args.engines:
            for workers in (1, 2):
                rows.append(run(engine, workers))
                print(rows[-1], flush=True)
    ratios = {}
    for engine in args.engines:
        best = [
            min(row["seconds"] for row in rows if (row["engine"], row["workers"]) == (engine, workers))
            for workers in (1, 2)
        ]
        ratios[engine] = best[0] / best[1]
    print(ratios)
    if args.out:
        packages = ["stepdown", "scikit-learn", "numpy", "joblib", *args.engines]
        versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
        about = {"rows": ROWS, "columns": COLUMNS, "trees": TREES, "seed": 0, "cores": os.cpu_count()}
        write(
            args.out,
            {"schema": 1, **about, "teacher_seconds": alone, "ratios": ratios, "runs": rows} | {"versions": versions},
        )


if __name__ == "__main__":
    main()
