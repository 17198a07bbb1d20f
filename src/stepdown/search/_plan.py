"""What lies ahead of a search, in fits and seconds, said before the first long step and after it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import joblib

from stepdown.core import ENOUGH_ROWS, MANY_ROWS, in_words
from stepdown.learners import peel

from ._kinds import FOLDS as KIND_FOLDS
from ._search import Fixed, Gate
from ._task import SAMPLE, Way

log = logging.getLogger("stepdown")

# Against the teacher's own fit to as many rows, until there is more to go by. Rough: of one profile, LightGBM on 10,000
# rows (1.9, 0.6 and 7.6), and lower for slower teachers by judgement.
BAG, STUDENT, LAST = 1.0, 0.7, 4.0


@dataclass(frozen=True)
class Plan:
    """Fits of the teacher on folds, of the students, and steps, in the order in which they are taken.

    Parameters
    ----------
    teacher_fits, student_fits : int
        None of the teacher where it is frozen.
    what : str
        The ways, in words.
    steps : tuple of (str, float, float)
        The message with which a step tells its progress; its fits of the teacher as shares of one on all rows, which is
        what is known best; and other work in the same unit, roughly. Empty where nobody knows what comes.
    frozen : bool, default=False

    Examples
    --------
    >>> Plan(12, 13, "6 ways in 2 folds").text
    'plan: 6 ways in 2 folds; the teacher, 12 more fits of it on folds, 13 fits of students'
    """

    teacher_fits: int
    student_fits: int
    what: str
    steps: tuple[tuple[str, float, float], ...] = ()
    frozen: bool = False

    @classmethod
    def of(
        cls,
        source: Any,
        ways: Sequence[Way],
        search: Any,
        cv: int,
        n_samples: int,
        *,
        frozen: bool,
        n_kinds: int = 0,
    ) -> Plan:
        """What a search is about to do; methods that fit models of their own are not foreseen."""
        folds = getattr(search, "folds", 0)
        # Bagged models answer for rows out of their bags.
        is_bagged = getattr(peel(source).learner, "bootstrap", False)
        asked = 0 if frozen or is_bagged or not any(way.uses_teacher for way in ways) else cv
        many = n_samples >= (ENOUGH_ROWS if cv == 2 and type(search) is Gate else MANY_ROWS)
        shared = many and asked > 0
        share = 1 - 1 / cv
        compared = len(ways) if folds else 1
        rows = min(SAMPLE, n_samples * share if shared else n_samples) if many else n_samples
        n_folds = 1 if many and rows > SAMPLE // 2 else folds
        refits = 0 if frozen or shared else n_folds
        text = f"{compared} way{'s' * (compared > 1)}" + (f" in {n_folds} fold{'s' * (n_folds > 1)}" if folds else "")
        in_folds = compared * n_folds * getattr(search, "repeats", 1)
        learning = rows / n_samples * (1 - 1 / max(folds, 2))  # the rows of a fold
        bags = 0 if many else len({way.route for way in ways if way.before})
        last = LAST * min(1.0, MANY_ROWS / n_samples)
        again = 0.0 if frozen or shared else learning * (1 + asked * share)
        of_kinds = [("kinds of students", KIND_FOLDS * again, n_kinds * KIND_FOLDS * last)] if n_kinds else []
        steps = (
            ("targets of all rows", asked * share, bags * BAG),
            ("targets in folds", refits * again, n_folds * bags * BAG * learning),
            ("students in folds", 0.0, in_folds * STUDENT * learning),
            *of_kinds,
            ("training the student: %s", 0.0, last),
        )
        known = steps if type(search) is Gate else (steps[0], *steps[3:]) if type(search) is Fixed else ()
        return cls(asked + refits * (1 + asked), in_folds + 1, text, known, frozen)

    @property
    def text(self) -> str:
        teacher = "the teacher" + ", fitted already" * self.frozen
        teacher += f", {self.teacher_fits} more fits of it on folds" if self.teacher_fits else ""
        students = f"{self.student_fits} fit{'s' * (self.student_fits > 1)} of students"
        return f"plan: {self.what}; {teacher}, {students}"

    def tell_time(self, teacher_seconds: float, n_jobs: int | None) -> None:
        """Say how long the rest will take, by the teacher's first fit; the steps go to whoever counts them down."""
        jobs = max(1, joblib.effective_n_jobs(n_jobs))
        if self.frozen or not self.steps:
            return
        seconds = {}
        for name, fits, other in self.steps:
            side_by_side = 1 if name == self.steps[-1][0] else jobs
            seconds[name] = (fits + other) * teacher_seconds / side_by_side
        if sum(seconds.values()) >= 1:
            text = "after the teacher's first fit: about %s for the rest"
            log.info(text, in_words(sum(seconds.values())), extra={"steps": seconds})
