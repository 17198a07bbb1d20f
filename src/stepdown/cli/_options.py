"""The options of the commands: their names, help and panels."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ._estimators import KNOWN


class Task(StrEnum):
    """What is to be learned."""

    auto = "auto"
    classification = "classification"
    regression = "regression"


class Language(StrEnum):
    """What a student is exported to."""

    sql = "sql"
    duckdb = "duckdb"
    python = "python"
    c = "c"
    json = "json"
    onnx = "onnx"


MODELS = "Models"
SEARCH = "Search"
LIMITS = "Limits (any of them ships the best validated model that keeps them, the teacher included)"
WORK = "Work"
EPILOG = (
    f"Models by name: {', '.join(KNOWN)}; parameters follow as in [bold]mlp:hidden_layer_sizes=(8,4),alpha=0.01[/bold]."
    " Searches likewise, as in [bold]dynamic:max_fits=100[/bold]."
    " Exit codes: 0 done, 1 the data can't be learned from, 2 the request can't be met, 130 interrupted, 141 the"
    " reader of the results has left, 143 terminated."
)

FORMATS = "CSV, Parquet, Feather, JSON lines or Excel, by its ending; CSV and JSON also compressed"
TablePath = Annotated[
    Path, typer.Argument(metavar="DATA", help=f"Table: {FORMATS}. - reads standard input.", show_default=False)
]
Target = Annotated[str, typer.Option(metavar="COLUMN", help="Column to predict.", show_default=False)]
ReadAs = Annotated[
    list[str] | None,
    typer.Option(
        "--as",
        metavar="COLUMN=KIND",
        help="Read a column as number, date, category or text (by its words), whatever it looks like; may be repeated.",
        show_default=False,
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="Leave a column out; may be repeated.", show_default=False),
]
TaskName = Annotated[
    Task, typer.Option(metavar="TASK", help="classification, regression, or auto, which looks at the target.")
]
TeacherName = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="Complex model to train, as in lightgbm:n_estimators=200.",
        show_default="forest:n_estimators=300",
        rich_help_panel=MODELS,
    ),
]
TeacherFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Fitted complex model instead, used as it is: written by skops, taking the table's raw columns (a"
        " Pipeline). Without predict_proba its labels are used.",
        show_default=False,
        rich_help_panel=MODELS,
    ),
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TYPES",
        help="Types to load from a file besides those known to be safe.",
        show_default=False,
        rich_help_panel=MODELS,
    ),
]
TrustShipped = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        metavar="TYPES",
        help="Types to load from a file besides those known to be safe.",
        show_default=False,
    ),
]
StudentName = Annotated[
    str, typer.Option(metavar="MODEL", help="Simple model, as in tree:max_depth=4.", rich_help_panel=MODELS)
]
AllowImport = Annotated[
    bool,
    typer.Option(
        "--allow-import",
        help="Allow package.module:Class as a model; importing runs its code.",
        rich_help_panel=MODELS,
    ),
]
Unlabeled = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Table with the columns of DATA but the target: further rows, for the teacher to label.",
        show_default=False,
        rich_help_panel=SEARCH,
    ),
]
TestFile = Annotated[
    Path | None,
    typer.Option(
        "--test",
        metavar="FILE",
        help="Table with the columns of DATA and the target, held out by you: the verdict is on its rows.",
        show_default=False,
        rich_help_panel=WORK,
    ),
]
Budget = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Label budget: query the teacher of --teacher-file for at most N rows of --unlabeled.",
        show_default="no limit",
        rich_help_panel=SEARCH,
    ),
]
MethodNames = Annotated[
    list[str] | None,
    typer.Option(
        metavar="METHOD",
        help="How knowledge moves, as in KD:temperature=2; given several times, the search chooses. `stepdown methods`"
        " lists them.",
        show_default="the default of the student's kind",
        rich_help_panel=SEARCH,
    ),
]
SearchName = Annotated[
    str,
    typer.Option(
        metavar="SEARCH",
        help="How the way to the student is chosen: gate, dynamic (wide); or without a choice: one-hop, multihop.",
        rich_help_panel=SEARCH,
    ),
]
MostRules = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Of all its trees together.", show_default=False, rich_help_panel=LIMITS),
]
MostBytes = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="As pickled; steps that prepare the columns count only with --teacher-file.",
        show_default=False,
        rich_help_panel=LIMITS,
    ),
]
MostMicroseconds = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        min=0.0,
        help="Microseconds a row, measured here, all rows in one call.",
        show_default=False,
        rich_help_panel=LIMITS,
    ),
]
MemoryFolder = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Keep intermediate results, so that the same command resumes where it was interrupted. Holds pickles: use"
        " a folder of your own.",
        show_default="none",
        rich_help_panel=WORK,
    ),
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, max=2**32 - 1, help="All randomness.", rich_help_panel=WORK)]
Jobs = Annotated[int, typer.Option(metavar="N", help="Processes; -1 takes all cores.", rich_help_panel=WORK)]
Scoring = Annotated[
    str | None,
    typer.Option(
        metavar="SCORER",
        help="A scorer of scikit-learn's.",
        show_default="accuracy or r2",
        rich_help_panel=WORK,
    ),
]
Folds = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=2,
        help="Folds of the training rows: in each the teacher answers for rows that it hasn't seen; 5 unless given, "
        "from 30,000 rows on 2.",
        rich_help_panel=WORK,
    ),
]
OuterFolds = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=2,
        help="Outer folds of the verdict, which choose nothing.",
        show_default="5",
        rich_help_panel=WORK,
    ),
]
Repeats = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, help="How often the outer folds are drawn.", show_default="2", rich_help_panel=WORK
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print errors only (and what `predict` and `export` write without --out, or --json)."
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print the result as one JSON document, and everything else on standard error."),
]
RunFolder = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="New folder for the student and its reports.", show_default="stepdown-DATA"),
]
VerdictFolder = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="New folder for the verdict.", show_default="none")
]
DiagnosisFolder = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="New folder for the diagnosis.", show_default="none")
]
DemoFolder = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="New folder for the results.", show_default="stepdown-demo")
]
ShippedFolder = Annotated[Path, typer.Argument(metavar="FOLDER", help="What a run has written.", show_default=False)]
AnswersFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="New CSV file for the answers.", show_default="standard output")
]
Proba = Annotated[bool, typer.Option("--proba", help="The probability of each class, too.")]
ExportLanguage = Annotated[
    Language, typer.Option("--to", metavar="LANGUAGE", help="sql (SQLite's), duckdb, python, c, json or onnx.")
]
TableName = Annotated[str | None, typer.Option(metavar="NAME", help="Table that the query reads.", show_default="data")]
CodeFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="New file for the code.", show_default="standard output")
]

ImagesPath = Annotated[
    Path, typer.Argument(metavar="IMAGES", help="CIFAR-10, STL-10, CUB-200, a folder a class, or .npz.")
]
NetworksFolder = Annotated[
    Path, typer.Option("--out", metavar="FOLDER", help="For weights and scores; a teacher in it is taken.")
]
TestImages = Annotated[
    Path | None,
    typer.Option("--test-images", metavar="IMAGES", help="To be judged by.", show_default="the test part of IMAGES"),
]
ShiftedImages = Annotated[
    Path | None, typer.Option("--shifted", metavar="IMAGES", help="Others, to find classes in.", show_default="none")
]
RecipeName = Annotated[
    str, typer.Option("--recipe", metavar="NAME", help="cvpr2020, as published, or falling, which gave more.")
]
ImageSize = Annotated[int, typer.Option("--size", min=22, help="Side to which images are scaled and cut.")]
TeacherWidth = Annotated[int, typer.Option("--width", min=1, help="Of the teacher, a ResNet-18.")]
Quick = Annotated[bool, typer.Option("--quick", help="Few epochs, few images, a thin teacher: does it run?")]
