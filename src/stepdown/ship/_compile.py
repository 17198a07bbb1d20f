"""From a fitted student to its program."""

from __future__ import annotations

import math
import struct
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn import ensemble, linear_model, svm
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.tree import BaseDecisionTree
from sklearn.utils.validation import check_is_fitted

from stepdown.core import InvalidInputError, NotSupportedError
from stepdown.students import RuleListClassifier, RuleListRegressor, TreeSumClassifier, TreeSumRegressor

from ._cells import is_gap
from ._prepared import Number, Step, Table, Value, after, as_category, through
from ._program import (
    Amounts,
    AtMost,
    Body,
    Category,
    Column,
    Known,
    Label,
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
    Trees,
    TreeSum,
    Written,
)

FORESTS = (
    ensemble.RandomForestClassifier,
    ensemble.RandomForestRegressor,
    ensemble.ExtraTreesClassifier,
    ensemble.ExtraTreesRegressor,
)
LINEAR_REGRESSORS = (
    *(linear_model.LinearRegression, linear_model.Ridge, linear_model.RidgeCV, linear_model.BayesianRidge),
    *(linear_model.Lasso, linear_model.LassoCV, linear_model.ElasticNet, linear_model.ElasticNetCV),
    *(linear_model.Lars, linear_model.LassoLars, linear_model.HuberRegressor, linear_model.QuantileRegressor),
    *(linear_model.SGDRegressor, svm.LinearSVR),
)
LOG_LINK_REGRESSORS = (linear_model.PoissonRegressor, linear_model.GammaRegressor)
LOGISTIC = (linear_model.LogisticRegression, linear_model.LogisticRegressionCV)
LABELS_ONLY = (linear_model.RidgeClassifier, linear_model.RidgeClassifierCV, linear_model.Perceptron, svm.LinearSVC)


def program_of(model: Any, feature_names: Sequence[str] | None = None) -> Program:
    """The program of a fitted tree, forest, sum of trees or linear model, alone or behind preparing steps."""
    model = _unwrapped(getattr(model, "student_", model))
    try:
        check_is_fitted(model)
    except (NotFittedError, TypeError):
        raise InvalidInputError(f"model must be a fitted estimator, got {model!r}") from None
    names = _names(model, feature_names)
    values: list[Value] = [Number(place) for place in range(len(names))]
    step_names: Sequence[str] = names
    while isinstance(model, Pipeline):
        for _, step in model.steps[:-1]:
            values, step_names = after(step, values, step_names), []
        model = _unwrapped(model.steps[-1][1])
    if getattr(model, "n_features_in_", len(values)) != len(values):
        raise NotSupportedError(f"{type(model).__name__} takes {model.n_features_in_} columns, got {len(values)}")
    classes = tuple(_label(name) for name in model.classes_) if hasattr(model, "classes_") else None
    if isinstance(model, BaseDecisionTree):
        body: Body = _trees([model], values)
    elif isinstance(model, FORESTS):
        body = _trees(list(model.estimators_), values)
    elif isinstance(model, TreeSumClassifier | TreeSumRegressor):
        body = _tree_sum(model, values, classes)
    elif isinstance(model, RuleListClassifier | RuleListRegressor):
        body = _rule_list(model, values)
    elif isinstance(model, ensemble.GradientBoostingClassifier | ensemble.GradientBoostingRegressor):
        body = _boosted(model, values, classes)
    else:
        body = _linear(model, values, classes)
    return _with_columns(body, classes, values, names)


def exportable(model: Any, feature_names: Sequence[str] | None = None) -> bool:
    """Whether a fitted model has a program, and so rules and exports."""
    try:
        program_of(model, feature_names)
    except NotSupportedError:
        return False
    return True


def _unwrapped(model: Any) -> Any:
    while isinstance(model, FrozenEstimator):
        model = model.estimator
    return model


def _names(model: Any, feature_names: Sequence[str] | None) -> list[str]:
    n_columns = int(model.n_features_in_)
    if feature_names is None:
        return [str(name) for name in getattr(model, "feature_names_in_", [f"x{n}" for n in range(n_columns)])]
    names = [str(name) for name in feature_names]
    if len(names) != n_columns or len(set(names)) != n_columns:
        raise InvalidInputError(f"feature_names must be {n_columns} different names, got {names}")
    return names


