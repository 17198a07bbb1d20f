"""What lies ahead of a search, in fits and seconds, said before the first long step and after it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import joblib

from stepdown.core import MANY_ROWS, in_words
from stepdown.learners import peel

from ._task import Way

log = logging.getLogger("stepdown")


@dataclass(frozen=True)
class Plan:
    """Fits of the teacher on folds, as shares of one on all rows, and of the students.

    Examples
    --------
    >>> Plan(12, 6.4, 13, "6 ways in 2 folds").text
    'plan: 6 ways in 2 folds; the teacher, 12 more fits of it on folds, 13 fits of students'
    """

    teacher_fits: int
    teacher_shares: float
    student_fits: int
    what: str

    @classmethod
    def of(cls, source: Any, ways: Sequence[Way], search: Any, cv: int, n_samples: int, *, frozen: bool) -> Plan:
        """What a search is about to do; methods that fit models of their own are not foreseen."""
        folds, many = getattr(search, "folds", 0), n_samples >= MANY_ROWS
        refits = 0 if frozen or many else folds
        # Bagged models answer for rows out of their bags.
        is_bagged = getattr(peel(source).learner, "bootstrap", False)
        asked = 0 if frozen or is_bagged or not any(way.uses_teacher for way in ways) else cv
        share = 1 - 1 / cv
        shares = asked * share + refits * (1 - 1 / max(folds, 1)) * (1 + asked * share)
        compared = len(ways) if folds else 1
        text = f"{compared} way{'s' * (compared > 1)}" + (f" in {1 if many else folds} folds" if folds else "")
        fits = compared * (1 if many else folds) * getattr(search, "repeats", 1) + 1
        return cls(asked + refits * (1 + asked), shares, fits, text)

    @property
    def text(self) -> str:
        more = f", {self.teacher_fits} more fits of it on folds" if self.teacher_fits else ""
        return f"plan: {self.what}; the teacher{more}, {self.student_fits} fits of students"

    def tell_time(self, teacher_seconds: float, n_jobs: int | None) -> None:
        """Say how long the teacher's further fits will take, by the first."""
        jobs = max(1, min(joblib.effective_n_jobs(n_jobs), self.teacher_fits))
        seconds = self.teacher_shares * teacher_seconds / jobs
        if seconds >= 1:
            text = "the teacher's further fits take about %s"
            log.info(text, in_words(seconds), extra={"remaining": seconds})
