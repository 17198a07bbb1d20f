"""The page of a run or a verdict: made of what is there already, after everything else has been written."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from sklearn.pipeline import Pipeline

from stepdown.multihop import Rung
from stepdown.ship import headline, said_in_validation, speed, summary_of, with_table

from ._data import Data
from ._terminal import tell

# What result.json needs of it; the rest is the student's text again.
KEPT = ("models", "evidence", "sizes", "headline")
DEFAULTS = {"task": "auto", "search": "gate"}


def reported(estimator: Any, shipped: Pipeline, rung: Rung | None, table: Data, rows: Any) -> dict[str, Any]:
    """What the page says about a run; nothing, and a warning, where that can't be told."""
    try:
        way = None if rung is None else rung.name.removeprefix("student, ")
        said = said_in_validation(estimator, way)
        if said is not None:
            said = with_table(said, table.X.iloc[estimator.held_out_.rows])
        found = summary_of(estimator, said, shipped)
        found["card"] |= speed(estimator, shipped, table.X, rows)
    except Exception as error:  # a report is not worth a run
        tell(f"warning: there is no report ({type(error).__name__}: {error})", "bold yellow")
        return {}
    return found


def with_verdict(found: Mapping[str, Any], verdict: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the comparisons of a verdict, which then make the headline."""
    taken = {key: verdict[key] for key in ("ways", "comparisons", "chosen", "folds", "frozen_teacher", "sentence")}
    found = {**found, "evidence": verdict["evidence"]} if "evidence" in verdict else found
    return {**found, **taken, **said({**found, **(found.get("evidence") or {}), **taken})}


def said(summary: Mapping[str, Any]) -> dict[str, str]:
    """The headline of a summary; nothing, and a warning, where there is none."""
    try:
        return {"headline": headline(summary)}
    except Exception as error:
        tell(f"warning: there is no headline ({type(error).__name__}: {error})", "bold yellow")
        return {}


def command_of(name: str, request: Any) -> str:
    """The command that makes the same again; what changes no result isn't named."""
    words = ["stepdown", name, str(request.data)]
    without = {"data", "jobs", "limits", "memory", *(() if name == "compare" else ("repeats",))}
    for option in request.__dataclass_fields__:
        value = getattr(request, option)
        if option in without or value is None or value is False or value in ((), DEFAULTS.get(option)):
            continue
        flag = "--as" if option == "read_as" else f"--{option.replace('_', '-')}"
        for one in value if isinstance(value, tuple) else (value,):
            words += [flag] if one is True else [flag, str(one)]
    for limit, value in request.limits.items():
        words += [f"--{limit.replace('_', '-')}", f"{value:g}"]
    return shlex.join(words)
