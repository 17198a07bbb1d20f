"""One lesson of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.base import BaseEstimator

from stepdown.core import Lesson, NotSupportedError, Supervision, TransferSet

from ._combined import WeightedSum
from ._dense import Dense, Teachers
from ._kd import KD
from ._method import LossMethod
from ._nets import network_of
from ._networks import FrozenNetwork


def mixed(parts: Sequence[Supervision], shares: Sequence[float], data: TransferSet) -> Lesson:
    """The lesson whose loss is the weighted mean of the parts' losses; `data` among them are the labels' part."""
    lessons = [part for part in parts if isinstance(part, Lesson)]
    if any(part is not data for part in parts if isinstance(part, TransferSet)):
        raise NotSupportedError(
            f"{lessons[0].loss} gives a loss that is computed while the student trains; it can be mixed with others "
            "such and with NoTransfer(), got targets or weights of rows. Use KD(signals='live') for soft targets."
        )
    finish = next((lesson.finish for lesson in lessons if lesson.finish is not None), None)
    losses = [(share / sum(shares), _loss(part)) for part, share in zip(parts, shares, strict=True)]
    if len({id(lesson.teacher) for lesson in lessons}) == 1:
        return Lesson(data, WeightedSum(losses), lessons[0].teacher, finish)
    if len(lessons) < len(parts) or not all(_alike(loss, losses[0]) for loss in losses):
        raise NotSupportedError(
            "one loss between networks can be taught by several teachers, as Dense does; got different losses."
        )
    teachers = Teachers(*(network_of(lesson.teacher) for lesson in lessons))
    return Lesson(data, Dense(losses[0][1]), FrozenNetwork(teachers), finish)


def _alike(one: Any, two: Any) -> bool:
    """Whether shares, losses and their parameters are the same, whatever their text says."""
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        return len(one) == len(two) and all(map(_alike, one, two))
    if isinstance(one, BaseEstimator) and type(one) is type(two):
        return _alike(list(one.get_params(deep=False).values()), list(two.get_params(deep=False).values()))
    return bool(one is two or one == two)


def _loss(part: Supervision) -> LossMethod:
    loss: LossMethod = part.loss if isinstance(part, Lesson) else KD(weight=0.0)
    return loss
