"""What bagged models say about rows through the members that have not seen them: unseen answers without a fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import BaseDecisionTree
from sklearn.utils.validation import validate_data

from stepdown.core import TransferSet

from ._bagged_trees import BaggedTreesClassifier, BaggedTreesRegressor
from ._pipelines import peel, prepares_without_targets

FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)
BAGGING = (BaggingClassifier, BaggingRegressor)

# With more rows than this that no member has left out, folds say more than the few members do.
_UNREACHED = 0.05

# So many trees are asked whether these are the rows they were grown on.
_WITNESSES = 3


@dataclass(frozen=True, slots=True)
class Members:
    """The members of a bagged model, over the rows that it was fitted on."""

    n_rows: int
    in_bag: Sequence[NDArray[np.intp]]
    ask: Callable[[int, NDArray[np.intp]], NDArray[np.float64]]
    leaves: Callable[[int, NDArray[np.intp]], NDArray[np.intp]] | None
    n_outputs: int

    def unseen(self, member: int) -> NDArray[np.intp]:
        """Positions of the rows that a member has not learned from."""
        mask = np.ones(self.n_rows, dtype=bool)
        mask[self.in_bag[member]] = False
        return np.flatnonzero(mask)


def out_of_bag(model: Any, data: TransferSet) -> NDArray[np.float64] | None:
    """Mean answer, on each training row, of the members of a bagged model that have not learned from that row."""
    peeled = peel(model)
    final = peeled.final
    if isinstance(final, BaggedTreesClassifier | BaggedTreesRegressor):
        if data.groups is not None or data.folds is not None or not prepares_without_targets(peeled.steps):
            return None
        sums = final.unseen_sums(peeled.prepare(data.X))
        if sums is None or not _speaks_of(final, data.classes) or np.mean(sums[1] == 0) > _UNREACHED:
            return None
        return unseen_mean(model, data, *sums)
    members = fitted_members(model, data)
    if members is None:
        return None
    total = np.zeros((members.n_rows, members.n_outputs))
    count = np.zeros(members.n_rows)
    for member in range(len(members.in_bag)):
        rows = members.unseen(member)
        if rows.size:
            total[rows] += members.ask(member, rows)
            count[rows] += 1
    return unseen_mean(model, data, total, count) if is_reached(count) else None


def is_reached(count: NDArray[np.float64]) -> bool:
    """Whether nearly every row was left out by some member, so that out-of-bag answers stand for all."""
    return bool(np.mean(count == 0) <= _UNREACHED)


def unseen_mean(
    model: Any, data: TransferSet, total: NDArray[np.float64], count: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sums of members' answers made means, in the class order of `data`, with the prior where there is no answer."""
    means = np.divide(total, count[:, None], out=np.zeros_like(total), where=count[:, None] > 0)
    if data.classes is None:
        values = means[:, 0]
        values[count == 0] = np.average(np.asarray(data.y, dtype=np.float64), weights=data.weights())
        return values
    known = np.asarray(peel(model).learner.classes_)
    values = means
    if not np.array_equal(known, data.classes):
        values = np.zeros((len(means), len(data.classes)))
        values[:, np.searchsorted(data.classes, known)] = means
    values[count == 0] = np.average(data.soft_targets(), axis=0, weights=data.weights())
    return values


def fitted_members(model: Any, data: TransferSet) -> Members | None:
    """The members of a bagged model; None where the model isn't bagged or was fitted on other rows."""
    peeled = peel(model)
    final = peeled.final
    if data.groups is not None or data.folds is not None:
        return None
    if not isinstance(final, FORESTS + BAGGING) or getattr(final, "n_outputs_", 1) != 1:
        return None
    if getattr(final, "_n_samples", data.n_samples) != data.n_samples or not _speaks_of(final, data.classes):
        return None
    if isinstance(final, FORESTS) and not final.bootstrap:
        return None
    if not prepares_without_targets(peeled.steps):
        return None
    try:  # making the bags again is most of the cost, so they are asked for once
        in_bag = [np.asarray(rows, dtype=np.intp) for rows in final.estimators_samples_]
    except AttributeError:  # a forest that was put together by other means than its fit
        return None
    X = peeled.prepare(data.X)
    if any(rows.size and rows.max() >= data.n_samples for rows in in_bag):
        return None
    members = forest_members(final, X, in_bag) if isinstance(final, FORESTS) else bagging_members(final, X, in_bag)
    return members if _grown_on_these_rows(final, members, data) else None


