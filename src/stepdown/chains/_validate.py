"""Scores of arms on training rows that their students have not seen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.metrics._scorer import _BaseScorer
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from stepdown.core import TransferSet, derive_seed
from stepdown.models import answers, own_rows

from ._problem import Arm, Problem

__all__ = ["ArmScores", "cross_scores", "split_rows"]

log = logging.getLogger("stepdown")

Scorer = Callable[..., float]


@dataclass(frozen=True, slots=True)
class ArmScores:
    """Validated scores of several arms on the same units.

    Parameters
    ----------
    values : array of shape (n_arms, n_units)
        Greater is better. A unit is a row (default scores) or a fold (a scorer of the user's).
    unit : str
        "row" or "fold".
    weights : array of shape (n_units,), optional
        Of rows, where these have weights.
    """

    values: NDArray[np.float64]
    unit: str
    weights: NDArray[np.float64] | None = None

    def mean(self, arm: int) -> float:
        return float(np.average(self.values[arm], weights=self.weights))

    def std_error(self, arm: int) -> float:
        return self._std_error(self.values[arm])

    def difference(self, arm: int, other: int) -> tuple[float, float]:
        """Mean of the paired differences, and its standard error over units."""
        gaps = self.values[arm] - self.values[other]
        return float(np.average(gaps, weights=self.weights)), self._std_error(gaps)

    def _std_error(self, values: NDArray[np.float64]) -> float:
        if len(values) < 2:
            return float("inf")
        shares = np.full(len(values), 1.0) if self.weights is None else self.weights
        shares = shares / shares.sum()
        spread = np.sum(shares**2 * (values - shares @ values) ** 2)
        return float(np.sqrt(spread * len(values) / (len(values) - 1)))


def cross_scores(
    problem: Problem,
    arms: Sequence[Arm],
    *,
    folds: int,
    scorer: Scorer | None = None,
    quick: bool = True,
    n_jobs: int | None = None,
) -> ArmScores:
    """Score arms by cross-validation of the last hop.

    Teacher signals are those of the whole training set: out-of-fold or out-of-bag, so that a row's target was never
    made by a model that saw the row's label. (Targets of *other* rows may depend on it; that second-order leak is
    the price of not re-fitting the teacher in every fold, and every arm with a teacher pays it alike.)

    Parameters
    ----------
    scorer : callable, optional
        ``scorer(model, X, y)``; by default correctness of each row, or in regression one minus its squared error
        in units of the variance of y, so that the mean is the coefficient of determination; rows weigh what their
        sample weights say. A scorer of the user's gets the weights where it takes them.
    quick : bool
        Whether trainers are made cheaper.
    """
    data = problem.data
    splits = split_rows(data, folds, derive_seed(problem.seed, "gate"))
    for arm in arms:
        problem.supervised(arm)
    log.info("comparing %d ways to the student over %d folds", len(arms), len(splits))
    results = Parallel(n_jobs=n_jobs)(
        delayed(_score_fold)(problem, arms, train, test, scorer, quick) for train, test in splits
    )
    if scorer is not None:
        return ArmScores(np.array(results, dtype=float).T, "fold")
    values = np.empty((len(arms), data.n_samples))
    for (_, test), scores in zip(splits, results, strict=True):
        values[:, test] = scores
    weights = None if data.sample_weight is None else data.weights()
    if not data.is_classification:
        y = np.asarray(data.y, dtype=np.float64)
        variance = float(np.average((y - np.average(y, weights=weights)) ** 2, weights=weights))
        values = 1.0 + values / max(variance, np.finfo(float).tiny)
    return ArmScores(values, "row", weights)


def _score_fold(
    problem: Problem,
    arms: Sequence[Arm],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    scorer: Scorer | None,
    quick: bool,
) -> list[Any]:
    held_out = problem.data.take(test)
    truth = held_out.labels()
    keywords = (
        {} if held_out.sample_weight is None or not takes_weight(scorer) else {"sample_weight": held_out.weights()}
    )
    scores: list[Any] = []
    for arm in arms:
        model = problem.fit(arm, train, quick=quick)
        if scorer is not None:
            scores.append(scorer(model, own_rows(model, held_out.X), truth, **keywords))
        elif problem.data.is_classification:
            scores.append((answers(model, held_out.X) == truth).astype(float))
        else:
            scores.append(-((answers(model, held_out.X) - truth) ** 2))
    return scores


def takes_weight(scorer: Any) -> bool:
    """Whether a scorer has room for sample weights."""
    if scorer is None:
        return False
    try:
        return "sample_weight" in signature(scorer).parameters or isinstance(scorer, _BaseScorer)
    except (TypeError, ValueError):
        return False


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
