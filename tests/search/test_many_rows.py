"""What a search does from 30,000 rows on; here from 400, so that it takes no longer than it must."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from stepdown import MultihopClassifier
from stepdown.core import InvalidInputError, TransferSet
from stepdown.learners import _signals
from stepdown.search import DynamicProgramming, Gate, _inputs, _task
from stepdown.search._task import sample_rows

FITTED_ON = []


class Noting(GaussianNB):
    """Notes which rows, by their first column, each of its fits has seen."""

    def fit(self, X, y, sample_weight=None):
        FITTED_ON.append(np.asarray(X)[:, 0].copy())
        return super().fit(X, y, sample_weight)

    def predict_proba(self, X):
        return super().predict_proba(X)


@pytest.fixture
def many(monkeypatch):
    monkeypatch.setattr(_task, "MANY_ROWS", 400)
    for module in (_task, _inputs, _signals):
        monkeypatch.setattr(module, "ENOUGH_ROWS", 300)
    monkeypatch.setattr(_task, "SAMPLE", 200)
    FITTED_ON.clear()
    X, y = make_classification(800, 6, n_informative=4, flip_y=0.1, random_state=0)
    X[:, 0] = np.arange(800) / 800  # names the rows
    return X, y


def test_a_teacher_is_fitted_three_times_in_all(many):
    clf = MultihopClassifier(Noting(), DecisionTreeClassifier(max_depth=3), random_state=0).fit(*many)
    assert [len(rows) for rows in FITTED_ON] == [800, 400, 400]
    assert {row["way"] for row in clf.comparison_} == {"plain", "labels", "one-hop"}


def test_the_sample_is_scored_by_a_teacher_that_has_not_seen_it(many, monkeypatch):
    samples = []
    sampled = _task.Task.sampled
    monkeypatch.setattr(_task.Task, "sampled", lambda self, **how: samples.append(sampled(self, **how)) or samples[-1])
    MultihopClassifier(Noting(), DecisionTreeClassifier(max_depth=3), random_state=0).fit(*many)
    [sample] = samples
    assert sample.is_apart
    assert sample.data.n_samples == pytest.approx(200, abs=2)
    [mine] = [rows for rows in FITTED_ON[1:] if not np.isin(sample.data.X[:, 0], rows).any()]
    own = Noting().fit(*(part[np.isin(many[0][:, 0], mine)] for part in many))
    assert np.allclose(sample.teacher.model.predict_proba(many[0]), own.predict_proba(many[0]))
    [(_, signal)] = sample.teacher.memo.values()
    assert np.allclose(signal.values, own.predict_proba(sample.data.X))


def test_bagged_and_frozen_teachers_go_as_before(many):
    X, y = many
    student = DecisionTreeClassifier(max_depth=3)
    for teacher in (RandomForestClassifier(15), FrozenEstimator(RandomForestClassifier(15, random_state=0).fit(X, y))):
        clf = MultihopClassifier(teacher, student, random_state=0).fit(X, y)
        assert {row["kind"] for row in clf.comparison_} <= {"plain", "labels", "one-hop", "one-hop-rows"}
        assert clf.score(X, y) > 0.7


def test_intermediates_that_were_given_are_compared_and_made_of_all_rows(many):
    clf = MultihopClassifier(
        GaussianNB(),
        DecisionTreeClassifier(max_depth=2),
        intermediates=[("middle", DecisionTreeClassifier(max_depth=5))],
        random_state=0,
        keep_rungs=True,
    ).fit(*many)
    assert {row["kind"] for row in clf.comparison_} == {"plain", "labels", "one-hop", "multihop", "control"}
    [middle] = [rung for rung in clf.rungs_ if rung.name == "middle"]
    assert middle.model.tree_.n_node_samples[0] == 800


def test_a_killed_search_goes_on_to_the_same_result(many, tmp_path):
    def fit():
        student = DecisionTreeClassifier(max_depth=3)
        return MultihopClassifier(Noting(), student, random_state=0, memory=tmp_path).fit(*many)

    first = fit()
    FITTED_ON.clear()
    second = fit()
    assert not FITTED_ON
    assert [dict(row) for row in first.comparison_] == [dict(row) for row in second.comparison_]
    assert np.array_equal(first.student_.tree_.threshold, second.student_.tree_.threshold)


def test_folds_that_are_given_are_kept(many):
    MultihopClassifier(Noting(), DecisionTreeClassifier(max_depth=3), cv=4, random_state=0).fit(*many)
    assert [len(rows) for rows in FITTED_ON] == [800, *[600] * 4]


def test_folds_are_fewer_the_more_rows_there_are():
    assert [_inputs.default_folds(n) for n in (0, 300, 4_000, 5_000, 6_666, 10_000, 10**6)] == [5, 5, 5, 4, 3, 2, 2]


def test_what_is_made_again_learns_from_so_many_rows_at_most(many, monkeypatch):
    monkeypatch.setattr(_signals, "MOST_LEARNED", 150)
    MultihopClassifier(Noting(), DecisionTreeClassifier(max_depth=3), random_state=0).fit(*many)
    assert [len(rows) for rows in FITTED_ON] == pytest.approx([800, 150, 150], abs=2)


def test_from_enough_rows_on_both_folds_count_until_one_is_enough(many, monkeypatch):
    monkeypatch.setattr(_task, "MANY_ROWS", 10_000)
    student = DecisionTreeClassifier(max_depth=3)
    clf = MultihopClassifier(Noting(), student, random_state=0).fit(*many)
    assert [len(rows) for rows in FITTED_ON] == [800, 400, 400]
    assert len(clf.held_out_.rows) == 200  # of the sample all
    MultihopClassifier(Noting(), student, cv=5, random_state=0).fit(*many)  # as ever
    assert len(FITTED_ON) == 3 + 1 + 5 + 2 * (1 + 5)


def test_scorers_groups_and_the_wide_search(many):
    X, y = many
    groups = np.arange(800) // 4
    for how in ({"scoring": "roc_auc"}, {"search": DynamicProgramming(max_fits=40)}):
        clf = MultihopClassifier(GaussianNB(), DecisionTreeClassifier(max_depth=2), random_state=0, **how)
        clf.fit(X, y, groups=groups)
        assert clf.student_.tree_.n_node_samples[0] == 800


def test_a_sample_holds_every_class_and_whole_groups():
    y = np.array(["a"] * 990 + ["b"] * 8 + ["c"] * 2)
    data = TransferSet.for_classification(np.zeros((1000, 1)), y)
    counts = dict(zip(*np.unique(y[sample_rows(data, 100, 0)], return_counts=True), strict=True))
    assert counts == {"a": 99, "b": 2, "c": 2}
    groups = np.arange(1000) // 7
    rows = sample_rows(data.replace(groups=groups), 100, 0)
    assert 50 < len(rows) <= 100
    assert not np.isin(groups[rows], np.delete(groups, rows)).any()


def test_a_gate_out_of_time_takes_the_preferred_way_and_one_with_time_compares_all():
    X, y = make_classification(200, 4, random_state=0)
    student = DecisionTreeClassifier(max_depth=2)
    hurried = MultihopClassifier(GaussianNB(), student, search=Gate(max_seconds=1e-9), random_state=0).fit(X, y)
    assert hurried.chain_[-1].name == "student"
    assert not hurried.comparison_
    patient = MultihopClassifier(GaussianNB(), student, search=Gate(max_seconds=1e6), random_state=0).fit(X, y)
    usual = MultihopClassifier(GaussianNB(), student, search=Gate(), random_state=0).fit(X, y)
    assert sorted(map(str, patient.comparison_)) == sorted(map(str, usual.comparison_))
    with pytest.raises(InvalidInputError, match="budget must be positive"):
        MultihopClassifier(GaussianNB(), student, search=Gate(max_seconds=0)).fit(X, y)
