"""What methods ask of their teachers, students and parameters, and refuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stepdown.core import InvalidInputError, NotSupportedError, Teacher, TransferMethod, TransferSet
from stepdown.learners import can_teach, learned_property, limits_in_rows, predictions, signal_key, soft_fit_support


def nearest(method: TransferMethod, teachers: Sequence[Teacher]) -> Teacher:
    """The last teacher, which stands next to the student."""
    if not teachers:
        raise InvalidInputError(
            f"{type(method).__name__} needs a teacher and got none; NoTransfer() learns from labels."
        )
    return teachers[-1]


def require_classification(method: TransferMethod, data: TransferSet) -> None:
    """Refuse real targets where a method reads confidences in a true class."""
    if not data.is_classification:
        raise NotSupportedError(
            f"{type(method).__name__} weighs rows by the confidence in their class, so it needs a classification task; "
            "got real targets. Use KD or ModelCompression for regression."
        )


def require_probabilities(method: TransferMethod, teacher: Teacher, data: TransferSet) -> None:
    """Refuse a teacher that gives answers only, by asking it about one row, before anything long starts."""
    one = data.take(np.arange(1))
    if predictions(teacher.model, one.X, data.classes)[1]:
        require_confidence(method, teacher.model, teacher.name)


def require_confidence(method: TransferMethod, teacher: Any, name: str = "the teacher") -> None:
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


def require_soft_targets(method: TransferMethod, student: Any, data: TransferSet) -> None:
    """Refuse a student that can't learn from soft targets."""
    support = soft_fit_support(student)
    if data.is_classification and support.kind == "refused":
        raise NotSupportedError(f"{type(method).__name__} hands over soft targets: {support.how}.")


def require_taught_loss(method: TransferMethod, teacher: Any, student: Any) -> None:
    """Refuse a student whose loss asks for another property of the targets than the teacher's answers are."""
    if not can_teach(teacher, student):
        wanted, given = learned_property(student), learned_property(teacher) or "mean"
        raise NotSupportedError(
            f"{type(method).__name__}: {type(student).__name__} learns the {wanted} of its targets, and the teacher "
            f"({type(teacher).__name__}) answers with the {given}. Take a teacher of the student's loss, or "
            "NoTransfer(), which learns from the labels."
        )


def check_share(method: TransferMethod, name: str, value: float) -> None:
    """Refuse a share outside [0, 1]."""
    if not 0 <= value <= 1:
        raise InvalidInputError(f"{type(method).__name__}({name}={value!r}): expected a number in [0, 1].")


def check_synthesiser(method: Any, student: Any, data: TransferSet) -> None:
    """Refuse made-up rows where none can be made, or where limits of the student would count them."""
    maker = method.synthesiser
    if maker is None:
        return
    name = type(method).__name__
    if not maker.takes(data.X):
        raise InvalidInputError(
            f"{name}(synthesiser={maker!r}) can't make rows of these: it needs dense ones without missing values. Fill"
            " them in first, or take Resample() for missing values."
        )
    limits = limits_in_rows(student, set_only=True)
    if limits:
        raise NotSupportedError(
            f"{name}(synthesiser={maker!r}): {limits[0]} of the student would count made-up rows like the given ones. "
            "Leave one of them out."
        )
