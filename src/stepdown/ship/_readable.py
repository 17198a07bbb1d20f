"""A student in readable form, in plain JSON types: questions, rules or coefficients in the units of the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from stepdown.core import StepdownError
from stepdown.verdict import figure

from ._compile import program_of
from ._program import Leaf, Linear, Node, Program, RuleList, Score, TreeSum
from ._rules import HOW, Part, _condition, _factor, _paths, _told, notes_of, rules
from ._text import shown

MOST_TREES = 10


def readable(model: Any, feature_names: Sequence[str] | None = None) -> dict[str, Any] | None:
    """The student as a person reads it; None for one that has no readable form."""
    if len(getattr(model, "estimators_", [])) > MOST_TREES:
        return None
    try:
        program = program_of(model, feature_names)
    except (StepdownError, ValueError, TypeError, AttributeError):
        return None
    read = list(dict.fromkeys(column.name for column in program.columns))
    told: dict[str, Any] = {"columns": read, "notes": notes_of(program)}
    body = program.body
    if isinstance(body, Linear):
        return told | {"kind": "linear", "how": HOW[body.link], "scores": _scores(program, body)}
    if isinstance(body, TreeSum | RuleList):
        return told | {"kind": "points", "text": rules(model, feature_names=feature_names), "notes": []}
    trees = [{"tree": _node(program, tree), "rules": _rules(program, tree)} for tree in body.trees]
    return told | {"kind": "trees", "trees": trees}


def _node(program: Program, node: Node) -> dict[str, Any]:
    if isinstance(node, Leaf):
        return _leaf(program, node)
    asked = _condition(program.columns[node.column], Part().after(node, True), False)
    return {
        "ask": asked.replace("<=", "≤").replace(">=", "≥"),
        "yes": _node(program, node.yes),
        "no": _node(program, node.no),
    }


def _leaf(program: Program, leaf: Leaf) -> dict[str, Any]:
    told = {"rows": leaf.rows, "share": leaf.share}
    if program.classes is None:
        return told | {"answer": figure(leaf.values[0], 4), "sure": None}
    best = max(range(len(leaf.values)), key=lambda place: leaf.values[place])
    return told | {"answer": shown(program.classes[best]), "sure": leaf.values[best]}


def _rules(program: Program, tree: Node) -> list[dict[str, Any]]:
    rules = []
    for path, leaf in _paths(tree, {}):
        told = [
            _condition(program.columns[column], part, False).replace("<=", "≤").replace(">=", "≥")
            for column, part in sorted(path.items())
        ]
        rules.append({"if": [text for text in told if text], **_leaf(program, leaf)})
    return rules


def _scores(program: Program, body: Linear) -> list[dict[str, Any]]:
    # A single score of two classes speaks for the second.
    names = None if program.classes is None else program.classes[-len(body.scores) :]
    second = "odds ratio" if body.link in ("logistic", "softmax", "one-vs-rest") else "factor"
    second = second if second == "odds ratio" or body.link == "exp" else ""
    told = []
    for place, score in enumerate(body.scores):
        about = None if names is None else shown(names[place])
        against = shown(program.classes[0]) if program.classes and len(body.scores) == 1 else None
        told.append({"class": about, "against": against, "second": second, "terms": _terms(program, score, second)})
    return told


def _terms(program: Program, score: Score, second: str) -> list[dict[str, Any]]:
    rows = [(shown(name), value) for term in score.terms for name, value in _told(program.columns[term.column], term)]
    rows.sort(key=lambda row: -abs(row[1]))
    told = [{"name": "(intercept)", "value": score.intercept, "factor": None}]
    for name, value in rows:
        factor = _factor(value) if second else None
        told.append(
            {"name": name, "value": value, "factor": factor if factor is None or math.isfinite(factor) else None}
        )
    return told
