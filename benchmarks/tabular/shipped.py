"""What a shipped student weighs, and what one row costs, beside the teacher that it replaces.

    python -m benchmarks.tabular.shipped --out benchmarks/results/shipped.json

Each table goes through `stepdown run` as a file, with the default teacher, a forest of 300 trees; the student is a tree
of depth 4.
One row is asked at a time, as a service does; both sides alternately, in one thread, and medians of processor time are
reported, so that other work on the machine counts little. The teacher stands behind the preparation that most people
would take, skrub's TableVectorizer, and behind the student's own.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import skops.io
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from skrub import TableVectorizer
from typer.testing import CliRunner

from benchmarks.common.keel import WHEEL, load
from benchmarks.common.record import write
from stepdown import ship
from stepdown.cli._app import app

TABLES = ("german", "crx", "contraceptive", "mammographic", "segment")
ROWS, REPEATS = 30, 2


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    tables = {}
    for name in TABLES:
        tables[name] = measured(name)
        print(f"{name:>14}:", tables[name], flush=True)
    if args.out:
        packages = ["stepdown", "scikit-learn", "skrub", "numpy", "pandas"]
        versions = {"python": platform.python_version(), **{package: version(package) for package in packages}}
        about = {
            "schema": 1,
            "data": WHEEL,
            "student": "tree:max_depth=4",
            "teacher": "forest:n_estimators=300",
            "seed": 0,
        }
        write(args.out, about | {"rows asked": ROWS * REPEATS, "tables": tables, "versions": versions})
        print(f"wrote {args.out}")


def measured(name: str) -> dict[str, Any]:
    """Bytes of the student's file, and milliseconds for one row."""
    X, y = load(name)
    labels = pd.Series(y).map("class {}".format)
    with TemporaryDirectory() as folder:
        file, out = Path(folder) / f"{name}.csv", Path(folder) / "out"
        X.assign(target=labels).to_csv(file, index=False)
        words = ["run", str(file), "--target", "target", "--search", "one-hop", "--out", str(out), "--quiet"]
        done = CliRunner().invoke(app, words)
        if done.exit_code:
            raise RuntimeError(done.output)
        X = pd.read_csv(file).drop(columns="target")
        types = json.loads((out / "result.json").read_text())["student"]["trusted_types"]
        student = skops.io.load(out / "student.skops", trusted=types)
        size = (out / "student.skops").stat().st_size
    space: dict[str, Any] = {}
    exec(ship.to_python(student), space)
    forest = RandomForestClassifier(300, random_state=0)
    ask = {
        "student": student.predict,
        "teacher": make_pipeline(TableVectorizer(), clone(forest)).fit(X, labels).predict,
        "teacher, student's columns": make_pipeline(ship.TableColumns(), clone(forest)).fit(X, labels).predict,
    }
    seconds: dict[str, list[float]] = {name: [] for name in [*ask, "student as Python"]}
    read = list(student.feature_names_in_)
    for place in list(range(ROWS)) * REPEATS:
        row = X.iloc[[place]]
        for name, predict in ask.items():
            seconds[name].append(timed(predict, row))
        seconds["student as Python"].append(timed(space["predict"], row[read].to_dict("records")[0]))
    medians = {name: 1000 * statistics.median(found) for name, found in seconds.items()}
    return {"student bytes": size, **medians, "times as fast": medians["teacher"] / medians["student"]}


def timed(predict: Any, row: Any) -> float:
    started = time.process_time()
    predict(row)
    return time.process_time() - started


if __name__ == "__main__":
    main()
