"""What fitted preparing steps make of a column, followed value by value instead of row by row."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from stepdown.core import NotSupportedError

from ._cells import Reading, is_gap, part_of, spellings
from ._columns import TableColumns
from ._program import Category, Written

# All of them never fall where their input grows (scales are positive), and rounding keeps that.
OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "at least": max,
    "at most": min,
}


@dataclass(frozen=True)
class Step:
    """One operation with a constant, in the order and the precision of scikit-learn's."""

    operation: str
    constant: float

    def __call__(self, value: float) -> float:
        """The value after it; missing stays missing."""
        return value if math.isnan(value) else OPERATIONS[self.operation](value, self.constant)


@dataclass(frozen=True)
class Number:
    """A column as it is, after some steps; `missing` is what a missing value has become, NaN where it still is one.

    What is read from the cells of a column a second time, such as the month of a date, has a number of its own for its
    column: the place, plus the number of columns once, twice and so on.
    """

    column: int
    steps: tuple[Step, ...] = ()
    missing: Category = math.nan
    fill: Category | None = None
    written: Written = field(default_factory=Written)


@dataclass(frozen=True)
class Table:
    """A number for each category, another for any other value, a third for a missing one."""

    column: int
    values: tuple[tuple[Category, float], ...]
    otherwise: float
    missing: float
    fill: Category | None = None


Value = Number | Table


