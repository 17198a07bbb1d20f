"""What the default costs where rows are many, in fits of its teacher, and what the student is worth.

    python -m benchmarks.tabular.scale [--sizes adult 100000x30 ...] [--exact] --out benchmarks/results/scale.json

Cost is processor time, of the teacher's own fit and of the whole `fit` (in which the teacher is fitted, too), in one
run. Accuracy is on 50,000 further rows. ``--exact`` adds the chain of below 30,000 rows (exact growth, 5 folds) on
100,000 of the rows. ``--file 10000000x30`` writes such a Parquet file by blocks and fits from it in bounded memory.
Rows are added to the file as they come.
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from lightgbm import LGBMClassifier
from sklearn.datasets import make_classification
from sklearn.tree import DecisionTreeClassifier

from benchmarks.common.record import read, write
from stepdown import Fixed, MultihopClassifier
from stepdown.large import fit_parquet

HELD_OUT = 50_000
SUBSAMPLE = 100_000
MODULES = ("trainers._tree_search", "search._task", "search._inputs", "learners._signals", "learners._families")


def processor_seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    made = work()
    return time.process_time() - started, made


def table(size: str, seed: int) -> tuple[Any, Any]:
    """Rows of float32; "adult" has 14 columns of which 8 hold the codes of 2 to 40 categories and 3 small integers."""
    n, p = (32_561, 14) if size == "adult" else map(int, size.split("x"))
    X, y = make_classification(
        n + HELD_OUT, p, n_informative=p // 2 if p < 20 else 10, n_clusters_per_class=4, flip_y=0.1, random_state=seed
    )
    X = X.astype(np.float32)
    if size == "adult":
        for column, levels in enumerate((2, 5, 6, 7, 8, 15, 16, 40)):
            cuts = np.quantile(X[:, column], np.arange(1, levels) / levels)
            X[:, column] = np.searchsorted(cuts, X[:, column])
        X[:, 8:11] = np.round(X[:, 8:11] * 10)
    return X, y


def default(seed: int, search: Any = "auto") -> MultihopClassifier:
    teacher = LGBMClassifier(n_jobs=1, verbose=-1)
    return MultihopClassifier(teacher, DecisionTreeClassifier(max_depth=5), search=search, random_state=seed)


def run(size: str, seed: int, exact: bool) -> dict[str, Any]:
    X, y = table(size, seed)
    n = len(y) - HELD_OUT
    test = X[n:], y[n:]
    X, y = X[:n], y[:n]
    own, teacher = processor_seconds(lambda: LGBMClassifier(n_jobs=1, verbose=-1).fit(X, y))
    whole, clf = processor_seconds(lambda: default(seed).fit(X, y))
    row = {
        "rows": n,
        "columns": X.shape[1],
        "seed": seed,
        "teacher_seconds": own,
        "seconds": whole,
        "ratio": whole / own,
    }
    row |= {"teacher_accuracy": teacher.score(*test), "accuracy": clf.score(*test), "way": clf.chain_[-1].teachers}
    row["peak_GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if exact:
        some = np.random.default_rng(seed).permutation(n)[:SUBSAMPLE]
        patches = [patch(f"stepdown.{module}.MANY_ROWS", np.inf) for module in MODULES]
        for one in patches:
            one.start()
        seconds, slow = processor_seconds(lambda: default(seed, Fixed("one-hop")).fit(X[some], y[some]))
        for one in patches:
            one.stop()
        row |= {"exact_rows": len(some), "exact_seconds": seconds, "exact_accuracy": slow.score(*test)}
    return row


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="*", default=["10000x30", "adult", "100000x30", "1000000x30"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--file", nargs="*", default=[], help="sizes that are fitted from a file")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = read(args.out)["rows"] if args.out and args.out.exists() else []
    for size, seed in product(args.file, range(args.seeds)):
        rows.append(run_file(size, seed))
        keep(args.out, rows)
    for size in args.sizes:
        for seed in range(args.seeds):
            rows.append(run(size, seed, args.exact))
            keep(args.out, rows)


def keep(out: Path | None, rows: list[dict[str, Any]]) -> None:
    print(rows[-1], flush=True)
    if out:
        packages = ["stepdown", "scikit-learn", "numpy", "lightgbm", "pyarrow"]
        versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
        write(out, {"schema": 1, "unit": "fits of the teacher", "rows": rows, "versions": versions})


def run_file(size: str, seed: int) -> dict[str, Any]:
    """A student of a file that is written and read by blocks."""
    n, p = map(int, size.split("x"))
    with TemporaryDirectory() as folder:
        path = Path(folder, "rows.parquet")
        write_parquet(path, n, p, seed)
        teacher, student = LGBMClassifier(n_jobs=1, verbose=-1), DecisionTreeClassifier(max_depth=6)
        seconds, made = processor_seconds(lambda: fit_parquet(teacher, student, path, "y", memory=folder))
    row = {
        "rows": n,
        "columns": p,
        "seed": seed,
        "from": "file",
        "seconds": seconds,
        "accuracy": made.scores["student"],
    }
    row |= {"teacher_accuracy": made.scores["teacher"], "sample_accuracy": made.scores["sample"]}
    return row | {"peak_GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def write_parquet(path: Path, n: int, p: int, seed: int) -> None:
    """Write a file of so many rows and columns, and of two classes, by blocks of 100,000 rows with their own draws."""
    weights = np.random.default_rng(seed).normal(size=(3, p))
    names = [f"x{column}" for column in range(p)]
    with pq.ParquetWriter(path, pa.schema([*((name, pa.float32()) for name in names), ("y", pa.int8())])) as file:
        for start in range(0, n, 100_000):
            rng = np.random.default_rng((seed, start))
            X = rng.normal(size=(min(100_000, n - start), p)).astype(np.float32)
            clear = X @ weights[0] + (X @ weights[1]) * (X @ weights[2]) / 4
            y = (clear + rng.normal(size=len(X)) > 0).astype(np.int8)
            file.write_table(pa.table({**dict(zip(names, X.T, strict=True)), "y": y}, schema=file.schema))


if __name__ == "__main__":
    main()