def _label(name: Any) -> Label:
    plain = name.item() if isinstance(name, np.generic) else name
    if isinstance(plain, str | bool | int | float):
        return plain
    raise NotSupportedError(f"class labels must be text or numbers, got {name!r}")


def _trees(models: Sequence[Any], values: Sequence[Value]) -> Trees:
    if models[0].n_outputs_ != 1:
        raise NotSupportedError(f"a tree must have one output, got {models[0].n_outputs_}")
    return Trees(tuple(_node(model.tree_, 0, values) for model in models))


def _tree_sum(model: Any, values: Sequence[Value], classes: tuple[Label, ...] | None) -> TreeSum:
    link: Link = "identity" if classes is None else "logistic" if len(classes) == 2 else "softmax"
    trees = tuple(_node(tree, 0, values, cast=float) for tree in model.trees_)
    return TreeSum(tuple(model.intercept_.tolist()), trees, link, getattr(model, "unit_", None))


def _rule_list(model: Any, values: Sequence[Value]) -> RuleList:
    n_rows = int(model.rules_[0].n_node_samples[0])

    def of_all(node: Node) -> Node:
        if isinstance(node, Split):
            return replace(node, yes=of_all(node.yes), no=of_all(node.no))
        return replace(node, share=node.rows / n_rows)

    return RuleList(tuple(of_all(_node(rule, 0, values, cast=float)) for rule in model.rules_))


def _boosted(model: Any, values: Sequence[Value], classes: tuple[Label, ...] | None) -> TreeSum:
    """What gradient boosting adds up, round by round, from where it starts."""
    if getattr(model, "loss", None) == "exponential":
        raise NotSupportedError("gradient boosting with the exponential loss can't be exported; use loss='log_loss'")
    if model.init is not None:
        raise NotSupportedError("gradient boosting that starts from another model can't be exported; use init=None")
    row = np.zeros((1, len(values)), dtype=np.float32)
    says = model.predict(row) if classes is None else model.decision_function(row)
    starts = np.ravel(says).astype(np.float64)
    trees = []
    for stage in model.estimators_:
        for place, tree in enumerate(stage):
            starts[place] -= model.learning_rate * tree.predict(row)[0]
            trees.append(_adding(_node(tree.tree_, 0, values), model.learning_rate, place, len(stage)))
    link: Link = "identity" if classes is None else "logistic" if len(classes) == 2 else "softmax"
    return TreeSum(tuple(starts.tolist()), tuple(trees), link)


def _adding(node: Node, rate: float, place: int, n_scores: int) -> Node:
    """A tree whose leaves add to one of the scores."""
    if isinstance(node, Split):
        return replace(node, yes=_adding(node.yes, rate, place, n_scores), no=_adding(node.no, rate, place, n_scores))
    return replace(node, values=tuple(rate * node.values[0] if k == place else 0.0 for k in range(n_scores)))


def _node(tree: Any, place: int, values: Sequence[Value], cast: Callable[[float], float] | None = None) -> Node:
    """A node of a tree that compares numbers as `cast` makes them, by default in single precision."""
    cast = cast or single
    if tree.children_left[place] < 0:
        rows = int(tree.n_node_samples[place])
        return Leaf(tuple(np.ravel(tree.value[place]).tolist()), rows, rows / max(int(tree.n_node_samples[0]), 1))
    value, threshold = values[tree.feature[place]], float(tree.threshold[place])
    left = _node(tree, tree.children_left[place], values, cast)
    right = _node(tree, tree.children_right[place], values, cast)
    gaps_left = bool(tree.missing_go_to_left[place])

    def goes_left(number: float) -> bool:
        return gaps_left if math.isnan(number) else cast(number) <= threshold

    if isinstance(value, Number):
        missing = goes_left(_real(value.missing))
        cut = greatest(lambda x: goes_left(through(value.steps, x)))
        if cut is None:
            return _split(value.column, Known(), right, left, not missing)
        test = AtMost(cut) if cut < sys.float_info.max else Known()
        return _split(value.column, test, left, right, missing)
    missing = goes_left(value.missing)
    others_left = goes_left(value.otherwise)
    apart = tuple(category for category, number in value.values if goes_left(number) != others_left)
    most, few = (left, right) if others_left else (right, left)
    if apart:
        return _split(value.column, OneOf(apart), few, most, missing != others_left)
    return _split(value.column, Known(), most, few, missing == others_left)


