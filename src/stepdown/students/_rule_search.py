"""How a list of rules is grown and refined: each rule where it helps most, then each anew while all others stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._cuts import Cuts, Floats, Rows
from ._growth import ENOUGH, ROUNDING, Node

BEAM = 5  # first conditions that are tried with a second
PASSES = 6


@dataclass(frozen=True, eq=False)
class Rule:
    """Conditions that a row meets together: the number of a cut, and whether the row lies left of it."""

    conditions: tuple[tuple[int, bool], ...]
    met: NDArray[np.bool_]


class RuleSearch:
    """A list of rules in the making: the first that a row meets answers it, by the mean of the rows that it answers.

    The objective is the squared error of the targets, weighed.

    Parameters
    ----------
    targets : array of shape (n_samples, n_values)
    max_rules : int
        With the last one, which answers the rows that meet no other.
    """

    def __init__(
        self, cuts: Cuts, targets: Floats, weight: Floats, *, max_rules: int, max_conditions: int, min_rows: int
    ) -> None:
        self.cuts, self.targets, self.weight = cuts, targets, weight
        self.max_rules, self.max_conditions, self.min_rows = max_rules, max_conditions, min_rows
        self.n_values = targets.shape[1]
        self.rules: list[Rule] = []
        self._sums = np.column_stack([weight[:, None] * targets, weight, np.ones(len(weight))])
        self._squares = weight * (targets**2).sum(axis=1)

    def fit(self, refine: bool) -> None:
        """Grow, then look whether other rules are better."""
        self._grow(settle=refine)
        if refine:
            self._settle(PASSES)

    def nodes(self, answers: Floats) -> list[Node]:
        """Each rule as a tree whose leaf with a value answers; leaves with NaN leave a row to the next rule.

        Parameters
        ----------
        answers : array of shape (n_samples, n_values)
            A leaf has the mean of its rows, in place of that of the targets.
        """
        answering = self._answering(self.rules)
        nothing = np.full(answers.shape[1], np.nan)
        found = []
        for place, rule in enumerate([*self.rules, Rule((), answering >= 0)]):
            root = node = Node(np.flatnonzero(answering >= place), nothing)
            for cut, left in rule.conditions:
                goes_left = self.cuts.goes_left(cut, node.rows)
                sides = [Node(node.rows[side], nothing) for side in (goes_left, ~goes_left)]
                node.cut, node.left, node.right = cut, *sides
                node = sides[0 if left else 1]
            node.value = np.average(answers[node.rows], axis=0, weights=self.weight[node.rows])
            found.append(root)
        return found

    def _answering(self, rules: Sequence[Rule]) -> Rows:
        """The place of the rule that answers each row."""
        places = np.full(len(self.weight), len(rules))
        for place in range(len(rules) - 1, -1, -1):
            places[rules[place].met] = place
        return places

    def _means(self, answering: Rows, last: int) -> Floats:
        sums = np.stack([np.bincount(answering, column, minlength=last + 1) for column in self._sums.T], axis=1)
        return np.asarray(sums[:, : self.n_values] / np.maximum(sums[:, self.n_values, None], np.finfo(float).tiny))

    def _errors(self, said: Floats) -> Floats:
        return np.asarray(self.weight * ((self.targets - said) ** 2).sum(axis=1))

    def _objective(self, rules: Sequence[Rule]) -> float:
        answering = self._answering(rules)
        return float(self._errors(self._means(answering, len(rules))[answering]).sum())

    def _grow(self, settle: bool) -> None:
        """Add the rule that helps most, at any place of the list, until there are enough or none helps."""
        for _ in range(2 * self.max_rules):  # a rule that others have left without rows is dropped on the way
            if len(self.rules) == self.max_rules - 1:
                return
            answering = self._answering(self.rules)
            errors = self._errors(self._means(answering, len(self.rules))[answering])
            found = self._best_rule(answering, errors, at_end=True)
            if found is None:
                return
            place, rule = found
            self.rules.insert(place, rule)
            self._drop_idle()
            if settle:
                self._settle(1)

    def _drop_idle(self) -> None:
        """Drop rules that answer too few rows, and the one before the end where too few are left for the end."""
        while self.rules:
            counts = np.bincount(self._answering(self.rules), minlength=len(self.rules) + 1)
            idle = int(np.argmin(counts >= self.min_rows))
            if counts[idle] >= self.min_rows:
                return
            del self.rules[min(idle, len(self.rules) - 1)]

    def _best_rule(self, answering: Rows, errors: Floats, *, at_end: bool) -> tuple[int, Rule] | None:
        """The rule that lowers the objective most, and its place; None if none does.

        Parameters
        ----------
        answering : array of shape (n_samples,)
            Who answers a row now: a rule at a place gets rows of this place and those behind it. Negative: no rule may.
        errors : array of shape (n_samples,)
            What the row costs then.
        at_end : bool
            Whether the last place is behind all rules, so that the rows that are left there get a new mean.
        """
        values = np.column_stack([self._sums, self._squares - errors])
        n_places = int(answering.max()) + 1
        left = self.cuts.left_sums(values, answering, n_places)[::-1].cumsum(axis=0)[::-1]
        whole = np.stack([values[answering == place].sum(axis=0) for place in range(n_places)])
        whole = whole[::-1].cumsum(axis=0)[::-1][:, None]
        gains = np.stack([self._gains(side, whole, at_end) for side in (left, whole - left)])
        least = ROUNDING * (1 + np.abs(errors).sum())
        best: tuple[float, int, Rule] | None = None
        level: list[tuple[int, Rule]] = []
        for _ in range(BEAM):
            gain, (side, place, cut) = _first_best(gains)
            if not gain > -np.inf:
                break
            rule = self._with(None, cut, side == 0)
            level.append((place, rule))
            if gain > (least if best is None else best[0] + least):
                best = gain, place, rule
            gains[side, place, self.cuts.column == self.cuts.column[cut]] = -np.inf
        for _ in range(self.max_conditions - 1):
            longer: list[tuple[float, int, Rule]] = []
            for place, rule in level:
                rows = np.where(rule.met & (answering >= place), 0, -1)
                left = self.cuts.left_sums(values, rows, 1)
                met = values[rows == 0].sum(axis=0)
                ends = at_end and place == n_places - 1
                found = np.stack([self._gains(side, whole[place : place + 1], ends) for side in (left, met - left)])
                gain, (side, _, cut) = _first_best(found)
                if gain > -np.inf:
                    longer.append((gain, place, self._with(rule, cut, side == 0)))
            for gain, place, rule in longer:
                if gain > (least if best is None else best[0] + least):
                    best = gain, place, rule
            level = [(place, rule) for _, place, rule in longer]
        return None if best is None else best[1:]

    def _gains(self, met: Floats, whole: Floats, at_end: bool) -> Floats:
        """What is gained by answering rows apart, from their sums, of shape (n_places, n_cuts, n_sums)."""
        n = self.n_values
        some = met[..., n + 1] > 0
        gains = (met[..., :n] ** 2).sum(axis=-1) / np.where(some, met[..., n], 1.0) - met[..., -1]
        allowed = some & (met[..., n + 1] >= self.min_rows)
        if at_end:  # those that stay behind all rules get another mean, too
            before, rest = whole[-1], whole[-1] - met[-1]
            some = rest[..., n + 1] > 0
            weight = np.where(some, rest[..., n], 1.0)
            shift = rest[..., :n] / weight[..., None] - before[..., :n] / before[..., n, None]
            gains[-1] += np.where(some, weight * (shift**2).sum(axis=-1), 0.0)
            allowed[-1] &= rest[..., n + 1] >= self.min_rows
        return np.where(allowed, gains, -np.inf)

    def _with(self, rule: Rule | None, cut: int, left: bool) -> Rule:
        met = self.cuts.goes_left(cut, np.arange(len(self.weight))) == left
        return Rule(((cut, left),), met) if rule is None else Rule((*rule.conditions, (cut, left)), rule.met & met)

    def _settle(self, passes: int) -> None:
        """Choose each rule anew while all others stand, the last first, until that doesn't help."""
        value = self._objective(self.rules)
        for _ in range(passes):
            before = value
            for place in range(len(self.rules) - 1, -1, -1):
                others = [*self.rules[:place], *self.rules[place + 1 :]]
                means = np.delete(self._means(self._answering(self.rules), len(self.rules)), place, axis=0)
                answering = self._answering(others)
                reached = np.where(answering >= place, 0, -1)
                found = self._best_rule(reached, self._errors(means[answering]), at_end=False)
                if found is None:
                    continue
                tried = [*others[:place], found[1], *others[place:]]
                counts = np.bincount(self._answering(tried), minlength=len(tried) + 1)
                now = self._objective(tried)
                if now < value - 1e-7 * (1 + abs(value)) and counts.min() >= self.min_rows:
                    self.rules, value = tried, now
            if before - value <= ENOUGH * abs(value):
                break


def _first_best(gains: Floats) -> tuple[float, tuple[int, ...]]:
    """The largest gain, and of those that are equal but for rounding the first place."""
    most = float(gains.max(initial=-np.inf))
    if not most > -np.inf:
        return most, (0,) * gains.ndim
    place = int(np.argmax(gains.ravel() >= most - ROUNDING * (1 + abs(most))))
    return most, tuple(int(index) for index in np.unravel_index(place, gains.shape))
