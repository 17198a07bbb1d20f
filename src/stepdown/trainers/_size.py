"""Large trees end where their own fit to the labels ends: what a teacher says is never pure, and they would grow on."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble._forest import BaseForest
from sklearn.tree import BaseDecisionTree

from stepdown.core import TransferSet
from stepdown.learners import cut_back, fit_to, peel, with_final

log = logging.getLogger("stepdown")

# Trees that can't have more leaves than this are as small as their user wants them.
_FEW_LEAVES = 64
_ENOUGH_TREES = 3


def no_larger_than_own_fit(model: Any, student: Any, data: TransferSet, *, seed: int | None) -> Any:
    """A taught tree, forest or bag of trees, in place without its weakest branches where labels alone would give fewer.

    That is asked only of trees whose parameters allow more than 64 leaves: there purity is what ends growth.
    """
    final = peel(student).final
    tree = final if isinstance(final, BaseDecisionTree | BaseForest) else peel(getattr(final, "estimator", None)).final
    if not isinstance(tree, BaseDecisionTree | BaseForest) or _most_leaves(tree) <= _FEW_LEAVES:
        return model
    if "n_estimators" in final.get_params(deep=False):
        student = with_final(student, clone(final).set_params(n_estimators=min(_ENOUGH_TREES, final.n_estimators)))
    own = _trees(fit_to(student, data.replace(X_unlabeled=None), seed=seed))
    taught = _trees(model)
    if not own or not taught:
        return model
    bound = sum(tree.get_n_leaves() for tree in own) // len(own)
    for tree in taught:
        log.debug("a tree of %d leaves, of %d by its own fit", tree.get_n_leaves(), bound)
        cut_back(tree, bound)
    return model


def _most_leaves(tree: Any) -> float:
    by_depth = float("inf") if tree.max_depth is None else 2.0 ** min(tree.max_depth, 60)
    return min(by_depth, float("inf") if tree.max_leaf_nodes is None else tree.max_leaf_nodes)


def _trees(model: Any) -> list[Any]:
    """All trees of scikit-learn's in a fitted model; none where it holds others besides."""
    final = peel(model).final
    if isinstance(final, BaseDecisionTree):
        return [final]
    found = [_trees(part) for part in np.ravel(getattr(final, "estimators_", []))]
    return [tree for trees in found for tree in trees] if all(found) else []
