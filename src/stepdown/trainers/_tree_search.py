"""Single trees, searched for instead of grown once."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.tree import BaseDecisionTree, DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import check_array

from stepdown.core import MANY_ROWS, InvalidInputError, NotSupportedError, Supervision, Trainer, TransferSet, rows_of
from stepdown.learners import fit_to, peel

from ._flat_trees import FlatTrees, Rows
from ._local_search import Score, Splits, iterated_local_search
from ._many_rows import COARSE, SAMPLES, move, search_many
from ._objective import Objective, SoftAccuracy, SquaredError
from ._pipelines import fit_last_step
from ._prune import prune, shorten
from ._shape import Limits, estimator_of, repair
from ._tao import Bins, alternating_optimisation
from ._targets import real_targets, weighted_targets
from ._wide import is_wide, on_columns_that_split

log = logging.getLogger("stepdown")

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_MAX_DEPTH, _MAX_LEAVES = 10, 1024
_MAX_PAIRS = 4_000_000  # (tree, row) pairs handled at once
_FEW_ROWS = 1_000
_ROWS_OF_A_ROUND = 3_000  # more rows get fewer rounds of local search, for about the same time


@dataclass(frozen=True, slots=True)
class Effort:
    """How long `TreeSearch` searches, in numbers.

    Parameters
    ----------
    candidates : int, optional
        Trees on bootstraps; None takes fewer the more rows there are: 100 at 300 rows, 80 at 1,000, 40 from 10,000 on.
    refined : int
        How many of the best are refined; with 0 the best candidate is kept as it was grown.
    passes : int
        Passes of a refinement over a tree.
    rounds : int
        Of local search, up to 3,000 rows; above, as many times fewer as there are more rows, but one.
    copies : int
        Kicked copies of the best tree in a round.
    fraction : float
        Draws of a bootstrap, as a fraction of the rows, above 0 and at most 1.
    max_rows : int
        Draws of a bootstrap at most; refinement and final values always see all rows.
    n_bins : int
        Thresholds that refinement looks at in a feature, 2 to 255; exact for features with no more values.

    Examples
    --------
    >>> Effort(rounds=5).rounds
    5
    """

    candidates: int | None = None
    refined: int = 5
    passes: int = 3
    rounds: int = 0
    copies: int = 8
    fraction: float = 0.5
    max_rows: int = 20_000
    n_bins: int = 255

    def check(self) -> None:
        """Refuse numbers that can't be."""
        smallest = {"refined": 0, "passes": 1, "rounds": 0, "copies": 1, "max_rows": 2, "n_bins": 2}
        if self.candidates is not None:
            smallest["candidates"] = 0
        for name, least in smallest.items():
            if getattr(self, name) < least:
                raise InvalidInputError(f"Effort({name}={getattr(self, name)!r}): expected at least {least}.")
        if not 0 < self.fraction <= 1:
            raise InvalidInputError(f"Effort(fraction={self.fraction!r}): expected a number above 0, at most 1.")
        if self.n_bins > 255:
            raise InvalidInputError(f"Effort(n_bins={self.n_bins!r}): bins are bytes, expected at most 255.")


_EFFORTS = {
    "quick": Effort(4, refined=1, passes=1, rounds=0, fraction=0.35, max_rows=2_000, n_bins=63),
    "default": Effort(),
    "thorough": Effort(200, refined=10, rounds=60, copies=12),
}


