"""What all searches do: fit candidates, score ways to the student, within a budget and with a record.

Policies differ in what they try next (`Gate`, `DynamicProgramming`); trying it is the same for all of them.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from stepdown.core import (
    Hop,
    InvalidInputError,
    NotSupportedError,
    SignalWarning,
    Table,
    TransferMethod,
    naming_the_hop,
)
from stepdown.learners import Complexity, between, complexity, training_signal
from stepdown.trainers import PlainFit

from ._answers import check_scores_signals, value_of
from ._budget import Budget, Ledger
from ._candidates import hop_row
from ._recipes import constructed_ladder
from ._scoring import Scorer
from ._task import Task, Way
from ._validate import Validation, WayScores

log = logging.getLogger("stepdown")


@dataclass(frozen=True, slots=True)
class Node:
    """A candidate, and a way to it."""

    name: str
    estimator: Any
    route: tuple[Hop, ...]
    uses_teacher: bool
    size: Complexity
    value: float
    validated: str

    @property
    def path(self) -> str:
        return " -> ".join(["teacher" if self.uses_teacher else "labels", *(hop.name for hop in self.route)])


class Exploration:
    """Candidates and ways tried so far."""

    def __init__(
        self,
        problem: Task,
        *,
        folds: int,
        budget: Budget | None = None,
        scorer: Scorer | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.problem = problem
        self.budget = Budget() if budget is None else budget
        self.rows = Table()
        self.nodes: list[Node] = []
        self.ways: list[Way] = []
        self._scorer = scorer
        self._validation = Validation(problem, folds=folds, scorer=scorer, n_jobs=n_jobs)
        self._folds: list[list[Any]] = []
        self._ledger = Ledger(problem)
        self._row_of: dict[Any, dict[str, Any]] = {}
        try:
            check_scores_signals(scorer, problem.data)
            self._can_value = True
        except InvalidInputError:
            self._can_value = False

    # Candidates -------------------------------------------------------------------------------------------------

    def ladder(self, plain: Way) -> list[Node]:
        """Fit the candidates on labels: what they are worth by themselves, and how complex they are."""
        problem = self.problem
        candidates = problem.intermediates
        if candidates is None:
            candidates = constructed_ladder(problem.teacher.model, problem.student, problem.data, problem.seed)
        if not candidates or not self.budget.take(1):
            return []
        simple = complexity(problem.fit_whole(plain)[0])
        nodes = {}
        for name, estimator in candidates:
            node = self.visit(name, estimator, plain.method, None, taught=False)
            if node is not None:
                nodes[name] = node
        sizes = [(name, node.size) for name, node in nodes.items()]
        return [nodes[name] for name in between(sizes, complexity(problem.teacher.model), simple)]

    def visit(
        self, name: str, estimator: Any, method: TransferMethod, source: Node | None, *, taught: bool = True
    ) -> Node | None:
        """Fit a candidate by one hop, and value it by what it says about rows that it has not seen."""
        problem, hop = self.problem, Hop(estimator, method, None, name)
        route = (hop,) if source is None else (*source.route, hop)
        way = Way(name, "multihop", method, PlainFit(), route, taught if source is None else source.uses_teacher)
        if not self._suits(method, estimator, way.cut(len(route) - 1)):
            return None
        most = self._ledger.most(way, own_signal=True)
        if not self.budget.take(most):
            return None
        key = ("visit", *way.content)
        done = None if problem.store is None else problem.store.load(*key)
        if done is None:
            done = self._visit(way)
            if problem.store is not None:
                problem.store.save(done, *key)
        size, value, validated, fits, seconds, entries = done
        self._ledger.enter(way, entries)
        self.budget.give_back(most - fits)
        self._note_hop(way, value, validated, fits, seconds)
        self.nodes.append(Node(name, estimator, route, way.uses_teacher, size, value, validated))
        return self.nodes[-1]

    def _suits(self, method: TransferMethod, student: Any, before: Way) -> bool:
        """Whether a method can teach a model behind others: candidates of several kinds don't suit every method."""
        earlier = [self.problem.teacher.model] if before.uses_teacher else []
        earlier += [hop.student for hop in before.before]
        try:
            method.check_student(student, self.problem.data)
            if earlier:
                method.check_teachers(earlier, self.problem.data)
        except NotSupportedError as error:
            log.info("left out: %s", error)
            return False
        return True

    def _visit(self, way: Way) -> tuple[Complexity, float, str, int, float, list[Any]]:
        problem, started = self.problem, time.perf_counter()
        records, teachers = problem.lead_up(way)
        with naming_the_hop(f"what {way.name} says about its training rows"):
            signal = training_signal(teachers[-1], problem.data, cv=problem.cv, seed=problem.seed)
        problem.keep_signals(way, teachers)
        value = value_of(signal.values, problem.data, self._scorer)
        fits, entries = self._ledger.settle(way, teachers, own_signal=True)
        return records[-1].complexity, value, signal.source, fits, time.perf_counter() - started, entries

    # Ways to the student ----------------------------------------------------------------------------------------

    def score(self, ways: Sequence[Way], *, rival: Way | None = None) -> None:
        """Cross-validate ways to the student that haven't been, as far as the budget allows."""
        begun = [(way, *start) for way in ways if way not in self.ways and (start := self._begin(way)) is not None]
        n_folds = len(self._validation.splits)
        pilots, rest = ([], range(n_folds)) if rival is None else ([0], range(1, n_folds))
        looks = self._validation.folds_of([way for way, *_ in begun], pilots)
        kept = [
            number
            for number, look in enumerate(looks)
            if rival is None or self._mean_of_first(look[0][0]) >= self._mean_of_first(self._folds_of(rival)[0])
        ]
        full = dict(zip(kept, self._validation.folds_of([begun[number][0] for number in kept], rest), strict=True))
        for number, (way, fits, seconds) in enumerate(begun):
            results = [*looks[number], *full.get(number, [])]
            seconds += sum(spent for _, spent in results)
            self.budget.give_back(n_folds - len(results))
            self._note(way, [score for score, _ in results], fits + len(results), seconds)

    def scores(self, ways: Sequence[Way]) -> WayScores:
        """Of ways that have been scored in all folds."""
        return self._validation.together([self._folds_of(way) for way in ways])

    def _begin(self, way: Way) -> tuple[int, float] | None:
        """Run what stands before the student, and reserve the fits of its folds."""
        problem = self.problem
        if not self._suits(way.method, problem.student, way):
            return None
        folds = len(self._validation.splits)
        most = self._ledger.most(way, own_signal=False)
        if not self.budget.take(most + folds):
            return None
        key = ("way", way.name, *way.content, way.method, way.trainer)
        done = None if problem.store is None else problem.store.load(*key)
        if done is None:
            done = self._prepare(way)
            if problem.store is not None:
                problem.store.save(done, *key)
        fits, seconds, entries, hops = done
        self._ledger.enter(way, entries)
        self.budget.give_back(most - fits)
        for place, value, validated, cost, spent in hops:
            self._note_hop(way.cut(place), value, validated, cost, spent)
            fits -= cost
        return fits, seconds

    def _note_hop(self, way: Way, value: float | None, validated: str, fits: int, seconds: float) -> None:
        """One row a hop to an intermediate, however often the search comes back to it."""
        row = self._row_of.get(way.route)
        if row is None:
            place = len(way.before)
            row = hop_row(_before(way, place - 1), way.before[-1].name, way.before[-1].method, None, "")
            self._row_of[way.route] = row
            self.rows.append(row)
        row |= {"score": value, "validated": validated}
        row |= {"fits": row["fits"] + fits, "seconds": row["seconds"] + seconds}

    def _prepare(self, way: Way) -> tuple[int, float, list[Any], list[Any]]:
        """Fits, seconds and entries of a way up to what the student is told, and its hops that are new."""
        problem = self.problem
        new = self._ledger.new_hops(way)
        records, teachers = problem.lead_up(way)
        started = time.perf_counter()
        problem.supervised(way)
        seconds = time.perf_counter() - started
        hops = []
        for place, cost in new:
            # Nothing is asked that the student's method didn't ask: that could cost refits.
            signal = teachers[place - (not way.uses_teacher)].recall(f"out-of-fold:{problem.cv}", problem.data)
            value, validated = None, ""
            if signal is not None and self._can_value:
                value, validated = value_of(signal.values, problem.data, self._scorer), signal.source
            hops.append((place, value, validated, cost, records[place - 1].seconds))
        fits, entries = self._ledger.settle(way, teachers, own_signal=False)
        return fits, seconds, entries, hops

    def _note(self, way: Way, folds: list[Any], fits: int, seconds: float) -> None:
        row = hop_row(
            _before(way, len(way.before)), "student", way.method, None, "cross-validation", fits=fits, seconds=seconds
        )
        if len(folds) == len(self._validation.splits):
            self.ways.append(way)
            self._folds.append(folds)
            alone = self._validation.together([folds])
            row |= {"score": alone.mean(0), "std_error": alone.std_error(0)}
        else:
            row |= {"score": self._mean_of_first(folds[0]), "validated": "first fold"}
        self.rows.append(row)

    def _folds_of(self, way: Way) -> list[Any]:
        return self._folds[self.ways.index(way)]

    def _mean_of_first(self, score: Any) -> float:
        return self._validation.mean_of_fold(0, score)


def _before(way: Way, place: int) -> str:
    """Who teaches the hop that stands behind `place` intermediates."""
    return way.before[place - 1].name if place else ("teacher" if way.uses_teacher else "labels")


@contextmanager
def quietly() -> Iterator[None]:
    """That a method carries little over some hop is what a wide search finds out, not what its user did wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignalWarning)
        yield