def _split(column: int, test: AtMost | OneOf | Known, yes: Node, no: Node, missing: bool) -> Node:
    """A split, or the side that every row takes."""
    return yes if isinstance(test, Known) and missing else Split(column, test, yes, no, missing)


def _real(missing: Category) -> float:
    if isinstance(missing, str):
        raise NotSupportedError(f"a number was expected where the missing value is filled by {missing!r}")
    return float(missing)


def single(number: float) -> float:
    """The number in single precision, as a tree of scikit-learn's gets it."""
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)


def greatest(holds: Callable[[float], bool]) -> float | None:
    """The greatest double for which a condition holds that, once it fails, fails for all greater ones.

    Doubles of one sign are ordered as their bits are, so 64 halvings find it exactly.
    """
    high = int(struct.unpack("q", struct.pack("d", sys.float_info.max))[0])
    low = -high
    if holds(_double(high)):
        return _double(high)
    if not holds(_double(low)):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(_double(middle)) else (low, middle)
    return _double(low)


def _double(order: int) -> float:
    size = float(struct.unpack("d", struct.pack("q", abs(order)))[0])
    return -size if order < 0 else size


def _linear(model: Any, values: Sequence[Value], classes: tuple[Label, ...] | None) -> Linear:
    link = _link(model, classes)
    coefficients = np.atleast_2d(model.coef_)
    intercepts = np.broadcast_to(np.ravel(model.intercept_), len(coefficients))
    expected = 1 if classes is None or len(classes) == 2 else len(classes)
    if coefficients.shape != (expected, len(values)):
        raise NotSupportedError(f"a linear model must have one output, got coefficients of {coefficients.shape}")
    return Linear(tuple(_score(row, start, values) for row, start in zip(coefficients, intercepts, strict=True)), link)


def _link(model: Any, classes: tuple[Label, ...] | None) -> Link:
    if isinstance(model, LINEAR_REGRESSORS):
        return "identity"
    if isinstance(model, LOG_LINK_REGRESSORS):
        return "exp"
    if isinstance(model, LABELS_ONLY):
        return "margin"
    few = classes is not None and len(classes) == 2
    if isinstance(model, LOGISTIC):
        apart = model.solver == "liblinear" or getattr(model, "multi_class", None) == "ovr"
        if few and getattr(model, "multi_class", None) != "multinomial":
            return "logistic"
        if not few:
            return "one-vs-rest" if apart else "softmax"
    elif isinstance(model, linear_model.SGDClassifier):
        if model.loss == "log_loss":
            return "logistic" if few else "one-vs-rest"
        if model.loss in ("hinge", "perceptron", "squared_hinge"):
            return "margin"
    known = "a tree, a forest of few trees, a sum of trees, gradient boosting or a linear model"
    raise NotSupportedError(f"model must be {known}, got {model!r}")


