"""The short search: one hop, and then whatever intermediate helps most, one at a time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from stepdown.core import Hop, InvalidInputError, TransferMethod

from ._answers import check_scores_signals
from ._budget import Budget, check_limits
from ._dynamic import in_order, ways_to_student
from ._explore import Exploration, Node, quietly
from ._recipes import default_methods
from ._scoring import Scorer
from ._search import Choice, Search, concluded, leave_home, margin_among
from ._task import Task, Way

log = logging.getLogger("stepdown")


class Greedy(Search):
    """Begin with one hop and insert the intermediate that helps most, while it clearly helps.

    In every round each candidate is put where its complexity belongs, by the method after which it is worth most
    itself; the student is cross-validated behind it by every method. The best insertion is taken if it is clearly
    better than the chain so far; else the search ends. The chain it ends with stands in for one hop among the ways of
    the small gate, by whose rule it has to show itself.

    Multihop [1]_ selects intermediates dynamically; how isn't published, and this rule is our own.

    Parameters
    ----------
    max_hops : int, default=3
        Of the chain, the student's included.
    max_fits : int or None, default=200
        How many models the search may make, as in `DynamicProgramming`.
    max_seconds : float or None, default=None
        No hop begins after this many seconds.
    folds : int, default=2
        As in `Gate`, on the same splits: what the gate compares comes out as it does there.
    margin : float, default=2.0
        In standard errors of the paired difference, for one rival; the more there are, the more is asked.

    References
    ----------
    .. [1] A. Dhurandhar and T. Pedapati, "Multihop: Leveraging Complex Models to Learn Accurate Simple Models",
       IEEE ICKG, 2022.

    Examples
    --------
    >>> Greedy(max_hops=2)
    Greedy(max_hops=2)
    """

    def __init__(
        self,
        max_hops: int = 3,
        max_fits: int | None = 200,
        max_seconds: float | None = None,
        folds: int = 2,
        margin: float = 2.0,
    ) -> None:
        self.max_hops = max_hops
        self.max_fits = max_fits
        self.max_seconds = max_seconds
        self.folds = folds
        self.margin = margin

    def check(self, ways: Sequence[Way]) -> None:
        if self.folds < 2 or self.margin < 0 or self.max_hops < 1:
            raise InvalidInputError(f"{self!r}: folds must be at least 2, margin at least 0, max_hops at least 1.")
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
        check_scores_signals(scorer, problem.data)
        budget = Budget(self.max_fits, self.max_seconds)
        found = Exploration(problem, folds=self.folds, budget=budget, scorer=scorer, n_jobs=n_jobs)
        methods = problem.methods or default_methods(problem.student, problem.cv)
        with quietly():
            for way in in_order(ways, preferred):
                found.score([way])
            trainer = next(way.trainer for way in ways if way.kind == "one-hop")
            one_hops = [way for way in ways if way.kind == "one-hop"]
            for way in ways_to_student([], methods, trainer, ways):
                found.score([way])
                one_hops.append(way)
            chain = self._extend(found, ways, methods, one_hops)
        stands_in = chain is not None and preferred.kind == "one-hop"
        return concluded(found, ways, chain if stands_in and chain is not None else preferred, self.margin)

    def _extend(
        self, found: Exploration, ways: Sequence[Way], methods: Sequence[TransferMethod], one_hops: Sequence[Way]
    ) -> Way | None:
        """The chain that insertions lead to; None where not even one hop could be afforded."""
        known = [way for way in one_hops if way in found.ways]
        if not known:
            return None
        chain = _clear_winner(found, known[0], known[1:], self.margin)
        ladder: list[Node] | None = None
        while len(chain.before) + 1 < self.max_hops:
            if ladder is None:
                ladder = found.ladder(next(way for way in ways if way.kind == "plain"))
            tried = []
            for place, candidate in enumerate(ladder):
                way = self._inserted(found, chain, ladder, place, methods)
                for method in methods if way is not None else []:
                    assert way is not None
                    last = replace(way, name=f"{way.name} -> student by {method}", method=method)
                    found.score([last], rival=chain)
                    tried.append(last)
                log.info("inserting %s: %d ways tried", candidate.name, len(tried))
            tried = [way for way in tried if way in found.ways]
            if not tried:
                break
            longer = _clear_winner(found, chain, tried, self.margin)
            if longer is chain:
                break
            log.info("longer: %s", longer.name)
            chain = longer
        return chain

    def _inserted(
        self, found: Exploration, chain: Way, ladder: Sequence[Node], place: int, methods: Sequence[TransferMethod]
    ) -> Way | None:
        """The chain with a candidate where its complexity belongs, taught by what makes most of it."""
        names = [node.name for node in ladder]
        candidate = ladder[place]
        if candidate.name in [hop.name for hop in chain.before]:
            return None
        larger = [hop for hop in chain.before if names.index(hop.name) < place]
        source = None
        if larger:
            source = Node("", None, tuple(larger), True, candidate.size, 0.0, "")
            source = replace(source, name=larger[-1].name)
        seen = [
            node
            for method in methods
            if (node := found.visit(candidate.name, candidate.estimator, method, source)) is not None
        ]
        if not seen:
            return None
        best = max(seen, key=lambda node: node.value)
        behind: tuple[Hop, ...] = chain.before[len(larger) :]
        before = (*best.route, *behind)
        path = " -> ".join(["teacher", *(f"{hop.name} by {hop.method}" for hop in before)])
        return replace(chain, name=path, kind="multihop", before=before)


def _clear_winner(found: Exploration, home: Way, rivals: Sequence[Way], margin: float) -> Way:
    """The best scored of the rivals that are clearly better, or else `home`."""
    ways = [home, *rivals]
    places = range(1, len(ways))
    return ways[leave_home(ways, found.scores(ways), 0, places, margin_among(margin, len(rivals)))]
