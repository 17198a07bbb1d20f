"""The wide search: dynamic programming over candidates in order of falling complexity.

Nodes are the teacher, the candidates and the student; an edge is a hop by a method. The value of a node is the best
validated score of a model found there, and only that best model teaches the nodes behind it. With n candidates and m
methods that is at most n²·m hops, and it contains plain training and every 1-hop transfer.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.core import Hop, InvalidInputError, SignalWarning, Trainer, TransferMethod, TransferSet
from stepdown.methods import NoTransfer
from stepdown.models import Complexity, between, complexity, training_signal
from stepdown.trainers import PlainFit

from ._problem import Arm, Problem
from ._recipes import constructed_ladder, default_methods
from ._search import Choice, Search, leave_home
from ._validate import Scorer, cross_scores

__all__ = ["DynamicProgramming"]

log = logging.getLogger("stepdown")

# Folds of the signals of candidates that have no out-of-bag answers.
CV = 5


@dataclass(frozen=True, slots=True)
class _Node:
    """A candidate with the best way found to it."""

    name: str
    estimator: Any
    route: tuple[Hop, ...]
    uses_teacher: bool
    size: Complexity
    value: float
    fits: int


class _Budget:
    """Counts fits and seconds; nothing begins that the budget doesn't allow."""

    def __init__(self, fits: int | None, seconds: float | None) -> None:
        self.fits = float("inf") if fits is None else fits
        self.deadline = float("inf") if seconds is None else time.monotonic() + seconds
        self.spent = 0

    def take(self, fits: int) -> bool:
        if self.spent + fits > self.fits or time.monotonic() > self.deadline:
            return False
        self.spent += fits
        return True


class DynamicProgramming(Search):
    """Search over all chains of the candidates, each hop by the best of the methods.

    Candidates are the user's ``intermediates`` or, with "auto", constructed ones: shrunk teachers, a bridge of bagged
    trees, grown students. Intermediates are valued by their out-of-bag or out-of-fold signals; ways to the student are
    cross-validated like those of the gate, which is also how the winner has to show itself.

    Parameters
    ----------
    max_fits : int or None, default=200
        How many model fits the search may spend, folds counted one by one. The ways of the small gate come first.
    max_seconds : float or None, default=None
        No hop begins after this many seconds.
    folds : int, default=3
    margin : float, default=2.0
        As in `Gate`: how many standard errors better than the preferred way the winner must be.
    patience : int, default=2
        Early stop: this many candidates in a row that are no better, by any way, than on labels alone end the search
        for intermediates.

    Examples
    --------
    >>> DynamicProgramming(max_fits=50)
    DynamicProgramming(max_fits=50)
    """

    def __init__(
        self,
        max_fits: int | None = 200,
        max_seconds: float | None = None,
        folds: int = 3,
        margin: float = 2.0,
        patience: int = 2,
    ) -> None:
        self.max_fits = max_fits
        self.max_seconds = max_seconds
        self.folds = folds
        self.margin = margin
        self.patience = patience

    def check(self, arms: Sequence[Arm]) -> None:
        if self.folds < 2 or self.margin < 0 or self.patience < 1:
            raise InvalidInputError(f"{self!r}: folds must be at least 2, margin at least 0, patience at least 1.")
        if any(limit is not None and limit <= 0 for limit in (self.max_fits, self.max_seconds)):
            raise InvalidInputError(f"{self!r}: a budget must be positive; None means no limit.")

    def choose(
        self,
        problem: Problem,
        arms: Sequence[Arm],
        preferred: Arm,
        *,
        scorer: Scorer | None = None,
        n_jobs: int | None = None,
    ) -> Choice:
        budget = _Budget(self.max_fits, self.max_seconds)
        budget.spent += self.folds * len(arms)
        methods = problem.methods or default_methods(problem.student)
        candidates: list[dict[str, Any]] = []
        plain = next(arm for arm in arms if arm.kind == "simple alone")
        with warnings.catch_warnings():
            # That a method carries little over some hop is what a search finds out, not what its user did wrong.
            warnings.simplefilter("ignore", SignalWarning)
            nodes = self._grow(problem, plain, methods, budget, candidates)
        trainer = next(arm.trainer for arm in arms if arm.kind == "1-hop")
        ways = [*arms, *_ways_to_student(nodes, methods, trainer)]
        affordable = [way for way in ways if way in arms or budget.take(self.folds)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SignalWarning)
            scores = cross_scores(problem, affordable, folds=self.folds, scorer=scorer, n_jobs=n_jobs)
        for place, way in enumerate(affordable):
            mean, spread = scores.mean(place), scores.std_error(place)
            source = way.before[-1].name if way.before else ("teacher" if way.uses_teacher else "labels")
            candidates.append(_row(source, "student", way.method, mean, spread, self.folds))
        chosen = leave_home(affordable, scores, affordable.index(preferred), range(len(affordable)), self.margin)
        return Choice(affordable[chosen], scores.mean(chosen), affordable, scores, candidates, self.margin)

    def _grow(
        self,
        problem: Problem,
        plain: Arm,
        methods: Sequence[TransferMethod],
        budget: _Budget,
        candidates: list[dict[str, Any]],
    ) -> list[_Node]:
        """Find the best way to every candidate, the most complex first."""
        found: list[_Node] = []
        disappointing = 0
        for alone in self._on_labels(problem, plain, budget, candidates):
            best = alone
            sources: list[_Node | None] = [None, *found]
            for source, method in product(sources, methods):
                if not budget.take(1):
                    break
                hop = Hop(alone.estimator, method, None, alone.name)
                if source is None:
                    seen = _visit(problem, alone, (hop,), True, budget)
                else:
                    seen = _visit(problem, alone, (*source.route, hop), source.uses_teacher, budget)
                origin = "teacher" if source is None else source.name
                candidates.append(_row(origin, alone.name, method, seen.value, None, seen.fits))
                best = max(best, seen, key=lambda node: node.value)
            found.append(best)
            disappointing = disappointing + 1 if best is alone else 0
            if disappointing >= self.patience:
                log.info("no hop improved on labels alone for %d candidates in a row: no more are tried", disappointing)
                break
        return found

    def _on_labels(
        self, problem: Problem, plain: Arm, budget: _Budget, candidates: list[dict[str, Any]]
    ) -> list[_Node]:
        """Fit the candidates on labels: what they are worth by themselves, and how complex they are.

        Kept are those strictly between teacher and student, in order of falling complexity.
        """
        ladder = problem.intermediates
        if ladder is None:
            ladder = constructed_ladder(problem.teacher.model, problem.student, problem.data, problem.seed)
        nodes = {}
        for name, estimator in ladder:
            if not budget.take(1):
                break
            hop = Hop(estimator, NoTransfer(), None, name)
            empty = _Node(name, estimator, (), False, complexity(problem.teacher.model), 0.0, 0)
            nodes[name] = _visit(problem, empty, (hop,), False, budget)
            candidates.append(_row("labels", name, hop.method, nodes[name].value, None, nodes[name].fits))
        simple = complexity(problem.fit(plain))
        sizes = [(name, node.size) for name, node in nodes.items()]
        return [nodes[name] for name in between(sizes, complexity(problem.teacher.model), simple)]


