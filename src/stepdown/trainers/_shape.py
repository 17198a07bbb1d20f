"""From a moved tree back to an estimator: branches that break the student's limits go, values come from all rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from stepdown.learners import empty_nodes, tree_from_nodes

from ._flat_trees import FlatTrees, Rows
from ._objective import Objective

Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the student's parameters ask of every node."""

    min_samples_leaf: int
    min_samples_split: int
    min_weight_leaf: float

    @classmethod
    def of(cls, student: Any, n_rows: int, total_weight: float) -> Limits:
        """Read them as scikit-learn does: a fraction is a fraction of the rows."""

        def rows(limit: float, least: int) -> int:
            count = limit if isinstance(limit, int | np.integer) else int(np.ceil(limit * n_rows))
            return max(least, int(count))

        leaf = rows(student.min_samples_leaf, 1)
        split = max(rows(student.min_samples_split, 2), 2 * leaf)
        return cls(leaf, split, float(student.min_weight_fraction_leaf) * total_weight)


def repair(tree: FlatTrees, X: Rows, weight: NDArray[np.float64], limits: Limits) -> Ints:
    """Cut away, in place, what breaks the limits, and return the leaf of each row.

    A branch with too few rows goes and its sibling takes the parent's place, so that the rows find their way through
    the rest of the tree; with that, branches that no row reaches go too, and nothing else changes. A node with too
    few rows to be split becomes a leaf.
    """
    while True:
        leaves = tree.leaves(X)[0]
        order = preorder(tree)
        tallies = np.zeros((2, tree.n_nodes))
        tallies[:] = np.bincount(leaves, minlength=tree.n_nodes), np.bincount(leaves, weight, tree.n_nodes)
        add_up(tree, order, tallies)
        counts, weights = tallies
        least = limits.min_weight_leaf * (1 - 1e-12)  # sums of weights are rounded
        short = (counts < limits.min_samples_leaf) | (weights < least)
        if not _cut(tree, order, short, counts < limits.min_samples_split):
            return leaves


def _cut(tree: FlatTrees, order: list[int], short: NDArray[np.bool_], unsplittable: NDArray[np.bool_]) -> bool:
    """Change the topmost offenders; whether there were any."""
    settled: set[int] = set()  # below a change the counts are no longer right
    for node in order:
        left, right = int(tree.left[node]), int(tree.right[node])
        if left == node:
            continue
        if node in settled:
            settled.update((left, right))
            continue
        if unsplittable[node] or (short[left] and short[right]):
            tree.left[node] = tree.right[node] = node
        elif short[left] or short[right]:
            kept = right if short[left] else left
            put_in_place(tree, node, kept)
        else:
            continue
        settled.update((left, right))
    return bool(settled)


def put_in_place(tree: FlatTrees, node: int, child: int) -> None:
    if tree.left[child] == child:
        tree.left[node] = tree.right[node] = node
        return
    for field in (tree.left, tree.right, tree.feature, tree.threshold, tree.missing_left):
        field[node] = field[child]


def preorder(tree: FlatTrees) -> list[int]:
    """Reachable nodes, every parent before its children and left before right."""
    order, waiting = [], [int(tree.roots[0])]
    while waiting:
        node = waiting.pop()
        order.append(node)
        if tree.left[node] != node:
            waiting += [int(tree.right[node]), int(tree.left[node])]
    return order


def add_up(tree: FlatTrees, order: list[int], tallies: NDArray[np.float64]) -> None:
    """Add the columns of leaves up into their ancestors, in place."""
    for node in reversed(order):
        if tree.left[node] != node:
            tallies[:, node] = tallies[:, tree.left[node]] + tallies[:, tree.right[node]]


def estimator_of(tree: FlatTrees, leaves: Ints, objective: Objective, template: Any) -> Any:
    """A fitted scikit-learn tree with these splits, whose values are the means of all rows of each node."""
    order = preorder(tree)
    counts = np.bincount(leaves, minlength=tree.n_nodes).astype(np.float64)
    tallies = np.concatenate([counts[None], objective.sums(leaves[None], tree.n_nodes)])
    add_up(tree, order, tallies)
    counts, sums = tallies[0, order], tallies[1:, order]
    means, weights = objective.means(sums)
    place = np.zeros(tree.n_nodes, dtype=np.intp)
    place[order] = np.arange(len(order))
    nodes = empty_nodes(len(order))
    inner = tree.left[order] != order
    source = np.asarray(order)[inner]
    nodes["left_child"][inner] = place[tree.left[source]]
    nodes["right_child"][inner] = place[tree.right[source]]
    nodes["feature"][inner] = tree.feature[source]
    nodes["threshold"][inner] = tree.threshold[source]
    nodes["missing_go_to_left"][inner] = tree.missing_left[source]
    nodes["n_node_samples"] = counts
    nodes["weighted_n_node_samples"] = weights
    classifier = is_classifier(template)
    nodes["impurity"] = objective.spread(sums)
    return tree_from_nodes(
        template,
        nodes,
        means[:, None, :] if classifier else means[:, :, None],
        n_features=template.n_features_in_,
        classes=template.classes_ if classifier else None,
        feature_names=getattr(template, "feature_names_in_", None),
    )
