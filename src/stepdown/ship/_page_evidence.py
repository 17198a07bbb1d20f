"""Sections of the page that rest on rows: how the student compares, class by class, how far off, how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepdown.verdict import Scale, Table, count, figure, share, summary_sentence

from . import _drawings as drawings
from ._markup import Content, table_of, tag, wide


def flat(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {**summary, **(summary.get("evidence") or {})}


def score_name(scale: Scale, more: str = "") -> str:
    name = {"r2": "R²"}.get(scale.scorer, scale.scorer.replace("_", " "))
    return f"{name[:1].upper()}{name[1:]}{more}"


def capital(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def names_of(summary: Mapping[str, Any]) -> dict[str, str]:
    """How the compared models are called."""
    models = summary.get("models") or {}
    plain = str(models.get("plain") or "plain training").removeprefix("a ")
    commonest = flat(summary).get("commonest")
    return {
        "student": f"the {models.get('student', 'student')}",
        "teacher": f"the {models.get('teacher', 'teacher')} (teacher)",
        "baseline": f"always “{commonest}”" if commonest is not None else "always the mean",
        "plain": f"{plain} (no trainer, no teacher)",
        "untaught": "same training, without the teacher",
        "taught": "same training, taught by the teacher",
    }


def comparisons(
    summary: Mapping[str, Any], found: Mapping[str, Any], scale: Scale, drawn: Mapping[str, Table]
) -> list[Content]:
    if summary.get("comparisons"):
        rows = [(f"{row['a']} – {row['b']}: {row.get('question') or ''}", row) for row in summary["comparisons"]]
        words = tag("p", str(summary.get("sentence") or summary_sentence(summary)))
        held = [table_of(drawn[name]) for name in ("Held-out scores", "Paired differences") if name in drawn]
        return [tag("figure", drawings.intervals(rows, scale)), *held, words]
    if not found:
        return []
    names, pairs = names_of(summary), {row["b"]: row for row in found["pairs"]}
    rows = [(f"against {names[name]}", row) for name, row in pairs.items()]
    unit = " (%)" if scale.in_points else ""
    body = []
    for row in found["scores"]:
        pair = pairs.get(row["name"])
        gap, said = (scale.interval(pair), pair["verdict"]) if pair else ("", "")
        bounds = f"{scale.value(row['score'])} [{scale.value(row['low'])}, {scale.value(row['high'])}]"
        body.append((capital(names[row["name"]]), bounds, gap, said))
    head = ("model", f"{score_name(scale)}{unit}", f"student less this{scale.unit and ', points'}", "student is")
    return [
        tag(
            "figure",
            drawings.intervals(rows, scale),
            tag("figcaption", "The student's score less that of each other model"),
        ),
        table_of(Table("Scores on rows that the models had not seen", head, tuple(body), frozenset({1, 2}))),
    ]


def sizes(summary: Mapping[str, Any], found: Mapping[str, Any], scale: Scale) -> list[Content]:
    models = list(summary.get("sizes") or ())
    if len([model for model in models if model.get("bytes")]) < 2:
        return []
    rows = tuple(
        (
            model["name"],
            scale.value(model["score"]),
            drawings.in_bytes(model.get("bytes")),
            str(model.get("text") or ""),
        )
        for model in models
    )
    unit = " (%)" if scale.in_points else ""
    head = ("model", f"{score_name(scale)}{unit}", "size", "made of")
    figures = tag("figure", drawings.size_and_score(models, scale))
    return [tag("div", figures, table_of(Table("All models", head, rows, frozenset({1, 2}))), cls="columns")]


def classes(found: Mapping[str, Any]) -> list[Content]:
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
    return [table_of(table), tag("p", note, cls="small"), _confusion(found.get("confusion"))]


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
    return wide("Confusion", tag("table", caption, tag("thead", head), tag("tbody", rows), cls="shade"))


def errors_of(errors: Mapping[str, Any]) -> list[Content]:
    names = {"student": "the student", "teacher": "the teacher", "baseline": "always the mean"}
    body = tuple((names[name], *(figure(value) for value in off)) for name, off in errors["off"].items())
    head = ("answers of", "half of them are off by at most", "nine of ten by at most")
    table = table_of(Table("In units of the target", head, body, frozenset({1, 2})))
    drawn = tag(
        "figure", drawings.true_and_answered(errors["points"]), tag("figcaption", "Rows by true value and answer")
    )
    return [tag("div", drawn, table, cls="columns")]


def calibration(found: Mapping[str, Any]) -> list[Content]:
    words = (
        f"When the student says how sure it is, it is off by {share(found['error'])} on average (expected calibration"
        " error). On the dashed line it would be right exactly as often as it says."
    )
    body = tuple((share(row["stated"]), share(row["right"]), count(row["rows"])) for row in found["bins"])
    table = Table("Answers by how sure the student says it is", ("sure", "right", "rows"), body, frozenset({0, 1, 2}))
    return [
        tag("p", words),
        tag("div", tag("figure", drawings.calibration(found["bins"])), table_of(table), cls="columns"),
    ]


def disagreement(found: Mapping[str, Any], summary: Mapping[str, Any]) -> list[Content]:
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
        parts.append(table_of(Table("What is most typical of these rows", head, body, frozenset({1, 2, 3, 4}))))
    elif segments is not None:
        parts.append(tag("p", "No column tells these rows clearly from the others."))
    return parts
