"""What every search sees: one task, and the ways that it may choose among.

A way is a way to the student: the models that are built before it, and the method that teaches it. Ways share
what they have in common; the teacher is fitted once, a bridge once, a signal once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from stepdown.core import (
    ENOUGH_ROWS,
    MANY_ROWS,
    Hop,
    HopRecord,
    Lesson,
    RefitOnLabels,
    Signal,
    Supervision,
    Teacher,
    Trainer,
    TransferMethod,
    TransferSet,
    count_fits,
    counting,
    derive_seed,
    naming_the_hop,
    run_hops,
    sample_rows,
    side_by_side,
    student_as_teacher,
)
from stepdown.learners import complexity, made_again, training_signal
from stepdown.trainers import no_larger_than_own_fit

from ._store import Store

log = logging.getLogger("stepdown")

T = TypeVar("T")

# Half of them learn, half are scored: differences of half a point between ways are told apart.
SAMPLE = 15_000


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


def with_made_rows(data: TransferSet, maker: Callable[..., Any] | None, seed: int) -> TransferSet:
    """The rows, and those that are made of them for the teacher to answer."""
    if maker is None:
        return data
    return data.replace(X_unlabeled=maker(data.X, seed=derive_seed(seed, "further rows")))


@dataclass(eq=False)
class Task:
    """One task: the fitted teacher, the student to be taught, the training rows, and what made the unlabelled ones."""

    teacher: Teacher
    student: Any
    data: TransferSet
    seed: int
    teacher_seconds: float = 0.0
    methods: list[TransferMethod] | None = None
    intermediates: list[tuple[str, Any]] | None = None
    cv: int = 5
    maker: Callable[..., Any] | None = None
    store: Store | None = None
    is_sample: bool = False
    taken: NDArray[np.intp] | None = None
    is_apart: bool = False
    _routes: dict[Any, tuple[list[HopRecord], list[Teacher]]] = field(default_factory=dict, repr=False)
    _supervised: dict[str, Supervision] = field(default_factory=dict, repr=False)

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

        def run() -> HopRecord:
            return run_hops(teachers, [hop], data, seed=seed, measure=complexity, first=len(way.before))[0][0]

        # The methods and trainers of a record that was read are copies of those that were given.
        record = replace(self._once(run, teachers, "hop", *way.content), method=hop.method, trainer=hop.trainer)
        return record, [*teachers, student_as_teacher(record.model, hop, teachers, data, seed=seed)]

    def _once(self, make: Callable[[], T], teachers: Sequence[Teacher], *key: Any) -> T:
        """What is made, or was made when the search ran before; its fits count, and its teachers know what they said.

        A search that goes on thus finds everything as it was: what is spent, and what a teacher has been asked for,
        whose first asker decides the seed.
        """
        if self.store is None:
            return make()
        done = self.store.load(*key)
        if done is None:
            known, fits = [set(teacher.memo) for teacher in teachers], list[int]()
            with counting(fits.append):
                made = make()
            said = [
                {name: signal for (name, rows), (_, signal) in teacher.memo.items() if (name, rows) not in before}
                for teacher, before in zip(teachers, known, strict=True)
            ]
            if not isinstance(made, Lesson):  # which holds live networks, and is made in no time
                self.store.save((made, sum(fits), said), *key)
            return made
        made, spent, said = done
        count_fits(spent)
        for teacher, signals in zip(teachers, said, strict=True):
            for name, signal in signals.items():
                teacher.remember(name, self.data, signal)
        return cast("T", made)

    def supervised(self, way: Way) -> Supervision:
        """What the student of a way is told."""
        if way.name not in self._supervised:
            teachers = self.lead_up(way)[1]

            def tell() -> Supervision:
                with naming_the_hop(self.describe(way)):
                    seed = derive_seed(self.seed, "hop", "student")
                    told = way.method.supervise(teachers, self.student, self.data, seed=seed)
                # Rows are never kept twice.
                return told.replace(X=None) if isinstance(told, TransferSet) and told.X is self.data.X else told

            told = self._once(tell, teachers, "supervision", way.name, *way.content, way.method)
            if isinstance(told, TransferSet) and told.X is None:
                told = told.replace(X=self.data.X)
            self._supervised[way.name] = told
        return self._supervised[way.name]

    def own_signal(self, way: Way) -> Signal:
        """What the last model before the student says about the training rows that it hasn't seen."""
        teachers = self.lead_up(way)[1]

        def ask() -> Signal:
            with naming_the_hop(f"what {way.name} says about its training rows"):
                return training_signal(teachers[-1], self.data, cv=self.cv, seed=self.seed)

        return self._once(ask, teachers, "signal", *way.content)

    def sampled(self, *, sharing: bool = True) -> Task:
        """The task on a sample of its rows, where they are so many that ways compare as well on fewer.

        Where the teacher is made again on folds of all rows anyway, the sample is from the rows that one of these
        models has not seen, and that is the teacher there: it has seen neither the rows that students learn from nor
        those that they are scored on. Otherwise the folds of the sample make their own teachers.
        """
        n_samples = self.data.n_samples
        if n_samples < (ENOUGH_ROWS if sharing and self.cv == 2 else MANY_ROWS):
            return self
        seed, whole, rows = derive_seed(self.seed, "sample"), self.teacher, np.arange(n_samples)
        again = self._again() if sharing and self.methods is None and not whole.is_frozen else []
        if again:
            rows = again[0][0]
            rows = rows[sample_rows(self.data.take(rows), SAMPLE, seed)]
        else:
            rows = sample_rows(self.data, SAMPLE, seed)
        data = self.data.take(rows)
        if data.X_unlabeled is not None and np.shape(data.X_unlabeled)[0] > SAMPLE:
            pool = np.random.default_rng(seed).permutation(np.shape(data.X_unlabeled)[0])[:SAMPLE]
            data = data.replace(X_unlabeled=_safe_indexing(data.X_unlabeled, np.sort(pool)))
        teacher = whole.restrict(self.data, rows, data)
        if again:
            teacher.model = again[0][1]
        elif not whole.is_frozen:
            teacher.memo.clear()
        log.info("the ways are compared on %d of %d rows", data.n_samples, n_samples)
        store = None if self.store is None else self.store.room("sample")
        sample = replace(self, data=data, teacher=teacher, store=store, _routes={}, _supervised={})
        sample.is_sample, sample.is_apart, sample.taken = True, bool(again), rows
        return sample

    def _again(self) -> list[tuple[NDArray[np.intp], Any]]:
        """The models behind the teacher's out-of-fold signal, with the rows that they haven't seen."""

        def ask() -> list[tuple[NDArray[np.intp], Any]]:
            training_signal(self.teacher, self.data, cv=self.cv, seed=derive_seed(self.seed, "hop", "student"))
            return self.teacher.again

        return self._once(ask, [self.teacher], "signal of the teacher", self.cv)

    def within(self, rows: NDArray[np.intp], place: int, made: Any = None) -> Task:
        """The task on a part of its rows: nothing there has seen the others, but for a frozen teacher.

        `made` is the complex model of this part, where it has been fitted already.
        """
        data = with_made_rows(self.data.take(rows), self.maker, self.seed)
        if data.groups is not None and len(np.unique(data.groups)) < 2:
            data = data.replace(groups=None)  # there is nothing to keep apart
        part = replace(self, data=data, store=self._room(place), is_sample=False, _routes={}, _supervised={})

        def again() -> Teacher:
            count_fits()
            model = _fit_again(self._bare(), self.data, rows, self.seed) if made is None else made
            return Teacher(model, self.teacher.refit, self.teacher.name, n_jobs=self.teacher.n_jobs)

        if self.teacher.is_frozen or self.is_apart:
            part.teacher = self.teacher.restrict(self.data, rows, data)
        else:
            part.teacher = part._once(again, [], "refit")
        return part

    def _room(self, place: int) -> Store | None:
        return None if self.store is None else self.store.room("fold", place)

    def _bare(self) -> Teacher:
        """The teacher without what it has said."""
        return Teacher(self.teacher.model, self.teacher.refit, self.teacher.name, n_jobs=self.teacher.n_jobs)

    def fit_ahead(self, parts: Mapping[int, NDArray[np.intp]], n_jobs: int | None) -> dict[int, Any]:
        """The complex model, fitted side by side to several parts of the rows, where that is to be done anyway."""
        rooms = {place: self._room(place) for place in parts}
        missing = [place for place, room in rooms.items() if room is None or not room.has("refit")]
        if self.is_apart or not isinstance(self.teacher.refit, RefitOnLabels) or len(missing) < 2:
            return {}
        calls = [(self._bare(), self.data, parts[place], self.seed) for place in missing]
        return dict(zip(missing, side_by_side(_fit_again, calls, n_jobs), strict=True))

    def is_biased(self, way: Way) -> bool:
        """Whether validated scores are optimistic: a frozen teacher may have seen the rows that it is scored on."""
        return way.uses_teacher and self.teacher.is_frozen

    def fitting(self, way: Way, *, quick: bool = False) -> Callable[[], Any]:
        """The fit of the student by a way, ready to be made here or in another process."""
        trainer = way.trainer.quick() if quick else way.trainer
        seed, supervised = derive_seed(self.seed, "hop", "student"), self.supervised(way)
        # For a comparison, as many further rows as there are rows say enough.
        most = 2 * self.data.n_samples
        if quick and supervised.n_samples > most:
            supervised = supervised.take(np.arange(most))
        bound = self.data if way.uses_teacher or way.before else None
        return partial(_fit, trainer, self.student, supervised, bound, seed)

    def train(self, way: Way, score: float | None = None) -> Trained:
        """Fit the student on all rows, for shipping, and write down its hops."""
        records, teachers = self.lead_up(way)
        log.info("training the student: %s", way.name)
        model, seconds = self.fit_whole(way)
        sources = tuple(teacher.name for teacher in way.method.asks(teachers))
        told = self.supervised(way)
        notes = told.notes if isinstance(told, TransferSet) else None
        last = HopRecord("student", sources, way.method, way.trainer, model, complexity(model), score, seconds, notes)
        return Trained(way, model, [*records, last])

    def fit_whole(self, way: Way) -> tuple[Any, float]:
        """The student fitted on all rows, and the seconds that it took; kept where there is a store."""

        def run() -> tuple[Any, float]:
            started = time.perf_counter()
            fit = self.fitting(way)
            count_fits()
            with naming_the_hop(self.describe(way)):
                model = fit()
            return model, time.perf_counter() - started

        return self._once(run, self.lead_up(way)[1], "student", way.name, *way.content, way.method, way.trainer)

    def describe(self, way: Way) -> str:
        """Name the student's hop for messages."""
        names = [self.teacher.name] if way.uses_teacher else ["labels"]
        names += [hop.name for hop in way.before]
        return f"hop {len(names)} ({names[-1]} -> student, {type(way.method).__name__})"


def _fit_again(teacher: Teacher, data: TransferSet, rows: NDArray[np.intp], seed: int) -> Any:
    """The model of a teacher as if it had been fitted to a part of the rows only."""
    return made_again(teacher, rows, data.take(rows), derive_seed(seed, "teacher")).model


def _fit(trainer: Trainer, student: Any, supervised: Supervision, bound: TransferSet | None, seed: int | None) -> Any:
    """The student; no larger than by its own fit to the rows in `bound`."""
    model = trainer.fit(student, supervised, seed=seed)
    return model if bound is None else no_larger_than_own_fit(model, student, bound, seed=seed)
