"""A tree as small as it can be: branches that no test could tell from a leaf go, thresholds become short decimals."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._flat_trees import FlatTrees, Rows
from ._objective import Objective
from ._shape import add_up, preorder, put_in_place

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Better = Callable[[Ints, Ints, Ints], bool]


def prune(
    tree: FlatTrees, leaves: Ints, X: Rows, objective: Objective, counted: NDArray[np.bool_], margin: float
) -> Ints:
    """Cut away, in place, branches whose worth is within noise; returns the leaf of each row.

    A branch is compared, row by row and over the rows that are `counted`, with the leaf that could stand in its place,
    and each of its sides with the other side, which could take its rows: what is there stays where its rows win
    more than `margin` standard errors of that sum, in the objective or in how close the leaf's distribution is to the
    targets.
    """
    while True:
        order = preorder(tree)
        sums = objective.sums(leaves[None], tree.n_nodes)
        add_up(tree, order, sums)
        answers, means = objective.answers(sums), objective.means(sums)[0]

        def is_better(rows: Ints, now: Ints, instead: Ints, answers: Any = answers, means: Floats = means) -> bool:
            won = objective.reward(rows, answers[now]) - objective.reward(rows, answers[instead])
            if _is_sure(won, margin):
                return True
            return _is_sure(objective.misfit(rows, means[instead]) - objective.misfit(rows, means[now]), margin)

        leaves = _cut(tree, order, leaves, counted, is_better)
        if not _raise(tree, leaves, X, counted, is_better):
            return leaves
        leaves = tree.leaves(X)[0]


def _cut(tree: FlatTrees, order: list[int], leaves: Ints, counted: NDArray[np.bool_], is_better: Better) -> Ints:
    """Make leaves of branches that are no better than one, from the bottom up."""
    leaves = leaves.copy()
    rows = _rows_of(tree, order, leaves)
    for node in reversed(order[1:]):  # the first question stays
        own = rows[node][counted[rows[node]]]
        if tree.left[node] != node and not is_better(own, leaves[own], np.full(len(own), node)):
            tree.left[node] = tree.right[node] = node
            leaves[rows[node]] = node
    return leaves


def _raise(tree: FlatTrees, leaves: Ints, X: Rows, counted: NDArray[np.bool_], is_better: Better) -> bool:
    """Let one side of a question take its place where the other side's rows fare no worse there; whether any did."""
    order = preorder(tree)
    rows, settled, raised = _rows_of(tree, order, leaves), set[int](), False
    for node in order:
        left, right = int(tree.left[node]), int(tree.right[node])
        if left == node:
            continue
        if node in settled:
            settled.update((left, right))
            continue
        less, more = (left, right) if len(rows[left]) < len(rows[right]) else (right, left)
        if tree.left[more] == more:
            continue
        own = rows[node][counted[rows[node]]]
        moved = np.isin(own, rows[less])
        instead = leaves[own].copy()
        instead[moved] = tree.leaves_below(np.full(int(moved.sum()), more), own[moved], X)
        if not is_better(own, leaves[own], instead):
            put_in_place(tree, node, more)
            settled.update((left, right))  # below, the rows are others now
            raised = True
    return raised


def _is_sure(won: Floats, margin: float) -> bool:
    """Whether a sum over rows is more than so many standard errors above nothing.

    The error is that of the sum were each row as likely to lose what it wins. Their spread about their own mean would
    make few rows sure that agree, as soft targets of neighbours do.
    """
    return float(won.sum()) > margin * float(np.sqrt(won @ won))


def shorten(tree: FlatTrees, leaves: Ints, X: Rows, counted: NDArray[np.bool_]) -> None:
    """Round thresholds, in place, to the shortest decimals that leave every counted row on its side.

    The decimal lies in the nearer half of the way to the neighbouring value on either side, so that other rows fall
    nearly as before.
    """
    order = preorder(tree)
    rows = _rows_of(tree, order, leaves)
    for node in order:
        if tree.left[node] == node:
            continue
        own = rows[node][counted[rows[node]]]
        values = X.columns[tree.feature[node]][own].astype(np.float64)
        present = float(tree.threshold[node])
        below, above = values[values <= present], values[values > present]
        if below.size and above.size:
            low, high = float(below.max()), float(above.min())
            short = _shortest((low + present) / 2, (present + high) / 2, present)
            if low <= short < high:
                tree.threshold[node] = short


def _shortest(low: float, high: float, near: float) -> float:
    """The decimal of fewest digits in [low, high], of those the nearest to a number between."""
    if low <= 0 <= high:
        return 0.0
    first = Decimal(max(abs(low), abs(high))).adjusted() + 1
    best = None
    for power in range(first, first - 20, -1):
        unit = Decimal(1).scaleb(power)
        least = (Decimal(low) / unit).to_integral_value(ROUND_CEILING)
        most = (Decimal(high) / unit).to_integral_value(ROUND_FLOOR)
        if least <= most:
            nearest = (Decimal(near) / unit).to_integral_value(ROUND_HALF_EVEN)
            found = (min(max(nearest, least), most) * unit).normalize()
            if best is not None and len(found.as_tuple().digits) > len(best.as_tuple().digits):
                break
            best = found  # 60 has no more digits than 100, and may be nearer
    return near if best is None else float(best)


def _rows_of(tree: FlatTrees, order: list[int], leaves: Ints) -> dict[int, Ints]:
    """The rows that reach each node."""
    by_leaf = np.argsort(leaves, kind="stable")
    bounds = np.searchsorted(leaves[by_leaf], np.arange(tree.n_nodes + 1))
    rows = {node: by_leaf[bounds[node] : bounds[node + 1]] for node in order if tree.left[node] == node}
    for node in reversed(order):
        if tree.left[node] != node:
            rows[node] = np.concatenate([rows[int(tree.left[node])], rows[int(tree.right[node])]])
    return rows
