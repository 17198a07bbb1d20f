"""How people write numbers, dates and times: found out from all cells of a column, so that one rule reads them."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._cells import days_of, number_of, numbers_of
from ._program import Written

NO_VALUE = {"", "?", "-", "--", ".", "n/a", "na", "nan", "none", "null", "unknown", "nat"}
# Other texts among numbers or dates are gaps where these are many, and the texts are few.
MOST_MARKS, FEWEST_OTHERS = 3, 10
THOUSANDS = r"[+-]?(?:[1-9]\d{{0,2}}(?:{group}\d{{2,3}})*{group}\d{{3}}|\d+)"  # a lakh is 1,00,000
GROUPED = rf"(?:{THOUSANDS}|[+-])?(?:{{point}}\d+)?(?:[eE][+-]?\d+)?"
UNIT = re.compile(r"^[^\W\d_]{1,3}\.?(?=\s|[$€£¥])|(?<=[\d\s])°?[^\W\d_]+(?:/[^\W\d_]+)?\.?$")
SPACES_AND_QUOTES = " \u00a0\u202f\u2009'\u2019"
MINUS = (("\u2212", "-"), ("\u2013", "-"))
IN_BRACKETS = (("(", "-"), (")", ""))  # as bookkeepers write what is below 0
BOUND = re.compile(r"^[<>\u2264\u2265~\u2248]|(?<=\d)\+$")  # a laboratory's "<5", a survey's "90+"
NO_DATE = re.compile(r"0000-00-00.*|00([./-])00\1(?:00)+")
LARGE = {"K": "e3", "k": "e3", "M": "e6", "B": "e9"}
CLOCK_FACE = re.compile(r"\d+(?::[0-5]\d){1,2}(?:\.\d+)?|\d+:[0-2]?\d:[0-5]\d:[0-5]\d(?:\.\d+)?")
DAYS_APART = ((" days ", ":"), (" day ", ":"))  # as pandas writes a duration
# What skrub doesn't look for; months have become numbers.
DAYS = (
    *("%d-%m-%Y", "%d %m %Y", "%m %d, %Y", "%m %d %Y", "%d. %m %Y", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y%m%d"),
    *("%d.%m.%y", "%m/%d/%y", "%d/%m/%y", "%d-%m-%y", "%m/%Y", "%m-%Y", "%m %Y", "%m.%Y", "%Y-%m", "%Y %m", "%Y/%m"),
)
HOURS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
QUARTERS = {f"Q{number}": f"{3 * number - 2:02d}" for number in range(1, 5)}
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
LONGEST_DATE = 40
# Whole numbers that name days, and how many units a day has: seconds, milli-, micro- and nanoseconds.
FIRST_DAY, LAST_DAY = 1900_01_01, 2100_12_31
UNITS = [86_400.0 * 1000**power for power in range(4)]
EARLIEST, LATEST = 3650.0, 45_000.0  # days since 1970
WHEN = re.compile(r"(?i)date|time|stamp|epoch|created|updated|(?:^|_)(?:ts|at|on|day)$")


def numbers_written(cells: NDArray[Any], present: Mapping[Any, int]) -> Written | None:
    """How numbers or times are written, where every cell that isn't a gap holds one."""
    if cells.dtype.kind == "m":
        return Written()
    if all(isinstance(cell, bool) for cell in present):
        return None
    if not any(isinstance(cell, str) for cell in present):
        if all(isinstance(cell, time) for cell in present):
            return Written("clock", clock=3)
        return Written() if all(np.isfinite(number_of(cell, Written())) for cell in present) else None
    texts = _without_marks({str(cell).strip() for cell in present})
    return _clock(texts) or _number(texts)


def _without_marks(texts: set[str]) -> set[str]:
    """The texts without those that stand for a gap."""
    texts = {text for text in texts if text.lower() not in NO_VALUE}
    marks = {text for text in texts if NO_DATE.fullmatch(text) or not any(sign.isdigit() for sign in text)}
    few = len(marks) <= MOST_MARKS and len(texts) - len(marks) > FEWEST_OTHERS
    return texts - marks if few else texts


def _clock(texts: set[str]) -> Written | None:
    """Hours, minutes and seconds between colons, perhaps with days in front."""
    for swaps in ((), DAYS_APART):
        bare = [_swapped(text, swaps) for text in texts]
        parts = {text.count(":") + 1 for text in bare}
        if len(parts) == 1 and all(CLOCK_FACE.fullmatch(text) for text in bare):
            return Written("clock", swaps=swaps, clock=parts.pop())
    return None