def _score(coefficients: Any, intercept: Any, values: Sequence[Value]) -> Score:
    constant = float(intercept)
    slopes: list[Slope] = []
    amounts: dict[int, dict[Category, float]] = defaultdict(dict)
    others: dict[int, float] = defaultdict(float)
    gaps: dict[int, float] = defaultdict(float)
    tables: dict[int, list[tuple[float, Table]]] = defaultdict(list)
    for coefficient, value in zip(map(float, coefficients), values, strict=True):
        if coefficient == 0:
            continue
        if isinstance(value, Table):
            if math.isnan(value.otherwise):  # the model refuses what it hasn't seen: any number will do
                value = replace(value, otherwise=0.0)
            tables[value.column].append((coefficient, value))
            others[value.column] += coefficient * value.otherwise
            gaps[value.column] += coefficient * value.missing
            continue
        shift, scale, low, high = _straight(value.steps)
        constant += coefficient * shift
        # Missing counts what it has become, less the shift that the intercept has got.
        missing = coefficient * (_real(value.missing) - shift)
        slopes.append(Slope(value.column, coefficient * scale, low, high, missing))
    for column, parts in tables.items():
        categories = dict.fromkeys(category for _, table in parts for category, _ in table.values)
        for category in categories:
            numbers = [coefficient * dict(table.values).get(category, table.otherwise) for coefficient, table in parts]
            amounts[column][category] = sum(numbers) - others[column]
        constant += others[column]
    lists = [Amounts(column, tuple(amounts[column].items()), gaps[column] - others[column]) for column in tables]
    both: list[Slope | Amounts] = [*slopes, *lists]
    terms = sorted(both, key=lambda term: (term.column, isinstance(term, Amounts)))
    return Score(constant, tuple(terms))


def _straight(steps: Sequence[Step]) -> tuple[float, float, float, float]:
    """Steps as shift + scale * number, with the number held within two bounds."""
    shift, scale, low, high = 0.0, 1.0, -math.inf, math.inf
    for step in steps:
        constant = step.constant
        if step.operation == "+":
            shift += constant
        elif step.operation == "-":
            shift -= constant
        elif step.operation == "*":
            shift, scale = shift * constant, scale * constant
        elif step.operation == "/":
            shift, scale = shift / constant, scale / constant
        elif step.operation == "at least":
            low = max(low, (constant - shift) / scale)
        else:
            high = min(high, (constant - shift) / scale)
    return shift, scale, low, high


def _with_columns(
    body: Body, classes: tuple[Label, ...] | None, values: Sequence[Value], names: Sequence[str]
) -> Program:
    """The program over the columns that it reads, numbered anew."""
    read = sorted(_columns_of(body))
    number = {column: place for place, column in enumerate(read)}
    columns = tuple(_column(column, names, values) for column in read)
    if not isinstance(body, Linear):
        trees = tuple(_renumbered(tree, number) for tree in body.trees)
        return Program(columns, classes, replace(body, trees=trees))
    scores = (
        Score(
            score.intercept,
            tuple(
                Slope(number[term.column], term.coefficient, term.low, term.high, term.missing)
                if isinstance(term, Slope)
                else Amounts(number[term.column], term.values, term.missing)
                for term in score.terms
            ),
        )
        for score in body.scores
    )
    return Program(columns, classes, Linear(tuple(scores), body.link))


def _columns_of(body: Body) -> set[int]:
    if isinstance(body, Linear):
        return {term.column for score in body.scores for term in score.terms}
    found: set[int] = set()
    waiting: list[Node] = list(body.trees)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Split):
            found.add(node.column)
            waiting += [node.yes, node.no]
    return found


def _renumbered(node: Node, number: dict[int, int]) -> Node:
    if isinstance(node, Leaf):
        return node
    yes, no = _renumbered(node.yes, number), _renumbered(node.no, number)
    return Split(number[node.column], node.test, yes, no, node.missing)


def _column(column: int, names: Sequence[str], all_values: Sequence[Value]) -> Column:
    place = column % len(names)
    name, values = names[place], [value for value in all_values if value.column == column]
    categories = [category for value in values if isinstance(value, Table) for category, _ in value.values]
    categories += [value.fill for value in values if value.fill is not None]
    is_text = {isinstance(category, str) for category in categories}
    if len(is_text) > 1:
        raise NotSupportedError(f"the column {name!r} mixes text and numbers")
    written = next((value.written for value in values if isinstance(value, Number)), Written())
    fills = {value.fill for value in values if not (isinstance(value, Table) and not value.values)}
    fill = fills.pop() if len(fills) == 1 else None
    plain = None if fill is None or is_gap(fill) else as_category(fill)
    if any(
        isinstance(value, Number) and value.written.words for value in all_values if value.column % len(names) == place
    ):
        is_text.add(True)
    return Column(name, place, "text" if True in is_text else written.kind, plain, written)
