"""What `stepdown run` costs from ten thousand to ten million rows: processor time, wall-clock time and memory.

    python -m benchmarks.tabular.scale_run [--rows 10000 ...] [--csv 1000000] [--kill 10000000] --out FILE [--draw SVG]

Each run is a process of its own on one core, with LightGBM as the teacher and a tree of depth 6 as the student, from a
file of 30 columns (`scale.write_parquet`). Beside it the teacher's own fit to all rows, for which there must be memory.
``--kill`` ends a run by SIGKILL where half of the rows are labelled and starts it again; its student should have the
same digest as that of a run left alone. Rows are added to the file as they are measured; ``--draw`` draws them.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib
import pyarrow.csv
import pyarrow.parquet as pq
from lightgbm import LGBMClassifier
from matplotlib.figure import Figure

from benchmarks.common.record import read, write
from benchmarks.tabular.scale import processor_seconds, write_parquet

COLUMNS = 30
ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1"}
WORDS = ("--target", "y", "--teacher", "lightgbm:n_jobs=1", "--student", "tree:max_depth=6", "--jobs", "1")


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a process of its own: the most memory of a process counts that of its parent."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def write_table(path: Path, n: int, seed: int) -> None:
    write_parquet(path.with_suffix(".parquet"), n, COLUMNS, seed)
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(pq.read_table(path.with_suffix(".parquet")), path)


def own_fit(path: Path) -> dict[str, float]:
    """The teacher fitted to all rows, without reading them."""
    table = pq.read_table(path).to_pandas(self_destruct=True)
    y = table.pop("y").to_numpy()
    seconds, _ = processor_seconds(lambda: LGBMClassifier(n_jobs=1, verbose=-1).fit(table, y))
    return {"processor": seconds, "peak_GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def measured(words: list[str], folder: Path, *, kill: bool = False) -> dict[str, float]:
    """Processor seconds, seconds and the most memory of a process, which may be ended by force half-way."""
    started = time.perf_counter()
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(words, cwd=folder, stdout=said, stderr=said, env=os.environ | ONE_CORE)
        if kill:
            while not is_half_way((folder / "said.txt").read_text()):
                time.sleep(0.2)
            process.send_signal(signal.SIGKILL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != (-signal.SIGKILL if kill else 0):
        raise SystemExit((folder / "said.txt").read_text())
    elapsed = time.perf_counter() - started
    return {"processor": used.ru_utime + used.ru_stime, "seconds": elapsed, "peak_GB": used.ru_maxrss / 2**20}


def is_half_way(said: str) -> bool:
    return any(2 * int(done) >= int(n) for done, n in re.findall(r"labelled (\d+) of (\d+) rows", said))


def run(n: int, seed: int, ending: str, *, kill: bool) -> dict[str, Any]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        apart(write_table, folder / f"rows.{ending}", n, seed)
        words = [sys.executable, "-c", "from stepdown.cli import main; main()", "run", f"rows.{ending}", *WORDS]
        words += ["--memory", "memory", "--out", "out"]
        row: dict[str, Any] = {"rows": n, "columns": COLUMNS, "from": ending, "seed": seed}
        if kill:
            killed, resumed = measured(words, folder, kill=True), measured(words, folder)
            row |= {"processor": killed["processor"] + resumed["processor"], "killed": killed, "resumed": resumed}
            row |= {"seconds": killed["seconds"] + resumed["seconds"]}
            row |= {"peak_GB": max(killed["peak_GB"], resumed["peak_GB"])}
        else:
            row |= measured(words, folder)
            row["teacher"] = apart(own_fit, folder / "rows.parquet")
            row["ratio"] = row["processor"] / row["teacher"]["processor"]
        row["student"] = hashlib.sha256((folder / "out" / "student.txt").read_bytes()).hexdigest()[:12]
    return row | {"microseconds_per_row": 1e6 * row["processor"] / n}


def keep(out: Path | None, row: dict[str, Any]) -> None:
    print(row, flush=True)
    if out is None:
        return
    rows = read(out)["rows"] if out.exists() else []
    packages = ["stepdown", "scikit-learn", "numpy", "lightgbm", "pyarrow", "pandas"]
    versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    write(out, {"schema": 1, "teacher": WORDS[3], "student": WORDS[5], "rows": [*rows, row], "versions": versions})


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Processor time of the run and of the teacher's own fit, and memory, over the number of rows."""
    rows = sorted((row for row in rows if row["from"] == "parquet" and "teacher" in row), key=lambda row: row["rows"])
    sizes = [row["rows"] for row in rows]
    styles = {"svg.fonttype": "none", "svg.hashsalt": "stepdown", "font.family": "sans-serif", "font.size": 8}
    with matplotlib.rc_context(styles):
        figure = Figure(figsize=(6.5, 2.4), layout="constrained")
        time_axes, memory_axes = figure.subplots(1, 2)
        time_axes.plot(sizes, [row["processor"] for row in rows], "o-", color="#4477aa", label="stepdown run")
        own = [row["teacher"]["processor"] for row in rows]
        time_axes.plot(sizes, own, "s-", color="#cc6677", label="the teacher's own fit")
        linear = [own[-1] * size / sizes[-1] for size in sizes]
        time_axes.plot(sizes, linear, ":", color="#888888", label="linear")
        time_axes.set(xscale="log", yscale="log", xlabel="rows", ylabel="processor time, s")
        time_axes.legend(frameon=False)
        memory_axes.plot(sizes, [row["peak_GB"] for row in rows], "o-", color="#4477aa")
        memory_axes.plot(sizes, [row["teacher"]["peak_GB"] for row in rows], "s-", color="#cc6677")
        memory_axes.set(xscale="log", xlabel="rows", ylabel="most memory, GB", ylim=(0, None))
        for axes in (time_axes, memory_axes):
            axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    # Matplotlib leaves spaces at the ends of lines.
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="*", type=int, default=[])
    parser.add_argument("--csv", nargs="*", type=int, default=[], help="numbers of rows that are read from CSV")
    parser.add_argument("--kill", nargs="*", type=int, default=[], help="numbers of rows of runs that are killed, too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--draw", type=Path)
    args = parser.parse_args()
    for n in args.rows:
        keep(args.out, run(n, args.seed, "parquet", kill=False))
    for n in args.csv:
        keep(args.out, run(n, args.seed, "csv", kill=False))
    for n in args.kill:
        keep(args.out, run(n, args.seed, "parquet", kill=True))
    if args.draw:
        draw(read(args.out)["rows"], args.draw)


if __name__ == "__main__":
    main()
