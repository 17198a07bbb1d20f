"""Which model of a search ships: the student, or the best within limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from stepdown.core import InvalidInputError
from stepdown.multihop import Rung
from stepdown.search import Fixed, Search
from stepdown.ship import without_unread

from ._errors import UsageError

# Kinds of ways whose student learns nothing from the teacher.
WITHOUT_TEACHER = ("plain", "labels", "control")


def check_limits(limits: Mapping[str, float], search: Search) -> None:
    """Refuse limits that no model can be chosen by."""
    wrong = [name for name, limit in limits.items() if not limit > 0]
    if wrong:
        raise UsageError(f"{_option(wrong[0])} {limits[wrong[0]]:g}: expected a number above 0.")
    if limits and isinstance(search, Fixed):
        raise UsageError(
            f"{_option(next(iter(limits)))} takes the best validated model, and --search {search.way} validates none;"
            " take gate or dynamic."
        )


def best_within(estimator: Any, limits: Mapping[str, float]) -> Rung:
    """Return the best validated model of a fitted search that keeps the limits."""
    try:
        found: Rung = estimator.select(**limits)
    except InvalidInputError as error:
        line = str(error).removeprefix("select: ")
        for name in limits:
            line = line.replace(f"{name}=", f"{_option(name)} ")
        raise UsageError(f"{line} Nothing was written.") from error
    return found


def rungs_summary(estimator: Any, chosen: Rung) -> list[dict[str, Any]]:
    """Return one row a model, in plain JSON types, from the largest to the smallest; one of them ships."""
    return [row | {"shipped": rung is chosen} for row, rung in zip(estimator.pareto_, estimator.rungs_, strict=True)]


def shipped_line(rung: Rung) -> str:
    """Return which model ships, and whether its score is biased."""
    biased = " Its score is optimistically biased if it was fitted to these rows." if rung.validated == "frozen" else ""
    return f"Shipped: {rung.name}, the best validated model within the limits.{biased}"


def unused_within(estimator: Any, rung: Rung) -> str:
    """Return the line that says that the model that ships learned nothing from the teacher; "" where it may have."""
    kinds = {f"student, {row['kind']}" for row in getattr(estimator, "kinds_", ())}  # all taught in one way
    if rung.model is estimator.student_ or rung.name in kinds:
        return str(estimator.chain_.note)
    without = [f"student, {row['way']}" for row in estimator.comparison_ if row["kind"] in WITHOUT_TEACHER]
    return f"The teacher is not used: {rung.name} ships." if rung.name in without else ""


def shippable(steps: Pipeline | None, model: Any) -> Pipeline:
    """Return one flat pipeline of what prepares the columns that are read, and of a fitted model, which is last."""
    parts = [] if steps is None else list(steps.steps)
    parts += _parts(model)
    names = [name for name, _ in parts]
    return without_unread(
        Pipeline(
            [(name if names.count(name) == 1 else f"{name}-{place}", part) for place, (name, part) in enumerate(parts)]
        )
    )


def _parts(model: Any) -> list[tuple[str, Any]]:
    if isinstance(model, FrozenEstimator):
        return _parts(model.estimator)
    if isinstance(model, Pipeline):
        return [*model.steps[:-1], *_parts(model.steps[-1][1])]
    return [("student", model)]


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
