"""The work behind the commands: fit, compare, write, print."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline

from stepdown.core import InvalidInputError
from stepdown.oracle import Queried
from stepdown.search import Fixed, Gate
from stepdown.search._inputs import default_folds
from stepdown.search._parameters import standing_in
from stepdown.search._scoring import check_scorer, read_scorer
from stepdown.ship import TableColumns, exportable
from stepdown.verdict import compare, render_json, render_rich, render_text, summary_sentence

from ._budget import naming_the_file, queries_line, queries_summary, with_budget
from ._data import Data, fingerprint, read_data
from ._datasets import digits
from ._default_teacher import default_teacher
from ._errors import UsageError
from ._estimators import Spec, build, nearest, parse_spec
from ._large import is_large, run_blocks
from ._limits import best_within, check_limits, rungs_summary, shippable, shipped_line, unused_within
from ._methods import read_methods
from ._output import check_free, check_memory, free_folder, used_alone, written_whole
from ._prepare import fit_for, learns_from_labels_only, multihop, preparing
from ._probe import check_fits, few_rows
from ._progress import told_on
from ._reporting import KEPT, command_of, reported, said, with_verdict
from ._results import package_versions, run_summary, save_page, save_run, save_verdict, shortened
from ._searches import read_search
from ._teacher_file import check_answers, load_teacher, on_columns
from ._terminal import give, show, tell
from ._unlabeled import with_test, with_unlabeled

OUTER_FOLDS, REPEATS = 5, 2
# Rows of a class: one outside an outer fold, and two inside, which the choice of the chain needs.
FEWEST = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """The options of a command, as given on the command line."""

    data: Path
    target: str
    teacher: str | None
    teacher_file: Path | None
    trust: tuple[str, ...]
    student: str
    out: Path | None
    task: str
    folds: int | None
    outer_folds: int | None = None
    repeats: int | None = None
    test: Path | None = None
    scoring: str | None
    seed: int
    jobs: int
    allow_import: bool
    read_as: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    unlabeled: Path | None = None
    method: tuple[str, ...] = ()
    search: str = "gate"
    query_budget: int | None = None
    memory: Path | None = None
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Models:
    """The two models: a teacher by name, or a fitted one (with a budget) and its file; and the student by name."""

    teacher: Spec | FrozenEstimator | Queried
    student: Spec
    file: Path | None = None

    def settings(self) -> dict[str, Any]:
        if isinstance(self.teacher, Spec):
            return {"teacher": self.teacher.text, "student": self.student.text}
        assert self.file is not None
        origin = {"teacher_file": self.file.name, "teacher_fingerprint": fingerprint(self.file)}
        return {"teacher": f"fitted, from {self.file.name}", **origin, "student": self.student.text}


def run_table(request: Request) -> None:
    """Train a student on a table and write its folder; whatever can be refused is refused before that."""
    folder = check_free(request.out) if request.out else free_folder(f"stepdown-{request.data.name.split('.')[0]}")
    if request.memory is not None:
        check_memory(request.memory, folder)
    with nullcontext() if request.memory is None else used_alone(request.memory):
        if request.memory is not None and is_large(request.data):
            run_blocks(request, folder, command_of("run", request))
            return
        table, models = _checked(request)
        _run(table, models, folder, _options(request, table), command_of("run", request), limits=request.limits)


def compare_table(request: Request) -> None:
    """Judge all ways to a student on held-out rows of a table, and write the verdict where that is wanted."""
    if request.out:
        check_free(request.out)
    if request.test is not None and not request.outer_folds is request.repeats is None:
        raise UsageError("--test FILE takes the place of outer folds: leave --outer-folds and --repeats out.")
    table, models = _checked(request)
    folds, repeats = request.outer_folds or OUTER_FOLDS, request.repeats or REPEATS
    if table.test is None:
        _check_folds(table, folds)
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


# What can be refused before anything long starts ----------------------------------------------------------------------


def _checked(request: Request) -> tuple[Data, Models]:
    """Read the table and the models; the words of the request are looked at before the file is."""
    if request.jobs == 0:
        raise UsageError("--jobs 0: expected 1 or more processes, or -1 for all cores.")
    if request.scoring is not None and request.scoring not in get_scorer_names():
        raise UsageError(f"--scoring: unknown scorer {request.scoring!r}{nearest(request.scoring, get_scorer_names())}")
    if request.teacher is not None and request.teacher_file is not None:
        raise UsageError("--teacher and --teacher-file exclude each other: give one of them.")
    if request.trust and request.teacher_file is None:
        raise UsageError("--trust names types of a --teacher-file that may be loaded; give --teacher-file FILE, too.")
    _check_search(request)
    student = parse_spec(request.student, allow_import=request.allow_import)
    if request.read_as and not student.is_readable:
        raise UsageError(f"--as is for students that people read, such as tree or logistic, got {student.name}.")
    if request.teacher_file is None:
        named = request.teacher and parse_spec(request.teacher, allow_import=request.allow_import)
        table = _read(request)
        if not named:
            named, notices = default_teacher(table, student)
            table = replace(table, notices=(*table.notices, *notices))
        models = Models(named, student)
    else:
        fitted = load_teacher(request.teacher_file, request.trust)
        table = _read(request)
        models = Models(_fitted_teacher(request, fitted, table), student, request.teacher_file)
    _check_models(table, models, request.scoring)
    if student.is_readable:
        told = TableColumns(table.kinds).fit(table.X).notes()
        table = replace(table, notices=(*table.notices, *told))
    return table, models


def _check_search(request: Request) -> None:
    search = read_search(request.search)
    methods = read_methods(request.method)
    check_limits(request.limits, search)
    if request.query_budget is None:
        return
    if request.test is not None:
        raise UsageError(
            "--test judges all ways anew, and each would need queries of its own; leave --query-budget out."
        )
    if methods:
        raise UsageError("--method doesn't go with --query-budget, where the student learns the answers and the pool.")
    if request.unlabeled is None:
        raise UsageError("--query-budget needs rows to query: give --unlabeled FILE.")
    if request.teacher_file is None:
        raise UsageError("--query-budget needs a fitted teacher: give --teacher-file FILE.")
    if not isinstance(search, Fixed | Gate):
        raise UsageError(
            f"--search {request.search} would query every row; with --query-budget use gate, one-hop or multihop."
        )


def _read(request: Request) -> Data:
    table = read_data(request.data, request.target, request.task, request.drop, request.read_as)
    table = table if request.unlabeled is None else with_unlabeled(table, request.unlabeled)
    return table if request.test is None else with_test(table, request.test)


def _fitted_teacher(request: Request, fitted: Any, table: Data) -> FrozenEstimator | Queried:
    assert request.teacher_file is not None
    teacher = on_columns(fitted, table, request.teacher_file)
    if request.query_budget is not None:
        queried = with_budget(teacher, request.teacher_file, table, request.query_budget, request.memory)
        if request.search == "multihop" and int(np.sum(~queried.is_known(table.unlabeled))) <= queried.n_left:
            raise UsageError(
                f"--query-budget {request.query_budget} suffices for all unlabelled rows, so nothing is left for a"
                " chain; with --search take gate or one-hop."
            )
        return queried
    check_answers(teacher, table, request.teacher_file)
    return teacher


def _check_models(table: Data, models: Models, scoring: str | None) -> None:
    if isinstance(models.teacher, Queried) and learns_from_labels_only(build(models.student, table.task), table.task):
        raise UsageError(
            f"--student {models.student.name} learns from labels only; with --query-budget take one that learns from"
            " probabilities, such as tree or logistic."
        )
    specs = [spec for spec in (models.teacher, models.student) if isinstance(spec, Spec)]
    classify = table.task == "classification"
    built = [standing_in(fit_for(spec, table.task, table.y), classify=classify) for spec in specs]
    scorer, name = read_scorer(scoring, classify=classify)
    try:
        check_scorer(scorer, name, table.y, [models.teacher, *built][-2:], classify=classify)
    except InvalidInputError as error:
        raise UsageError(f"--{error}") from error
    if any(spec.parameters for spec in specs if not spec.is_default):
        places = few_rows(table.y, table.task)
        rows = preparing(models.student, table.kinds).fit(table.X).transform(table.X.iloc[places])
        for spec, model in zip(specs, built, strict=True):
            check_fits(spec, model, rows, table.y[places])


def _check_folds(table: Data, folds: int) -> None:
    if len(table.y) < folds:
        raise InvalidInputError(
            f"there are {len(table.y)} rows, fewer than {folds} folds; give a smaller --outer-folds."
        )
    if table.task == "classification":
        counts = pd.Series(table.y).value_counts()
        if counts.min() < max(FEWEST, folds):
            fewer = "Give a smaller --outer-folds, or merge" if counts.min() >= FEWEST else "Merge"
            raise InvalidInputError(
                f"class {counts.idxmin()!s} has {counts.min()} rows, fewer than {max(FEWEST, folds)}: outer folds would"
                f" lack it. {fewer} or drop the class."
            )


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
    if hasattr(estimator, "kinds_"):
        show(f"Kinds of student, validated:\n{estimator.kinds_}\n")
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
    summary = verdict.to_dict()
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