def _visit(problem: Problem, node: _Node, route: tuple[Hop, ...], uses_teacher: bool, budget: _Budget) -> _Node:
    """Fit a candidate by one way, and value it by what it says about rows that it has not seen."""
    arm = Arm(node.name, "multihop", route[-1].method, PlainFit(), route, uses_teacher)
    records, teachers = problem.lead_up(arm)
    signal = training_signal(teachers[-1], problem.data, seed=problem.seed)
    refits = CV if signal.source == "out-of-fold" else 0
    budget.spent += refits
    value = _value(signal.values, problem.data)
    return replace(
        node, route=route, uses_teacher=uses_teacher, size=records[-1].complexity, value=value, fits=1 + refits
    )


def _value(values: NDArray[np.float64], data: TransferSet) -> float:
    """Accuracy, or in regression the coefficient of determination."""
    if data.is_classification:
        return float(np.mean(np.argmax(values, axis=1) == data.label_index()))
    y = np.asarray(data.y, dtype=float)
    return float(1.0 - np.mean((values - y) ** 2) / max(np.var(y), np.finfo(float).tiny))


def _ways_to_student(nodes: Sequence[_Node], methods: Sequence[TransferMethod], trainer: Trainer) -> list[Arm]:
    """List the last edges: from the teacher and from every candidate, by every method."""
    ways = [Arm(f"teacher -> student by {method}", "1-hop", method, trainer) for method in methods]
    for node in nodes:
        path = " -> ".join(["teacher" if node.uses_teacher else "labels", *(hop.name for hop in node.route), "student"])
        kind = "multihop" if node.uses_teacher else "control"
        ways += [Arm(f"{path} by {method}", kind, method, trainer, node.route, node.uses_teacher) for method in methods]
    return ways


def _row(
    source: str, target: str, method: TransferMethod, score: float, error: float | None, fits: int
) -> dict[str, Any]:
    return {
        "source": source,
        "target": target,
        "method": repr(method),
        "score": score,
        "std_error": error,
        "fits": fits,
    }
