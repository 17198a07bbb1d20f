"""A report as one page of HTML: no script, no request, readable on paper, on a phone and in the dark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from stepdown.diagnosis import by_role, fact_tables, model_lines, remark_on, why
from stepdown.verdict import Scale, Table, count, headline as about, hop_names, seconds, size, tables

from ._headline import headline
from ._markup import Content, Markup, table_of, tag, together
from ._page_evidence import calibration, capital, classes, comparisons, disagreement, errors_of, flat, score_name, sizes
from ._page_student import student_of

MOST_NOTES = 80
WAYS = {
    "plain": "the small model as its own fit trains it",
    "labels": "the labels alone, with stepdown's training: no teacher",
    "one-hop": "the teacher teaches the student",
    "one-hop-rows": "the teacher teaches the student, on further rows that it answers",
    "multihop": "the teacher teaches an intermediate model, which teaches the student",
    "control": "the same chain begun from the labels: the teacher is never used",
    "chosen": "the way that the search took, on training rows alone",
}
Section = tuple[str, list[Content]]


def page(summary: Mapping[str, Any]) -> str:
    """The page of a summary; every text in it is escaped."""
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    title = _title(summary)
    sections = [(name, parts) for name, parts in _sections(summary) if any(part is not None for part in parts)]
    links = [tag("li", tag("a", name, href=f"#{_slug(name)}")) for name, _ in sections]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} – stepdown report"),
        Markup(f"<style>{style}</style>"),
    )
    body = tag(
        "body",
        tag(
            "header",
            tag("h1", title),
            tag("p", str(summary.get("headline") or headline(flat(summary))), cls="headline"),
            tag("p", *_measured(summary), cls="small"),
        ),
        tag("nav", tag("ul", links), aria_label="Sections"),
        tag("main", *(_section(name, parts) for name, parts in sections)),
        tag(
            "footer",
            tag("p", "Made by stepdown. This file needs nothing else and asks nothing of the network.", cls="small"),
        ),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def many(number: int, word: str) -> str:
    """A count with its noun."""
    return f"{count(number)} {word}{'' if number == 1 else 's'}"


def _title(summary: Mapping[str, Any]) -> str:
    data = summary.get("data") or {}
    target, file = data.get("target"), data.get("file")
    return str(summary.get("title") or " in ".join(str(part) for part in (target, file) if part) or "stepdown report")


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")


def _section(name: str, parts: Sequence[Content]) -> Markup:
    return tag("section", tag("h2", name, id=_slug(name)), *parts, aria_labelledby=_slug(name))


def _measured(summary: Mapping[str, Any]) -> Iterator[Content]:
    """On what rows the headline rests, and how far it can be trusted."""
    yield f"{capital(about({**summary, 'teacher_unused': None}))}. "
    found = summary.get("evidence")
    if summary.get("comparisons"):
        yield "Measured on held-out rows that chose nothing; brackets hold 95 % intervals. "
    elif found:
        n_rows = count(found["n_rows"])
        quick = "" if summary.get("kinds") else " and a quicker training"
        yield {
            "validation": f"Measured on {n_rows} training rows, each answered by models made without it"
            f" ({many(found.get('n_folds', 2), 'fold')}). Students there had fewer rows{quick} than the one that ships,"
            " and the same rows chose the way: “stepdown compare” measures on rows that chose none. ",
            "new rows": f"Measured on {n_rows} rows that were given for this report. ",
        }.get(found["source"], f"Measured on {n_rows} training rows, which flatters every model. ")
        same = ", which allow for folds that learn from the same rows" if found["source"] == "validation" else ""
        yield f"Brackets hold 95 % intervals over rows{same}."
        if found.get("teacher_may_have_seen"):
            yield " The teacher was fitted before and may have seen these rows; then its score is too high."


def _sections(summary: Mapping[str, Any]) -> Iterator[Section]:
    found = summary.get("evidence") or {}
    scale = Scale(str(found.get("scorer") or summary.get("scorer", "score")))
    drawn = {table.title: table for table in tables(summary)}
    yield "Comparisons", comparisons(summary, found, scale, drawn)
    yield "The student", student_of(summary)
    yield score_name(scale, " against size"), sizes(summary, found, scale)
    if found.get("classes"):
        yield "Class by class", classes(found)
    if found.get("errors"):
        yield "How far off", errors_of(found["errors"])
    if found.get("disagreement"):
        yield "Where student and teacher disagree", disagreement(found, summary)
    if found.get("calibration"):
        yield "How sure it is", calibration(found["calibration"])
    yield "How it was made", _chain(summary, drawn)
    if summary.get("facts"):
        yield "What to try", _advice(summary)
        yield (
            "What was found",
            [*(tag("p", line) for line in model_lines(summary)), *map(table_of, fact_tables(summary))],
        )
    yield "Columns", _notes(summary.get("notices") or ())
    yield "Versions and command", _origin(summary)


def _advice(summary: Mapping[str, Any]) -> list[Content]:
    parts: list[Content] = []
    for title, rows in by_role(summary):
        items = [tag("li", tag("b", str(row["advice"])), " ", why(row)) for row in rows]
        parts += [tag("h3", title), tag("ul", items)]
    return [*parts, tag("p", remark_on(summary)) if remark_on(summary) else None]


def _chain(summary: Mapping[str, Any], drawn: Mapping[str, Table]) -> list[Content]:
    items = []
    for row in summary.get("chain") or ():
        source = row.get("from")
        if source or row.get("method"):
            label = str(row.get("method") or "")
            origin = hop_names(source)
            items.append(tag("li", f"{label}{f' from {origin}' if origin else ''} →", cls="arrow"))
        named = size(row.get("complexity"))
        took = f", {seconds(row['seconds'])}" if row.get("seconds") is not None else ""
        items.append(tag("li", tag("b", str(row["name"])), f"{named}{took}", cls="model"))
    parts: list[Content] = [tag("ol", items, cls="chain")] if items else []
    titles = ("Validated on training rows", "Kinds of student", "Models of the search")
    shown = [table_of(table) for title, table in drawn.items() if title.startswith(titles)]
    return [*parts, *shown, _ways(summary.get("validation") or summary.get("ways") or ())]


def _ways(rows: Sequence[Mapping[str, Any]]) -> Content:
    """What the ways are, for who hasn't read the manual."""
    kinds = dict.fromkeys(str(row.get("kind") or row.get("name")) for row in rows)
    told = [(tag("dt", kind), tag("dd", WAYS[kind])) for kind in kinds if kind in WAYS]
    return tag("dl", told, cls="small") if told else None


def _notes(notices: Sequence[str]) -> list[Content]:
    if not notices:
        return []
    more = len(notices) - MOST_NOTES
    parts: list[Content] = [tag("ul", [tag("li", str(note)) for note in notices[:MOST_NOTES]], cls="notes")]
    return [*parts, tag("p", f"{count(more)} more are in result.json.", cls="small")] if more > 0 else parts


def _origin(summary: Mapping[str, Any]) -> list[Content]:
    parts: list[Content] = []
    if summary.get("command"):
        parts.append(Markup(f"<pre>{together(str(summary['command']))}</pre>"))
    data = summary.get("data") or {}
    rows = [(key, data[key]) for key in ("file", "target", "rows", "fingerprint") if data.get(key) is not None]
    rows += list((summary.get("settings") or {}).items())
    rows += [("versions", ", ".join(f"{name} {number}" for name, number in (summary.get("versions") or {}).items()))]
    told = [(tag("dt", str(key)), tag("dd", str(value))) for key, value in rows if value not in (None, "")]
    return [*parts, tag("dl", told)] if told else parts
