"""Plain training, as a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepdown.core import Teacher, TransferMethod, TransferSet


class NoTransfer(TransferMethod):
    """The student learns from the data as they are; teachers aren't asked.

    The baseline of every comparison, and a way to put a model that isn't taught into a chain.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown.core import TransferSet
    >>> data = TransferSet.for_classification(*load_iris(return_X_y=True))
    >>> NoTransfer().transfer([], DecisionTreeClassifier(max_depth=2), data, seed=0).get_depth()
    2
    """

    def asks(self, teachers: Sequence[Teacher]) -> Sequence[Teacher]:
        return ()

    def supervise(
        self, teachers: Sequence[Teacher], student: Any, data: TransferSet, *, seed: int | None = None
    ) -> TransferSet:
        return data
