"""A student as an ONNX graph over the columns of the table."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.core import NotSupportedError

from ._compile import program_of
from ._program import (
    SEPARATORS,
    Amounts,
    AtMost,
    Category,
    Column,
    Known,
    Leaf,
    Linear,
    Node,
    OneOf,
    RuleList,
    Score,
    Shares,
    Slope,
    Split,
    Trees,
    TreeSum,
    unit,
)

# What is used has been there since these versions, and in ONNX Runtime since 1.12.
OPSETS, IR = {"": 17, "ai.onnx.ml": 3}, 8
# Words of texts are found by RegexFullMatch, which ONNX Runtime has had since 1.18.
OPSETS_OF_WORDS, IR_OF_WORDS = {"": 20, "ai.onnx.ml": 3}, 9
# What a text that no question names counts as, and a missing one.
OTHER, MISSING = 0, 1


def to_onnx(model: Any, *, feature_names: Sequence[str] | None = None) -> Any:
    """Return a fitted student as an ONNX model that takes the columns of the table.

    Each column is an input by its own name, of shape (n_rows, 1): numbers are doubles (NaN where missing), dates are
    days since 1970-01-01 as doubles, texts are strings (empty where missing). A classifier answers ``label`` of shape
    (n_rows,) and, if it has them, ``probabilities`` of shape (n_rows, n_classes); a regressor answers ``prediction``
    of shape (n_rows,). All sums are in double precision. Where the model can't answer because a value is missing,
    probabilities and predictions are NaN, and the label says nothing.

    Parameters
    ----------
    model : estimator
        As `rules` takes it.
    feature_names : sequence of str, optional
        Of the columns of the table.

    Returns
    -------
    onnx.ModelProto
        ``SerializeToString()`` gives its bytes.

    Raises
    ------
    ImportError
        If onnx is missing, with the line that installs it.
    NotSupportedError
        For models that have no export, and where the empty text is a category that the model asks about.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> tree = DecisionTreeClassifier().fit([[1.0], [3.0]], ["low", "high"])
    >>> graph = to_onnx(tree, feature_names=["size"]).graph  # doctest: +SKIP
    >>> [i.name for i in graph.input], [o.name for o in graph.output]  # doctest: +SKIP
    (['size'], ['label', 'probabilities'])
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError('to_onnx needs onnx: pip install "stepdown[onnx]"') from error
    program = program_of(model, feature_names)
    graph = _Graph(onnx, program.columns, program.body)
    body = program.body
    if isinstance(body, Trees):
        sums = graph.mean(body.trees)
    elif isinstance(body, RuleList):
        sums = graph.first(graph.leaves(body.trees))
    elif isinstance(body, TreeSum):
        sums = graph.added(graph.double([body.intercepts]), graph.leaves(body.trees))
    else:
        sums = graph.joined([graph.score(score) for score in body.scores])
    types = onnx.TensorProto
    if program.classes is None:
        total = graph.add("Exp", sums) if not isinstance(body, Shares) and body.link == "exp" else sums
        outputs = [graph.output("prediction", graph.flat(total), types.DOUBLE, [None])]
    else:
        labels = np.array(program.classes)
        kind = {"U": types.STRING, "b": types.BOOL, "i": types.INT64}.get(labels.dtype.kind, types.DOUBLE)
        if not isinstance(body, Shares) and body.n_scores == 1:
            place = graph.add("Cast", graph.add("Greater", sums, graph.double([0.0])), to=types.INT64)
            place = graph.flat(place)
        else:
            place = graph.add("ArgMax", sums, axis=1, keepdims=0)
        answer = graph.add("Gather", graph.constant(labels), place)
        outputs = [graph.output("label", answer, kind, [None])]
        if program.has_probabilities:
            shares = sums if isinstance(body, Shares) else graph.shares(sums, body.link)
            outputs.append(graph.output("probabilities", shares, types.DOUBLE, [None, len(labels)]))
    made = graph.finished(outputs)
    words = any(column.written.words for column in program.columns)
    versions = OPSETS_OF_WORDS if words else OPSETS
    opsets = [onnx.helper.make_opsetid(domain, version) for domain, version in versions.items()]
    form = IR_OF_WORDS if words else IR
    shipped = onnx.helper.make_model(made, opset_imports=opsets, producer_name="stepdown", ir_version=form)
    onnx.checker.check_model(shipped)
    return shipped


