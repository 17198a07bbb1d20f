"""The commands. They parse, call the library, and print."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline

from stepdown import datasets, methods
from stepdown.chains import compare as compare_ways
from stepdown.core import InvalidInputError, StepdownError, TransferMethod
from stepdown.reports import render_rich, render_text, summary_sentence

from ._data import Data, read_data
from ._estimators import Spec, nearest, parse_spec
from ._output import check_free, free_folder, written_whole
from ._prepare import multihop, preparing
from ._progress import told_on
from ._results import package_versions, run_summary, save_run, save_verdict

__all__ = ["app"]

app = typer.Typer(
    name="stepdown",
    help="Turn an accurate, complex model into an accurate, simple one, and say whether it worked.",
    no_args_is_help=True,
    add_completion=False,
    # A bug must show its whole, plain traceback; what users can mend is told in one line.
    pretty_exceptions_enable=False,
)


class Task(StrEnum):
    """What is to be learned."""

    auto = "auto"
    classification = "classification"
    regression = "regression"


TablePath = Annotated[Path, typer.Argument(metavar="DATA", help="CSV or Parquet file.", show_default=False)]
Target = Annotated[str, typer.Option(help="Column to predict.", show_default=False)]
TeacherName = Annotated[str, typer.Option(help="Complex model, as in forest:n_estimators=300.")]
StudentName = Annotated[str, typer.Option(help="Simple model, as in tree:max_depth=4.")]
Seed = Annotated[int, typer.Option(help="All randomness.")]
TaskName = Annotated[Task, typer.Option(help="auto goes by the target.")]
Jobs = Annotated[int, typer.Option(help="Processes; -1 takes all cores.")]
Scoring = Annotated[str | None, typer.Option(help="A scorer of scikit-learn; by default accuracy or R².")]
AllowImport = Annotated[
    bool, typer.Option("--allow-import", help="Allow package.module:Class as a model; importing runs its code.")
]


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"stepdown {version('stepdown')}")
        raise typer.Exit


@app.callback()
def _common(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    data: TablePath,
    target: Target,
    teacher: TeacherName = "forest:n_estimators=300",
    student: StudentName = "tree:max_depth=4",
    out: Annotated[Path | None, typer.Option(help="New folder for the results.", show_default="stepdown-DATA")] = None,
    task: TaskName = Task.auto,
    folds: Annotated[int, typer.Option(min=2, help="Folds of the teacher's out-of-fold answers.")] = 5,
    scoring: Scoring = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    allow_import: AllowImport = False,
) -> None:
    """Train the simple model with the complex one's knowledge, and save it ready to ship."""
    with _plainly():
        specs = _specs(teacher, student, allow_import)
        folder = check_free(out) if out else free_folder(f"stepdown-{data.name.split('.')[0]}")
        _check_scoring(scoring)
        table = read_data(data, target, task.value)
        options = {"cv": folds, "scoring": scoring, "random_state": seed, "n_jobs": jobs}
        _run(table, specs, folder, options)


