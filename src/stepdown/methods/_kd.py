"""Knowledge distillation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stepdown.core import InvalidInputError, NotSupportedError, Supervision, Teacher, TransferMethod, TransferSet
from stepdown.learners import in_range_of_loss, live_kd, peel, training_signal

from ._base import check_share, check_signals, nearest, require_soft_targets, require_taught_loss
from ._targets import soften


class KD(TransferMethod):
    """The labels are mixed with the teacher's softened probabilities.

    Targets are ``(1 - weight) * labels + weight * softmax(log(p) / temperature)``, in regression
    ``(1 - weight) * y + weight * prediction``. The cross-entropy to a mixture is the mixture of the cross-entropies,
    so for a student that minimises it this is the loss of the paper up to a factor of the soft part, which `weight`
    holds. The student itself stays at temperature 1.

    Parameters
    ----------
    temperature : float, default=1.0
        Positive; classification with probabilities only. Answers of a teacher without probabilities are used as they
        are.
    weight : float, default=0.5
        Share of the teacher, in [0, 1]. With 0 the data are handed on as they are and the teacher isn't asked.
    signals : {"out-of-fold", "in-sample", "live"}
        Where the teacher's answers on the training rows come from: from models that haven't seen the row, or from
        the teacher as it stands. "live", between two networks: from the teacher as it stands, run on every batch, and
        the loss is that of the paper, with both sides softened (`stepdown.nn.KD`).
    cv : int, default=5
        Folds of the former where there is no out-of-bag estimate.

    References
    ----------
    G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural network", NeurIPS deep learning
    workshop, 2015, section 2. The loss itself: `functional.kd_loss`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown.core import TransferSet
    >>> data = TransferSet.for_classification(*load_iris(return_X_y=True))
    >>> forest = RandomForestClassifier(20, random_state=0).fit(data.X, data.y)
    >>> KD().transfer([forest], DecisionTreeClassifier(max_depth=2), data, seed=0).get_depth()
    2
    """

    def __init__(
        self, temperature: float = 1.0, weight: float = 0.5, *, signals: str = "out-of-fold", cv: int = 5
    ) -> None:
        self.temperature = temperature
        self.weight = weight
        self.signals = signals
        self.cv = cv

    def check_student(self, student: Any, data: TransferSet) -> None:
        check_share(self, "weight", self.weight)
        if not 0 < self.temperature < np.inf:
            raise InvalidInputError(f"KD(temperature={self.temperature!r}): expected a positive finite number.")
        if self.signals == "live":
            self._live(student).check_student(student, data)
            return
        check_signals(self)
        if self.weight > 0:
            require_soft_targets(self, student, data)

    def check_teachers(self, teachers: Sequence[Any], data: TransferSet) -> None:
        if self.signals == "live":
            live_kd(self.temperature, self.weight).check_teachers(teachers, data)

    def supervise(
        self, teachers: Sequence[Teacher], student: Any, data: TransferSet, *, seed: int | None = None
    ) -> Supervision:
        self.check_student(student, data)
        if self.signals == "live":
            return self._live(student).supervise(teachers, student, data, seed=seed)
        teacher = nearest(self, teachers)
        if self.weight == 0:
            return data
        if not data.is_classification:
            require_taught_loss(self, teacher.model, student)
        signal = training_signal(teacher, data, signals=self.signals, cv=self.cv, seed=seed)
        answers = signal.values
        if not data.is_classification:
            answers = in_range_of_loss(student, answers, data.y)
            return data.replace(y=_mix(np.asarray(data.y, dtype=np.float64), answers, self.weight))
        if not signal.hard:
            answers = soften(answers, self.temperature)
        return data.replace(y=_mix(data.soft_targets(), answers, self.weight))

    def _live(self, student: Any) -> TransferMethod:
        if not peel(student).is_network:
            raise NotSupportedError(
                f"KD(signals='live') is computed while a network trains; the student must be a skorch net, got "
                f"{type(student).__name__}. Use KD(signals='out-of-fold')."
            )
        return live_kd(self.temperature, self.weight)


def _mix(labels: np.ndarray[Any, Any], answers: np.ndarray[Any, Any], weight: float) -> np.ndarray[Any, Any]:
    # Rounding must not lead out of what was said.
    mixed = (1.0 - weight) * labels + weight * answers
    return np.clip(mixed, np.minimum(labels, answers), np.maximum(labels, answers))
