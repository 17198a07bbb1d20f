"""What all searches do: fit candidates, score ways to the student, within a budget and with a record.

Policies differ in what they try next (`Gate`, `DynamicProgramming`); trying it is the same for all of them.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from stepdown.core import (
    BudgetSpentError,
    Hop,
    InvalidInputError,
    NotSupportedError,
    SignalWarning,
    Table,
    TransferMethod,
    counting,
)
from stepdown.learners import Complexity, between, complexity, signal_key
from stepdown.trainers import PlainFit

from ._answers import check_scores_signals, value_of
from ._budget import Budget
from ._candidates import hop_row
from ._recipes import constructed_ladder
from ._scoring import Scorer
from ._task import Task, Way
from ._validate import FoldScore, Validation, WayScores

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
        repeats: int = 1,
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
        how: dict[str, Any] = {"folds": folds, "repeats": repeats, "scorer": scorer, "n_jobs": n_jobs}
        self.validation = Validation(problem, **how, fits_ahead=self.budget.is_endless)
        self._folds: list[list[Any]] = []
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
        if not candidates or not self.budget.allows(1):
            return []
        with counting(self.budget.count):
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
        hop = Hop(estimator, method, None, name)
        route = (hop,) if source is None else (*source.route, hop)
        way = Way(name, "multihop", method, PlainFit(), route, taught if source is None else source.uses_teacher)
        if not self.budget.allows(1) or not self._suits(method, estimator, way.cut(len(route) - 1)):
            return None
        row = self._row_of_hop(way)
        with suppress(BudgetSpentError), self._spending(row):
            record = self.problem.lead_up(way)[0][-1]
            signal = self.problem.own_signal(way)
            row |= {"score": value_of(signal.values, self.problem.data, self._scorer), "validated": signal.source}
            node = Node(name, estimator, route, way.uses_teacher, record.complexity, row["score"], signal.source)
            self.nodes.append(node)
            return node
        return None

    def _row_of_hop(self, way: Way) -> dict[str, Any]:
        """One row a hop to an intermediate, however often the search comes back to it."""
        before = way.cut(len(way.before) - 1)
        new = hop_row(_source(before), way.before[-1].name, way.before[-1].method)
        return self._row_of.setdefault(way.route, new)

    @contextmanager
    def _spending(self, row: dict[str, Any]) -> Iterator[None]:
        """Note fits and seconds in the row of a hop."""
        spent, started = self.budget.spent, time.perf_counter()
        try:
            with counting(self.budget.count):
                yield
        except BudgetSpentError:
            row["validated"] = "budget spent"
            raise
        finally:
            row["fits"] += self.budget.spent - spent
            row["seconds"] += time.perf_counter() - started
            if row["fits"] and not any(row is known for known in self.rows):
                self.rows.append(row)

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

    # Ways to the student ----------------------------------------------------------------------------------------

    def score(self, ways: Sequence[Way], *, rival: Way | None = None) -> None:
        """Cross-validate ways to the student that haven't been, as far as the budget allows.

        One that is worse than its rival in the first fold is given up.
        """
        places = range(len(self.validation.splits))
        begun = {}
        for number, way in enumerate(ways):
            log.debug("targets of all rows", extra={"progress": (number, len(ways))})
            if way not in self.ways and (row := self._begin(way)) is not None:
                begun[way] = row
        looks = self._folds_of(begun, places if rival is None else places[:1])
        for (way, row), results in zip(begun.items(), looks, strict=True):
            if rival is not None and results:
                home = self._folds[self.ways.index(rival)][0]
                if self.validation.mean_of_fold(0, results[0].score) >= self.validation.mean_of_fold(0, home):
                    results += self._folds_of({way: row}, places[1:])[0]
            self._note(way, row, results)

    def _folds_of(self, ways: Mapping[Way, dict[str, Any]], places: Sequence[int]) -> list[list[FoldScore]]:
        """Their scores in some of the folds; none where the budget ends before all are made."""
        if not ways or not places:
            return [[] for _ in ways]
        spent = self.budget.spent
        try:
            with counting(self.budget.count), quietly():  # on all rows it has been said
                return self.validation.folds_of(list(ways), places)
        except BudgetSpentError:
            row = next(iter(ways.values()))  # a budget is spent on one way at a time
            row |= {"fits": row["fits"] + self.budget.spent - spent, "validated": "budget spent"}
            return [[] for _ in ways]

    def scores(self, ways: Sequence[Way]) -> WayScores:
        """Of ways that have been scored in all folds."""
        return self.validation.together(ways, [self._folds[self.ways.index(way)] for way in ways])

    def _begin(self, way: Way) -> dict[str, Any] | None:
        """Run what stands before the student and make what it is told: its row, or None where that can't be done."""
        problem = self.problem
        if not self.budget.allows(len(self.validation.splits)) or not self._suits(way.method, problem.student, way):
            return None
        row = hop_row(_source(way), "student", way.method)
        if problem.is_sample:  # what the ways need is made in the folds, and of all rows for the way that is chosen
            return row
        for place in range(1, len(way.before) + 1):
            part = way.cut(place)
            if part.route not in self._row_of:
                with suppress(BudgetSpentError), self._spending(self._row_of_hop(part)):
                    problem.lead_up(part)
        with suppress(BudgetSpentError), self._spending(row):
            problem.supervised(way)
            self._value_hops(way)
            return row
        return None

    def _value_hops(self, way: Way) -> None:
        """Value the models before the student by what they were asked: nothing else is, for that could cost fits."""
        teachers = self.problem.lead_up(way)[1][-len(way.before) :] if way.before else []
        for place, teacher in enumerate(teachers, start=1):
            row = self._row_of[way.cut(place).route]
            signal = teacher.recall(signal_key("out-of-fold", self.problem.cv), self.problem.data)
            if row["score"] is None and signal is not None and self._can_value:
                value = value_of(signal.values, self.problem.data, self._scorer)
                row |= {"score": value, "validated": signal.source}

    def _note(self, way: Way, row: dict[str, Any], results: Sequence[FoldScore]) -> None:
        row["fits"] += sum(result.fits for result in results)
        row["seconds"] += sum(result.seconds for result in results)
        folds = [result.score for result in results]
        if len(folds) == len(self.validation.splits):
            self.ways.append(way)
            self._folds.append(folds)
            alone = self.validation.together([way], [folds])
            how = "frozen" if self.problem.is_biased(way) else "cross-validation"
            row |= {"score": alone.mean(0), "std_error": alone.std_error(0), "validated": how}
        elif folds:
            row |= {"score": self.validation.mean_of_fold(0, folds[0]), "validated": "first fold"}
        if row["fits"] and not any(row is known for known in self.rows):
            self.rows.append(row)


def _source(way: Way) -> str:
    """Who teaches the hop behind a way's intermediates."""
    return way.before[-1].name if way.before else ("teacher" if way.uses_teacher else "labels")


@contextmanager
def quietly() -> Iterator[None]:
    """That a method carries little over some hop is what a wide search finds out, not what its user did wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignalWarning)
        yield
