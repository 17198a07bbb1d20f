"""Iterated local search over small trees: kick a few splits of the best tree, refine, keep what is better.

Refinement stops where no single split can be improved. Splits of other candidates, put in two places at once, lead out
of such a place, and a kick leaves the rest of a good tree as it is.

H. R. Lourenco, O. C. Martin and T. Stutzle, "Iterated local search", Handbook of metaheuristics, 2003.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._flat_trees import FlatTrees

Ints = NDArray[np.intp]
Score = tuple[float, float]

_N_KICKED = 2


@dataclass(frozen=True, slots=True)
class Splits:
    """Splits to draw from, one a place."""

    feature: Ints
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]

    @classmethod
    def of(cls, trees: FlatTrees) -> Splits:
        """The splits of all inner nodes."""
        inner = ~trees.is_leaf
        return cls(trees.feature[inner], trees.threshold[inner], trees.missing_left[inner])


def iterated_local_search(
    best: FlatTrees,
    score: Score,
    splits: Splits,
    random: np.random.RandomState,
    refine: Callable[[FlatTrees], list[Score]],
    *,
    rounds: int,
    copies: int,
) -> FlatTrees:
    """The best tree after so many rounds; `refine` moves the splits of trees in place and says what they are worth."""
    for _ in range(rounds):
        kicked = _kicked(best, copies, splits, random)
        scores = refine(kicked)
        at = max(range(copies), key=scores.__getitem__)
        if scores[at] > score:
            best, score = kicked.take(at), scores[at]
    return best


def _kicked(tree: FlatTrees, copies: int, splits: Splits, random: np.random.RandomState) -> FlatTrees:
    """Copies of a tree, each with other splits in two of its inner nodes."""
    block = tree.repeat(copies)
    inner = np.flatnonzero(~tree.is_leaf)
    for root in block.roots:
        nodes = root + random.permutation(inner)[:_N_KICKED]
        drawn = random.randint(len(splits.feature), size=len(nodes))
        block.feature[nodes] = splits.feature[drawn]
        block.threshold[nodes] = splits.threshold[drawn]
        block.missing_left[nodes] = splits.missing_left[drawn]
    return block
