"""Soft targets by expansion: each row once for every class, weighted, within a bound on memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import has_fit_parameter

from ._bagged_trees import BaggedTreesClassifier, BaggedTreesRegressor
from ._class_weight import with_class_weight
from ._expansion import Expansion, expand_soft_targets, expansion_blocks, thinned_targets, with_every_class
from ._pipelines import inner_estimators, learning_parts, supports_weight
from ._soft_support import Floats, SoftFitSupport
from .adapters import adapter_of

NAIVE_BAYES = (BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB)

# The bounds on an expansion: what learners need on top of it is a small multiple.
MAX_EXPANDED_ROWS = 2_000_000
MAX_EXPANDED_BYTES = 2**30

# Counts of rows, and the values at which they constrain nothing.
_ROW_COUNTS = {"min_samples_leaf": 1, "min_samples_split": 2, "min_child_samples": 1}

# All that is counted in rows or in their weight, and the values up to which it constrains nothing.
_ROW_LIMITS = _ROW_COUNTS | {
    "min_data_in_leaf": 1,
    "min_weight_fraction_leaf": 0,
    "min_child_weight": 1e-3,
    "min_sum_hessian_in_leaf": 1e-3,
}

# scikit-learn's "auto" rules that look at the number of rows.
_AUTO_BATCH = 200
_AUTO_EARLY_STOPPING = 10_000

# Where weights can't be given, so many rows are drawn in proportion to them for each row there was.
_DRAWS_PER_ROW = 4


def expansion_support(model: Any) -> SoftFitSupport:
    """How good soft targets by expansion are on a final estimator."""
    name = type(model).__name__
    if not supports_weight(model):
        if type(model) is MLPClassifier:  # before scikit-learn 1.7
            return SoftFitSupport("approximate", "rows and labels are drawn in proportion to the soft targets")
        instead = (
            "take RegressionClassifier around a regressor of its kind, such as "
            "RegressionClassifier(KNeighborsRegressor())"
        )
        if any(isinstance(part, Pipeline) for part in inner_estimators(model)):
            instead = f"put the steps of its inner pipeline before {name}, which no weights reach through a pipeline"
        return SoftFitSupport(
            "refused",
            f"{name} takes neither soft targets nor sample_weight; give it labels, "
            f"ModelCompression(targets='labels'), or {instead}",
        )
    if _is_exact(model):
        return SoftFitSupport(
            "exact", "each row once for every class, weighted: its loss is linear in the one-hot label"
        )
    return SoftFitSupport("approximate", f"each row once for every class, weighted, but {_what_differs(model)}")


def _is_exact(model: Any) -> bool:
    kind = type(model)
    if kind in (DecisionTreeClassifier, ExtraTreeClassifier):
        return not _counts_rows(model)
    if kind is ExtraTreesClassifier:
        return not model.bootstrap and not _counts_rows(model)
    if kind is GradientBoostingClassifier:
        return model.subsample == 1.0 and model.n_iter_no_change is None and not _counts_rows(model)
    if kind is MLPClassifier:
        return model.solver == "lbfgs"
    if kind is LogisticRegression:
        return model.solver not in ("sag", "saga")
    if kind is SVC:
        return not model.probability or model.probability == "deprecated"
    return kind in (*NAIVE_BAYES, LinearSVC, RidgeClassifier)


def _what_differs(model: Any) -> str:
    adapter = adapter_of(model)
    if isinstance(model, HistGradientBoostingClassifier) or (adapter is not None and adapter.bins_rows):
        return "histogram bins and the counts of rows in leaves see the rows of all classes"
    if _counts_rows(model):
        return "its limits on the number of rows are kept on average only"
    if isinstance(model, MLPClassifier) or hasattr(model, "partial_fit"):
        return "steps are taken on other batches of rows"
    return "what it draws, counts or holds out are rows of the expansion"


def _counts_rows(model: Any) -> bool:
    return any(getattr(model, name, free) not in (None, free) for name, free in _ROW_COUNTS.items())


def limits_in_rows(model: Any, *, set_only: bool = False) -> list[str]:
    """The limits of a model that count rows, such as "min_samples_leaf=5"; on request without those that are defaults.

    Rows that a method makes up would count as well, and what the user wants a leaf to rest on are rows of the user's.
    """
    found = []
    for part in learning_parts(model):
        if set_only and isinstance(part, BaggedTreesClassifier | BaggedTreesRegressor):
            continue  # a bridge of ours
        defaults = signature(type(part).__init__).parameters
        for name, free in _ROW_LIMITS.items():
            value = getattr(part, name, None)
            is_default = set_only and name in defaults and defaults[name].default == value
            if value is not None and value != free and value > 0 and not is_default:
                found.append(f"{name}={value}")
    return found


def fit_by_expansion(
    model: Any,
    X: Any,
    Q: Floats,
    sample_weight: Floats | None,
    classes: NDArray[Any],
    seed: int | None,
    *,
    max_expanded_rows: int | None = None,
) -> Any:
    """Fit a classifier in place to its rows expanded by class.

    Parameters that count rows are scaled to the expansion while it is fitted. Beyond `max_expanded_rows` naive Bayes
    is fitted in blocks, as exactly as in one; other learners get fewer classes a row, drawn without bias.
    """
    limit = _default_limit(X) if max_expanded_rows is None else max_expanded_rows
    fixed: dict[str, Any] = {}
    if isinstance(getattr(model, "class_weight", None), str):  # it would count rows of the expansion
        Q, sample_weight = with_class_weight(model, Q, sample_weight, classes)
        fixed["class_weight"] = None
    if np.count_nonzero(Q) > limit:
        if type(model) in NAIVE_BAYES:
            return _fit_in_blocks(model, X, Q, sample_weight, classes, limit)
        Q = thinned_targets(Q, max(1, limit // len(Q)), seed)
    if not has_fit_parameter(model, "sample_weight") and type(model) is MLPClassifier:
        return _fit_to_draws(model, X, Q, sample_weight, classes, seed)
    rows, labels, weights = _expand(Q, sample_weight)
    with _settings(model, {**fixed, **_scaled(model, len(Q), len(rows), weighted=sample_weight is not None)}):
        model.fit(_safe_indexing(X, rows), classes[labels], sample_weight=weights)
    return model


def _default_limit(X: Any) -> int:
    width = X.nnz / max(1, X.shape[0]) * 1.5 if issparse(X) else np.shape(X)[1]
    return int(min(MAX_EXPANDED_ROWS, MAX_EXPANDED_BYTES / (8 * max(1, width))))


def _expand(Q: Floats, sample_weight: Floats | None) -> Expansion:
    rows, labels, weights = expand_soft_targets(Q, sample_weight)
    if sample_weight is not None and not np.all(kept := weights > 0):
        rows, labels, weights = rows[kept], labels[kept], weights[kept]
    return with_every_class((rows, labels, weights), Q)


def _fit_in_blocks(
    model: Any, X: Any, Q: Floats, sample_weight: Floats | None, classes: NDArray[Any], limit: int
) -> Any:
    for rows, labels, weights in expansion_blocks(Q, sample_weight, max_rows=limit):
        model.partial_fit(_safe_indexing(X, rows), classes[labels], classes=classes, sample_weight=weights)
    return model


def _fit_to_draws(
    model: Any, X: Any, Q: Floats, sample_weight: Floats | None, classes: NDArray[Any], seed: int | None
) -> Any:
    """Fit to rows and labels drawn systematically, in proportion to their weights; every class at least once."""
    rows, labels, weights = _expand(Q, sample_weight)
    steps = np.cumsum(weights)
    steps *= _DRAWS_PER_ROW * len(Q) / steps[-1]
    points = np.ceil(steps - np.random.default_rng(seed).random()).astype(np.intp)
    drawn = np.repeat(np.arange(len(rows)), np.diff(points, prepend=0))
    heaviest = np.lexsort((-weights, labels))
    first = heaviest[np.unique(labels[heaviest], return_index=True)[1]]
    drawn = np.concatenate([drawn, first[~np.isin(labels[first], labels[drawn])]])
    return model.fit(_safe_indexing(X, rows[drawn]), classes[labels[drawn]])


def _scaled(model: Any, n_rows: int, n_expanded: int, *, weighted: bool) -> dict[str, Any]:
    """Settings that make limits and batches mean as many rows as they would without the expansion."""
    factor = n_expanded / n_rows
    known = model.get_params(deep=False)
    scaled: dict[str, Any] = {
        name: max(free, round(known[name] * factor))
        for name, free in _ROW_COUNTS.items()
        if isinstance(known.get(name), int | np.integer) and known[name] > free
    }
    leaf = scaled.get("min_samples_leaf")
    if leaf is not None and not weighted and known.get("min_weight_fraction_leaf") == 0:
        # The weights of a row's copies, which never part, sum to 1: so the weight of a leaf is its number of rows.
        scaled |= {"min_samples_leaf": 1, "min_weight_fraction_leaf": (known["min_samples_leaf"] - 0.5) / n_rows}
    if isinstance(model, MLPClassifier) and model.solver != "lbfgs":
        batch = min(_AUTO_BATCH, n_rows) if model.batch_size == "auto" else model.batch_size
        scaled["batch_size"] = min(n_expanded, max(1, round(batch * factor)))
    if isinstance(model, HistGradientBoostingClassifier) and model.early_stopping == "auto":
        scaled["early_stopping"] = n_rows > _AUTO_EARLY_STOPPING
    return scaled


@contextmanager
def _settings(model: Any, settings: dict[str, Any]) -> Iterator[None]:
    """Parameters that hold during a fit only."""
    before = {name: model.get_params(deep=False)[name] for name in settings}
    if settings:
        model.set_params(**settings)
    try:
        yield
    finally:
        if settings:
            model.set_params(**before)