class _Graph:
    """The nodes of a graph, from columns to sums; values are named by number."""

    def __init__(self, onnx: Any, columns: Sequence[Column], body: Any) -> None:
        self.helper, self.types, self.columns = onnx.helper, onnx.TensorProto, columns
        self.inputs = [column.name or f"column {column.place}" for column in columns] or ["rows"]
        self._read: dict[int, str] = {}
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._codes: list[dict[Category, int]] = [{} for _ in self.inputs]
        self._coded: dict[int, str] = {}
        for column, values in _categories(body):
            for value in values:
                if value == "":
                    raise NotSupportedError(
                        f"the column {columns[column].name!r} has the empty text as a category; in ONNX that is a gap"
                    )
                self._codes[column].setdefault(value, len(self._codes[column]) + 2)

    # Small steps ----------------------------------------------------------------------------------------------------

    def add(self, operation: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        name = f"stepdown:value:{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(operation, inputs, [name], domain=domain, **attributes))
        return name

    def constant(self, values: NDArray[Any]) -> str:
        name = f"stepdown:constant:{len(self.constants)}"
        flat = [str(value).encode() for value in values] if values.dtype.kind == "U" else values.ravel().tolist()
        kinds = {"U": "STRING", "b": "BOOL", "i": "INT64", "f": "DOUBLE"}
        kind = getattr(self.types, kinds[values.dtype.kind])
        self.constants.append(self.helper.make_tensor(name, kind, values.shape, flat))
        return name

    def double(self, values: Any) -> str:
        return self.constant(np.asarray(values, dtype=np.float64))

    def flat(self, value: str) -> str:
        return self.add("Reshape", value, self.constant(np.array([-1])))

    def joined(self, parts: Sequence[str]) -> str:
        return self.add("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]

    def output(self, name: str, value: str, kind: int, shape: list[int | None]) -> Any:
        while name in self.inputs:
            name += "_"
        self.nodes.append(self.helper.make_node("Identity", [value], [name]))
        return self.helper.make_tensor_value_info(name, kind, shape)

    def finished(self, outputs: list[Any]) -> Any:
        about = {
            name: (self.types.STRING if column.kind == "text" else self.types.DOUBLE, _about(column))
            for name, column in zip(self.inputs, self.columns, strict=False)
        }
        # Without columns something must still say how many rows there are.
        about = about or {self.inputs[0]: (self.types.DOUBLE, "any number")}
        inputs = [
            self.helper.make_tensor_value_info(name, kind, [None, 1], doc_string=words)
            for name, (kind, words) in about.items()
        ]
        return self.helper.make_graph(self.nodes, "student", inputs, outputs, self.constants)

    # Columns --------------------------------------------------------------------------------------------------------

    def value(self, column: int) -> str:
        """The number that a column is read as, of shape (n_rows, 1)."""
        written = self.columns[column].written
        if column not in self._read:
            cells = self.inputs[column]
            if written.words:
                apart, words = re.escape(SEPARATORS), "|".join(map(re.escape, written.words))
                pattern = f"(?s)(.*[{apart}])?({words})([{apart}].*)?"
                cells = self.add("Cast", self.add("RegexFullMatch", cells, pattern=pattern), to=self.types.DOUBLE)
            elif written.part == "weekday":
                cells = self._rest(self._plus(self.add("Floor", cells), 3.0), 7.0)
                cells = self._plus(cells, 1.0)
            elif written.part == "month":
                cells = self._month(cells)
            self._read[column] = cells
        return self._read[column]

    def _plus(self, value: str, number: float) -> str:
        return self.add("Add", value, self.double([[number]]))

    def _times(self, value: str, number: float) -> str:
        return self.add("Mul", value, self.double([[number]]))

    def _whole(self, value: str, divisor: float) -> str:
        return self.add("Floor", self.add("Div", value, self.double([[divisor]])))

    def _rest(self, value: str, divisor: float) -> str:
        return self.add("Sub", value, self._times(self._whole(value, divisor), divisor))

    def _month(self, days: str) -> str:
        """As C has it: years begin in March, and eras have 400 of them."""
        day = self._rest(self._plus(self.add("Floor", days), 719468.0), 146097.0)
        leap = self.add("Sub", self._whole(day, 36524.0), self._whole(day, 1460.0))
        year = self.add("Sub", self.add("Add", day, leap), self._whole(day, 146096.0))
        year = self._whole(year, 365.0)
        begun = self.add("Add", self._times(year, 365.0), self._whole(year, 4.0))
        begun = self.add("Sub", begun, self._whole(year, 100.0))
        month = self._whole(self._plus(self._times(self.add("Sub", day, begun), 5.0), 2.0), 153.0)
        early = self.add("Less", month, self.double([[10.0]]))
        return self.add("Where", early, self._plus(month, 3.0), self._plus(month, -9.0))

    def by_category(self, column: int, worth: Callable[[Category], float], other: float, missing: float) -> str:
        """A number for each category of a column, of shape (n_rows, 1)."""
        known = self._codes[column]
        if self.columns and self.columns[column].kind == "text":
            if column not in self._coded:
                self._coded[column] = self.add(
                    "LabelEncoder",
                    self.inputs[column],
                    domain="ai.onnx.ml",
                    keys_strings=[*(str(value) for value in known), ""],
                    values_int64s=[*known.values(), MISSING],
                    default_int64=OTHER,
                )
            table = [other, missing, *(worth(value) for value in known)]
            return self.add("Gather", self.double(table), self._coded[column])
        value = self.inputs[column]
        result = self.double([[other]])
        for category in known:
            if worth(category) != other:
                same = self.add("Equal", value, self.double([[float(category)]]))
                result = self.add("Where", same, self.double([[worth(category)]]), result)
        return self.add("Where", self.add("IsNaN", value), self.double([[missing]]), result)

    # Trees ----------------------------------------------------------------------------------------------------------

    def mean(self, trees: Sequence[Node]) -> str:
        """The mean of the leaves that a row comes to, of shape (n_rows, n_values)."""
        first, *others = self.leaves(trees)
        return self.add("Div", self.added(first, others), self.double([float(len(trees))])) if others else first

    def first(self, parts: Sequence[str]) -> str:
        """Of each row the first part that isn't NaN."""
        *others, answer = parts
        for part in reversed(others):
            answer = self.add("Where", self.add("IsNaN", part), answer, part)
        return answer

    def added(self, total: str, parts: Sequence[str]) -> str:
        """A sum from left to right, in the order in which scikit-learn adds."""
        for part in parts:
            total = self.add("Add", total, part)
        return total

    def leaves(self, trees: Sequence[Node]) -> list[str]:
        """What the leaves say that a row comes to, for each tree of shape (n_rows, n_values).

        The trees give the numbers of leaves, because runtimes return what trees say in single precision; what the
        leaves say is looked up in double.
        """
        if not trees:
            return [self._zeros()]
        questions: dict[Any, int] = {}
        for split in _splits(trees):
            questions.setdefault(_question(split), len(questions))
        features = [self._feature(*question) for question in questions] or [self._zeros()]
        table: list[tuple[float, ...]] = []
        fields: dict[str, list[Any]] = {name: [] for name in _TREE_FIELDS}
        thresholds: list[float] = []
        for number, tree in enumerate(trees):
            _write(tree, number, questions, fields, thresholds, table)
        values = self.helper.make_tensor("thresholds", self.types.DOUBLE, [len(thresholds)], thresholds)
        weights = self.helper.make_tensor("leaves", self.types.DOUBLE, [len(table)], fields.pop("target_weights"))
        leaves = self.add(
            "TreeEnsembleRegressor",
            self.joined(features),
            domain="ai.onnx.ml",
            n_targets=len(trees),
            nodes_values_as_tensor=values,
            target_weights_as_tensor=weights,
            **fields,
        )
        # Whole numbers below 2**24 are exact in single precision.
        places = self.add("Cast", leaves, to=self.types.INT64)
        says = self.add("Gather", self.double(table), places)
        return [self.add("Gather", says, self.constant(np.array(number)), axis=1) for number in range(len(trees))]

    def _feature(self, column: int, test: Any, missing: bool) -> str:
        """A number, or 1 for yes and 0 for no, of shape (n_rows, 1)."""
        if isinstance(test, AtMost):
            return self.value(column)
        yes = (lambda value: float(value in test.values)) if isinstance(test, OneOf) else (lambda value: 1.0)
        return self.by_category(column, yes, float(isinstance(test, Known)), float(missing))

    # Linear models --------------------------------------------------------------------------------------------------

    def score(self, score: Score) -> str:
        """A sum of terms, of shape (n_rows, 1)."""
        terms = [self._term(term) for term in score.terms] or [self._zeros()]
        return self.added(self.double([[score.intercept]]), terms)

    def _zeros(self) -> str:
        return self.by_category(0, lambda _: 0.0, 0.0, 0.0)

    def _term(self, term: Slope | Amounts) -> str:
        if isinstance(term, Amounts):
            amounts = dict(term.values)
            return self.by_category(term.column, lambda value: amounts.get(value, 0.0), 0.0, term.missing)
        value = number = self.value(term.column)
        if term.low > -math.inf:
            number = self.add("Max", number, self.double([[term.low]]))
        if term.high < math.inf:
            number = self.add("Min", number, self.double([[term.high]]))
        product = self.add("Mul", number, self.double([[term.coefficient]]))
        return self.add("Where", self.add("IsNaN", value), self.double([[term.missing]]), product)

    def shares(self, scores: str, link: str) -> str:
        """Probabilities of scores, of shape (n_rows, n_classes)."""
        if link == "softmax":
            return self.add("Softmax", scores, axis=1)
        share = self.add("Sigmoid", scores)
        if link == "logistic":
            return self.joined([self.add("Sub", self.double([[1.0]]), share), share])
        return self.add("Div", share, self.add("ReduceSum", share, self.constant(np.array([1])), keepdims=1))


_TREE_FIELDS = (
    *("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_modes", "nodes_truenodeids", "nodes_falsenodeids"),
    *("nodes_missing_value_tracks_true", "target_treeids", "target_nodeids", "target_ids", "target_weights"),
)


def _about(column: Column) -> str:
    if column.kind == "text":
        return "text, empty where missing"
    return f"{unit(column)}, NaN where missing"


def _categories(body: Any) -> Iterator[tuple[int, Sequence[Category]]]:
    """The categories of each column that a program knows."""
    if isinstance(body, Linear):
        for score in body.scores:
            for term in score.terms:
                if isinstance(term, Amounts):
                    yield term.column, [value for value, _ in term.values]
        return
    for split in _splits(body.trees):
        if isinstance(split.test, OneOf):
            yield split.column, split.test.values


def _splits(trees: Sequence[Node]) -> Iterator[Split]:
    waiting = list(reversed(trees))
    while waiting:
        node = waiting.pop()
        if isinstance(node, Split):
            yield node
            waiting += [node.no, node.yes]


def _question(split: Split) -> tuple[int, Any, bool]:
    """What makes a feature: numbers are one for all their thresholds, answers to other questions one each."""
    return (
        (split.column, AtMost(0.0), False)
        if isinstance(split.test, AtMost)
        else (split.column, split.test, split.missing)
    )


def _write(
    tree: Node,
    number: int,
    questions: dict[Any, int],
    fields: dict[str, list[Any]],
    thresholds: list[float],
    table: list[tuple[float, ...]],
) -> None:
    """Append a tree to the fields of a TreeEnsembleRegressor, and its leaves to the table."""
    waiting: list[tuple[Node, int]] = [(tree, 0)]
    count = 1
    while waiting:
        node, place = waiting.pop()
        fields["nodes_treeids"].append(number)
        fields["nodes_nodeids"].append(place)
        if isinstance(node, Leaf):
            row: tuple[Any, ...] = ("LEAF", 0, 0, 0, 0)
            leaf: tuple[Any, ...] = (number, place, number, float(len(table)))
            thresholds.append(0.0)
            for name, value in zip(_TREE_FIELDS[7:], leaf, strict=True):
                fields[name].append(value)
            table.append(node.values)
        else:
            # A yes to another question is 1: what is at most a half is a no.
            first, second = (node.yes, node.no) if isinstance(node.test, AtMost) else (node.no, node.yes)
            row = ("BRANCH_LEQ", questions[_question(node)], count, count + 1, int(node.missing))
            thresholds.append(node.test.threshold if isinstance(node.test, AtMost) else 0.5)
            waiting += [(second, count + 1), (first, count)]
            count += 2
        for name, value in zip(("nodes_modes", "nodes_featureids", *_TREE_FIELDS[4:7]), row, strict=True):
            fields[name].append(value)
