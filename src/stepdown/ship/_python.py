"""A student as source of Python that imports nothing but math."""

from __future__ import annotations

import keyword
import math
from collections.abc import Iterator, Sequence
from typing import Any

from stepdown.core import InvalidInputError, NotSupportedError

from ._compile import program_of
from ._program import (
    SEPARATORS,
    Amounts,
    AtMost,
    Known,
    Leaf,
    Linear,
    Link,
    Node,
    OneOf,
    Program,
    RuleList,
    Score,
    Shares,
    Slope,
    Split,
    Trees,
    TreeSum,
    depth,
)

# Python reads at most a hundred levels of indentation.
DEEPEST = 90

SIGMOID = """\
def _{name}_sigmoid(score):
    return 1.0 / (1.0 + math.exp(-score)) if score >= 0.0 else math.exp(score) / (1.0 + math.exp(score))
"""
MISSING = """\
def _{name}_is_missing(value):
    return value is None or type(value).__name__ == "NAType" or value != value
"""
# From left to right and rounded after each addition, as numpy adds; newer versions of sum() don't.
TOTAL = """\
def _{name}_total(numbers):
    total = 0.0
    for number in numbers:
        total += number
    return total
"""
NUMBER = """\
def _{name}_number(value, swaps):
    if not isinstance(value, str):
        return value
    for sign, by in swaps:
        value = value.replace(sign, by)
    try:
        return float(value) if math.isfinite(float(value)) else None
    except ValueError:
        return None
"""
CLOCK = """\
def _{name}_clock(value, swaps, size):
    text = str(value)
    for sign, by in swaps:
        text = text.replace(sign, by)
    try:
        numbers = [float(part) for part in text.split(":")]
    except ValueError:
        return None
    if len(numbers) != size or not all(0 <= number < math.inf for number in numbers):
        return None
    return sum(number * worth for number, worth in zip(reversed(numbers), (1, 60, 3600, 86400)))
"""
COUNTED = """\
def _{name}_counted(value, per_day, whole):
    if _{name}_is_missing(value):
        return None
    return math.floor(value / per_day) if whole else value / per_day
"""
DAYS = """\
def _{name}_days(value, form, whole, swaps=()):
    if _{name}_is_missing(value):
        return None
    if not hasattr(value, "toordinal"):
        text = value if isinstance(value, str) else "%d" % value
        for sign, by in swaps:
            text = text.replace(sign, by)
        try:
            value = datetime.datetime.strptime(text.strip(), form)
        except ValueError:
            return None
    if getattr(value, "tzinfo", None) is not None:
        value = value.astimezone(datetime.timezone.utc)
    days = value.toordinal() - 719163
    if whole or not hasattr(value, "hour"):
        return days
    seconds = days * 86400 + value.hour * 3600 + value.minute * 60 + value.second
    return (seconds * 1000000 + value.microsecond) / 86400000000
"""
MONTH = """\
def _{name}_month(days):
    return None if days is None else datetime.date.fromordinal(int(days // 1) + 719163).month
"""
WEEKDAY = """\
def _{name}_weekday(days):
    return None if days is None else int(days // 1 + 3) % 7 + 1
"""
HAS = """\
def _{name}_has(value, words, separators):
    if _{name}_is_missing(value):
        return None
    text = str(value)
    for sign in separators:
        text = text.replace(sign, " ")
    return 1.0 if any(word in words for word in text.split(" ")) else 0.0
"""
PROBABILITIES: dict[Link, tuple[str, ...]] = {
    "logistic": ("share = _{name}_sigmoid(scores[0])", "return [1.0 - share, share]"),
    "softmax": (
        "top = max(scores)",
        "shares = [math.exp(score - top) for score in scores]",
        "total = _{name}_total(shares)",
        "return [share / total for share in shares]",
    ),
    "one-vs-rest": (
        "shares = [_{name}_sigmoid(score) for score in scores]",
        "total = _{name}_total(shares)",
        "return [share / total for share in shares]",
    ),
}


