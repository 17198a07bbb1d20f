"""A student whose kind is open: honest validation chooses, what ships is an ordinary model within the limit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.tree import BaseDecisionTree, DecisionTreeClassifier

from stepdown import Fixed, MultihopClassifier, MultihopRegressor, Queried, compare, ship
from stepdown.core import InvalidInputError, NotSupportedError
from stepdown.learners import complexity, peel
from stepdown.search import Gate
from stepdown.students import AutoStudentClassifier, AutoStudentRegressor, TreeSumClassifier

FOREST = RandomForestClassifier(15, random_state=0)


def fitted(X, y, student="auto", **rest):
    rest = {"search": Fixed("one-hop"), "random_state": 0} | rest
    return MultihopClassifier(FOREST, student, **rest).fit(X, y)


def rows(n=240, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 6))


def parity(n=240):
    """Classes that no line tells apart."""
    X = np.random.default_rng(0).integers(0, 2, size=(n, 4)).astype(float)
    return X, X[:, :3].sum(axis=1) % 2


@pytest.fixture(scope="module")
def straight():
    X = rows()
    return fitted(X, X @ [3, -3, 2, -2, 1, 0] > 0, AutoStudentClassifier(max_rules=6), keep_rungs=True), X


def test_where_effects_add_up_a_line_ships(straight):
    model, X = straight
    assert peel(model.student_).final.coef_.shape == (1, 5)
    assert np.mean(model.predict(X) == (X @ [3, -3, 2, -2, 1, 0] > 0)) > 0.9
    best = max(model.kinds_, key=lambda row: row["score"])
    assert [row["kind"] for row in model.kinds_ if row["chosen"]] == ["linear"] == [best["kind"]]
    assert all(row["std_error"] > 0 for row in model.kinds_)
    assert model.chain_[-1].score == best["score"]
    assert "linear" in str(model.kinds_)
    assert "Sum" not in model._repr_html_()


def test_where_they_depend_on_each_other_trees_ship():
    X, y = parity()
    model = fitted(X, y)
    assert isinstance(model.student_, BaseDecisionTree | TreeSumClassifier)
    assert model.score(X, y) == 1
    scores = {row["kind"]: row["score"] for row in model.kinds_}
    assert scores["tree"] > scores["linear"] + 0.2


def test_every_kind_is_a_rung_within_the_limit(straight):
    model, _ = straight
    students = [rung for rung in model.rungs_ if rung.name.startswith("student")]
    assert {rung.name for rung in students} == {f"student, {row['kind']}" for row in model.kinds_}
    for rung in students:
        size = complexity(rung.model)
        assert (size.parameters if size.rules is None else size.rules) <= 6
    assert {row["std_error"] for row in model.pareto_} > {row["std_error"] for row in model.kinds_}
    assert model.select(max_rules=6).costs()["rules"] <= 6
    assert "intercept" in ship.rules(model)


def test_scores_are_of_rows_that_nothing_has_seen():
    """Labels of chance can't be guessed, whatever the teacher knows by heart."""
    X = rows(200)
    y = np.random.default_rng(1).integers(0, 2, 200)
    assert all(0.35 < row["score"] < 0.65 for row in fitted(X, y).kinds_)


def test_the_given_student_is_left_alone():
    X, y = parity(80)
    student = AutoStudentClassifier(max_rules=4)
    model = MultihopClassifier(FOREST, student, search=Fixed("labels"), random_state=0)
    assert hasattr(model, "predict_proba")
    one, same = clone(model).fit(X, y), model.fit(X, y)
    assert model.student is student
    np.testing.assert_array_equal(one.predict_proba(X), same.predict_proba(X))


def test_regression_and_gaps():
    X = rows()
    y = X @ [3, -3, 2, -2, 1, 0]
    X[::7, 5] = np.nan
    model = MultihopRegressor(RandomForestRegressor(10), "auto", search=Fixed("labels"), random_state=0).fit(X, y)
    assert model.score(X, y) > 0.95
    assert peel(model.student_).final.coef_.shape == (6,)


def test_more_classes_than_rules_leave_no_line():
    kinds = AutoStudentClassifier(max_rules=8).kinds(n_features=5, n_scores=10)
    assert list(kinds) == ["sum of trees", "tree", "tree, best first", "rule list", "points score"]
    assert kinds["tree"].max_depth == 3
    assert isinstance(kinds["sum of trees"], TreeSumClassifier)


def test_the_verdict_is_about_the_kind_that_ships():
    X, y = parity(120)
    verdict = compare(MultihopClassifier(FOREST, "auto", search=Fixed("labels")), X, y, cv=2)
    assert {"labels", "chosen"} <= {row["way"] for row in verdict.ways}


@pytest.fixture(scope="module")
def judged():
    """A line ships; the tree that stands in for it in the search is far worse."""
    X = rows()
    y = X @ [3, -3, 2, -2, 1, 0] > 0
    return fitted(X, y, AutoStudentClassifier(max_rules=6), search="auto"), X, y


def test_what_is_reported_is_about_the_kind_that_ships(judged):
    """Not about the tree that stood for it while the way was searched."""
    model, _X, y = judged
    chosen = next(row for row in model.comparison_ if row["chosen"])
    kind = next(row for row in model.kinds_ if row["chosen"])
    assert kind["kind"] == "linear"
    assert chosen["score"] == kind["score"] == model.chain_[-1].score
    held = model.held_out_
    assert np.mean(held.answers[held.ways["chosen"]].argmax(axis=1) == y[held.rows]) == pytest.approx(kind["score"])
    labels = next(row for row in model.comparison_ if row["way"] == "labels")
    assert labels["score"] > 0.9  # a line on labels; trees of depth 2 are not
    assert "linear" in ship.report(model).headline or "coefficients" in ship.report(model).headline


def test_the_way_that_is_best_for_the_kind_replaces_that_of_the_stand_in():
    X = rows()
    y = X @ [3, -3, 2, -2, 1, 0] > 0
    model = fitted(X, y, AutoStudentClassifier(max_rules=6), search=Gate(margin=0))
    assert max(row["score"] for row in model.comparison_) == model.chain_[-1].score


@pytest.mark.parametrize(
    ("student", "error", "match"),
    [
        ("best", InvalidInputError, "student='best': expected an estimator, or 'auto'"),
        (AutoStudentClassifier(max_rules=1), ValueError, "max_rules"),
        (AutoStudentRegressor(), NotSupportedError, "student: a classifier is needed here"),
    ],
    ids=["name", "limit", "task"],
)
def test_what_cannot_be_is_refused(student, error, match):
    X, y = parity(40)
    with pytest.raises(error, match=match):
        fitted(X, y, student)


def test_a_label_budget_needs_an_estimator():
    X, y = parity(40)
    teacher = Queried(FrozenEstimator(DecisionTreeClassifier().fit(X, y)), 10)
    with pytest.raises(NotSupportedError, match="student='auto': with a label budget"):
        MultihopClassifier(teacher, "auto").fit(X)
