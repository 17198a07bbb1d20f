"""What every search sees: one task, and the ways that it may choose among.

A way is a way to the student: the models that are built before it, and the method that teaches it. Ways share
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
    Supervision,
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
from stepdown.trainers._size import no_larger_than_own_fit

from ._store import Store

log = logging.getLogger("stepdown")


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """One way to the student; told apart from others by identity, and within a task by its name."""

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
        """What the way shares with others that have the same route: everything but the last hop.

        Methods and models count by identity, because to spell an estimator takes scikit-learn a millisecond.
        """
        return (self.uses_teacher, *((hop.name, id(hop.method), id(hop.student)) for hop in self.before))

    @property
    def content(self) -> tuple[Any, ...]:
        """What `route` says, in terms that mean the same in another process."""
        return (self.uses_teacher, [(hop.name, hop.student, hop.method, hop.trainer) for hop in self.before])

    def cut(self, n_hops: int) -> Way:
        """The way as far as its first so many intermediates."""
        return replace(self, before=self.before[:n_hops])


@dataclass(frozen=True, slots=True)
class Trained:
    """The student that a way gave, and the hops that led to it."""

    way: Way
    model: Any
    records: list[HopRecord]


@dataclass(eq=False)
class Task:
    """One task: the fitted teacher, the student to be taught, the training rows."""

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
    _supervised: dict[str, Supervision] = field(default_factory=dict, repr=False)
    _kept: dict[int, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._read_signals((True, []), self.teacher)

    def lead_up(self, way: Way) -> tuple[list[HopRecord], list[Teacher]]:
        """Run the hops before the student's, once for all ways that share them.

        A route that begins like one already run continues from there, and one that is on disk is read.
        """
        n_hops = len(way.before)
        done = next((n for n in range(n_hops, 0, -1) if way.cut(n).route in self._routes), 0)
        for n in range(done + 1, n_hops + 1):
            part = way.cut(n)
            records, teachers = self._routes[way.cut(n - 1).route] if n > 1 else ([], self._start(way))
            record, more = self._hop(part, teachers)
            self._routes[part.route] = ([*records, record], more)
        return self._routes[way.route] if n_hops else ([], self._start(way))

    def _start(self, way: Way) -> list[Teacher]:
        return [self.teacher] if way.uses_teacher else []

    def _hop(self, way: Way, teachers: list[Teacher]) -> tuple[HopRecord, list[Teacher]]:
        """The last hop of a route: read, or run and kept."""
        hop, data, seed = way.before[-1], self.data, self.seed
        record = None if self.store is None else self.store.load("hop", *way.content)
        if record is None:
            [record], teachers = run_hops(teachers, [hop], data, seed=seed, measure=complexity, first=len(way.before))
            if self.store is not None:
                # First what it was told: who asks a teacher first decides the seed, and a read hop asks nobody.
                self.keep_signals(way, teachers)
                self.store.save(record, "hop", *way.content)
            return record, teachers
        # The methods and trainers that were read are copies of those that were given.
        record = replace(record, method=hop.method, trainer=hop.trainer)
        last = student_as_teacher(record.model, hop, teachers, data, seed=seed)
        self._read_signals(way.content, last)
        return record, [*teachers, last]

    def keep_signals(self, way: Way, teachers: list[Teacher]) -> None:
        """Write what the teachers of a route remember, where it is more than what is on disk."""
        if self.store is None:
            return
        first = 0 if way.uses_teacher else 1
        for place, teacher in enumerate(teachers, start=first):
            mine = {key: signal for (key, rows), (_, signal) in teacher.memo.items() if rows == id(self.data.X)}
            content = way.cut(place).content
            if len(mine) > self._kept.get(id(teacher), 0):
                self.store.save(mine, "signals", *content)
                self._kept[id(teacher)] = len(mine)

    def _read_signals(self, content: Any, teacher: Teacher) -> None:
        mine = None if self.store is None else self.store.load("signals", *content)
        for key, signal in (mine or {}).items():
            teacher.remember(key, self.data, signal)
        self._kept[id(teacher)] = len(mine or {})

    def supervised(self, way: Way) -> Supervision:
        """What the student of a way is told."""
        if way.name not in self._supervised:
            teachers = self.lead_up(way)[1]
            with naming_the_hop(self.describe(way)):
                seed = derive_seed(self.seed, "hop", "student")
                self._supervised[way.name] = way.method.supervise(teachers, self.student, self.data, seed=seed)
            self.keep_signals(way, teachers)
        return self._supervised[way.name]

    def fit(self, way: Way, rows: NDArray[np.intp] | None = None, *, quick: bool = False) -> Any:
        """Fit the student by a way."""
        trainer = way.trainer.quick() if quick else way.trainer
        seed = derive_seed(self.seed, "hop", "student")
        supervised = self.supervised(way)
        with naming_the_hop(self.describe(way)):
            if rows is not None:
                supervised = supervised.take(np.concatenate([rows, self._added(supervised, rows, quick)]))
            model = trainer.fit(self.student, supervised, seed=seed)
            part = self.data if rows is None else self.data.take(rows)
            return no_larger_than_own_fit(model, self.student, part, seed=seed) if way.is_flattered else model

    def alone(self, way: Way) -> Task:
        """The problem as far as fitting one way needs it: small enough to be sent to another process."""
        supervised = self.supervised(way)
        nobody = Teacher(None, None, self.teacher.name)
        return replace(self, teacher=nobody, store=None, _routes={}, _supervised={way.name: supervised}, _kept={})

    def _added(self, supervised: Supervision, rows: NDArray[np.intp], quick: bool) -> NDArray[np.intp]:
        """Positions of the rows that a method added and that may be learned from together with `rows`."""
        n_rows = self.data.n_samples
        added = np.arange(n_rows, supervised.n_samples)
        if self.own_rows_only:
            # Synthesisers make copies of the whole set, in its order: a row made of a validation row is too near it.
            known = np.zeros(n_rows, dtype=bool)
            known[rows] = True
            added = added[known[added % n_rows]]
        return added[: n_rows // 2] if quick else added

    def train(self, way: Way, score: float | None = None) -> Trained:
        """Fit the student on all rows, for shipping, and write down its hops."""
        records, teachers = self.lead_up(way)
        log.info("training the student: %s", way.name)
        model, seconds = self.fit_whole(way)
        sources = tuple(teacher.name for teacher in way.method.asks(teachers))
        last = HopRecord("student", sources, way.method, way.trainer, model, complexity(model), score, seconds)
        return Trained(way, model, [*records, last])

    def fit_whole(self, way: Way) -> tuple[Any, float]:
        """The student fitted on all rows, and the seconds that it took; kept where there is a store."""
        key = ("student", *way.content, way.method, way.trainer)
        done = None if self.store is None else self.store.load(*key)
        if done is None:
            started = time.perf_counter()
            model = self.fit(way)
            done = (model, time.perf_counter() - started)
            if self.store is not None:
                self.store.save(done, *key)
        return done

    def describe(self, way: Way) -> str:
        """Name the student's hop for messages."""
        names = [self.teacher.name] if way.uses_teacher else ["labels"]
        names += [hop.name for hop in way.before]
        return f"hop {len(names)} ({names[-1]} -> student, {type(way.method).__name__})"