def as_category(value: Any) -> Category:
    """A category as a plain object; booleans are 1 and 0."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, bool):
        return int(plain)
    if isinstance(plain, str | int | float):
        return plain
    raise NotSupportedError(f"categories must be text or numbers, got {value!r}")


def after(step: Any, values: list[Value], names: Sequence[str]) -> list[Value]:
    """What a fitted step makes of the values; `names` are of the columns that it gets, where they have names."""
    if isinstance(step, FrozenEstimator):
        return after(step.estimator, values, names)
    if step is None or step == "passthrough":
        return values
    if isinstance(step, Pipeline):
        for _, inner in step.steps:
            values, names = after(inner, values, names), []
        return values
    if getattr(step, "n_features_in_", len(values)) != len(values):
        raise NotSupportedError(f"{type(step).__name__} takes {step.n_features_in_} columns, got {len(values)}")
    if isinstance(step, SelectorMixin):
        return [value for value, kept in zip(values, step.get_support(), strict=True) if kept]
    for kind, follow in FOLLOWED.items():
        if isinstance(step, kind):
            return follow(step, values) if kind is not ColumnTransformer else _columns(step, values, names)
    known = ", ".join(sorted(kind.__name__ for kind in FOLLOWED))
    raise NotSupportedError(f"the preparing step {type(step).__name__} can't be exported; supported: {known}")


def stepped(value: Value, *steps: Step) -> Value:
    """The value after more steps."""
    if isinstance(value, Number):
        if isinstance(value.missing, str):
            raise NotSupportedError(f"a number was expected where the missing value is filled by {value.missing!r}")
        return replace(value, steps=value.steps + steps, missing=through(steps, value.missing))
    return Table(
        value.column,
        tuple((category, through(steps, number)) for category, number in value.values),
        through(steps, value.otherwise),
        through(steps, value.missing),
        value.fill,
    )


def through(steps: Sequence[Step], value: float) -> float:
    """The number after all steps."""
    for step in steps:
        value = step(value)
    return value


def _scaled(values: list[Value], *parts: tuple[str, Any]) -> list[Value]:
    """Each value after the steps whose constants are not None."""
    steps = [
        [Step(name, float(constant[place])) for name, constant in parts if constant is not None]
        for place in range(len(values))
    ]
    return [stepped(value, *mine) for value, mine in zip(values, steps, strict=True)]


def _standard(step: Any, values: list[Value]) -> list[Value]:
    return _scaled(values, ("-", step.mean_ if step.with_mean else None), ("/", step.scale_ if step.with_std else None))


def _min_max(step: Any, values: list[Value]) -> list[Value]:
    bounds = [np.full(len(values), bound) if step.clip else None for bound in step.feature_range]
    return _scaled(values, ("*", step.scale_), ("+", step.min_), ("at least", bounds[0]), ("at most", bounds[1]))


def _max_abs(step: Any, values: list[Value]) -> list[Value]:
    if getattr(step, "clip", False):
        bound = np.ones(len(values))
        return _scaled(values, ("/", step.scale_), ("at least", -bound), ("at most", bound))
    return _scaled(values, ("/", step.scale_))


def _robust(step: Any, values: list[Value]) -> list[Value]:
    center, scale = step.center_ if step.with_centering else None, step.scale_ if step.with_scaling else None
    return _scaled(values, ("-", center), ("/", scale))


def _function(step: Any, values: list[Value]) -> list[Value]:
    if step.func is not None:
        raise NotSupportedError("a FunctionTransformer with a function can't be exported")
    return values


def _imputed(step: Any, values: list[Value]) -> list[Value]:
    if not is_gap(step.missing_values):
        raise NotSupportedError(f"SimpleImputer must fill missing values, got missing_values={step.missing_values!r}")
    kept = [
        _filled(value, as_category(fill))
        for value, fill in zip(values, step.statistics_, strict=True)
        if step.strategy == "constant" or not is_gap(fill)
    ]
    marked = step.indicator_.features_ if step.add_indicator else []
    return kept + [_gap_mark(values[place]) for place in marked]


def _filled(value: Value, fill: Category) -> Value:
    if isinstance(value, Number):
        if not is_gap(value.missing):
            return value
        return replace(value, missing=fill, fill=None if value.steps else fill)
    if isinstance(fill, str):
        raise NotSupportedError(f"encoded categories can't be filled by text, got {fill!r}")
    numbers = tuple((category, fill if math.isnan(number) else number) for category, number in value.values)
    otherwise, missing = (fill if math.isnan(number) else number for number in (value.otherwise, value.missing))
    return Table(value.column, numbers, otherwise, missing, value.fill)


def _gap_mark(value: Value) -> Table:
    """1 where the value is missing, 0 elsewhere."""
    if isinstance(value, Number):
        return Table(value.column, (), 0.0, float(is_gap(value.missing)))
    numbers = tuple((category, float(math.isnan(number))) for category, number in value.values)
    return Table(value.column, numbers, float(math.isnan(value.otherwise)), float(math.isnan(value.missing)))


def _encoded(value: Value, groups: Sequence[Any], numbers: Sequence[float], otherwise: float, gap: float) -> Table:
    """Each category's number; `gap` is for a missing value that is none of the categories."""
    if isinstance(value, Table) or value.steps:
        raise NotSupportedError("categories must be encoded from columns of the table, not from prepared ones")
    pairs = list(zip(groups, numbers, strict=True))
    known = {as_category(category): number for category, number in pairs if not is_gap(category)}
    if is_gap(value.missing):
        missing = next((number for category, number in pairs if is_gap(category)), gap)
    else:
        missing = known.get(value.missing, otherwise)
    return Table(value.column, tuple(known.items()), otherwise, missing, value.fill)


def _one_hot(step: Any, values: list[Value]) -> list[Value]:
    infrequent = getattr(step, "infrequent_categories_", None) or [None] * len(values)
    dropped = step.drop_idx_ if step.drop_idx_ is not None else [None] * len(values)
    made: list[Value] = []
    for value, categories, rare, drop in zip(values, step.categories_, infrequent, dropped, strict=True):
        gaps = [category for category in categories if is_gap(category)]
        if len(gaps) > 1:
            raise NotSupportedError("a column with None and NaN as two categories can't be exported")
        rare_keys = [] if rare is None else [_key(category) for category in rare]
        groups = [[category] for category in categories if _key(category) not in rare_keys]
        groups += [list(rare)] if rare_keys else []
        takes_unknown = bool(rare_keys) and step.handle_unknown in ("infrequent_if_exist", "warn")
        for place, group in enumerate(groups):
            if drop is not None and _key(categories[drop]) in [_key(category) for category in group]:
                continue
            other = float(takes_unknown and place == len(groups) - 1)
            in_group = [_key(category) for category in group]
            numbers = [float(_key(category) in in_group) for category in categories]
            made.append(_encoded(value, list(categories), numbers, other, other))
    return made


