"""What every search sees: one task, and the arms that it may choose among.

An arm is a way to the student: the models that are built before it, and the method that teaches it. Arms share
what they have in common; the teacher is fitted once, a bridge once, a signal once.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.core import (
    Hop,
    HopRecord,
    Teacher,
    Trainer,
    TransferMethod,
    TransferSet,
    derive_seed,
    naming_the_hop,
    run_hops,
)
from stepdown.methods import SupervisionMethod
from stepdown.models import complexity

__all__ = ["Arm", "Problem", "Trained"]

log = logging.getLogger("stepdown")


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to the student.

    Parameters
    ----------
    name : str
    kind : str
        What the arm stands for in a verdict: "simple alone", "simple + trainer", "1-hop", "1-hop, further rows",
        "multihop" or "control".
    method : TransferMethod
        Teaches the student.
    trainer : Trainer
        Fits the student.
    before : tuple of Hop
        The hops that build the intermediates.
    uses_teacher : bool
        Whether the complex model stands at the beginning; a control starts from labels.
    """

    name: str
    kind: str
    method: TransferMethod
    trainer: Trainer
    before: tuple[Hop, ...] = ()
    uses_teacher: bool = True

    @property
    def is_flattered(self) -> bool:
        """Whether its validated score is too good.

        What a model says about a row, be it out-of-bag, comes from trees or folds that have seen the rows of the
        validation fold. Labels have no such leak.
        """
        return self.uses_teacher or bool(self.before)

    @property
    def route(self) -> tuple[Any, ...]:
        """What the arm shares with others that have the same route: everything but the last hop."""
        return (self.uses_teacher, *((hop.name, repr(hop.method), id(hop.student)) for hop in self.before))


@dataclass(frozen=True, slots=True)
class Trained:
    """The student that an arm gave, and the hops that led to it."""

    arm: Arm
    model: Any
    records: list[HopRecord]


@dataclass(eq=False)
class Problem:
    """One task: the fitted teacher, the student to be taught, the training rows.

    Parameters
    ----------
    teacher : Teacher
        Fitted.
    student : estimator
        Unfitted; never touched.
    data : TransferSet
        All training rows.
    seed : int
        The root seed; every piece of work derives its own from its name.
    teacher_seconds : float
        What fitting the teacher took.
    methods : list of TransferMethod, optional
        What the user wants to choose from; None for the defaults.
    intermediates : list of (name, estimator), optional
        What the user wants to choose from; None for constructed ones.
    cv : int
        Folds of signals.
    own_rows_only : bool
        Whether there are no rows but the training rows and those made of them, not from a pool of the user's.
    """

    teacher: Teacher
    student: Any
    data: TransferSet
    seed: int
    teacher_seconds: float = 0.0
    methods: list[TransferMethod] | None = None
    intermediates: list[tuple[str, Any]] | None = None
    cv: int = 5
    own_rows_only: bool = True
    _routes: dict[Any, tuple[list[HopRecord], list[Teacher]]] = field(default_factory=dict, repr=False)
    _supervised: dict[str, TransferSet] = field(default_factory=dict, repr=False)

    def lead_up(self, arm: Arm) -> tuple[list[HopRecord], list[Teacher]]:
        """Run the hops before the student's, once for all arms that share them.

        A route that begins like one already run continues from there.
        """
        if arm.route not in self._routes:
            start: list[Teacher] = [self.teacher] if arm.uses_teacher else []
            records: list[HopRecord] = []
            hops = arm.before
            for done in range(len(hops) - 1, 0, -1):
                known = self._routes.get(arm.route[: done + 1])
                if known is not None:
                    records, start = list(known[0]), list(known[1])
                    hops = hops[done:]
                    break
            more, teachers = run_hops(start, hops, self.data, seed=self.seed, measure=complexity)
            self._routes[arm.route] = ([*records, *more], teachers)
        return self._routes[arm.route]

    def supervised(self, arm: Arm) -> TransferSet | None:
        """What the student of an arm is told; None for a method that trains by a loop of its own."""
        method = arm.method
        if not isinstance(method, SupervisionMethod):
            return None
        if arm.name not in self._supervised:
            teachers = self.lead_up(arm)[1]
            with naming_the_hop(self.describe(arm)):
                seed = derive_seed(self.seed, "hop", "student")
                self._supervised[arm.name] = method.supervise(teachers, self.student, self.data, seed=seed)
        return self._supervised[arm.name]

    def fit(self, arm: Arm, rows: NDArray[np.intp] | None = None, *, quick: bool = False) -> Any:
        """Fit the student by an arm.

        Parameters
        ----------
        rows : array of int, optional
            Positions of training rows; None means all. Rows that the method made of these stay in, but `quick` looks
            at no more of them than half the training rows.
        quick : bool
            Whether the arm's trainer is made cheaper: for comparing, not for shipping.
        """
        trainer = arm.trainer.quick() if quick else arm.trainer
        seed = derive_seed(self.seed, "hop", "student")
        supervised = self.supervised(arm)
        with naming_the_hop(self.describe(arm)):
            if supervised is not None:
                if rows is not None:
                    supervised = supervised.take(np.concatenate([rows, self._added(supervised, rows, quick)]))
                return trainer.fit(self.student, supervised, seed=seed)
            teachers = self.lead_up(arm)[1]
            part = self.data
            if rows is not None:
                part = self.data.take(rows)
                teachers = [teacher.restrict(self.data, rows, part) for teacher in teachers]
            return arm.method.transfer(teachers, self.student, part, trainer=trainer, seed=seed)

    def _added(self, supervised: TransferSet, rows: NDArray[np.intp], quick: bool) -> NDArray[np.intp]:
        """Positions of the rows that a method added and that may be learned from together with `rows`."""
        n_rows = self.data.n_samples
        added = np.arange(n_rows, supervised.n_samples)
        if self.own_rows_only:
            # Synthesisers make copies of the whole set, in its order: a row made of a validation row is too near it.
            known = np.zeros(n_rows, dtype=bool)
            known[rows] = True
            added = added[known[added % n_rows]]
        return added[: n_rows // 2] if quick else added

    def train(self, arm: Arm, score: float | None = None) -> Trained:
        """Fit the student on all rows, for shipping, and write down its hops."""
        records, teachers = self.lead_up(arm)
        started = time.perf_counter()
        log.info("training the student: %s", arm.name)
        model = self.fit(arm)
        sources = tuple(teacher.name for teacher in arm.method.asks(teachers))
        seconds = time.perf_counter() - started
        last = HopRecord("student", sources, arm.method, arm.trainer, model, complexity(model), score, seconds)
        return Trained(arm, model, [*records, last])

    def describe(self, arm: Arm) -> str:
        """Name the student's hop for messages."""
        names = [self.teacher.name] if arm.uses_teacher else ["labels"]
        names += [hop.name for hop in arm.before]
        return f"hop {len(names)} ({names[-1]} -> student, {type(arm.method).__name__})"
