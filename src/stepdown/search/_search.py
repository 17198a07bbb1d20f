"""Search policies: which chain. Every one sees training rows only."""

from __future__ import annotations

import logging
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scipy.stats import norm
from sklearn.base import BaseEstimator

from stepdown.core import InvalidInputError

from ._budget import Budget, check_limits
from ._explore import Exploration, Node
from ._recipes import without_bags
from ._scoring import Scorer
from ._task import Task, Way
from ._validate import Validation, WayScores

log = logging.getLogger("stepdown")

KINDS = ("plain", "labels", "one-hop", "one-hop-rows", "multihop", "control")
"""Of ways, in the order of reports."""

FORMER_SLUGS = {
    "simple alone": "plain",
    "simple + trainer": "labels",
    "1-hop": "one-hop",
    "1-hop, further rows": "one-hop-rows",
    "chain": "multihop",
    "chain, bare": "multihop-bare",
    "chain, averaged with the teacher": "multihop-averaged",
    "chain, pool from the bridge": "multihop",
}
"""What the first release called the ways."""


class Kinds(NamedTuple):
    """Students of several kinds, each as a task of its own and the way that teaches it, and scores on the same rows."""

    names: list[str]
    tasks: list[Task]
    ways: list[Way]
    scores: WayScores
    chosen: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What a search decided."""

    way: Way
    score: float | None
    ways: list[Way]
    scores: WayScores | None = None
    candidates: list[dict[str, Any]] = field(default_factory=list)
    margin: float = 0.0
    nodes: list[Node] = field(default_factory=list)
    validation: Validation | None = None
    kinds: Kinds | None = None

    def best(self, kind: str) -> Way | None:
        """The way of a kind: the first, unless another of the kind is validated as better by the margin."""
        places = [place for place, way in enumerate(self.ways) if way.kind == kind]
        if not places:
            return None
        if self.way.kind == kind:
            return self.way
        if self.scores is None:
            return self.ways[places[0]]
        margin = margin_among(self.margin, len(places) - 1)
        return self.ways[leave_home(self.scores, places[0], places, margin)]

    @property
    def teacher_unused(self) -> str:
        """Why a student that learned nothing from the teacher ships all the same; "" where it did learn from it."""
        if self.way.uses_teacher:
            return ""
        text = f"The teacher is not used: the student was trained by {self.way.name!r}"
        taught = [place for place, way in enumerate(self.ways) if way.uses_teacher]
        if self.scores is None or not taught:
            return f"{text}."
        best = max(taught, key=self.scores.mean)
        gain, error = self.scores.difference(best, self.ways.index(self.way))
        rival = f"{self.ways[best].name!r}, validated as the best way with the teacher,"
        return f"{text}; {rival} differs from it by {gain:+.3f} ± {error:.3f}."


def leave_home(scores: WayScores, home: int, places: Sequence[int], margin: float) -> int:
    """The best scored of the ways that clearly beat `home`; `home` if there is none.

    Clearly is by more than `margin` standard errors, whichever of the two uses the teacher.
    """
    chosen = home
    for place in places:
        gain, error = scores.difference(place, home)
        if gain > margin * error and scores.mean(place) > scores.mean(chosen):
            chosen = place
    return chosen


def margin_among(margin: float, rivals: int) -> float:
    """The margin for the best of many: as unlikely to be passed by luck as `margin` by a single rival.

    Bonferroni's correction, but no margin stays none. Without it the best of 30 ways that are as good as `home` looks
    two standard errors better in a quarter of all searches.
    """
    return margin and float(norm.isf(norm.sf(margin) / max(1, rivals)))


def concluded(found: Exploration, ways: Sequence[Way], home: Way, margin: float) -> Choice:
    """The choice after all has been tried that was to be tried."""
    base = next(way for way in ways if way.kind == "labels")
    if base not in found.ways or home not in found.ways:
        log.warning("the budget was spent before the ways could be compared: %s is taken unseen", home.name)
        return Choice(home, None, list(ways), None, found.rows, margin, found.nodes)
    tried = sorted(found.ways, key=lambda way: ways.index(way) if way in ways else len(ways))
    scores = found.scores(tried)
    further = [place for place, way in enumerate(tried) if way not in ways]
    chosen = leave_home(scores, tried.index(home), range(len(tried) - len(further)), margin)
    chosen = leave_home(scores, chosen, further, margin_among(margin, len(further)))
    return Choice(tried[chosen], scores.mean(chosen), tried, scores, found.rows, margin, found.nodes, found.validation)


def in_order(ways: Sequence[Way], preferred: Way) -> list[Way]:
    """The gate's ways, those first without which nothing can be compared."""
    return sorted(ways, key=lambda way: (way is not preferred, way.kind != "labels"))


