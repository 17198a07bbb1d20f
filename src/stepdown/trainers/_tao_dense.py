"""Tree alternating optimisation of one small tree on many rows: the steps of `_tao`, for less.

What `_tao` looks up for each row and node on its way, this writes down for all rows at once, one comparison a node:
whether a row would go left there, and in which leaf it would end from there. That is more than is needed, and several
times faster, because rows lie side by side in memory. The result is the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._flat_trees import FlatTrees, Rows
from ._objective import Objective
from ._tao import Bins, alternating_optimisation, choose_splits, refresh

Ints = NDArray[np.intp]

_MAX_CELLS = 150_000_000


def optimise_one(
    tree: FlatTrees, X: Rows, bins: Bins, objective: Objective, *, n_passes: int, min_samples_leaf: int = 1
) -> None:
    """Move the splits of one tree, in place, so that the objective grows or stays."""
    if tree.n_nodes * X.n_rows > _MAX_CELLS or tree.n_nodes > np.iinfo(np.int16).max:
        alternating_optimisation(tree, X, bins, objective, n_passes=n_passes, min_samples_leaf=min_samples_leaf)
        return
    moving = _Moving(tree, X, objective)
    for _ in range(n_passes):
        if not moving.sweep(bins, min_samples_leaf):
            return


class _Moving:
    """A tree, and where each row would go in each of its nodes."""

    def __init__(self, tree: FlatTrees, X: Rows, objective: Objective) -> None:
        self.tree, self.X, self.objective, self.leaf = tree, X, objective, tree.is_leaf
        self.depths = [np.zeros(1, dtype=np.intp)]
        while not self.leaf[self.depths[-1]].all():
            inner = self.depths[-1][~self.leaf[self.depths[-1]]]
            self.depths.append(np.concatenate([tree.left[inner], tree.right[inner]]))
        self.left = np.zeros((tree.n_nodes, X.n_rows), dtype=bool)
        self.ends = np.empty((tree.n_nodes, X.n_rows), dtype=np.uint8 if tree.n_nodes <= 256 else np.int16)
        self.rows = np.arange(X.n_rows)
        for node in range(tree.n_nodes):
            if self.leaf[node]:
                self.ends[node] = node
            else:
                self._ask(node)
        for nodes in reversed(self.depths):
            self._end(nodes)
        sums = objective.sums(self.ends[:1].astype(np.intp), tree.n_nodes)
        self.answers = objective.answers(sums)

    def _ask(self, node: int) -> None:
        tree, column = self.tree, self.X.columns[self.tree.feature[node]]
        # In float64, as the walk compares: NumPy would round a number that stands alone to float32.
        np.less_equal(column, tree.threshold[node : node + 1], out=self.left[node])
        if self.X.has_missing and tree.missing_left[node]:
            self.left[node] |= np.isnan(column)

    def _end(self, nodes: Ints) -> None:
        for node in nodes[~self.leaf[nodes]]:
            left, right = self.ends[self.tree.left[node]], self.ends[self.tree.right[node]]
            np.copyto(self.ends[node], right)
            np.copyto(self.ends[node], left, where=self.left[node])

    def sweep(self, bins: Bins, min_samples_leaf: int) -> bool:
        """One pass from the lowest splits to the root; whether any has changed."""
        tree, n_rows = self.tree, self.X.n_rows
        here = np.zeros(n_rows, dtype=np.intp)
        levels = []
        for _ in self.depths[:-1]:
            levels.append(here)
            goes_left = self.left.ravel()[here * n_rows + self.rows]
            here = np.where(goes_left, tree.left[here], tree.right[here])
        changed = False
        ends, sides = self.ends.ravel(), self.left.ravel()
        for nodes, here in zip(reversed(self.depths[:-1]), reversed(levels), strict=True):
            inside = np.flatnonzero(~self.leaf[here])
            own = here[inside]
            goes_left = sides[own * n_rows + inside]
            to_left, to_right = ends[tree.left[own] * n_rows + inside], ends[tree.right[own] * n_rows + inside]
            reward = self.objective.reward
            advantage = reward(inside, self.answers[to_left]) - reward(inside, self.answers[to_right])
            present = np.bincount(own, minlength=tree.n_nodes)
            level = np.flatnonzero(present)
            slot_of = np.cumsum(present > 0) - 1
            moved = choose_splits(
                tree, level, slot_of[own], inside, goes_left, advantage, self.X, bins, min_samples_leaf
            )
            for node in moved:
                self._ask(int(node))
            self._end(nodes)
            if moved.size:
                changed = True
                if here is levels[0]:
                    leaves = self.ends[0].astype(np.intp)
                else:
                    leaves = ends[here * n_rows + self.rows].astype(np.intp)
                refresh(self.answers, leaves[None], tree.n_nodes, self.objective)
        return changed
