"""A fitted model in a few words."""

from __future__ import annotations

from typing import Any

from ._complexity import complexity
from ._pipelines import peel
from ._sizes import Complexity

ENSEMBLES = {
    "forest": ("Forest", "ExtraTrees", "BaggedTrees"),
    "sum": ("TreeSum", "FIGS"),
    "booster": ("Boost", "LGBM", "XGB"),
}


def in_words(model: Any, size: Complexity | None = None) -> str:
    """Name the kind of a fitted model, and its size, which is measured unless it is known.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> in_words(DecisionTreeClassifier().fit([[0], [1]], [0, 1]))
    'tree with 2 rules'
    """
    size, name = size or complexity(model), type(peel(model).learner).__name__
    if "PointsScore" in name:
        return f"points score with {_many((size.rules or 1) - 1, 'condition')}"
    if size.trees == 1:
        return f"tree with {_many(size.rules, 'rule')}"
    if size.trees is not None:
        kind = next((kind for kind, words in ENSEMBLES.items() if any(word in name for word in words)), "ensemble")
        return f"{kind} of {size.trees:,} trees"
    if size.rules is not None:
        return f"{'list' if 'RuleList' in name else 'model'} of {_many(size.rules, 'rule')}"
    if size.terms is not None:
        return f"additive model with {_many(size.terms, 'term')}"
    if size.nonzero_coefficients is not None:
        return f"linear model with {_many(size.nonzero_coefficients, 'coefficient')}"
    if size.kind in ("network", "naive Bayes"):
        return f"{size.kind} {'with' if size.kind == 'network' else 'model with'} {_many(size.parameters, 'parameter')}"
    return "nearest-neighbour model" if size.kind == "neighbors" else name


def _many(number: int | None, word: str) -> str:
    return f"{number or 0:,} {word}{'' if number == 1 else 's'}"
