"""Rows that choose nothing: outer folds, or a hold-out, and what is refused of either before anything is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupKFold,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    check_cv,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, _num_samples, column_or_1d

from stepdown.core import InvalidInputError
from stepdown.search import check_labels, check_names


def checked_targets(X: Any, y: Any, sample_weight: Any, groups: Any, *, classify: bool) -> tuple[Any, Any, Any]:
    """What is indexed by fold must be as long as the rows; the rest is the business of `fit`."""
    if y is None:
        raise InvalidInputError("y is None: compare needs the targets of all rows.")
    check_names(X)
    y = column_or_1d(y, warn=True)
    n_rows = _num_samples(X)
    for name, values in (("y", y), ("sample_weight", sample_weight), ("groups", groups)):
        if values is not None and np.shape(values)[:1] != (n_rows,):
            raise InvalidInputError(f"{name} has shape {np.shape(values)} for {n_rows} rows; give one value a row.")
    if classify:
        check_labels(y)
        check_classification_targets(y)
    if sample_weight is not None:
        try:
            sample_weight = _check_sample_weight(sample_weight, y, dtype=np.float64, ensure_non_negative=True)
        except (ValueError, TypeError) as error:
            raise InvalidInputError(f"sample_weight: {error}") from error
    return y, sample_weight, None if groups is None else column_or_1d(groups)


def outer_folds(
    cv: Any, X: Any, y: NDArray[Any], groups: Any, *, classify: bool
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    if groups is not None and (cv is None or isinstance(cv, int)):
        folds_of_groups = StratifiedGroupKFold if classify else GroupKFold
        cv = folds_of_groups(5 if cv is None else cv, shuffle=True, random_state=0)
    elif cv is None:
        cv = (
            RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
            if classify
            else RepeatedKFold(n_splits=5, n_repeats=2, random_state=0)
        )
    try:
        splits = list(check_cv(cv, y, classifier=classify).split(X, y, groups))
    except (ValueError, TypeError) as error:
        raise InvalidInputError(f"cv={cv!r} gives no outer folds of these rows: {error}") from error
    if len(splits) < 2 or not all(len(train) and len(test) for train, test in splits):
        raise InvalidInputError(
            f"cv={cv!r} gives {len(splits)} outer folds; expected at least 2, each with rows on both sides."
        )
    return [(np.asarray(train), np.asarray(test)) for train, test in splits]


# Rows of a hold-out, below which its parts say too little, and the most parts.
FEWEST_HELD_OUT, MOST_PARTS = 20, 10


def checked_hold_out(test: Any, X: Any, y: NDArray[Any], *, classify: bool) -> tuple[Any, NDArray[Any]]:
    """A hold-out like the rows: as many columns, by the same names, and no classes but theirs."""
    try:
        X_test, y_test = test
    except (TypeError, ValueError) as error:
        raise InvalidInputError("test: expected rows and targets of a hold-out, (X_test, y_test).") from error
    check_names(X_test)
    y_test = column_or_1d(y_test, warn=True)
    if len(y_test) != _num_samples(X_test) or len(y_test) < FEWEST_HELD_OUT:
        raise InvalidInputError(
            f"test: got {_num_samples(X_test)} rows and {len(y_test)} targets; expected as many of either, at least"
            f" {FEWEST_HELD_OUT}."
        )
    names, given = getattr(X, "columns", None), getattr(X_test, "columns", None)
    if names is not None and given is not None and list(names) != list(given):
        raise InvalidInputError(f"test: its columns must be those of X, in their order: {list(names)[:10]}.")
    if np.shape(X_test)[1:] != np.shape(X)[1:]:
        raise InvalidInputError(f"test: expected {np.shape(X)[1]} columns as X has, got {np.shape(X_test)[1]}.")
    if classify and len(unknown := np.setdiff1d(y_test, y)):
        raise InvalidInputError(f"test: classes {unknown[:5].tolist()} aren't among those of y.")
    return X_test, y_test


def parts_of(y: NDArray[Any], *, classify: bool) -> tuple[NDArray[np.intp], ...]:
    """A hold-out in parts with all classes alike, by chance otherwise."""
    order = np.random.default_rng(0).permutation(len(y))
    if classify:
        order = order[np.argsort(y[order], kind="stable")]
    most = min(MOST_PARTS, len(y) // 10)
    return tuple(order[start::most] for start in range(most))
