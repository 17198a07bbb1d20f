"""Cells of a table as numbers, and how a column of them is read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stepdown.core import InvalidInputError

from ._program import SEPARATORS, Category, Written

Kind = Literal["number", "date", "category", "text"]
APART = str.maketrans(dict.fromkeys(SEPARATORS, " "))
EPOCH = date(1970, 1, 1).toordinal()
DAY = 86_400_000_000  # microseconds
CLOCK = (1, 60, 3600, 86_400)  # what the parts of 2:23:59:59 count, from the last
LARGEST = 3.4e38  # trees read single precision: to them whatever is beyond is infinite


@dataclass(frozen=True)
class Reading:
    """How a column is read.

    One feature for a number or date, one for each part of a date (its month, its weekday), for each category or each
    word of a text, and one that marks gaps.
    """

    name: str
    kind: Kind
    note: str
    written: Written = field(default_factory=Written)
    fill: float = 0.0
    values: tuple[Category, ...] = ()
    marks_gaps: bool = False
    parts: tuple[Literal["month", "weekday"], ...] = ()

    @property
    def names(self) -> list[str]:
        """Of the features."""
        between = {"category": "_", "text": " has "}.get(self.kind)
        own = [self.name, *(f"{part} of {self.name}" for part in self.parts)]
        if between is not None:
            own = [f"{self.name}{between}{value}" for value in self.values]
        return own + [f"{self.name} is missing"] * self.marks_gaps

    def features(self, cells: NDArray[Any]) -> NDArray[np.float64]:
        """One row for each cell; no gaps are left."""
        if self.kind in ("category", "text"):
            made = np.zeros((len(cells), len(self.names)))
            places = self._places()
            for row, cell in enumerate(cells.tolist()):
                if is_gap(cell):
                    made[row, len(self.values) :] = 1.0
                else:
                    found = {cell} if self.kind == "category" else words_of(cell)
                    made[row, [places[one] for one in found & places.keys()]] = 1.0
            return made
        numbers = numbers_of(cells, self.written)
        gaps = np.isnan(numbers)
        if np.abs(numbers[~gaps]).max(initial=0.0) > LARGEST:
            raise InvalidInputError(
                f"column {self.name!r} holds numbers beyond {LARGEST:.2g}, which are infinite to trees; rescale them."
            )
        made = np.empty((len(cells), len(self.names)))
        made[:, 0] = filled = np.where(gaps, self.fill, numbers)
        for place, part in enumerate(self.parts, start=1):
            made[:, place] = part_of(filled, part)
        if self.marks_gaps:
            made[:, -1] = gaps
        return made

    def _places(self) -> dict[Any, int]:
        """The feature of each category, or of each spelling of a word."""
        if self.kind == "category":
            return {value: place for place, value in enumerate(self.values)}
        return {word: place for place, value in enumerate(self.values) for word in spellings(str(value))}


def words_of(text: Any) -> set[str]:
    """The words of a text, as they are spelt."""
    return set(str(text).translate(APART).split(" "))


def spellings(word: str) -> tuple[str, ...]:
    """A word in small letters as texts spell it: so, at the beginning of a sentence, or in capitals."""
    return tuple(dict.fromkeys((word, word.capitalize(), word.upper())))


def part_of(days: Any, part: str) -> NDArray[np.float64]:
    """The month of days since 1970-01-01, or the day of the week, of which Monday is 1."""
    whole = np.floor(np.asarray(days, dtype=np.float64))
    if part == "weekday":
        return (whole + 3) % 7 + 1  # it was a Thursday
    return np.asarray(whole.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1, dtype=np.float64)


def cells_of(X: Any, name: str) -> NDArray[Any]:
    """The cells of a column as they are."""
    if hasattr(X, "iat") and len(X) == 1 and isinstance(place := X.columns.get_loc(name), int):
        value = X.iat[0, place]  # of one row pandas gives a value in a quarter of the time of a column
        if isinstance(value, str):
            return np.array([value], dtype=object)
        if isinstance(value, np.number | np.bool_):
            return np.array([value])
    return np.asarray(X[name])


def is_gap(value: Any) -> bool:
    """Whether it stands for a missing value."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


def numbers_of(cells: NDArray[Any], written: Written) -> NDArray[np.float64]:
    """Numbers, or days since 1970-01-01; NaN where a cell holds neither."""
    if cells.dtype.kind in "iufb" and written.date is None:
        days = cells.astype(np.float64) / (written.per_day or 1.0)
        return np.floor(days) if written.whole_days else days
    if cells.dtype.kind in "mM":
        days = cells.astype(f"{cells.dtype.kind}8[us]").astype(np.int64) / DAY
        return np.where(np.isnat(cells), np.nan, np.floor(days) if written.whole_days else days)
    read = {"date": days_of, "clock": clock_of, "number": number_of}[written.kind]
    known: dict[Any, float] = {}
    values = cells.tolist()  # once: NaN equals itself only where it is the same object
    for cell in values:
        if cell not in known:
            known[cell] = math.nan if is_gap(cell) else read(cell, written)
    return np.array([known[cell] for cell in values], dtype=np.float64)


def number_of(cell: Any, written: Written) -> float:
    """A number in text, without the signs that are dropped; NaN where there is none."""
    try:
        number = float(_replaced(cell, written))
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def _replaced(cell: Any, written: Written) -> Any:
    """A text after what is replaced in it; anything else as it is."""
    if isinstance(cell, str):
        for sign, by in written.replaced:
            cell = cell.replace(sign, by)
    return cell


def clock_of(cell: Any, written: Written) -> float:
    """What stands between colons, counted in its last part; NaN for anything else."""
    parts = _replaced(str(cell), written).strip().split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return math.nan
    if len(parts) != written.clock or not all(0 <= number < math.inf for number in numbers):
        return math.nan
    return sum(number * worth for number, worth in zip(reversed(numbers), CLOCK, strict=False))


def days_of(cell: Any, written: Written) -> float:
    """Days since 1970-01-01; NaN for text that isn't written so."""
    if written.per_day:
        days = number_of(cell, written) / written.per_day
        return math.floor(days) if written.whole_days and not math.isnan(days) else days
    if isinstance(cell, str | int | float):
        text = cell if isinstance(cell, str) else f"{cell:.0f}"
        try:
            cell = datetime.strptime(_replaced(text, written).strip(), written.date or "%Y-%m-%d")
        except ValueError:
            return math.nan
    if getattr(cell, "tzinfo", None) is not None:
        cell = cell.astimezone(UTC)
    days = cell.toordinal() - EPOCH
    if written.whole_days or not hasattr(cell, "hour"):
        return float(days)
    seconds = cell.hour * 3600 + cell.minute * 60 + cell.second
    return (days * DAY + seconds * 1_000_000 + cell.microsecond) / DAY
