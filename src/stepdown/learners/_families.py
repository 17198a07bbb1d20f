"""Where candidates come from: bridges, grown students, shrunk teachers, and the filter that orders them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.tree import BaseDecisionTree

from stepdown.core import MANY_ROWS

from ._bagged_trees import BaggedTreesClassifier, BaggedTreesRegressor
from ._pipelines import peel, with_final
from ._sizes import Complexity
from .adapters import adapter_of

SMALL = 500
DRAWS_OF_MANY = 5_000
# Values that a bag looks at while it grows: draws times levels times columns tried at a split, and a tenth of that for
# every class. A core takes about ten seconds for so many; usual tables have less.
MOST_LOOKS = 2e8
FEWEST_DRAWS = 200

_FEWEST_MEMBERS = 5

# Parameters that count the members of scikit-learn's ensembles.
_MEMBERS = ("n_estimators", "max_iter")


def bagged_bridge(
    student: Any, n_rows: int, *, n_columns: int = 1, n_classes: int = 1, n_trees: int | None = None
) -> Any:
    """Make the intermediate of the default chain: a bag of trees, unfitted.

    What pays in a chain is out-of-bag knowledge of a good bagged model, which it gives without a further fit.

    Parameters
    ----------
    student : estimator
        Says whether it is classification or regression. Where it is a pipeline, the bridge reads the rows through a
        clone of the same steps.
    n_rows : int
        Training rows. Soft targets keep splitting where labels would have become pure, so leaves of many rows bound
        the cost at large `n_rows`, and from 30,000 rows on each tree draws 5,000.
    n_columns, n_classes : int
        Where these would make the bag dear, as thousands do, a split tries fewer columns, down to the root of their
        number, and then a tree draws fewer rows.
    n_trees : int, optional
        By default 60 up to 500 rows, then 40: enough for out-of-bag means of some fifteen trees.

    Returns
    -------
    BaggedTreesClassifier or BaggedTreesRegressor, or a pipeline that ends in one

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> bagged_bridge(DecisionTreeClassifier(max_depth=4), 300)
    BaggedTreesClassifier(max_features=0.3333333333333333, min_samples_leaf=3,
                          n_estimators=60)
    """
    trees = (60 if n_rows <= SMALL else 40) if n_trees is None else n_trees
    draws = n_rows if n_rows < MANY_ROWS else DRAWS_OF_MANY
    max_features: float | str = 1 / 3 if n_rows <= SMALL else "sqrt"
    root = np.sqrt(n_columns)
    most = MOST_LOOKS / (trees * draws * np.log2(max(draws, 2)) * (1 + n_classes / 10))  # columns tried at a split
    if n_rows <= SMALL and n_columns / 3 > max(most, root):
        max_features = float(max(most, root) / n_columns)
    if root > most:
        draws = min(draws, max(FEWEST_DRAWS, int(draws * most / root)))
    bag = (BaggedTreesClassifier if is_classifier(student) else BaggedTreesRegressor)(
        trees,
        max_features=max_features,
        min_samples_leaf=bridge_leaf(draws),
        max_samples=draws if draws < n_rows else None,
    )
    return clone(with_final(student, bag))


def bridge_leaf(n_rows: int) -> int:
    """Rows that a leaf of a bridge holds at least: 3, against noise in the labels, and slowly more above 9,000 rows.

    The 3 was measured (benchmarks/tabular/bridges.py).
    """
    return max(3, round(np.sqrt(n_rows / 1000)))


def grown(student: Any) -> list[tuple[str, Any]]:
    """Models of the student's kind that are larger than it, from large to small, unfitted.

    Parameters
    ----------
    student : estimator
        A tree grows in depth (or leaves), an ensemble in members, a network in width; another kind has none. In a
        pipeline the last step grows.

    Returns
    -------
    list of (str, estimator)

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> grown(DecisionTreeClassifier(max_depth=4))
    [('depth 8', DecisionTreeClassifier(max_depth=8)), ('depth 6', DecisionTreeClassifier(max_depth=6))]
    """
    final = peel(student).final
    params = final.get_params(deep=False)
    ladder: list[tuple[str, dict[str, Any]]] = []
    if isinstance(final, BaseDecisionTree):
        if params["max_depth"] is not None:
            ladder = [(f"depth {depth}", {"max_depth": depth}) for depth in _multiples(params["max_depth"], (2, 1.5))]
        elif params["max_leaf_nodes"] is not None:
            leaves = _multiples(params["max_leaf_nodes"], (4, 2))
            ladder = [(f"{count} leaves", {"max_leaf_nodes": count}) for count in leaves]
    elif isinstance(final, MLPClassifier | MLPRegressor):
        ladder = [(f"width x{by}", {"hidden_layer_sizes": _widths(final, by)}) for by in (4, 2)]
    elif (counter := _member_count(final)) is not None:
        ladder = [(f"{count} members", {counter: count}) for count in _multiples(params[counter], (10, 3))]
    return [(name, _changed(student, final, change)) for name, change in ladder]


def shrunk(teacher: Any) -> list[tuple[str, Any]]:
    """Models of the teacher's kind that are smaller than it, from large to small, unfitted.

    Sub-ensembles that the fitted teacher already contains are `grades`.

    Parameters
    ----------
    teacher : estimator
        Fitted or not; pipelines and frozen models are seen through.

    Returns
    -------
    list of (str, estimator)

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> shrunk(RandomForestClassifier(100))
    [('30 members', RandomForestClassifier(n_estimators=30)), ('10 members', RandomForestClassifier(n_estimators=10))]
    """
    final = peel(teacher).learner
    ladder: list[tuple[str, dict[str, Any]]] = []
    if isinstance(final, MLPClassifier | MLPRegressor):
        widths = {by: _widths(final, by) for by in (0.5, 0.25)}
        ladder = [(f"width x{by}", {"hidden_layer_sizes": width}) for by, width in widths.items() if min(width) > 1]
    elif (counter := _member_count(final)) is not None:
        whole = final.get_params(deep=False)[counter]
        counts = [round(whole * share) for share in (0.3, 0.1)]
        ladder = [(f"{count} members", {counter: count}) for count in counts if _FEWEST_MEMBERS <= count < whole]
    return [(name, _changed(teacher, final, change)) for name, change in ladder]


def between(
    candidates: Iterable[tuple[str, Complexity | float]],
    complex_size: Complexity | float,
    simple_size: Complexity | float,
) -> list[str]:
    """Names of the candidates strictly between two models in complexity, the most complex first.

    Parameters
    ----------
    candidates : iterable of (name, complexity)
    complex_size, simple_size : Complexity or float
        Of the models at the ends of the chain.

    Returns
    -------
    list of str
        Candidates of equal complexity stay in the order given.

    Examples
    --------
    >>> between([("small", 3), ("large", 30), ("too large", 200)], 100, 2)
    ['large', 'small']
    """
    top, bottom = _size(complex_size), _size(simple_size)
    sizes = [(name, _size(size)) for name, size in candidates]
    inside = [(name, size) for name, size in sizes if bottom < size < top]
    return [name for name, _ in sorted(inside, key=lambda pair: -pair[1])]


def _size(value: Complexity | float) -> float:
    return value.size if isinstance(value, Complexity) else float(value)


def _multiples(value: int, factors: tuple[float, ...]) -> list[int]:
    """Larger numbers, each once, falling."""
    return sorted({max(value + 1, round(value * factor)) for factor in factors}, reverse=True)


def _widths(network: Any, factor: float) -> tuple[int, ...]:
    return tuple(max(1, round(width * factor)) for width in np.atleast_1d(network.hidden_layer_sizes))


def _member_count(model: Any) -> str | None:
    """The parameter that counts the members of an ensemble; None for what is no ensemble of that kind."""
    adapter = adapter_of(model)
    named = _MEMBERS if adapter is None else adapter.members
    if adapter is None and not type(model).__module__.startswith("sklearn.ensemble"):
        return None
    params = model.get_params(deep=False)
    return next((name for name in named if isinstance(params.get(name), int | np.integer)), None)


def _changed(owner: Any, final: Any, change: dict[str, Any]) -> Any:
    """The owner's pipeline, if it is one, around the changed final estimator."""
    return clone(with_final(owner, clone(final).set_params(**change)))