def _key(category: Any) -> Any:
    """Something to compare categories by; NaN equals itself."""
    return None if is_gap(category) else category


def _ordinal(step: Any, values: list[Value]) -> list[Value]:
    if getattr(step, "infrequent_categories_", None) and any(rare is not None for rare in step.infrequent_categories_):
        raise NotSupportedError("an OrdinalEncoder with infrequent categories can't be exported")
    # Where unknown categories are refused no row gets this far with one; NaN leaves it unanswered or to the tree.
    unknown = math.nan if step.unknown_value is None else float(step.unknown_value)
    made: list[Value] = []
    for value, categories in zip(values, step.categories_, strict=True):
        codes = [step.encoded_missing_value if is_gap(c) else place for place, c in enumerate(categories)]
        made.append(_encoded(value, list(categories), [float(code) for code in codes], unknown, unknown))
    return made


def _columns(step: Any, values: list[Value], names: Sequence[str]) -> list[Value]:
    own_names = [str(name) for name in getattr(step, "feature_names_in_", names)]
    made: list[Value] = []
    for _, inner, columns in step.transformers_:
        if isinstance(inner, str) and inner == "drop":
            continue
        places = _places(columns, own_names, len(values))
        if places:
            made += after(inner, [values[place] for place in places], [])
    return made


def _table(step: TableColumns, values: list[Value]) -> list[Value]:
    made: list[Value] = [Table(0, (), 0.0, 0.0)] * step.width_
    for place, (reading, start) in enumerate(zip(step.readings_, step.starts_, strict=True)):
        if reading.kind == "category":
            own: list[Value] = [Table(place, ((value, 1.0),), 0.0, 0.0) for value in reading.values]
        else:
            own = [
                Number(place + len(values) * again, (), fill, fill, written)
                for again, (fill, written) in enumerate(_read(reading), start=reading.kind == "text")
            ]
        own += [Table(place, (), 0.0, 1.0)] * reading.marks_gaps
        made[start : start + len(own)] = own
    return made


def _read(reading: Reading) -> list[tuple[float, Written]]:
    """What is read from the cells of one column, and what a gap counts as."""
    if reading.kind == "text":
        return [(0.0, Written(words=spellings(str(word)))) for word in reading.values]
    parts = [(float(part_of(reading.fill, part)), replace(reading.written, part=part)) for part in reading.parts]
    return [(reading.fill, reading.written), *parts]


def _places(columns: Any, names: Sequence[str], n_columns: int) -> list[int]:
    """Columns by name, place, slice or mask, as ColumnTransformer takes them."""
    if isinstance(columns, slice):
        if isinstance(columns.start, str) or isinstance(columns.stop, str):
            start = 0 if columns.start is None else names.index(columns.start)
            stop = n_columns if columns.stop is None else names.index(columns.stop) + 1
            return list(range(start, stop))[:: columns.step]
        return list(range(n_columns))[columns]
    chosen = [columns] if isinstance(columns, str | int) else list(columns)
    if chosen and all(isinstance(one, bool | np.bool_) for one in chosen):
        return [place for place, one in enumerate(chosen) if one]
    return [names.index(one) if isinstance(one, str) else int(one) % n_columns for one in chosen]


FOLLOWED: dict[type, Any] = {
    ColumnTransformer: _columns,
    FunctionTransformer: _function,
    MaxAbsScaler: _max_abs,
    MinMaxScaler: _min_max,
    OneHotEncoder: _one_hot,
    OrdinalEncoder: _ordinal,
    RobustScaler: _robust,
    SimpleImputer: _imputed,
    StandardScaler: _standard,
    TableColumns: _table,
}
