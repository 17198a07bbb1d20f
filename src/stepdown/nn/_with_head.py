"""Methods that leave the classifying head untaught, made complete for a chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepdown.core import Teacher, Trainer, TransferMethod, TransferSet

from ._combined import Staged, WeightedSum
from ._engine import reads_outputs
from ._head import fit_head
from ._method import LayerMethod, LossMethod


class WithHead(TransferMethod):
    """A method between networks, and then the student's classifying head fitted to the labels.

    Methods that read layers only leave the head as it was initialised. `fit_head` fits it, with the layers below as the
    method has left them. A chain puts such methods in here by itself.

    Parameters
    ----------
    method : LossMethod
    C : float
        As in `fit_head`.

    Examples
    --------
    >>> from stepdown.nn import InformationFlow
    >>> WithHead(InformationFlow())
    WithHead(method=InformationFlow())
    """

    def __init__(self, method: LossMethod, C: float = 1.0) -> None:
        self.method = method
        self.C = C

    def check_student(self, student: Any, data: TransferSet) -> None:
        self.method.check_student(student, data)

    def check_teachers(self, teachers: Sequence[Any], data: TransferSet) -> None:
        self.method.check_teachers(teachers, data)

    def asks(self, teachers: Sequence[Teacher]) -> Sequence[Teacher]:
        return self.method.asks(teachers)

    def transfer(
        self,
        teachers: Sequence[Teacher | Any],
        student: Any,
        data: TransferSet,
        *,
        trainer: Trainer | None = None,
        seed: int | None = None,
    ) -> Any:
        taught = self.method.transfer(teachers, student, data, trainer=trainer, seed=seed)
        return fit_head(taught, data, C=self.C)


def completed(method: LossMethod) -> TransferMethod:
    """The method, with the head fitted behind it if no part of it reads what the networks return."""
    return method if reads_outputs(method) else WithHead(method)


def between_twins(method: Any) -> Any:
    """The method for a teacher that is built like the student, with the same names of layers.

    Pairs that a user has named for another teacher become pairs of the student's layer with itself.
    """
    if isinstance(method, WithHead):
        return WithHead(between_twins(method.method), method.C)
    if isinstance(method, WeightedSum | Staged):
        return type(method)([(share, between_twins(part)) for share, part in method.methods])
    if isinstance(method, LayerMethod) and not method.wants_pairs():
        pairs = tuple((mine, mine) for mine in method.layers()[1])
        return type(method)(**{**method.get_params(deep=False), "pairs": pairs})
    return method
