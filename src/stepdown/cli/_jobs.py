"""The work behind the commands: fit, compare, write, print."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline

from stepdown.oracle import Queried
from stepdown.search import Gate, default_folds
from stepdown.ship import exportable, held_out
from stepdown.verdict import compare, render_json, render_rich, render_text, summary_sentence

from ._budget import naming_the_file, queries_line, queries_summary
from ._data import Data
from ._datasets import digits
from ._errors import UsageError
from ._estimators import Spec, build, parse_spec
from ._large import is_large, run_blocks
from ._limits import best_within, rungs_summary, shippable, shipped_line, unused_within
from ._methods import read_methods
from ._output import check_free, check_memory, free_folder, used_alone, written_whole
from ._prepare import learns_from_labels_only, multihop, preparing
from ._progress import told_on
from ._reporting import KEPT, command_of, reported, said, with_verdict
from ._request import Models, Request, check_folds, checked
from ._results import package_versions, run_summary, save_page, save_run, save_verdict, shortened
from ._searches import read_search
from ._terminal import give, show, tell

OUTER_FOLDS, REPEATS = 5, 2


def run_table(request: Request) -> None:
    """Train a student on a table and write its folder; whatever can be refused is refused before that."""
    folder = check_free(request.out) if request.out else free_folder(f"stepdown-{request.data.name.split('.')[0]}")
    if request.memory is not None:
        check_memory(request.memory, folder)
    with _memory(request) as memory:
        if request.memory is not None and is_large(request.data):
            run_blocks(request, folder, command_of("run", request))
            return
        table, models = checked(request)
        options = _options(request, table) | {"memory": memory}
        _run(table, models, folder, options, command_of("run", request), limits=request.limits)


@contextmanager
def _memory(request: Request) -> Iterator[Path | None]:
    """The folder of what is fitted; for a hold-out a passing one, from which its verdict takes what the run made."""
    if request.memory is not None:
        with used_alone(request.memory):
            yield request.memory
    elif request.test is not None:
        with TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        yield None


def compare_table(request: Request) -> None:
    """Judge all ways to a student on held-out rows of a table, and write the verdict where that is wanted."""
    if request.out:
        check_free(request.out)
    if request.test is not None and not request.outer_folds is request.repeats is None:
        raise UsageError("--test FILE takes the place of outer folds: leave --outer-folds and --repeats out.")
    table, models = checked(request)
    folds, repeats = request.outer_folds or OUTER_FOLDS, request.repeats or REPEATS
    if table.test is None:
        check_folds(table, folds)
    _tell_notices(table, models)
    summary = _verdict(table, models, _options(request, table), folds, repeats)
    if request.out:
        with written_whole(request.out) as part:
            save_verdict(part, summary)
        save_page(request.out, summary | {"command": command_of("compare", request)})
    _show_summary(summary)
    if request.out:
        _name_files(request.out)
    give(render_json(summary))


def demonstrate(out: Path | None, seed: int) -> None:
    """Do all of it on handwritten digits."""
    folder = check_free(out) if out else free_folder("stepdown-demo")
    models = Models(parse_spec("forest:n_estimators=100"), parse_spec("tree:max_depth=4"))
    options = {"cv": 5, "scoring": None, "random_state": seed, "n_jobs": 1, "search": Gate()}
    command = f"stepdown demo --seed {seed} --out {folder}"
    _run(_digits(), models, folder, options, command, verdict_folds=5)


# The work -------------------------------------------------------------------------------------------------------------


def _run(
    table: Data,
    models: Models,
    folder: Path,
    options: dict[str, Any],
    command: str,
    *,
    limits: Mapping[str, float] | None = None,
    verdict_folds: int | None = None,
) -> None:
    """Fit, write the folder, print; with `verdict_folds` judge by outer folds, too."""
    _tell_notices(table, models)
    estimator = multihop(
        models.teacher, models.student, table.task, table.y, kinds=table.kinds, **options, keep_rungs=bool(limits)
    )
    known = models.teacher.n_queried if isinstance(models.teacher, Queried) else 0
    with _at_work(), naming_the_file(models.teacher, models.file):
        prepare = preparing(models.student, table.kinds) if isinstance(models.teacher, Spec) else None
        X, pool = table.X, table.unlabeled
        if prepare is not None:
            X = prepare.fit_transform(X)
            pool = None if pool is None else prepare.transform(pool)
        estimator.fit(X, table.y, X_unlabeled=pool)
        summary = run_summary(estimator, table, _settings(models, options))
    model, best = estimator.student_, None
    if limits:
        best = best_within(estimator, limits)
        model = best.model
        summary |= {"limits": dict(limits), "rungs": rungs_summary(estimator, best)}
        summary["teacher_unused"] = unused_within(estimator, best)
        summary["sentence"] = summary_sentence(summary)
    shipped = shippable(prepare, model)
    if isinstance(models.teacher, Queried):
        summary["queries"] = queries_summary(models.teacher, table, known)
    verdict = None
    if verdict_folds is not None or table.test is not None:
        verdict = _verdict(table, models, options, verdict_folds or OUTER_FOLDS, repeats=1)
    found = reported(estimator, shipped, best, table, X)
    if verdict is not None and found:
        found = with_verdict(found, verdict)
    summary |= {key: found[key] for key in KEPT if key in found}
    with written_whole(folder) as part:
        save_run(part, shipped, estimator.chain_, summary, table)
        if verdict is not None:
            save_verdict(part, verdict)
    page = save_page(folder, {**summary, **found, "command": command})
    for shown in (summary, verdict):
        if shown is not None:
            _show_summary(shown)
    if best is not None:
        show(f"{shipped_line(best)}\n")
    if "queries" in summary:
        show(f"{queries_line(summary['queries'])}\n")
    show(f"{shortened((folder / 'student.txt').read_text(encoding='utf-8'))}\n")
    _name_files(folder)
    code = f", or stepdown export {folder} --to sql" if exportable(shipped) else ""
    show(f"Next: stepdown predict {folder} TABLE{code}.")
    types = summary["student"]["trusted_types"]
    needs = " (where stepdown is installed)" if any(name.startswith("stepdown.") for name in types) else ""
    show(
        f"To load the student{needs} without executing code, once you have looked at the types that it asks you to"
        " trust:\n"
        f'  skops.io.load("{folder / "student.skops"}", trusted=types)   # types, also in result.json:\n'
        f"  {', '.join(types) or 'none'}"
    )
    if "headline" in found:
        show(f"\n{found['headline']}")
    if page is not None:
        show(f"The page: {page}")
    told = summary | {"folder": str(folder)} | ({} if verdict is None else {"verdict": verdict})
    give(render_json(told))


def _verdict(table: Data, models: Models, options: dict[str, Any], folds: int, repeats: int) -> dict[str, Any]:
    estimator: Any = multihop(models.teacher, models.student, table.task, table.y, kinds=table.kinds, **options)
    splitter = RepeatedStratifiedKFold if table.task == "classification" else RepeatedKFold
    drawn = {"folds": folds, "repeats": repeats}
    where: dict[str, Any] = {"cv": splitter(n_splits=folds, n_repeats=repeats, random_state=options["random_state"])}
    if table.test is not None:
        where, drawn = {"test": table.test}, {}
    if isinstance(models.teacher, Spec):
        estimator = Pipeline([*preparing(models.student, table.kinds).steps, ("multihop", estimator)])
    with _at_work():
        verdict = compare(estimator, table.X, table.y, **where, scoring=options["scoring"], X_unlabeled=table.unlabeled)
    summary = verdict.to_dict() | held_out(verdict)
    summary |= said(summary)
    summary |= {
        "settings": _settings(models, options) | drawn,
        "data": {**summary.get("data", {}), **table.origin},
        "versions": {**summary.get("versions", {}), **package_versions()},
        "notices": list(table.notices),
    }
    return summary | {"sentence": summary_sentence(summary)}


@contextmanager
def _at_work() -> Iterator[None]:
    with told_on(Console(stderr=True)), warnings.catch_warnings():
        # A rare word that only the held-out rows of a fold have is nothing to worry about here.
        warnings.filterwarnings("ignore", message="Found unknown categories", category=UserWarning)
        yield


def _options(request: Request, table: Data) -> dict[str, Any]:
    return {
        "cv": request.folds or default_folds(len(table.y)),
        "scoring": request.scoring,
        "random_state": request.seed,
        "n_jobs": request.jobs,
        "search": read_search(request.search),
        "methods": read_methods(request.method) or "auto",
        "memory": request.memory,
    }


def _settings(models: Models, options: dict[str, Any]) -> dict[str, Any]:
    return models.settings() | {
        "seed": options["random_state"],
        "cv": options["cv"],
        "scoring": options["scoring"],
        "search": " ".join(repr(options["search"]).split()),
        "methods": " ".join(str(options.get("methods", "auto")).split()),
    }


# What is printed ------------------------------------------------------------------------------------------------------


def _tell_notices(table: Data, models: Models) -> None:
    notices = list(table.notices)
    if learns_from_labels_only(build(models.student, table.task), table.task):
        notices.append(f"{models.student.name} learns from labels only, so the teacher hands over labels")
    if isinstance(models.teacher, Queried):
        notices.append("rows with labels are used as they are; the teacher is queried for unlabelled rows only")
        if models.teacher.store is None:
            notices.append("the teacher's answers are not kept; --memory FOLDER keeps them for the next run")
    elif not isinstance(models.teacher, Spec):
        notices.append("the teacher is used as it is; its scores on rows it was fitted to are optimistically biased")
        if table.task == "classification" and not hasattr(models.teacher, "predict_proba"):
            notices.append("the teacher gives labels without probabilities; the student learns from the labels")
    for notice in notices:
        tell(f"note: {notice}")


def _show_summary(summary: dict[str, Any]) -> None:
    show(render_text(summary) + "\n", render_rich(summary))


def _name_files(folder: Path) -> None:
    show("Written:" + "".join(f"\n  {path}" for path in sorted(folder.iterdir())))


def _digits() -> Data:
    X, y, names = digits()
    frame = pd.DataFrame(X, columns=names)
    origin = {"file": "digits, from scikit-learn", "target": "digit", "rows": len(y), "columns": names}
    return Data(frame, np.asarray(y), "classification", origin)
