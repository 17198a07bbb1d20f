"""Arrays on disk with a value a row, sums over their blocks, and students made of sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from stepdown.learners import empty_nodes, node_impurity, tree_from_nodes
from stepdown.trainers import Binned, FlatTrees, add_up, histogram, preorder

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Columns = Callable[[int, int], Floats]


class Blocks:
    """Rows on disk as bins, of shape (n_features, n_rows); `columns` gives what is summed for a block of rows."""

    n_trees = 1

    def __init__(self, codes: NDArray[np.uint8], columns: Columns, missing_bin: int, size: int) -> None:
        self.codes, self.columns, self.missing_bin, self.size = codes, columns, missing_bin, size

    def sums(self, trees: Binned, nodes: Ints) -> Floats:
        """Sums over (column, feature, node, bin) of the rows in these leaves."""
        slot_of = np.full(len(trees.left), -1)
        slot_of[nodes] = np.arange(len(nodes))
        total: Any = 0.0
        for start, stop, codes, here in self._walk(trees):
            slots = slot_of[here]
            inside = np.flatnonzero(slots >= 0)
            columns = list(self.columns(start, stop)[:, inside])
            total = total + histogram(codes, inside, slots[inside], (len(nodes), self.missing_bin + 1), columns)
        return total

    def leaf_sums(self, trees: Binned, columns: Columns) -> Floats:
        """Sums of columns over the rows of each leaf, of shape (n_columns, n_nodes)."""
        total: Any = 0.0
        for start, stop, _, here in self._walk(trees):
            parts = [np.bincount(here, column, len(trees.left)) for column in columns(start, stop)]
            total = total + np.stack(parts)
        return total

    def _walk(self, trees: Binned) -> Any:
        n_rows = self.codes.shape[1]
        for start in range(0, n_rows, self.size):
            stop = min(start + self.size, n_rows)
            codes = np.ascontiguousarray(self.codes[:, start:stop])
            rows = np.arange(stop - start)
            yield start, stop, codes, trees.rest(np.zeros(stop - start, dtype=np.intp), rows, codes, self.missing_bin)


def on_bins(tree: FlatTrees, edges: list[NDArray[np.float32]]) -> Binned:
    """A tree with each threshold moved, in place as well, to the end of a bin."""
    trees = Binned(1)
    trees.left, trees.right, trees.feature = tree.left, tree.right, tree.feature
    trees.missing_left, trees.bin = tree.missing_left, np.zeros(tree.n_nodes, dtype=np.intp)
    for node in np.flatnonzero(~tree.is_leaf):
        own = edges[tree.feature[node]]
        place = max(0, int(np.searchsorted(own, tree.threshold[node], side="right")) - 1)
        if len(own):
            trees.bin[node], tree.threshold[node] = place, own[place]
    return trees


def student_of(tree: FlatTrees, sums: Floats, template: Any, centre: float, spread: float) -> Any:
    """The student with these splits.

    `sums` are those of its leaves: the number of rows, then a column a class; in regression the standardised targets
    and their squares.
    """
    order = preorder(tree)
    add_up(tree, order, sums)
    counts, told = sums[0, order], sums[1:, order].T
    place = np.zeros(tree.n_nodes, dtype=np.intp)
    place[order] = np.arange(len(order))
    nodes = empty_nodes(len(order))
    inner = tree.left[order] != order
    source = np.asarray(order)[inner]
    nodes["left_child"][inner], nodes["right_child"][inner] = place[tree.left[source]], place[tree.right[source]]
    nodes["feature"][inner], nodes["threshold"][inner] = tree.feature[source], tree.threshold[source]
    nodes["missing_go_to_left"][inner] = tree.missing_left[source]
    nodes["n_node_samples"] = nodes["weighted_n_node_samples"] = counts
    means = told / np.maximum(counts, 1)[:, None]
    if is_classifier(template):
        nodes["impurity"], values = node_impurity(means, template.criterion), means[:, None, :]
    else:
        nodes["impurity"] = np.maximum(means[:, 1] - means[:, 0] ** 2, 0.0) * spread**2
        values = (means[:, :1] * spread + centre)[:, :, None]
    return tree_from_nodes(
        template,
        nodes,
        values,
        n_features=template.n_features_in_,
        classes=getattr(template, "classes_", None),
    )