def _speaks_of(model: Any, classes: NDArray[Any] | None) -> bool:
    if classes is None:
        return not hasattr(model, "classes_")
    return hasattr(model, "classes_") and bool(np.all(np.isin(model.classes_, classes)))


def forest_members(forest: Any, X: Any, in_bag: list[NDArray[np.intp]]) -> Members:
    """The members of a forest over given rows, with given bags."""
    # Trees read float32: converted once here instead of once a tree by their public predict.
    X32 = validate_data(forest, X, reset=False, dtype=np.float32, accept_sparse="csr", ensure_all_finite=False)
    trees = [tree.tree_ for tree in forest.estimators_]

    def ask(member: int, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        return trees[member].predict(X32[rows])

    def leaves(member: int, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        return trees[member].apply(X32[rows])

    return Members(X32.shape[0], in_bag, ask, leaves, len(forest.classes_) if hasattr(forest, "classes_") else 1)


def bagging_members(bagging: Any, X: Any, in_bag: list[NDArray[np.intp]]) -> Members:
    """The members of a bagging ensemble over given rows, with given bags; as `forest_members`."""
    of_trees = all(isinstance(model, BaseDecisionTree) for model in bagging.estimators_)
    dtype = np.float32 if of_trees else None
    X = validate_data(bagging, X, reset=False, dtype=dtype, accept_sparse="csr", ensure_all_finite=False)
    n_outputs = len(bagging.classes_) if hasattr(bagging, "classes_") else 1

    def seen_by(member: int, rows: NDArray[np.intp]) -> Any:
        return X[rows][:, bagging.estimators_features_[member]]

    def ask(member: int, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        model, part = bagging.estimators_[member], seen_by(member, rows)
        if n_outputs == 1:
            return np.asarray(model.predict(part), dtype=np.float64)[:, None]
        values = np.zeros((len(rows), n_outputs))
        # Bagging hands its members labels that are positions in its own classes.
        if of_trees:
            values[:, model.classes_.astype(np.intp)] = model.tree_.predict(part)
        elif hasattr(model, "predict_proba"):
            values[:, model.classes_.astype(np.intp)] = model.predict_proba(part)
        else:
            values[np.arange(len(rows)), np.asarray(model.predict(part), dtype=np.intp)] = 1.0
        return values

    def leaves(member: int, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        return bagging.estimators_[member].tree_.apply(seen_by(member, rows))

    return Members(X.shape[0], in_bag, ask, leaves if of_trees else None, n_outputs)


def _grown_on_these_rows(model: Any, members: Members, data: TransferSet) -> bool:
    """Whether the bags of a few trees fill their leaves as the rows did that they were grown on.

    A forest doesn't say what rows it was fitted on. On others, or on the same in another order, or after its trees
    were exchanged, its bags mean nothing and rows that it calls unseen may well have been seen.
    """
    if members.leaves is None:
        return True  # only trees remember how many rows went where
    weights = data.weights()
    for member, grown in enumerate(model.estimators_[:_WITNESSES]):
        tree, bag = grown.tree_, members.in_bag[member]
        bag = bag[weights[bag] > 0]
        counts = np.bincount(bag, minlength=members.n_rows)
        rows = np.flatnonzero(counts)
        leaves = members.leaves(member, rows)
        is_leaf = tree.children_left == -1
        # A row that was drawn twice is one row of weight two, or two rows, depending on scikit-learn's version.
        for weight in (None, counts[rows]):
            filled = np.bincount(leaves, weights=weight, minlength=tree.node_count)
            if np.array_equal(filled[is_leaf], tree.n_node_samples[is_leaf]):
                break
        else:
            return False
    return True
