"""A fitted model in the role of a teacher: what it is, and how it could be made again on other rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import has_fit_parameter

from ._transfer_set import TransferSet


@dataclass(frozen=True, slots=True)
class Signal:
    """What a teacher says about rows.

    Parameters
    ----------
    values : array of shape (n_samples, n_classes) or (n_samples,)
        Probabilities in the class order of the transfer set, or real predictions.
    source : str
        "out-of-bag", "out-of-fold", "in-sample", or "frozen" for a model that can't be re-fitted (it may or may
        not have seen the rows).
    hard : bool
        Whether the teacher gives answers only, so that `values` is one-hot.
    """

    values: NDArray[np.float64]
    source: str
    hard: bool = False


@dataclass(eq=False, slots=True)
class Teacher:
    """A fitted model, and the way to make it again.

    Signals on the training rows must come from models that have not seen those rows. A teacher that
    can be re-fitted is cross-fitted for that; one that can't is frozen. What has been computed once
    is kept in `memo` and shared by every hop that has this teacher.

    Parameters
    ----------
    model : estimator
        Fitted.
    refit : callable or None
        ``refit(part: TransferSet, rows: array of int) -> fitted model`` makes the model again on some rows;
        `rows` are their positions in the set that signals are wanted for. None for a frozen model.
    name : str
        How messages and records call it.
    n_jobs : int, optional
        How many folds it is made again on at a time, by joblib.
    again : list of (array of int, estimator)
        The models behind an out-of-fold signal on many rows, each with the positions of rows that it hasn't seen.
    """

    model: Any
    refit: Callable[[TransferSet, NDArray[np.intp]], Any] | None = None
    name: str = "teacher"
    memo: dict[Any, tuple[Any, Signal]] = field(default_factory=dict, repr=False)
    n_jobs: int | None = field(default=None, repr=False)
    again: list[tuple[NDArray[np.intp], Any]] = field(default_factory=list, repr=False)

    @property
    def is_frozen(self) -> bool:
        return self.refit is None

    def recall(self, key: str, data: TransferSet) -> Signal | None:
        """The signal kept for these rows under this key, if there is one.

        Rows are recognised by the identity of X, which the memo keeps alive so that it stays unique.
        """
        kept = self.memo.get((key, id(data.X)))
        return None if kept is None else kept[1]

    def remember(self, key: str, data: TransferSet, signal: Signal) -> Signal:
        self.memo[(key, id(data.X))] = (data.X, signal)
        return signal

    def restrict(self, data: TransferSet, rows: NDArray[np.intp], part: TransferSet) -> Teacher:
        """The same teacher for a part of its rows: kept signals are sliced, nothing is computed again.

        Parameters
        ----------
        data : TransferSet
            The rows that signals were kept for.
        rows : array of int
            Positions in `data` of the rows of `part`.
        part : TransferSet
            ``data.take(rows)``.
        """
        mine = Teacher(self.model, self.refit, self.name, n_jobs=self.n_jobs)
        for (key, owner), (_, signal) in self.memo.items():
            if owner == id(data.X):
                mine.remember(key, part, Signal(signal.values[rows], signal.source, signal.hard))
        return mine


@dataclass(frozen=True, slots=True)
class RefitOnLabels:
    """How an estimator that nobody has taught is made again: as a clone, on labels, with weights where it takes them.

    A class, so that the room that knows models can tell this plain way from others, and make networks in theirs.
    """

    model: Any

    def __call__(self, part: TransferSet, rows: NDArray[np.intp]) -> Any:
        keywords = {}
        if part.sample_weight is not None and has_fit_parameter(self.model, "sample_weight"):
            keywords["sample_weight"] = part.sample_weight
        return clone(self.model).fit(part.X, part.labels(), **keywords)


def as_teacher(model: Any, *, name: str = "teacher") -> Teacher:
    """Wrap a fitted estimator as a teacher; a `Teacher` is returned as it is.

    A ``FrozenEstimator`` becomes a teacher that can't be re-fitted; anything else is re-fitted as a
    clone on labels, with weights where it takes them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> tree = DecisionTreeClassifier().fit(*load_iris(return_X_y=True))
    >>> as_teacher(tree).is_frozen, as_teacher(FrozenEstimator(tree)).is_frozen
    (False, True)
    """
    if isinstance(model, Teacher):
        return model
    if isinstance(model, FrozenEstimator):
        return Teacher(model, None, name)
    return Teacher(model, RefitOnLabels(model), name)
