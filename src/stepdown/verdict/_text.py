"""Renderers for terminals: plain text, and rich."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._sentence import summary_sentence
from ._tables import Table, check_schema, headline, tables

if TYPE_CHECKING:
    from rich.console import Group


WIDTH = 100


def render_text(summary: Mapping[str, Any]) -> str:
    """Render a summary as plain text: its tables, and what they say.

    Parameters
    ----------
    summary : mapping
        Of schema 1.

    Returns
    -------
    str
        Without a newline at the end.

    Raises
    ------
    ValueError
        If the summary is of another schema.

    Examples
    --------
    >>> way = {"name": "one-hop", "mean": 0.914, "std": 0.02, "seconds": 0.8, "complexity": {"text": "15 leaves"}}
    >>> summary = {"schema": 1, "task": "classification", "scorer": "accuracy", "n_samples": 1200, "ways": [way]}
    >>> print(render_text(summary))
    classification, 1,200 rows
    <BLANKLINE>
    Held-out scores
      way      accuracy   std    time  model
      one-hop      91.4  ±2.0  0.80 s  15 leaves
    <BLANKLINE>
    Nothing was compared.
    """
    check_schema(summary)
    blocks = [headline(summary), *(aligned(table) for table in tables(summary))]
    blocks.append(textwrap.fill(_sentence(summary), WIDTH, break_on_hyphens=False))
    return "\n\n".join(block for block in blocks if block)


def render_rich(summary: Mapping[str, Any]) -> Group:
    """Render a summary for a `rich.console.Console`; needs rich.

    Parameters
    ----------
    summary : mapping
        Of schema 1.

    Returns
    -------
    rich.console.Group

    Raises
    ------
    ImportError
        If rich is missing, with the line that installs it.
    ValueError
        If the summary is of another schema.
    """
    check_schema(summary)
    try:
        from rich import box
        from rich.console import Group
        from rich.table import Table as RichTable
        from rich.text import Text
    except ImportError as error:
        raise ImportError('render_rich needs rich: pip install "stepdown[cli]"') from error

    parts: list[Any] = [Text(headline(summary), style="bold"), Text()]
    for table in tables(summary):
        drawn = RichTable(title=Text(table.title), title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
        for place, name in enumerate(table.head):
            drawn.add_column(Text(name), justify="right" if place in table.numeric else "left")
        for row in table.rows:
            # Text, not str: a model's repr may hold square brackets, which rich would take for markup.
            drawn.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
        if table.note:
            drawn.caption, drawn.caption_justify = Text(table.note), "left"
        parts.append(drawn)
    parts.append(Text(_sentence(summary)))
    return Group(*parts)


STYLES = {"better": "green", "worse": "red", "no practical difference": "yellow", "undecided": "dim"}


def _sentence(summary: Mapping[str, Any]) -> str:
    return str(summary.get("sentence") or summary_sentence(summary))


def aligned(table: Table) -> str:
    lines = [table.head, *table.rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(table.head))]
    text = [table.title]
    for line in lines:
        cells = [
            cell.rjust(width) if place in table.numeric else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text.append(f"  {'  '.join(cells)}".rstrip())
    if table.note:
        text.append(textwrap.fill(table.note, WIDTH, initial_indent="  ", subsequent_indent="  "))
    return "\n".join(text)
