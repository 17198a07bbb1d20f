"""A grown tree as arrays, for answering and for shipping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._cuts import Cuts, Floats
from ._growth import Node


@dataclass(frozen=True, eq=False)
class SumTree:
    """One tree of a sum; its root is node 0.

    Parameters
    ----------
    children_left, children_right : array of shape (n_nodes,)
        Places of the children; -1 at a leaf.
    feature : array of shape (n_nodes,)
        Column that is asked about; -1 at a leaf.
    threshold : array of shape (n_nodes,)
        A row goes left whose number is at most this; infinite where known values go left and gaps right.
    missing_go_to_left : array of shape (n_nodes,)
        Whether a gap goes left.
    value : array of shape (n_nodes, n_scores)
        What a leaf adds to the scores.
    n_node_samples : array of shape (n_nodes,)
        Training rows.
    """

    children_left: NDArray[np.intp]
    children_right: NDArray[np.intp]
    feature: NDArray[np.intp]
    threshold: Floats
    missing_go_to_left: NDArray[np.bool_]
    value: Floats
    n_node_samples: NDArray[np.intp]

    @property
    def n_leaves(self) -> int:
        return int((self.children_left < 0).sum())

    @property
    def max_depth(self) -> int:
        depth = np.zeros(len(self.feature), dtype=int)
        for node in np.flatnonzero(self.children_left >= 0):  # parents stand before their children
            depth[[self.children_left[node], self.children_right[node]]] = depth[node] + 1
        return int(depth.max())

    def apply(self, X: Floats) -> NDArray[np.intp]:
        """The leaf of each row."""
        node = np.zeros(len(X), dtype=np.intp)
        rows = np.flatnonzero(self.children_left[node] >= 0)
        while rows.size:
            at = node[rows]
            x = X[rows, self.feature[at]]
            left = np.where(np.isnan(x), self.missing_go_to_left[at], x <= self.threshold[at])
            node[rows] = np.where(left, self.children_left[at], self.children_right[at])
            rows = rows[self.children_left[node[rows]] >= 0]
        return node


def flattened(root: Node, cuts: Cuts, scale: float = 1.0, digits: int | None = None) -> SumTree:
    """The tree as arrays; with `digits`, values times `scale` are rounded, so that a printed tree is the tree."""
    nodes = [root]
    for node in nodes:  # grows on the way: parents stand before their children
        nodes += node.sides if node.cut >= 0 else ()
    place = {id(node): number for number, node in enumerate(nodes)}
    gaps = np.isnan(cuts.X.min(axis=0, initial=np.inf))
    columns = []
    for node in nodes:
        if node.cut < 0:
            value = node.value if digits is None else np.round(scale * node.value, digits) + 0.0
            columns.append((-1, -1, -1, np.nan, False, value, len(node.rows)))
            continue
        left, right = node.sides
        feature = int(cuts.column[node.cut])
        # Where no gap was seen, gaps go where most rows go.
        gaps_left = bool(cuts.gaps_left[node.cut]) if gaps[feature] else len(left.rows) >= len(right.rows)
        threshold, none = cuts.threshold(node.cut), np.full(len(node.value), np.nan)
        sides = place[id(left)], place[id(right)]
        columns.append((*sides, feature, threshold, gaps_left, none, len(node.rows)))
    kinds = (np.intp, np.intp, np.intp, np.float64, np.bool_, np.float64, np.intp)
    return SumTree(
        *(np.array(column, dtype=kind) for column, kind in zip(zip(*columns, strict=True), kinds, strict=True))
    )
