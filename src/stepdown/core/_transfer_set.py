"""What a hop learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from ._errors import InvalidInputError

LEARNED, ANSWERED = 1, 2


@dataclass(frozen=True, slots=True)
class TransferSet:
    """The rows, the targets and the weights that a hop learns from.

    A method turns one transfer set into another: new targets, new weights or further rows. Rows
    that a method adds stand behind the rows it was given, so that row *i* of the set it got is row
    *i* of the set it returns.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows; an array, a sparse matrix or a data frame.
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        Labels, real targets, or soft targets whose rows are non-negative and sum to 1.
    sample_weight : array of shape (n_samples,), optional
        Weights, non-negative; None means 1 everywhere.
    X_unlabeled : array-like of shape (n_unlabeled, n_features), optional
        Rows without a target, which a teacher may answer.
    groups : array-like of shape (n_samples,), optional
        Rows of one group never stand on both sides of a fold.
    classes : array of shape (n_classes,), optional
        The sorted class labels: what the columns of soft targets stand for. None in regression.
    folds : array of shape (n_samples, n_folds), optional
        How teachers are made again, whatever a method's `cv` says: `LEARNED` where a fold learns from the row,
        `ANSWERED` where it answers it, 0 where it does neither.
    notes : mapping, optional
        What a method says about how it made the set, such as what each model is worth to it; nothing is learned from.
    made : array of bool, of shape (n_samples,), optional
        Which rows a method has made up. A student learns from them, but how sure a trainer can be of what it has found
        is judged by the others; None means that no row is made up.

    Examples
    --------
    >>> import numpy as np
    >>> data = TransferSet(np.eye(3), np.array([[1, 0], [0.5, 0.5], [0, 1]]), classes=np.array(["a", "b"]))
    >>> data.is_soft, data.n_samples
    (True, 3)
    >>> data.labels().tolist()
    ['a', 'a', 'b']
    """

    X: Any
    y: Any
    sample_weight: Any = None
    X_unlabeled: Any = None
    groups: Any = None
    classes: NDArray[Any] | None = None
    folds: NDArray[np.int8] | None = None
    notes: Mapping[str, float] | None = None
    made: NDArray[np.bool_] | None = None

    @classmethod
    def for_classification(cls, X: Any, y: Any, **rest: Any) -> TransferSet:
        """A set of labelled rows, with `classes` read from the labels."""
        y = np.asarray(y)
        return cls(X, y, classes=np.unique(y), **rest)

    @property
    def n_samples(self) -> int:
        return int(np.shape(self.y)[0])

    @property
    def is_classification(self) -> bool:
        return self.classes is not None

    @property
    def is_soft(self) -> bool:
        """Whether `y` holds a distribution over `classes` in each row."""
        return self.classes is not None and np.ndim(self.y) == 2

    def replace(self, **changes: Any) -> TransferSet:
        """A set with some fields changed; the arrays that stay are shared, not copied."""
        return replace(self, **changes)

    def splits(self) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Training and test positions of the folds that still have both; none where no folds were given."""
        columns = () if self.folds is None else self.folds.T
        pairs = [(np.flatnonzero(column == LEARNED), np.flatnonzero(column == ANSWERED)) for column in columns]
        return [(train, test) for train, test in pairs if len(train) and len(test)]

    def labels(self) -> NDArray[Any]:
        """Labels of shape (n_samples,): `y`, or the class of its largest column (lowest index on ties)."""
        if self.is_soft:
            assert self.classes is not None
            return np.asarray(self.classes)[np.argmax(self.y, axis=1)]
        return np.asarray(self.y)

    def label_index(self) -> NDArray[np.intp]:
        """Positions of the labels in `classes`, of shape (n_samples,)."""
        if self.classes is None:
            raise InvalidInputError("labels were asked of a regression set: its targets have no classes.")
        if self.is_soft:
            return np.argmax(self.y, axis=1)
        y = np.asarray(self.y)
        index = np.minimum(np.searchsorted(self.classes, y), len(self.classes) - 1)
        if not np.array_equal(self.classes[index], y):
            unknown = np.unique(y[self.classes[index] != y])[:5].tolist()
            raise InvalidInputError(f"labels {unknown} are not among the classes {self.classes.tolist()[:20]}.")
        return index

    def soft_targets(self) -> NDArray[np.float64]:
        """Targets of shape (n_samples, n_classes); labels become one-hot rows."""
        if self.is_soft:
            return np.asarray(self.y, dtype=np.float64)
        index = self.label_index()
        assert self.classes is not None
        targets = np.zeros((len(index), len(self.classes)))
        targets[np.arange(len(index)), index] = 1.0
        return targets

    def weights(self) -> NDArray[np.float64]:
        """Weights of shape (n_samples,); ones where none were given."""
        if self.sample_weight is None:
            return np.ones(self.n_samples)
        return np.asarray(self.sample_weight, dtype=np.float64)

    def take(self, rows: NDArray[np.intp]) -> TransferSet:
        """The set of some rows (indices); unlabelled rows stay as they are."""
        return replace(
            self,
            X=_safe_indexing(self.X, rows),
            y=np.asarray(self.y)[rows],
            sample_weight=None if self.sample_weight is None else np.asarray(self.sample_weight)[rows],
            groups=None if self.groups is None else np.asarray(self.groups)[rows],
            folds=None if self.folds is None else self.folds[rows],
            made=None if self.made is None else self.made[rows],
        )
