"""What every search sees: one task, and the arms that it may choose among.

An arm is a way to the student: the models that are built before it, and the method that teaches it. Arms share
what they have in common; the teacher is fitted once, a bridge once, a signal once.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
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
    student_as_teacher,
)
from stepdown.learners import complexity
from stepdown.methods import SupervisionMethod

from ._store import Store

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
        """What the arm shares with others that have the same route: everything but the last hop.

        Methods and models count by identity, because to spell an estimator takes scikit-learn a millisecond.
        """
        return (self.uses_teacher, *((hop.name, id(hop.method), id(hop.student)) for hop in self.before))

    @property
    def content(self) -> tuple[Any, ...]:
        """What `route` says, in terms that mean the same in another process."""
        return (self.uses_teacher, [(hop.name, hop.student, hop.method, hop.trainer) for hop in self.before])

    def cut(self, n_hops: int) -> Arm:
        """The arm as far as its first so many intermediates."""
        return replace(self, before=self.before[:n_hops])


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
    store : Store, optional
        Where what is made is kept and found again.
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
    store: Store | None = None
    _routes: dict[Any, tuple[list[HopRecord], list[Teacher]]] = field(default_factory=dict, repr=False)
    _supervised: dict[str, TransferSet] = field(default_factory=dict, repr=False)
    _kept: dict[int, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._read_signals((True, []), self.teacher)

    def lead_up(self, arm: Arm) -> tuple[list[HopRecord], list[Teacher]]:
        """Run the hops before the student's, once for all arms that share them.

        A route that begins like one already run continues from there, and one that is on disk is read.
        """
        n_hops = len(arm.before)
        done = next((n for n in range(n_hops, 0, -1) if arm.cut(n).route in self._routes), 0)
        for n in range(done + 1, n_hops + 1):
            part = arm.cut(n)
            records, teachers = self._routes[arm.cut(n - 1).route] if n > 1 else ([], self._start(arm))
            record, more = self._hop(part, teachers)
            self._routes[part.route] = ([*records, record], more)
        return self._routes[arm.route] if n_hops else ([], self._start(arm))

    def _start(self, arm: Arm) -> list[Teacher]:
        return [self.teacher] if arm.uses_teacher else []

    def _hop(self, arm: Arm, teachers: list[Teacher]) -> tuple[HopRecord, list[Teacher]]:
        """The last hop of a route: read, or run and kept."""
        hop, data, seed = arm.before[-1], self.data, self.seed
        record = None if self.store is None else self.store.load("hop", *arm.content)
        if record is None:
            [record], teachers = run_hops(teachers, [hop], data, seed=seed, measure=complexity, first=len(arm.before))
            if self.store is not None:
                # First what it was told: who asks a teacher first decides the seed, and a read hop asks nobody.
                self.keep_signals(arm, teachers)
                self.store.save(record, "hop", *arm.content)
            return record, teachers
        # The methods and trainers that were read are copies of those that were given.
        record = replace(record, method=hop.method, trainer=hop.trainer)
        last = student_as_teacher(record.model, hop, teachers, data, seed=seed)
        self._read_signals(arm.content, last)
        return record, [*teachers, last]

    def keep_signals(self, arm: Arm, teachers: list[Teacher]) -> None:
        """Write what the teachers of a route remember, where it is more than what is on disk."""
        if self.store is None:
            return
        first = 0 if arm.uses_teacher else 1
        for place, teacher in enumerate(teachers, start=first):
            mine = {key: signal for (key, rows), (_, signal) in teacher.memo.items() if rows == id(self.data.X)}
            content = arm.cut(place).content
            if len(mine) > self._kept.get(id(teacher), 0):
                self.store.save(mine, "signals", *content)
                self._kept[id(teacher)] = len(mine)

    def _read_signals(self, content: Any, teacher: Teacher) -> None:
        mine = None if self.store is None else self.store.load("signals", *content)
        for key, signal in (mine or {}).items():
            teacher.remember(key, self.data, signal)
        self._kept[id(teacher)] = len(mine or {})

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
            self.keep_signals(arm, teachers)
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

    def alone(self, arm: Arm) -> Problem:
        """The problem as far as fitting one arm needs it: small enough to be sent to another process."""
        supervised = self.supervised(arm)
        if supervised is None:
            return replace(self, store=None, _routes={arm.route: self.lead_up(arm)}, _supervised={}, _kept={})
        nobody = Teacher(None, None, self.teacher.name)
        return replace(self, teacher=nobody, store=None, _routes={}, _supervised={arm.name: supervised}, _kept={})

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
        log.info("training the student: %s", arm.name)
        model, seconds = self.fit_whole(arm)
        sources = tuple(teacher.name for teacher in arm.method.asks(teachers))
        last = HopRecord("student", sources, arm.method, arm.trainer, model, complexity(model), score, seconds)
        return Trained(arm, model, [*records, last])

    def fit_whole(self, arm: Arm) -> tuple[Any, float]:
        """The student fitted on all rows, and the seconds that it took; kept where there is a store."""
        key = ("student", *arm.content, arm.method, arm.trainer)
        done = None if self.store is None else self.store.load(*key)
        if done is None:
            started = time.perf_counter()
            model = self.fit(arm)
            done = (model, time.perf_counter() - started)
            if self.store is not None:
                self.store.save(done, *key)
        return done

    def describe(self, arm: Arm) -> str:
        """Name the student's hop for messages."""
        names = [self.teacher.name] if arm.uses_teacher else ["labels"]
        names += [hop.name for hop in arm.before]
        return f"hop {len(names)} ({names[-1]} -> student, {type(arm.method).__name__})"
