"""Search policies: which chain. Every one sees training rows only."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from scipy.stats import norm
from sklearn.base import BaseEstimator

from stepdown.core import InvalidInputError

from ._explore import Exploration, Node
from ._scoring import Scorer
from ._task import Arm, Problem
from ._validate import ArmScores

__all__ = ["Choice", "Fixed", "Gate", "Search", "concluded", "leave_home", "margin_among"]

log = logging.getLogger("stepdown")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a search decided.

    Parameters
    ----------
    arm : Arm
        The one to train.
    score : float or None
        Its validated score.
    arms : list of Arm
        All that may be asked for in a comparison; those tried, in order.
    scores : ArmScores or None
        Of `arms`; None where nothing was validated.
    candidates : list of dict
        One row a hop tried.
    nodes : list of Node
        Intermediates that were valued.
    margin : float
        Of the search, in standard errors.
    """

    arm: Arm
    score: float | None
    arms: list[Arm]
    scores: ArmScores | None = None
    candidates: list[dict[str, Any]] = field(default_factory=list)
    margin: float = 0.0
    nodes: list[Node] = field(default_factory=list)

    def best(self, kind: str) -> Arm | None:
        """The arm of a kind: the first, unless another of the kind is validated as better by the margin."""
        places = [place for place, arm in enumerate(self.arms) if arm.kind == kind]
        if not places:
            return None
        if self.arm.kind == kind:
            return self.arm
        if self.scores is None:
            return self.arms[places[0]]
        margin = margin_among(self.margin, len(places) - 1)
        return self.arms[leave_home(self.arms, self.scores, places[0], places, margin)]


def leave_home(arms: Sequence[Arm], scores: ArmScores, home: int, places: Sequence[int], margin: float) -> int:
    """The best scored of the arms that clearly beat `home`; `home` if there is none.

    Clearly is by more than `margin` standard errors, between arms whose scores are flattered alike. An arm whose score
    is honest (labels alone) needs no margin against one that is flattered, and twice the margin is asked the other
    way round: at 300 rows flattery is worth about two points, and five under a frozen teacher (docs/results.md).
    """
    chosen = home
    for place in places:
        gain, error = scores.difference(place, home)
        handicap = int(arms[place].is_flattered) - int(arms[home].is_flattered)
        if gain > (1 + handicap) * margin * error and scores.mean(place) > scores.mean(chosen):
            chosen = place
    return chosen


def margin_among(margin: float, rivals: int) -> float:
    """The margin for the best of many: as unlikely to be passed by luck as two standard errors by a single rival.

    Bonferroni's correction, as a factor, so that no margin stays none. Without it the best of 30 ways that are as good
    as `home` looks two standard errors better in a quarter of all searches.
    """
    return margin * float(norm.isf(norm.sf(2.0) / max(1, rivals))) / 2.0


def concluded(found: Exploration, arms: Sequence[Arm], home: Arm, margin: float) -> Choice:
    """The choice after all has been tried that was to be tried.

    Parameters
    ----------
    arms : sequence of Arm
        The gate's own. Where the budget wasn't enough for the baseline or for `home`, nothing is compared.
    home : Arm
        Left only for one that is clearly better, first among `arms`, by the rule of the gate, and then for one of the
        ways that the search added, by a margin that grows with their number.
    """
    base = next(arm for arm in arms if arm.kind == "simple + trainer")
    if base not in found.ways or home not in found.ways:
        log.warning("the budget was spent before the ways could be compared: %s is taken unseen", home.name)
        return Choice(home, None, list(arms), None, found.rows, margin, found.nodes)
    ways = sorted(found.ways, key=lambda way: arms.index(way) if way in arms else len(arms))
    scores = found.scores(ways)
    own = [place for place, way in enumerate(ways) if way in arms]
    further = [place for place, way in enumerate(ways) if way not in arms]
    chosen = leave_home(ways, scores, ways.index(home), own, margin)
    chosen = leave_home(ways, scores, chosen, further, margin_among(margin, len(further)))
    return Choice(ways[chosen], scores.mean(chosen), ways, scores, found.rows, margin, found.nodes)


class Search(BaseEstimator, ABC):
    """Chooses among ways to the student."""

    def check(self, arms: Sequence[Arm]) -> None:
        """Refuse what can be refused before the teacher is fitted."""

    @abstractmethod
    def choose(
        self,
        problem: Problem,
        arms: Sequence[Arm],
        preferred: Arm,
        *,
        scorer: Scorer | None = None,
        n_jobs: int | None = None,
    ) -> Choice:
        """Choose an arm on the training rows of `problem`.

        Parameters
        ----------
        arms : sequence of Arm
            What there is.
        preferred : Arm
            What the situation suggests before the data have spoken.
        scorer : callable, optional
            ``scorer(model, X, y)``; greater is better.
        """


class Gate(Search):
    """A small gate: take the preferred arm unless another is validated as clearly better.

    All arms are cross-validated with a cheap version of their trainer, on the same folds. The preferred arm is left
    only for one whose mean paired advantage exceeds `margin` standard errors; for labels alone any advantage is
    enough, because they have none of the flattery that validated scores of the other arms contain, and labels alone
    are left for another arm only at twice the margin.

    Parameters
    ----------
    folds : int, default=2
        At least 2.
    margin : float, default=2.0
        In standard errors; 0 takes the best score as it is, infinity never leaves the preferred arm.

    Examples
    --------
    >>> from stepdown import Gate, MultihopClassifier
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> MultihopClassifier(RandomForestClassifier(), DecisionTreeClassifier(max_depth=3), search=Gate(margin=1.0))
    MultihopClassifier(search=Gate(margin=1.0),
                       student=DecisionTreeClassifier(max_depth=3),
                       teacher=RandomForestClassifier())
    """

    def __init__(self, folds: int = 2, margin: float = 2.0) -> None:
        self.folds = folds
        self.margin = margin

    def check(self, arms: Sequence[Arm]) -> None:
        if self.folds < 2 or self.margin < 0:
            raise InvalidInputError(f"{self!r}: folds must be at least 2 and margin at least 0.")

    def choose(
        self,
        problem: Problem,
        arms: Sequence[Arm],
        preferred: Arm,
        *,
        scorer: Scorer | None = None,
        n_jobs: int | None = None,
    ) -> Choice:
        found = Exploration(problem, folds=self.folds, scorer=scorer, n_jobs=n_jobs)
        found.score(arms)
        return concluded(found, arms, preferred, self.margin)


class Fixed(Search):
    """No choice: one arm is trained, nothing is validated.

    Parameters
    ----------
    arm : str, default="multihop"
        The name or the kind of the arm ("simple alone", "simple + trainer", "1-hop", "multihop", "control"); of several
        arms of the kind, the preferred one, or else the first.

    Examples
    --------
    >>> Fixed("1-hop")
    Fixed(arm='1-hop')
    """

    def __init__(self, arm: str = "multihop") -> None:
        self.arm = arm

    def check(self, arms: Sequence[Arm]) -> None:
        known = {arm.name for arm in arms} | {arm.kind for arm in arms}
        if self.arm not in known:
            raise InvalidInputError(f"Fixed({self.arm!r}): no such way to the student; there are {sorted(known)}.")

    def choose(
        self,
        problem: Problem,
        arms: Sequence[Arm],
        preferred: Arm,
        *,
        scorer: Scorer | None = None,
        n_jobs: int | None = None,
    ) -> Choice:
        fitting = [arm for arm in [preferred, *arms] if self.arm in (arm.name, arm.kind)]
        return Choice(fitting[0], None, list(arms))
