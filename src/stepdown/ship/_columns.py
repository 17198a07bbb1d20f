"""Columns of a table as numbers that a person understands: the step in front of a readable student."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from stepdown.core import InvalidInputError

from ._cells import Reading, cells_of
from ._reading import FEW, read_column
from ._text import shown

MOST_LINES = 30


class TableColumns(TransformerMixin, BaseEstimator):
    """Read numbers, dates and categories from the raw columns of a table, leaving out what says nothing.

    Numbers stay in their units. Dates become days since 1970-01-01, beside them the month (1 to 12) where they span a
    year, and the weekday (Monday is 1). A category becomes a mark of 0 or 1. Of texts that differ in nearly every row,
    each word that is in some rows and not in nearly all becomes such a mark, in small letters, in capitals or as it
    begins a sentence. Gaps are filled by the median, and marked where training had some. Decimal commas, thousands,
    money and percent signs are recognised; identifiers, texts without common words and constant columns are left out.

    Parameters
    ----------
    kinds : mapping from str to str, optional
        Columns that are to be read as "number", "date", "category" or "text", whatever they look like.

    Attributes
    ----------
    readings_ : list of Reading
        Of the columns that are read.
    left_out_ : dict of str
        Why the other columns aren't.

    Examples
    --------
    >>> import pandas as pd
    >>> homes = pd.DataFrame({"price": ["1,5", "2,25", "3"], "sold": ["2020-01-31", "2020-02-01", None]})
    >>> columns = TableColumns().fit(homes)
    >>> columns.get_feature_names_out().tolist()
    ['price', 'sold', 'sold is missing']
    >>> columns.transform(homes).tolist()
    [[1.5, 18292.0, 0.0], [2.25, 18293.0, 0.0], [3.0, 18292.0, 1.0]]
    """

    def __init__(self, kinds: Mapping[str, str] | None = None) -> None:
        self.kinds = kinds

    def fit(self, X: Any, y: Any = None) -> Self:
        """Decide how each column is read."""
        kinds = dict(self.kinds or {})
        self.readings_: list[Reading] = []
        self.left_out_: dict[str, str] = {}
        cells = {str(name): cells_of(X, name) for name in X.columns}
        found = {name: read_column(name, column, kinds.get(name)) for name, column in cells.items()}
        if not any(isinstance(reading, Reading) for reading in found.values()):
            # A key is better than nothing.
            numbers = {name: "number" for name, column in cells.items() if column.dtype.kind in "iu"}
            found = {name: read_column(name, column, (numbers | kinds).get(name)) for name, column in cells.items()}
        self.readings_ = [reading for reading in found.values() if isinstance(reading, Reading)]
        self.left_out_ = {name: reason for name, reason in found.items() if isinstance(reason, str)}
        if not self.readings_:
            notes = self.notes()
            told = "; ".join(notes[:FEW]) + f"; and {len(notes) - FEW} more" * (len(notes) > FEW)
            raise InvalidInputError(f"no column is left to learn from; overrule how columns are read. {told}")
        self._keep([len(reading.names) for reading in self.readings_])
        return self

    def _keep(self, widths: Sequence[int]) -> None:
        self.starts_ = np.cumsum([0, *widths])[:-1].tolist()
        self.width_ = int(sum(widths))
        self.feature_names_in_ = np.array([reading.name for reading in self.readings_], dtype=object)
        self.n_features_in_ = len(self.readings_)

    def transform(self, X: Any) -> NDArray[np.float64]:
        """One row of numbers for each row of a table, which may have further columns, in any order."""
        if not hasattr(self, "starts_"):  # the check alone takes as long as some rows
            check_is_fitted(self)
        made = np.zeros((len(X), self.width_))
        for reading, start in zip(self.readings_, self.starts_, strict=True):
            features = reading.features(cells_of(X, reading.name))
            made[:, start : start + features.shape[1]] = features
        return made

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Of the features that are read; the others are empty."""
        names = np.full(self.width_, "", dtype=object)
        for reading, start in zip(self.readings_, self.starts_, strict=True):
            names[start : start + len(reading.names)] = reading.names
        return names

    def only(self, read: NDArray[np.bool_]) -> TableColumns:
        """The same without the columns none of whose features is read; these features are 0 from now on."""
        kept = [
            (reading, start)
            for reading, start in zip(self.readings_, self.starts_, strict=True)
            if read[start : start + len(reading.names)].any()
        ]
        slim = TableColumns(self.kinds)
        slim.readings_, slim.left_out_ = [replace(reading, note="") for reading, _ in kept], {}
        slim._keep([len(reading.names) for reading in slim.readings_])
        slim.starts_, slim.width_ = [start for _, start in kept], self.width_
        return slim

    def notes(self) -> list[str]:
        """One line for every column; of very many plain numbers one for all."""
        plain = [reading.name for reading in self.readings_ if reading.note == "number"]
        many = len(plain) > MOST_LINES
        told = [f"{plain[0]}, {plain[1]}, ... ({len(plain)} columns): number"] if many else []
        told += [f"{one.name}: {one.note}" for one in self.readings_ if not many or one.note != "number"]
        told += [f"{name}: left out, {reason}" for name, reason in self.left_out_.items()]
        return [shown(line) for line in told]


def without_unread(pipeline: Pipeline) -> Pipeline:
    """The same pipeline without the preparation of columns that its model doesn't read."""
    columns, *scalers = [step for _, step in pipeline.steps[:-1]] or [None]
    if not isinstance(columns, TableColumns) or not all(isinstance(step, StandardScaler) for step in scalers):
        return pipeline
    slim = columns.only(_read(pipeline[-1], columns.width_))
    return Pipeline([(pipeline.steps[0][0], slim), *pipeline.steps[1:]])


def _read(model: Any, n_features: int) -> NDArray[np.bool_]:
    """Which features fitted trees or a linear model read; of others all."""
    trees = [
        getattr(tree, "tree_", tree)
        for tree in getattr(model, "trees_", np.ravel(getattr(model, "estimators_", [model])))
    ]
    if all(hasattr(tree, "feature") for tree in trees):
        return np.isin(np.arange(n_features), [place for tree in trees for place in tree.feature])
    coefficients = getattr(model, "coef_", np.ones(n_features))
    return np.asarray(np.any(np.atleast_2d(coefficients) != 0, axis=0))
