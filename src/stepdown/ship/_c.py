"""A student as a C header."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from stepdown.core import InvalidInputError

from ._compile import program_of
from ._program import (
    SEPARATORS,
    Amounts,
    AtMost,
    Category,
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
    Split,
    Trees,
    TreeSum,
    leaves,
    unit,
)

HELPERS = {
    "month": """\
/* H. Hinnant, "chrono-compatible low-level date algorithms": years begin in March, eras have 400 of them. */
static inline double {name}_month(double days) {{
    double day = floor(days) + 719468.0;
    day -= 146097.0 * floor(day / 146097.0);
    double year = floor((day - floor(day / 1460.0) + floor(day / 36524.0) - floor(day / 146096.0)) / 365.0);
    day -= 365.0 * year + floor(year / 4.0) - floor(year / 100.0);
    double month = floor((5.0 * day + 2.0) / 153.0);
    return month < 10.0 ? month + 3.0 : month - 9.0;
}}
""",
    "weekday": """\
static inline double {name}_weekday(double days) {{
    double day = floor(days) + 3.0;
    return day - 7.0 * floor(day / 7.0) + 1.0;
}}
""",
    "has": """\
static inline int {name}_has(const char *text, const char *word) {{
    static const char signs[] = {signs};
    const size_t length = strlen(word);
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {{
        if ((at == text || strchr(signs, at[-1]) != NULL) && strchr(signs, at[length]) != NULL) {{
            return 1;
        }}
    }}
    return 0;
}}
""",
}
SIGMOID = """\
static inline double {name}_sigmoid(double score) {{
    return score >= 0.0 ? 1.0 / (1.0 + exp(-score)) : exp(score) / (1.0 + exp(score));
}}
"""


def to_c(model: Any, *, name: str = "student", feature_names: Sequence[str] | None = None) -> str:
    """Return a fitted student as a C99 header that needs the standard library only.

    A row is a ``struct``: numbers are ``double`` (``NAN`` where missing), text is UTF-8 (``NULL`` where missing). A
    classifier gets ``int NAME_predict(const NAME_row *row, double *probabilities)``: the place of the answer in
    ``NAME_classes``, or -1 for a row that the model can't answer because a value is missing; the probabilities may be
    ``NULL``, and are left out for a classifier without them. A regressor gets
    ``double NAME_predict(const NAME_row *row)``.

    Parameters
    ----------
    model : estimator
        As `rules` takes it.
    name : str
        What every name in the header begins with.
    feature_names : sequence of str, optional
        Of the columns of the table.

    Returns
    -------
    str
        ASCII only.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> tree = DecisionTreeRegressor().fit([[1.0], [3.0]], [10.0, 20.0])
    >>> print(to_c(tree, name="price", feature_names=["size (m2)"]))
    #ifndef PRICE_H
    ...
    typedef struct {
        double c0_size_m2; /* size (m2): a number, NAN where missing */
    } price_row;
    ...
    static inline double price_predict(const price_row *row) {
        return price_leaves_0[price_tree_0(row)][0];
    }
    ...
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise InvalidInputError(f"name must be an identifier in ASCII, got {name!r}")
    program = program_of(model, feature_names)
    return "\n".join([*_header(program, name), ""])


def _header(program: Program, name: str) -> Iterator[str]:
    guard = f"{name.upper()}_H"
    yield from (f"#ifndef {guard}", f"#define {guard}", "", "#include <math.h>", "#include <string.h>", "")
    yield "/* Missing numbers are NAN: don't compile with -ffast-math. */"
    yield "typedef struct {"
    for column in {column.place: column for column in program.columns}.values():
        if column.kind == "text":
            yield f"    const char *{_field(column)}; /* {_comment(column.name)}: UTF-8 text, NULL where missing */"
        else:
            yield f"    double {_field(column)}; /* {_comment(column.name)}: {unit(column)}, NAN where missing */"
    if not program.columns:
        yield "    char nothing; /* the student reads no column */"
    yield f"}} {name}_row;"
    yield ""
    if program.classes is not None:
        yield f"enum {{ {name}_n_classes = {len(program.classes)} }};"
        yield from _classes(program.classes, name)
        yield ""
    needed = {column.written.part or ("has" if column.written.words else "") for column in program.columns}
    for what in sorted(needed & HELPERS.keys()):
        yield from HELPERS[what].format(name=name, signs=string(SEPARATORS)).splitlines()
        yield ""
    if not isinstance(program.body, Shares) and program.body.link in ("logistic", "one-vs-rest"):
        yield from SIGMOID.format(name=name).splitlines()
        yield ""
    if isinstance(program.body, Linear):
        for number, score in enumerate(program.body.scores):
            yield from _score(program, score, f"{name}_score_{number}", name)
            yield ""
    else:
        for number, tree in enumerate(program.body.trees):
            yield from _tree(program, tree, number, name)
            yield ""
    yield from _predict(program, name)
    yield ""
    yield f"#endif /* {guard} */"


