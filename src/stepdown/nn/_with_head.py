"""Methods that leave the classifying head untaught, made complete for a chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from stepdown.core import Lesson, Supervision, Teacher, TransferMethod, TransferSet

from ._head import fit_head
from ._method import LayerMethod, LossMethod


class WithHead(TransferMethod):
    """A method between networks, and then the student's classifying head fitted to the labels if it is untaught.

    Methods that read layers only leave the head as it was initialised. `fit_head` fits it, with the layers below as the
    method has left them. A chain puts such methods in here by itself.

    Parameters
    ----------
    method : TransferMethod
        A `LossMethod`, or several in `stepdown.methods.Mixture` or `Dense`.
    C : float
        As in `fit_head`.

    Examples
    --------
    >>> from stepdown.nn import InformationFlow
    >>> WithHead(InformationFlow())
    WithHead(method=InformationFlow())
    """

    def __init__(self, method: TransferMethod, C: float = 1.0) -> None:
        self.method = method
        self.C = C

    def check_student(self, student: Any, data: TransferSet) -> None:
        self.method.check_student(student, data)

    def check_teachers(self, teachers: Sequence[Any], data: TransferSet) -> None:
        self.method.check_teachers(teachers, data)

    def asks(self, teachers: Sequence[Teacher]) -> Sequence[Teacher]:
        return self.method.asks(teachers)

    def supervise(
        self, teachers: Sequence[Teacher], student: Any, data: TransferSet, *, seed: int | None = None
    ) -> Supervision:
        lesson = self.method.supervise(teachers, student, data, seed=seed)
        if not isinstance(lesson, Lesson) or lesson.loss.reads_outputs():
            return lesson
        return replace(lesson, finish=partial(fit_head, C=self.C))


def completed(method: TransferMethod) -> TransferMethod:
    """The method, with the head fitted behind it unless it is known to teach the head."""
    return method if isinstance(method, LossMethod) and method.reads_outputs() else WithHead(method)


def _parts(method: Any) -> Any:
    return method.parts() if isinstance(method, LossMethod) else method.methods


def between_twins(method: Any) -> Any:
    """The method for a teacher that is built like the student, with the same names of layers.

    Pairs that a user has named for another teacher become pairs of the student's layer with itself.
    """
    params = method.get_params(deep=False)
    if "methods" in params:
        return type(method)(**{**params, "methods": [(share, between_twins(part)) for share, part in _parts(method)]})
    if "method" in params:
        return type(method)(**{**params, "method": between_twins(params["method"])})
    if isinstance(method, LayerMethod) and not method.wants_pairs():
        return type(method)(**{**params, "pairs": tuple((mine, mine) for mine in method.layers()[1])})
    return method
