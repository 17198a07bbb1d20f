"""The search for a tree where rows are many: on a sample as far as a sample will do, on all rows where it counts.

Growing a tree exactly sorts every feature in every node; at a million rows that takes longer than to fit the teacher.
Here candidates are grown from histograms on bootstraps of a sample, and the best are refined there. All rows decide
what is left to decide: they grow the plain tree, again from histograms, they choose among the finalists, refine the
best once more, set its thresholds half-way between their values, and give the leaves theirs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._flat_trees import FlatTrees
from ._histogram import Drawn, Growth, exact_sums, flat, grow
from ._local_search import Splits, iterated_local_search
from ._objective import SoftAccuracy
from ._tao import Bins
from ._tao_dense import optimise_one

Search = Any  # of `_tree_search`, which reads this file

SAMPLES = (10_000, 50_000)
"""Rows on which candidates are grown and first refined, and on which the best of these are refined again."""

_CANDIDATES = 32
COARSE = 63  # bins, on the smaller sample
_REFINED = (12, 3)
_PASSES = 2

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def search_many(whole: Search, middle: Search, small: Search, *, polished: bool) -> tuple[FlatTrees, Ints]:
    """The best tree for all rows, `polished` on them, and the leaf of each row.

    It takes the problem on all rows and the same problem on two samples.
    """
    whole.bins = bins = Bins(whole.rows, whole.effort.n_bins, middle.bins.edges)
    plain = _plain(whole, bins)
    grown = _candidates(small)
    found = _best(small, [grown.take(at) for at in range(len(grown.roots))], _REFINED[0])
    if whole.effort.refined:
        found = [plain, *_best(middle, _refined(small, found), _REFINED[1])]
        found = _best(middle, _refined(middle, found), 2)
    found += _searched(middle, found[0], grown)
    kept = [whole.kept(tree) for tree in [plain, *found]]
    chosen = max(kept, key=lambda one: one[0])
    if polished and whole.effort.refined:
        moved = chosen[1].take(0)
        move(whole, moved, bins)
        chosen = max(chosen, whole.kept(moved), key=lambda one: one[0])
    return chosen[1], chosen[2]


def _best(problem: Search, trees: list[FlatTrees], most: int) -> list[FlatTrees]:
    scores = problem.scores_of(trees)
    return [trees[at] for at in sorted(range(len(trees)), key=scores.__getitem__, reverse=True)[:most]]


def _searched(problem: Search, best: FlatTrees, grown: FlatTrees) -> list[FlatTrees]:
    """What local search makes of the best tree, where the effort asks for that."""
    rounds = problem.rounds()
    if not rounds:
        return []
    splits, score, copies = Splits.of(grown), problem.kept(best)[0], problem.effort.copies
    return [iterated_local_search(best, score, splits, problem.random, problem.moved, rounds=rounds, copies=copies)]


def _refined(problem: Search, trees: list[FlatTrees]) -> list[FlatTrees]:
    moved = [tree.take(0) for tree in trees]
    for tree in moved:
        move(problem, tree, problem.bins)
    return moved


def move(problem: Search, tree: FlatTrees, bins: Bins) -> None:
    """Move the splits of a tree, in place, on all rows of the problem."""
    least = problem.limits.min_samples_leaf
    optimise_one(tree, problem.rows, bins, problem.objective, n_passes=_PASSES, min_samples_leaf=least)


def growth_of(plain: Any, limits: Any, share: float = 1.0) -> Growth:
    """The bounds of a student's parameters on a share of its rows."""
    leaf = max(1, int(limits.min_samples_leaf * share))
    split = max(2, int(limits.min_samples_split * share))
    return Growth(plain.max_depth, plain.max_leaf_nodes, leaf, split, limits.min_weight_leaf * share)


def columns_to_grow_by(problem: Search, growth: Growth) -> Floats:
    """The weight and the weighted targets; of two classes one says all."""
    columns = problem.objective.columns
    if isinstance(problem.objective, SoftAccuracy):
        weight = columns.sum(axis=0)
        told = columns[1:] if len(columns) == 2 else columns
    else:  # in units of their spread, as gains are held against weights
        weight = columns[0]
        spread = np.sqrt(columns[2].sum() / max(weight.sum(), np.finfo(float).tiny))
        told = columns[1:2] / (spread or 1.0)
    rows = [np.ones((1, len(weight)))] if growth.counts_rows else []
    stacked = np.concatenate([weight[None], told, *rows])
    return np.stack([exact_sums(column, len(weight), float(np.abs(column).max())) for column in stacked])


def _plain(whole: Search, bins: Bins) -> FlatTrees:
    growth = growth_of(whole.plain, whole.limits)
    columns = columns_to_grow_by(whole, growth)
    trees, inner, _ = grow(Drawn(bins.codes, columns, None, bins.n_bins, bins.width), growth)
    return halfway(flat(trees, inner, [edges.astype(np.float64) for edges in bins.edges]), whole)


def _candidates(small: Search) -> FlatTrees:
    n_rows, effort = len(small.X), small.effort
    draws = max(2, round(effort.fraction * n_rows))
    wanted = _CANDIDATES if effort.candidates is None else max(1, effort.candidates)
    growth = growth_of(small.plain, small.limits, draws / n_rows)
    counts = [np.bincount(small.random.randint(n_rows, size=draws), minlength=n_rows) for _ in range(wanted)]
    columns, bins = columns_to_grow_by(small, growth), small.bins
    source = Drawn(bins.codes, columns, np.stack(counts).astype(np.float64), bins.n_bins, bins.width)
    trees, inner, _ = grow(source, growth)
    return flat(trees, inner, [edges.astype(np.float64) for edges in bins.edges])


def halfway(tree: FlatTrees, problem: Search) -> FlatTrees:
    """The tree, in place with each threshold half-way between the values of the node's own rows on both sides of it."""
    rows = problem.rows
    here = np.zeros(rows.n_rows, dtype=np.intp)
    low, high = np.full(tree.n_nodes, -np.inf), np.full(tree.n_nodes, np.inf)
    leaf = tree.is_leaf
    while True:
        moving = np.flatnonzero(~leaf[here])
        if not moving.size:
            break
        nodes = here[moving]
        values = rows.read(tree.feature[nodes], moving).astype(np.float64)
        below = values <= tree.threshold[nodes]
        above = values > tree.threshold[nodes]
        np.maximum.at(low, nodes[below], values[below])
        np.minimum.at(high, nodes[above], values[above])
        here[moving] = tree.step(nodes, moving, rows)
    moved = ~leaf & np.isfinite(low) & np.isfinite(high)
    tree.threshold[moved] = low[moved] + 0.5 * (high[moved] - low[moved])
    return tree
