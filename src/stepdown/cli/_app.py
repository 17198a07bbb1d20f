"""The commands, and their options. The work is in `_jobs`, which is imported when there is some.

That keeps ``stepdown --help`` from waiting for skrub, skops and pandas.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from stepdown.core import NotSupportedError, StepdownError

from ._errors import exit_code
from ._options import (
    EPILOG,
    AllowImport,
    AnswersFile,
    AsJson,
    Budget,
    CodeFile,
    DemoFolder,
    DiagnosisFolder,
    Drop,
    ExportLanguage,
    Folds,
    ImageSize,
    ImagesPath,
    Jobs,
    MemoryFolder,
    MethodNames,
    MostBytes,
    MostMicroseconds,
    MostRules,
    NetworksFolder,
    OuterFolds,
    Proba,
    Quick,
    Quiet,
    ReadAs,
    RecipeName,
    Repeats,
    RunFolder,
    Scoring,
    SearchName,
    Seed,
    ShiftedImages,
    ShippedFolder,
    StudentName,
    TableName,
    TablePath,
    Target,
    Task,
    TaskName,
    TeacherFile,
    TeacherName,
    TeacherWidth,
    TestFile,
    TestImages,
    Trust,
    TrustShipped,
    Unlabeled,
    VerdictFolder,
)
from ._stdin import with_standard_input
from ._terminal import Output, give, hush, printing, show, tell, telling_warnings

# As a shell reports a program that SIGPIPE or SIGTERM has ended.
BROKEN_PIPE = 128 + 13
TERMINATED = 128 + 15


class _PlainGroup(TyperGroup):
    """Says what is wrong with the options in one line, as every other error is said."""

    def main(self, *args: Any, **options: Any) -> Any:
        try:
            sys.exit(super().main(*args, **{**options, "standalone_mode": False}) or 0)
        except Exception as error:
            # Typer's own errors, by what they can do: where their classes live depends on its version.
            if not hasattr(error, "format_message") or type(error).__name__ == "NoArgsIsHelpError":
                if hasattr(error, "show"):
                    error.show()
                    sys.exit(2)
                raise
            context = getattr(error, "ctx", None)
            where = context.command_path if context else "stepdown"
            _tell_error(f"{error.format_message().rstrip('.')}; {where} --help shows the options.")
            sys.exit(2)


app = typer.Typer(
    name="stepdown",
    cls=_PlainGroup,
    help="Turn an accurate, complex model into an accurate, simple one, and say whether it worked.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    # A bug must show its whole, plain traceback; what users can fix is one line.
    pretty_exceptions_enable=False,
)


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


@app.command(epilog=EPILOG)
def run(
    data: TablePath,
    target: Target,
    task: TaskName = Task.auto,
    read_as: ReadAs = None,
    drop: Drop = None,
    out: RunFolder = None,
    teacher: TeacherName = None,
    teacher_file: TeacherFile = None,
    trust: Trust = None,
    student: StudentName = "tree:max_depth=4",
    allow_import: AllowImport = False,
    unlabeled: Unlabeled = None,
    query_budget: Budget = None,
    method: MethodNames = None,
    search: SearchName = "gate",
    test: TestFile = None,
    max_rules: MostRules = None,
    max_bytes: MostBytes = None,
    max_us_per_row: MostMicroseconds = None,
    folds: Folds = None,
    scoring: Scoring = None,
    memory: MemoryFolder = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train the simple model with the complex one's knowledge, and save it ready to ship."""
    with _plainly(given := locals()):
        from ._jobs import run_table
        from ._request import Request

        named = {name: given.pop(name) for name in ("max_rules", "max_bytes", "max_us_per_row")}
        limits = {name: limit for name, limit in named.items() if limit is not None}
        run_table(Request(**_as_words(given), limits=limits))


