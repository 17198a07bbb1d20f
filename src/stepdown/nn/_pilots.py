"""How many auxiliary networks stand between teacher and student: chosen by short trainings within a budget."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from skorch import NeuralNet, NeuralNetClassifier
from torch import nn

from stepdown.core import HopRecord, InvalidInputError, Teacher, TransferSet, derive_seed, run_hops

from ._engine import TrainingStoppedError
from ._flow_hops import check_learns_labels, flow_hops
from ._head import fit_head
from ._nets import targets_for
from ._relative import Relative
from ._rows import cast_rows
from ._schedules import CriticalPeriod, Schedule

Score = Callable[[NeuralNetClassifier, TransferSet, TransferSet], float]
"""``score(student, train, held_out)``; greater is better."""

VALIDATION = 0.2
"""Share of the training rows that pilots are scored on."""
LEAST_ROWS = 5
"""Rows a class on average below which a pilot's subsample doesn't go."""


@dataclass(frozen=True, slots=True)
class Pilot:
    """One short training of a chain.

    Parameters
    ----------
    factors : tuple of float
        Widths of its auxiliaries against the student's, the widest first; empty for none.
    round : int
        From 1; in round 0 time is measured.
    rows, epochs : int
        What it was trained on, and the student's epochs; an auxiliary has twice as many, half of them on labels.
    passes : float
        Passes of all training rows through some teacher, as in `flow_through_auxiliaries`.
    seconds : float
        Of its training and scoring.
    score : float
        Of its student on the validation rows; greater is better. Minus infinity where the loss stopped being finite.
    """

    factors: tuple[float, ...]
    round: int
    rows: int
    epochs: int
    passes: float
    seconds: float
    score: float

    def __str__(self) -> str:
        return (
            f"round {self.round}  {_named(self.factors):20}  {self.rows:6,} rows  {self.epochs:3} epochs  "
            f"{self.passes:7.2f} passes  {self.seconds:7.1f} s  {self.score:.4f}"
        )


@dataclass(frozen=True, slots=True)
class PilotedFlow:
    """What `flow_through_auxiliaries` chose and trained.

    Parameters
    ----------
    student : skorch.NeuralNetClassifier
        What ships: a plain fitted net of the given class, with its head fitted to the labels.
    factors : tuple of float
        Of the auxiliaries of the chosen chain.
    auxiliaries : tuple of skorch.NeuralNet
        The bridges, in the order of teaching.
    pairs : tuple of tuple of (str, str)
        For each hop the layers that were paired, (teacher's, student's).
    hops : tuple of HopRecord
        Of the full training.
    pilots : tuple of Pilot
        All that were run, in order.
    """

    student: NeuralNetClassifier
    factors: tuple[float, ...]
    auxiliaries: tuple[NeuralNet, ...]
    pairs: tuple[tuple[tuple[str, str], ...], ...]
    hops: tuple[HopRecord, ...]
    pilots: tuple[Pilot, ...]

    def __str__(self) -> str:
        lines = [*map(str, self.pilots), f"chosen: {_named(self.factors)}", *map(str, self.hops)]
        return "\n".join(lines)


def flow_through_auxiliaries(
    teacher: Teacher | Any,
    student: NeuralNetClassifier,
    data: TransferSet,
    *,
    factors: Sequence[float] = (4.0, 2.0),
    max_auxiliaries: int = 2,
    budget_passes: float | None = None,
    budget_seconds: float | None = None,
    score: Score | None = None,
    schedule: Callable[[int], Schedule] | None = None,
    builder: Callable[[float], nn.Module] | None = None,
    seed: int | None = None,
) -> PilotedFlow:
    """Information flow from teacher to student through as many auxiliary networks as pilots find worth it.

    The candidates are all chains of up to `max_auxiliaries` of the given widths, from wide to narrow, the one without
    any among them. Their hops are those of `flow_through_auxiliary`, continued: the first auxiliary learns the labels
    and the teacher's last layer; a further one the labels and the flow of the one before it; the student the flow of
    its teacher. Pilots are the same trainings with fewer epochs on a subsample of the rows, scored on validation rows
    that are split off the training rows. By successive halving (Karnin, Koren & Somekh, ICML 2013) the better half of
    the candidates goes on to longer pilots on more rows; the last one left is trained in full, on all rows. Of equal
    scores the shorter chain wins. That the chain is chosen by pilots is ours.

    Parameters
    ----------
    teacher : fitted skorch net, FrozenEstimator, FrozenNetwork or Teacher
        Of any architecture.
    student : skorch.NeuralNetClassifier
        Its settings, epochs among them, train the auxiliaries as well.
    data : TransferSet
        Labels 0, 1, ..., n_classes - 1. Rows to be tested on must not be among them.
    factors : sequence of float
        Widths of auxiliaries against the student's, above 1.
    max_auxiliaries : int
        At least 0; 0 trains the student from the teacher without any pilot.
    budget_passes : float, optional
        What all pilots together may cost: one pass is one epoch of one hop over as many rows as `data` has, in which
        the hop's teacher runs on each row once. The full training isn't counted. By default what the full training of
        the longest chain costs. With it the result is decided by the seed.
    budget_seconds : float, optional
        The same in seconds, instead. What a pass takes is measured by a first pilot. No pilot is started that is
        estimated to end too late, so that the last one may be late by the error of that estimate; which pilots are
        run then depends on the machine.
    score : callable, optional
        ``score(student, train, held_out)`` of a student with its head fitted; greater is better. By default accuracy
        on the held-out rows. The teacher may know these, so that scores compare chains and say little else.
    schedule : callable, optional
        ``schedule(epochs)`` makes the weights of the layers over the epochs of a hop, short or long; by default
        ``Relative(CriticalPeriod.over(epochs))``, whose gradients keep their scale in short trainings.
    builder : callable, optional
        As in `auxiliary`, for students that can't be widened automatically.
    seed : int, optional
        All of torch's randomness, and the split of the rows.

    Returns
    -------
    PilotedFlow

    Raises
    ------
    InvalidInputError
        For factors, a number of auxiliaries or a budget that can't be right; a budget that is too small says how
        many passes are needed.
    StepdownError
        As `flow_through_auxiliary`.

    Examples
    --------
    >>> from torch import nn
    >>> def net(width):
    ...     module = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3))
    ...     settings = dict(criterion=nn.CrossEntropyLoss, max_epochs=2, train_split=None, verbose=0)
    ...     return NeuralNetClassifier(module, **settings)
    >>> X, y = np.random.default_rng(0).random((60, 4), dtype=np.float32), np.arange(60) % 3
    >>> data = TransferSet.for_classification(X, y)
    >>> found = flow_through_auxiliaries(net(32).fit(X, y), net(4), data, factors=(2.0,), seed=0)
    >>> [(pilot.round, pilot.factors, pilot.rows, pilot.epochs) for pilot in found.pilots]
    [(1, (), 48, 1), (1, (2.0,), 48, 1)]
    """
    check_learns_labels(student)
    chains = _chains(factors, max_auxiliaries)
    budget = _budget(budget_passes, budget_seconds, chains, student)
    targets_for(student, data)
    data = data.replace(X=cast_rows(student, data.X))
    course = _Course(teacher, schedule or _critical_period, builder, seed)
    chosen, pilots = chains[0], []
    if len(chains) > 1:
        halving = _in_passes if budget_seconds is None else _in_seconds
        run = _Pilots(course, student, data, score or _accuracy)
        chosen, pilots = halving(run, chains, budget), run.pilots
    records, pairs = course.run(chosen, student, data)
    final = fit_head(records[-1].model, data)
    bridges = tuple(record.model for record in records[:-1])
    return PilotedFlow(final, chosen, bridges, pairs, tuple(records), tuple(pilots))


@dataclass(frozen=True)
class _Course:
    """How a chain is trained, for a pilot or in full."""

    teacher: Any
    schedule: Callable[[int], Schedule]
    builder: Callable[[float], nn.Module] | None
    seed: int | None

    def run(
        self, chain: tuple[float, ...], student: NeuralNetClassifier, data: TransferSet
    ) -> tuple[list[HopRecord], tuple[tuple[tuple[str, str], ...], ...]]:
        bridges = [(_name(factor), factor) for factor in chain]
        own = derive_seed(self.seed, "networks")
        settings: dict[str, Any] = {"schedule": self.schedule, "builder": self.builder, "seed": own}
        hops = flow_hops(self.teacher, student, data, bridges, **settings)
        records, _ = run_hops([self.teacher], [hop for hop, _ in hops], data, seed=self.seed)
        return records, tuple(pairs for _, pairs in hops)


class _Pilots:
    """Trains and scores chains, and keeps the record."""

    def __init__(self, course: _Course, student: NeuralNetClassifier, data: TransferSet, score: Score) -> None:
        self.course, self.student, self.score = course, student, score
        self.n_samples = data.n_samples
        self.pilots: list[Pilot] = []
        y = data.label_index()
        classes = len(np.unique(y))
        held = math.ceil(VALIDATION * data.n_samples)
        if min(held, data.n_samples - held) < classes or np.bincount(y).min() < 2:
            raise InvalidInputError(
                f"{data.n_samples} rows of {classes} classes came, too few to split validation rows off; take "
                "flow_through_auxiliary, or max_auxiliaries=0."
            )
        split = derive_seed(course.seed, "pilots", "validation")
        rows, other = train_test_split(np.arange(data.n_samples), test_size=held, stratify=y, random_state=split)
        self.train, self.held_out = data.take(rows), data.take(other)
        self.least = min(LEAST_ROWS * classes, len(rows))
        self.order = _stratified_order(self.train.label_index(), derive_seed(course.seed, "pilots", "rows"))

    def run(self, chain: tuple[float, ...], round: int, rows: int, epochs: int) -> Pilot:
        """Train a chain on the first rows of a fixed order and score it."""
        part = self.train.take(np.sort(self.order[:rows]))
        student = clone(self.student).set_params(max_epochs=epochs)
        started = time.perf_counter()
        try:
            records, _ = self.course.run(chain, student, part)
            score = float(self.score(fit_head(records[-1].model, part), part, self.held_out))
        except TrainingStoppedError:  # a chain that diverges loses, and the others go on
            score = -math.inf
        seconds = time.perf_counter() - started
        pilot = Pilot(chain, round, rows, epochs, self.passes([chain], rows, epochs), seconds, score)
        self.pilots.append(pilot)
        return pilot

    def passes(self, chains: Sequence[tuple[float, ...]], rows: int, epochs: int) -> float:
        return sum(_epochs(chain, epochs) for chain in chains) * rows / self.n_samples

    def affordable(self, chains: Sequence[tuple[float, ...]], share: float, budget: float) -> tuple[int, int]:
        """Rows and epochs of a round: the wanted share of the rows if that leaves one epoch, else fewer rows."""
        rows = max(self.least, round(share * len(self.order)))
        one_epoch = self.passes(chains, rows, 1)
        if one_epoch > budget:
            rows = max(self.least, int(rows * budget / one_epoch))
        return rows, max(1, min(self.student.max_epochs, int(budget / self.passes(chains, rows, 1))))


def _in_passes(run: _Pilots, chains: list[tuple[float, ...]], budget: float) -> tuple[float, ...]:
    rounds = _rounds(len(chains))
    least = rounds * run.passes(chains, run.least, 1)
    if budget < least:
        raise InvalidInputError(
            f"budget_passes={budget:g}: {len(chains)} chains need {least:.2g} passes at least; give more, or fewer "
            "factors or auxiliaries."
        )
    left = budget
    for number in range(1, rounds + 1):
        rows, epochs = run.affordable(chains, 0.5 ** (rounds - number), left / (rounds - number + 1))
        pilots = [run.run(chain, number, rows, epochs) for chain in chains]
        left -= sum(pilot.passes for pilot in pilots)
        chains = _better_half(pilots)
    return chains[0]


def _in_seconds(run: _Pilots, chains: list[tuple[float, ...]], budget: float) -> tuple[float, ...]:
    started, rounds = time.perf_counter(), _rounds(len(chains))
    longest = max(chains, key=lambda chain: (len(chain), chain))
    first = run.run(longest, 0, run.least, 1)
    a_pass = first.seconds / first.passes  # of the longest and widest: the others are done sooner
    for number in range(1, rounds + 1):
        left = budget - (time.perf_counter() - started)
        rows, epochs = run.affordable(chains, 0.5 ** (rounds - number), max(left, 0.0) / (rounds - number + 1) / a_pass)
        pilots = []
        for chain in chains:
            left = budget - (time.perf_counter() - started)
            if left < a_pass * run.passes([chain], rows, epochs):
                break
            pilots.append(run.run(chain, number, rows, epochs))
        if not pilots:
            return chains[0]
        a_pass = max(pilot.seconds / pilot.passes for pilot in pilots)
        chains = _better_half(pilots)
    return chains[0]


def _better_half(pilots: Sequence[Pilot]) -> list[tuple[float, ...]]:
    """The better half of a round's chains, the best first; of equal scores the shorter chain first."""
    ranked = sorted(pilots, key=lambda pilot: (-pilot.score, len(pilot.factors)))
    return [pilot.factors for pilot in ranked[: math.ceil(len(ranked) / 2)]]


