"""Columns of categories in a data frame, as numbers for trees that read nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.utils import check_array

from ._pipelines import peel
from .adapters import adapter_of


def category_columns(X: Any) -> list[Any]:
    """Names of the columns of categories; pandas and polars call the type "category", "Categorical" or "Enum"."""
    return [name for name in getattr(X, "columns", ()) if str(X[name].dtype).lower().startswith(("categor", "enum"))]


def reads_categories(model: Any) -> bool:
    """Whether a model takes columns of categories in a data frame as they are."""
    learner = peel(model).learner
    adapter = adapter_of(learner)
    if adapter is not None:
        return adapter.reads_categories
    return isinstance(learner, HistGradientBoostingClassifier | HistGradientBoostingRegressor)


def known_categories(X: Any) -> dict[Any, list[Any]]:
    """The categories of each column that has some, in their order."""
    return {name: _listed(X[name]) for name in category_columns(X)}


def _listed(column: Any) -> list[Any]:
    if str(column.dtype).startswith("Categorical"):  # polars lists those of an Enum only
        return sorted(set(column.drop_nulls().to_list()))
    return list(column.dtype.categories)


def category_codes(X: Any, known: dict[Any, list[Any]]) -> NDArray[np.float64]:
    """All columns as numbers, a category as its position among the known ones and any other as missing."""
    numbers = np.empty(X.shape)
    others = [name for name in X.columns if name not in known]
    if others:
        read = check_array(X[others], dtype=np.float64, ensure_all_finite="allow-nan")
        numbers[:, [name not in known for name in X.columns]] = read
    for place, name in enumerate(X.columns):
        if name in known:
            codes = {category: code for code, category in enumerate(known[name])}
            numbers[:, place] = [codes.get(value, np.nan) for value in np.asarray(X[name], dtype=object).tolist()]
    return numbers
