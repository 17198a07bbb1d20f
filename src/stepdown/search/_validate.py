"""Scores of ways on training rows that their students have not seen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from stepdown.core import TransferSet, derive_seed
from stepdown.learners import answers, cast_rows

from ._scoring import Scorer, takes_weight
from ._task import Task, Way


@dataclass(frozen=True, slots=True)
class WayScores:
    """Validated scores of several ways on the same units."""

    values: NDArray[np.float64]
    unit: str
    weights: NDArray[np.float64] | None = None

    def mean(self, way: int) -> float:
        return float(np.average(self.values[way], weights=self.weights))

    def std_error(self, way: int) -> float:
        return self._std_error(self.values[way])

    def difference(self, way: int, other: int) -> tuple[float, float]:
        """Mean of the paired differences, and its standard error over units."""
        gaps = self.values[way] - self.values[other]
        return float(np.average(gaps, weights=self.weights)), self._std_error(gaps)

    def _std_error(self, values: NDArray[np.float64]) -> float:
        if len(values) < 2:
            return float("inf")
        shares = np.full(len(values), 1.0) if self.weights is None else self.weights
        shares = shares / shares.sum()
        spread = np.sum(shares**2 * (values - shares @ values) ** 2)
        return float(np.sqrt(spread * len(values) / (len(values) - 1)))


class Validation:
    """Cross-validation of the last hop, a way or a fold at a time, all on the same folds.

    Teacher signals are those of the whole training set: out-of-fold or out-of-bag, so that a row's target was never
    made by a model that saw the row's label. (Targets of *other* rows may depend on it; that second-order leak is
    the price of not re-fitting the teacher in every fold, and every way with a teacher pays it alike.)
    """

    def __init__(
        self,
        problem: Task,
        *,
        folds: int,
        scorer: Scorer | None = None,
        quick: bool = True,
        n_jobs: int | None = None,
    ) -> None:
        self.problem, self.scorer, self.quick, self.n_jobs = problem, scorer, quick, n_jobs
        self.splits = split_rows(problem.data, folds, derive_seed(problem.seed, "gate"))

    def folds_of(self, ways: Sequence[Way], places: Sequence[int]) -> list[list[tuple[Any, float]]]:
        """Scores and seconds of each way in some of the folds; those on disk are read."""
        problem, store = self.problem, self.problem.store
        tasks = [(way, place) for way in ways for place in places]
        found: dict[int, tuple[Any, float]] = {}
        if store is not None:
            for number, (way, place) in enumerate(tasks):
                known = store.load(*self._key(way, place))
                if known is not None:
                    found[number] = known
        missing = [number for number in range(len(tasks)) if number not in found]
        wanted = {tasks[number][0].name: tasks[number][0] for number in missing}
        alone = {name: problem.alone(way) for name, way in wanted.items()}

        def work(number: int) -> Any:
            way, place = tasks[number]
            return delayed(_score_fold)(alone[way.name], way, *self.splits[place], self.scorer, self.quick)

        made = Parallel(n_jobs=self.n_jobs, return_as="generator")(work(number) for number in missing)
        for number, result in zip(missing, made, strict=True):
            found[number] = result
            if store is not None:
                store.save(result, *self._key(*tasks[number]))
        width = len(places)
        return [[found[row * width + column] for column in range(width)] for row in range(len(ways))]

    def together(self, folds: Sequence[Sequence[Any]]) -> WayScores:
        """Scores of ways from their scores in all folds."""
        data = self.problem.data
        if self.scorer is not None:
            return WayScores(np.array(folds, dtype=float), "fold")
        values = np.empty((len(folds), data.n_samples))
        for row, parts in enumerate(folds):
            for (_, test), part in zip(self.splits, parts, strict=True):
                values[row, test] = part
        weights = None if data.sample_weight is None else data.weights()
        if not data.is_classification:
            y = np.asarray(data.y, dtype=np.float64)
            variance = float(np.average((y - np.average(y, weights=weights)) ** 2, weights=weights))
            values = 1.0 + values / max(variance, np.finfo(float).tiny)
        return WayScores(values, "row", weights)

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
    problem: Task,
    way: Way,
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    scorer: Scorer | None,
    quick: bool,
) -> tuple[Any, float]:
    started = time.perf_counter()
    held_out = problem.data.take(test)
    truth = held_out.labels()
    model = problem.fit(way, train, quick=quick)
    score: Any
    if scorer is not None:
        keywords = {}
        if held_out.sample_weight is not None and takes_weight(scorer):
            keywords["sample_weight"] = held_out.weights()
        score = float(scorer(model, cast_rows(model, held_out.X), truth, **keywords))
    elif problem.data.is_classification:
        score = (answers(model, held_out.X) == truth).astype(float)
    else:
        score = -((answers(model, held_out.X) - truth) ** 2)
    return score, time.perf_counter() - started


def split_rows(data: TransferSet, folds: int, seed: int | None) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Shuffled folds: stratified for classes, whole groups where there are groups."""
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
            splitter = GroupKFold(folds)
    return list(splitter.split(np.zeros(data.n_samples), labels, data.groups))
