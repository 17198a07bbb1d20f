"""The teacher of a table for which none was named: a forest whose cost is bounded."""

from __future__ import annotations

import math
from dataclasses import replace

from ._data import Data
from ._estimators import Spec, parse_spec
from ._prepare import preparing

TREES = 300
# Values that are looked at while all trees grow: rows, times levels, times columns tried at each split. A core looks at
# some ten million a second, so that the forest takes about a minute; it is grown once more in each fold.
MOST_LOOKS = 1e9
FEWEST_ROWS = 1000
# Answers of trees: a core gives about a million a second.
MOST_ANSWERS, FEWEST_TREES = 6e8, 20
# How many columns the preparation makes of the table is counted on some rows.
SOME_ROWS = 1000


def default_teacher(table: Data, student: Spec) -> tuple[Spec, list[str]]:
    """Return a forest for a table, and what is to be said about it."""
    some = table.X.iloc[:: math.ceil(len(table.y) / SOME_ROWS)]
    n_columns = int(preparing(student, table.kinds).fit_transform(some).shape[1])
    return forest_for(len(table.y), n_columns, table.task)


def forest_for(n_rows: int, n_columns: int, task: str, asked: int = 0) -> tuple[Spec, list[str]]:
    """Return a forest for so many rows, and what is to be said about it; `asked` is the number of rows to be labelled.

    Where it would look at too many values it tries fewer columns at each split, at least as many as forests of
    classifiers do, and then grows its trees on fewer rows each. Where it would label too many rows it has fewer trees.
    What is counted doesn't depend on the machine.
    """
    text = f"forest:n_estimators={TREES}"
    trees = TREES if asked * TREES <= MOST_ANSWERS else max(FEWEST_TREES, int(MOST_ANSWERS / asked))
    levels, root = math.log2(max(n_rows, 2)), math.sqrt(n_columns)
    tried = n_columns if task == "regression" else root
    most = MOST_LOOKS / (trees * n_rows * levels)
    spec = f"forest:n_estimators={trees}"
    if tried > most and task == "regression":
        tried = max(most, root)
        spec += f",max_features={max(tried / n_columns, 0.001):.3f}"
    if tried > most:
        spec += f",max_samples={max(int(n_rows * most / tried), min(FEWEST_ROWS, n_rows))}"
    if spec == text:
        return replace(parse_spec(spec), is_default=True), []
    note = f"the teacher is {spec}, so that it is grown in about a minute; --teacher {text} takes as long as it needs"
    if trees < TREES:
        note = note.replace("a minute", "a minute and labels all rows in about ten")
    return replace(parse_spec(spec), is_default=True), [note]
