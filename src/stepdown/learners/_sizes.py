"""The size of a fitted model: counts that can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

TREES = "trees"
LINEAR = "linear"
NETWORK = "network"
NEIGHBORS = "neighbors"
BAYES = "naive Bayes"
RULES = "rules"
ADDITIVE = "additive"
COMPOSITE = "composite"
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Complexity:
    """How complex a fitted model is. What doesn't apply to its kind is None.

    Parameters
    ----------
    kind : str
        "trees" (a tree or an ensemble of them), "rules", "linear", "additive", "network", "neighbors", "naive Bayes",
        "composite" (models of several kinds) or "other". Sizes of one kind compare well, others roughly.
    size : float
        The number to compare: nodes of all trees, rules (of a list of ours also their conditions), non-zero
        coefficients of a linear model (intercepts not counted) or numbers of an additive one, parameters of a network
        or of naive Bayes, stored numbers of neighbours; of a composite the sum; else bytes.
    trees : int or None
    nodes : int or None
    leaves : int or None
    rules : int or None
        Paths from a root to a leaf: the rules that someone would have to read. In a `TreeSumClassifier`, whose trees
        add up, the splits of all trees and one.
    depth : int or None
        Of the deepest tree.
    nonzero_coefficients : int or None
    parameters : int or None
        Stored numbers that fitting has set, where these are not nodes.
    bytes : int or None
        Of the model as pickled; None where it can't be.
    terms : int or None
        Of an additive model: one for each column or pair of columns that it adds up.

    Examples
    --------
    >>> from stepdown.learners import complexity
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> print(complexity(DecisionTreeClassifier(max_depth=2, random_state=0).fit(*load_iris(return_X_y=True))))
    1 tree, 5 nodes, 3 rules, depth 2
    """

    kind: str
    size: float
    trees: int | None = None
    nodes: int | None = None
    leaves: int | None = None
    rules: int | None = None
    depth: int | None = None
    nonzero_coefficients: int | None = None
    parameters: int | None = None
    bytes: int | None = None
    terms: int | None = None

    def __str__(self) -> str:
        parts = []
        if self.trees is not None:
            parts.append("1 tree" if self.trees == 1 else f"{self.trees:,} trees")
            parts += [f"{self.nodes:,} nodes", f"{self.rules:,} rules", f"depth {self.depth}"]
        elif self.rules is not None:
            parts.append(f"{self.rules:,} rules")
        if self.terms is not None:
            parts.append(f"{self.terms:,} terms")
        if self.nonzero_coefficients is not None:
            parts.append(f"{self.nonzero_coefficients:,} coefficients")
        elif self.parameters is not None:
            unit = "stored numbers" if self.kind == NEIGHBORS else "parameters"
            parts.append(f"{self.parameters:,} {unit}")
        if not parts:
            parts.append("size unknown" if self.bytes is None else f"{self.bytes:,} bytes")
        return ", ".join(parts)


def of_trees(nodes: NDArray[np.intp], leaves: NDArray[np.intp], depths: Iterable[int]) -> Complexity:
    """The complexity of trees from their numbers of nodes and leaves, and their depths."""
    n_nodes, n_leaves = int(np.sum(nodes)), int(np.sum(leaves))
    depth = max(depths, default=0)
    return Complexity(TREES, n_nodes, len(nodes), n_nodes, n_leaves, n_leaves, int(depth))


def of_sum(leaves: NDArray[np.intp], depths: Iterable[int]) -> Complexity:
    """The complexity of trees whose answers are added; they have as many rules as one tree with all their splits."""
    trees = of_trees(2 * leaves - 1, leaves, depths)
    return replace(trees, rules=int(np.sum(leaves - 1)) + 1)


def of_nested_trees(roots: list[Any], child_keys: tuple[str, ...]) -> Complexity:
    """Trees as nested dicts: a node's children stand under `child_keys`, one a key or several in a list."""
    nodes, leaves, depths = [], [], []
    for root in roots:
        n_nodes = n_leaves = depth = 0
        level = [root]
        while level:
            n_nodes += len(level)
            below = []
            for node in level:
                children = [node[key] for key in child_keys if key in node]
                if not children:
                    n_leaves += 1
                for child in children:
                    below.extend(child if isinstance(child, list) else [child])
            level = below
            depth += bool(level)
        nodes.append(n_nodes)
        leaves.append(n_leaves)
        depths.append(depth)
    return of_trees(np.array(nodes), np.array(leaves), depths)
