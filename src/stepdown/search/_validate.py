"""Scores of ways on training rows that their students have not seen."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from stepdown.core import TransferSet, count_fits, counting, derive_seed, naming_the_hop, side_by_side
from stepdown.learners import answers, cast_rows, complexity, predictions

from ._scoring import Scorer, takes_weight
from ._task import SAMPLE, Task, Way

log = logging.getLogger("stepdown")

MOST_SAID = 2_000_000
"""Values of a way's answers in a fold that are kept for reports."""


@dataclass(frozen=True, slots=True)
class WayScores:
    """Validated scores of several ways on the same units, and which are optimistically biased.

    `overlap` is the number of rows that a fold scores for each one that it learns from. Folds learn from the same
    rows, and so the variance of a mean over n folds is (1/n + overlap) times that of a fold, not 1/n (C. Nadeau and
    Y. Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003). Where the rows have been cut once
    the variance of a fold is taken from its rows; where repeatedly, from `folds`, of shape (n_ways, n_folds).
    """

    values: NDArray[np.float64]
    unit: str
    weights: NDArray[np.float64] | None = None
    biased: tuple[bool, ...] = ()
    n_folds: int = 1
    overlap: float = 0.0
    folds: NDArray[np.float64] | None = None

    def mean(self, way: int) -> float:
        return float(np.average(self.values[way], weights=self.weights))

    def std_error(self, way: int) -> float:
        return self._std_error(self.values[way])

    def difference(self, way: int, other: int) -> tuple[float, float]:
        """Mean of the paired differences, and its standard error over units and training sets."""
        gaps = self.values[way] - self.values[other]
        mean, correction = float(np.average(gaps, weights=self.weights)), 1 + self.n_folds * self.overlap
        if self.folds is None:
            return mean, self._std_error(gaps) * correction**0.5
        by_fold = self.folds[way] - self.folds[other]
        return mean, float(np.sqrt(by_fold.var(ddof=1) * correction / self.n_folds))

    def _std_error(self, values: NDArray[np.float64]) -> float:
        if len(values) < 2:
            return float("inf")
        shares = np.full(len(values), 1.0) if self.weights is None else self.weights
        shares = shares / shares.sum()
        spread = np.sum(shares**2 * (values - shares @ values) ** 2)
        return float(np.sqrt(spread * len(values) / (len(values) - 1)))


class FoldScore(NamedTuple):
    """What a way scores in a fold, and the fits and seconds that this took."""

    score: Any
    fits: int
    seconds: float