def _rounds(n_chains: int) -> int:
    return math.ceil(math.log2(n_chains))


def _chains(factors: Sequence[float], most: int) -> list[tuple[float, ...]]:
    if not all(1 < factor < math.inf for factor in factors):
        raise InvalidInputError(f"factors={tuple(factors)}: expected widths above 1, such as (4.0, 2.0).")
    if most < 0:
        raise InvalidInputError(f"max_auxiliaries={most}: expected 0 or more.")
    widths = sorted({float(factor) for factor in factors}, reverse=True)
    return [chain for length in range(min(most, len(widths)) + 1) for chain in combinations(widths, length)]


def _budget(passes: float | None, seconds: float | None, chains: list[tuple[float, ...]], student: Any) -> float:
    if passes is not None and seconds is not None:
        raise InvalidInputError("budget_passes and budget_seconds both came; give one of them.")
    if seconds is not None or passes is not None:
        name, given = ("budget_passes", passes) if seconds is None else ("budget_seconds", seconds)
        if given is None or not 0 < given < math.inf:
            raise InvalidInputError(f"{name}={given}: expected a positive number.")
        return given
    return float(max(_epochs(chain, getattr(student, "max_epochs", 1)) for chain in chains))


def _epochs(chain: tuple[float, ...], epochs: int) -> int:
    """Epochs of all hops: an auxiliary learns the labels first."""
    return (2 * len(chain) + 1) * epochs


def _stratified_order(y: np.ndarray[Any, Any], seed: int | None) -> np.ndarray[Any, Any]:
    """All rows in an order whose every beginning has the classes about as all rows have them."""
    shuffled = np.random.default_rng(seed).permutation(len(y))
    place = np.empty(len(y))
    for label in np.unique(y):
        mine = shuffled[y[shuffled] == label]
        place[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    return shuffled[np.argsort(place[shuffled], kind="stable")]


def _accuracy(student: NeuralNetClassifier, train: TransferSet, held_out: TransferSet) -> float:
    return float(np.mean(student.predict(held_out.X) == held_out.label_index()))


def _critical_period(epochs: int) -> Schedule:
    return Relative(CriticalPeriod.over(epochs))


def _name(factor: float) -> str:
    return f"auxiliary {factor:g}x"


def _named(chain: tuple[float, ...]) -> str:
    return ", ".join(_name(factor) for factor in chain) or "no auxiliary"
