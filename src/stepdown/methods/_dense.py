"""Dense guidance: taught by all earlier models at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepdown.core import InvalidInputError, Supervision, Teacher, TransferMethod, TransferSet

from ._mixing import mix_supervision


class Dense(TransferMethod):
    """The supervision of a method, averaged over all earlier models as its teacher.

    In a chain teacher -> bridge -> student, ``Dense(KD())`` teaches the student by the average of the teacher and the
    bridge, where ``KD()`` asks the bridge alone. The paper sums the teachers' losses; an average keeps the labels'
    share what the method says, whatever the length of the chain. With one earlier model it is the method itself.

    Parameters
    ----------
    method : TransferMethod

    References
    ----------
    W. Son, J. Na, J. Choi and W. Hwang, "Densely guided knowledge distillation using multiple teacher assistants",
    ICCV 2021. The loss itself: `functional.dgkd_loss`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown.core import TransferSet
    >>> from stepdown.methods import KD
    >>> data = TransferSet.for_classification(*load_iris(return_X_y=True))
    >>> forests = [RandomForestClassifier(n, random_state=0).fit(data.X, data.y) for n in (40, 20)]
    >>> Dense(KD()).transfer(forests, DecisionTreeClassifier(max_depth=2), data, seed=0).get_depth()
    2
    """

    def __init__(self, method: TransferMethod) -> None:
        self.method = method

    def check_student(self, student: Any, data: TransferSet) -> None:
        if not isinstance(self.method, TransferMethod):
            raise InvalidInputError(f"Dense(method={self.method!r}): expected a method such as KD().")
        self.method.check_student(student, data)

    def check_teachers(self, teachers: Sequence[Any], data: TransferSet) -> None:
        for teacher in teachers:
            self.method.check_teachers([teacher], data)

    def asks(self, teachers: Sequence[Teacher]) -> Sequence[Teacher]:
        return teachers

    def supervise(
        self, teachers: Sequence[Teacher], student: Any, data: TransferSet, *, seed: int | None = None
    ) -> Supervision:
        self.check_student(student, data)
        if len(teachers) < 2:
            return self.method.supervise(teachers, student, data, seed=seed)
        sets = [self.method.supervise([teacher], student, data, seed=seed) for teacher in teachers]
        return mix_supervision(sets, [1.0] * len(sets), data)
