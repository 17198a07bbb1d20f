"""Every model of a search as one that might ship: from the teacher down to the student, with score and price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sklearn.utils.validation import check_is_fitted

from stepdown.core import InvalidInputError, Table
from stepdown.learners import Complexity, cast_rows, complexity, latency
from stepdown.oracle import Queried
from stepdown.search import KINDS, Choice, Task, Trained, Way, WayScores

Scored = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rung:
    """A model that a search made, fitted to all training rows.

    Parameters
    ----------
    name : str
        "teacher", an intermediate's name, or the way by which the student was trained.
    model : estimator
        Fitted; of the class that was given.
    complexity : Complexity
    us_per_row : float
        Microseconds a row, for all training rows in one call, on the machine that fitted it.
    score : float or None
        Validated; None where nothing was.
    validated : str
        How: "cross-validation", "frozen" (the same, but the frozen teacher may have seen the rows) or "".
    std_error : float or None
        Of the score.
    """

    name: str
    model: Any
    complexity: Complexity
    us_per_row: float
    score: float | None
    validated: str
    std_error: float | None = None

    def costs(self) -> dict[str, float | None]:
        """What the model is made of and takes; None for what doesn't apply to its kind."""
        size = self.complexity
        return {
            "rules": size.rules,
            "leaves": size.leaves,
            "nodes": size.nodes,
            "depth": size.depth,
            "parameters": size.parameters,
            "bytes": size.bytes,
            "us_per_row": self.us_per_row,
        }


def rungs_of(problem: Task, choice: Choice, chosen: Trained) -> list[Rung]:
    """All rungs, from the largest to the smallest: the teacher, the best of each intermediate, a student of each kind.

    All are scored in the folds in which the search has scored the ways to the student; students that it only validated
    are trained.
    """

    def judged(way: Way) -> Scored | None:
        scores = None if choice.validation is None else choice.validation.before_student(way)
        return None if scores is None else _scored(scores, 0)

    nodes = {node.name: node for node in sorted(choice.nodes, key=lambda node: node.value)}
    routes = [replace(choice.way, name=n.name, before=n.route, uses_teacher=n.uses_teacher) for n in nodes.values()]
    for way in choice.ways if choice.scores is not None else [choice.way]:
        routes += [replace(way.cut(place), name=hop.name) for place, hop in enumerate(way.before, start=1)]
    if not isinstance(problem.teacher.model, Queried):  # which can't be asked about new rows, so it can't ship
        routes.append(replace(choice.way, name="teacher", before=(), uses_teacher=True))
    best: dict[str, tuple[Way, Scored | None]] = {}
    for way in {way.route: way for way in routes}.values():
        score = judged(way)
        known = best.setdefault(way.name, (way, score))[1]
        if score is not None and known is not None and score > known:
            best[way.name] = (way, score)
    rungs = [_rung(problem, way, name, problem.lead_up(way)[1][-1].model, score) for name, (way, score) in best.items()]
    if choice.kinds is not None:
        for place, (name, task, way) in enumerate(zip(*choice.kinds[:3], strict=True)):
            model = chosen.model if way is choice.way else task.train(way).model
            rungs.append(_rung(task, way, f"student, {name}", model, _scored(choice.kinds.scores, place)))
        return _in_order(rungs)
    ways = [choice.way, *(mine for kind in KINDS if (mine := choice.best(kind)) is not None)]
    for way in {mine.name: mine for mine in ways}.values() if choice.scores is not None else [choice.way]:
        model = chosen.model if way is choice.way else problem.train(way).model
        score = None if choice.scores is None else _scored(choice.scores, choice.ways.index(way))
        rungs.append(_rung(problem, way, f"student, {way.name}", model, score))
    return _in_order(rungs)


def _in_order(rungs: Sequence[Rung]) -> list[Rung]:
    return sorted(rungs, key=lambda rung: -(rung.complexity.bytes or 0))


