"""The work behind the commands: fit, compare, print, write."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.text import Text
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline

from stepdown import datasets
from stepdown.chains import compare
from stepdown.core import InvalidInputError
from stepdown.reports import render_rich, render_text, summary_sentence

from ._data import Data, read_data
from ._estimators import Spec, nearest, parse_spec
from ._output import check_free, free_folder, written_whole
from ._prepare import multihop, preparing
from ._progress import told_on
from ._results import package_versions, run_summary, save_run, save_verdict

__all__ = ["compare_table", "demonstrate", "run_table"]

Specs = tuple[Spec, Spec]


def run_table(
    path: Path,
    target: str,
    *,
    teacher: str,
    student: str,
    out: Path | None,
    task: str,
    folds: int,
    scoring: str | None,
    seed: int,
    jobs: int,
    allow_import: bool,
) -> None:
    """Train a student on a table and write its folder; whatever can be refused is refused before that."""
    specs = _specs(teacher, student, allow_import)
    folder = check_free(out) if out else free_folder(f"stepdown-{path.name.split('.')[0]}")
    _check_scoring(scoring)
    options = {"cv": folds, "scoring": scoring, "random_state": seed, "n_jobs": jobs}
    _run(read_data(path, target, task), specs, folder, options)


def compare_table(
    path: Path,
    target: str,
    *,
    teacher: str,
    student: str,
    out: Path | None,
    task: str,
    folds: int,
    repeats: int,
    scoring: str | None,
    seed: int,
    jobs: int,
    allow_import: bool,
) -> None:
    """Judge all ways to a student on held-out rows of a table, and write the verdict where that is wanted."""
    specs = _specs(teacher, student, allow_import)
    if out:
        check_free(out)
    _check_scoring(scoring)
    options = {"cv": 5, "scoring": scoring, "random_state": seed, "n_jobs": jobs}
    summary = _verdict(read_data(path, target, task), specs, options, folds, repeats)
    _print_summary(summary)
    if out:
        with written_whole(out) as part:
            save_verdict(part, summary)
        _name_files(out)


def demonstrate(out: Path | None, seed: int) -> None:
    """Do all of it on handwritten digits."""
    folder = check_free(out) if out else free_folder("stepdown-demo")
    specs = _specs("forest:n_estimators=100", "tree:max_depth=4", allow_import=False)
    options = {"cv": 5, "scoring": None, "random_state": seed, "n_jobs": 1}
    _run(_digits(), specs, folder, options, verdict_folds=5)


def _specs(teacher: str, student: str, allow_import: bool) -> Specs:
    return parse_spec(teacher, allow_import=allow_import), parse_spec(student, allow_import=allow_import)


def _check_scoring(scoring: str | None) -> None:
    if scoring is not None and scoring not in get_scorer_names():
        raise InvalidInputError(f"unknown scorer {scoring!r}{nearest(scoring, get_scorer_names())}")


def _run(table: Data, specs: Specs, folder: Path, options: dict[str, Any], verdict_folds: int | None = None) -> None:
    """Fit, print, and write the folder; with `verdict_folds` judge by outer folds, too."""
    estimator = multihop(*specs, table.task, **options)
    _check_labels(table, specs)
    _tell(table)
    with told_on(Console(stderr=True)):
        prepare = preparing(specs[1])
        estimator.fit(prepare.fit_transform(table.X), table.y)
    summary = run_summary(estimator, table, _settings(specs, options))
    shipped = Pipeline([*prepare.steps, ("student", estimator.student_)])
    _print_summary(summary)
    verdict = None
    if verdict_folds is not None:
        verdict = _verdict(table, specs, options, verdict_folds, repeats=1)
        _print_summary(verdict)
    with written_whole(folder) as part:
        save_run(part, shipped, estimator.chain_, summary, table)
        if verdict is not None:
            save_verdict(part, verdict)
    _name_files(folder)
    types = summary["student"]["trusted_types"]
    lines = [
        "To load the student without executing code, once you have looked at the types that it asks you to trust:",
        f'  skops.io.load("{folder / "student.skops"}", trusted=types)   # types, also in result.json:',
        f"  {', '.join(types) or 'none'}",
    ]
    Console().print(Text("\n".join(lines)), soft_wrap=True)


def _verdict(table: Data, specs: Specs, options: dict[str, Any], folds: int, repeats: int) -> dict[str, Any]:
    estimator = multihop(*specs, table.task, **options)
    splitter = RepeatedStratifiedKFold if table.task == "classification" else RepeatedKFold
    cv = splitter(n_splits=folds, n_repeats=repeats, random_state=options["random_state"])
    _check_labels(table, specs)
    _check_folds(table, folds)
    _tell(table)
    whole = Pipeline([*preparing(specs[1]).steps, ("multihop", estimator)])
    with told_on(Console(stderr=True)), warnings.catch_warnings():
        # A rare word that only the held-out rows of a fold have is nothing to worry about here.
        warnings.filterwarnings("ignore", message="Found unknown categories", category=UserWarning)
        verdict = compare(whole, table.X, table.y, cv=cv, scoring=options["scoring"])
    summary = verdict.to_dict()
    summary |= {
        "settings": _settings(specs, options) | {"folds": folds, "repeats": repeats},
        "data": {**summary.get("data", {}), **table.origin},
        "versions": {**summary.get("versions", {}), **package_versions()},
        "notices": list(table.notices),
    }
    return summary | {"sentence": summary_sentence(summary)}


def _check_labels(table: Data, specs: Specs) -> None:
    """XGBoost's classifier takes no other names of classes; it says so only when it is fitted."""
    names = {spec.name for spec in specs}
    if "xgboost" in names and table.task == "classification":
        classes = np.unique(table.y)
        if classes.dtype.kind not in "bi" or not np.array_equal(classes, np.arange(len(classes))):
            raise InvalidInputError(
                f"xgboost takes classes numbered 0, 1, ... only; the target has {classes[:5].tolist()}. Number them, or"
                " take lightgbm, hist-boosting or boosting."
            )


