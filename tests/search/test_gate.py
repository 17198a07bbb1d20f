"""The gate's rule on scores made by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from stepdown import MultihopClassifier
from stepdown.core import TransferSet, as_teacher
from stepdown.learners import BaggedTreesClassifier
from stepdown.methods import KD, ModelCompression, NoTransfer, Synthesiser
from stepdown.search._recipes import preferred_way
from stepdown.search._search import Choice, concluded, leave_home, margin_among
from stepdown.search._task import Task, Way
from stepdown.search._validate import WayScores
from stepdown.trainers import PlainFit

LABELS = Way("labels", "labels", NoTransfer(), PlainFit(), uses_teacher=False)
ONE = Way("one", "one-hop", KD(), PlainFit())
TWO = Way("two", "multihop", KD(), PlainFit())


def scores(*gains: float, biased: tuple[bool, ...] = ()) -> WayScores:
    """Paired scores over 400 rows whose differences have a standard error of about 0.02 times sqrt(2)."""
    rng = np.random.default_rng(0)
    noise = [row - row.mean() for row in rng.normal(0.0, 0.4, (len(gains), 400))]
    return WayScores(np.array([gain + row for gain, row in zip(gains, noise, strict=True)]), "row", biased=biased)


@pytest.mark.parametrize(
    ("biased", "gains", "chosen"),
    [
        ((), (0.0, 0.04), 0),  # two standard errors are 0.057
        ((), (0.0, 0.07), 1),
        ((True, False), (0.0, 0.04), 0),  # what a frozen teacher may have seen is marked, and no reason to choose
        ((True, False), (0.0, 0.07), 1),
        ((False, True), (0.0, 0.07), 1),
        ((True, True, False), (0.0, 0.08, 0.07), 1),
    ],
)
def test_home_is_left_for_what_is_clearly_better(biased, gains, chosen) -> None:
    assert leave_home(scores(*gains, biased=biased), 0, range(len(gains)), 2.0) == chosen


def test_margins_at_the_ends() -> None:
    assert leave_home(scores(0.0, 0.001), 0, range(2), 0.0) == 1
    assert leave_home(scores(0.0, 0.9), 0, range(2), np.inf) == 0


def test_many_rivals_do_not_win_by_being_many() -> None:
    """Thirty ways that are equally good: home is left for one of them as seldom as for a single one."""
    rng = np.random.default_rng(0)
    left = {"one margin": 0, "for so many": 0}
    for _ in range(200):
        equal = WayScores(rng.normal(size=(31, 100)), "row")
        for name, margin in [("one margin", 2.0), ("for so many", margin_among(2.0, 30))]:
            left[name] += leave_home(equal, 0, range(31), margin) != 0
    assert left["for so many"] <= 12 < 35 < left["one margin"] < 65  # of 200; docs/searches.md says a quarter
    assert margin_among(2.0, 1) == pytest.approx(2.0)
    assert (margin_among(0.0, 30), margin_among(np.inf, 30)) == (0.0, np.inf)


@pytest.mark.parametrize(("gain", "chosen"), [(0.07, 0), (0.12, 29)])
def test_ways_that_a_wide_search_adds_need_the_margin_of_many(gain, chosen) -> None:
    """One of 28 further ways needs 3.2 standard errors, where one of the gate's own would need two."""
    own, added = [LABELS, ONE], [Way(f"further {n}", "one-hop", KD(), PlainFit()) for n in range(28)]
    tried = [*own, *added]
    gains = [0.0] * 29 + [gain]
    found = SimpleNamespace(ways=tried, scores=lambda ways: scores(*gains), rows=[], nodes=[], validation=None)
    assert concluded(found, own, LABELS, 2.0).way is tried[chosen]


def test_of_a_kind_the_first_is_the_best_unless_another_is_clearly_better() -> None:
    other = Way("other", "multihop", KD(), PlainFit())
    near = Choice(ONE, None, [ONE, TWO, other], scores(0.0, 0.0, 0.04), margin=2.0)
    far = Choice(ONE, None, [ONE, TWO, other], scores(0.0, 0.0, 0.09), margin=2.0)
    assert (near.best("multihop"), far.best("multihop"), near.best("control")) == (TWO, other, None)
    assert Choice(other, None, [ONE, TWO, other]).best("multihop") is other


