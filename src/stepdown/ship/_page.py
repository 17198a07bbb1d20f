"""A report as one page of HTML: no script, no request, readable on paper, on a phone and in the dark."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from stepdown.diagnosis._render import _by_role as by_role
from stepdown.diagnosis._render import _models as found_models
from stepdown.diagnosis._render import _remark as remark
from stepdown.diagnosis._render import _tables as found_facts
from stepdown.diagnosis._render import _why as why
from stepdown.verdict import summary_sentence
from stepdown.verdict._numbers import Scale, count, figure, seconds, share, size
from stepdown.verdict._tables import Table, hop_names, tables
from stepdown.verdict._tables import headline as about

from . import _drawings as drawings
from ._headline import headline
from ._markup import Content, Markup, tag, together

MOST_RULES = 60
MOST_TERMS = 60
MOST_NOTES = 80
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
            tag("p", str(summary.get("headline") or headline(_flat(summary))), cls="headline"),
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


def _flat(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {**summary, **(summary.get("evidence") or {})}


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
    yield f"{_capital(about({**summary, 'teacher_unused': None}))}. "
    found = summary.get("evidence")
    if summary.get("comparisons"):
        yield "Measured on held-out rows that chose nothing; brackets hold 95 % intervals. "
    elif found:
        n_rows = count(found["n_rows"])
        yield {
            "validation": f"Measured on {n_rows} training rows, each answered by models made without it"
            f" ({many(found.get('n_folds', 2), 'fold')}). Students there had fewer rows and a quicker training than the"
            " one that ships, and the same rows chose the way: “stepdown compare” measures on rows that chose none. ",
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
    yield "Comparisons", _comparisons(summary, found, scale, drawn)
    yield "The student", _student(summary)
    yield _score_name(scale, " against size"), _sizes(summary, found, scale)
    if found.get("classes"):
        yield "Class by class", _classes(found)
    if found.get("errors"):
        yield "How far off", _errors(found["errors"])
    if found.get("disagreement"):
        yield "Where student and teacher disagree", _disagreement(found, summary)
    if found.get("calibration"):
        yield "How sure it is", _calibration(found["calibration"])
    yield "How it was made", _chain(summary, drawn)
    if summary.get("facts"):
        yield "What to try", _advice(summary)
        yield (
            "What was found",
            [*(tag("p", line) for line in found_models(summary)), *map(_table, found_facts(summary))],
        )
    yield "Columns", _notes(summary.get("notices") or ())
    yield "Versions and command", _origin(summary)


def _score_name(scale: Scale, more: str = "") -> str:
    name = {"r2": "R²"}.get(scale.scorer, scale.scorer.replace("_", " "))
    return f"{name[:1].upper()}{name[1:]}{more}"


# Numbers --------------------------------------------------------------------------------------------------------------


def names_of(summary: Mapping[str, Any]) -> dict[str, str]:
    """How the compared models are called."""
    models = summary.get("models") or {}
    plain = str(models.get("plain") or "plain training").removeprefix("a ")
    commonest = _flat(summary).get("commonest")
    return {
        "student": f"the {models.get('student', 'student')}",
        "teacher": f"the {models.get('teacher', 'teacher')} (teacher)",
        "baseline": f"always “{commonest}”" if commonest is not None else "always the mean",
        "plain": f"{plain} (no trainer, no teacher)",
        "untaught": "same training, without the teacher",
        "taught": "same training, taught by the teacher",
    }


def _comparisons(
    summary: Mapping[str, Any], found: Mapping[str, Any], scale: Scale, drawn: Mapping[str, Table]
) -> list[Content]:
    if summary.get("comparisons"):
        rows = [(f"{row['a']} – {row['b']}: {row.get('question') or ''}", row) for row in summary["comparisons"]]
        words = tag("p", str(summary.get("sentence") or summary_sentence(summary)))
        held = [_table(drawn[name]) for name in ("Held-out scores", "Paired differences") if name in drawn]
        return [tag("figure", drawings.intervals(rows, scale)), *held, words]
    if not found:
        return []
    names, pairs = names_of(summary), {row["b"]: row for row in found["pairs"]}
    rows = [(f"{_less(scale)} {names[name]}", row) for name, row in pairs.items()]
    unit = " (%)" if scale.in_points else ""
    body = []
    for row in found["scores"]:
        pair = pairs.get(row["name"])
        gap, said = (scale.interval(pair), pair["verdict"]) if pair else ("", "")
        bounds = f"{scale.value(row['score'])} [{scale.value(row['low'])}, {scale.value(row['high'])}]"
        body.append((_capital(names[row["name"]]), bounds, gap, said))
    head = ("model", f"{_score_name(scale)}{unit}", f"student less this{scale.unit and ', points'}", "student is")
    return [
        tag(
            "figure",
            drawings.intervals(rows, scale),
            tag("figcaption", "The student's score less that of each other model"),
        ),
        _table(Table("Scores on rows that the models had not seen", head, tuple(body), frozenset({1, 2}))),
    ]


def _less(scale: Scale) -> str:
    return "against"


def _capital(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def _sizes(summary: Mapping[str, Any], found: Mapping[str, Any], scale: Scale) -> list[Content]:
    models = list(summary.get("sizes") or ())
    if len([model for model in models if model.get("bytes")]) < 2:
        return []
    rows = tuple(
        (model["name"], scale.value(model["score"]), count(model.get("bytes")), str(model.get("text") or ""))
        for model in models
    )
    unit = " (%)" if scale.in_points else ""
    head = ("model", f"{_score_name(scale)}{unit}", "bytes", "size")
    figures = tag("figure", drawings.size_and_score(models, scale))
    return [tag("div", figures, _table(Table("All models", head, rows, frozenset({1, 2}))), cls="columns")]


def _classes(found: Mapping[str, Any]) -> list[Content]:
    taught = any("teacher_found" in row for row in found["classes"])
    body = []
    for row in found["classes"]:
        cells = [row["class"], count(row["rows"]), share(row["student_found"]), share(row["student_right"])]
        if taught:
            cells += [share(row["teacher_found"]), share(row["teacher_right"])]
        body.append(tuple(cells))
    head = ["class", "rows", "found by the student", "right when it answers so"]
    head += ["found by the teacher", "right when it answers so"] if taught else []
    table = Table("Of every class", tuple(head), tuple(body), frozenset(range(1, len(head))))
    note = (
        "“Found” is the share of the rows of a class that get this answer (recall); “right” the share of such answers"
        " that are true (precision)."
    )
    return [_table(table), tag("p", note, cls="small"), _confusion(found.get("confusion"))]


def _confusion(confusion: Mapping[str, Any] | None) -> Content:
    if confusion is None:
        return None
    names, rows = confusion["classes"], []
    for name, counts in zip(names, confusion["counts"], strict=True):
        total = sum(counts) or 1
        cells = [
            tag("td", count(number), style=f"background:rgba(var(--tint),{0.45 * number / total:.2f})")
            for number in counts
        ]
        rows.append(tag("tr", tag("th", name, scope="row"), cells))
    head = tag("tr", tag("th", "true class"), [tag("th", name, scope="col", cls="n") for name in names])
    caption = tag("caption", "Rows by true class (lines) and by the student's answer (columns)")
    return _wide("Confusion", tag("table", caption, tag("thead", head), tag("tbody", rows), cls="shade"))


def _errors(errors: Mapping[str, Any]) -> list[Content]:
    names = {"student": "the student", "teacher": "the teacher", "baseline": "always the mean"}
    body = tuple((names[name], *(figure(value) for value in off)) for name, off in errors["off"].items())
    head = ("answers of", "half of them are off by at most", "nine of ten by at most")
    table = _table(Table("In units of the target", head, body, frozenset({1, 2})))
    drawn = tag(
        "figure", drawings.true_and_answered(errors["points"]), tag("figcaption", "Rows by true value and answer")
    )
    return [tag("div", drawn, table, cls="columns")]


def _calibration(found: Mapping[str, Any]) -> list[Content]:
    words = (
        f"When the student says how sure it is, it is off by {share(found['error'])} on average (expected calibration"
        " error). On the dashed line it would be right exactly as often as it says."
    )
    body = tuple((share(row["stated"]), share(row["right"]), count(row["rows"])) for row in found["bins"])
    table = Table("Answers by how sure the student says it is", ("sure", "right", "rows"), body, frozenset({0, 1, 2}))
    return [
        tag("p", words),
        tag("div", tag("figure", drawings.calibration(found["bins"])), _table(table), cls="columns"),
    ]


def _disagreement(found: Mapping[str, Any], summary: Mapping[str, Any]) -> list[Content]:
    apart, regression = found["disagreement"], found.get("classes") is None
    if not apart["rows"]:
        return [tag("p", "They give the same answer to every row.")]
    if regression:
        words = (
            f"On the {count(apart['rows'])} rows where their answers are furthest apart (a fifth of all), the student"
            f" is closer to the truth on {share(apart['student_right'])}."
        )
    else:
        words = (
            f"They answer differently on {count(apart['rows'])} rows ({share(apart['share'])}). There the student is"
            f" right on {share(apart['student_right'])}, the teacher on {share(apart['teacher_right'])}."
        )
    parts: list[Content] = [tag("p", words)]
    segments = apart.get("segments")
    if segments:
        head = (
            "rows where",
            "how many",
            "far apart" if regression else "disagree",
            "there student right",
            "there teacher right",
        )
        if regression:
            head = (*head[:3], "there student closer", "there teacher closer")
        body = tuple(
            (
                row["rows"],
                count(row["n_rows"]),
                share(row["share"]),
                share(row["student_right"]),
                share(row["teacher_right"]),
            )
            for row in segments
        )
        parts.append(_table(Table("What is most typical of these rows", head, body, frozenset({1, 2, 3, 4}))))
    elif segments is not None:
        parts.append(tag("p", "No column tells these rows clearly from the others."))
    return parts


# The student ----------------------------------------------------------------------------------------------------------


def _student(summary: Mapping[str, Any]) -> list[Content]:
    card = summary.get("card") or {}
    parts: list[Content] = []
    if card:
        parts.append(tag("dl", [(tag("dt", name), tag("dd", str(value))) for name, value in card.items()]))
    student = summary.get("readable")
    if student is None:
        if card:
            parts.append(tag("p", "A model of this kind has no form that a person could read in full."))
        return parts
    if student["kind"] == "linear":
        parts += _linear(student)
    elif student["kind"] == "points":
        lines = [together(line) for line in student["text"].splitlines()]
        parts.append(_wide("Points", Markup(f"<pre class=points>{chr(10).join(lines)}</pre>")))
    else:
        parts += _trees(student)
    if student["notes"]:
        parts.append(tag("ul", [tag("li", note) for note in student["notes"]], cls="small"))
    return parts


def _trees(student: Mapping[str, Any]) -> list[Content]:
    trees, parts = student["trees"], list[Content]()
    if len(trees) > 1:
        parts.append(tag("p", f"The answer is the mean of what {len(trees)} trees say."))
    left = MOST_RULES
    for number, tree in enumerate(trees, start=1):
        if len(trees) > 1:
            parts.append(tag("h3", f"Tree {number} of {len(trees)}"))
        picture = drawings.tree(
            tree["tree"], "The tree, with its questions from left to right; the rules below say the same"
        )
        if picture is not None:
            parts.append(_wide("The tree", picture, cls="wide drawn"))
        rules = tree["rules"]
        parts.append(tag("ol", [_rule(rule) for rule in rules[: max(0, left)]], cls="rules"))
        if len(rules) > max(0, left):
            parts.append(tag("p", f"{count(len(rules) - max(0, left))} more rules are in student.txt.", cls="small"))
        left -= len(rules)
    return parts


def _rule(rule: Mapping[str, Any]) -> Markup:
    conditions = list(
        itertools.chain.from_iterable(
            (", " if place else "If ", tag("bdi", text)) for place, text in enumerate(rule["if"])
        )
    )
    sure = "" if rule["sure"] is None else f"{share(rule['sure'])} sure, "
    rows = f" ({sure}{share(rule['share'])} of training rows)"
    return tag(
        "li", *(conditions or ["Any row"]), ": ", tag("b", tag("bdi", rule["answer"])), tag("span", rows, cls="small")
    )


def _linear(student: Mapping[str, Any]) -> list[Content]:
    parts: list[Content] = [tag("p", student["how"])]
    for score in student["scores"]:
        title = "Coefficients, the largest first" if score["class"] is None else f"Class {score['class']}"
        title += f" (against {score['against']})" if score["against"] else ""
        head = ("column", "coefficient", *([score["second"]] if score["second"] else []))
        rows = tuple(
            (term["name"], figure(term["value"], 4), *([figure(term["factor"])] if score["second"] else []))
            for term in score["terms"][:MOST_TERMS]
        )
        left = len(score["terms"]) - MOST_TERMS
        note = f"{count(left)} more are in student.txt." if left > 0 else ""
        parts.append(_table(Table(title, head, rows, frozenset({1, 2}), note)))
    return parts


# How it was made ------------------------------------------------------------------------------------------------------


def _advice(summary: Mapping[str, Any]) -> list[Content]:
    parts: list[Content] = []
    for title, rows in by_role(summary):
        items = [tag("li", tag("b", str(row["advice"])), " ", why(row)) for row in rows]
        parts += [tag("h3", title), tag("ul", items)]
    return [*parts, tag("p", remark(summary)) if remark(summary) else None]


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
    titles = ("Validated on training rows (differences to labels)", "Models of the search")
    return parts + [_table(drawn[title]) for title in titles if title in drawn]


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


def _table(table: Table) -> Markup:
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
    return together(_wide(table.title, drawn), note)


def _wide(label: str, *content: Content, cls: str = "wide") -> Markup:
    """What may be wider than a narrow screen, and then scrolls by itself, also by keyboard."""
    return tag("div", *content, cls=cls, tabindex="0", role="region", aria_label=label)
