"""The student's own fit."""

from __future__ import annotations

from typing import Any

from stepdown.core import Lesson, Supervision, Trainer
from stepdown.learners import fit_to, network_trainer


class PlainFit(Trainer):
    """Fit a student as its own ``fit`` does; soft targets are realised by `stepdown.learners.fit_to`, lessons by a
    network's own loop.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown.core import TransferSet
    >>> targets = np.array([[1, 0], [0.9, 0.1], [0.2, 0.8], [0, 1]])
    >>> data = TransferSet(np.arange(4.0)[:, None], targets, classes=np.array(["no", "yes"]))
    >>> PlainFit().fit(DecisionTreeClassifier(max_depth=1), data, seed=0).predict([[3.0]]).tolist()
    ['yes']
    """

    def fit(self, student: Any, supervision: Supervision, *, seed: int | None = None) -> Any:
        if isinstance(supervision, Lesson):
            return network_trainer().fit(student, supervision, seed=seed)
        return fit_to(student, supervision, seed=seed)


Trainer.default = PlainFit
