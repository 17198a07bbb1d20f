"""Trees grown from histograms, for rows that are many or don't fit memory.

A split is chosen from sums over (node, feature, bin) alone. Whoever can add these up for its rows can have trees grown:
rows in memory, with a bootstrap a tree (`Drawn`), or blocks of a file. What is added up is rounded to multiples of a
small unit first, so that sums are exact: a tree depends neither on the order of rows nor on where blocks end, and a
node's larger child is its parent less its smaller child.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ._flat_trees import FlatTrees

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Codes = NDArray[np.uint8]

_LEAST_GAIN = 1e-12  # of a node's weight: below, it is the rounding of a division


@dataclass(frozen=True, slots=True)
class Growth:
    """What bounds a tree: as in scikit-learn, with rows as numbers and the weight of a leaf in that of the sums."""

    max_depth: int | None
    max_leaf_nodes: int | None
    min_samples_leaf: int = 1
    min_samples_split: int = 2
    min_weight_leaf: float = 0.0

    @property
    def counts_rows(self) -> bool:
        return self.min_samples_leaf > 1 or self.min_samples_split > 2


@dataclass(slots=True)
class Binned:
    """Trees on bins while they grow: nodes of all trees in the order in which they were made, roots first."""

    n_trees: int
    left: Ints = field(init=False)
    right: Ints = field(init=False)
    feature: Ints = field(init=False)
    bin: Ints = field(init=False)
    missing_left: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.left = np.arange(self.n_trees)
        self.right = self.left.copy()
        self.feature, self.bin = np.zeros((2, self.n_trees), dtype=np.intp)
        self.missing_left = np.zeros(self.n_trees, dtype=bool)

    def split(self, nodes: Ints, feature: Ints, bin: Ints, missing_left: NDArray[np.bool_]) -> Ints:
        """Give leaves two children each; returns the left ones, behind each of which stands the right one."""
        first = len(self.left) + 2 * np.arange(len(nodes))
        self.left[nodes], self.right[nodes] = first, first + 1
        self.feature[nodes], self.bin[nodes], self.missing_left[nodes] = feature, bin, missing_left
        new = np.arange(len(self.left), len(self.left) + 2 * len(nodes))
        self.left, self.right = np.append(self.left, new), np.append(self.right, new)
        blank = np.zeros(len(new), dtype=np.intp)
        self.feature, self.bin = np.append(self.feature, blank), np.append(self.bin, blank)
        self.missing_left = np.append(self.missing_left, blank.astype(bool))
        return first

    def rest(self, here: Ints, rows: Ints, codes: Codes, missing_bin: int) -> Ints:
        """The leaves that rows come to rest in when they start in these nodes; `codes` by feature and row."""
        leaf = self.left == np.arange(len(self.left))
        here = here.copy()
        moving = np.flatnonzero(~leaf[here])
        flat, n_rows = codes.ravel(), codes.shape[1]
        while moving.size:
            nodes = here[moving]
            code = flat[self.feature[nodes] * n_rows + rows[moving]]
            goes_left = (code <= self.bin[nodes]) | ((code == missing_bin) & self.missing_left[nodes])
            nodes = np.where(goes_left, self.left[nodes], self.right[nodes])
            here[moving] = nodes
            moving = moving[~leaf[nodes]]
        return here


class Sums(Protocol):
    """Where the sums come from that trees are grown by.

    Columns are the weight, the weighted targets, and the number of rows where the growth asks for it.
    """

    n_trees: int
    missing_bin: int

    def sums(self, trees: Binned, nodes: Ints) -> Floats:
        """Sums of shape (n_columns, n_features, n_nodes, n_bins + 1) over the rows that rest in these leaves."""
        ...


def histogram(codes: Codes, rows: Ints | None, slots: Ints, shape: tuple[int, int], columns: list[Any]) -> Floats:
    """Sums over (column, feature, slot, bin) of shape ``(len(columns), len(codes), *shape)``; None counts rows."""
    n_slots, width = shape
    base = slots * width
    place = np.empty_like(base)
    sums = np.empty((len(columns), len(codes), n_slots * width))
    for feature, code in enumerate(codes):  # a feature at a time stays in the processor's cache
        np.add(base, code if rows is None else code[rows], out=place)
        for column, values in enumerate(columns):
            sums[column, feature] = np.bincount(place, weights=values, minlength=n_slots * width)
    return sums.reshape(len(columns), len(codes), n_slots, width)


class Drawn:
    """Rows in memory, some for each tree: the same ones with other weights, as bootstraps have them."""

    def __init__(self, codes: Codes, columns: Floats, draws: Floats | None, missing_bin: int, width: int) -> None:
        self.codes, self.missing_bin, self._width = codes, missing_bin, width
        if draws is None:
            self.n_trees, self._rows, self._whole = 1, np.arange(codes.shape[1]), True
            self.here, self._columns = np.zeros(codes.shape[1], dtype=np.intp), columns
        else:
            self.n_trees, self._whole = len(draws), False
            self.here, self._rows = np.nonzero(draws)
            self._columns = columns[:, self._rows] * draws[self.here, self._rows]

    def sums(self, trees: Binned, nodes: Ints) -> Floats:
        self.here = trees.rest(self.here, self._rows, self.codes, self.missing_bin)
        slot_of = np.full(len(trees.left), -1)
        slot_of[nodes] = np.arange(len(nodes))
        slots = slot_of[self.here]
        inside = np.flatnonzero(slots >= 0)
        if inside.size == slots.size:
            rows, columns = None if self._whole else self._rows, list(self._columns)
        else:
            rows, slots = self._rows[inside], slots[inside]
            columns = [column[inside] for column in self._columns]
        return histogram(self.codes, rows, slots, (len(nodes), self._width), columns)


def exact_sums(columns: Floats, n_rows: int, largest: float) -> Floats:
    """Columns rounded to multiples of a unit that is small, but not too small for `n_rows` of them to add up exactly.

    `largest` bounds their absolute values; it has to be the same for all blocks of a file.
    """
    if largest == 0:
        return columns
    unit = 2.0 ** np.ceil(np.log2(largest * n_rows) - 51)
    return np.rint(columns / unit) * unit


def grow(source: Sums, growth: Growth) -> tuple[Binned, list[list[int]], Floats]:
    """Grow trees, best first where leaves are counted.

    Returns
    -------
    trees : Binned
        It may hold nodes that best-first growth didn't come to.
    inner : list of list of int
        The nodes of each tree that are split in the end.
    totals : array of shape (n_columns, n_nodes)
        Sums over the rows of each node.
    """
    trees = Binned(source.n_trees)
    roots = np.arange(source.n_trees)
    kept = source.sums(trees, roots)
    totals = kept[:, 0].sum(axis=2)
    depth, owner = np.zeros(source.n_trees, dtype=np.intp), roots
    found = _best_splits(kept, growth, source.missing_bin, depth)
    waiting = roots  # whose histograms are kept
    while True:
        inner = [_best_first(trees, int(root), found.gain, growth) for root in roots]
        new = np.array([n for chosen in inner for n in chosen if trees.left[n] == n], dtype=np.intp)
        if not new.size:
            return trees, inner, totals
        first = trees.split(new, found.feature[new], found.bin[new], found.missing_left[new])
        parents = kept[:, :, np.searchsorted(waiting, np.sort(new))][:, :, np.argsort(np.argsort(new))]
        left = found.left_weight[new]
        smaller = np.where(2 * left <= totals[0, new], first, first + 1)
        own = source.sums(trees, smaller)
        both = np.empty((*own.shape[:2], 2 * len(new), own.shape[3]))
        both[:, :, smaller - first[0]] = own
        other = first + first + 1 - smaller
        both[:, :, other - first[0]] = parents - own
        totals = np.concatenate([totals, both[:, 0].sum(axis=2)], axis=1)
        depth = np.append(depth, np.repeat(depth[new] + 1, 2))
        owner = np.append(owner, np.repeat(owner[new], 2))
        children = np.arange(first[0], first[0] + 2 * len(new))
        found = found.joined(_best_splits(both, growth, source.missing_bin, depth[children]))
        still = np.flatnonzero((trees.left[waiting] == waiting) & (found.gain[waiting] > 0))
        fresh = np.flatnonzero(found.gain[children] > 0)
        kept = np.concatenate([kept[:, :, still], both[:, :, fresh]], axis=2)
        waiting = np.append(waiting[still], children[fresh])


def flat(trees: Binned, inner: list[list[int]], thresholds: list[NDArray[np.float64]]) -> FlatTrees:
    """The grown trees side by side, each with its root first; a split's threshold is that of its bin."""
    order: list[int] = []
    roots = []
    for root, splits in enumerate(inner):
        roots.append(len(order))
        split, stack = set(splits), [root]
        while stack:
            node = stack.pop()
            order.append(node)
            if node in split:
                stack += [int(trees.right[node]), int(trees.left[node])]
    place = np.zeros(len(trees.left), dtype=np.intp)
    place[order] = np.arange(len(order))
    chosen = np.asarray(order)
    is_split = np.isin(chosen, [node for splits in inner for node in splits])
    own = np.arange(len(order))
    feature = np.where(is_split, trees.feature[chosen], 0)
    cut = np.zeros(len(order))
    for at in np.flatnonzero(is_split):
        edges = thresholds[feature[at]]
        cut[at] = edges[trees.bin[chosen[at]]] if trees.bin[chosen[at]] < len(edges) else np.finfo(np.float32).max
    return FlatTrees(
        np.where(is_split, place[trees.left[chosen]], own),
        np.where(is_split, place[trees.right[chosen]], own),
        feature,
        cut,
        np.where(is_split, trees.missing_left[chosen], False),
        np.asarray(roots, dtype=np.intp),
    )


