"""The wide search: dynamic programming over candidates in order of falling complexity.

Nodes are the teacher, the candidates and the student; an edge is a hop by a method. The value of a node is the best
validated score of a model found there, and only that best model teaches the nodes behind it. With n candidates and m
methods that is at most n²·m hops, and it contains plain training and every one-hop transfer.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import product

from stepdown.core import InvalidInputError, Trainer, TransferMethod

from ._answers import check_scores_signals
from ._budget import Budget, check_limits
from ._explore import Exploration, Node, quietly
from ._recipes import default_methods, distinct
from ._scoring import Scorer
from ._search import Choice, Search, concluded, in_order
from ._task import Task, Way

log = logging.getLogger("stepdown")


class DynamicProgramming(Search):
    """Search over all chains of the candidates, each hop by the best of the methods.

    Candidates are the user's ``intermediates`` or, with "auto", constructed ones: shrunk teachers, a bridge of bagged
    trees, grown students. Intermediates are valued by what they say out of bag or out of fold, with the scorer of the
    chain; ways to the student are cross-validated like those of the gate, which is also how the winner has to show
    itself. A way that is worse than the preferred one in the first fold is given up. From 30,000 rows on the search
    sees 15,000 of them; the chain that it finds is then made from all.

    Parameters
    ----------
    max_fits : int or None, default=200
        How many models the search may make: hops, folds, the refits behind out-of-fold signals. It never makes more.
        The teacher itself and the student that ships aren't counted. The ways of the small gate come first.
    max_seconds : float or None, default=None
        No hop begins after this many seconds.
    folds : int, default=2
        As in `Gate`, on the same splits: what the gate compares comes out as it does there.
    margin : float, default=1.0
        As in `Gate`: how many standard errors better than the gate's own choice the winner must be, were it the only
        rival; the more ways the search adds, the more is asked.
    patience : int, default=2
        Early stop: this many candidates in a row that are no better, by any way, than on labels alone end the search
        for intermediates.

    Examples
    --------
    >>> DynamicProgramming(max_fits=50)
    DynamicProgramming(max_fits=50)
    """

    def __init__(
        self,
        max_fits: int | None = 200,
        max_seconds: float | None = None,
        folds: int = 2,
        margin: float = 1.0,
        patience: int = 2,
    ) -> None:
        self.max_fits = max_fits
        self.max_seconds = max_seconds
        self.folds = folds
        self.margin = margin
        self.patience = patience

    def check(self, ways: Sequence[Way]) -> None:
        if self.folds < 2 or self.margin < 0 or self.patience < 1:
            raise InvalidInputError(f"{self!r}: folds must be at least 2, margin at least 0, patience at least 1.")
        check_limits(self, self.max_fits, self.max_seconds)

    def choose(
        self,
        problem: Task,
        ways: Sequence[Way],
        preferred: Way,
        *,
        scorer: Scorer | None = None,
        n_jobs: int | None = None,
    ) -> Choice:
        problem = problem.sampled(sharing=False)
        check_scores_signals(scorer, problem.data)
        budget = Budget(self.max_fits, self.max_seconds)
        found = Exploration(problem, folds=self.folds, budget=budget, scorer=scorer, n_jobs=n_jobs)
        with quietly():
            for way in in_order(ways, preferred):
                found.score([way])
            methods = problem.methods or default_methods(problem.student, problem.cv, ways)
            nodes = self._grow(found, ways, methods)
            trainer = next(way.trainer for way in ways if way.kind == "one-hop")
            rival = preferred if preferred in found.ways else None
            for way in ways_to_student(nodes, methods, trainer, ways):
                found.score([way], rival=rival)
        return concluded(found, ways, preferred, self.margin)

    def _grow(self, found: Exploration, ways: Sequence[Way], methods: Sequence[TransferMethod]) -> list[Node]:
        """Find the best way to every candidate, the most complex first."""
        plain = next(way for way in ways if way.kind == "plain")
        nodes: list[Node] = []
        disappointing = 0
        for alone in found.ladder(plain):
            best = alone
            sources: list[Node | None] = [None, *nodes]
            for source, method in product(sources, methods):
                seen = found.visit(alone.name, alone.estimator, method, source)
                if seen is not None and seen.value > best.value:
                    best = seen
            nodes.append(best)
            disappointing = disappointing + 1 if best is alone else 0
            if disappointing >= self.patience:
                log.info("no hop improved on labels alone for %d candidates in a row: no more are tried", disappointing)
                break
        return nodes


def ways_to_student(
    nodes: Sequence[Node], methods: Sequence[TransferMethod], trainer: Trainer, ways: Sequence[Way]
) -> list[Way]:
    """The last edges: from the teacher and from every candidate, the best first, by every method."""
    known = {id(way.method) for way in ways if way.kind == "one-hop"}
    spelt = list(zip(distinct(methods), methods, strict=True))
    ways = [
        Way(f"teacher -> student by {text}", "one-hop", method, trainer)
        for text, method in spelt
        if id(method) not in known
    ]
    for node in sorted(nodes, key=lambda node: -node.value):
        kind = "multihop" if node.uses_teacher else "control"
        ways += [
            Way(f"{node.path} -> student by {text}", kind, method, trainer, node.route, node.uses_teacher)
            for text, method in spelt
        ]
    return ways
