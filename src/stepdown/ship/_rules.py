"""A student in words: every rule of a tree, the points of a sum of trees, every coefficient of a linear model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ._compile import program_of
from ._program import (
    Amounts,
    AtMost,
    Category,
    Column,
    Known,
    Leaf,
    Linear,
    Link,
    Node,
    OneOf,
    Program,
    RuleList,
    Score,
    Slope,
    Split,
    TreeSum,
)
from ._text import clock, plain, quoted, shown, threshold

HOW: dict[Link, str] = {
    "identity": "The answer is the sum of the intercept and of each coefficient times its column.",
    "exp": "The answer is exp(sum).",
    "logistic": "The probability is 1 / (1 + exp(-sum)); above one half the answer is this class.",
    "softmax": "The probability of a class is exp(its sum), divided by the total over all classes.",
    "one-vs-rest": "The probability of a class is 1 / (1 + exp(-its sum)), divided by the total over all classes.",
    "margin": "The class with the largest sum is the answer; of two classes, this one where the sum is above 0.",
}
LONGEST = 10
ADDED = "The answer is the sum."
NAMES = {
    "month": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}


def rules(model: Any, *, feature_names: Sequence[str] | None = None) -> str:
    """Return a fitted student as text: the rules of trees, the points of a sum of trees, or linear coefficients.

    Scaling, filling and encoding in front of the student are undone: thresholds, coefficients and categories are those
    of the table.

    Parameters
    ----------
    model : estimator
        A fitted decision tree, forest of few trees, gradient boosting of few rounds or linear model of scikit-learn's,
        a sum of trees or a list of rules (`stepdown.students`), alone or at the end of a ``Pipeline``.
    feature_names : sequence of str, optional
        Of the columns of the table; by default those that the model was fitted with, or x0, x1 and so on.

    Returns
    -------
    str
        Of a tree: one line a leaf, with its probabilities and its share of the training rows; of a list of rules: one
        line a rule, which holds where none before it does. Of a sum of trees: a table of points for each tree; of a
        points score: its card, and for two classes the probability of each total. Of a linear model: one line a column
        or category; for a classifier with probabilities also the factor by which one unit multiplies the odds. Text
        from data is printed on one line, with control characters spelt out.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> tree = DecisionTreeClassifier(random_state=0).fit([[1.0], [2.0], [3.0], [4.0]], ["low", "low", "low", "high"])
    >>> print(rules(tree, feature_names=["size"]), end="")
    1. size <= 3.5 or missing: low  (low 1; 3 rows, 75.0%)
    2. size > 3.5: high  (high 1; 1 row, 25.0%)
    """
    program = program_of(model, feature_names)
    body = program.body
    if isinstance(body, Linear):
        lines = list(_linear(program, body))
    elif isinstance(body, RuleList):
        lines = list(_list(program, body))
    elif isinstance(body, TreeSum):
        lines = list(_card(program, body, body.unit) if body.unit else _points(program, body))
    else:
        lines = list(_trees(program, body.trees))
    notes = notes_of(program)
    return "".join(f"{line}\n" for line in [*lines, *([""] if notes else []), *notes])


def notes_of(program: Program) -> list[str]:
    """What a gap counts as, and what a linear model counts a date in."""
    texts = dict.fromkeys(shown(column.name) for column in program.columns if column.written.words)
    notes = [
        f"A missing {title(column)} counts as {_value(column, column.fill)}."
        for column in program.columns
        if column.fill is not None and not column.written.words
    ]
    notes += [f"A missing {name} has no word." for name in texts]
    if isinstance(program.body, Linear):
        counts = {"month": "1 to 12", "weekday": "1 (Monday) to 7"}
        notes += [
            f"{title(column)} counts {counts.get(column.written.part, 'in days since 1970-01-01')}."
            for column in program.columns
            if column.kind == "date"
        ]
        notes += [f"{title(column)} counts 01:30 as 90." for column in program.columns if column.kind == "clock"]
    return notes


def title(column: Column) -> str:
    """What a column is called, or the part of it that is read."""
    name = shown(column.name)
    return f"{column.written.part} of {name}" if column.written.part else name


def _trees(program: Program, trees: Sequence[Node]) -> Iterator[str]:
    if len(trees) == 1:
        yield from _leaves(program, trees[0])
        return
    what = "answers" if program.classes is None else "probabilities"
    yield f"The answer is the mean of the {what} of {len(trees)} trees."
    for number, tree in enumerate(trees, start=1):
        yield ""
        yield f"Tree {number} of {len(trees)}"
        yield from _leaves(program, tree)


def _leaves(program: Program, tree: Node) -> Iterator[str]:
    for number, (path, leaf) in enumerate(_paths(tree, {}), start=1):
        yield f"{number}. {_where(program, path)}: {_answer(program, leaf)}"


def _list(program: Program, body: RuleList) -> Iterator[str]:
    for number, tree in enumerate(body.trees, start=1):
        path, leaf = next((path, leaf) for path, leaf in _paths(tree, {}) if not leaf.passes_on)
        otherwise = "" if number == 1 else "else "
        yield f"{number}. {f'{otherwise}if {_where(program, path)}' if path else 'else'}: {_answer(program, leaf)}"


def _where(program: Program, path: dict[int, Part]) -> str:
    exact = isinstance(program.body, TreeSum | RuleList)
    told = [_condition(program.columns[column], part, exact) for column, part in sorted(path.items())]
    told = [text for text in told if text]
    if len(told) > 1:
        told = [f"({text})" if text.endswith(" or missing") else text for text in told]
    return " and ".join(told) or "any row"


def _points(program: Program, body: TreeSum) -> Iterator[str]:
    """A table for each tree: what a row falls into, and what that adds to each score."""
    yield "Start with the first line, and add the points of the line of each tree that fits."
    yield ADDED if body.link == "identity" else HOW[body.link]
    tables = [[(_where(program, path), leaf.values) for path, leaf in _paths(tree, {})] for tree in body.trees]
    lines = [("(start)", body.intercepts), *(line for table in tables for line in table)]
    decimals = max(_decimals(value) for _, values in lines for value in values)
    if decimals > LONGEST:  # nobody adds up so many; six digits of the largest are enough
        largest = max(abs(value) for _, values in lines for value in values)
        decimals = max(0, 5 - math.floor(math.log10(largest)))
    head, rows = _table(program, body, lines, decimals)
    yield from (*head, next(rows))
    for number, table in enumerate(tables, start=1):
        yield ""
        yield f"Tree {number} of {len(tables)}"
        yield from (next(rows) for _ in table)


def _card(program: Program, body: TreeSum, unit: float) -> Iterator[str]:
    """The points of each condition that has some, and of two classes the probability of each total."""
    paths = [path for tree in body.trees for path in _paths(tree, {})]
    lines = [(_where(program, path), [round(value / unit) for value in leaf.values]) for path, leaf in paths]
    lines = [(where, values) for where, values in lines if any(values)]
    if body.n_scores > 1:
        yield "Start with the first line, and add the points of each line that fits."
        yield f"The probability of a class is exp({unit:g} times its points), divided by the total over all classes."
        lines.insert(0, ("(start)", [round(value / unit) for value in body.intercepts]))
    else:
        yield "Add the points of each line that fits."
    head, rows = _table(program, body, lines, 0)
    yield from (*head, *rows)
    if body.n_scores == 1:
        assert program.classes is not None
        totals = {0}
        for tree in body.trees:
            totals = {total + round(leaf.values[0] / unit) for total in totals for _, leaf in _paths(tree, {})}
        yield from ["", f"points  probability of {shown(program.classes[-1])}"]
        shares = {total: 1 / (1 + math.exp(-body.intercepts[0] - unit * total)) for total in sorted(totals)}
        yield from (f"{total:>6}  {share:>5.1%}" for total, share in shares.items())


def _table(
    program: Program, body: TreeSum, lines: Sequence[tuple[str, Sequence[float]]], decimals: int
) -> tuple[list[str], Iterator[str]]:
    """What stands above a table of points, and its rows."""
    above, heads = [""], ["points"]
    if program.classes is not None:
        many = body.n_scores > 1
        against = f"class {shown(program.classes[-1])} (against {shown(program.classes[0])})"
        above, heads = ([""], [shown(label) for label in program.classes]) if many else (["", against, ""], heads)
    texts = [[f"{value:+.{decimals}f}" for value in values] for _, values in lines]
    width = max((len(where) for where, _ in lines), default=0)
    widths = [max(len(head), *(len(cells[k]) for cells in texts)) for k, head in enumerate(heads)]

    def row(where: str, cells: Sequence[str]) -> str:
        return f"{where:<{width}}{''.join(f'  {cell:>{size}}' for cell, size in zip(cells, widths, strict=True))}"

    return [*above, row("", heads)], (row(where, cells) for (where, _), cells in zip(lines, texts, strict=True))


def _decimals(value: float) -> int:
    """Decimals that a number needs to be written in full."""
    return max(0, -int(Decimal(repr(value)).normalize().as_tuple().exponent))


def _answer(program: Program, leaf: Leaf) -> str:
    part = f"{leaf.share:.1%}" if leaf.share >= 0.0005 else "<0.1%"
    rows = f"{leaf.rows:,} {'row' if leaf.rows == 1 else 'rows'}, {part}"
    if program.classes is None:
        return f"{leaf.values[0]:.6g}  ({rows})"
    order = sorted(range(len(leaf.values)), key=lambda place: -leaf.values[place])
    shares = ", ".join(
        f"{shown(program.classes[place])} {_share(leaf.values[place])}" for place in order if leaf.values[place] > 0
    )
    return f"{shown(program.classes[order[0]])}  ({shares}; {rows})"


def _share(probability: float) -> str:
    return f"{probability:.3f}".rstrip("0").rstrip(".") if probability >= 0.0005 else "<0.001"


@dataclass(frozen=True)
class Part:
    """What a path has asked about one column."""

    low: float = -math.inf
    high: float = math.inf
    among: tuple[Category, ...] | None = None
    besides: tuple[Category, ...] = ()
    known: bool = True
    missing: bool = True
    told_missing: bool = False

    def after(self, split: Split, yes: bool) -> Part:
        """The part after one more answer."""
        part = replace(self, missing=self.missing and (split.missing == yes))
        match split.test:
            case AtMost(threshold) if yes:
                return replace(part, high=min(part.high, threshold))
            case AtMost(threshold):
                return replace(part, low=max(part.low, threshold))
            case OneOf(values) if yes:
                return replace(part, among=tuple(v for v in values if part.among is None or v in part.among))
            case OneOf(values):
                return replace(part, besides=part.besides + tuple(v for v in values if v not in part.besides))
            case Known():
                return replace(part, known=part.known and yes, told_missing=True)


def _paths(node: Node, path: dict[int, Part]) -> Iterator[tuple[dict[int, Part], Leaf]]:
    if isinstance(node, Leaf):
        yield path, node
        return
    part = path.get(node.column, Part())
    yield from _paths(node.yes, path | {node.column: part.after(node, True)})
    yield from _paths(node.no, path | {node.column: part.after(node, False)})


def _condition(column: Column, part: Part, exact: bool) -> str:
    name = title(column)
    if not part.known:
        return f"{name} is missing"
    if column.written.words and (part.low > -math.inf or part.high < math.inf):
        return f"{name} {'has' if part.low > -math.inf else 'lacks'} the word {quoted(column.written.words[0])}"
    told = [between] if (between := _between(column, part, exact)) else []
    filled = column.fill is not None
    if part.among is not None:
        values = [quoted(value) for value in part.among if value not in part.besides]
        told.append(f"{name} is {' or '.join(values) or 'none of its values'}")
    elif part.besides:
        values = [quoted(value) for value in part.besides]
        values += [] if filled or part.missing else ["missing"]
        told.append(f"{name} is not {' or '.join(values)}")
        if part.missing and len(told) == 1:
            return told[0]
    if filled:
        return " and ".join([*([f"{name} is not missing"] if part.told_missing and not part.missing else []), *told])
    if not told:
        return "" if part.missing else f"{name} is not missing"
    both = " and ".join(told)
    return f"{both} or missing" if part.missing else both


def _value(column: Column, value: Category) -> str:
    """A value as the column holds it: a day, text in quotes, or a number."""
    if column.kind == "clock" and not isinstance(value, str):
        return clock(value, column.written.clock)
    if column.kind != "date" or isinstance(value, str):
        return quoted(value)
    if column.written.part:
        return NAMES[column.written.part][int(value) - 1]
    day = datetime(1970, 1, 1) + timedelta(days=value)
    return f"{day:%Y-%m-%d}" if column.written.whole_days else f"{day:%Y-%m-%d %H:%M:%S}"


def _between(column: Column, part: Part, exact: bool) -> str:
    """The bounds of a number or a date; "" where there are none."""
    name, low, high = title(column), "", ""
    if part.low == -math.inf and part.high == math.inf:
        return ""
    if column.written.part:
        names = NAMES[column.written.part]
        found = names[math.floor(max(part.low, 0)) : math.floor(min(part.high, len(names)))] or ("none",)
        return f"{name} is {' to '.join(dict.fromkeys((found[0], found[-1])))}"
    if part.low > -math.inf:
        low, below = _edge(column, part.low, exact)
        low = (
            f"{low} {'<' if below else '<='} {name}"
            if part.high < math.inf
            else f"{name} {'>' if below else '>='} {low}"
        )
    if part.high < math.inf:
        high, below = _edge(column, part.high, exact)
        high = f"{'' if low else name} {'<=' if below else '<'} {high}"
    return low + high


def _edge(column: Column, cut: float, exact: bool) -> tuple[str, bool]:
    """A threshold, and whether what equals it lies below; exactly where the model compares in double precision."""
    if column.kind != "number":
        return _value(column, cut), True
    return (plain(cut), True) if exact and float(plain(cut)) == cut else threshold(cut)


def _linear(program: Program, body: Linear) -> Iterator[str]:
    # A single score of two classes speaks for the second.
    names = None if program.classes is None else program.classes[-len(body.scores) :]
    yield HOW[body.link]
    for place, score in enumerate(body.scores):
        yield ""
        odds = body.link in ("logistic", "softmax", "one-vs-rest")
        if names is not None:
            against = f" (against {shown(program.classes[0])})" if program.classes and len(names) == 1 else ""
            yield f"class {shown(names[place])}{against}"
        yield from _rows(program, score, odds=odds, factor=body.link == "exp")
    bounds = {
        term.column: (term.low, term.high) for score in body.scores for term in score.terms if isinstance(term, Slope)
    }
    told = [
        f"{shown(program.columns[column].name)} below {low:.6g} counts as {low:.6g}, above {high:.6g} as {high:.6g}."
        for column, (low, high) in bounds.items()
        if low > -math.inf or high < math.inf
    ]
    if told:
        yield from ["", *told]


def _rows(program: Program, score: Score, *, odds: bool, factor: bool) -> Iterator[str]:
    heads = ["coefficient", *(["odds ratio"] if odds else ["factor"] if factor else [])]
    terms = [("(intercept)", score.intercept)]
    for term in score.terms:
        terms += _told(program.columns[term.column], term)
    rows = [
        (name, [f"{value:.8g}", *([f"{_factor(value):.4g}"] if len(heads) > 1 and place else [])])
        for place, (name, value) in enumerate(terms)
    ]
    width = max(len(name) for name, _ in rows)
    if len(heads) > 1:
        yield f"{'':<{width}}{''.join(f'  {head:>14}' for head in heads)}"
    for name, cells in rows:
        yield f"{name:<{width}}{''.join(f'  {cell:>14}' for cell in cells)}"


def _told(column: Column, term: Slope | Amounts) -> Iterator[tuple[str, float]]:
    name = title(column)
    if isinstance(term, Slope):
        yield f"{name} has {quoted(column.written.words[0])}" if column.written.words else name, term.coefficient
    else:
        for category, amount in term.values:
            word = isinstance(category, str) and category.isidentifier()
            yield f"{name}_{category}" if word else f"{name} = {quoted(category)}", amount
    if column.fill is None and term.missing and not math.isnan(term.missing):
        yield f"{name} is missing", term.missing
    elif column.fill is not None and isinstance(term, Amounts) and not term.values:
        # The mark of a gap counts on top of what the gap is filled with.
        yield f"{name} is missing", term.missing


def _factor(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
