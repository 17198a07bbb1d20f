"""The section of the page that holds the student itself: its tree and rules, its coefficients or its points."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from stepdown.verdict import Table, count, figure, share

from . import _drawings as drawings
from ._markup import Content, Markup, table_of, tag, together, wide

MOST_RULES = 60
MOST_TERMS = 60


def student_of(summary: Mapping[str, Any]) -> list[Content]:
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
        parts.append(wide("The model in full", Markup(f"<pre class=points>{chr(10).join(lines)}</pre>")))
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
            parts.append(wide("The tree", picture, cls="wide drawn"))
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
        parts.append(table_of(Table(title, head, rows, frozenset({1, 2}), note)))
    return parts
