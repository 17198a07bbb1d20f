"""Rows weighed by the ratio of confidences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepdown.core import NotSupportedError, Teacher, TransferMethod, TransferSet
from stepdown.learners import graded_signals

from ._base import check_signals, nearest, require_confidence, require_probabilities
from ._reweighting import error_rate, grades_or_last, profile_of, require_weights, reweighted, student_signal
from ._weights import check_margin, check_ratio_rule, conf_weights, ratio_weights


class SRatio(TransferMethod):
    """Each row weighs the teacher's confidence in its label, divided by the student's own.

    Rows that the teacher finds easy and the student doesn't count more, up to a ceiling above which they are dropped
    as out of the student's reach. The numerator is the mean over the teacher's grades that beat the student by
    `margin` (see `ProfWeight`); where none does it is the full teacher's, with a `SignalWarning`. The student's
    confidence comes from a plain fit, out of fold like the teacher's. Classification only, for students that take
    ``sample_weight`` and have ``predict_proba``.

    Parameters
    ----------
    margin : float, default=0.0
        Not negative; alpha in the paper.
    ceiling : float, default=2.0
        Largest ratio that counts; beta in the paper. Infinity for none.
    above : {"zero", "clip"}
        Rows above the ceiling get weight 0, as in the paper, or are held at it.
    floor : float, optional
        Smallest ratio; with 1 no row loses weight.
    n_grades : int, default=5
    signals : {"out-of-fold", "in-sample"}
        See `KD`.
    cv : int, default=5

    References
    ----------
    A. Dhurandhar, K. Shanmugam and R. Luss, "Enhancing simple models by exploiting what they already know",
    ICML 2020, algorithm 1. The weights themselves: `functional.sratio_weights`.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown.core import TransferSet
    >>> data = TransferSet.for_classification(*load_breast_cancer(return_X_y=True))
    >>> forest = RandomForestClassifier(50, random_state=0).fit(data.X, data.y)
    >>> SRatio().transfer([forest], DecisionTreeClassifier(max_depth=2), data, seed=0).get_depth()
    2
    """

    def __init__(
        self,
        margin: float = 0.0,
        ceiling: float = 2.0,
        *,
        above: str = "zero",
        floor: float | None = None,
        n_grades: int = 5,
        signals: str = "out-of-fold",
        cv: int = 5,
    ) -> None:
        self.margin = margin
        self.ceiling = ceiling
        self.above = above
        self.floor = floor
        self.n_grades = n_grades
        self.signals = signals
        self.cv = cv

    def check_student(self, student: Any, data: TransferSet) -> None:
        require_weights(self, student, data)
        check_signals(self)
        check_margin(self.margin)
        check_ratio_rule(self.ceiling, self.above, self.floor)
        if not hasattr(student, "predict_proba"):
            raise NotSupportedError(
                f"SRatio divides by the student's confidence, but {type(student).__name__} has no predict_proba; "
                "use ConfWeight or KD."
            )

    def check_teachers(self, teachers: Sequence[Any], data: TransferSet) -> None:
        require_confidence(self, teachers[-1])

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
        weights = ratio_weights(
            profile[:, selected].mean(axis=1),
            conf_weights(own.values, data.label_index()),
            ceiling=self.ceiling,
            above=self.above,
            floor=self.floor,
        )
        return reweighted(data, weights)