class Search(BaseEstimator, ABC):
    """Chooses among ways to the student."""

    def check(self, ways: Sequence[Way]) -> None:
        """Refuse what can be refused before the teacher is fitted."""

    @abstractmethod
    def choose(
        self,
        problem: Task,
        ways: Sequence[Way],
        preferred: Way,
        *,
        scorer: Scorer | None = None,
        n_jobs: int | None = None,
    ) -> Choice:
        """Choose a way on the training rows of `problem`.

        Parameters
        ----------
        ways : sequence of Way
            What there is.
        preferred : Way
            What the situation suggests before the data have spoken.
        scorer : callable, optional
            ``scorer(model, X, y)``; greater is better.
        """


class Gate(Search):
    """A small gate: take the preferred way unless another is validated as clearly better.

    All ways are cross-validated with a cheap version of their trainer, on the same folds, in which the teacher and the
    bridges are made again. The preferred way is left only for one whose mean paired advantage exceeds `margin` standard
    errors, which count that the folds learn from the same rows. Scores of ways with a frozen teacher are optimistic
    where it has seen the rows; they are marked, and judged like the others.

    From 30,000 rows on the ways are compared on 15,000 of them, in the first fold alone unless there is a scorer of the
    user's, and constructed bags of trees are left out: there they are as good as one hop at several times its cost.

    Parameters
    ----------
    folds : int, default=2
        At least 2.
    margin : float, default=1.0
        In standard errors; 0 takes the best score as it is, infinity never leaves the preferred way.
    repeats : int, default=1
        How often the rows are cut into folds, each time anew; folds that ``cv`` gives are used once.
    max_seconds : float or None, default=None
        No way begins to be compared after this many seconds, and the best so far is taken: the preferred way and
        "labels" come first. What remains, to train the student by it, isn't counted.

    Examples
    --------
    >>> from stepdown import MultihopClassifier
    >>> from stepdown.search import Gate
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> MultihopClassifier(RandomForestClassifier(), DecisionTreeClassifier(max_depth=3), search=Gate(margin=2.0))
    MultihopClassifier(search=Gate(margin=2.0),
                       student=DecisionTreeClassifier(max_depth=3),
                       teacher=RandomForestClassifier())
    """

    def __init__(self, folds: int = 2, margin: float = 1.0, repeats: int = 1, max_seconds: float | None = None) -> None:
        self.folds = folds
        self.margin = margin
        self.repeats = repeats
        self.max_seconds = max_seconds

    def check(self, ways: Sequence[Way]) -> None:
        if self.folds < 2 or self.repeats < 1 or self.margin < 0:
            raise InvalidInputError(f"{self!r}: folds must be at least 2, repeats at least 1 and margin at least 0.")
        check_limits(self, None, self.max_seconds)

    def choose(
        self,
        problem: Task,
        ways: Sequence[Way],
        preferred: Way,
        *,
        scorer: Scorer | None = None,
        n_jobs: int | None = None,
    ) -> Choice:
        sample = problem.sampled()
        if sample.is_sample and problem.intermediates is None:
            ways = without_bags(ways)
        budget = Budget(seconds=self.max_seconds)
        found = Exploration(sample, folds=self.folds, repeats=self.repeats, budget=budget, scorer=scorer, n_jobs=n_jobs)
        for some in [ways] if self.max_seconds is None else [[way] for way in in_order(ways, preferred)]:
            found.score(some)
        return concluded(found, ways, preferred, self.margin)


class Fixed(Search):
    """No choice: one way is trained, nothing is validated.

    Parameters
    ----------
    way : str, default="multihop"
        The name or the kind of the way ("plain", "labels", "one-hop", "multihop", "control"); of several
        ways of the kind, the preferred one, or else the first.

    Examples
    --------
    >>> Fixed("one-hop")
    Fixed(way='one-hop')
    """

    def __init__(self, way: str = "multihop") -> None:
        self.way = way

    def _slug(self) -> str:
        return FORMER_SLUGS.get(self.way, self.way)

    def check(self, ways: Sequence[Way]) -> None:
        known = {way.name for way in ways} | {way.kind for way in ways}
        if self._slug() not in known:
            raise InvalidInputError(f"Fixed({self.way!r}): no such way to the student; there are {sorted(known)}.")

    def choose(
        self,
        problem: Task,
        ways: Sequence[Way],
        preferred: Way,
        *,
        scorer: Scorer | None = None,
        n_jobs: int | None = None,
    ) -> Choice:
        if self._slug() != self.way:
            text = f"Fixed({self.way!r}) is now Fixed({self._slug()!r})"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
        fitting = [way for way in [preferred, *ways] if self._slug() in (way.name, way.kind)]
        return Choice(fitting[0], None, list(ways))
