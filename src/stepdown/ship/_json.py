"""A student as plain JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from ._compile import program_of
from ._program import SEPARATORS, Amounts, AtMost, Known, Leaf, Linear, Node, OneOf, RuleList, Score, Slope, TreeSum


def to_json(model: Any, *, feature_names: Sequence[str] | None = None) -> str:
    """Return a fitted student as JSON that any language can evaluate.

    ``columns`` lists what the student reads: its name, its place among the columns of the table, whether it holds
    numbers, text or dates (days since 1970-01-01), and what a missing value counts as where that is one value. Of a
    date with a ``part`` the ``month`` is read (1 to 12), or the ``weekday`` (Monday is 1); a text with ``has`` counts
    as 1 where one of these words stands in it between the ``separators``, as 0 elsewhere.
    ``trees`` are nested questions: ``at_most`` (is the number at most this), ``one_of`` (is the value one of these) or
    ``known`` (is there a value); ``missing`` says which side a missing value takes. Their answers are averaged.
    ``rule_list`` has such trees, too; the first whose answer isn't null answers.
    ``linear`` holds a sum for each output and the ``link`` that makes answers of sums. ``tree_sum`` has trees whose
    answers are added to the ``intercepts``, one for each output, and the ``link``.

    Parameters
    ----------
    model : estimator
        As `rules` takes it.
    feature_names : sequence of str, optional
        Of the columns of the table.

    Returns
    -------
    str
        ASCII only.

    Examples
    --------
    >>> import json
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> told = json.loads(to_json(DecisionTreeRegressor().fit([[1.0], [2.0]], [10.0, 20.0])))
    >>> told["trees"][0]["column"], round(told["trees"][0]["at_most"], 3), told["trees"][0]["yes"]["answer"]
    (0, 1.5, [10.0])
    """
    program = program_of(model, feature_names)
    told: dict[str, Any] = {
        "format": "stepdown student",
        "version": 1,
        "columns": [
            {"name": column.name, "place": column.place, "kind": column.kind, "missing_counts_as": column.fill}
            | ({"part": column.written.part} if column.written.part else {})
            | ({"has": list(column.written.words), "separators": SEPARATORS} if column.written.words else {})
            for column in program.columns
        ],
        "classes": None if program.classes is None else list(program.classes),
    }
    if isinstance(program.body, Linear):
        told["linear"] = {"link": program.body.link, "sums": [_sum(score) for score in program.body.scores]}
    elif isinstance(program.body, TreeSum):
        trees = [_node(tree) for tree in program.body.trees]
        told["tree_sum"] = {"link": program.body.link, "intercepts": list(program.body.intercepts), "trees": trees}
    else:
        kind = "rule_list" if isinstance(program.body, RuleList) else "trees"
        told[kind] = [_node(tree) for tree in program.body.trees]
    return json.dumps(told, indent=1, allow_nan=False)


def _node(node: Node) -> dict[str, Any]:
    if isinstance(node, Leaf):
        answer = None if node.passes_on else list(node.values)
        return {"answer": answer, "rows": node.rows, "share": node.share}
    asked: dict[str, Any]
    match node.test:
        case AtMost(threshold):
            asked = {"at_most": threshold}
        case OneOf(values):
            asked = {"one_of": list(values)}
        case Known():
            asked = {"known": True}
    missing = "yes" if node.missing else "no"
    return {"column": node.column, **asked, "missing": missing, "yes": _node(node.yes), "no": _node(node.no)}


def _sum(score: Score) -> dict[str, Any]:
    return {"intercept": score.intercept, "terms": [_term(term) for term in score.terms]}


def _term(term: Slope | Amounts) -> dict[str, Any]:
    missing = None if math.isnan(term.missing) else term.missing
    if isinstance(term, Amounts):
        pairs = [{"value": value, "amount": amount} for value, amount in term.values]
        return {"column": term.column, "amounts": pairs, "missing": missing}
    bounds = {"low": term.low, "high": term.high}
    told = {name: bound for name, bound in bounds.items() if math.isfinite(bound)}
    return {"column": term.column, "coefficient": term.coefficient, **told, "missing": missing}