def _field(column: Column) -> str:
    """A name of its own for each column, whatever it is called in the table."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", column.name).strip("_")[:40]
    return f"c{column.place}_{plain}".rstrip("_")


def _comment(text: str) -> str:
    told = ascii(text)[1:-1]
    return told.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")


def string(text: str) -> str:
    """A string literal; bytes that aren't plain ASCII, and what could begin a trigraph, are written in octal."""
    if "\0" in text:
        raise InvalidInputError(f"C can't hold text with a null character, got {text!r}")
    told = (chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}" for byte in text.encode("utf-8"))
    return f'"{"".join(told)}"'


def _classes(classes: Sequence[Label], name: str) -> Iterator[str]:
    if any(isinstance(label, str) for label in classes):
        kind, told = "char *const", [string(str(label)) for label in classes]
    elif any(isinstance(label, float) for label in classes):
        kind, told = "double", [repr(float(label)) for label in classes]
    else:
        kind, told = "long long", [str(int(label)) for label in classes]
    yield f"static const {kind} {name}_classes[{len(told)}] = {{{', '.join(told)}}};"


def _tree(program: Program, tree: Node, number: int, name: str) -> Iterator[str]:
    answers = [["NAN" if math.isnan(value) else repr(value) for value in leaf.values] for leaf in leaves(tree)]
    yield f"static const double {name}_leaves_{number}[{len(answers)}][{len(answers[0])}] = {{"
    yield from (f"    {{{', '.join(values)}}}," for values in answers)
    yield "};"
    yield f"static inline int {name}_tree_{number}(const {name}_row *row) {{"
    if isinstance(tree, Leaf):
        yield "    (void)row;"
    yield from (f"    {line}" for line in _node(program, tree, iter(range(len(answers))), name))
    yield "}"


def _node(program: Program, node: Node, numbers: Iterator[int], name: str) -> Iterator[str]:
    if isinstance(node, Leaf):
        yield f"return {next(numbers)};"
        return
    yield f"if ({_condition(program.columns[node.column], node, name)}) {{"
    yield from (f"    {line}" for line in _node(program, node.yes, numbers, name))
    yield "}"
    yield from _node(program, node.no, numbers, name)


def _value(column: Column, name: str) -> str:
    value, written = f"row->{_field(column)}", column.written
    if written.words:
        return f"(double)({' || '.join(f'{name}_has({value}, {string(word)})' for word in written.words)})"
    return f"{name}_{written.part}({value})" if written.part else value


def _gap(column: Column) -> str:
    value = f"row->{_field(column)}"
    return f"{value} == NULL" if column.kind == "text" else f"isnan({value})"


def _known(column: Column) -> str:
    value = f"row->{_field(column)}"
    return f"{value} != NULL" if column.kind == "text" else f"!isnan({value})"


def _same(column: Column, category: Category) -> str:
    value = f"row->{_field(column)}"
    if isinstance(category, str):
        return f"strcmp({value}, {string(category)}) == 0"
    return f"{value} == {float(category)!r}"


def _condition(column: Column, node: Split, name: str) -> str:
    match node.test:
        case Known():
            return _known(column)
        case AtMost(threshold):
            test = f"{_value(column, name)} <= {threshold!r}"
        case OneOf(values):
            test = " || ".join(_same(column, value) for value in values)
            test = test if node.missing or len(values) == 1 else f"({test})"
    return f"{_gap(column)} || {test}" if node.missing else f"{_known(column)} && {test}"


def _score(program: Program, score: Score, function: str, name: str) -> Iterator[str]:
    yield f"static inline double {function}(const {name}_row *row) {{"
    yield f"    double total = {score.intercept!r};"
    if not score.terms:
        yield "    (void)row;"
    for term in score.terms:
        column = program.columns[term.column]
        missing = "NAN" if math.isnan(term.missing) else repr(term.missing)
        yield f"    total += {_gap(column)} ? {missing}"
        if isinstance(term, Amounts):
            for category, amount in term.values:
                yield f"        : {_same(column, category)} ? {amount!r}"
            yield "        : 0.0;"
        else:
            value = _value(column, name)
            if term.low > -math.inf:
                yield f"        : {value} < {term.low!r} ? {term.coefficient * term.low!r}"
            if term.high < math.inf:
                yield f"        : {value} > {term.high!r} ? {term.coefficient * term.high!r}"
            yield f"        : {term.coefficient!r} * {value};"
    yield "    return total;"
    yield "}"


