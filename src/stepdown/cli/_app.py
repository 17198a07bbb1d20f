"""The commands, and their options. The work is in `_jobs`, which is imported when there is some.

That keeps ``stepdown --help`` from waiting for skrub, skops and pandas.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stepdown import methods
from stepdown.core import NotSupportedError, StepdownError, TransferMethod

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
        from ._jobs import run_table

        run_table(
            data,
            target,
            teacher=teacher,
            student=student,
            out=out,
            task=task.value,
            folds=folds,
            scoring=scoring,
            seed=seed,
            jobs=jobs,
            allow_import=allow_import,
        )


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
        from ._jobs import compare_table

        compare_table(
            data,
            target,
            teacher=teacher,
            student=student,
            out=out,
            task=task.value,
            folds=folds,
            repeats=repeats,
            scoring=scoring,
            seed=seed,
            jobs=jobs,
            allow_import=allow_import,
        )


@app.command("methods")
def list_methods() -> None:
    """List the transfer methods."""
    found = [(name, getattr(methods, name)) for name in methods.__all__]
    rows = [(name, _first_sentence(cls)) for name, cls in found if _is_method(cls)]
    if not Console().is_terminal:
        width = max(len(name) for name, _ in rows)
        print("\n".join(f"{name:<{width}}  {what}" for name, what in rows))
        return
    drawn = Table(box=box.SIMPLE_HEAD)
    drawn.add_column("method", style="bold")
    drawn.add_column("what moves")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)


@app.command()
def demo(
    out: Annotated[Path | None, typer.Option(help="New folder for the results.", show_default="stepdown-demo")] = None,
    seed: Seed = 0,
) -> None:
    """Take a forest down to a tree of depth 4 on handwritten digits, and judge the result."""
    with _plainly():
        from ._jobs import demonstrate

        demonstrate(out, seed)


@app.command("nn-demo")
def nn_demo(
    seed: Seed = 0,
    repeats: Annotated[int, typer.Option(min=1, help="Trainings of all networks, each on its own half.")] = 3,
) -> None:
    """Move knowledge between networks on handwritten digits: teacher, auxiliary and four students."""
    with _plainly():
        try:
            import_module("stepdown.nn")
        except ImportError as error:
            raise NotSupportedError(str(error)) from error
        from ._nn_demo import run_nn_demo

        found = run_nn_demo(seed, repeats, tell=Console(stderr=True).print)
        print(found, found.sentences(), sep="\n\n")


@contextmanager
def _plainly() -> Iterator[None]:
    """Say what the user can mend in one line and leave with code 2; let every other exception through."""
    try:
        yield
    except StepdownError as error:
        line = Text.assemble(("error: ", "bold red"), " ".join(str(error).split()))
        Console(stderr=True).print(line, soft_wrap=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as interruption:
        Console(stderr=True).print("interrupted: nothing more was written", soft_wrap=True)
        raise typer.Exit(130) from interruption


def _is_method(cls: Any) -> bool:
    return inspect.isclass(cls) and issubclass(cls, TransferMethod) and not inspect.isabstract(cls)


def _first_sentence(cls: Any) -> str:
    return " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())
