"""Estimators by name: ``forest:n_estimators=300`` becomes ``RandomForestClassifier(n_estimators=300)``."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, get_type_hints

from sklearn.base import is_classifier, is_regressor

from ._errors import UsageError


@dataclass(frozen=True, slots=True)
class Known:
    """One name: its class for either task, its defaults here, whether columns must be scaled."""

    classification: str | None
    regression: str | None
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    needs_scale: bool = False


def _both(module: str, stem: str, **defaults: Any) -> Known:
    return Known(f"{module}:{stem}Classifier", f"{module}:{stem}Regressor", defaults)


# max_iter is set where scikit-learn's default stops before it has converged on ordinary tables.
KNOWN: Mapping[str, Known] = {
    "tree": _both("sklearn.tree", "DecisionTree"),
    "forest": _both("sklearn.ensemble", "RandomForest"),
    "extra-trees": _both("sklearn.ensemble", "ExtraTrees"),
    "sum": _both("stepdown.students", "TreeSum"),
    "rules": _both("stepdown.students", "RuleList"),
    "points": Known("stepdown.students:PointsScoreClassifier", None),
    "auto": _both("stepdown.students", "AutoStudent"),
    "boosting": _both("sklearn.ensemble", "GradientBoosting"),
    "hist-boosting": _both("sklearn.ensemble", "HistGradientBoosting"),
    "lightgbm": _both("lightgbm", "LGBM", verbose=-1),
    "xgboost": _both("xgboost", "XGB", verbosity=0),
    "logistic": Known("sklearn.linear_model:LogisticRegression", None, {"max_iter": 1000}, needs_scale=True),
    "linear": Known(None, "sklearn.linear_model:LinearRegression", needs_scale=True),
    "ridge": Known(None, "sklearn.linear_model:Ridge", needs_scale=True),
    "lasso": Known(None, "sklearn.linear_model:Lasso", needs_scale=True),
    "mlp": Known(
        "sklearn.neural_network:MLPClassifier",
        "sklearn.neural_network:MLPRegressor",
        {"max_iter": 1000},
        needs_scale=True,
    ),
    # Its sizes are read from the table; the hidden layout is written 64-32.
    "net": Known("stepdown.nn:TableNet", None, needs_scale=True),
    "knn": Known("sklearn.neighbors:KNeighborsClassifier", "sklearn.neighbors:KNeighborsRegressor", needs_scale=True),
    "naive-bayes": Known("sklearn.naive_bayes:GaussianNB", None),
}
# Students that people read; forests and boosting only where their trees are few.
READABLE = ("auto", "tree", "sum", "rules", "points", "logistic", "linear", "ridge", "lasso")
FORESTS = ("forest", "extra-trees", "boosting")
MOST_TREES = 10
EXTRAS = {"lightgbm": "boosting", "xgboost": "boosting"}


@dataclass(frozen=True, slots=True)
class Spec:
    """A model of the command line: a known name or an import path, and parameters."""

    text: str
    name: str
    parameters: Mapping[str, Any]
    is_default: bool = False  # chosen by us, so its parameters need no test

    @property
    def is_import(self) -> bool:
        return ":" in self.name

    @property
    def needs_scale(self) -> bool:
        """Whether columns must be brought to one scale; never for an import path, which brings its own steps."""
        return not self.is_import and KNOWN[self.name].needs_scale

    @property
    def is_readable(self) -> bool:
        """Whether people can read the fitted model: its rules or coefficients."""
        few = self.name in FORESTS and self.parameters.get("n_estimators", 100) <= MOST_TREES
        return self.name in READABLE or few


def nearest(word: str, known: Sequence[str]) -> str:
    """Return "; did you mean 'x'?" where something is near, else nothing."""
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else "."


def parse_spec(text: str, *, allow_import: bool = False) -> Spec:
    """Read ``name``, ``name:parameter=value,...`` or ``package.module:Class:parameter=value,...``.

    Examples
    --------
    >>> dict(parse_spec("mlp:hidden_layer_sizes=(8, 4),activation=tanh").parameters)
    {'hidden_layer_sizes': (8, 4), 'activation': 'tanh'}
    """
    name, _, rest = text.strip().partition(":")
    if name not in KNOWN and "." in name:
        if not allow_import:
            raise UsageError(
                f"{text!r} is an import path; importing runs that package's code. If you trust it, add --allow-import."
            )
        class_name, _, rest = rest.partition(":")
        if not class_name.isidentifier():
            raise UsageError(f"{text!r}: expected package.module:Class, or package.module:Class:parameter=value.")
        name = f"{name}:{class_name}"
    elif name not in KNOWN:
        raise UsageError(f"unknown estimator {name!r}{nearest(name, list(KNOWN))} Known: {', '.join(KNOWN)}.")
    return Spec(text, name, parse_parameters(text, rest))


def parse_parameters(text: str, parameters: str) -> dict[str, Any]:
    """Read ``parameter=value,...``, the end of `text`, which errors name."""
    problem = f"{text!r}: parameters are written name=value,name=value, with Python literals as values"
    try:
        call = ast.parse(f"f({parameters})", mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{problem}.") from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
        raise UsageError(f"{problem}.")
    values: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in values:
            raise UsageError(f"{problem}, each name once.")
        try:
            value = keyword.value
            plain = isinstance(value, ast.Name) or _is_layout(value)
            values[keyword.arg] = ast.unparse(value).replace(" ", "") if plain else ast.literal_eval(value)
        except (ValueError, TypeError) as error:
            raise UsageError(f"{problem}; {ast.unparse(keyword.value)!r} is none.") from error
    return values


def _is_layout(value: ast.expr) -> bool:
    """Whether a value is whole numbers with dashes between, as in ``hidden=64-32``."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Sub):
        return all(_is_layout(part) or _is_count(part) for part in (value.left, value.right))
    return False


