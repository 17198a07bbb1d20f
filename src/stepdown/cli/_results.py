"""What a run writes: the student, its chain, and how it was made."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from stepdown.core import HopRecord, NotSupportedError
from stepdown.learners import complexity
from stepdown.ship import hop_row, one_line, page, rules
from stepdown.verdict import render_json, render_text, summary_sentence

from ._data import Data, fingerprint, kind_of
from ._skops import io as skops
from ._terminal import tell

PACKAGES = (
    "stepdown",
    "scikit-learn",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "skrub",
    "skops",
    "lightgbm",
    "xgboost",
    "xgboost-cpu",
)
# Trees that a page of text can hold.
MOST_TREES = 10
CHECKED_ROWS = 1000
SHOWN_LINES = 30


def run_summary(estimator: Any, data: Data, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the summary of a fitted multihop estimator: validated scores, the chain, and how to make it again."""
    classify = data.task == "classification"
    default = settings.get("scoring") is None
    # Without a scorer ways are validated by the negative squared error in units of the variance: R² less 1.
    summary = {
        "schema": 1,
        "task": data.task,
        "scorer": ("accuracy" if classify else "r2") if default else settings["scoring"],
        "n_samples": len(data.y),
        "n_features": data.X.shape[1],
        "seed": settings.get("seed"),
        "settings": settings,
        "validation": list(estimator.comparison_),
        **({"kinds": list(estimator.kinds_)} if hasattr(estimator, "kinds_") else {}),
        "teacher_unused": estimator.chain_.note,
        "chain": [hop_row(record) for record in estimator.chain_],
        "versions": package_versions(),
        "data": data.origin,
        "notices": list(data.notices),
    }
    return summary | {"sentence": summary_sentence(summary)}


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of all packages that had a hand in the result."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def chain_text(chain: Sequence[HopRecord]) -> str:
    """Return the hops, one a line."""
    return "".join(f"{' '.join(str(record).split())}\n" for record in chain)


def student_text(shipped: Pipeline, names: Sequence[str]) -> str:
    """Return the student in a form that people can read: rules, coefficients, or how large it is.

    The rules are those of the table's columns where all its steps can be undone, else of the columns `names`, which the
    last step gets.
    """
    model = shipped[-1]
    head = f"{one_line(model)}\n{complexity(model)}\n"
    if len(getattr(model, "estimators_", [])) > MOST_TREES:
        return head
    for part, columns in ((shipped, None), (model, names))[len(shipped) == 1 :]:
        try:
            return f"{head}\n{rules(part, feature_names=columns)}"
        except NotSupportedError:
            continue
    return head


def shortened(text: str) -> str:
    """The student for the terminal."""
    lines = text.rstrip("\n").split("\n")
    more = f"... {len(lines) - SHOWN_LINES:,} more lines in student.txt"
    return "\n".join(lines if len(lines) <= SHOWN_LINES + 1 else [*lines[:SHOWN_LINES], more])


def save_run(folder: Path, shipped: Pipeline, chain: Sequence[HopRecord], summary: dict[str, Any], data: Data) -> None:
    """Write the student, the result and the texts into a folder."""
    file = folder / "student.skops"
    skops.dump(shipped, file, compression=ZIP_DEFLATED)
    trusted = skops.get_untrusted_types(file=file)
    _check_parity(shipped, skops.load(file, trusted=trusted), data)
    read = getattr(shipped, "feature_names_in_", data.X.columns)
    summary["student"] = {
        "file": file.name,
        "class": type(shipped[-1]).__name__,
        "trusted_types": trusted,
        "fingerprint": fingerprint(file),
        "columns": {str(name): kind_of(data.X[name]) for name in read},
    }
    _write(folder / "chain.txt", f"{chain_text(chain)}\n{render_text(summary)}\n")
    _write(folder / "student.txt", student_text(shipped, _names(shipped, data)))
    _write(folder / "result.json", render_json(summary))


def _names(shipped: Pipeline, data: Data) -> list[str]:
    """The columns that the last step gets; numbered where a teacher's own steps can't name them."""
    if len(shipped) == 1:
        return [str(name) for name in data.X.columns]
    try:
        return [str(name) for name in shipped[:-1].get_feature_names_out()]
    except (AttributeError, ValueError, NotFittedError):
        return [f"column {place}" for place in range(getattr(shipped[-1], "n_features_in_", 0))]


def save_verdict(folder: Path, summary: dict[str, Any]) -> None:
    """Write a verdict as JSON and as text into a folder."""
    _write(folder / "verdict.json", render_json(summary))
    _write(folder / "verdict.txt", f"{render_text(summary)}\n")


def save_page(folder: Path, summary: Mapping[str, Any]) -> Path | None:
    """Write the page beside results that are written already; a failure loses nothing and is a warning."""
    path = folder / "report.html"
    try:
        text = page(summary)
        _write(path, text)
    except Exception as error:  # whatever it is, the results are there
        tell(f"warning: the page was not written ({type(error).__name__}: {error})", "bold yellow")
        path.unlink(missing_ok=True)
        return None
    return path


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _check_parity(shipped: Any, loaded: Any, data: Data) -> None:
    """What is loaded must answer as what was saved, or it must not ship."""
    rows = data.X.iloc[:CHECKED_ROWS]
    if not np.array_equal(shipped.predict(rows), loaded.predict(rows)):
        raise RuntimeError("the student read back from student.skops predicts differently from the one written.")