@app.command()
def compare(
    data: TablePath,
    target: Target,
    teacher: TeacherName = "forest:n_estimators=300",
    student: StudentName = "tree:max_depth=4",
    out: Annotated[Path | None, typer.Option(help="New folder for the verdict.", show_default="none")] = None,
    task: TaskName = Task.auto,
    folds: Annotated[int, typer.Option(min=2, help="Outer folds, which choose nothing.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="How often the outer folds are drawn.")] = 2,
    scoring: Scoring = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    allow_import: AllowImport = False,
) -> None:
    """Compare all ways to the simple model on held-out rows: the verdict."""
    with _plainly():
        specs = _specs(teacher, student, allow_import)
        if out:
            check_free(out)
        _check_scoring(scoring)
        table = read_data(data, target, task.value)
        options = {"scoring": scoring, "random_state": seed, "n_jobs": jobs}
        summary = _verdict(table, specs, options, folds, repeats)
        _print_summary(summary)
        if out:
            with written_whole(out) as part:
                save_verdict(part, summary)
            _name_files(out)


@app.command("methods")
def list_methods() -> None:
    """List the transfer methods."""
    found = [(name, getattr(methods, name)) for name in methods.__all__]
    rows = [(name, _first_sentence(cls)) for name, cls in found if _is_method(cls)]
    if not console().is_terminal:
        width = max(len(name) for name, _ in rows)
        print("\n".join(f"{name:<{width}}  {what}" for name, what in rows))
        return
    drawn = Table(box=box.SIMPLE_HEAD)
    drawn.add_column("method", style="bold")
    drawn.add_column("what moves")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    console().print(drawn)


@app.command()
def demo(
    out: Annotated[Path | None, typer.Option(help="New folder for the results.", show_default="stepdown-demo")] = None,
    seed: Seed = 0,
) -> None:
    """Take a forest down to a tree of depth 4 on handwritten digits, and judge the result."""
    with _plainly():
        folder = check_free(out) if out else free_folder("stepdown-demo")
        table = _digits()
        specs = _specs("forest:n_estimators=100", "tree:max_depth=4", allow_import=False)
        options = {"cv": 5, "scoring": None, "random_state": seed, "n_jobs": 1}
        _run(table, specs, folder, options, verdict_folds=5)


def console(*, stderr: bool = False) -> Console:
    """Return a console for what is asked for, or for what is told on the way."""
    return Console(stderr=stderr)


@contextmanager
def _plainly() -> Iterator[None]:
    """Say what the user can mend in one line and leave with code 2; let every other exception through."""
    try:
        yield
    except StepdownError as error:
        line = Text.assemble(("error: ", "bold red"), " ".join(str(error).split()))
        console(stderr=True).print(line, soft_wrap=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as interruption:
        console(stderr=True).print("interrupted: nothing more was written", soft_wrap=True)
        raise typer.Exit(130) from interruption


def _specs(teacher: str, student: str, allow_import: bool) -> tuple[Spec, Spec]:
    return parse_spec(teacher, allow_import=allow_import), parse_spec(student, allow_import=allow_import)


def _check_scoring(scoring: str | None) -> None:
    if scoring is not None and scoring not in get_scorer_names():
        raise InvalidInputError(f"unknown scorer {scoring!r}{nearest(scoring, get_scorer_names())}")


def _run(
    table: Data, specs: tuple[Spec, Spec], folder: Path, options: dict[str, Any], verdict_folds: int | None = None
) -> None:
    """Fit, print, and write the folder; with `verdict_folds` judge by outer folds, too."""
    estimator = multihop(*specs, table.task, **options)
    _tell(table)
    with told_on(console(stderr=True)):
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
    console().print(Text("\n".join(lines)), soft_wrap=True)


def _verdict(
    table: Data, specs: tuple[Spec, Spec], options: dict[str, Any], folds: int, repeats: int
) -> dict[str, Any]:
    estimator = multihop(*specs, table.task, **options)
    splitter = RepeatedStratifiedKFold if table.task == "classification" else RepeatedKFold
    cv = splitter(n_splits=folds, n_repeats=repeats, random_state=options["random_state"])
    _check_folds(table, folds)
    _tell(table)
    whole = Pipeline([*preparing(specs[1]).steps, ("multihop", estimator)])
    with told_on(console(stderr=True)):
        verdict = compare_ways(whole, table.X, table.y, cv=cv, scoring=options["scoring"])
    summary = verdict.to_dict()
    summary |= {
        "settings": _settings(specs, options) | {"folds": folds, "repeats": repeats},
        "data": {**summary.get("data", {}), **table.origin},
        "versions": {**summary.get("versions", {}), **package_versions()},
        "notices": list(table.notices),
    }
    return summary | {"sentence": summary_sentence(summary)}


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


def _settings(specs: tuple[Spec, Spec], options: dict[str, Any]) -> dict[str, Any]:
    return {
        "teacher": specs[0].text,
        "student": specs[1].text,
        "seed": options["random_state"],
        "cv": options.get("cv", 5),
        "scoring": options["scoring"],
    }


def _tell(table: Data) -> None:
    for notice in table.notices:
        console(stderr=True).print(Text(f"note: {notice}"), soft_wrap=True)


def _print_summary(summary: dict[str, Any]) -> None:
    if console().is_terminal:
        console().print(render_rich(summary))
    else:
        # Rich would fold the tables to 80 columns where nobody looks at a terminal.
        print(render_text(summary))
    console().print()


def _name_files(folder: Path) -> None:
    names = "".join(f"\n  {path}" for path in sorted(folder.iterdir()))
    console().print(Text(f"Written:{names}"), soft_wrap=True)


def _is_method(cls: Any) -> bool:
    return inspect.isclass(cls) and issubclass(cls, TransferMethod) and not inspect.isabstract(cls)


def _first_sentence(cls: Any) -> str:
    return " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())


def _digits() -> Data:
    X, y, names = datasets.digits()
    frame = pd.DataFrame(X, columns=names)
    origin = {"file": "digits, from scikit-learn", "target": "digit", "rows": len(y), "columns": names}
    return Data(frame, y, "classification", origin)
