"""A Parquet file of so many values that a run reads it in blocks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
from rich.console import Console
from sklearn.pipeline import Pipeline

from stepdown.core import HopRecord
from stepdown.large import LargeFit, fit_parquet, rows_of
from stepdown.learners import complexity
from stepdown.ship import TableColumns, hop_row
from stepdown.verdict import render_json, render_rich, render_text

from ._data import Data, fingerprint, read_kinds, refuse_cells, task_of
from ._default_teacher import forest_for
from ._errors import UsageError
from ._estimators import Spec, parse_spec
from ._formats import format_of
from ._limits import shippable
from ._output import written_whole
from ._prepare import complex_for, fit_for
from ._progress import told_on
from ._results import package_versions, save_run, shortened
from ._terminal import give, show, tell

# Half a gigabyte as numbers, of which a search in memory holds several copies.
MANY_VALUES = 60_000_000
HEAD = 10_000  # rows that tell what the columns hold
TEACHER_ROWS = 200_000


def is_large(path: Path) -> bool:
    """Whether a table is read in blocks: a Parquet file of very many values."""
    if format_of(path) != "parquet":
        return False
    try:
        about = pyarrow.parquet.read_metadata(path)
    except (OSError, pyarrow.ArrowException):
        return False  # which reading it explains
    return bool(about.num_rows * about.num_columns > MANY_VALUES)


def run_blocks(request: Any, folder: Path, command: str) -> None:
    """Fit a tree to a file by its blocks, and write its folder."""
    student, kinds = _checked(request), read_kinds(request.read_as)
    rows = rows_of(request.data, request.target, request.drop)
    head, target = next(rows.each(lambda block: block, HEAD))[1], rows.targets()
    refuse_cells(head, request.data)
    task = task_of(target.dropna()) if request.task == "auto" else request.task
    y = np.unique(target.dropna()) if task == "classification" else target.to_numpy()
    columns = TableColumns(kinds).fit(head)
    if request.teacher is None:
        teacher, notices = forest_for(min(TEACHER_ROWS, rows.n_rows // 2), columns.width_, task, rows.n_rows)
    else:
        teacher, notices = parse_spec(request.teacher, allow_import=request.allow_import), []
    notices += [
        f"{rows.n_rows:,} rows of {len(rows.columns):,} columns are read in blocks; the teacher learns from"
        f" {min(TEACHER_ROWS, rows.n_rows // 2):,} of them and labels the others, and nothing is cross-validated",
        f"{request.target!r} is treated as {task}",
        *columns.notes(),
    ]
    for notice in notices:
        tell(f"note: {notice}")
    started = time.perf_counter()
    with told_on(Console(stderr=True)):
        made = fit_parquet(
            complex_for(teacher, student, task, y),
            fit_for(student, task, y),
            request.data,
            request.target,
            memory=request.memory,
            prepare=TableColumns(kinds),
            drop=request.drop,
            random_state=request.seed,
        )
    settings = {"teacher": teacher.text, "student": student.text, "seed": request.seed, "teacher_rows": TEACHER_ROWS}
    origin = {"file": request.data.name, "fingerprint": fingerprint(request.data), "target": request.target}
    data = Data(head, y, task, origin | {"rows": rows.n_rows, "columns": list(rows.columns)}, tuple(notices))
    summary = _summary(made, data, settings, time.perf_counter() - started, command)
    with written_whole(folder) as part:
        save_run(part, shippable(Pipeline([("columns", made.prepare)]), made.student), _chain(made), summary, data)
    show(render_text(summary) + "\n", render_rich(summary))
    show(f"{shortened((folder / 'student.txt').read_text(encoding='utf-8'))}\n")
    show("Written:" + "".join(f"\n  {path}" for path in sorted(folder.iterdir())))
    give(render_json(summary | {"folder": str(folder)}))


def _checked(request: Any) -> Spec:
    """The student; refuses what needs the whole table at once."""
    given = {
        "--teacher-file": request.teacher_file,
        "--unlabeled": request.unlabeled,
        "--query-budget": request.query_budget,
        "--method": request.method,
        "--search": request.search != "gate",
        "--test": request.test,
        "--folds": request.folds,
        "--scoring": request.scoring,
        "--max-rules, --max-bytes and --max-us-per-row": request.limits,
    }
    refused = [name for name, value in given.items() if value]
    how = f"{request.data} is so large that it is read in blocks; without --memory it is read into memory."
    if refused:
        raise UsageError(f"{', '.join(refused)}: not for this table. {how}")
    student = parse_spec(request.student, allow_import=request.allow_import)
    if student.name != "tree" or not {"max_depth", "max_leaf_nodes"} & student.parameters.keys():
        raise UsageError(f"--student {student.text}: expected a tree with a bound, as in tree:max_depth=6. {how}")
    return student


def _chain(made: LargeFit) -> Sequence[HopRecord]:
    teacher = HopRecord("teacher", (), None, None, made.teacher, complexity(made.teacher))
    return [teacher, HopRecord("student", ("teacher",), None, None, made.student, complexity(made.student))]


def _summary(made: LargeFit, data: Data, settings: dict[str, Any], seconds: float, command: str) -> dict[str, Any]:
    """What is said about the fit: scores on rows that nothing has learned from."""
    models = {"teacher": made.teacher, "student": made.student}
    ways = []
    for name, model in models.items():
        size = complexity(model)
        about = {"kind": size.kind, "size": size.size, "text": str(size)}
        ways.append({"name": name, "mean": made.scores[name], "std": None, "seconds": None, "complexity": about})
    unit = "accuracy" if data.task == "classification" else "r2"
    return {
        "schema": 1,
        "task": data.task,
        "scorer": unit,
        "n_samples": made.n_rows,
        "n_features": len(data.origin["columns"]),
        "seed": settings["seed"],
        "settings": settings,
        "ways": ways,
        "held_out": made.held_out,
        "chain": [hop_row(record) for record in _chain(made)],
        "versions": package_versions(),
        "data": data.origin,
        "notices": list(data.notices),
        "seconds": seconds,
        "command": command,
        "sentence": f"On {made.held_out:,} rows that nothing learned from, the student's {unit} is"
        f" {made.scores['student']:.3f} and the teacher's {made.scores['teacher']:.3f}; a tree of the teacher's rows"
        f" alone has {made.scores['sample']:.3f}.",
    }
