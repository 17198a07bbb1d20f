"""Tree alternating optimisation: better splits for trees of a given shape.

A greedy tree chooses each split as if nothing came below it. Here every inner node is chosen again, knowing
what its subtrees answer: a row counts as much as it wins by going left instead of right, and the best split of the node
is the one that sends left what should go left. Nodes of one depth see different rows, so a whole level of all trees is
chosen at once, from one histogram over (node, feature, bin). Each step keeps the present split unless another is
strictly better; so the objective never falls.

M. A. Carreira-Perpinan and P. Tavallali, "Alternating optimization of decision trees, with application to learning
sparse oblique trees", NeurIPS 2018; section 3 with splits on single features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._flat_trees import FlatTrees, Rows
from ._objective import Objective

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_MAX_CELLS = 4_000_000  # histogram cells, or row indices, handled at once: some 100 MB in all


class Bins:
    """Rows as small integers, one column of thresholds a feature.

    Bin `b` holds the values ``<= edges[b]`` that no earlier bin holds. Up to `n_bins` different values of a feature
    keep a bin each; more are cut at quantiles. Missing values stand in a bin of their own, behind all others.
    """

    def __init__(self, X: Rows, n_bins: int, edges: list[NDArray[np.float32]] | None = None) -> None:
        if edges is None:
            edges = [_edges(column, n_bins, X.has_missing) for column in X.columns]
        self.edges = edges
        self.n_bins = max(len(own) + 1 for own in edges)
        self.width = self.n_bins + X.has_missing
        self.codes = np.empty((X.n_features, X.n_rows), dtype=np.uint8)
        for code, own, column in zip(self.codes, edges, X.columns, strict=True):
            code[:] = np.searchsorted(own, column, side="left")
            if X.has_missing:
                code[np.isnan(column)] = self.n_bins


def _edges(column: NDArray[np.float32], n_bins: int, has_missing: bool) -> NDArray[np.float32]:
    """The largest value of each bin but the last: comparing with a value that occurs is exact in float32."""
    ordered = np.sort(column)  # NaN last
    if has_missing:
        ordered = ordered[: np.searchsorted(ordered, np.nan)]
    if not ordered.size:
        return ordered
    last_of_run = np.append(ordered[1:] != ordered[:-1], True)
    values = ordered[last_of_run]
    if len(values) > n_bins:
        at = (np.arange(1, n_bins) * ordered.size) // n_bins
        cuts = np.unique(ordered[at])
        return cuts[cuts < ordered[-1]]
    return values[:-1]


def alternating_optimisation(
    trees: FlatTrees,
    X: Rows,
    bins: Bins,
    objective: Objective,
    *,
    n_passes: int = 3,
    min_samples_leaf: int = 1,
) -> None:
    """Move the splits of all trees, in place, so that the objective grows or stays."""
    answers = objective.answers(objective.sums(trees.leaves(X), trees.n_nodes))
    active = np.arange(len(trees.roots))
    for _ in range(n_passes):
        changed = _pass(trees, active, X, bins, objective, answers, min_samples_leaf)
        owner = np.searchsorted(trees.roots, changed, side="right") - 1
        active = np.unique(owner)
        if not active.size:
            return


def _pass(
    trees: FlatTrees,
    active: Ints,
    X: Rows,
    bins: Bins,
    objective: Objective,
    answers: NDArray[Any],
    min_samples_leaf: int,
) -> Ints:
    """One pass over some of the trees; returns the nodes that changed and refreshes the answers of the leaves."""
    rows = np.tile(np.arange(X.n_rows), len(active))
    levels = [np.repeat(trees.roots[active], X.n_rows)]
    leaf = trees.is_leaf
    while not leaf[levels[-1]].all():
        levels.append(trees.step(levels[-1], rows, X))
    leaves = levels.pop()
    changed = []
    while levels:
        here = levels.pop()
        inside = np.flatnonzero(~leaf[here])
        nodes, own = here[inside], rows[inside]
        # Rows that stand in one node now end in one of two leaves, the present one or its mirror image.
        goes_left = trees.goes_left(nodes, own, X)
        other = trees.leaves_below(np.where(goes_left, trees.right[nodes], trees.left[nodes]), own, X)
        now = leaves[inside]
        to_left, to_right = np.where(goes_left, now, other), np.where(goes_left, other, now)
        advantage = objective.reward(own, answers[to_left]) - objective.reward(own, answers[to_right])
        level, slots = np.unique(nodes, return_inverse=True)
        moved = choose_splits(trees, level, slots, own, goes_left, advantage, X, bins, min_samples_leaf)
        if moved.size:
            changed.append(moved)
            fresh = np.isin(nodes, moved)
            leaves[inside[fresh]] = trees.leaves_below(nodes[fresh], own[fresh], X)
            refresh(answers, leaves.reshape(len(active), -1), trees.n_nodes, objective)
    return np.concatenate(changed) if changed else np.empty(0, dtype=np.intp)


def refresh(answers: NDArray[Any], leaves: Ints, n_nodes: int, objective: Objective) -> None:
    """Let every leaf that has rows, of shape (n_trees, n_rows), give the best answer to them."""
    sums = objective.sums(leaves, n_nodes)
    reached = np.abs(sums).sum(axis=0) > 0
    answers[reached] = objective.answers(sums[:, reached])


def choose_splits(
    trees: FlatTrees,
    level: Ints,
    slots: Ints,
    rows: Ints,
    goes_left: NDArray[np.bool_],
    advantage: Floats,
    X: Rows,
    bins: Bins,
    min_samples_leaf: int,
) -> Ints:
    """Give the nodes of a level the split with the largest sum of advantages on its left; returns those that changed.

    `slots` says at which place of `level` the node of each row stands.
    """
    present = np.bincount(slots, advantage * goes_left, len(level)).astype(np.float64)
    total = np.bincount(slots, advantage, len(level)).astype(np.float64)
    stake = np.bincount(slots, np.abs(advantage), len(level))
    best = _Best(present + 1e-9 * stake)  # ties and rounding leave the node alone
    telling = np.flatnonzero(advantage)
    for part in _blocks(X.n_features, max(len(level) * bins.width, len(rows))):
        won = _histogram(bins.codes[part], rows[telling], slots[telling], len(level), bins.width, advantage[telling])
        allowed = None
        if min_samples_leaf > 1:
            counts = _histogram(bins.codes[part], rows, slots, len(level), bins.width, None)
            allowed = _both_sides_hold(counts, bins.n_bins, min_samples_leaf)
        best.update(won, total, part.start, bins.n_bins, allowed)
    moved = np.flatnonzero(best.feature >= 0)
    if moved.size:
        _set_splits(trees, level, slots, rows, best, X, bins)
    return level[moved]


def _blocks(n_features: int, cells_each: int) -> list[slice]:
    size = max(1, _MAX_CELLS // max(cells_each, 1))
    return [slice(start, min(start + size, n_features)) for start in range(0, n_features, size)]


def _histogram(
    codes: NDArray[np.uint8], rows: Ints, slots: Ints, n_slots: int, width: int, weights: Floats | None
) -> Floats:
    """Sums over (feature, node, bin), of shape (n_features, n_slots, width)."""
    base = slots * width
    sums = np.empty((len(codes), n_slots * width))
    for code, total in zip(codes, sums, strict=True):  # a feature at a time stays in the processor's cache
        total[:] = np.bincount(code[rows] + base, weights=weights, minlength=n_slots * width)
    return sums.reshape(len(codes), n_slots, width)


def _both_sides_hold(counts: Floats, n_bins: int, min_samples: int) -> NDArray[np.bool_]:
    """Whether a cut behind each bin leaves enough rows on both sides, wherever missing values go."""
    left = np.cumsum(counts[:, :, :n_bins], axis=2)
    return (left >= min_samples) & (left[:, :, -1:] - left >= min_samples)


class _Best:
    """The best split of each node so far."""

    def __init__(self, value: Floats) -> None:
        self.value = value
        self.feature = np.full(len(value), -1)
        self.bin = np.zeros(len(value), dtype=np.intp)
        self.mirrored = np.zeros(len(value), dtype=bool)
        self.missing_left = np.zeros(len(value), dtype=bool)

    def update(self, won: Floats, total: Floats, first: int, n_bins: int, allowed: NDArray[np.bool_] | None) -> None:
        """Look at the features of one block."""
        up_to = np.cumsum(won[:, :, :n_bins], axis=2)
        self._look(up_to, total, first, allowed, missing_left=False)
        if won.shape[2] > n_bins:
            self._look(up_to + won[:, :, n_bins:], total, first, allowed, missing_left=True)

    def _look(
        self, left: Floats, total: Floats, first: int, allowed: NDArray[np.bool_] | None, *, missing_left: bool
    ) -> None:
        slots = np.arange(left.shape[1])
        for mirrored in (False, True):
            # The mirror image wins what is not on the left; its maximum is the minimum of the left.
            score = left if allowed is None else np.where(allowed, left, np.inf if mirrored else -np.inf)
            at = score.argmin(axis=2) if mirrored else score.argmax(axis=2)  # per feature and slot
            peak = np.take_along_axis(score, at[:, :, None], axis=2)[:, :, 0]
            feature = peak.argmin(axis=0) if mirrored else peak.argmax(axis=0)
            value = total - peak[feature, slots] if mirrored else peak[feature, slots]
            better = value > self.value
            self.value[better] = value[better]
            self.feature[better] = feature[better] + first
            self.bin[better] = at[feature, slots][better]
            self.mirrored[better] = mirrored
            self.missing_left[better] = missing_left


def _set_splits(trees: FlatTrees, level: Ints, slots: Ints, rows: Ints, best: _Best, X: Rows, bins: Bins) -> None:
    """Write the splits that were found, with thresholds half-way between the node's own values on both sides."""
    moved = best.feature >= 0
    inside = moved[slots]
    slots, rows = slots[inside], rows[inside]
    features = best.feature[slots]
    values = X.read(features, rows).astype(np.float64)
    codes = bins.codes[features, rows]
    below, missing = codes <= best.bin[slots], codes == bins.n_bins
    above = ~(below | missing)
    low, high = np.full(len(level), -np.inf), np.full(len(level), np.inf)
    np.maximum.at(low, slots[below], values[below])
    np.minimum.at(high, slots[above], values[above])
    # Nothing on one side: a number at the other side's end sends all rows one way.
    no_low, no_high = np.isinf(low), np.isinf(high)
    low = np.where(no_low, np.nextafter(high, -np.inf), low)
    high = np.where(no_high | no_low, low, high)
    threshold = np.where(np.isfinite(low), low + 0.5 * (high - low), 0.0)
    n_below = np.bincount(slots[below], minlength=len(level))
    n_above = np.bincount(slots[above], minlength=len(level))
    n_missing = np.bincount(slots[missing], minlength=len(level))
    with_left = np.where(n_missing > 0, best.missing_left, n_below > n_above)  # unseen: where most rows go
    nodes = level[moved]
    trees.feature[nodes] = best.feature[moved]
    trees.threshold[nodes] = threshold[moved]
    trees.missing_left[nodes] = with_left[moved]
    swap = nodes[best.mirrored[moved]]
    trees.left[swap], trees.right[swap] = trees.right[swap], trees.left[swap].copy()
