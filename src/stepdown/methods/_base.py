"""Methods that say what a student learns from, and leave the fitting to a trainer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, final

import numpy as np

from stepdown.core import (
    InvalidInputError,
    NotSupportedError,
    Teacher,
    Trainer,
    TransferMethod,
    TransferSet,
    as_teacher,
)
from stepdown.learners import predictions, signal_key, soft_fit_support
from stepdown.trainers import PlainFit


class SupervisionMethod(TransferMethod, ABC):
    """A method whose whole effect is another transfer set: new targets, new weights or further rows.

    Subclasses write `supervise`. Every such method works with every trainer, can be mixed with others (`Mixture`) and
    can be taught by all earlier models at once (`Dense`).
    """

    @abstractmethod
    def supervise(
        self, teachers: Sequence[Teacher], student: Any, data: TransferSet, *, seed: int | None = None
    ) -> TransferSet:
        """Return what the student is to learn from.

        Parameters
        ----------
        teachers : sequence of Teacher
            All earlier models of the chain, the complex one first.
        student : estimator
            Who will learn from it; not touched.
        data : TransferSet
            The rows of the hop.
        seed : int, optional

        Returns
        -------
        TransferSet
            Row *i* of `data` is its row *i*; rows that the method adds stand behind.
        """

    @final
    def transfer(
        self,
        teachers: Sequence[Teacher | Any],
        student: Any,
        data: TransferSet,
        *,
        trainer: Trainer | None = None,
        seed: int | None = None,
    ) -> Any:
        supervised = self.supervise([as_teacher(teacher) for teacher in teachers], student, data, seed=seed)
        return (PlainFit() if trainer is None else trainer).fit(student, supervised, seed=seed)


def nearest(method: SupervisionMethod, teachers: Sequence[Teacher]) -> Teacher:
    """The last teacher, which stands next to the student."""
    if not teachers:
        raise InvalidInputError(
            f"{type(method).__name__} needs a teacher and got none; NoTransfer() learns from labels."
        )
    return teachers[-1]


def require_classification(method: SupervisionMethod, data: TransferSet) -> None:
    """Refuse real targets where a method reads confidences in a true class."""
    if not data.is_classification:
        raise NotSupportedError(
            f"{type(method).__name__} weighs rows by the confidence in their class, so it needs a classification task; "
            "got real targets. Use KD or ModelCompression for regression."
        )


def require_probabilities(method: SupervisionMethod, teacher: Teacher, data: TransferSet) -> None:
    """Refuse a teacher that gives answers only, by asking it about one row, before anything long starts."""
    one = data.take(np.arange(1))
    if predictions(teacher.model, one.X, data.classes)[1]:
        require_confidence(method, teacher.model, teacher.name)


def require_confidence(method: SupervisionMethod, teacher: Any, name: str = "the teacher") -> None:
    """Refuse a teacher, fitted or not, that has no `predict_proba`."""
    if not hasattr(teacher, "predict_proba"):
        raise NotSupportedError(
            f"{type(method).__name__} needs the teacher's confidence, but {name} ({type(teacher).__name__}) has no "
            "predict_proba. Use KD, which learns from answers as well, or calibrate the teacher with "
            "CalibratedClassifierCV."
        )


def check_signals(method: Any) -> None:
    """Refuse what `training_signal` would refuse of a method's `signals` and `cv`."""
    try:
        signal_key(method.signals, method.cv)
    except InvalidInputError as error:
        raise InvalidInputError(f"{type(method).__name__}: {error}") from error


def require_soft_targets(method: SupervisionMethod, student: Any, data: TransferSet) -> None:
    """Refuse a student that can't learn from soft targets."""
    support = soft_fit_support(student)
    if data.is_classification and support.kind == "refused":
        raise NotSupportedError(f"{type(method).__name__} hands over soft targets: {support.how}.")


def check_share(method: SupervisionMethod, name: str, value: float) -> None:
    """Refuse a share outside [0, 1]."""
    if not 0 <= value <= 1:
        raise InvalidInputError(f"{type(method).__name__}({name}={value!r}): expected a number in [0, 1].")
