"""What a tree is searched for: the two objectives that tree search and forest selection maximise.

Both are sums over rows that depend on a tree only through the leaf of each row, so a whole block of trees is scored
by a few ``bincount`` calls over (tree, leaf).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.learners import node_impurity

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


class Objective(ABC):
    """An objective, in terms of sums over the rows of a leaf."""

    columns: Floats

    def sums(self, nodes: Ints, n_nodes: int) -> Floats:
        """Sums of the columns over the rows of each node, of shape (n_columns, n_nodes)."""
        flat = nodes.ravel()
        copies = nodes.size // self.columns.shape[1]
        sums = np.empty((len(self.columns), n_nodes))
        for column, total in zip(self.columns, sums, strict=True):
            total[:] = np.bincount(flat, weights=np.tile(column, copies), minlength=n_nodes)
        return sums

    @abstractmethod
    def answers(self, sums: Floats) -> NDArray[Any]:
        """What nodes with these sums answer to their rows, of shape (n_nodes,)."""

    @abstractmethod
    def reward(self, rows: Ints, answers: NDArray[Any]) -> Floats:
        """What each of these rows adds to the objective if it gets this answer."""

    @abstractmethod
    def misfit(self, rows: Ints, means: Floats) -> Floats:
        """The weighted squared distance of each row's target from these values, up to what only the row decides."""

    @abstractmethod
    def value(self, sums: Floats) -> Floats:
        """What the rows of each node add together, of shape (n_nodes,), if the node gives its own answer."""

    @abstractmethod
    def tie_break(self, sums: Floats) -> Floats:
        """Second criterion of each node, of shape (n_nodes,): larger where the node's distribution fits better."""

    @abstractmethod
    def means(self, sums: Floats) -> tuple[Floats, Floats]:
        """Values of the nodes, shape (n_nodes, n_outputs), and their weights, shape (n_nodes,)."""

    @abstractmethod
    def spread(self, sums: Floats) -> Floats:
        """Impurity of each node, of shape (n_nodes,)."""


class SoftAccuracy(Objective):
    """The weighted target probability of the class that a leaf answers.

    With one-hot targets it is accuracy. Ties of classes go to the lowest, as scikit-learn's ``argmax`` does.
    """

    def __init__(self, targets: Floats, weight: Floats, criterion: str = "gini") -> None:
        self._criterion = criterion
        self.columns = np.ascontiguousarray((targets * weight[:, None]).T)

    def answers(self, sums: Floats) -> Ints:
        return np.argmax(sums, axis=0)

    def reward(self, rows: Ints, answers: Ints) -> Floats:
        return self.columns.ravel()[answers * self.columns.shape[1] + rows]

    def misfit(self, rows: Ints, means: Floats) -> Floats:
        weighted = self.columns[:, rows].T
        weight = weighted.sum(axis=1, keepdims=True)
        return np.einsum("nc,nc->n", weight * means - 2 * weighted, means)

    def value(self, sums: Floats) -> Floats:
        return sums.max(axis=0)

    def tie_break(self, sums: Floats) -> Floats:
        weight = sums.sum(axis=0)
        squares = np.einsum("cn,cn->n", sums, sums)
        return np.divide(squares, weight, out=np.zeros_like(weight), where=weight > 0)

    def means(self, sums: Floats) -> tuple[Floats, Floats]:
        weight = sums.sum(axis=0)
        uniform = np.full(sums.T.shape, 1.0 / len(sums))
        return np.divide(sums.T, weight[:, None], out=uniform, where=weight[:, None] > 0), weight

    def spread(self, sums: Floats) -> Floats:
        return node_impurity(self.means(sums)[0], self._criterion)


class SquaredError(Objective):
    """The negative weighted squared error of a leaf's mean; targets are centred first, which keeps the digits."""

    def __init__(self, targets: Floats, weight: Floats) -> None:
        total = weight.sum()
        self.centre = float(np.dot(weight, targets) / total) if total > 0 else 0.0
        self._low, self._high = targets.min(), targets.max()
        self._targets = targets - self.centre
        self._weight = weight
        self.columns = np.stack([weight, weight * self._targets, weight * self._targets**2])

    def answers(self, sums: Floats) -> Floats:
        return np.divide(sums[1], sums[0], out=np.zeros_like(sums[0]), where=sums[0] > 0)

    def reward(self, rows: Ints, answers: Floats) -> Floats:
        return -self._weight[rows] * (self._targets[rows] - answers) ** 2

    def misfit(self, rows: Ints, means: Floats) -> Floats:
        return -self.reward(rows, means[:, 0] - self.centre)

    def value(self, sums: Floats) -> Floats:
        return np.minimum(self.answers(sums) * sums[1] - sums[2], 0.0)

    def tie_break(self, sums: Floats) -> Floats:
        return np.zeros(sums.shape[1])

    def means(self, sums: Floats) -> tuple[Floats, Floats]:
        # Rounding, of weights far apart and of the centre, must not lead out of what was observed.
        return np.clip(self.answers(sums)[:, None] + self.centre, self._low, self._high), sums[0]

    def spread(self, sums: Floats) -> Floats:
        return np.divide(-self.value(sums), sums[0], out=np.zeros_like(sums[0]), where=sums[0] > 0)
