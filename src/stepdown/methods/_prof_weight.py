"""Rows weighed by their confidence profile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.core import Teacher, TransferMethod, TransferSet, derive_seed
from stepdown.learners import graded_signals

from ._base import check_signals, nearest, require_confidence, require_probabilities
from ._profile import AreaUnderProfile, ProfileWeights
from ._reweighting import error_rate, grades_or_last, profile_of, require_weights, reweighted, student_signal
from ._weights import check_margin, conf_weights


class ProfWeight(TransferMethod):
    """Rows weigh what their confidence profile says: how sure the teacher's grades are of their label.

    A grade is a cheaper version that the teacher contains: its first trees or rounds, or a probe on a hidden layer.
    Grades count whose error is below the student's by `margin`; where none is, the full teacher does, with a
    `SignalWarning`. Classification only, for students that take ``sample_weight``.

    Parameters
    ----------
    margin : float, default=0.0
        Not negative; alpha in the paper.
    weights : ProfileWeights, optional
        `AreaUnderProfile` (default) or `LearnedWeights`.
    n_grades : int, default=5
    signals : {"out-of-fold", "in-sample"}
        See `KD`; holds for the teacher's grades and for the student's error and losses.
    cv : int, default=5

    References
    ----------
    A. Dhurandhar, K. Shanmugam, R. Luss and P. Olsen, "Improving simple models with confidence profiles",
    NeurIPS 2018. The weights themselves: `functional.prof_weights`.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown.core import TransferSet
    >>> data = TransferSet.for_classification(*load_breast_cancer(return_X_y=True))
    >>> forest = RandomForestClassifier(50, random_state=0).fit(data.X, data.y)
    >>> ProfWeight().transfer([forest], DecisionTreeClassifier(max_depth=2), data, seed=0).get_depth()
    2
    """

    def __init__(
        self,
        margin: float = 0.0,
        weights: ProfileWeights | None = None,
        *,
        n_grades: int = 5,
        signals: str = "out-of-fold",
        cv: int = 5,
    ) -> None:
        self.margin = margin
        self.weights = weights
        self.n_grades = n_grades
        self.signals = signals
        self.cv = cv

    def check_student(self, student: Any, data: TransferSet) -> None:
        require_weights(self, student, data)
        check_signals(self)
        check_margin(self.margin)
        self._way().check()

    def check_teachers(self, teachers: Sequence[Any], data: TransferSet) -> None:
        require_confidence(self, teachers[-1])

    def _way(self) -> ProfileWeights:
        return AreaUnderProfile() if self.weights is None else self.weights

    def supervise(
        self, teachers: Sequence[Teacher], student: Any, data: TransferSet, *, seed: int | None = None
    ) -> TransferSet:
        self.check_student(student, data)
        teacher = nearest(self, teachers)
        require_probabilities(self, teacher, data)
        own = student_signal(student, data, signals=self.signals, cv=self.cv, seed=seed)
        graded = graded_signals(teacher, data, self.n_grades, signals=self.signals, cv=self.cv, seed=seed)
        profile, errors = profile_of(graded, data)
        selected = grades_or_last(self, errors, error_rate(own, data), self.margin)

        def losses(weights: NDArray[np.float64]) -> NDArray[np.float64]:
            signal = student_signal(student, reweighted(data, weights), signals=self.signals, cv=self.cv, seed=seed)
            return np.asarray(-np.log(np.maximum(conf_weights(signal.values, data.label_index()), 1e-6)))

        return reweighted(data, self._way().weigh(profile[:, selected], losses, seed=derive_seed(seed, "weights")))
