"""Several small trees side by side in flat arrays, so that all of them move in one numpy call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.learners import LEAF

Ints = NDArray[np.intp]


class Rows:
    """The rows that trees are asked about."""

    def __init__(self, X: NDArray[np.float32]) -> None:
        self.columns = np.ascontiguousarray(X.T)
        self.n_features, self.n_rows = self.columns.shape
        self.has_missing = bool(np.isnan(self.columns).any())
        self._flat = self.columns.ravel()

    def read(self, features: Ints, rows: Ints) -> NDArray[np.float32]:
        """The value of one feature in one row, elementwise."""
        return self._flat[features * self.n_rows + rows]


@dataclass(slots=True)
class FlatTrees:
    """Nodes of all trees in one line; a leaf is its own child on both sides, so that rows rest there."""

    left: Ints
    right: Ints
    feature: Ints
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    roots: Ints

    @classmethod
    def of(cls, trees: Sequence[Any]) -> FlatTrees:
        """The ``tree_`` objects of fitted scikit-learn trees."""
        states = [tree.__getstate__()["nodes"] for tree in trees]
        nodes = np.concatenate(states)
        sizes = [len(state) for state in states]
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
        shift = np.repeat(roots, sizes)
        own = np.arange(len(nodes))
        leaf = nodes["left_child"] == LEAF
        return cls(
            np.where(leaf, own, nodes["left_child"] + shift),
            np.where(leaf, own, nodes["right_child"] + shift),
            np.where(leaf, 0, nodes["feature"]).astype(np.intp),
            nodes["threshold"].copy(),
            nodes["missing_go_to_left"].astype(bool),
            roots,
        )

    @property
    def n_nodes(self) -> int:
        return len(self.left)

    @property
    def is_leaf(self) -> NDArray[np.bool_]:
        return self.left == np.arange(self.n_nodes)

    def goes_left(self, nodes: Ints, rows: Ints, X: Rows) -> NDArray[np.bool_]:
        """Whether each row goes left in its node: float32 values against float64 thresholds, as scikit-learn does."""
        values = X.read(self.feature[nodes], rows)
        left: NDArray[np.bool_] = values <= self.threshold[nodes]
        if X.has_missing:
            left |= np.isnan(values) & self.missing_left[nodes]
        return left

    def step(self, nodes: Ints, rows: Ints, X: Rows) -> Ints:
        """The children that rows move on to."""
        return np.where(self.goes_left(nodes, rows, X), self.left[nodes], self.right[nodes])

    def leaves_below(self, nodes: Ints, rows: Ints, X: Rows) -> Ints:
        """The leaves that rows end in when they start in these nodes."""
        leaf = self.is_leaf
        while True:
            moving = np.flatnonzero(~leaf[nodes])
            if not moving.size:
                return nodes
            if moving.size == nodes.size:
                nodes = self.step(nodes, rows, X)
            else:
                nodes = nodes.copy()
                nodes[moving] = self.step(nodes[moving], rows[moving], X)

    def leaves(self, X: Rows) -> Ints:
        """The leaf of each row in each tree, of shape (n_trees, n_rows)."""
        nodes = np.repeat(self.roots, X.n_rows)
        rows = np.tile(np.arange(X.n_rows), len(self.roots))
        return self.leaves_below(nodes, rows, X).reshape(len(self.roots), X.n_rows)

    def take(self, tree: int) -> FlatTrees:
        """One of the trees, on its own."""
        start = int(self.roots[tree])
        stop = int(self.roots[tree + 1]) if tree + 1 < len(self.roots) else self.n_nodes
        part = slice(start, stop)
        return FlatTrees(
            self.left[part] - start,
            self.right[part] - start,
            self.feature[part].copy(),
            self.threshold[part].copy(),
            self.missing_left[part].copy(),
            np.zeros(1, dtype=np.intp),
        )

    def repeat(self, copies: int) -> FlatTrees:
        """One tree so many times."""
        roots = self.n_nodes * np.arange(copies)
        shift = np.repeat(roots, self.n_nodes)
        return FlatTrees(
            np.tile(self.left, copies) + shift,
            np.tile(self.right, copies) + shift,
            np.tile(self.feature, copies),
            np.tile(self.threshold, copies),
            np.tile(self.missing_left, copies),
            roots,
        )
