"""Ways are scored on rows that helped to make nothing."""

from typing import ClassVar

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from stepdown import KD, MultihopClassifier, SRatio
from stepdown.core import Hop, TransferSet, as_teacher
from stepdown.learners import BaggedTreesClassifier
from stepdown.methods import ConfWeight, Dense, Mixture, ModelCompression, Munge, NoTransfer, Resample
from stepdown.search._task import Task, Way
from stepdown.search._validate import Validation
from stepdown.trainers import PlainFit

N_ROWS = 60
TREE = DecisionTreeClassifier(max_depth=2)


class Remembers(KNeighborsClassifier):
    """Writes down the numbers of the rows, their first column, that any model of its kind is fitted to."""

    seen: ClassVar[set[float]] = set()

    def fit(self, X, y):
        self.seen.update(np.unique(X[:, 0]).tolist())
        return super().fit(X, y)


class RemembersBag(BaggedTreesClassifier):
    """The same of a bridge."""

    def fit_soft(self, X, targets, classes, sample_weight=None):
        Remembers.seen.update(np.unique(X[:, 0]).tolist())
        return super().fit_soft(X, targets, classes, sample_weight)


BRIDGE = RemembersBag(5)
WAYS = [
    Way("one hop", "one-hop", KD(), PlainFit()),
    Way("weights", "one-hop", Mixture([(0.5, ConfWeight()), (0.5, SRatio(cv=2))]), PlainFit()),
    Way("made rows", "one-hop", ModelCompression(synthesiser=Munge(2)), PlainFit()),
    Way("bridge", "multihop", KD(), PlainFit(), (Hop(BRIDGE, KD(), None, "bridge"),)),
    Way("both", "multihop", Dense(KD()), PlainFit(), (Hop(BRIDGE, KD(), None, "bridge"),)),
    Way("control", "control", KD(), PlainFit(), (Hop(BRIDGE, NoTransfer(), None, "bridge"),), uses_teacher=False),
]


@pytest.fixture
def data() -> TransferSet:
    rng = np.random.default_rng(0)
    return TransferSet.for_classification(np.c_[np.arange(N_ROWS), rng.normal(size=N_ROWS)], np.arange(N_ROWS) % 2)


@pytest.mark.filterwarnings("ignore::stepdown.core.SignalWarning")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_nothing_that_helped_to_make_a_target_has_seen_the_rows_of_the_fold(way, data) -> None:
    problem = Task(as_teacher(Remembers().fit(data.X, data.y)), TREE, data, 0)
    validation = Validation(problem, folds=3)
    for place, (train, test) in enumerate(validation.splits):
        Remembers.seen.clear()
        validation.folds_of([way], [place])
        assert Remembers.seen >= set(train.tolist())
        assert not Remembers.seen & set(test.tolist())


def test_rows_made_for_a_frozen_teacher_are_made_of_the_training_part(data) -> None:
    frozen = FrozenEstimator(RandomForestClassifier(5, random_state=0).fit(data.X, data.y))
    maker = Resample(1)
    whole = data.replace(X_unlabeled=maker.synthesise(data.X, seed=0))
    problem = Task(as_teacher(frozen), RemembersBag(3), whole, 0, maker=maker.synthesise)
    validation = Validation(problem, folds=2)
    for place, (_, test) in enumerate(validation.splits):
        Remembers.seen.clear()
        validation.folds_of([Way("rows", "one-hop-rows", ModelCompression(), PlainFit())], [place])
        assert not Remembers.seen & set(test.tolist())


@pytest.mark.parametrize("teacher", [RandomForestClassifier(5), LogisticRegression()], ids=lambda model: repr(model))
@pytest.mark.parametrize(
    "labels", [[0, 0, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2, 2]], ids=["few", "rare", "three"]
)
def test_few_rows_are_no_obstacle(teacher, labels) -> None:
    X = np.c_[np.arange(len(labels)), np.arange(len(labels)) ** 2]
    clf = MultihopClassifier(teacher, TREE, cv=2, random_state=0, trainer=PlainFit()).fit(X, labels)
    assert {row["way"] for row in clf.comparison_} >= {"labels", "one-hop", "control"}


@pytest.mark.parametrize("n_groups", [2, 3])
def test_few_groups_are_no_obstacle(n_groups, data) -> None:
    groups = np.arange(N_ROWS) // 2 % n_groups
    clf = MultihopClassifier(RandomForestClassifier(5), TREE, cv=2, random_state=0, trainer=PlainFit())
    assert clf.fit(data.X, data.y, groups=groups).comparison_
    assert clf.set_params(teacher=LogisticRegression()).fit(data.X, data.y, groups=groups).comparison_


def test_what_a_frozen_teacher_may_have_seen_is_said(data) -> None:
    frozen = FrozenEstimator(RandomForestClassifier(5, random_state=0).fit(data.X, data.y))
    clf = MultihopClassifier(frozen, TREE, random_state=0, trainer=PlainFit())
    said = {row["way"]: row["validated"] for row in clf.fit(data.X, data.y).comparison_}
    honest = {"plain", "labels", "control"}
    assert {way for way, how in said.items() if how == "cross-validation"} == honest
    assert {how for way, how in said.items() if way not in honest} == {"frozen"}
    clf.set_params(teacher=frozen.estimator).fit(data.X, data.y)
    assert {row["validated"] for row in clf.comparison_} == {"cross-validation"}


def test_repeats_cut_the_rows_anew_and_count_that_training_sets_overlap(data) -> None:
    """Against numbers by hand: means over all folds, and Nadeau and Bengio's variance of the mean of ten folds."""
    weight = np.random.default_rng(1).uniform(0.5, 2.0, N_ROWS)
    problem = Task(as_teacher(RandomForestClassifier(5, random_state=0).fit(data.X, data.y)), TREE, data, 0)
    for given in (data, data.replace(sample_weight=weight)):
        problem.data = given
        validation = Validation(problem, folds=2, repeats=5)
        assert len({frozenset(test.tolist()) for _, test in validation.splits}) == 10
        ways = [WAYS[0], Way("labels", "labels", NoTransfer(), PlainFit(), uses_teacher=False)]
        folds = [[fold.score for fold in parts] for parts in validation.folds_of(ways, range(10))]
        scores = validation.together(ways, folds)
        per_fold = [
            np.average(a - b, weights=None if given is data else weight[test])
            for a, b, (_, test) in zip(*folds, validation.splits, strict=True)
        ]
        mean, error = scores.difference(0, 1)
        assert mean == pytest.approx(np.mean(per_fold), abs=0.01 if given is not data else 1e-12)
        assert error == pytest.approx(np.sqrt(np.var(per_fold, ddof=1) * (1 / 10 + 30 / 30)))
        assert scores.values.shape == (2, N_ROWS)


def test_one_cut_has_the_same_correction(data) -> None:
    """Two halves: the variance over rows, which is a half of a fold's, times 1 + 2 · 1."""
    problem = Task(as_teacher(RandomForestClassifier(5, random_state=0).fit(data.X, data.y)), TREE, data, 0)
    validation = Validation(problem, folds=2)
    ways = [WAYS[0], Way("labels", "labels", NoTransfer(), PlainFit(), uses_teacher=False)]
    folds = [[fold.score for fold in parts] for parts in validation.folds_of(ways, range(2))]
    gaps = np.concatenate(folds[0]) - np.concatenate(folds[1])
    expected = np.std(gaps, ddof=1) / np.sqrt(N_ROWS) * np.sqrt(3)
    assert validation.together(ways, folds).difference(0, 1) == pytest.approx((gaps.mean(), expected))
