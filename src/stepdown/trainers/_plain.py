"""The student's own fit."""

from __future__ import annotations

from typing import Any

from stepdown.core import Trainer, TransferSet
from stepdown.learners import fit_to


class PlainFit(Trainer):
    """Fit a student as its own ``fit`` does; soft targets are realised by `stepdown.learners.fit_to`.

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

    def fit(self, student: Any, data: TransferSet, *, seed: int | None = None) -> Any:
        return fit_to(student, data, seed=seed)
