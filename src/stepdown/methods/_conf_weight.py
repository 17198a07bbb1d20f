"""Rows weighed by the teacher's confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepdown.core import Teacher, TransferMethod, TransferSet
from stepdown.learners import training_signal

from ._base import check_signals, nearest, require_confidence, require_probabilities
from ._reweighting import require_weights, reweighted
from ._weights import conf_weights


class ConfWeight(TransferMethod):
    """Each row weighs what the teacher's probability of its label is; the labels stay.

    Rows that the teacher finds hard count less. Weights have mean 1 and multiply the data's own. Classification only,
    for students that take ``sample_weight``.

    Parameters
    ----------
    signals : {"out-of-fold", "in-sample"}
        See `KD`.
    cv : int, default=5

    References
    ----------
    The baseline of A. Dhurandhar, K. Shanmugam, R. Luss and P. Olsen, "Improving simple models with confidence
    profiles", NeurIPS 2018. The weights themselves: `functional.conf_weights`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown.core import TransferSet
    >>> data = TransferSet.for_classification(*load_iris(return_X_y=True))
    >>> forest = RandomForestClassifier(20, random_state=0).fit(data.X, data.y)
    >>> ConfWeight().transfer([forest], DecisionTreeClassifier(max_depth=2), data, seed=0).get_depth()
    2
    """

    def __init__(self, *, signals: str = "out-of-fold", cv: int = 5) -> None:
        self.signals = signals
        self.cv = cv

    def check_student(self, student: Any, data: TransferSet) -> None:
        require_weights(self, student, data)
        check_signals(self)

    def check_teachers(self, teachers: Sequence[Any], data: TransferSet) -> None:
        require_confidence(self, teachers[-1])

    def supervise(
        self, teachers: Sequence[Teacher], student: Any, data: TransferSet, *, seed: int | None = None
    ) -> TransferSet:
        self.check_student(student, data)
        teacher = nearest(self, teachers)
        require_probabilities(self, teacher, data)
        signal = training_signal(teacher, data, signals=self.signals, cv=self.cv, seed=seed)
        return reweighted(data, conf_weights(signal.values, data.label_index()))
