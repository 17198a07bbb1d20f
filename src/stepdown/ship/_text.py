"""Text from data, made safe to print."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

SMALLEST = 1e-37
SINGLE = Decimal(2) ** -23  # trees compare in single precision
HALF = Decimal("0.5")  # no whole number is jumped over
ZERO_WIDTH_JOINER = "\u200d"  # not printable by itself, but part of many emoji


def shown(text: Any) -> str:
    """Text on one line: line breaks, escapes and what turns the direction of writing are spelt out."""
    return "".join(
        sign if sign.isprintable() or sign == ZERO_WIDTH_JOINER else sign.encode("unicode_escape").decode()
        for sign in str(text)
    )


def quoted(value: Any) -> str:
    """A category: text in quotes, numbers as they are."""
    if not isinstance(value, str):
        return plain(value)
    return '"' + shown(value).replace('"', '\\"') + '"'


def plain(number: float) -> str:
    """A number as people write it."""
    return str(number) if isinstance(number, int) else f"{number:.12g}"


def threshold(cut: float) -> tuple[str, bool]:
    """The shortest decimal beside a threshold, and whether what equals it lies below it.

    Short decimals are what tables hold, and all of them fall as they should.
    """
    if abs(cut) < SMALLEST:
        return ("0" if cut >= 0 else str(-SMALLEST)), True
    exact = Decimal(cut)
    for digits in range(1, 18):
        unit = Decimal(1).scaleb(exact.adjusted() - digits + 1)
        for rounding in (ROUND_FLOOR, ROUND_CEILING):
            near = (exact / unit).to_integral_value(rounding) * unit
            if abs(exact - near) <= min(abs(exact) * SINGLE, HALF):
                return plain(float(near)), near <= exact
    return plain(cut), True


def clock(value: float, size: int) -> str:
    """A count of the last of so many parts between colons as people write it: 7530 as 02:05:30.

    Examples
    --------
    >>> clock(7530, 3), clock(90.5, 2)
    ('02:05:30', '01:30.5')
    """
    *smaller, rest = round(value, 6), 0.0
    parts: list[str] = []
    for most in (60, 60, 24)[: size - 1]:
        rest, part = divmod(smaller.pop(), most)
        smaller.append(rest)
        parts.append(f"{part:02.0f}" if part == int(part) else f"{part:09.6f}".rstrip("0"))
    return ":".join([f"{smaller[0]:02.0f}", *reversed(parts)])