def _scored(scores: WayScores, place: int) -> Scored:
    return scores.mean(place), scores.std_error(place)


def _rung(problem: Task, way: Way, name: str, model: Any, scored: Scored | None) -> Rung:
    validated = "" if scored is None else "frozen" if problem.is_biased(way) else "cross-validation"
    speed = latency(model, cast_rows(model, problem.data.X), repeats=3)
    return Rung(
        name,
        model,
        complexity(model),
        speed,
        *((None, "", None) if scored is None else (scored[0], validated, scored[1])),
    )


def _beats(other: Rung, rung: Rung) -> bool:
    if other.score is None or rung.score is None or other.complexity.bytes is None or rung.complexity.bytes is None:
        return False
    mine, theirs = (-rung.score, rung.complexity.bytes), (-other.score, other.complexity.bytes)
    return all(b <= a for a, b in zip(mine, theirs, strict=True)) and mine != theirs


class Selecting:
    """What estimators offer that have kept their rungs."""

    rungs_: list[Rung]

    @property
    def pareto_(self) -> Table:
        """One row a rung; ``efficient`` where no other that is as small, in bytes, scores as well."""
        if not hasattr(self, "rungs_"):  # as for any attribute that isn't there, so that hasattr says so
            raise AttributeError("pareto_ needs the models of the search: fit with keep_rungs=True.")
        rungs, rows = self.rungs_, Table()
        for rung in rungs:
            efficient = rung.score is not None and not any(_beats(other, rung) for other in rungs)
            said = {"name": rung.name, "score": rung.score, "std_error": rung.std_error, "validated": rung.validated}
            rows.append({**said, **rung.costs(), "efficient": efficient})
        return rows

    def select(
        self,
        *,
        max_rules: float | None = None,
        max_leaves: float | None = None,
        max_nodes: float | None = None,
        max_depth: float | None = None,
        max_parameters: float | None = None,
        max_bytes: float | None = None,
        max_us_per_row: float | None = None,
    ) -> Rung:
        """Return the best validated model within limits; of equal scores the smaller.

        All are cross-validated in the same folds, students with a cheap version of their trainer; see `Rung`.
        """
        limits = {
            "rules": max_rules,
            "leaves": max_leaves,
            "nodes": max_nodes,
            "depth": max_depth,
            "parameters": max_parameters,
            "bytes": max_bytes,
            "us_per_row": max_us_per_row,
        }
        return _best(self._kept(), {name: limit for name, limit in limits.items() if limit is not None})

    def _kept(self) -> list[Rung]:
        check_is_fitted(self)
        if not hasattr(self, "rungs_"):
            raise InvalidInputError("the models of the search weren't kept: fit with keep_rungs=True.")
        return self.rungs_


def _best(rungs: Sequence[Rung], limits: Mapping[str, float]) -> Rung:
    wrong = {f"max_{name}": limit for name, limit in limits.items() if not limit >= 0}
    if wrong:
        raise InvalidInputError(f"select: expected limits that aren't negative, got {wrong}.")
    validated = [rung for rung in rungs if rung.score is not None]
    if not validated:
        raise InvalidInputError("select: nothing was validated; fit with a search that compares, such as Gate().")
    within = [rung for rung in validated if all(_keeps(rung.costs()[name], limit) for name, limit in limits.items())]
    if not within:
        least = []
        for name, limit in limits.items():
            costs = [(cost, rung.name) for rung in validated if (cost := rung.costs()[name]) is not None]
            smallest = f"the least is {min(costs)[0]:g} ({min(costs)[1]})" if costs else "no model has any"
            least.append(f"max_{name}={limit:g}: {smallest}")
        raise InvalidInputError("select: no model keeps the limits. " + "; ".join(least) + ".")
    return max(within, key=lambda rung: (rung.score, -(rung.complexity.bytes or 0)))


def _keeps(cost: float | None, limit: float) -> bool:
    return cost is not None and cost <= limit
