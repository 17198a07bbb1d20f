"""What a search may spend, and what a way costs in fits before it is gone.

A fit is a model made: a hop's, a fold's, one of those behind an out-of-fold signal, one that a method makes for its own
ends. What a trainer does to fit one student counts as one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from stepdown.core import InvalidInputError, Teacher, TransferMethod

from ._task import Task, Way


def check_limits(search: Any, max_fits: float | None, max_seconds: float | None) -> None:
    """Refuse a budget that isn't positive."""
    if any(limit is not None and not limit > 0 for limit in (max_fits, max_seconds)):
        raise InvalidInputError(f"{search!r}: a budget must be positive; None means no limit.")


class Budget:
    """Fits and seconds; nothing begins that they don't allow.

    Examples
    --------
    >>> budget = Budget(10, None)
    >>> budget.take(8), budget.take(3)
    (True, False)
    >>> budget.give_back(5)
    >>> budget.take(3), budget.spent
    (True, 6)
    """

    def __init__(self, fits: int | None = None, seconds: float | None = None) -> None:
        self._fits = float("inf") if fits is None else float(fits)
        self._deadline = float("inf") if seconds is None else time.monotonic() + seconds
        self.spent = 0

    @property
    def is_late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self._deadline

    def take(self, fits: int) -> bool:
        """Reserve fits, at most as many as will be needed; False, and nothing taken, where that isn't allowed."""
        if self.is_late or self.spent + fits > self._fits:
            return False
        self.spent += fits
        return True

    def give_back(self, fits: int) -> None:
        """Return what was reserved and not needed."""
        self.spent -= fits


class Ledger:
    """What has been made and asked for, so that nothing is paid for twice.

    It doesn't look at what the teachers remember when it says what something will cost: a search that goes on from
    what is on disk must decide as one that was never interrupted.
    """

    def __init__(self, problem: Task) -> None:
        self._problem = problem
        self._made: set[Any] = set()
        self._paid: set[Any] = set()
        self._free: set[Any] = {(True,)} if problem.teacher.is_frozen else set()

    def new_hops(self, way: Way) -> list[tuple[int, int]]:
        """Place, from 1, and fits of each hop before the student's that hasn't been run."""
        return [(place, cost) for place, cost in _hops(way) if way.route[: place + 1] not in self._made]

    def most(self, way: Way, *, own_signal: bool) -> int:
        """The most fits that a way's hops and signals need yet, without the student's."""
        fits = sum(cost for _, cost in self.new_hops(way))
        if not own_signal:
            fits += way.method.extra_fits(len(_earlier(way, len(way.before))))
        questions = self._questions(way, own_signal)
        return fits + sum(folds * _refit(way, place) for place, _, folds in questions)

    def settle(self, way: Way, teachers: Sequence[Teacher], *, own_signal: bool) -> tuple[int, list[Any]]:
        """What the way's hops and signals did cost, as the teachers now remember it."""
        fits = sum(cost for _, cost in self.new_hops(way))
        if not own_signal:
            fits += way.method.extra_fits(len(_earlier(way, len(way.before))))
        entries = []
        for place, key, folds in self._questions(way, own_signal):
            signal = teachers[place - (not way.uses_teacher)].recall(key, self._problem.data)
            if signal is not None:
                is_made = signal.source == "out-of-fold"
                fits += folds * _refit(way, place) if is_made else 0
                entries.append((place, key, is_made))
        return fits, entries

    def enter(self, way: Way, entries: Sequence[Any]) -> None:
        """Write down that a way has been run, and what its teachers were asked."""
        self._made |= {way.route[: place + 1] for place, _ in _hops(way)}
        for place, key, is_made in entries:
            route = way.route[: place + 1]
            if is_made:
                self._paid.add((route, key))
            else:  # what answers once without being made again will always do so
                self._free.add(route)

    def _questions(self, way: Way, own_signal: bool) -> list[tuple[int, str, int]]:
        """(place of the model, name of the signal, folds) for all that is asked on the way and isn't paid for yet."""
        methods: list[TransferMethod] = [hop.method for hop in way.before]
        if not own_signal:
            methods.append(way.method)
        found: dict[tuple[int, str], int] = {}
        for number, method in enumerate(methods):
            earlier = _earlier(way, number)
            asked = {id(teacher) for teacher in method.asks([teacher for _, teacher in earlier])} if earlier else set()
            for place, teacher in earlier:
                if id(teacher) in asked:
                    found |= {(place, key): folds for key, folds in _signals_of(method).items()}
        if own_signal:
            found[(len(way.before), f"out-of-fold:{self._problem.cv}")] = self._problem.cv
        return [
            (place, key, folds)
            for (place, key), folds in found.items()
            if way.route[: place + 1] not in self._free and (way.route[: place + 1], key) not in self._paid
        ]


def _hops(way: Way) -> list[tuple[int, int]]:
    """Place, from 1, and fits of each hop before the student's."""
    return [
        (place, 1 + hop.method.extra_fits(len(_earlier(way, place - 1))))
        for place, hop in enumerate(way.before, start=1)
    ]


def _earlier(way: Way, number: int) -> list[tuple[int, Teacher]]:
    """Places of the models that stand before hop `number`, from 0, and empty teachers in their stead."""
    names = ["teacher", *(hop.name for hop in way.before)]
    return [(place, Teacher(None, name=names[place])) for place in range(not way.uses_teacher, number + 1)]


def _refit(way: Way, place: int) -> int:
    """Fits that making a model again on a part of its rows takes."""
    return dict(_hops(way)).get(place, 1)


def _signals_of(method: TransferMethod) -> dict[str, int]:
    """Names and folds of the signals that a method asks for, as far as its parameters tell."""
    params = method.get_params(deep=True)
    found: dict[str, int] = {}
    for name, value in params.items():
        owner = name.removesuffix("cv")
        if name == f"{owner}cv" and (not owner or owner.endswith("__")) and isinstance(value, int):
            if params.get(f"{owner}signals") in ("in-sample", "live"):
                continue
            found[f"out-of-fold:{value}"] = value
            if f"{owner}n_grades" in params:
                found[f"out-of-fold:{value}:graded by {params[f'{owner}n_grades']}"] = value
    return found