class TreeSearch(Trainer):
    """Choose a small tree among many, after moving the splits of the best.

    Candidates are grown on bootstraps of half the transfer set: on small sets these made better trees than bootstraps
    of full size, in two thirds of the time. The best few, by the objective on the whole set, are refined
    by tree alternating optimisation [1]_ (see ``_tao.py``); the best of these and of the plain fit is kept, by the
    objective: the weighted mean target probability of the class a leaf answers (with labels: accuracy), or the weighted
    squared error in regression. The values of the leaves are weighted means of the targets of all rows. With rounds of
    local search (see ``_local_search.py``) the best tree is then kicked out of where refinement stops, and kept where
    that makes it better.

    Then the tree is made as small as it can be. Branches whose worth is within noise are cut (see `prune`), the splits
    that stay are moved once more, and thresholds become the shortest decimals that leave every row on its side, in
    single precision as scikit-learn compares. Rows that a method has made up count for neither.

    The result is a genuine tree of the student's class, no larger than the student's parameters allow: ``max_depth``
    and ``max_leaf_nodes`` because refinement adds no node, ``min_samples_leaf``, ``min_samples_split`` and
    ``min_weight_fraction_leaf`` because branches that break them are cut away. ``class_weight`` becomes part of targets
    and weights. ``splitter``, ``max_features`` and ``criterion`` shape the candidates (entropy by rows that stand there
    once a class); refinement looks at all features. Missing values are refined like others.

    The plain fit is returned where a search isn't defined or wouldn't pay: no bound of at most depth 10 or 1,024
    leaves, ``ccp_alpha``, ``min_impurity_decrease``, ``monotonic_cst``, a regression criterion other than
    squared error, or several real targets. Of sparse rows of more than 300 columns the search sees those by which the
    plain fit or one of some trees on bootstraps splits; the others are never made dense.

    Parameters
    ----------
    effort : {"quick", "default", "thorough"} or Effort
        A name, or numbers of one's own.
    prune : float, default=1.75
        A branch stays where its rows win more than so many standard errors of their sum over the leaf that could stand
        in its place, in the objective or in the squared distance of its probabilities from the targets. The error is
        the root of the sum of squares, so that n rows are never surer than the root of n, however much they agree. The
        first question always stays. 0 cuts nothing; the result then is never worse than the plain fit on the objective.

    References
    ----------
    .. [1] M. A. Carreira-Perpinan, P. Tavallali, "Alternating optimization of decision trees, with application to
       learning sparse oblique trees", NeurIPS 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> data, student = TransferSet.for_classification(X, y), DecisionTreeClassifier(max_depth=2)
    >>> tree = TreeSearch().fit(student, data, seed=0)
    >>> tree.get_depth(), tree.score(X, y) >= student.fit(X, y).score(X, y)
    (2, True)
    """

    def __init__(self, effort: str | Effort = "default", prune: float = 1.75) -> None:
        self.effort = effort
        self.prune = prune

    def check_student(self, student: Any) -> None:
        self._numbers().check()
        if not self.prune >= 0:
            raise InvalidInputError(
                f"TreeSearch(prune={self.prune!r}): expected a number of standard errors, 0 or more."
            )
        final = peel(student).final
        if not isinstance(final, BaseDecisionTree):
            raise NotSupportedError(
                f"TreeSearch fits single scikit-learn trees, not {type(final).__name__}; use trainer_for(student)."
            )

    def quick(self) -> TreeSearch:
        """Few candidates on few rows, and one that is refined."""
        return TreeSearch("quick", self.prune)

    def fit(self, student: Any, supervision: Supervision, *, seed: int | None = None) -> Any:
        self.check_student(student)
        data = rows_of(supervision)
        if isinstance(student, Pipeline):
            return fit_last_step(self, student, data, seed)
        if data.n_samples >= MANY_ROWS and not issparse(data.X) and _obstacle(student, data) is None:
            return self._on_many_rows(student, data, seed)
        plain = fit_to(student, data, seed=seed)
        obstacle = _obstacle(student, data) or ("the plain fit is one leaf" if plain.tree_.node_count == 1 else None)
        if obstacle is not None:
            log.info("no tree search: %s", obstacle)
            return _in_range(plain, data)
        if seed is None and isinstance(student.random_state, int | np.integer):
            seed = int(student.random_state)
        if is_wide(data.X):
            n_trees = self._numbers().candidates or data.n_samples
            return on_columns_that_split(
                lambda narrow: self.fit(student, narrow, seed=seed), plain, student, data, n_trees, seed
            )
        return Search(self._numbers(), plain, data, np.random.RandomState(seed)).run(self.prune)

    def _on_many_rows(self, student: Any, data: TransferSet, seed: int | None) -> Any:
        if seed is None and isinstance(student.random_state, int | np.integer):
            seed = int(student.random_state)
        random = np.random.RandomState(seed)
        soft = data.replace(y=data.soft_targets()) if data.is_classification else data
        soft = soft.replace(X_unlabeled=None, groups=None, folds=None)
        order = random.permutation(np.flatnonzero(soft.weights() > 0))
        samples = [soft.take(np.sort(order[:size])) for size in SAMPLES]
        # What knows the classes and the names of the columns; it takes no part in the search.
        template = fit_to(student, samples[0].take(np.arange(_FEW_ROWS)), seed=seed)
        small, middle, effort = replace(self._numbers(), n_bins=COARSE), samples[1], self._numbers()
        whole = Search(effort, template, soft, random)
        parts = Search(effort, template, middle, random), Search(small, template, samples[0], random)
        return whole.finished(*search_many(whole, *parts, polished=not self.prune), self.prune)

    def _numbers(self) -> Effort:
        if isinstance(self.effort, Effort):
            return self.effort
        if self.effort not in _EFFORTS:
            raise InvalidInputError(f"effort={self.effort!r}: expected one of {list(_EFFORTS)}, or an Effort.")
        return _EFFORTS[self.effort]


