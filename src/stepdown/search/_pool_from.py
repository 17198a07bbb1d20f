"""The last hop under a label budget: its answers, and a pool that the bridge has labelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stepdown.core import InvalidInputError, Teacher, TransferMethod, TransferSet, rows_of
from stepdown.learners import predictions
from stepdown.methods import stack_rows


class PoolFrom(TransferMethod):
    """The nearest teacher labels the unlabelled rows; about the training rows `method` speaks with those before it."""

    def __init__(self, method: TransferMethod) -> None:
        self.method = method

    def supervise(
        self, teachers: Sequence[Teacher], student: Any, data: TransferSet, *, seed: int | None = None
    ) -> TransferSet:
        if not teachers:
            raise InvalidInputError("PoolFrom needs a model that labels the pool and got none.")
        told = rows_of(self.method.supervise(teachers[:-1], student, data, seed=seed))
        if data.X_unlabeled is None:
            return told
        answers = predictions(teachers[-1].model, data.X_unlabeled, data.classes)[0]
        weight = data.sample_weight
        if weight is not None:
            weight = np.concatenate([told.weights(), np.full(len(answers), told.weights().mean())])
        return told.replace(
            X=stack_rows([told.X, data.X_unlabeled]),
            y=np.concatenate([told.soft_targets(), answers]),
            sample_weight=weight,
            groups=None,
            folds=None,
            made=None if told.made is None else np.append(told.made, np.zeros(len(answers), dtype=bool)),
        )

    def check_student(self, student: Any, data: TransferSet) -> None:
        self.method.check_student(student, data)

    def check_teachers(self, teachers: Sequence[Any], data: TransferSet) -> None:
        self.method.check_teachers(teachers[:-1], data)

    def asks(self, teachers: Sequence[Teacher]) -> Sequence[Teacher]:
        return [*self.method.asks(teachers[:-1]), teachers[-1]]
