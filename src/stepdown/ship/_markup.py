"""HTML that can't be broken by what is in it: text is escaped unless it was made here."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ._text import shown

ALONE = {"meta", "line", "rect", "circle", "path"}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Iterable["Content"] | None


def tag(name: str, /, *content: Content, **attributes: object) -> Markup:
    """An element; text in it is escaped, attributes that are None are left out, `cls` means class, _ means -.

    Examples
    --------
    >>> tag("p", "a < b", tag("b", "!"), cls="note")
    '<p class="note">a &lt; b<b>!</b></p>'
    """
    pairs = {"class" if key == "cls" else key.replace("_", "-"): value for key, value in attributes.items()}
    said = "".join(f' {key}="{escape(shown(value))}"' for key, value in pairs.items() if value is not None)
    if name in ALONE and not content:
        return Markup(f"<{name}{said}>" if name == "meta" else f"<{name}{said}/>")
    return Markup(f"<{name}{said}>{together(*content)}</{name}>")


def together(*content: Content) -> Markup:
    """Several pieces as one."""
    parts: list[str] = []
    for part in content:
        if isinstance(part, Markup):
            parts.append(part)
        elif isinstance(part, str):
            parts.append(escape(shown(part)))
        elif part is not None:
            parts.append(together(*part))
    return Markup("".join(parts))
