"""A diagnosis as a page: what was found, what it means, and what to try, with the reason."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from stepdown.verdict import NOTHING, STYLE, WIDTH, Table, aligned, check_schema, count, figure, headline, table_html

INFORMATION = "Information about the label"
ROLES = {"first": "Before any transfer", "way": "Which way to the student", "also": "Besides"}


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _points(value: float) -> str:
    return f"{100 * value + 0.0:+.1f} points"


def _spread(value: float) -> str:
    return f"±{100 * value:.1f} points"


def _nats(value: float) -> str:
    return f"{value:.3f} nats"


def _times(value: float) -> str:
    return f"{figure(value) if value < 100 else count(value)} : 1"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the page: a fact, how it is shown, and what it means in plain words."""

    fact: str
    label: str
    show: Callable[[Any], str]
    meaning: str


SECTIONS: dict[str, tuple[Finding, ...]] = {
    "The teacher": (
        Finding("teacher_frozen", "frozen", _yes, "whether it can't be trained again"),
        Finding("hard_answers", "answers only", _yes, "whether it gives labels without probabilities"),
        Finding("teacher_signal", "its answers are", str, "how those on unseen rows were made; frozen: as it says"),
        Finding("teacher_accuracy_in_sample", "right on these rows", _percent, "fitted to all of them, or before"),
        Finding("teacher_accuracy", "right on unseen rows", _percent, "when it had not seen them"),
        Finding("overfit", "over-fit", _points, "the first less the second"),
        Finding("confidence_in_sample", "sure on these rows", _percent, "mean probability of its answer"),
        Finding("confidence", "sure on unseen rows", _percent, "the same, on rows it had not seen"),
        Finding("confidence_gap", "confidence gap", _points, "how much surer it is of rows it has seen"),
        Finding("calibration_error_in_sample", "calibration error", _percent, "on these rows; 0 is calibrated"),
        Finding("calibration_error", "unseen calibr. error", _percent, "sureness against being right, on unseen rows"),
    ),
    "The student": (
        Finding("student_accuracy", "right, own fit", _percent, "labels alone, on unseen rows"),
        Finding("student_trained_accuracy", "right, with trainer", _percent, "labels alone, trained well, unseen rows"),
        Finding("training_gain", "gain of training", _points, "what needs no teacher"),
        Finding("capacity_gap", "capacity gap", _points, "teacher less student with trainer, on unseen rows"),
        Finding("capacity_gap_std_error", "  its standard error", _spread, "over rows"),
        Finding("complexity_ratio", "complexity ratio", _times, "teacher to student; rough between kinds of model"),
        Finding("agreement", "agreement", _percent, "rows on which teacher and student answer alike"),
    ),
    "The rows": (
        Finding("classes", "classes", count, ""),
        Finding("fewest_rows_of_a_class", "rarest class", count, "rows"),
        Finding("bag_accuracy", "a bag of trees", _percent, "right on unseen rows, from the labels alone"),
        Finding("label_error_share", "likely label errors", _percent, "wrong, or improbable because classes overlap"),
        Finding("repeats_label_errors", "  repeated by teacher", _percent, "many: it has memorised them"),
        Finding("unlabelled_rows", "unlabelled rows", count, "at hand"),
        Finding("query_budget", "  label budget", count, "how many the teacher may label"),
    ),
    INFORMATION: (
        Finding("information_redundant", "both know", _nats, "handed on, or learned by each"),
        Finding("information_unique_teacher", "only the teacher", _nats, "left to hand on"),
        Finding("information_unique_student", "only the student", _nats, "what the teacher lacks"),
        Finding("information_synergy", "only together", _nats, "in neither's answers alone"),
        Finding("information_bias", "may be chance", _nats, "by about so much counting overstates each model"),
    ),
}