@app.command(epilog=EPILOG)
def compare(
    data: TablePath,
    target: Target,
    task: TaskName = Task.auto,
    read_as: ReadAs = None,
    drop: Drop = None,
    out: VerdictFolder = None,
    teacher: TeacherName = None,
    teacher_file: TeacherFile = None,
    trust: Trust = None,
    student: StudentName = "tree:max_depth=4",
    allow_import: AllowImport = False,
    unlabeled: Unlabeled = None,
    method: MethodNames = None,
    search: SearchName = "gate",
    test: TestFile = None,
    folds: Folds = None,
    outer_folds: OuterFolds = None,
    repeats: Repeats = None,
    scoring: Scoring = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare all ways to the simple model on held-out rows: the verdict."""
    with _plainly(given := locals()):
        from ._jobs import compare_table
        from ._request import Request

        compare_table(Request(**_as_words(given)))


@app.command(epilog=EPILOG)
def diagnose(
    data: TablePath,
    target: Target,
    task: TaskName = Task.auto,
    read_as: ReadAs = None,
    drop: Drop = None,
    out: DiagnosisFolder = None,
    teacher: TeacherName = None,
    teacher_file: TeacherFile = None,
    trust: Trust = None,
    student: StudentName = "tree:max_depth=4",
    allow_import: AllowImport = False,
    folds: Folds = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Look at models and rows before anything is distilled, and say what to try first."""
    with _plainly(given := locals()):
        from ._diagnose import diagnose_table
        from ._request import Request

        diagnose_table(Request(**_as_words(given), scoring=None))


@app.command(epilog=EPILOG)
def predict(
    folder: ShippedFolder,
    data: TablePath,
    out: AnswersFile = None,
    proba: Proba = False,
    trust: TrustShipped = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Ask the student of a run about the rows of a table."""
    with _plainly(given := locals()):
        from ._shipped import predict_table

        predict_table(folder, given["data"], out, proba, trust or ())


@app.command(epilog=EPILOG)
def export(
    folder: ShippedFolder,
    to: ExportLanguage,
    table: TableName = None,
    out: CodeFile = None,
    trust: TrustShipped = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write the student of a run as code that needs no package, over the raw columns of the table."""
    with _plainly(locals()):
        from ._shipped import export_student

        export_student(folder, to.value, table, out, trust or ())


def _as_words(given: dict[str, Any]) -> dict[str, Any]:
    for name in {"trust", "method", "read_as", "drop"} & given.keys():
        given[name] = tuple(given[name] or ())
    return {**given, "task": given["task"].value}


@app.command("methods")
def list_methods(quiet: Quiet = False, as_json: AsJson = False) -> None:
    """List the methods that --method takes."""
    from ._methods import METHODS

    rows = [(name, _first_sentence(cls)) for name, cls in METHODS.items()]
    width = max(len(name) for name, _ in rows)
    drawn = Table(box=box.SIMPLE_HEAD)
    drawn.add_column("method", style="bold")
    drawn.add_column("what moves")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    with _plainly(locals()):
        show("\n".join(f"{name:<{width}}  {what}" for name, what in rows), drawn)
        give(json.dumps(dict(rows), indent=2))


@app.command()
def demo(
    out: DemoFolder = None,
    seed: Seed = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Take a forest down to a tree of depth 4 on handwritten digits, and judge the result."""
    with _plainly(locals()):
        from ._jobs import demonstrate

        demonstrate(out, seed)


@app.command("nn-demo")
def nn_demo(
    seed: Seed = 0,
    trainings: Annotated[int, typer.Option(min=1, help="Trainings of all networks, each from its own seed.")] = 4,
) -> None:
    """Move knowledge between networks on handwritten digits: teacher, auxiliary and four students."""
    with _plainly({}):
        try:
            import_module("stepdown.nn")
        except ImportError as error:
            raise NotSupportedError(str(error)) from error
        from ._nn_demo import run_nn_demo

        found = run_nn_demo(seed, trainings, tell=tell)
        show(f"{found}\n\n{found.sentences()}")


@app.command("nn-recipe")
def nn_recipe(
    images: ImagesPath,
    out: NetworksFolder,
    test: TestImages = None,
    shifted: ShiftedImages = None,
    recipe: RecipeName = "cvpr2020",
    size: ImageSize = 32,
    width: TeacherWidth = 64,
    quick: Quick = False,
    seed: Seed = 0,
) -> None:
    """Distil a network on your own images by information flow: ResNet-18, auxiliary, small student."""
    with _plainly({}):
        try:
            import_module("stepdown.nn")
        except ImportError as error:
            raise NotSupportedError(str(error)) from error
        import pandas as pd

        from ._nn_recipe import distil_images

        settings: dict[str, Any] = {"test": test, "shifted": shifted, "recipe": recipe, "size": size, "width": width}
        found = distil_images(images, out, **settings, quick=quick, seed=seed, tell=tell)
        show(pd.DataFrame.from_dict(found, orient="index").to_string())


@contextmanager
def _plainly(given: dict[str, Any]) -> Iterator[None]:
    """Print as the options say, and read a table from standard input where one is ``-``; both leave `given` for that.

    An error that users can fix is one line, and gives its exit code; every other exception is let through.
    """
    asked = Output(quiet=given.pop("quiet", False), json=given.pop("as_json", False))
    try:
        with printing(asked), telling_warnings(), _ended_by_sigterm(), with_standard_input(given):
            yield
    except StepdownError as error:
        _tell_error(str(error))
        raise typer.Exit(exit_code(error)) from error
    except BrokenPipeError as error:
        hush(sys.stdout)
        raise typer.Exit(BROKEN_PIPE) from error
    except OSError as error:
        # A full disk, a folder without rights: nothing that a traceback would help with.
        _tell_error(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
        raise typer.Exit(2) from error
    except MemoryError as error:
        _tell_error("there isn't enough memory; give fewer rows, columns or classes, or a smaller teacher.")
        raise typer.Exit(1) from error
    except KeyboardInterrupt as interruption:
        tell("interrupted: nothing more was written", always=True)
        raise typer.Exit(130) from interruption


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Make SIGTERM end the program as an error does, so that nothing half-written is left."""

    def end(*_: Any) -> None:
        tell("terminated: nothing more was written", always=True)
        raise SystemExit(TERMINATED)

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell_error(message: str) -> None:
    tell(f"error: {message}", "bold red", always=True)


def _first_sentence(cls: Any) -> str:
    return " ".join((cls.__doc__ or "").split("\n\n")[0].split())
