"""What is wrong with rows, targets and chains, said before anything long starts."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import is_regressor
from sklearn.model_selection import check_cv
from sklearn.utils import check_array, check_consistent_length, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_feature_names,
    _check_sample_weight,
    _num_samples,
    column_or_1d,
)

from stepdown.core import (
    ANSWERED,
    ENOUGH_ROWS,
    LEARNED,
    ComplexityWarning,
    DictRows,
    HopRecord,
    InvalidInputError,
    TransferSet,
)
from stepdown.learners import peel, predictions

from ._contents import check_columns, check_labels, check_names, plain_columns, prepares

# Beyond these a table of probabilities, of which several are held, fills the memory.
_MANY_CLASSES, _MOST_CELLS = 1000, 100_000_000
# Squares of these, summed over all rows, are still numbers.
_TINY = 1e-140
_NO_SPLIT = 1e-8
_NO_DIGITS = 1e-7  # of the level: the squares of 15 digits keep a hundredth of the variance


def check_rows(
    owner: Any, X: Any, y: Any, sample_weight: Any, groups: Any, models: Sequence[Any]
) -> tuple[Any, Any, Any, Any]:
    """Check the arrays given to `fit`.

    A data frame stays one, so that models keep its column names and pipelines their columns; anything else becomes an
    array or a sparse matrix once, here. Columns that are not numbers are the business of the pipelines that take them.
    """
    if y is None:
        raise InvalidInputError(f"{type(owner).__name__} requires y to be passed, but the target y is None.")
    if not isinstance(X, Mapping) or issparse(X):
        check_names(X)
        check_columns(X, [("student" if model is models[-1] else "teacher", model) for model in models])
    X = checked_rows(owner, X, models)
    is_frame = hasattr(X, "columns")
    if is_frame:
        _check_feature_names(owner, X, reset=True)
    shape = np.asarray(y).shape
    if len(shape) == 2 and shape[1] > 1:
        raise InvalidInputError(
            f"y has {shape[1]} columns, and a chain has one target; fit one chain a column. y should be a 1d array."
        )
    kind = getattr(y, "dtype", None)
    if getattr(kind, "kind", None) in ("i", "u") and not isinstance(kind, np.dtype) and not y.hasnans:
        y = np.asarray(y)  # pandas' nullable whole numbers, of which scikit-learn makes floats
    y = column_or_1d(y, warn=True)
    if not is_regressor(owner):
        check_labels(y)
    else:
        try:
            y = y.astype(np.float64, copy=False)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"y of dtype {y.dtype} holds something that is no number: {error}.") from error
    check_consistent_length(X, y)
    if _num_samples(X) < 2:
        raise InvalidInputError("n_samples=1: a chain can't be validated on one sample.")
    if sample_weight is not None:
        # Before scikit-learn's check, which says it with other words since 1.8.
        if not np.any(np.asarray(sample_weight) != 0):
            raise InvalidInputError("sample_weight: all weights are zero, so nothing is left to learn from.")
        sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if sample_weight.max() > np.finfo(np.float64).max / len(sample_weight):
            raise InvalidInputError(f"sample_weight: weights up to {sample_weight.max():g} have no finite sum.")
    if groups is not None:
        groups = column_or_1d(groups)
        if any(group is None or group != group for group in groups.tolist()):
            raise InvalidInputError("groups: some rows have no group (None or NaN). Give each of them a group.")
        check_consistent_length(y, groups)
    return X, y, sample_weight, groups


def checked_rows(owner: Any, X: Any, models: Sequence[Any]) -> Any:
    """Check rows for what the models can't take; a data frame comes back as it is, anything else as an array.

    Networks may have several inputs, whose arrays come by name.
    """
    if isinstance(X, Mapping) and not issparse(X):  # a sparse matrix by keys is a dict, too
        others = [type(peel(model).final).__name__ for model in models if not peel(model).is_network]
        if others:
            raise InvalidInputError(f"X is a mapping of arrays, which networks read and {others[0]} doesn't.")
        return X if isinstance(X, DictRows) else DictRows(X)
    is_frame = hasattr(X, "columns")
    if np.ma.is_masked(X):
        raise InvalidInputError("X is a masked array, whose mask models don't see: give X.filled(np.nan).")
    if not is_frame and not issparse(X):
        X = np.asarray(X)
    prepared = any(prepares(model) for model in models)
    if prepared and (is_frame or not (issparse(X) or X.dtype.kind in "biuf")):
        return X
    tags = [get_tags(model).input_tags for model in models]
    plain = plain_columns(X, models)
    if plain is not X and not plain.shape[1]:
        return X
    checked = check_array(
        plain,
        accept_sparse=["csr", "csc"] if all(tag.sparse for tag in tags) else False,
        dtype="numeric",
        ensure_all_finite="allow-nan" if all(tag.allow_nan for tag in tags) else True,
        allow_nd=all(peel(model).is_network for model in models),  # images and sequences
        estimator=owner,
        input_name="X",
    )
    return X if is_frame else checked


def read_cv(cv: Any, data: TransferSet) -> tuple[int, TransferSet]:
    """The number of folds, and the rows with the folds that a splitter or an iterable of splits gives them."""
    if cv is None:
        return default_folds(data.n_samples), data
    if isinstance(cv, str) or not (hasattr(cv, "split") or hasattr(cv, "__iter__")):
        return cv, data
    try:
        splits = list(check_cv(cv, data.y, classifier=data.is_classification).split(data.X, data.y, data.groups))
        folds = np.zeros((data.n_samples, len(splits)), dtype=np.int8)
        for column, (train, test) in zip(folds.T, splits, strict=True):
            column[train] = LEARNED
            if np.any(column[test] == LEARNED):
                raise InvalidInputError("a fold answers rows that it has learned from")
            column[test] = ANSWERED
    except (ValueError, TypeError, IndexError) as error:
        raise InvalidInputError(
            f"cv={cv!r}: expected a number of folds, a splitter, or an iterable of (train, test): {error}."
        ) from error
    given = data.replace(folds=folds)
    if len(given.splits()) < 2:
        raise InvalidInputError(f"cv={cv!r}: expected at least 2 folds with rows on both sides.")
    return len(splits), given


def default_folds(n_rows: int) -> int:
    """Folds of a teacher's signals where the user names none.

    Each learns from as many rows as two folds of `ENOUGH_ROWS` do, or from four fifths: benchmarks/tabular/between.py.
    """
    return min(5, max(2, 2 * ENOUGH_ROWS // max(n_rows, 1)))


def check_targets(data: TransferSet, folds: int) -> None:
    """Check that the targets can be learned and split into folds."""
    y = np.asarray(data.y)
    if not isinstance(folds, int | np.integer) or folds < 2:
        raise InvalidInputError(
            f"cv={folds!r}: expected a number of folds, at least 2, a splitter or an iterable of (train, test)."
        )
    if len(y) < folds:
        raise InvalidInputError(
            f"n_samples={len(y)} is less than cv={folds}: fewer rows than folds. Give more rows or a smaller cv."
        )
    if data.groups is not None and len(np.unique(data.groups)) < 2:
        raise InvalidInputError("groups: all rows are of one group, so no fold can leave a group out.")
    if data.groups is not None and len(np.unique(data.groups)) < folds:
        n_groups = len(np.unique(data.groups))
        raise InvalidInputError(f"groups: {n_groups} groups can't fill cv={folds} folds. Pass cv={n_groups} or less.")
    if data.classes is None:
        if not np.all(np.isfinite(y)):
            raise InvalidInputError("y contains NaN or infinity: a regressor needs finite targets.")
        check_spread(np.asarray(y, dtype=np.float64))
        return
    check_classification_targets(y)
    names, counts = np.unique(y, return_counts=True)
    if len(names) < 2:
        raise InvalidInputError(f"y holds one class only, {names.tolist()}: a classifier needs at least two classes.")
    check_class_count(len(y), len(names))
    if counts.min() < 2:
        lone = names[counts < 2].tolist()
        raise InvalidInputError(
            f"classes {lone[:5]} have one row each: no fold can both learn and validate them."
            " Merge or drop these classes, or give more of their rows."
        )
    if data.sample_weight is not None:
        weightless = np.setdiff1d(names, np.unique(y[data.weights() > 0]))
        if len(weightless):
            raise InvalidInputError(
                f"sample_weight: all rows of the classes {weightless[:5].tolist()} have weight 0. Drop these rows."
            )


def check_class_count(n_samples: int, n_classes: int) -> None:
    """Refuse more classes than tables of probabilities can have columns."""
    if n_classes > _MANY_CLASSES and n_samples * n_classes > _MOST_CELLS:
        raise InvalidInputError(
            f"y holds {n_classes:,} classes in {n_samples:,} rows: a table of their probabilities would have"
            f" {n_samples * n_classes:,} cells. Merge rare classes; if the labels are amounts, use a regressor."
        )


def check_spread(y: NDArray[np.float64]) -> None:
    """Refuse targets whose squares aren't numbers any more; warn of those that trees don't tell apart."""
    low, high = float(y.min()), float(y.max())
    half = high / 2 - low / 2  # which doesn't overflow
    if half == 0:
        return
    if not _TINY < half < 1 / _TINY or max(-low, high) > 1 / _TINY:
        raise InvalidInputError(
            f"y lies between {low:g} and {high:g}: the squares of such differences are beyond what floats hold. Rescale"
            " the targets."
        )
    if half < _NO_SPLIT:
        warnings.warn(
            f"y differs by {2 * half:.2g} at most; scikit-learn's trees don't split below a variance of 2e-16. Rescale"
            " the targets.",
            UserWarning,
            stacklevel=4,
        )
    elif half < _NO_DIGITS * max(-low, high):
        warnings.warn(
            f"y lies between {low:g} and {high:g}: trees add up squares, in which such differences drown. Subtract what"
            " the targets have in common.",
            UserWarning,
            stacklevel=4,
        )


def check_classes(teacher: Any, data: TransferSet) -> None:
    """Check that a fitted teacher and the labels speak of the same classes, before the student's hops begin."""
    predictions(teacher, data.take(np.arange(1)).X, data.classes)
    if data.classes is not None and hasattr(teacher, "classes_"):
        unknown = np.setdiff1d(data.classes, teacher.classes_)
        if len(unknown):
            raise InvalidInputError(
                f"labels {unknown[:5].tolist()} are unknown to the teacher, whose classes are"
                f" {np.asarray(teacher.classes_)[:20].tolist()}. Drop these rows, or use a teacher that knows them."
            )


def warn_unless_falling(chain: Sequence[HopRecord], *, constructed: bool) -> None:
    """Warn when a model of the chain is not simpler than the one before it.

    A constructed bridge may be larger than a small teacher: it is there for what it knows out-of-bag.
    """
    if constructed:
        chain = [record for record in chain if record.name in ("teacher", "student")]
    for before, after in pairwise(chain):
        if before.complexity.kind == after.complexity.kind and after.complexity.size >= before.complexity.size:
            warnings.warn(
                f"the chain's complexity doesn't fall: {before.name} [{before.complexity}] -> {after.name}"
                f" [{after.complexity}]. Order intermediates from complex to simple.",
                ComplexityWarning,
                stacklevel=4,
            )
