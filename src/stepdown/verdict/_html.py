"""A summary as one piece of HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from ._numbers import size
from ._tables import Table, check_schema, headline, hop_names, tables
from ._text import _sentence

STYLE = """
.stepdown{font:14px/1.45 system-ui,sans-serif;max-width:70rem}
.stepdown table{border-collapse:collapse;margin:.3rem 0 1.2rem}
.stepdown caption{text-align:left;font-weight:600;padding:.3rem 0}
.stepdown th,.stepdown td{padding:.2rem .8rem .2rem 0;text-align:left;border-bottom:1px solid #8884}
.stepdown .n{text-align:right;font-variant-numeric:tabular-nums}
.stepdown ol{list-style:none;display:flex;flex-wrap:wrap;align-items:center;gap:.5rem;padding:0}
.stepdown li.hop{border:1px solid #888;border-radius:.4rem;padding:.3rem .7rem}
.stepdown li.hop b{display:block}
.stepdown li.hop small{opacity:.75}
.stepdown li.arrow{opacity:.75;text-align:center}
"""


def render_html(summary: Mapping[str, Any]) -> str:
    """Render a summary as a piece of HTML with its own style, for a notebook or another page.

    Parameters
    ----------
    summary : mapping
        Of schema 1. Every text in it is escaped.

    Returns
    -------
    str
        One ``<div>``; no script, no link to anywhere.

    Raises
    ------
    ValueError
        If the summary is of another schema.

    Examples
    --------
    >>> html = render_html({"schema": 1, "task": "<task>", "n_samples": 10})
    >>> "&lt;task&gt;, 10 rows" in html
    True
    """
    check_schema(summary)
    parts = [f"<p><b>{escape(line)}</b></p>" for line in headline(summary).splitlines()]
    if summary.get("chain"):
        parts.append(_hops(summary["chain"]))
    parts += [f"<p>{escape(_sentence(summary))}</p>", *(table_html(table) for table in tables(summary))]
    return f'<div class="stepdown"><style>{STYLE}</style>{"".join(parts)}</div>'


def _hops(chain: list[Mapping[str, Any]]) -> str:
    """Draw the models from left to right, each arrow with the method and, for several, the teachers."""
    items = []
    for row in chain:
        source = row.get("from")
        if source:
            several = not isinstance(source, str) and len(source) > 1
            label = str(row.get("method") or "") + (f" from {hop_names(source)}" if several else "")
            items.append(f'<li class="arrow"><small>{escape(label)}</small><br>&rarr;</li>')
        name, about = escape(str(row["name"])), escape(size(row.get("complexity")))
        items.append(f'<li class="hop"><b>{name}</b><small>{about}</small></li>')
    return f"<ol>{''.join(items)}</ol>"


def table_html(table: Table) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=n' if place in table.numeric else ''}>{escape(cell)}</{tag}>"
            for place, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in table.rows)
    caption = f"<caption>{escape(table.title)}</caption>"
    note = f"<p><small>{escape(table.note)}</small></p>" if table.note else ""
    return f"<table>{caption}<thead><tr>{line(table.head, 'th')}</tr></thead><tbody>{body}</tbody></table>{note}"
