"""How a sum of small trees is grown and refined: splits one by one, leaves all together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import expit, softmax

from ._cuts import Cuts, Floats, Rows

MIN_CURVATURE = 1e-4
ENOUGH = 1e-4  # a change of the objective by less than this share of it ends a search
HALVINGS = 12
ROUNDING = 1e-9


class Loss(Protocol):
    """A convex loss of scores, of shape (n_samples, n_scores)."""

    weight: Floats

    def start(self) -> Floats:
        """The best scores that are the same for all rows."""

    def of_rows(self, scores: Floats, rows: Rows | slice) -> Floats:
        """What each of the rows loses."""

    def slopes(self, scores: Floats) -> tuple[Floats, Floats]:
        """First derivatives, and the diagonal of the second."""


class Logistic:
    """Log-loss on class probabilities: one score for two classes, else one a class."""

    def __init__(self, targets: Floats, weight: Floats) -> None:
        self.targets = targets[:, 1:] if targets.shape[1] == 2 else targets
        self.weight = weight

    def start(self) -> Floats:
        share = np.clip(self.weight @ self.targets / self.weight.sum(), 1e-4, 1 - 1e-4)
        return np.asarray(np.log(share / (1 - share)) if len(share) == 1 else np.log(share))

    def of_rows(self, scores: Floats, rows: Rows | slice) -> Floats:
        if scores.shape[1] == 1:
            total = np.logaddexp(0.0, scores[:, 0])
        else:
            top = scores.max(axis=1)
            total = top + np.log(np.exp(scores - top[:, None]).sum(axis=1))
        return np.asarray(self.weight[rows] * (total - (self.targets[rows] * scores).sum(axis=1)))

    def slopes(self, scores: Floats) -> tuple[Floats, Floats]:
        share = expit(scores) if scores.shape[1] == 1 else softmax(scores, axis=1)
        weight = self.weight[:, None]
        return weight * (share - self.targets), weight * np.maximum(share * (1 - share), MIN_CURVATURE)


class Squared:
    """Half the squared error."""

    def __init__(self, targets: Floats, weight: Floats) -> None:
        self.targets, self.weight = targets[:, None], weight

    def start(self) -> Floats:
        return np.atleast_1d(np.average(self.targets[:, 0], weights=self.weight))

    def of_rows(self, scores: Floats, rows: Rows | slice) -> Floats:
        return np.asarray(0.5 * self.weight[rows] * (scores - self.targets[rows])[:, 0] ** 2)

    def slopes(self, scores: Floats) -> tuple[Floats, Floats]:
        weight = self.weight[:, None]
        return weight * (scores - self.targets), weight


@dataclass(eq=False)
class Node:
    """A leaf with its rows and values, or, with a cut, an inner node."""

    rows: Rows
    value: Floats
    cut: int = -1
    left: Node | None = None
    right: Node | None = None

    @property
    def sides(self) -> tuple[Node, Node]:
        """Both children of an inner node."""
        assert self.left is not None
        assert self.right is not None
        return self.left, self.right


def leaves(node: Node, depth: int = 0) -> Iterator[tuple[Node, int]]:
    """Leaves with their depths."""
    if node.cut < 0:
        yield node, depth
    else:
        for side in node.sides:
            yield from leaves(side, depth + 1)


def splits(node: Node) -> Iterator[Node]:
    """Inner nodes, those above first."""
    if node.cut >= 0:
        yield node
        for side in node.sides:
            yield from splits(side)


def copied(node: Node) -> Node:
    if node.cut < 0:
        return Node(node.rows, node.value)
    left, right = node.sides
    return Node(node.rows, node.value, node.cut, copied(left), copied(right))


class Growth:
    """A sum of trees in the making.

    The objective is the loss plus ``ridge / 2`` times the squared values of all leaves.
    """

    def __init__(self, cuts: Cuts, loss: Loss, *, ridge: float, max_depth: int | None, min_rows: int) -> None:
        self.cuts, self.loss, self.ridge = cuts, loss, ridge
        self.max_depth = np.inf if max_depth is None else max_depth
        self.min_rows = min_rows
        self.n_rows = len(cuts.X)
        self.intercept = loss.start()
        self.trees: list[Node] = []

    def fit(self, max_splits: int, refine: bool) -> None:
        """Grow until there are `max_splits`, then look whether other splits are better."""
        self._grow_to(max_splits)
        if refine:
            value = self._settle()
            while (better := self._exchange(max_splits, value)) is not None:
                value = better
        self._fit_leaves(10)

    def _all_leaves(self) -> list[Node]:
        return [leaf for tree in self.trees for leaf, _ in leaves(tree)]

    def _n_splits(self) -> int:
        return sum(1 for tree in self.trees for _ in splits(tree))

    def _scores(self) -> Floats:
        scores = np.tile(self.intercept, (self.n_rows, 1))
        for leaf in self._all_leaves():
            scores[leaf.rows] += leaf.value
        return scores

    def objective(self, scores: Floats | None = None) -> float:
        """What is made small, at these scores or those of the trees."""
        scores = self._scores() if scores is None else scores
        penalty = sum(float(leaf.value @ leaf.value) for leaf in self._all_leaves())
        return float(self.loss.of_rows(scores, slice(None)).sum()) + 0.5 * self.ridge * penalty

    def _grow_to(self, max_splits: int) -> None:
        scores = self._scores()
        for _ in range(max_splits - self._n_splits()):
            if not self._grow(scores):
                break
            scores = self._fit_leaves(1)

    def _grow(self, scores: Floats) -> bool:
        """Make the split that promises most, in any leaf or as the root of a new tree; False if none does."""
        slope, curvature = self.loss.slopes(scores)
        values = np.concatenate([slope, curvature, np.ones((self.n_rows, 1))], axis=1)
        n_scores = slope.shape[1]
        most: float = 1e-9
        best: tuple[Node, Node, int] | None = None
        for tree in [*self.trees, Node(np.arange(self.n_rows), np.zeros(n_scores))]:
            open_leaves = [leaf for leaf, depth in leaves(tree) if depth < self.max_depth]
            if not open_leaves or not len(self.cuts):
                continue
            where = np.full(self.n_rows, -1)
            for number, leaf in enumerate(open_leaves):
                where[leaf.rows] = number
            left = self.cuts.left_sums(values, where, len(open_leaves))
            whole = np.stack([values[leaf.rows].sum(axis=0) for leaf in open_leaves])[:, None]
            right = whole - left
            pull = self.ridge * np.stack([leaf.value for leaf in open_leaves])[:, None]

            def promise(sums: Floats, pull: Floats = pull) -> Floats:
                bend = sums[..., n_scores:-1] + (self.ridge + 1e-9)
                return np.asarray(((sums[..., :n_scores] + pull) ** 2 / bend).sum(axis=-1))

            gain = promise(left) + promise(right) - promise(whole)
            gain[np.minimum(left[..., -1], right[..., -1]) < self.min_rows] = -np.inf
            # Of cuts that are equal but for rounding the first, so that weights and repeated rows agree.
            place, cut = divmod(int(np.argmax(gain >= (1 - ROUNDING) * gain.max())), gain.shape[1])
            if gain[place, cut] > (1 + ROUNDING) * most:
                most, best = float(gain[place, cut]), (tree, open_leaves[place], cut)
        if best is None:
            return False
        tree, leaf, cut = best
        if tree not in self.trees:
            self.trees.append(tree)
        goes_left = self.cuts.goes_left(cut, leaf.rows)
        leaf.cut, leaf.left, leaf.right = (
            cut,
            *(
                Node(
                    rows,
                    leaf.value
                    - (slope[rows].sum(axis=0) + self.ridge * leaf.value) / (curvature[rows].sum(axis=0) + self.ridge),
                )
                for rows in (leaf.rows[goes_left], leaf.rows[~goes_left])
            ),
        )
        return True

    def _fit_leaves(self, steps: int) -> Floats:
        """Newton steps on the values of all leaves and the intercept together; the scores after them."""
        own = self._all_leaves()
        if not own:
            return self._scores()
        design = np.zeros((self.n_rows, len(own) + 1))
        design[:, -1] = 1.0
        for place, leaf in enumerate(own):
            design[leaf.rows, place] = 1.0
        values = np.vstack([*(leaf.value for leaf in own), self.intercept])
        # The intercept is free, but for what keeps the system regular: the leaves of a tree add up to a constant.
        ridge = np.append(np.full(len(own), self.ridge), 0.0)
        jitter = 1e-9 * np.eye(len(ridge))

        def objective(values: Floats, scores: Floats) -> float:
            return float(self.loss.of_rows(scores, slice(None)).sum() + 0.5 * (ridge @ values**2).sum())

        scores = design @ values
        now = objective(values, scores)
        for _ in range(steps):
            slope, curvature = self.loss.slopes(scores)
            down = design.T @ slope + ridge[:, None] * values
            step = np.empty_like(values)
            for k in range(values.shape[1]):
                bend = (design * curvature[:, k : k + 1]).T @ design + np.diag(ridge)
                step[:, k] = np.linalg.solve(bend + jitter * bend.max(), down[:, k])
            for _ in range(HALVINGS):
                tried = values - step
                tried_scores = design @ tried
                then = objective(tried, tried_scores)
                if then <= now:
                    break
                step /= 2
            else:
                break
            enough = now - then <= 1e-3 * ENOUGH * abs(now)
            values, scores, now = tried, tried_scores, then
            if enough:
                break
        for place, leaf in enumerate(own):
            leaf.value = values[place]
        self.intercept = values[-1]
        return scores

    def _settle(self, passes: int = 6) -> float:
        """Choose each split anew while all others stand, and fit the leaves, until neither helps; the objective."""
        scores = self._fit_leaves(5)
        value = self.objective(scores)
        for _ in range(passes):
            if not self._choose_again(scores):
                break
            scores = self._fit_leaves(3)
            before, value = value, self.objective(scores)
            if before - value <= ENOUGH * abs(value):
                break
        return value

    def _choose_again(self, scores: Floats) -> bool:
        """Let each split take the best cut given all else; `scores` follow. Whether any has changed."""
        changed = False
        for tree in self.trees:
            for node in list(splits(tree)):
                changed |= self._choose_cut(node, scores)
        return changed

    def _choose_cut(self, node: Node, scores: Floats) -> bool:
        rows, (left, right) = node.rows, node.sides
        goes_left = self.cuts.goes_left(node.cut, rows)
        on_left, on_right = self._said(left, rows), self._said(right, rows)
        others = scores[rows] - np.where(goes_left[:, None], on_left, on_right)
        # What each row loses by going left rather than right: rows left of a cut lose the sum of it.
        losses = self.loss.of_rows(others + on_left, rows) - self.loss.of_rows(others + on_right, rows)
        where = np.full(self.n_rows, -1)
        where[rows] = 0
        values = np.zeros((self.n_rows, 2))
        values[rows] = np.stack([losses, np.ones(len(rows))], axis=1)
        sums, counts = self.cuts.left_sums(values, where, 1)[0].T
        both = np.stack([sums, losses.sum() - sums])
        both[:, np.minimum(counts, len(rows) - counts) < self.min_rows] = np.inf
        near = both <= both.min() + ROUNDING * (1 + np.abs(losses).sum())
        turned, cut = np.unravel_index(np.argmax(near), both.shape)
        now = losses[goes_left].sum()
        if not both[turned, cut] < now - 1e-7 * (1 + abs(now)):
            return False
        before = node.cut, left, right
        node.cut, node.left, node.right = int(cut), *((right, left) if turned else (left, right))
        self._send(node, rows)
        if min(len(leaf.rows) for leaf, _ in leaves(node)) < self.min_rows:
            node.cut, node.left, node.right = before
            self._send(node, rows)
            return False
        scores[rows] = others + self._said(node, rows)
        return True

    def _said(self, node: Node, rows: Rows) -> Floats:
        """What a part of a tree says about any rows."""
        if node.cut < 0:
            return np.broadcast_to(node.value, (len(rows), len(node.value)))
        goes_left = self.cuts.goes_left(node.cut, rows)
        left, right = node.sides
        said = np.empty((len(rows), len(self.intercept)))
        said[goes_left] = self._said(left, rows[goes_left])
        said[~goes_left] = self._said(right, rows[~goes_left])
        return said

    def _send(self, node: Node, rows: Rows) -> None:
        node.rows = rows
        if node.cut >= 0:
            goes_left = self.cuts.goes_left(node.cut, rows)
            for side, part in zip(node.sides, (rows[goes_left], rows[~goes_left]), strict=True):
                self._send(side, part)

    def _exchange(self, max_splits: int, value: float, tries: int = 3) -> float | None:
        """Drop one of the cheapest splits and make the best one instead; the objective if it falls, else None."""
        for rank in range(tries):
            before = [copied(tree) for tree in self.trees], self.intercept
            if not self._drop(rank):
                return None
            self._fit_leaves(2)
            self._grow_to(max_splits)
            now = self._settle(2)
            if now < value - ENOUGH * abs(value):
                return now
            self.trees, self.intercept = before
        return None

    def _drop(self, rank: int) -> bool:
        """Undo the split with two leaves that costs least, or that of another rank."""
        scores = self._scores()
        _, curvature = self.loss.slopes(scores)
        found: list[tuple[float, int, Node, Node, Floats]] = []
        for tree in self.trees:
            for node in splits(tree):
                left, right = node.sides
                if left.cut >= 0 or right.cut >= 0:
                    continue
                bends = [curvature[side.rows].sum(axis=0) + self.ridge for side in node.sides]
                value = (bends[0] * left.value + bends[1] * right.value) / (bends[0] + bends[1])
                cost = 0.5 * self.ridge * float(value @ value - left.value @ left.value - right.value @ right.value)
                for side in node.sides:
                    now = scores[side.rows]
                    then = self.loss.of_rows(now - side.value + value, side.rows)
                    cost += float((then - self.loss.of_rows(now, side.rows)).sum())
                found.append((cost, len(found), tree, node, value))
        if rank >= len(found):
            return False
        _, _, tree, node, value = sorted(found, key=lambda one: one[:2])[rank]
        if node is tree:
            self.trees.remove(tree)
        node.cut, node.left, node.right, node.value = -1, None, None, value
        return True
