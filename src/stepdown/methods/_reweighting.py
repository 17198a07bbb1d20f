"""What the methods share that weigh rows and leave the targets alone."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.core import NotSupportedError, Signal, SignalWarning, Teacher, TransferMethod, TransferSet, count_fits
from stepdown.learners import fit_to, peel, supports_weight, training_signal

from ._base import require_classification
from ._weights import conf_weights, normalise_weights, select_grades

Floats = NDArray[np.float64]


def require_weights(method: TransferMethod, student: Any, data: TransferSet) -> None:
    """Refuse a regression task, and a student that takes no weights."""
    require_classification(method, data)
    if not supports_weight(student):
        raise NotSupportedError(
            f"{type(method).__name__} works through sample_weight, which {type(peel(student).learner).__name__} "
            "doesn't take; use a method that changes targets (KD, ModelCompression) or another student."
        )


def reweighted(data: TransferSet, weights: Floats) -> TransferSet:
    """The data with a method's weights times their own, at the same total weight."""
    own = data.weights()
    combined = normalise_weights(weights, data.labels()) * own
    if combined.any():
        combined *= own.sum() / combined.sum()
    else:
        combined = own  # only rows that the caller has ruled out would be left
    return data.replace(sample_weight=combined)


def student_signal(student: Any, data: TransferSet, *, signals: str, cv: int, seed: int | None) -> Signal:
    """What the student, fitted plainly, says about the training rows.

    It is asked the way a teacher is, because an over-fitted student is as sure of its own rows as a forest.
    """

    def refit(part: TransferSet, rows: NDArray[np.intp]) -> Any:
        count_fits()
        return fit_to(student, part, seed=seed)

    alone = Teacher(refit(data, np.arange(data.n_samples)), refit, "the student")
    return training_signal(alone, data, signals=signals, cv=cv, seed=seed)


def error_rate(signal: Signal, data: TransferSet) -> float:
    """Weighted share of rows whose most probable class is not their label."""
    wrong = np.argmax(signal.values, axis=1) != data.label_index()
    return float(np.average(wrong, weights=data.weights()))


def profile_of(signals: Sequence[Signal], data: TransferSet) -> tuple[Floats, Floats]:
    """Confidence in the true class by grade, shape (n_samples, n_grades), and the grades' error rates."""
    index = data.label_index()
    profile = np.column_stack([conf_weights(signal.values, index) for signal in signals])
    return profile, np.array([error_rate(signal, data) for signal in signals])


def grades_or_last(method: TransferMethod, errors: Floats, simple_error: float, margin: float) -> NDArray[np.intp]:
    """Positions of the grades that beat the student by the margin; the last, with a warning, where none does."""
    selected = select_grades(errors, simple_error, margin)
    if len(selected):
        return selected
    warnings.warn(
        f"{type(method).__name__}: no grade of the teacher is better than the student by the margin {margin:g} (errors "
        f"{np.round(errors, 4).tolist()}, the student's {simple_error:.4g}); the full teacher is used.",
        SignalWarning,
        stacklevel=3,
    )
    return np.array([len(errors) - 1])
