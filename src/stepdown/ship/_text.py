"""Text from data, made safe to print."""

from __future__ import annotations

from typing import Any

import numpy as np

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
    """The shortest decimal that is the same number in single precision."""
    text = str(np.float32(number)) if abs(number) < 1e38 else repr(number)
    return text.removesuffix(".0")
