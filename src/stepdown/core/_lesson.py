"""What a method tells a student: rows to learn, or a loss that is computed while it trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import NotSupportedError
from ._transfer_set import TransferSet


@dataclass(frozen=True, slots=True)
class Lesson:
    """A loss of what teacher and student make of each batch, computed while the student trains.

    Parameters
    ----------
    data : TransferSet
        The rows that the student sees.
    loss : object
        Between networks a `stepdown.nn.LossMethod`.
    teacher : object
        The fitted model whose answers the loss reads.
    finish : callable, optional
        ``finish(student, data)`` returns the student that ships, made of the one that has trained.
    """

    data: TransferSet
    loss: Any
    teacher: Any
    finish: Callable[[Any, TransferSet], Any] | None = None

    @property
    def n_samples(self) -> int:
        return self.data.n_samples

    def take(self, rows: NDArray[np.intp]) -> Lesson:
        """The lesson on some rows (indices)."""
        return replace(self, data=self.data.take(rows))


Supervision = TransferSet | Lesson


def rows_of(supervision: Supervision) -> TransferSet:
    """The transfer set, for those who can use nothing else."""
    if isinstance(supervision, Lesson):
        raise NotSupportedError(
            f"{supervision.loss} gives a loss that is computed while a network trains; expected targets or weights of "
            "rows, as KD() gives them. Leave the trainer out, or pass stepdown.nn.NetworkFit()."
        )
    return supervision