class Validation:
    """Cross-validation of ways, a way or a fold at a time, all on the same folds.

    In every fold all that leads to a student's targets is made from the training part alone: the teacher, unless it is
    frozen, its signals, the bridges.
    """

    def __init__(
        self,
        problem: Task,
        *,
        folds: int,
        repeats: int = 1,
        scorer: Scorer | None = None,
        quick: bool = True,
        n_jobs: int | None = None,
        fits_ahead: bool = False,
    ) -> None:
        self.fits_ahead = fits_ahead  # which a budget of fits, counted one by one, doesn't allow
        self.problem, self.scorer, self.quick, self.n_jobs = problem, scorer, quick, n_jobs
        self.repeats = repeats if problem.data.folds is None and not problem.is_sample else 1
        self.splits = split_rows(problem.data, folds, derive_seed(problem.seed, "gate"))
        for repeat in range(1, self.repeats):
            self.splits += split_rows(problem.data, folds, derive_seed(problem.seed, "gate", repeat))
        # Rows in thousands tell ways apart by themselves.
        if problem.is_sample and scorer is None and problem.data.n_samples > SAMPLE // 2:
            self.splits = self.splits[:1]
        self.said: dict[tuple[str, int], NDArray[np.float32] | None] = {}
        self.bytes: dict[tuple[str, int], int | None] = {}
        self._parts: dict[int, Task] = {}
        self._made: dict[int, Any] = {}
        self._held_out: dict[int, TransferSet] = {}

    def part(self, place: int) -> Task:
        """The task on the training part of a fold."""
        if place not in self._parts:
            self._parts[place] = self.problem.within(self.splits[place][0], place, self._made.pop(place, None))
        return self._parts[place]

    def held_out(self, place: int) -> TransferSet:
        """The rows that a fold scores."""
        if place not in self._held_out:
            self._held_out[place] = self.problem.data.take(self.splits[place][1])
        return self._held_out[place]

    def for_student(self, student: Any) -> Validation:
        """The same folds, and what was made in them, for another student; on disk there is only the first one's."""
        other = copy(self)
        other.problem = replace(self.problem, student=student, store=None)
        other.said, other.bytes = {}, {}
        places = range(len(self.splits))
        other._parts = {place: replace(self.part(place), student=student, store=None) for place in places}
        return other

    def folds_of(self, ways: Sequence[Way], places: Sequence[int]) -> list[list[FoldScore]]:
        """What each way scores in some of the folds; what is on disk is read."""
        store = self.problem.store
        if self.fits_ahead and effective_n_jobs(self.n_jobs) > 1:
            new = {place: self.splits[place][0] for place in places if place not in self._parts}
            self._made = self.problem.fit_ahead(new, self.n_jobs)
        found: dict[int, Any] = {}
        began: list[tuple[int, float]] = []
        jobs: dict[int, Any] = {}
        tasks = [(way, place) for way in ways for place in places]
        for number, (way, place) in enumerate(tasks):
            log.debug("targets in folds", extra={"progress": (number, len(tasks))})
            started, fits = time.perf_counter(), list[int]()
            # Also where the score is known: so that all is counted, and asked for, in the same order.
            with counting(fits.append):
                part = self.part(place)
                fit = part.fitting(way, quick=self.quick)
            began.append((sum(fits) + 1, time.perf_counter() - started))
            found[number] = None if store is None else store.load(*self._key(way, place))
            if found[number] is None:
                jobs[number] = (fit, part.describe(way), self.held_out(place), self.scorer)
        count_fits(len(tasks))
        made = side_by_side(_score_fold, jobs.values(), self.n_jobs)
        for done, (number, result) in enumerate(zip(jobs, made, strict=True), start=1):
            log.debug("students in folds", extra={"progress": (done, len(jobs))})
            found[number] = result
            if store is not None:
                store.save(result, *self._key(*tasks[number]))
        for number, (way, place) in enumerate(tasks):
            # A store of an earlier version has no answers.
            self.said[way.name, place], self.bytes[way.name, place] = (*found[number][2:], None, None)[:2]
        results = [
            FoldScore(found[number][0], fits, seconds + found[number][1])
            for number, (fits, seconds) in enumerate(began)
        ]
        return [results[start : start + len(places)] for start in range(0, len(results), len(places))]

    def before_student(self, way: Way) -> WayScores | None:
        """Scores of the model that teaches the student of a way, made again in every fold.

        None where the user's scorer reads from students what this model hasn't got, such as leaves.
        """
        models = [self.part(place).lead_up(way)[1][-1].model for place in range(len(self.splits))]
        held_out = [self.held_out(place) for place in range(len(self.splits))]
        try:
            scores = [_score(model, rows, self.scorer) for model, rows in zip(models, held_out, strict=True)]
        except Exception:
            if self.scorer is None:
                raise
            return None
        return self.together([way], [scores])

    def together(self, ways: Sequence[Way], folds: Sequence[Sequence[Any]]) -> WayScores:
        """Scores of ways from their scores in all folds."""
        data, biased = self.problem.data, tuple(self.problem.is_biased(way) for way in ways)
        overlap = float(np.mean([len(test) / len(train) for train, test in self.splits]))
        corrected: dict[str, Any] = {"biased": biased, "n_folds": len(self.splits), "overlap": overlap}
        if self.repeats > 1:
            means = [[self.mean_of_fold(place, score) for place, score in enumerate(parts)] for parts in folds]
            corrected["folds"] = np.array(means)
        if self.scorer is not None:
            for way, scores in zip(ways, folds, strict=True):
                if not np.all(np.isfinite(np.array(scores, dtype=float))):
                    log.warning("scoring: %s got scores that are no finite numbers, and isn't compared", way.name)
            return WayScores(np.array(folds, dtype=float), "fold", **corrected)
        # Folds that were given may leave rows out, or score them twice.
        rows = np.concatenate([test for _, test in self.splits])
        order = np.argsort(rows, kind="stable")
        values = np.array([np.concatenate(parts) for parts in folds])[:, order]
        values = values.reshape(len(ways), -1, self.repeats).mean(axis=2)
        weights = None if data.sample_weight is None else data.weights()[rows[order][:: self.repeats]]
        if not data.is_classification:
            y = np.asarray(data.y, dtype=np.float64)
            every = None if data.sample_weight is None else data.weights()
            variance = float(np.average((y - np.average(y, weights=every)) ** 2, weights=every))
            unit = max(variance, np.finfo(float).tiny)
            values = 1.0 + values / unit
            if self.repeats > 1:
                corrected["folds"] = 1.0 + corrected["folds"] / unit
        return WayScores(values, "row", weights, **corrected)

    def mean_of_fold(self, place: int, score: Any) -> float:
        """What a fold says by itself: to be compared with other ways in the same fold, and with nothing else."""
        data = self.problem.data
        if self.scorer is not None or data.sample_weight is None:
            return float(np.mean(score))
        weights = data.weights()[self.splits[place][1]]
        return float(np.average(score, weights=weights)) if weights.any() else 0.0

    def _key(self, way: Way, place: int) -> tuple[Any, ...]:
        return ("fold", way.name, *way.content, way.method, way.trainer, place, self.quick)


