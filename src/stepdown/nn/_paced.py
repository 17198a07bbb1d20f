"""How fast a method is learned: learning rates of its own, and an optimiser that begins anew."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from stepdown.core import InvalidInputError

from ._combined import Combined
from ._method import LossMethod, Outputs, Pace, Pairs

RISE = 0.1
"""The part of a falling course in which the rate rises first: Adam's first steps are its longest."""


class Paced(Combined):
    """A method with a learning rate of its own, in one training with others by `Staged`.

    The net's own ``lr`` is multiplied; its optimiser, schedulers and other callbacks begin anew with each stage.

    Parameters
    ----------
    method : LossMethod
        What is learned.
    rate : float
        Factor of the net's learning rate, positive.
    falling : int, optional
        In how many epochs the rate, after a rise in the first tenth, falls to 0 along half a cosine, step by step. The
        net then has no scheduler of its own.
    renewed : bool
        Whether the optimiser forgets its state in each epoch, as in the published code of information-flow
        distillation, which makes a new Adam an epoch.

    Raises
    ------
    InvalidInputError
        When it is used, for a rate that isn't positive or fewer than one epoch.

    Examples
    --------
    >>> from stepdown.nn import KD, PKT, Staged
    >>> method = Staged([(30, Paced(PKT(), renewed=True)), (10, Paced(PKT(), rate=0.1, renewed=True))])
    >>> method.pace(29.5), method.pace(30.0)
    (Pace(rate=1.0, renewed=True, changing=False), Pace(rate=0.1, renewed=True, changing=False))
    >>> [round(Paced(KD(), falling=10).pace(epoch).rate, 2) for epoch in (0.5, 1.0, 5.5, 9.5)]
    [0.5, 1.0, 0.5, 0.01]
    """

    def __init__(
        self, method: LossMethod, rate: float = 1.0, falling: int | None = None, renewed: bool = False
    ) -> None:
        self.method = method
        self.rate = rate
        self.falling = falling
        self.renewed = renewed

    def parts(self) -> Sequence[tuple[Any, LossMethod]]:
        return [(1.0, self.method)]

    def with_pairs(self, pairs: Pairs) -> LossMethod:
        return type(self)(self.method.with_pairs(pairs), self.rate, self.falling, self.renewed)

    def terms(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> dict[str, Tensor]:
        return self.method.terms(student.within("0"), teacher, target, epoch=epoch)

    def pace(self, epoch: float) -> Pace:
        if self.rate <= 0 or (self.falling is not None and self.falling < 1):
            raise InvalidInputError(
                f"rate={self.rate}, falling={self.falling}: expected a positive rate, and at least one epoch or None."
            )
        if self.falling is None:
            return Pace(self.rate, self.renewed)
        done = min(epoch / self.falling, 1.0)
        share = done / RISE if done < RISE else (1 + math.cos(math.pi * (done - RISE) / (1 - RISE))) / 2
        return Pace(self.rate * share, self.renewed, changing=True)
