"""A student as one SQL query."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from string import ascii_letters
from typing import Any, Literal

from stepdown.core import InvalidInputError, NotSupportedError

from ._cells import CLOCK
from ._compile import program_of
from ._program import (
    SEPARATORS,
    Amounts,
    AtMost,
    Body,
    Column,
    Known,
    Label,
    Leaf,
    Linear,
    Node,
    OneOf,
    Program,
    RuleList,
    Score,
    Shares,
    Slope,
    Split,
    TreeSum,
    Written,
    leaves,
)

Dialect = Literal["sqlite", "duckdb"]
MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec"
GREATEST: dict[str, str] = {"sqlite": "max", "duckdb": "greatest"}


def to_sql(
    model: Any,
    *,
    table: str,
    keep: Sequence[str] = (),
    dialect: Dialect = "sqlite",
    feature_names: Sequence[str] | None = None,
) -> str:
    """Return a fitted student as a query that answers every row of a table.

    Parameters
    ----------
    model : estimator
        As `rules` takes it.
    table : str
        Its columns have the names that the student knows; numbers are stored as numbers, missing values as NULL.
    keep : sequence of str
        Columns of the table that stand in front of the answers, for instance its key.
    dialect : {"sqlite", "duckdb"}
        What the query is written for.
    feature_names : sequence of str, optional
        Of the columns of the table.

    Returns
    -------
    str
        A query for the columns to keep, ``prediction`` and, for a classifier, ``probability_`` and each class, in the
        order of its classes. A row that the model can't answer because a value is missing gets NULL.

    Examples
    --------
    >>> import sqlite3
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> tree = DecisionTreeClassifier(random_state=0).fit([[1.0], [2.0], [3.0], [4.0]], ["low", "low", "low", "high"])
    >>> query = to_sql(tree, table="parts", keep=["id"], feature_names=["size"])
    >>> database = sqlite3.connect(":memory:")
    >>> _ = database.execute("CREATE TABLE parts (id INTEGER, size REAL)")
    >>> _ = database.execute("INSERT INTO parts VALUES (1, 2.5), (2, 7)")
    >>> database.execute(query).fetchall()
    [(1, 'low', 0.0, 1.0), (2, 'high', 1.0, 0.0)]
    >>> database.close()
    """
    if dialect not in GREATEST:
        raise InvalidInputError(f"dialect must be one of {', '.join(GREATEST)}, got {dialect!r}")
    return _Query(program_of(model, feature_names), table, list(keep), dialect).text()


class _Query:
    def __init__(self, program: Program, table: str, keep: list[str], dialect: Dialect) -> None:
        self.program, self.table, self.dialect = program, identifier(table), dialect
        self.keep = [identifier(name) for name in keep]
        self.prefix = "step"
        taken = [table, *keep, *(column.name for column in program.columns)]
        while any(name.lower().startswith(self.prefix) for name in taken):
            self.prefix += "_"

    def text(self) -> str:
        """The query."""
        body, classes = self.program.body, self.program.classes
        kept = [f"{self.table}.{name} AS {name}" for name in self.keep]
        if classes is None:
            return _select([*kept, f"{self._number(body)} AS prediction"], self.table) + ";\n"
        parts: list[tuple[str, str]] = []
        if isinstance(body, Linear):
            scores = [f"{self._score(score)} AS {self._name('score', n)}" for n, score in enumerate(body.scores)]
            parts.append((self._name("scores"), _select([*kept, *scores], self.table)))
        elif isinstance(body, RuleList):
            numbers = [str(number) for number, _ in enumerate(body.answers)]
            places = [f"{self._first(body, numbers)} AS {self._name('leaf', 0)}"]
            parts.append((self._name("leaves"), _select([*kept, *places], self.table)))
        else:
            places = [f"{self._leaf(tree)} AS {self._name('leaf', n)}" for n, tree in enumerate(body.trees)]
            parts.append((self._name("leaves"), _select([*kept, *places], self.table)))
        if isinstance(body, TreeSum):
            parts.append((self._name("scores"), _select([*self.keep, *self._added(body)], self._name("leaves"))))
        parts += self._shares(body, len(classes))
        n_scores = len(classes) if isinstance(body, Shares) else body.n_scores
        if n_scores == 1:
            score = self._name("score", 0)
            arms = [f"WHEN {score} > 0 THEN {literal(classes[1])}", f"WHEN {score} <= 0 THEN {literal(classes[0])}"]
        else:
            what = "share" if isinstance(body, Shares) else "score"
            names = [self._name(what, number) for number in range(n_scores)]
            most = f"{self._most(names)} AS {self._name('most')}"
            parts.append((self._name("best"), _select(["*", most], parts[-1][0])))
            arms = [
                f"WHEN {name} = {self._name('most')} THEN {literal(label)}"
                for name, label in zip(names, classes, strict=True)
            ]
        answers = [*self.keep, f"{_case(arms)} AS prediction"]
        if self.program.has_probabilities:
            answers += [
                f"{self._name('share', number)} AS {identifier(f'probability_{label}')}"
                for number, label in enumerate(classes)
            ]
        steps = ",\n".join(f"{name} AS (\n{query}\n)" for name, query in parts)
        return f"WITH {steps}\n{_select(answers, parts[-1][0])};\n"

    def _name(self, what: str, number: int | None = None) -> str:
        return f"{self.prefix}_{what}" if number is None else f"{self.prefix}_{what}_{number}"

    def _most(self, names: Sequence[str]) -> str:
        return names[0] if len(names) == 1 else f"{GREATEST[self.dialect]}({', '.join(names)})"

    def _added(self, body: TreeSum) -> Iterator[str]:
        for number, intercept in enumerate(body.intercepts):
            points = [
                _picked(self._name("leaf", place), [leaf.values[number] for leaf in leaves(tree)])
                for place, tree in enumerate(body.trees)
            ]
            yield f"{' + '.join([real(intercept), *points])} AS {self._name('score', number)}"

    def _number(self, body: Body) -> str:
        if isinstance(body, Linear):
            score = self._score(body.scores[0])
            return f"exp({score})" if body.link == "exp" else score
        if isinstance(body, RuleList):
            return self._first(body, [real(leaf.values[0]) for leaf in body.answers])
        answers = [_pick(tree, [leaf.values[0] for leaf in leaves(tree)], self) for tree in body.trees]
        if isinstance(body, TreeSum):
            return " + ".join([real(body.intercepts[0]), *answers])
        return answers[0] if len(answers) == 1 else f"({' + '.join(answers)}) / {real(len(answers))}"

    def _first(self, body: RuleList, answers: Sequence[str]) -> str:
        """What the first rule answers that a row meets; the others are NULL."""
        rest = iter(answers)
        told = [["NULL" if leaf.passes_on else next(rest) for leaf in leaves(tree)] for tree in body.trees]
        rules = [self._chosen(tree, mine) for tree, mine in zip(body.trees, told, strict=True)]
        return rules[0] if len(rules) == 1 else f"coalesce({', '.join(rules)})"

    def _leaf(self, tree: Node) -> str:
        return self._chosen(tree, [str(number) for number, _ in enumerate(leaves(tree))])

    def _chosen(self, tree: Node, answers: Sequence[str]) -> str:
        """What the leaf of a row answers.

        A flat list of leaves, because SQLite refuses deep nesting: each needs only the questions that its path answers
        by yes, since rows that answered yes where it went the other way have been taken by the leaves before it.
        """
        arms = [
            f"WHEN {' AND '.join(asked)} THEN {answer}"
            for asked, answer in zip(self._asked(tree, []), answers, strict=True)
            if asked
        ]
        return _case([*arms, f"ELSE {answers[-1]}"]) if arms else answers[-1]

    def _asked(self, node: Node, asked: list[str]) -> Iterator[list[str]]:
        if isinstance(node, Leaf):
            yield asked
        else:
            yield from self._asked(node.yes, [*asked, self._condition(node)])
            yield from self._asked(node.no, asked)

    def _condition(self, node: Split) -> str:
        column = self.program.columns[node.column]
        value, gap = self._value(column), self._gap(column)
        match node.test:
            case Known():
                return f"NOT ({gap})"
            case AtMost(threshold):
                test = f"{value} <= {real(threshold)}"
            case OneOf(values):
                test = f"{value} IN ({', '.join(literal(one) for one in values)})"
        return f"({test} OR {gap})" if node.missing else test

    def _value(self, column: Column) -> str:
        value, written = f"{self.table}.{identifier(column.name)}", column.written
        if column.kind == "date":
            return self._days(column, value)
        if written.words:
            return self._has(written.words, value)
        if written.clock:
            return self._clock(written, value)
        if not written.dropped:
            return value
        value, cast = _replaced(written, value), "TRY_CAST" if self.dialect == "duckdb" else "CAST"
        return f"CASE WHEN {value} GLOB '*[0-9]*' THEN {cast}({value} AS DOUBLE) END"

    def _clock(self, written: Written, value: str) -> str:
        """Parts between colons, counted in the last."""
        value, parts = _replaced(written, value), []
        if self.dialect == "duckdb":
            value = f"CAST({value} AS VARCHAR)"
            parts = [f"TRY_CAST(split_part({value}, ':', {place + 1}) AS DOUBLE)" for place in range(written.clock)]
        else:
            rest = value
            for _ in range(written.clock):
                parts.append(f"CAST({rest} AS DOUBLE)")
                rest = f"substr({rest}, instr({rest}, ':') + 1)"
        total = " + ".join(f"{part} * {worth}" for part, worth in zip(reversed(parts), CLOCK, strict=False))
        return f"CASE WHEN {value} GLOB '*[0-9]{':[0-9]*' * (written.clock - 1)}' THEN {total} END"

    def _days(self, column: Column, value: str) -> str:
        """Days since 1970-01-01 of a date, a time or text."""
        form, whole, part = column.written.date, column.written.whole_days, column.written.part
        if form == "%Y%m%d":
            value = f"CAST(CAST({value} AS BIGINT) AS VARCHAR)"
        names, per_day = len(column.written.swaps) == 12, column.written.per_day
        if not (names and self.dialect == "sqlite"):
            value = _replaced(column.written, value)
        if self.dialect == "duckdb":
            time = f"try_strptime(trim({value}), {literal(form)})" if form else f"CAST({value} AS TIMESTAMP)"
            if per_day:
                time = f"make_timestamp(CAST({value} / {real(per_day)} * 86400000000e0 AS BIGINT))"
            if part:
                return f"{'month' if part == 'month' else 'isodow'}({time})"
            days = f"{value} / {real(per_day)}" if per_day else f"epoch({time}) / 86400e0"
            return f"floor({days})" if whole else days
        if per_day:
            value = f"datetime({value} / {real(per_day)} + 2440587.5)"  # days of Julius Scaliger's
        elif form and not form.startswith("%Y-%m-%d"):
            value = _iso(form, value, column.name, months=names)
        if part == "month":
            return f"CAST(strftime('%m', {value}) AS INTEGER)"
        if part == "weekday":
            return f"((strftime('%w', {value}) + 6) % 7 + 1)"
        if whole:
            return f"(strftime('%s', date({value})) / 86400e0)"
        return f"((strftime('%s', {value}) + strftime('%f', {value}) - strftime('%S', {value})) / 86400e0)"

    def _has(self, words: Sequence[str], value: str) -> str:
        """1 where a text has one of the words, 0 where it has none."""
        for sign in SEPARATORS[1:]:
            value = f"replace({value}, {literal(sign)}, ' ')"
        found = " OR ".join(f"instr(' ' || {value} || ' ', {literal(f' {word} ')}) > 0" for word in words)
        return f"CAST(({found}) AS DOUBLE)"

    def _gap(self, column: Column) -> str:
        value = self._value(column)
        numeric = column.kind == "number" or column.written.per_day
        # NaN is a value of its own there, greater than all others.
        also = f" OR isnan({value})" if self.dialect == "duckdb" and numeric else ""
        return f"{value} IS NULL{also}"

    def _score(self, score: Score) -> str:
        return "\n    + ".join([real(score.intercept), *(self._term(term) for term in score.terms)])

    def _term(self, term: Slope | Amounts) -> str:
        column = self.program.columns[term.column]
        value = self._value(column)
        missing = "NULL" if math.isnan(term.missing) else real(term.missing)
        first = f"WHEN {self._gap(column)} THEN {missing}"
        if isinstance(term, Amounts):
            arms = [f"WHEN {value} = {literal(category)} THEN {real(amount)}" for category, amount in term.values]
            return _case([first, *arms, f"ELSE {real(0.0)}"])
        bounds = [(f"{value} < {real(term.low)}", term.low), (f"{value} > {real(term.high)}", term.high)]
        held = [f"WHEN {test} THEN {real(term.coefficient * bound)}" for test, bound in bounds if math.isfinite(bound)]
        return _case([first, *held, f"ELSE {real(term.coefficient)} * {value}"])

    def _shares(self, body: Body, n_classes: int) -> list[tuple[str, str]]:
        """The steps from scores or leaves to probabilities."""
        if isinstance(body, Shares):
            groups = [body.answers] if isinstance(body, RuleList) else [list(leaves(tree)) for tree in body.trees]
            shares = []
            for number in range(n_classes):
                values = [
                    _picked(self._name("leaf", place), [leaf.values[number] for leaf in group])
                    for place, group in enumerate(groups)
                ]
                whole = values[0] if len(values) == 1 else f"({' + '.join(values)}) / {real(len(values))}"
                shares.append(f"{whole} AS {self._name('share', number)}")
            return [(self._name("shares"), _select([*self.keep, *shares], self._name("leaves")))]
        scores = [self._name("score", number) for number in range(body.n_scores)]
        shares = [self._name("share", number) for number in range(n_classes)]
        before = self._name("scores")
        if body.link == "logistic":
            one = _sigmoid(scores[0])
            told = ["*", f"1.0e0 - {one} AS {shares[0]}", f"{one} AS {shares[1]}"]
            return [(self._name("shares"), _select(told, before))]
        if body.link == "margin":
            return []
        weights, steps = [self._name("weight", number) for number in range(n_classes)], []
        if body.link == "softmax":
            top = self._name("top")
            steps.append((self._name("tops"), _select(["*", f"{self._most(scores)} AS {top}"], before)))
            made = [f"exp({score} - {top})" for score in scores]
        else:
            made = [_sigmoid(score) for score in scores]
        told = ["*", *(f"{one} AS {weight}" for one, weight in zip(made, weights, strict=True))]
        steps.append((self._name("weights"), _select(told, steps[-1][0] if steps else before)))
        total = f"({' + '.join(weights)})"
        told = ["*", *(f"{weight} / {total} AS {share}" for weight, share in zip(weights, shares, strict=True))]
        steps.append((self._name("shares"), _select(told, steps[-1][0])))
        return steps


def _replaced(written: Written, value: str) -> str:
    for sign, by in written.replaced:
        value = f"replace({value}, {literal(sign)}, {literal(by)})"
    return value


def _iso(form: str, value: str, name: str, *, months: bool) -> str:
    """Text of a form, perhaps with names of months, as SQLite reads it: 2020-01-31 15:30:00."""
    rest, parts = f"trim({value})", dict.fromkeys("YmdHMS", "0") | {"m": "1", "d": "1"}
    tokens = re.findall(r"%.|[^%]+", form)
    for token, following in zip(tokens, [*tokens[1:], "/"], strict=True):
        width = {"Y": 4}.get(token[1:], 2)
        if not token.startswith("%"):
            rest = f"ltrim({rest}, {literal(token)})"
        elif token == "%p":
            parts["H"] = f"{parts['H']} % 12 + (upper({value}) LIKE '%PM%') * 12"
        elif token[1:] not in {*parts, "y", "I"}:
            raise NotSupportedError(f"SQLite can't read how the dates in {name!r} are written: {form!r}")
        elif months and token == "%m":
            # Twelve replacements would be nested too deep for SQLite's parser.
            parts["m"] = f"(instr('{MONTHS}', lower(substr({rest}, 1, 3))) + 2) / 3"
            rest = f"ltrim({rest}, '{ascii_letters}')"
        elif following.startswith("%"):  # nothing stands between
            parts[token[1:]] = f"CAST(substr({rest}, 1, {width}) AS INTEGER)"
            rest = f"substr({rest}, {width + 1})"
        else:
            parts[token[1:]] = f"CAST({rest} AS INTEGER)"
            rest = f"ltrim({rest}, '0123456789')"
        if token == "%y":  # as strptime has it
            parts["Y"] = f"{parts['y']} + CASE WHEN {parts['y']} < 69 THEN 2000 ELSE 1900 END"
        if token == "%I":
            parts["H"] = parts["I"]
    told = ", ".join(parts[letter] for letter in "YmdHMS")
    return f"CASE WHEN {value} GLOB '*[0-9]*' THEN printf('%04d-%02d-%02d %02d:%02d:%02d', {told}) END"


def _pick(tree: Node, values: Sequence[float], query: _Query) -> str:
    return query._chosen(tree, [real(value) for value in values])


def _picked(place: str, values: Sequence[float]) -> str:
    if len(set(values)) == 1:
        return real(values[0])
    arms = [f"WHEN {number} THEN {real(value)}" for number, value in enumerate(values)]
    return f"CASE {place} {' '.join(arms)} END"


def _sigmoid(score: str) -> str:
    """Without overflow on either side."""
    return (
        f"CASE WHEN {score} >= 0 THEN 1.0e0 / (1.0e0 + exp(-{score})) "
        f"WHEN {score} < 0 THEN exp({score}) / (1.0e0 + exp({score})) END"
    )


def _case(arms: Sequence[str]) -> str:
    return "CASE\n" + "".join(f"      {arm}\n" for arm in arms) + "    END"


def _select(columns: Sequence[str], table: str) -> str:
    return "  SELECT\n    " + ",\n    ".join(columns) + f"\n  FROM {table}"


def identifier(name: str) -> str:
    """A name in quotes."""
    return '"' + _checked(name).replace('"', '""') + '"'


def literal(value: Label) -> str:
    """A label or a category."""
    if isinstance(value, str):
        return "'" + _checked(value).replace("'", "''") + "'"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return str(value) if isinstance(value, int) else real(value)


def _checked(text: str) -> str:
    if "\0" in text:
        raise InvalidInputError(f"SQL can't hold text with a null character, got {text!r}")
    return text


def real(number: float) -> str:
    """A number in double precision; without an exponent it would be a decimal in some dialects."""
    text = repr(float(number))
    return text if "e" in text else f"{text}e0"