@dataclass(slots=True)
class _Splits:
    """The best split of each node, and what it wins; no more than 0 where there is none."""

    gain: Floats
    feature: Ints
    bin: Ints
    missing_left: NDArray[np.bool_]
    left_weight: Floats

    def joined(self, more: _Splits) -> _Splits:
        return _Splits(*(np.append(getattr(self, name), getattr(more, name)) for name in self.__slots__))


def _best_splits(sums: Floats, growth: Growth, missing_bin: int, depth: Ints) -> _Splits:
    total = sums[:, 0].sum(axis=2)  # (columns, nodes)
    bins = sums[:, :, :, :missing_bin].cumsum(axis=3)
    n_nodes = sums.shape[2]
    best = _Splits(
        np.zeros(n_nodes),
        np.zeros(n_nodes, dtype=np.intp),
        np.zeros(n_nodes, dtype=np.intp),
        np.zeros(n_nodes, dtype=bool),
        np.zeros(n_nodes),
    )
    floor = _LEAST_GAIN * total[0]
    ways = [(bins, False)]
    if sums.shape[3] > missing_bin:
        missing = sums[:, :, :, missing_bin:]
        if missing.any():
            ways = [(bins, False), (bins + missing, True)]
    for left, missing_left in ways:
        won = _gain(left, total[:, None, :, None], growth)
        at = won.argmax(axis=2)
        peak = np.take_along_axis(won, at[:, :, None], axis=2)[:, :, 0]
        feature = peak.argmax(axis=0)
        slots = np.arange(n_nodes)
        gain = peak[feature, slots]
        better = gain > np.maximum(best.gain, floor)
        place = (feature[better], slots[better])
        best.gain[better], best.feature[better], best.bin[better] = gain[better], feature[better], at[place]
        best.missing_left[better] = missing_left
        best.left_weight[better] = left[0, feature[better], slots[better], at[place]]
    if len(ways) == 1:  # none is missing here: where one is missing later, it goes where most rows go
        best.missing_left = 2 * best.left_weight > total[0]
    if growth.max_depth is not None:
        best.gain[depth >= growth.max_depth] = 0.0
    if growth.counts_rows:
        best.gain[total[-1] < growth.min_samples_split] = 0.0
    return best


