"""Small forests, chosen from a larger one."""

from __future__ import annotations

import copy
import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array

from stepdown.core import InvalidInputError, NotSupportedError, Supervision, Trainer, TransferSet, derive_seed, rows_of
from stepdown.learners import fit_to, peel

from ._pipelines import fit_last_step
from ._targets import real_targets, weighted_targets

log = logging.getLogger("stepdown")

Floats = NDArray[np.float64]

FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)


class ForestSelection(Trainer):
    """Grow a pool of trees of the student's kind and keep those that answer best together.

    Trees are added one by one, each time the one that lifts the objective of the averaged trees most; then each is
    exchanged where that helps. The objective is the weighted mean target probability of the class that the ensemble
    answers (ties by its squared distance to the targets), or the weighted squared error in regression, over the rows of
    the transfer set.

    The result is a genuine forest of the student's class with exactly its number of trees; ``estimators_samples_`` and
    importances work as ever. Rows that a tree has seen count like others: choosing on out-of-bag rows alone won half
    as much, each pair of trees sharing too few of them. The plain fit is returned for trees that have neither a bound
    (``max_depth``, ``max_leaf_nodes``, or ``min_samples_leaf`` above 1) nor a bootstrap, because they all answer
    every row rightly; for forests with ``oob_score``, which such a choice would flatter; for several real
    targets; and for trees of medians.

    Parameters
    ----------
    n_candidates : int
        Trees of the pool; at least the student's number.
    max_rows : int
        Rows that trees are compared on; more are sampled.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> student = RandomForestClassifier(n_estimators=3, max_depth=2)
    >>> forest = ForestSelection().fit(student, TransferSet.for_classification(X, y), seed=0)
    >>> len(forest.estimators_), forest.score(X, y) > 0.95
    (3, True)
    """

    def __init__(self, n_candidates: int = 45, max_rows: int = 20_000) -> None:
        self.n_candidates = n_candidates
        self.max_rows = max_rows

    def check_student(self, student: Any) -> None:
        if self.n_candidates < 1 or self.max_rows < 1:
            raise InvalidInputError(
                f"ForestSelection: n_candidates={self.n_candidates!r}, max_rows={self.max_rows!r}; "
                "both must be positive."
            )
        final = peel(student).final
        if not isinstance(final, FORESTS):
            raise NotSupportedError(
                f"ForestSelection fits random forests and extra trees, not {type(final).__name__}; "
                "use trainer_for(student)."
            )

    def quick(self) -> ForestSelection:
        """A third of the pool, compared on few rows."""
        return ForestSelection(max(2, self.n_candidates // 3), min(2_000, self.max_rows))

    def fit(self, student: Any, supervision: Supervision, *, seed: int | None = None) -> Any:
        self.check_student(student)
        data = rows_of(supervision)
        if isinstance(student, Pipeline):
            return fit_last_step(self, student, data, seed)
        obstacle = _obstacle(student, data)
        if obstacle is not None:
            log.info("no forest selection: %s", obstacle)
            return fit_to(student, data, seed=seed)
        size = max(self.n_candidates, student.n_estimators)
        pool = fit_to(clone(student).set_params(n_estimators=size), data, seed=seed)
        chosen = _choose(_Votes(pool, data, self.max_rows, derive_seed(seed, "rows")), student.n_estimators)
        forest = copy.copy(pool)
        forest.n_estimators = student.n_estimators
        forest.estimators_ = [pool.estimators_[at] for at in chosen]
        return forest


def _obstacle(student: Any, data: TransferSet) -> str | None:
    """Why there is nothing to choose by, or None."""
    unbounded = student.max_depth is None and student.max_leaf_nodes is None and student.min_samples_leaf == 1
    if unbounded and not student.bootstrap:
        return "trees without a bound that have seen all rows answer all of them rightly"
    if student.oob_score:
        return "oob_score is asked for"
    if not is_classifier(student) and np.ndim(data.y) != 1:
        return "several targets"
    if student.criterion == "absolute_error":
        return "medians aren't chosen by squared error"
    return None


class _Votes:
    """What each tree of a pool says about the rows, and how good a sum of such votes is."""

    def __init__(self, pool: Any, data: TransferSet, max_rows: int, seed: int | None) -> None:
        self._classifies = is_classifier(pool)
        targets, weight = weighted_targets(pool, data) if self._classifies else real_targets(data)
        rows = np.flatnonzero(weight > 0)
        if len(rows) > max_rows:
            rows = np.sort(np.random.default_rng(seed).choice(rows, max_rows, replace=False))
        X = data.X if len(rows) == data.n_samples else data.take(rows).X
        X = check_array(X, dtype=np.float32, accept_sparse="csr", ensure_all_finite="allow-nan")
        n_columns = 1 if targets.ndim == 1 else targets.shape[1]
        self.votes = np.empty((len(pool.estimators_), n_columns, len(rows)), dtype=np.float32)
        for votes, tree in zip(self.votes, pool.estimators_, strict=True):
            votes[:] = tree.tree_.predict(X).reshape(len(rows), n_columns).T
        self._targets = np.ascontiguousarray(targets[rows].reshape(len(rows), -1).T)
        self._weight = weight[rows] / weight[rows].sum()

    def score(self, sums: NDArray[np.float32], n_trees: int) -> tuple[float, float]:
        """How good the average of `n_trees` votes is; larger is better, the second number breaks ties."""
        loss = sums / np.float32(n_trees) - self._targets
        fit = -float(np.einsum("cn,cn,n->", loss, loss, self._weight))
        if not self._classifies:
            return fit, 0.0
        answers = np.argmax(sums, axis=0)
        hits = self._targets[answers, np.arange(len(answers))]
        return round(float(hits @ self._weight), 12), fit


def _choose(pool: _Votes, size: int) -> list[int]:
    """Positions of the trees to keep, in the order of the pool."""
    everyone = range(len(pool.votes))
    chosen: list[int] = []
    sums = np.zeros(pool.votes.shape[1:], dtype=np.float32)
    best = (-np.inf, -np.inf)
    for n_trees in range(1, size + 1):
        scores = {at: pool.score(sums + pool.votes[at], n_trees) for at in everyone if at not in chosen}
        added = max(scores, key=scores.__getitem__)  # the first of equals
        best = scores[added]
        chosen.append(added)
        sums = sums + pool.votes[added]
    for place in range(size if size > 1 else 0):
        rest = sums - pool.votes[chosen[place]]
        scores = {at: pool.score(rest + pool.votes[at], size) for at in everyone if at not in chosen}
        if scores and max(scores.values()) > best:
            chosen[place] = max(scores, key=scores.__getitem__)
            best, sums = scores[chosen[place]], rest + pool.votes[chosen[place]]
    return sorted(chosen)
