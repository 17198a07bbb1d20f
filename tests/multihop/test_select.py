"""The models of a search as candidates for shipping."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from stepdown import DynamicProgramming, Fixed, MultihopClassifier
from stepdown.core import TransferSet, derive_seed
from stepdown.learners import Complexity, complexity
from stepdown.multihop import Rung
from stepdown.multihop._select import Selecting
from stepdown.search import Gate
from stepdown.search._validate import split_rows

TREE = DecisionTreeClassifier(max_depth=3)


def chain(**changes) -> MultihopClassifier:
    clf = MultihopClassifier(RandomForestClassifier(40), TREE, random_state=0, keep_rungs=True)
    return clf.set_params(**changes)


@pytest.fixture(scope="module")
def fitted(noisy):
    X, y, _, _ = noisy
    return chain(search=DynamicProgramming(max_fits=80)).fit(X, y)


def test_the_rungs_lead_from_the_teacher_to_the_students(fitted, noisy) -> None:
    X_test, y_test = noisy[2:]
    names = [rung.name for rung in fitted.rungs_]
    sizes = [rung.complexity.bytes for rung in fitted.rungs_]
    assert sizes == sorted(sizes, reverse=True)
    assert {"teacher", "12 members", "bridge", "depth 6"} <= set(names)
    assert f"student, {next(row['way'] for row in fitted.comparison_ if row['chosen'])}" in names
    for rung in fitted.rungs_:
        assert rung.model.score(X_test, y_test) > 0.7
        assert rung.complexity == complexity(rung.model)
        assert 0.5 < rung.score < 1
    students = [rung for rung in fitted.rungs_ if rung.name.startswith("student")]
    assert all(rung.model.get_depth() <= 3 and rung.validated == "cross-validation" for rung in students)
    assert any(rung.model is fitted.student_ for rung in students)


def test_scores_of_intermediates_are_of_rows_they_have_not_seen(fitted, noisy) -> None:
    X, y, _, _ = noisy
    teacher = next(rung for rung in fitted.rungs_ if rung.name == "teacher")
    right = np.zeros(len(y))
    for train, test in split_rows(TransferSet.for_classification(X, y), 2, derive_seed(0, "gate")):
        right[test] = clone(teacher.model).fit(X[train], y[train]).predict(X[test]) == y[test]
    assert (teacher.validated, teacher.score) == ("cross-validation", right.mean())
    deep = next(rung for rung in fitted.rungs_ if rung.name == "depth 6")
    assert deep.validated == "cross-validation"
    assert deep.score < deep.model.score(X, y)


def test_the_best_within_a_budget(fitted) -> None:
    everything = fitted.select()
    assert everything.score == max(rung.score for rung in fitted.rungs_)
    small = fitted.select(max_rules=8)
    assert small.complexity.rules <= 8
    assert small.score == max(rung.score for rung in fitted.rungs_ if rung.complexity.rules <= 8)
    assert type(small.model) is DecisionTreeClassifier
    size = fitted.rungs_[-1].complexity.bytes
    assert fitted.select(max_bytes=size).complexity.bytes == size
    fast = min(rung.us_per_row for rung in fitted.rungs_)
    assert fitted.select(max_us_per_row=fast).us_per_row == fast
    assert fitted.select(max_leaves=8, max_nodes=15, max_depth=3).complexity.depth <= 3


def test_no_model_within_a_budget(fitted) -> None:
    least = min(rung.complexity.rules for rung in fitted.rungs_)
    with pytest.raises(ValueError, match=rf"max_rules=1: the least is {least} \(student"):
        fitted.select(max_rules=1)
    with pytest.raises(ValueError, match="max_parameters=5: no model has any"):
        fitted.select(max_parameters=5)
    with pytest.raises(ValueError, match="aren't negative"):
        fitted.select(max_bytes=-1)


def rung(name: str, score: float | None, rules: int | None, size: int) -> Rung:
    return Rung(name, None, Complexity("trees", size, rules=rules, bytes=size), 1.0, score, "")


class Shelf(Selecting, BaseEstimator):
    def __init__(self, *rungs: Rung) -> None:
        self.rungs_ = list(rungs)

    def fit(self) -> None: ...


def test_ties_go_to_the_smaller_and_what_is_not_validated_or_not_counted_is_left_out() -> None:
    shelf = Shelf(rung("a", 0.9, 50, 500), rung("b", 0.9, 50, 400), rung("c", None, 2, 10), rung("d", 0.95, None, 300))
    assert shelf.select().name == "d"
    assert shelf.select(max_rules=60).name == "b"
    with pytest.raises(ValueError, match=r"max_rules=10: the least is 50 \(a\)"):
        shelf.select(max_rules=10)
    with pytest.raises(ValueError, match="nothing was validated"):
        Shelf(rung("c", None, 2, 10)).select()


def test_efficient_is_what_nothing_as_small_beats() -> None:
    shelf = Shelf(
        rung("best", 0.9, 9, 500), rung("worse and larger", 0.8, 9, 600), rung("small", 0.7, 1, 5),
        rung("as good and larger", 0.7, 1, 6), rung("unknown", None, 1, 1),
    )  # fmt: skip
    assert [row["name"] for row in shelf.pareto_ if row["efficient"]] == ["best", "small"]


def test_the_table_is_plain_and_becomes_a_frame(fitted) -> None:
    table = fitted.pareto_
    assert json.loads(json.dumps(table)) == table
    frame = table.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.name) == [rung.name for rung in fitted.rungs_]
    assert frame.efficient.any()


def test_rungs_are_kept_on_request_only_and_pickled(fitted, noisy) -> None:
    X, y, _, _ = noisy
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(
        again.select(max_rules=8).model.predict(X), fitted.select(max_rules=8).model.predict(X)
    )
    clf = clone(fitted).set_params(keep_rungs=False, search=Gate()).fit(X, y)
    assert not hasattr(clf, "rungs_")
    with pytest.raises(ValueError, match="keep_rungs=True"):
        clf.select(max_rules=5)
    with pytest.raises(ValueError, match="not fitted"):
        clone(fitted).select()


def test_the_gate_keeps_its_bridges_and_a_student_of_each_kind(noisy, tmp_path) -> None:
    X, y, _, _ = noisy
    clf = chain().fit(X, y)
    names = [rung.name for rung in clf.rungs_]
    assert names.count("bridge") == 1
    assert sum(name.startswith("student") for name in names) == 5
    kept, read = (chain(memory=tmp_path).fit(X, y) for _ in range(2))
    for other in (kept, read):
        assert [(r.name, r.score) for r in other.rungs_] == [(r.name, r.score) for r in clf.rungs_]


def test_frozen_teachers_say_so_and_fixed_searches_validate_nothing(noisy) -> None:
    X, y, _, _ = noisy
    frozen = FrozenEstimator(RandomForestClassifier(20, random_state=0).fit(X, y))
    clf = chain(teacher=frozen).fit(X, y)
    how = {rung.name: rung.validated for rung in clf.rungs_}
    assert (how["teacher"], how["student, one-hop"]) == ("frozen", "frozen")
    assert (how["student, labels"], how["student, control"]) == ("cross-validation", "cross-validation")
    clf = chain(search=Fixed("one-hop")).fit(X, y)
    assert [(rung.name, rung.score is None) for rung in clf.rungs_] == [("teacher", True), ("student, one-hop", True)]


def test_models_without_rules(noisy) -> None:
    X, y, _, _ = noisy
    net = MLPClassifier((8,), solver="lbfgs", max_iter=5000)
    clf = chain(teacher=net, student=LogisticRegression()).fit(X, y)
    assert clf.select(max_parameters=3).model.coef_.size == 2


def counts_leaves(model, X, y) -> float:
    return model.score(X, y) - 0.01 * model.get_n_leaves()


def test_a_scorer_that_looks_into_models_leaves_intermediates_without_a_score(noisy) -> None:
    X, y, _, _ = noisy
    clf = chain(scoring=counts_leaves).fit(X, y)
    assert [r.score is None for r in clf.rungs_ if not r.name.startswith("student")] == [True, True]
    assert clf.select().name.startswith("student")