def _number(texts: set[str]) -> Written | None:
    units = {unit.strip() for text in texts for unit in UNIT.findall(text)}
    money = {sign for text in texts for sign in text if sign == "%" or unicodedata.category(sign) == "Sc"}
    large = units <= LARGE.keys() and len(units) > 1
    # Shares beside amounts, amounts of different money, or kilograms beside grams.
    if len({frozenset(_signs(text, money, units if large else ())) for text in texts}) != 1:
        return None
    swaps = [(unit, LARGE[unit] if large else "") for unit in sorted(units, key=len, reverse=True)]
    swaps += [pair for pair in MINUS if any(pair[0] in text for text in texts)]
    if any("(" in text for text in texts):
        if not all(text.startswith("(") == text.endswith(")") for text in texts):
            return None
        swaps += IN_BRACKETS
    bounds = dict.fromkeys(sign for text in sorted(texts) for sign in BOUND.findall(text))
    swaps += [(sign, "") for sign in bounds]
    bare = {_swapped(text, [*swaps, *((sign, "") for sign in money)]) for text in texts}
    spaced = {re.sub(f"[{SPACES_AND_QUOTES}]", " ", text).strip() for text in bare}
    spaced = {text.replace("- ", "-") for text in spaced}
    # Money has no three decimals.
    forms = [(THOUSANDS, ".", ",")] * (money > {"%"} or bool(money - {"%"}))
    forms += [(GROUPED, group, point) for group, point in ((",", "."), (".", ","), (" ", "."), (" ", ","))]
    for form, group, point in forms:
        pattern = re.compile(form.format(group=re.escape(group), point=re.escape(point)))
        if all(pattern.fullmatch(text) and any(sign.isdigit() for sign in text) for text in spaced):
            dropped = "".join(sorted(money)) + SPACES_AND_QUOTES + group.strip()
            return Written(decimal=point, dropped=dropped, swaps=tuple(swaps))
    return None


def _signs(text: str, money: Collection[str], apart: Collection[str]) -> str:
    """Money and percent signs, and a unit; but not those that stand apart."""
    signs = [sign for sign in text if sign in money] + list("".join("".join(UNIT.findall(text)).split()))
    return "".join(sign for sign in signs if sign not in apart)


def _swapped(text: str, swaps: Sequence[tuple[str, str]]) -> str:
    for sign, by in swaps:
        text = text.replace(sign, by)
    return text.strip()


def dates_counted(name: str, numbers: NDArray[Any], *, certain: bool) -> Written | None:
    """How whole numbers name days: as 20120131, or counted since 1970 where the column's name speaks of time."""
    low, high = numbers.min(), numbers.max()
    if low >= FIRST_DAY and high <= LAST_DAY and len(np.unique(numbers)) > 1:
        written = Written("date", date="%Y%m%d", whole_days=True)
        if not np.isnan([days_of(number, written) for number in np.unique(numbers).tolist()]).any():
            return written
    for unit in UNITS if certain or WHEN.search(name) else ():
        if low / unit > EARLIEST and high / unit < LATEST:
            return Written("date", per_day=unit, whole_days=bool(np.all(numbers % unit == 0)))
    return None


def dates_written(cells: NDArray[Any], present: Mapping[Any, int]) -> Written | None:
    """How dates are written, and whether they are whole days."""
    if cells.dtype.kind == "M":
        days = numbers_of(cells, Written("date"))
        return Written("date", whole_days=bool(np.all((days % 1 == 0) | np.isnan(days))))
    if all(isinstance(cell, str) for cell in present):
        texts = sorted(_without_marks({cell.strip() for cell in present}))
        if not texts or max(map(len, texts)) > LONGEST_DATE:
            return None
        for written in _forms(texts):
            if not any(math.isnan(days_of(text, written)) for text in texts):
                return _in_whole_days(texts, written)
        return None
    if not all(hasattr(cell, "toordinal") for cell in present):
        return None
    return _in_whole_days(list(present), Written("date"))


def _in_whole_days(cells: Sequence[Any], written: Written) -> Written | None:
    days = np.array([days_of(cell, written) for cell in cells])
    return None if np.isnan(days).any() else replace(written, whole_days=bool(np.all(days % 1 == 0)))


def _forms(texts: Sequence[str]) -> Iterator[Written]:
    """Ways in which all texts may be dates, the likelier first."""
    import pandas as pd
    from skrub import ToDatetime

    form = None
    with suppress(ValueError):  # RejectColumn is one
        form = ToDatetime().fit(pd.Series(texts, name="dates")).format_
    if form is not None and "%b" not in form.lower():
        yield Written("date", date=form)
    # As numbers, because the names that strptime knows depend on where it runs.
    for swaps in _names_of_months(texts):
        yield from (Written("date", date=day + hour, swaps=swaps) for day in DAYS for hour in HOURS)
    if all(sum(text.count(quarter) for quarter in QUARTERS) == 1 for text in texts):
        quarters = tuple(QUARTERS.items())
        yield from (Written("date", date=form, swaps=quarters) for form in ("%Y%m", *DAYS))


def _names_of_months(texts: Sequence[str]) -> Iterator[tuple[tuple[str, str], ...]]:
    """The names of all months, as all texts have one of them, and their numbers; nothing at last."""
    for letters in (None, 3):
        for style in (str.capitalize, str.upper, str.lower):
            months = [(style(name[:letters]), f"{number:02d}") for number, name in enumerate(MONTHS, start=1)]
            if all(any(name in text for name, _ in months) for text in texts):
                yield tuple(months)
    yield ()
