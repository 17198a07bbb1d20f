"""What a column of a table holds: numbers, dates, categories, or nothing that a person would read a rule about."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer

from stepdown.core import InvalidInputError

from ._cells import LARGEST, Reading, days_of, is_gap, number_of, numbers_of, part_of
from ._program import SEPARATORS, Category, Written
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
KEY = re.compile(r"(?i:^|[\W_])(?i:id|key|uuid|guid|index|nr|no)$|[a-z](?:Id|ID)$")
NO_NUMBERS = {"", "?", "-", "--", ".", "n/a", "na", "nan", "none", "null", "unknown"}
THOUSANDS = r"[+-]?(?:[1-9]\d{{0,2}}(?:{group}\d{{3}})+|\d+)"
GROUPED = rf"(?:{THOUSANDS}|[+-])?(?:{{point}}\d+)?(?:[eE][+-]?\d+)?"
UNIT = re.compile(r"^[A-Z]{3}\s|\s[^\W\d_]+(?:/[^\W\d_]+)?$")
SPACES_AND_QUOTES = " \u00a0\u202f\u2009'\u2019"


def read_column(name: str, cells: NDArray[Any], kind: str | None = None) -> Reading | str:
    """How a column is read, or why it is left out; a kind that is given is kept to."""
    if cells.dtype.kind in "iuf" and kind in (None, "number"):
        return _of_numbers(name, cells, kind)
    present = [cell for cell in cells.tolist() if not is_gap(cell)]
    counts = Counter(present)
    gaps = len(present) < len(cells)
    if not counts:
        return NO_VALUES
    if len(counts) == 1 and not gaps:
        return ONE_VALUE
    written = _numbers(cells, list(counts)) if kind in (None, "number") else None
    if written is not None:
        return _filled(name, written, cells, present[0], len(cells) - len(present))
    if kind == "number":
        raise InvalidInputError(f"column {name!r} can't be read as numbers: it holds {_few(present)}")
    written = _dates(cells, list(counts)) if kind in (None, "date") else None
    if written is not None:
        return _filled(name, written, cells, present[0], len(cells) - len(present))
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
    if kind is None and whole and len(known) >= FEWEST_ROWS and len(np.unique(known)) == len(known):
        if low in (0, 1) and high - low == len(cells) - 1:
            return "it numbers the rows"
        if KEY.search(name):
            return "every row has its own number, and its name is that of a key"
    return _filled(name, Written(), cells, low, len(cells) - len(known))


def _filled(name: str, written: Written, cells: NDArray[Any], first: Any, missing: int) -> Reading:
    numbers = numbers_of(cells, written)
    known = numbers[~np.isnan(numbers)]
    fill = float(np.median(known))
    fill = float(np.floor(fill)) if written.whole_days else fill
    unread = len(cells) - len(known) - missing
    parts = _parts(known) if written.kind == "date" else ()
    note = written.kind + (f", written like {first!r}" if isinstance(first, str) else "")
    note += f"; its {' and '.join(parts)}, too" if parts else ""
    low, high = known.min(), known.max()
    if -LARGEST <= low < high <= LARGEST and np.float32(low) == np.float32(high):
        note += "; trees, which compare in single precision, can't tell its values apart: subtract what they share"
    note += f"; {unread} cells that hold none count as missing" if unread else ""
    return Reading(name, written.kind, note, written, fill, marks_gaps=missing + unread > 0, parts=parts)


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
    rest = f"; {len(plain) - len(common)} rarer values count as none of them" if len(common) < len(plain) else ""
    return Reading(name, "category", f"category, {listed}{rest}", values=tuple(kept), marks_gaps=gaps)


def _plain(value: Any) -> Category:
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, str | int | float) else str(value)


def _numbers(cells: NDArray[Any], present: Sequence[Any]) -> Written | None:
    """How numbers are written, where every cell that isn't an obvious gap holds one."""
    if cells.dtype.kind == "m":
        return Written()
    if all(isinstance(cell, bool) for cell in present):
        return None
    if not any(isinstance(cell, str) for cell in present):
        return Written() if all(np.isfinite(number_of(cell, Written())) for cell in present) else None
    texts = {str(cell).strip() for cell in present}
    texts -= {text for text in texts if text.lower() in NO_NUMBERS}
    signs = {frozenset(_signs(text)) for text in texts}
    if len(signs) != 1:  # shares beside amounts, or amounts of different money
        return None
    money = any(unicodedata.category(sign) == "Sc" for sign in next(iter(signs)))
    dropped = "".join(sorted(signs.pop())) + SPACES_AND_QUOTES
    bare = [text.translate({ord(sign): None for sign in dropped}) for text in texts]
    # Money has no three decimals.
    for form, group, point in [(THOUSANDS, ".", ",")] * money + [(GROUPED, ",", "."), (GROUPED, ".", ",")]:
        pattern = re.compile(form.format(group=re.escape(group), point=re.escape(point)))
        if all(pattern.fullmatch(text) and any(sign.isdigit() for sign in text) for text in bare):
            return Written(decimal=point, dropped=dropped + group)
    return None


def _signs(text: str) -> str:
    """Money and percent signs, and a unit that stands apart, as in 12 kg or EUR 5."""
    money = "".join(sign for sign in text if sign == "%" or unicodedata.category(sign) == "Sc")
    return money + "".join(UNIT.findall(text)).strip()


def _dates(cells: NDArray[Any], present: Sequence[Any]) -> Written | None:
    """How dates are written, and whether they are whole days."""
    if cells.dtype.kind == "M":
        days = numbers_of(cells, Written("date"))
        return Written("date", whole_days=bool(np.all((days % 1 == 0) | np.isnan(days))))
    form: str | None = None
    if all(isinstance(cell, str) for cell in present):
        import pandas as pd
        from skrub import ToDatetime

        try:
            form = ToDatetime().fit(pd.Series([cell.strip() for cell in present], name="dates")).format_
        except ValueError:  # RejectColumn is one
            return None
    elif not all(hasattr(cell, "toordinal") for cell in present):
        return None
    days = np.array([days_of(cell, Written("date", date=form)) for cell in present])
    return None if np.isnan(days).any() else Written("date", date=form, whole_days=bool(np.all(days % 1 == 0)))


def _few(present: Sequence[Any]) -> str:
    return ", ".join(repr(cell) for cell in list(dict.fromkeys(present))[:FEW])