def _is_count(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, int)


def build(spec: Spec, task: str) -> Any:
    """Make the unfitted estimator."""
    known = None if spec.is_import else KNOWN[spec.name]
    path = spec.name if known is None else (known.classification if task == "classification" else known.regression)
    if path is None:
        able = [name for name, entry in KNOWN.items() if getattr(entry, task)]
        raise UsageError(f"{spec.name!r} doesn't do {task}. Those that do: {', '.join(able)}.")
    cls = _import(path, spec)
    defaults = {} if known is None else dict(known.defaults)
    try:
        estimator = cls(**defaults)
        parameters = sorted(estimator.get_params(deep=False))
    except (TypeError, AttributeError) as error:
        raise UsageError(f"{spec.text!r}: {path} must be an estimator that needs no arguments.") from error
    refuse_unknown(spec.text, cls.__name__, spec.parameters, parameters)
    estimator.set_params(**spec.parameters)
    if not (is_classifier(estimator) if task == "classification" else is_regressor(estimator)):
        raise UsageError(f"{spec.text!r}: {cls.__name__} doesn't do {task}.")
    # scikit-learn checks values at the start of fit, which would be after the teacher's.
    if hasattr(estimator, "_parameter_constraints"):
        try:
            estimator._validate_params()
        except ValueError as error:
            raise UsageError(f"{spec.text!r}: {error}") from error
    return estimator


def refuse_unknown(text: str, owner: str, given: Mapping[str, Any], parameters: Sequence[str]) -> None:
    """Refuse parameters that `owner` doesn't have."""
    unknown = [name for name in given if name not in parameters]
    if unknown:
        raise UsageError(
            f"{text!r}: {owner} has no parameter {unknown[0]!r}{nearest(unknown[0], parameters)}"
            f" It has: {', '.join(parameters) or 'none'}."
        )


def with_parameters(text: str, thing: Any, rest: str, parameters: Sequence[str] | None = None) -> Any:
    """Return a thing of our own with the parameters of ``name:parameter=value,...``; their types are looked at here."""
    values = parse_parameters(text, rest)
    known = sorted(thing.get_params(deep=False)) if parameters is None else parameters
    refuse_unknown(text, type(thing).__name__, values, known)
    hints = get_type_hints(type(thing).__init__)
    for key, value in values.items():
        if not _is_a(value, hints[key]):
            expected = getattr(hints[key], "__name__", str(hints[key])).replace(" | ", " or ")
            raise UsageError(f"{text!r}: {key} can't be {value!r}; expected {expected}.")
    return thing.set_params(**values)


def _is_a(value: Any, hint: Any) -> bool:
    if isinstance(value, bool):
        return hint is bool
    try:
        return isinstance(value, hint) or (isinstance(value, int) and isinstance(float(value), hint))
    except TypeError:  # Any and the like
        return True


def _import(path: str, spec: Spec) -> Any:
    module, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        extra = EXTRAS.get(spec.name)
        line = f': pip install "stepdown[{extra}]"' if extra else "."
        raise UsageError(f"{spec.text!r}: {module} can't be imported ({error}){line}") from error
    except AttributeError as error:
        raise UsageError(f"{spec.text!r}: {module} has no {name}.") from error