def to_python(model: Any, *, name: str = "predict", feature_names: Sequence[str] | None = None) -> str:
    """Return a fitted student as the source of Python functions that need neither scikit-learn nor numpy.

    The function `name` takes a row, as a mapping from column names to values or as a sequence in the order of the
    table, and returns a label or a number. A classifier with probabilities has a second one, `name` with ``_proba``
    behind it, which returns a dict of them. Missing is None or NaN; a row that the model can't answer because of it
    raises a ``ValueError``.

    Parameters
    ----------
    model : estimator
        As `rules` takes it.
    name : str
        Of the function.
    feature_names : sequence of str, optional
        Of the columns of the table.

    Returns
    -------
    str
        ASCII only.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> tree = DecisionTreeClassifier(random_state=0).fit([[1.0], [2.0], [3.0], [4.0]], ["low", "low", "low", "high"])
    >>> space = {}
    >>> exec(to_python(tree, name="label", feature_names=["size"]), space)
    >>> space["label"]({"size": 2.5}), space["label_proba"]([7])
    ('low', {'high': 1.0, 'low': 0.0})
    """
    if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii():
        raise InvalidInputError(f"name must be an identifier in ASCII, got {name!r}")
    program = program_of(model, feature_names)
    return "\n".join([*_source(program, name), ""])


def _source(program: Program, name: str) -> Iterator[str]:
    dates = any(column.kind == "date" for column in program.columns)
    yield from (["import datetime"] if dates else []) + ["import math", "", ""]
    written = [column.written for column in program.columns]
    parts = {how.part for how in written}
    needed = {
        NUMBER: any(how.dropped for how in written),
        CLOCK: any(how.clock for how in written),
        COUNTED: any(how.per_day for how in written),
        DAYS: any(column.kind == "date" and not column.written.per_day for column in program.columns),
        MONTH: "month" in parts,
        WEEKDAY: "weekday" in parts,
        HAS: any(how.words for how in written),
    }
    for helper in (MISSING, TOTAL, *(helper for helper, is_needed in needed.items() if is_needed)):
        yield from helper.format(name=name).splitlines()
        yield ""
        yield ""
    if not isinstance(program.body, Shares) and program.body.link in ("logistic", "one-vs-rest"):
        yield from SIGMOID.format(name=name).splitlines()
        yield ""
        yield ""
    if isinstance(program.body, Linear):
        for number, score in enumerate(program.body.scores):
            yield from _score(program, score, f"_{name}_score_{number}", name)
    else:
        for number, tree in enumerate(program.body.trees):
            if depth(tree) > DEEPEST:
                raise NotSupportedError(f"Python reads trees of depth {DEEPEST} at most, got {depth(tree)}")
            yield f"def _{name}_tree_{number}(row, named):"
            yield from (f"    {line}" for line in _node(program, tree, name))
            yield ""
            yield ""
    yield from _answers(program, name)


def _read(program: Program, place: int, name: str) -> str:
    column = program.columns[place]
    value, written = f"row[{column.name!a} if named else {column.place}]", column.written
    if column.kind == "date":
        swaps = f", {written.swaps!a}" if written.swaps else ""
        days = f"_{name}_days({value}, {written.date or '%Y-%m-%d'!a}, {written.whole_days}{swaps})"
        if written.per_day:
            days = f"_{name}_counted({value}, {written.per_day!r}, {written.whole_days})"
        return f"_{name}_{written.part}({days})" if written.part else days
    if written.words:
        return f"_{name}_has({value}, {written.words!a}, {SEPARATORS!a})"
    if written.clock:
        return f"_{name}_clock({value}, {written.swaps!a}, {written.clock})"
    return f"_{name}_number({value}, {written.replaced!a})" if written.dropped else value


def _node(program: Program, node: Node, name: str) -> Iterator[str]:
    if isinstance(node, Leaf):
        if node.passes_on:
            yield "return None"
            return
        answer = _list(node.values) if program.classes is not None else repr(node.values[0])
        yield f"return {answer}  # {node.rows} rows, {node.share:.1%}"
        return
    yield f"value = {_read(program, node.column, name)}"
    yield f"if {_condition(node, name)}:"
    yield from (f"    {line}" for line in _node(program, node.yes, name))
    yield from _node(program, node.no, name)


