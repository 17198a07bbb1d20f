"""HTML that can't be broken by what is in it: text is escaped unless it was made here."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from stepdown.verdict import Table

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


def wide(label: str, *content: Content, cls: str = "wide") -> Markup:
    """What may be wider than a narrow screen, and then scrolls by itself, also by keyboard."""
    return tag("div", *content, cls=cls, tabindex="0", role="region", aria_label=label)


def table_of(table: Table) -> Markup:
    """A table as HTML; its first column names the rows."""

    def cell(words: str, place: int) -> Markup:
        if place == 0 and 0 not in table.numeric:
            return tag("th", words, scope="row")
        return tag("td", words, cls="n" if place in table.numeric else None)

    head = [
        tag("th", words, scope="col", cls="n" if n in table.numeric else None) for n, words in enumerate(table.head)
    ]
    body = [tag("tr", [cell(words, place) for place, words in enumerate(row)]) for row in table.rows]
    drawn = tag("table", tag("caption", table.title), tag("thead", tag("tr", head)), tag("tbody", body))
    note = tag("p", table.note, cls="small") if table.note else None
    return together(wide(table.title, drawn), note)
