"""The student of a run's folder: loaded as its manifest says, asked about tables, exported."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO
from zipfile import BadZipFile

import pandas as pd
from sklearn.pipeline import Pipeline

from stepdown import ship
from stepdown.core import InvalidInputError
from stepdown.oracle import locked

from ._data import fingerprint, like_training
from ._errors import UsageError
from ._formats import read_blocks
from ._guard import refuse_bomb
from ._output import PART, clear_parts
from ._skops import io as skops
from ._terminal import give, output, tell

BLOCK = 50_000  # rows
KNOWN_PACKAGES = ("stepdown", "sklearn", "skrub", "numpy", "scipy", "pandas", "lightgbm", "xgboost")


def predict_table(folder: Path, table: Path, out: Path | None, proba: bool, trust: Sequence[str] = ()) -> None:
    """Write the student's answers to the rows of a table, block by block."""
    student, manifest = _loaded(folder, trust)
    if proba and not hasattr(student, "predict_proba"):
        raise UsageError(f"--proba: the student is a {manifest['class']}, which gives no probabilities.")
    columns: dict[str, str] = manifest["columns"]
    as_json = output().json
    texts = [name for name, kind in columns.items() if kind == "texts"]
    n_rows = 0
    with _written(out) as file:
        for block in read_blocks(table, texts, BLOCK):
            if not len(block):
                continue
            block.columns = pd.Index([str(name) for name in block.columns])
            rows = like_training(block, columns, table)
            answers = {"prediction": student.predict(rows)}
            if proba:
                names = [f"probability_{label}" for label in student.classes_]
                answers |= dict(zip(names, student.predict_proba(rows).T, strict=True))
            frame = pd.DataFrame(answers)
            if as_json and out is None:
                # One array, a block at a time.
                records = frame.to_json(orient="records", lines=True).rstrip("\n").replace("\n", ",\n")
                file.write(f"{',' if n_rows else '['}\n{records}")
            else:
                frame.to_csv(file, index=False, header=n_rows == 0)
            n_rows += len(rows)
        if n_rows == 0:
            raise InvalidInputError(f"{table}: the file holds no rows.")
        if as_json and out is None:
            file.write("\n]\n")
    if out is not None:
        tell(f"{n_rows:,} rows answered, in {out}")
        give(json.dumps({"file": str(out), "rows": n_rows}))


def export_student(folder: Path, language: str, table: str | None, out: Path | None, trust: Sequence[str] = ()) -> None:
    """Write the student as code over the raw columns of the table."""
    student, manifest = _loaded(folder, trust)
    if table is not None and language not in ("sql", "duckdb"):
        raise UsageError(f"--table names the table of a query; it has no meaning with --to {language}.")
    names = list(manifest["columns"])
    if language == "onnx":
        _export_onnx(student, names, out)
        return
    writers: dict[str, Callable[[], str]] = {
        "python": lambda: ship.to_python(student, feature_names=names),
        "c": lambda: ship.to_c(student, feature_names=names),
        "json": lambda: ship.to_json(student, feature_names=names),
        "sql": lambda: ship.to_sql(student, table=table or "data", feature_names=names),
        "duckdb": lambda: ship.to_sql(student, table=table or "data", dialect="duckdb", feature_names=names),
    }
    text = f"{writers[language]().rstrip()}\n"
    if out is not None or not output().json:
        with _written(out) as file:
            file.write(text)
    give(json.dumps({"to": language} | ({"code": text} if out is None else {"file": str(out)})))


def _export_onnx(student: Pipeline, names: list[str], out: Path | None) -> None:
    if out is None:
        raise UsageError("--to onnx writes no text; give --out FILE.")
    try:
        made = ship.to_onnx(student, feature_names=names).SerializeToString()
    except ImportError as error:
        raise UsageError(str(error)) from error
    with _written(out) as file:
        file.buffer.write(made)
    give(json.dumps({"to": "onnx", "file": str(out)}))


def _loaded(folder: Path, trust: Sequence[str]) -> tuple[Pipeline, dict[str, Any]]:
    """The student and what the run wrote about it; a file that isn't the one it wrote is refused.

    The folder may come from somebody else, so its own word for which types are safe counts for known packages only.
    """
    try:
        manifest = json.loads((folder / "result.json").read_text(encoding="utf-8"))["student"]
        file, wanted, types = folder / manifest["file"], manifest["fingerprint"], manifest["trusted_types"]
        found = fingerprint(file)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder} isn't a folder that `stepdown run` has written; run it, and give --out.") from error
    if found != wanted:
        raise UsageError(f"{file} was changed after the run: its hash isn't the one in result.json. Run again.")
    trusted = {name.strip() for names in trust for name in names.split(",")}
    strange = [name for name in types if name.partition(".")[0] not in KNOWN_PACKAGES and name not in trusted]
    if strange:
        raise UsageError(
            f"{file} holds types of packages that stepdown doesn't know; if you trust them, add --trust"
            f" '{','.join(strange)}'"
        )
    try:
        refuse_bomb(file)
        return skops.load(file, trusted=types), manifest
    except (ImportError, AttributeError, TypeError, ValueError, KeyError, BadZipFile) as error:
        line = " ".join(str(error).split())[:200].rstrip(".")
        raise UsageError(f"{file} can't be loaded here ({line}); versions of packages are in result.json.") from error


@contextmanager
def _written(out: Path | None) -> Iterator[TextIO]:
    """Standard output, or a new file that appears whole or not at all."""
    if out is None:
        yield sys.stdout
        return
    if out.exists():
        raise UsageError(f"{out}: there is such a file already; give --out another name.")
    clear_parts(out)
    part = out.with_name(f".{out.name}.{os.getpid()}{PART}")
    try:
        with part.open("w", encoding="utf-8", newline="") as file, locked(part):
            yield file
        os.replace(part, out)
    except OSError as error:
        raise UsageError(f"{out}: the file can't be written ({error.strerror}).") from error
    finally:
        part.unlink(missing_ok=True)