def _check_folds(table: Data, folds: int) -> None:
    if len(table.y) < folds:
        raise InvalidInputError(f"there are {len(table.y)} rows, fewer than {folds} folds; give a smaller --folds.")
    if table.task == "classification":
        counts = pd.Series(table.y).value_counts()
        # One row outside and two inside, which the choice of the chain needs.
        if counts.min() < max(3, folds):
            raise InvalidInputError(
                f"class {counts.idxmin()!s} has {counts.min()} rows, fewer than {max(3, folds)}: outer folds would lack"
                " it. Give a smaller --folds, or merge or drop the class."
            )


def _settings(specs: Specs, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "teacher": specs[0].text,
        "student": specs[1].text,
        "seed": options["random_state"],
        "cv": options.get("cv", 5),
        "scoring": options["scoring"],
    }


def _tell(table: Data) -> None:
    for notice in table.notices:
        Console(stderr=True).print(Text(f"note: {notice}"), soft_wrap=True)


def _print_summary(summary: dict[str, Any]) -> None:
    if Console().is_terminal:
        Console().print(render_rich(summary))
    else:
        # Rich would fold the tables to 80 columns where nobody looks at a terminal.
        print(render_text(summary))
    Console().print()


def _name_files(folder: Path) -> None:
    names = "".join(f"\n  {path}" for path in sorted(folder.iterdir()))
    Console().print(Text(f"Written:{names}"), soft_wrap=True)


def _digits() -> Data:
    X, y, names = datasets.digits()
    frame = pd.DataFrame(X, columns=names)
    origin = {"file": "digits, from scikit-learn", "target": "digit", "rows": len(y), "columns": names}
    return Data(frame, y, "classification", origin)
