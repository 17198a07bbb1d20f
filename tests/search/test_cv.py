"""`cv` is what scikit-learn's is, and `n_jobs` reaches the teacher's folds."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, RepeatedKFold, ShuffleSplit, StratifiedKFold, TimeSeriesSplit
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown import KD, ConfWeight, ModelCompression, MultihopClassifier, MultihopRegressor, SRatio
from stepdown.core import TransferSet, as_teacher
from stepdown.learners import _signals, training_signal
from stepdown.search import Fixed
from stepdown.search._inputs import read_cv
from stepdown.search._solve import solve
from stepdown.trainers import PlainFit

TREE = DecisionTreeClassifier(max_depth=2)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
Y = (X[:, 0] + RNG.normal(size=80) > 0).astype(int)
GROUPS = np.arange(80) // 8


def chain(**changes):
    return MultihopClassifier(LogisticRegression(), TREE, random_state=0, trainer=PlainFit()).set_params(**changes)


def given(cv, **rest) -> TransferSet:
    return read_cv(cv, TransferSet.for_classification(X, Y, **rest))[1]


@pytest.mark.parametrize(
    "cv",
    [KFold(4), StratifiedKFold(3), GroupKFold(4), ShuffleSplit(3, random_state=0), TimeSeriesSplit(4)],
    ids=lambda cv: type(cv).__name__,
)
@pytest.mark.parametrize("listed", [False, True], ids=["splitter", "iterable"])
def test_the_teacher_answers_in_the_folds_that_are_given(cv, listed) -> None:
    groups = GROUPS if isinstance(cv, GroupKFold) else None
    splits = list(cv.split(X, Y, groups))
    data = given(splits if listed else cv, groups=groups)
    values = training_signal(as_teacher(LogisticRegression().fit(X, Y)), data, cv=7, seed=0).values
    expected, times = np.zeros((80, 2)), np.zeros(80)
    for train, test in splits:
        expected[test] += LogisticRegression().fit(X[train], Y[train]).predict_proba(X[test])
        times[test] += 1
    answered = times > 0
    np.testing.assert_allclose(values[answered], (expected / np.maximum(times, 1)[:, None])[answered], atol=1e-12)
    np.testing.assert_array_equal(values[~answered], np.eye(2)[Y[~answered]])
    rows = {row["way"] for row in chain(cv=splits if listed else cv).fit(X, Y, groups=groups).comparison_}
    assert {"labels", "one-hop", "control"} <= rows


def test_the_same_splits_by_any_name_give_the_same_student() -> None:
    splits = list(KFold(4).split(X))
    fitted = [chain(cv=cv).fit(X, Y) for cv in (KFold(4), splits, iter(splits), RepeatedKFold(n_splits=4, n_repeats=2))]
    for other in fitted[1:3]:
        assert other.comparison_ == fitted[0].comparison_
        np.testing.assert_array_equal(other.predict_proba(X), fitted[0].predict_proba(X))


def test_nothing_learns_from_what_comes_later() -> None:
    """In a series neither a bagged teacher nor validation may look ahead."""
    clf = chain(teacher=RandomForestClassifier(10), cv=TimeSeriesSplit(4))
    problem, choice = solve(clf, X, Y)
    for train, test in choice.validation.splits:
        assert train.max() < test.min()
    assert len(choice.validation.splits) == 2
    assert training_signal(problem.teacher, problem.data, cv=5, seed=0).source == "out-of-fold"


def test_regression() -> None:
    reg = MultihopRegressor(LinearRegression(), DecisionTreeRegressor(max_depth=2), cv=TimeSeriesSplit(3))
    assert reg.set_params(random_state=0, trainer=PlainFit()).fit(X, X[:, 0]).comparison_


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (GroupKFold(3), "groups"),
        ([(np.arange(50), np.arange(40, 80))], "learned from"),
        ([(np.arange(40), np.arange(40, 90))], "expected a number of folds, a splitter"),
        ([(np.arange(40), np.arange(40, 80))], "at least 2 folds"),
        ("five", "expected a number of folds"),
        (2.5, "expected a number of folds"),
    ],
)
def test_what_gives_no_folds_is_refused(cv, message) -> None:
    with pytest.raises(ValueError, match=message):
        chain(cv=cv).fit(X, Y)


@pytest.mark.filterwarnings("ignore::stepdown.core.SignalWarning")
@pytest.mark.parametrize("method", [KD(), ConfWeight(), SRatio(), ModelCompression()], ids=repr)
def test_folds_of_the_teacher_are_made_at_a_time(method, monkeypatch) -> None:
    jobs, run = [], _signals.side_by_side
    monkeypatch.setattr(_signals, "side_by_side", lambda f, calls, n_jobs: jobs.append(n_jobs) or run(f, calls, 1))
    two = chain(methods=method, n_jobs=2, search=Fixed("one-hop")).fit(X, Y)
    assert 2 in jobs
    jobs.clear()
    one = chain(methods=method, search=Fixed("one-hop")).fit(X, Y)
    assert set(jobs) == {None}
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