def _score_fold(
    fit: Callable[[], Any], hop: str, held_out: TransferSet, scorer: Scorer | None
) -> tuple[Any, float, NDArray[np.float32] | None, int | None]:
    """Its score, the seconds, what it says about the rows (probabilities, or numbers), and its size in bytes."""
    started = time.perf_counter()
    with naming_the_hop(hop):
        model = fit()
    score, seconds = _score(model, held_out, scorer), time.perf_counter() - started
    return score, seconds, said_of(model, held_out), complexity(model).bytes


def said_of(model: Any, held_out: TransferSet) -> NDArray[np.float32] | None:
    """What a model says about rows, in half the room; None where it can't be asked, or that is too much to keep.

    Only reports need it, so nothing about it may stop a search.
    """
    if held_out.n_samples * (1 if held_out.classes is None else len(held_out.classes)) > MOST_SAID:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return predictions(model, held_out.X, held_out.classes)[0].astype(np.float32)
    except Exception:  # foreign models fail in every way there is
        return None


def _score(model: Any, held_out: TransferSet, scorer: Scorer | None) -> Any:
    """The scorer's score, or else one value a row: whether the class is right, the squared error with a minus."""
    truth = held_out.labels()
    if scorer is not None:
        weighted = held_out.sample_weight is not None and takes_weight(scorer)
        keywords = {"sample_weight": held_out.weights()} if weighted else {}
        return float(scorer(model, cast_rows(model, held_out.X), truth, **keywords))
    if held_out.is_classification:
        return (answers(model, held_out.X) == truth).astype(float)
    return -((answers(model, held_out.X) - truth) ** 2)


def split_rows(data: TransferSet, folds: int, seed: int | None) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """The last of the given folds, or shuffled ones: stratified for classes, whole groups where there are groups."""
    if data.folds is not None:
        return data.splits()[-folds:]
    if data.is_classification:
        labels = data.label_index()
        rarest = int(np.bincount(labels)[np.unique(labels)].min())
        folds = max(2, min(folds, rarest))
        splitter: Any = StratifiedKFold(folds, shuffle=True, random_state=seed)
        if data.groups is not None:
            splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    else:
        labels = np.asarray(data.y)
        folds = max(2, min(folds, data.n_samples))
        splitter = KFold(folds, shuffle=True, random_state=seed)
        if data.groups is not None:
            splitter = GroupKFold(folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(data.n_samples), labels, data.groups))