def render_diagnosis_text(summary: Mapping[str, Any]) -> str:
    """Render a diagnosis as plain text.

    Parameters
    ----------
    summary : mapping
        Of schema 1, as `stepdown.diagnosis.Diagnosis.to_dict` gives it: ``facts`` and ``recommendations``.

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
    >>> rule = {"role": "way", "advice": "One hop.", "reason": "Nothing speaks for more.", "source": None}
    >>> summary = {"schema": 1, "n_samples": 300, "facts": {"label_error_share": 0.02}, "recommendations": [rule]}
    >>> print(render_diagnosis_text(summary))
    300 rows
    <BLANKLINE>
    The rows
      finding              value  what it means
      likely label errors   2.0%  wrong, or improbable because classes overlap
    <BLANKLINE>
    Which way to the student
      One hop.
        Why: Nothing speaks for more. (No committed measurement.)
    """
    check_schema(summary)
    blocks = ["\n".join([_headline(summary), *model_lines(summary)]), *map(aligned, fact_tables(summary))]
    remark = remark_on(summary)
    if remark:
        blocks.append(textwrap.fill(remark, WIDTH))
    for title, rows in by_role(summary):
        lines = [title]
        for row in rows:
            lines.append(textwrap.fill(str(row["advice"]), WIDTH, initial_indent="  ", subsequent_indent="  "))
            lines.append(textwrap.fill(why(row), WIDTH, initial_indent="    ", subsequent_indent="    "))
        blocks.append("\n".join(lines))
    return "\n\n".join(block for block in blocks if block)


def render_diagnosis_html(summary: Mapping[str, Any]) -> str:
    """Render a diagnosis as a piece of HTML with its own style.

    Parameters
    ----------
    summary : mapping
        As for `render_diagnosis_text`. Every text in it is escaped.

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
    >>> html = render_diagnosis_html({"schema": 1, "n_samples": 300, "facts": {"teacher_signal": "<b>"}})
    >>> "&lt;b&gt;" in html
    True
    """
    check_schema(summary)
    parts = [f"<p><b>{escape(_headline(summary))}</b></p>", *map("<p>{}</p>".format, map(escape, model_lines(summary)))]
    for title, rows in by_role(summary):
        items = "".join(f"<li><b>{escape(str(row['advice']))}</b> {escape(why(row))}</li>" for row in rows)
        parts.append(f"<p><b>{escape(title)}</b></p><ul>{items}</ul>")
    parts += map(table_html, fact_tables(summary))
    remark = remark_on(summary)
    if remark:
        parts.append(f"<p>{escape(remark)}</p>")
    return f'<div class="stepdown"><style>{STYLE}</style>{"".join(parts)}</div>'


def _headline(summary: Mapping[str, Any]) -> str:
    # "outer folds" of a verdict are something else.
    return headline({key: value for key, value in summary.items() if key != "folds"})


def model_lines(summary: Mapping[str, Any]) -> list[str]:
    models = summary.get("models") or {}
    return [f"{role}: {model['name']}, {model['complexity']}" for role, model in models.items()]


def fact_tables(summary: Mapping[str, Any]) -> list[Table]:
    facts = summary.get("facts") or {}
    tables = []
    for title, findings in SECTIONS.items():
        rows = tuple(
            (
                finding.label,
                finding.show(facts[finding.fact]) if facts[finding.fact] is not None else NOTHING,
                finding.meaning,
            )
            for finding in findings
            if facts.get(finding.fact) is not None
        )
        if rows:
            if title == INFORMATION and facts.get("teacher_frozen"):
                title += ", optimistically biased if the frozen teacher has seen these rows"
            tables.append(Table(title, ("finding", "value", "what it means"), rows, frozenset({1})))
    return tables


def remark_on(summary: Mapping[str, Any]) -> str:
    """What the reader must know about the numbers of this diagnosis."""
    facts = summary.get("facts") or {}
    remarks = []
    unique, bias = facts.get("information_unique_teacher"), facts.get("information_bias")
    if unique is not None and bias is not None and unique <= bias:
        remarks.append("What only the teacher knows about the label is within what chance would give.")
    if facts.get("teacher_frozen"):
        remarks.append(
            "The teacher is frozen and may have seen these rows, so its answers on unseen rows are not assessed."
        )
    errors = summary.get("likely_error_rows")
    if errors:
        some = ", ".join(str(row) for row in errors[:10])
        more = ", ..." if len(errors) > 10 else ""
        remarks.append(f"Likely label errors in rows {some}{more} ({len(errors)} in all).")
    return " ".join(remarks)


def by_role(summary: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    found = list(summary.get("recommendations") or [])
    groups = [(title, [row for row in found if row["role"] == role]) for role, title in ROLES.items()]
    return [(title, rows) for title, rows in groups if rows]


def why(row: Mapping[str, Any]) -> str:
    source = row.get("source")
    if source:
        return f"Why: {row['reason']} (Measured: {source}.)"
    # Advice of the last group, such as to keep rows for the verdict, needs no measurement.
    return f"Why: {row['reason']}{'' if row['role'] == 'also' else ' (No committed measurement.)'}"