def test_a_teacher_that_the_chosen_way_does_not_use_is_told() -> None:
    tried = [LABELS, ONE, TWO]
    text = Choice(LABELS, None, tried, scores(0.0, -0.03, -0.02)).teacher_unused
    assert text.startswith("The teacher is not used: the student was trained by 'labels'; 'two', validated as the best")
    assert "differs from it by -0.020 ± 0.0" in text
    assert Choice(LABELS, None, tried).teacher_unused == "The teacher is not used: the student was trained by 'labels'."
    assert Choice(TWO, None, tried, scores(0.0, 0.0, 0.0)).teacher_unused == ""


def test_rows_count_by_their_weights() -> None:
    """A row of weight 2 is a row that stands there twice, up to the small-sample factor of the error."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(2, 200))
    weights = rng.integers(1, 3, size=200)
    weighted = WayScores(values, "row", weights.astype(float))
    repeated = WayScores(np.repeat(values, weights, axis=1), "row")
    assert weighted.mean(0) == pytest.approx(repeated.mean(0))
    assert weighted.difference(1, 0)[0] == pytest.approx(repeated.difference(1, 0)[0])
    equal = WayScores(values, "row", np.full(200, 3.0))
    assert equal.std_error(0) == pytest.approx(WayScores(values, "row").std_error(0))


def test_validation_on_rows_that_weigh_nothing_says_nothing() -> None:
    """Half the rows, of weight 0, carry the opposite labels: only weighted scores see the other half's truth."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = (X[:, 0] > 0).astype(int)
    weight = np.tile([1.0, 0.0], 200)
    y[1::2] = 1 - y[1::2]
    clf = MultihopClassifier(RandomForestClassifier(10), DecisionTreeClassifier(max_depth=1), random_state=0)
    shown = {row["way"]: row["score"] for row in clf.fit(X, y, sample_weight=weight).comparison_}
    assert shown["plain"] > 0.9
    by_scorer = clone(clf).set_params(scoring="accuracy").fit(X, y, sample_weight=weight)
    assert by_scorer.comparison_[0]["score"] > 0.9


class KeepsItsRows(BaggedTreesClassifier):
    """A student that remembers what it learned from."""

    def fit_soft(self, X, targets, classes, sample_weight=None):
        self.rows_ = np.array(X)
        return super().fit_soft(X, targets, classes, sample_weight)


class Twice(Synthesiser):
    def synthesise(self, X, *, seed=None):
        return np.tile(X, (2, 1))


def test_no_row_made_of_a_validation_row_is_learned_from() -> None:
    X, y = load_iris(return_X_y=True)
    data = TransferSet.for_classification(X, y)
    data = data.replace(X_unlabeled=np.tile(X, (2, 1)))
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    way = Way("one", "one-hop", ModelCompression(), PlainFit())
    known = np.arange(0, 150, 2)
    problem = Task(as_teacher(forest), KeepsItsRows(2), data, seed=0, maker=Twice().synthesise)
    of_them = problem.within(known, 0).fitting(way)().rows_
    assert len(of_them) == 75 * 3
    assert {row.tobytes() for row in of_them} == {row.tobytes() for row in X[known]}
    assert len(problem.within(known, 0).fitting(way, quick=True)().rows_) == 75 * 2
    pool = Task(as_teacher(forest), KeepsItsRows(2), data, seed=0).within(known, 0)
    assert len(pool.fitting(way)().rows_) == 75 + 300


@pytest.mark.parametrize(
    ("student", "frozen", "rows", "expected"),
    [
        (DecisionTreeClassifier(), True, 750, TWO),
        (DecisionTreeClassifier(), True, 751, ONE),  # a bridge pays with few rows only
        (DecisionTreeClassifier(), False, 300, ONE),
        (LogisticRegression(), True, 300, LABELS),
    ],
)
def test_what_is_preferred_before_the_data_have_spoken(student, frozen, rows, expected) -> None:
    ways = [LABELS, ONE, TWO]
    assert preferred_way(ways, student, frozen=frozen, pool=False, n_samples=rows) is expected