def _condition(node: Split, name: str) -> str:
    gap = f"_{name}_is_missing(value)"
    if isinstance(node.test, Known):
        return f"not {gap}"
    test = f"value <= {node.test.threshold!r}" if isinstance(node.test, AtMost) else _one_of(node.test)
    return f"{gap} or {test}" if node.missing else f"not {gap} and {test}"


def _one_of(test: OneOf) -> str:
    return f"value in ({', '.join(ascii(value) for value in test.values)},)"


def _score(program: Program, score: Score, function: str, name: str) -> Iterator[str]:
    yield f"def {function}(row, named):"
    yield f"    total = {score.intercept!r}"
    for term in score.terms:
        yield f"    value = {_read(program, term.column, name)}"
        yield f"    if _{name}_is_missing(value):"
        if math.isnan(term.missing):
            yield f"        raise ValueError({f'{program.columns[term.column].name} is missing'!a})"
        else:
            yield f"        total += {term.missing!r}"
        yield "    else:"
        yield f"        total += {_amount(term)}"
    yield "    return total"
    yield ""
    yield ""


def _amount(term: Slope | Amounts) -> str:
    if isinstance(term, Amounts):
        pairs = ", ".join(f"{value!a}: {amount!r}" for value, amount in term.values)
        return f"{{{pairs}}}.get(value, 0.0)"
    value = "value"
    if term.low > -math.inf:
        value = f"max({value}, {term.low!r})"
    if term.high < math.inf:
        value = f"min({value}, {term.high!r})"
    return f"{term.coefficient!r} * {value}"


def _list(values: Sequence[float]) -> str:
    return f"[{', '.join(repr(value) for value in values)}]"


def _answers(program: Program, name: str) -> Iterator[str]:
    named = '    named = hasattr(row, "keys")'
    classes = None if program.classes is None else f"[{', '.join(ascii(label) for label in program.classes)}]"
    body = program.body
    what, count = ("score", body.n_scores) if isinstance(body, Linear) else ("tree", len(body.trees))
    functions = [f"_{name}_{what}_{number}" for number in range(count)]
    parts = [f"{function}(row, named)" for function in functions]
    first_answer = [
        f"    answers = (rule(row, named) for rule in ({', '.join(functions)},))",
        "    return next(answer for answer in answers if answer is not None)",
    ]
    if classes is None:
        yield f"def {name}(row):"
        yield named
        if isinstance(body, RuleList):
            yield from first_answer
            return
        first = [repr(body.intercepts[0])] if isinstance(body, TreeSum) else []
        total = f"_{name}_total([{', '.join([*first, *parts])}])"
        if isinstance(body, Trees):
            yield f"    return {total} / {count}"
        else:
            yield f"    return {f'math.exp({total})' if body.link == 'exp' else total}"
        return
    yield f"_{name}_classes = {classes}"
    yield ""
    yield ""
    if not isinstance(body, RuleList):
        yield f"def _{name}_parts(row):"
        yield named
        if isinstance(body, TreeSum):
            points = ", ".join([_list(body.intercepts), *parts])
            yield f"    return [_{name}_total(points) for points in zip({points})]"
        else:
            yield f"    return [{', '.join(parts)}]"
        yield ""
        yield ""
    if program.has_probabilities:
        yield f"def _{name}_shares(row):"
        if isinstance(body, RuleList):
            yield from (named, *first_answer)
        else:
            yield f"    scores = _{name}_parts(row)"
        if isinstance(body, Trees):
            yield f"    return [_{name}_total(shares) / len(scores) for shares in zip(*scores)]"
        elif not isinstance(body, RuleList):
            yield from (f"    {line.format(name=name)}" for line in PROBABILITIES[body.link])
        yield ""
        yield ""
        yield f"def {name}_proba(row):"
        yield f"    return dict(zip(_{name}_classes, _{name}_shares(row)))"
        yield ""
        yield ""
    yield f"def {name}(row):"
    if not isinstance(body, Shares):
        yield f"    scores = _{name}_parts(row)"
        if body.n_scores == 1:
            yield f"    return _{name}_classes[int(scores[0] > 0.0)]"
            return
    else:
        yield f"    scores = _{name}_shares(row)"
    yield f"    return _{name}_classes[scores.index(max(scores))]"
