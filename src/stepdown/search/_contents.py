"""What rows and labels hold that models can't take, said with the name of the model."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, get_tags

from stepdown.core import InvalidInputError, TransferSet
from stepdown.learners import adapter_of, category_columns, peel, reads_categories


def prepares(model: Any) -> bool:
    """Whether the model is a pipeline, frozen or not, so that columns of any type are its own business."""
    while isinstance(model, FrozenEstimator):
        model = model.estimator
    return isinstance(model, Pipeline)


def check_labels(y: NDArray[Any]) -> None:
    """Refuse labels that are missing or of types that can't be ordered.

    Parameters
    ----------
    y : array of shape (n_samples,)

    Raises
    ------
    InvalidInputError
    """
    missing = np.array([label is None or label != label for label in y.tolist()], dtype=bool)
    if missing.any():
        places = np.flatnonzero(missing)[:5].tolist()
        raise InvalidInputError(
            f"y: {int(missing.sum())} labels are missing (None or NaN), as in rows {places}. Drop these rows, or pass"
            " them as X_unlabeled."
        )
    if y.dtype != object:
        return
    texts = np.array([isinstance(label, str) for label in y], dtype=bool)
    if texts.any() and not texts.all():
        one, other = y[texts][0], y[~texts][0]
        raise InvalidInputError(
            f"y mixes texts with other labels, such as {one!r} and {other!r}; make all labels texts, or all numbers."
        )


def check_names(X: Any) -> None:
    """Refuse a data frame in which two columns have the same name: what a model would read is then anybody's guess."""
    repeated = [name for name, count in Counter(getattr(X, "columns", ())).items() if count > 1]
    if repeated:
        raise InvalidInputError(f"X: columns {repeated[:5]} appear more than once; give each its own name.")


def check_columns(X: Any, roles: Sequence[tuple[str, Any]]) -> None:
    """Refuse what a model that prepares nothing can't read, beside one that does.

    Where no model prepares the columns and none is of categories, the check of all rows says the same. A pipeline
    prepares them itself, and what an estimator around others does with them can't be known.
    """
    is_frame = hasattr(X, "columns")
    if not is_frame and (issparse(X) or (X := np.asarray(X)).ndim != 2 or X.dtype.kind not in "fOUS"):
        return
    categories = category_columns(X)
    if not (categories or any(prepares(model) for _, model in roles)):
        return
    for role, model in roles:
        bare = model
        while isinstance(bare, FrozenEstimator):
            bare = bare.estimator
        tags = get_tags(bare).input_tags
        if isinstance(bare, Pipeline) or _holds_estimators(bare) or tags.string:
            continue
        plain = plain_columns(X, [bare])
        as_numbers: dict[str, Any] = {"dtype": "numeric", "ensure_min_samples": 0}
        try:
            if plain.shape[1]:
                check_array(plain, ensure_all_finite="allow-nan" if tags.allow_nan else True, **as_numbers)
            if plain is X and categories:  # scikit-learn's check of a data frame leaves them out
                check_array(np.asarray(X[categories]), ensure_all_finite="allow-nan", **as_numbers)
        except ValueError as error:
            if model is not bare and _answers(model, X):
                continue
            said = " ".join(str(error).split()).partition(" does not accept missing values")[0].rstrip(".")
            raise InvalidInputError(
                f"{role}: {type(bare).__name__} can't take these columns as they are ({said[:200]}). Give it as a"
                " Pipeline that prepares them."
            ) from error


def check_by_fit(model: Any, data: TransferSet) -> None:
    """Refuse columns of categories that a model of another library can't take: it says so in its fit only."""
    foreign = adapter_of(model) is not None and not peel(model).is_network
    if not foreign or not category_columns(data.X):
        return
    y = data.label_index() if data.is_classification else np.asarray(data.y)
    rows = np.unique(y, return_index=True)[1][:20]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            clone(model).fit(data.take(rows).X, y[rows])
    except (ValueError, TypeError) as error:
        said = " ".join(str(error).split())
        raise InvalidInputError(
            f"{type(model).__name__} can't take these columns as they are ({said[:300]})."
        ) from error


def _holds_estimators(model: Any) -> bool:
    # Of the parameters, not the attributes: a forest has trees inside and yet reads the rows itself.
    parts = model.get_params(deep=False).values() if hasattr(model, "get_params") else ()
    return any(
        hasattr(part, "fit") or (isinstance(part, list) and any(isinstance(entry, tuple) for entry in part))
        for part in parts
    )


def plain_columns(X: Any, models: Sequence[Any]) -> Any:
    """The columns that aren't categories, where all models read categories by themselves; else all."""
    categories = category_columns(X)
    if not categories or not all(reads_categories(model) for model in models):
        return X
    return X[[name for name in X.columns if name not in categories]]


def _answers(frozen: Any, X: Any) -> bool:
    """Whether a fitted model reads the rows after all, whatever its tags say."""
    try:
        frozen.predict(X)
    except Exception:  # anything goes wrong in other people's models
        return False
    return True