def _obstacle(student: Any, data: TransferSet) -> str | None:
    """Why there is nothing to search for, or None."""
    bounded = student.max_depth is not None and student.max_depth <= _MAX_DEPTH
    if not bounded and (student.max_leaf_nodes is None or student.max_leaf_nodes > _MAX_LEAVES):
        return f"neither max_depth <= {_MAX_DEPTH} nor max_leaf_nodes <= {_MAX_LEAVES}"
    for name in ("ccp_alpha", "min_impurity_decrease"):
        if getattr(student, name):
            return f"{name} is set"
    if getattr(student, "monotonic_cst", None) is not None:
        return "monotonic_cst is set"
    if not is_classifier(student):
        if student.criterion not in ("squared_error", "friedman_mse"):
            return f"criterion {student.criterion!r}"
        if np.ndim(data.y) != 1:
            return "several targets"
    return None


def _in_range(plain: Any, data: TransferSet) -> Any:
    """The plain fit, in place: means of weights far apart or of far targets are rounded out of what was observed."""
    if not is_classifier(plain):
        y = np.asarray(data.y, dtype=np.float64)
        np.clip(plain.tree_.value, y.min(), y.max(), out=plain.tree_.value)
    return plain


def _default_candidates(n_rows: int) -> int:
    return int(np.clip(round(80 - 40 * np.log10(n_rows / 1_000)), 40, 100))