def _gain(left: Floats, total: Floats, growth: Growth) -> Floats:
    """What a cut behind each bin takes from the squared error of the targets; -inf where a limit forbids it."""
    targets = slice(1, -1) if growth.counts_rows else slice(1, None)
    right_weight = total[0] - left[0]
    allowed = (left[0] > 0) & (right_weight > 0)
    if growth.min_weight_leaf > 0:
        allowed &= (left[0] >= growth.min_weight_leaf) & (right_weight >= growth.min_weight_leaf)
    if growth.counts_rows:
        least = growth.min_samples_leaf
        allowed &= (left[-1] >= least) & (total[-1] - left[-1] >= least)
    with np.errstate(divide="ignore", invalid="ignore"):
        won = np.zeros(left.shape[1:])
        for own, whole in zip(left[targets], total[targets], strict=True):
            won += own**2 / left[0] + (whole - own) ** 2 / right_weight - whole**2 / total[0]
    return np.where(allowed, won, -np.inf)


def _best_first(trees: Binned, root: int, gain: Floats, growth: Growth) -> list[int]:
    """The nodes that are split when the largest gain goes first, as far as gains are known."""
    most = float("inf") if growth.max_leaf_nodes is None else growth.max_leaf_nodes
    chosen: list[int] = []
    heap = [(-gain[root], root)]
    while heap and len(chosen) + 1 < most:
        won, node = heapq.heappop(heap)
        if not won < 0:
            break
        chosen.append(node)
        if trees.left[node] != node:
            for child in (int(trees.left[node]), int(trees.right[node])):
                heapq.heappush(heap, (-gain[child], child))
    return chosen