def _predict(program: Program, name: str) -> Iterator[str]:
    body = program.body
    if program.classes is None:
        yield f"static inline double {name}_predict(const {name}_row *row) {{"
        if isinstance(body, Linear):
            score = f"{name}_score_0(row)"
            yield f"    return {f'exp({score})' if body.link == 'exp' else score};"
        elif isinstance(body, RuleList):
            yield from _first(body, name)
            yield "    return answer[0];"
        else:
            parts = [f"{name}_leaves_{n}[{name}_tree_{n}(row)][0]" for n in range(len(body.trees))]
            first = [repr(body.intercepts[0])] if isinstance(body, TreeSum) else []
            total = " + ".join([*first, *parts])
            if not parts:
                yield "    (void)row;"
            mean = isinstance(body, Trees) and len(parts) > 1
            yield f"    return ({total}) / {len(parts)}.0;" if mean else f"    return {total};"
        yield "}"
        return
    arguments = f"const {name}_row *row" + (", double *probabilities" if program.has_probabilities else "")
    yield f"static inline int {name}_predict({arguments}) {{"
    size = f"{name}_n_classes"
    if isinstance(body, Trees):
        yield from _mean(body, name)
    elif isinstance(body, RuleList):
        yield from _first(body, name)
        yield f"    double shares[{size}];"
        yield "    memcpy(shares, answer, sizeof shares);"
    else:
        scores = [f"{name}_score_{n}(row)" for n in range(body.n_scores)]
        if isinstance(body, TreeSum):
            yield from _leaf_pointers(len(body.trees), name)
            numbers = range(len(body.trees))
            scores = [
                " + ".join([repr(start), *(f"leaf_{n}[{k}]" for n in numbers)])
                for k, start in enumerate(body.intercepts)
            ]
        yield f"    const double scores[{body.n_scores}] = {{{', '.join(scores)}}};"
        yield from _shares(body, name)
    if not isinstance(body, Shares) and body.n_scores == 1:
        best = ["int best = isnan(scores[0]) ? -1 : scores[0] > 0.0;"]
    else:
        what = "shares" if isinstance(body, Shares) else "scores"
        best = [
            "int best = 0;",
            f"for (int i = 1; i < {size}; i++) {{",
            f"    if ({what}[i] > {what}[best]) {{",
            "        best = i;",
            "    }",
            "}",
            f"if (isnan({what}[best])) {{",
            "    best = -1;",
            "}",
        ]
    yield from (f"    {line}" for line in best)
    if program.has_probabilities:
        yield "    if (probabilities != NULL) {"
        yield "        memcpy(probabilities, shares, sizeof shares);"
        yield "    }"
    yield "    return best;"
    yield "}"


def _mean(body: Trees, name: str) -> Iterator[str]:
    yield f"    double shares[{name}_n_classes];"
    numbers = range(len(body.trees))
    yield from _leaf_pointers(len(body.trees), name)
    yield f"    for (int i = 0; i < {name}_n_classes; i++) {{"
    yield f"        shares[i] = ({' + '.join(f'leaf_{number}[i]' for number in numbers)}) / {len(numbers)}.0;"
    yield "    }"


def _first(body: RuleList, name: str) -> Iterator[str]:
    """The answer of the first rule that has one; the others say NAN."""
    for number in range(len(body.trees)):
        rule = f"{name}_leaves_{number}[{name}_tree_{number}(row)]"
        if number:
            yield from ("    if (isnan(answer[0])) {", f"        answer = {rule};", "    }")
        else:
            yield f"    const double *answer = {rule};"


def _leaf_pointers(n_trees: int, name: str) -> Iterator[str]:
    if not n_trees:
        yield "    (void)row;"
    for number in range(n_trees):
        yield f"    const double *leaf_{number} = {name}_leaves_{number}[{name}_tree_{number}(row)];"


def _shares(body: Linear | TreeSum, name: str) -> Iterator[str]:
    size = f"{name}_n_classes"
    if body.link == "margin":
        return
    yield f"    double shares[{size}];"
    if body.link == "logistic":
        yield f"    shares[1] = {name}_sigmoid(scores[0]);"
        yield "    shares[0] = 1.0 - shares[1];"
        return
    yield "    double total = 0.0;"
    if body.link == "softmax":
        yield "    double top = scores[0];"
        yield f"    for (int i = 1; i < {size}; i++) {{"
        yield "        top = scores[i] > top ? scores[i] : top;"
        yield "    }"
    yield f"    for (int i = 0; i < {size}; i++) {{"
    yield f"        shares[i] = {'exp(scores[i] - top)' if body.link == 'softmax' else f'{name}_sigmoid(scores[i])'};"
    yield "        total += shares[i];"
    yield "    }"
    yield f"    for (int i = 0; i < {size}; i++) {{"
    yield "        shares[i] /= total;"
    yield "    }"