class Search:
    """One run of the search."""

    def __init__(self, effort: Effort, plain: Any, data: TransferSet, random: np.random.RandomState) -> None:
        self.effort = effort
        self.plain = plain
        self.random = random
        X = data.X.toarray() if issparse(data.X) else data.X
        X = check_array(X, dtype=np.float32, ensure_all_finite="allow-nan")
        if is_classifier(plain):
            targets, weight = weighted_targets(plain, data)
        else:
            targets, weight = real_targets(data)
        present = weight > 0
        if not present.all():  # scikit-learn's trees don't see such rows either
            X, targets, weight = X[present], targets[present], weight[present]
        self.counted = np.ones(len(X), dtype=bool) if data.made is None else ~data.made[present]
        self.X, self.targets, self.weight = X, targets, weight
        self.rows = Rows(X)
        self.limits = Limits.of(plain, len(X), float(weight.sum()))
        self.objective: Objective = (
            SoftAccuracy(targets, weight, plain.criterion) if is_classifier(plain) else SquaredError(targets, weight)
        )

    def run(self, margin: float) -> Any:
        return self.finished(*self.found(), margin)

    def found(self) -> tuple[FlatTrees, Ints]:
        """The best tree, and the leaf of each row."""
        grown = [self.plain.tree_, *self._grow()]
        best = [grown[at] for at in self._best(grown)]
        finalists = [FlatTrees.of([tree]) for tree in [self.plain.tree_, best[0]]]
        finalists += self._refine(best[: self.effort.refined])
        kept = [self.kept(tree) for tree in finalists]
        place = max(range(len(kept)), key=lambda at: kept[at][0])
        chosen = kept[place]
        rounds = self.rounds()
        if rounds:
            searched = iterated_local_search(
                finalists[place],
                chosen[0],
                Splits.of(FlatTrees.of(grown)),
                self.random,
                self.moved,
                rounds=rounds,
                copies=self.effort.copies,
            )
            chosen = self.kept(searched)
        return chosen[1:]

    def finished(self, tree: FlatTrees, leaves: Ints, margin: float) -> Any:
        """The tree as it ships: without branches within noise, and with short thresholds."""
        if margin:
            leaves = prune(tree, leaves, self.rows, self.objective, self.counted, margin)
            self._optimise(tree)  # the shape is another now
            _, tree, leaves = self.kept(tree)
            leaves = prune(tree, leaves, self.rows, self.objective, self.counted, margin)
        shorten(tree, leaves, self.rows, self.counted)
        return estimator_of(tree, tree.leaves(self.rows)[0], self.objective, self.plain)

    def scores_of(self, trees: list[FlatTrees]) -> list[Score]:
        """What trees are worth before limits."""
        scores: list[Score] = []
        for tree in trees:
            sums = self.objective.sums(tree.leaves(self.rows), tree.n_nodes)
            value, tie = self.objective.value(sums).sum(), self.objective.tie_break(sums).sum()
            scores.append(_rounded(value, tie, self.weight.sum()))
        return scores

    def rounds(self) -> int:
        rounds = self.effort.rounds
        return min(rounds, max(1, round(rounds * _ROWS_OF_A_ROUND / len(self.X))))

    def kept(self, tree: FlatTrees) -> tuple[Score, FlatTrees, Ints]:
        """A copy of the tree within the student's limits, with its score before it and the leaf of each row behind."""
        tree = tree.take(0)
        leaves = repair(tree, self.rows, self.weight, self.limits)
        sums = self.objective.sums(leaves[None], tree.n_nodes)
        value, tie = self.objective.value(sums).sum(), self.objective.tie_break(sums).sum()
        return _rounded(value, tie, self.weight.sum()), tree, leaves

    def moved(self, block: FlatTrees) -> list[Score]:
        """Refine trees in place; what they are worth within the student's limits."""
        self._optimise(block)
        return [self.kept(block.take(at))[0] for at in range(len(block.roots))]

    def _grow(self) -> list[Any]:
        """Trees on bootstraps, each row that is drawn standing there once, with its draws as weight."""
        n_rows = len(self.X)
        wanted = self.effort.candidates
        wanted = _default_candidates(n_rows) if wanted is None else wanted
        draws = min(max(2, round(self.effort.fraction * n_rows)), self.effort.max_rows)
        grower, X, targets, weight, owner = self._growing_problem(draws / n_rows)
        check_input = self.rows.has_missing  # only then does scikit-learn look for missing values
        trees = []
        with config_context(skip_parameter_validation=True, assume_finite=True):
            for _ in range(wanted):
                counts = np.bincount(self.random.randint(n_rows, size=draws), minlength=n_rows)
                drawn = counts[owner] * weight
                some = np.flatnonzero(drawn)
                grower.fit(X[some], targets[some], sample_weight=drawn[some], check_input=check_input)
                trees.append(grower.tree_)
        return trees

    def _growing_problem(self, fraction: float) -> tuple[Any, NDArray[np.float32], Floats, Floats, Ints]:
        """What candidates are grown by and on; `owner` says which row each row of that stands for."""
        student = self.plain
        limits = {
            name: getattr(student, name)
            for name in ("max_depth", "max_leaf_nodes", "max_features", "splitter", "min_samples_split")
        }
        limits["min_weight_fraction_leaf"] = student.min_weight_fraction_leaf
        leaf = student.min_samples_leaf
        limits["min_samples_leaf"] = max(1, int(leaf * fraction)) if isinstance(leaf, int | np.integer) else leaf
        everyone = np.arange(len(self.X))
        if is_classifier(student) and student.criterion != "gini":
            owner, codes = np.nonzero(self.targets)
            weight = self.weight[owner] * self.targets[owner, codes]
            grower = DecisionTreeClassifier(criterion=student.criterion, random_state=self.random, **limits)
            return grower, self.X[owner], codes.astype(np.float64), weight, owner
        targets = self.targets
        if targets.ndim == 2 and targets.shape[1] == 2:
            targets = np.ascontiguousarray(targets[:, 1])  # the other column splits alike
        grower = DecisionTreeRegressor(random_state=self.random, **limits)
        return grower, self.X, targets, self.weight, everyone

    def _best(self, trees: list[Any]) -> list[int]:
        """Positions of those to refine, the best first, none with the very score of another."""
        size = max(1, _MAX_PAIRS // len(self.X))
        scores = [score for start in range(0, len(trees), size) for score in self._scores(trees[start : start + size])]
        firsts = {score: at for at, score in reversed(list(enumerate(scores)))}
        return [firsts[score] for score in sorted(firsts, reverse=True)[: max(1, self.effort.refined)]]

    def _scores(self, trees: list[Any]) -> list[tuple[float, float]]:
        sizes = np.array([tree.node_count for tree in trees])
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        leaves = np.stack([tree.apply(self.X) for tree in trees]) + starts[:, None]
        sums = self.objective.sums(leaves, int(sizes.sum()))
        values = np.add.reduceat(self.objective.value(sums), starts)
        ties = np.add.reduceat(self.objective.tie_break(sums), starts)
        total = self.weight.sum()
        return [_rounded(value, tie, total) for value, tie in zip(values, ties, strict=True)]

    def _refine(self, trees: list[Any]) -> list[FlatTrees]:
        size = max(1, _MAX_PAIRS // len(self.X))
        refined = []
        for start in range(0, len(trees), size):
            block = FlatTrees.of(trees[start : start + size])
            self._optimise(block)
            refined += [block.take(at) for at in range(len(block.roots))]
        return refined

    def _optimise(self, block: FlatTrees) -> None:
        if len(block.roots) == 1 and len(self.X) >= MANY_ROWS:
            move(self, block, self.bins)
            return
        alternating_optimisation(
            block,
            self.rows,
            self.bins,
            self.objective,
            n_passes=self.effort.passes,
            min_samples_leaf=self.limits.min_samples_leaf,
        )

    @cached_property
    def bins(self) -> Bins:
        return Bins(self.rows, self.effort.n_bins)


def _rounded(value: float, tie: float, scale: float) -> tuple[float, float]:
    """Scores that differ by rounding only must be equal, or the last bit of a sum chooses the tree."""
    unit = scale if scale > 0 else 1.0
    return round(float(value) / unit, 12), round(float(tie) / unit, 12)
