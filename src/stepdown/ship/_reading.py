"""What a column of a table holds: numbers, dates, categories, or nothing that a person would read a rule about."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer

from stepdown.core import InvalidInputError

from ._cells import LARGEST, Kind, Reading, is_gap, numbers_of, part_of
from ._program import SEPARATORS, Category, Written
from ._spelling import dates_counted, dates_written, numbers_written
from ._text import quoted

# Fewer rows than this don't show that every row has its own value.
FEWEST_ROWS = 20
MOST_VALUES = 30
RARE = 0.01
# A word that says something is in some rows, and not in nearly all.
MOST_WORDS, FEWEST_WITH, RARE_WORD, COMMON_WORD = 30, 10, 0.02, 0.9
YEAR, MONTH = 365, 28  # days
NO_VALUES, ONE_VALUE = "it has no values", "it has one value throughout"
FEW = 5  # values that a line shows
OWN_VALUES = 0.9
FEWEST_MARKS = 2  # rows with nines
KEY = re.compile(r"(?i:^|[\W_])(?i:id|key|uuid|guid|index|nr|no|num|number|ref|pk)$|[a-z](?:Id|ID|No|Nr|Number)$")
ALL_NINES = re.compile(r"-?9{2,}|-9")
YEARS = range(1500, 2101)


def read_column(name: str, cells: NDArray[Any], kind: str | None = None) -> Reading | str:
    """How a column is read, or why it is left out; a kind that is given is kept to."""
    if cells.dtype.kind in "iuf" and kind in (None, "number", "date"):
        return _of_numbers(name, cells, kind)
    present = [cell for cell in cells.tolist() if not is_gap(cell)]
    counts = Counter(present)
    gaps = len(present) < len(cells)
    if not counts:
        return NO_VALUES
    if len(counts) == 1 and not gaps:
        return ONE_VALUE
    written = numbers_written(cells, counts) if kind in (None, "number") else None
    if written is not None:
        return _filled(name, written, cells, len(cells) - len(present))
    if kind == "number":
        raise InvalidInputError(f"column {name!r} can't be read as numbers: it holds {_few(present)}")
    written = dates_written(cells, counts) if kind in (None, "date") else None
    if written is not None:
        return _filled(name, written, cells, len(cells) - len(present))
    if kind == "date":
        raise InvalidInputError(f"column {name!r} can't be read as dates: it holds {_few(present)}")
    read = _categories(name, counts, gaps)
    own = len(present) >= FEWEST_ROWS and len(counts) > OWN_VALUES * len(present)
    named = len(counts) <= MOST_VALUES or 2 * sum(counts[value] for value in read.values) > len(present)
    if kind == "category" or (kind is None and named and not own):
        return read
    words = _words(name, present, gaps)
    if words is not None:
        return words
    if kind == "text":
        raise InvalidInputError(
            f"column {name!r} has no word that is in some rows and not in all: it holds {_few(present)}"
        )
    if own:
        return "nearly every row has its own text, and no words are common: an identifier or free text"
    return read if read.values else f"none of its {len(counts)} texts or their words is frequent"


def _of_numbers(name: str, cells: NDArray[Any], kind: str | None) -> Reading | str:
    """The same for a column of numbers."""
    known = cells[~np.isnan(cells)]
    gaps = len(known) < len(cells)
    if not len(known):
        return NO_VALUES
    low, high = known.min(), known.max()
    if low == high and not gaps:
        return ONE_VALUE
    whole = np.array_equal(known, np.round(known))
    if kind != "number" and whole and (written := dates_counted(name, known, certain=kind == "date")) is not None:
        return _filled(name, written, cells, len(cells) - len(known))
    if kind == "date":
        raise InvalidInputError(f"column {name!r} can't be read as dates: it holds {_few(known.tolist())}")
    if kind is None and whole and len(known) >= FEWEST_ROWS and len(np.unique(known)) == len(known):
        if high - low == len(cells) - 1 and not (low in YEARS and high in YEARS):
            return "it numbers the rows"
        if KEY.search(name):
            return "every row has its own number, and its name is that of a key"
    return _filled(name, Written(), cells, len(cells) - len(known))


def _filled(name: str, written: Written, cells: NDArray[Any], missing: int) -> Reading:
    numbers = numbers_of(cells, written)
    known = numbers[~np.isnan(numbers)]
    fill = float(np.median(known))
    fill = float(np.floor(fill)) if written.whole_days else fill
    unread = len(cells) - len(known) - missing
    parts = _parts(known) if written.kind == "date" else ()
    note = {"clock": "time or duration"}.get(written.kind, written.kind)
    texts = [cell for cell, number in zip(cells.tolist(), numbers, strict=True) if not np.isnan(number)]
    if isinstance(texts[0], str) or written.date:
        note += f", written like {max(texts, key=lambda text: len(str(text)))!r}"
    signs = [sign for sign, by in written.swaps if not by]
    note += f", without {' or '.join(map(repr, signs))}" if signs else ""
    note += "; in brackets it is below 0" if ("(", "-") in written.swaps else ""
    note += f", counted from 1970 on, {written.per_day:,.0f} a day" if written.per_day else ""
    note += f"; its {' and '.join(parts)}, too" if parts else ""
    note += _marks(known) if written.kind == "number" else ""
    low, high = known.min(), known.max()
    if -LARGEST <= low < high <= LARGEST and np.float32(low) == np.float32(high):
        note += "; trees, which compare in single precision, can't tell its values apart: subtract what they share"
    if unread:
        held = np.isnan(numbers) & np.array([not is_gap(cell) for cell in cells.tolist()])
        some = ", ".join(repr(cell) for cell in list(dict.fromkeys(cells[held].tolist()))[:2])
        note += f"; {unread} cells that hold none, like {some}, count as missing"
    kind: Kind = "date" if written.kind == "date" else "number"
    return Reading(name, kind, note, written, fill, marks_gaps=missing + unread > 0, parts=parts)


def _marks(known: NDArray[np.float64]) -> str:
    """A word about nines that stand far from all other numbers: in old files they mark gaps."""
    for mark in (known.min(), known.max()):
        others = known[known != mark]
        if not ALL_NINES.fullmatch(f"{mark:.12g}") or len(known) - len(others) < FEWEST_MARKS or len(others) < 2:
            continue
        if np.abs(others - mark).min() > np.ptp(others) or mark < 0 <= others.min():
            return f"; {mark:g} in {len(known) - len(others)} rows stands apart: leave it empty if it means a gap"
    return ""


def _parts(days: NDArray[np.float64]) -> tuple[Literal["month", "weekday"], ...]:
    """What comes back: the month where they span a year, the weekday unless they are the same day of each month."""
    span = days.max() - days.min()
    months = np.floor(days).astype("datetime64[D]").astype("datetime64[M]")
    in_month = np.floor(days).astype("datetime64[D]") - months
    comes_back = span >= YEAR and len(np.unique(part_of(days, "month"))) > 1
    month: tuple[Literal["month"], ...] = ("month",) if comes_back else ()
    if span < MONTH or len(np.unique(in_month)) == 1 or len(np.unique(part_of(days, "weekday"))) == 1:
        return month
    return (*month, "weekday")


def _words(name: str, present: Sequence[Any], gaps: bool) -> Reading | None:
    """Words that are in some rows of a text and not in nearly all; None where there are none."""
    if not all(isinstance(cell, str) for cell in present):
        return None
    fewest = max(FEWEST_WITH, math.ceil(RARE_WORD * len(present)))
    counter = CountVectorizer(
        binary=True,
        token_pattern=f"[^{re.escape(SEPARATORS)}]{{2,}}",
        min_df=fewest,
        max_df=COMMON_WORD,
    )
    try:
        found = counter.fit_transform(present)
    except ValueError:  # no word is left
        return None
    often = np.asarray(found.sum(axis=0)).ravel()
    words = [
        word for word in counter.get_feature_names_out()[np.argsort(-often, kind="stable")] if not word.isnumeric()
    ]
    if not words:
        return None
    words = words[:MOST_WORDS]
    listed = ", ".join(quoted(word) for word in words[:FEW]) + ", ..." * (len(words) > FEW)
    return Reading(name, "text", f"text, has {listed} or not", values=tuple(words), marks_gaps=gaps)


def _categories(name: str, counts: Counter[Any], gaps: bool) -> Reading:
    plain = Counter({_plain(value): count for value, count in counts.items()})
    fewest = 0 if len(plain) <= MOST_VALUES else max(1, RARE * plain.total())
    common = [value for value, count in plain.most_common(MOST_VALUES) if count > fewest]
    values = sorted(common, key=lambda value: (isinstance(value, str), value))
    kept = values[1:] if len(plain) == 2 else values
    listed = ", ".join(quoted(value) for value in values[:FEW]) + ", ..." * (len(values) > FEW)
    folded = Counter(" ".join(str(value).split()).casefold() for value in values)
    alike = [value for value in values if folded[" ".join(str(value).split()).casefold()] > 1]
    twins = f"; {' and '.join(map(quoted, alike[:2]))} differ in spaces or capitals only" if alike else ""
    rest = f"; {len(plain) - len(common)} rarer values count as none of them" if len(common) < len(plain) else ""
    return Reading(name, "category", f"category, {listed}{rest}{twins}", values=tuple(kept), marks_gaps=gaps)


def _plain(value: Any) -> Category:
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, str | int | float) else str(value)


def _few(present: Sequence[Any]) -> str:
    return ", ".join(repr(cell) for cell in list(dict.fromkeys(present))[:FEW])
