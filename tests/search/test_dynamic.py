"""The wide search: what it may spend, by what it values, what it writes down."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import log_loss
from sklearn.svm import LinearSVC
from sklearn.tree import BaseDecisionTree, DecisionTreeClassifier, DecisionTreeRegressor

from stepdown import KD, ConfWeight, DynamicProgramming, MultihopClassifier, MultihopRegressor, SRatio, compare
from stepdown.core import BudgetSpentError, TransferMethod, TransferSet
from stepdown.learners import training_signal
from stepdown.methods import Dense, Mixture
from stepdown.methods._reweighting import student_signal
from stepdown.search import Gate
from stepdown.search._answers import value_of
from stepdown.search._budget import Budget
from stepdown.trainers import PlainFit

TREE = DecisionTreeClassifier(max_depth=2)
MIDS = [("deep", DecisionTreeClassifier(max_depth=5)), ("mid", DecisionTreeClassifier(max_depth=3))]


def chain(search, **changes) -> MultihopClassifier:
    """Trees only, so that no signal is out of bag and everything that is made is a tree."""
    given = {"methods": [KD(), ConfWeight()], "intermediates": MIDS, "trainer": PlainFit(), "random_state": 0}
    return MultihopClassifier(DecisionTreeClassifier(), TREE, search=search, **(given | changes))


@pytest.fixture
def rows(noisy):
    """Rows on which a full tree is much larger than the candidates."""
    return noisy[:2]


@pytest.fixture
def trees_grown(monkeypatch) -> list[int]:
    """How many trees are grown, by whatever way."""
    count, grow = [0], BaseDecisionTree._fit

    def counting(self, *args, **kwargs):
        count[0] += 1
        return grow(self, *args, **kwargs)

    monkeypatch.setattr(BaseDecisionTree, "_fit", counting)
    return count


@pytest.mark.filterwarnings("ignore::stepdown.core.ComplexityWarning")  # as the chain may happen to be
@pytest.mark.parametrize("max_fits", [30, 61, 90, 140, None])
@pytest.mark.parametrize("methods", [[KD(), ConfWeight()], [Dense(KD(cv=3)), SRatio()]], ids=["plain", "dear"])
def test_no_more_models_are_made_than_allowed(max_fits, methods, rows, trees_grown) -> None:
    clf = chain(DynamicProgramming(max_fits=max_fits, margin=0.0), methods=methods).fit(*rows)
    teacher_and_shipped = 2
    spent = sum(row["fits"] for row in clf.candidates_)
    assert trees_grown[0] <= (max_fits or np.inf) + teacher_and_shipped
    if max_fits is None:
        assert spent > 80
    else:
        assert spent <= max_fits
    # What is counted is what is made; plain training for the lower end of the ladder has no row.
    assert trees_grown[0] <= spent + teacher_and_shipped + 1
    assert trees_grown[0] >= 0.9 * spent


def test_every_way_of_the_gate_is_scored_before_anything_else(rows) -> None:
    clf = chain(DynamicProgramming(max_fits=140)).fit(*rows)
    ways = [row for row in clf.candidates_ if row["target"] == "student"]
    assert len(ways) >= len(chain(Gate()).fit(*rows).comparison_)
    assert clf.comparison_


def test_no_time_means_no_comparison_and_still_a_student(rows, caplog) -> None:
    with caplog.at_level(logging.WARNING, "stepdown"):
        clf = chain(DynamicProgramming(max_seconds=1e-9)).fit(*rows)
    assert clf.candidates_ == [] == clf.comparison_
    assert clf.student_.get_depth() <= 2
    assert "one-hop, KD() is taken unseen" in caplog.text
    assert compare(chain(DynamicProgramming(max_seconds=1e-9)), *rows, cv=2).to_dict()["chosen"]


def test_time_that_runs_out_ends_the_search_between_ways(rows, monkeypatch) -> None:
    """The clock stands still but for one second a fold: nothing may begin behind the deadline."""
    from stepdown.search import _budget, _validate

    now = [0.0]
    monkeypatch.setattr(_budget.time, "monotonic", lambda: now[0])
    score = _validate._score_fold

    def a_second_each(*args):
        now[0] += 1.0
        return score(*args)

    monkeypatch.setattr(_validate, "_score_fold", a_second_each)
    chain(DynamicProgramming(max_seconds=4.5)).fit(*rows)
    assert 4.5 < now[0] <= 4.5 + 3


def test_a_budget_for_nothing_still_gives_a_student(rows) -> None:
    assert chain(DynamicProgramming(max_fits=1)).fit(*rows).candidates_ == []


def test_budgets() -> None:
    budget = Budget(5, None)
    budget.count(4)
    with pytest.raises(BudgetSpentError, match="limit of 5"):
        budget.count(2)
    budget.count(1)
    assert (budget.spent, budget.allows(1)) == (5, False)
    for wrong in ({"max_fits": 0}, {"max_seconds": -1.0}):
        with pytest.raises(ValueError, match="a budget must be positive"):
            chain(DynamicProgramming(**wrong)).fit(np.zeros((10, 1)), np.arange(10) % 2)


class InParts(TransferMethod):
    """A third party's, whose folds are called otherwise, and which fits models for its own ends."""

    def __init__(self, parts: int = 5) -> None:
        self.parts = parts

    def supervise(self, teachers, student, data, *, seed=None):
        said = student_signal(student, data, signals="out-of-fold", cv=self.parts, seed=seed)
        taught = training_signal(teachers[-1], data, cv=self.parts, seed=seed)
        return data.replace(y=(said.values + taught.values) / 2)


@pytest.mark.parametrize("method", [InParts(7), Dense(InParts(3)), Mixture([(1.0, InParts(4)), (1.0, KD(cv=6))])])
@pytest.mark.parametrize("max_fits", [40, 100, 300])
def test_fits_are_counted_where_they_are_made(method, max_fits, rows, trees_grown) -> None:
    """Whatever a method's parameters are called: nothing is guessed from their names."""
    clf = chain(DynamicProgramming(max_fits=max_fits, margin=0.0), methods=method).fit(*rows)
    spent = sum(row["fits"] for row in clf.candidates_)
    teacher_and_shipped = 2
    # Plain training for the lower end of the ladder has no row.
    assert spent <= trees_grown[0] - teacher_and_shipped <= min(spent + 1, max_fits)


def test_candidates_are_valued_by_the_scorer_and_by_the_weights(rows) -> None:
    X, y = rows
    weight = np.where(y == 0, 5.0, 0.5)
    said = {}
    for scoring in (None, "neg_log_loss"):
        clf = chain(DynamicProgramming(), scoring=scoring).fit(X, y, sample_weight=weight)
        row = next(row for row in clf.candidates_ if row["source"] == "labels" and row["target"] == "deep")
        said[scoring] = row["score"]
    assert 0 < said[None] <= 1
    assert said["neg_log_loss"] < 0
    values = np.random.default_rng(0).dirichlet(np.ones(2), len(y))
    data = TransferSet.for_classification(X, y, sample_weight=weight)
    by_hand = np.sum(weight * (values.argmax(axis=1) == y)) / weight.sum()
    assert value_of(values, data) == pytest.approx(by_hand)
    from sklearn.metrics import get_scorer

    expected = -log_loss(y, values, sample_weight=weight)
    assert value_of(values, data, get_scorer("neg_log_loss")) == pytest.approx(expected)


def test_the_value_of_real_answers(diabetes) -> None:
    X, y = diabetes
    weight = np.random.default_rng(0).uniform(0.1, 2.0, len(y))
    from sklearn.metrics import get_scorer, r2_score

    data, says = TransferSet(X, y, weight), y + np.random.default_rng(1).normal(0, 30, len(y))
    assert value_of(says, data) == pytest.approx(r2_score(y, says, sample_weight=weight))
    assert value_of(says, data, get_scorer("r2")) == pytest.approx(r2_score(y, says, sample_weight=weight))


def counts_leaves(model, X, y) -> float:
    return model.score(X, y) - 0.01 * model.get_n_leaves()


def test_a_scorer_that_looks_into_models_is_refused_by_wide_searches_only(rows) -> None:
    with pytest.raises(ValueError, match=r"counts_leaves.*can't score a model of which only predict"):
        chain(DynamicProgramming(), scoring=counts_leaves).fit(*rows)
    chain(Gate(), scoring=counts_leaves).fit(*rows)


def test_signals_have_the_folds_of_the_chain(rows) -> None:
    for cv in (2, 4):
        clf = chain(DynamicProgramming(), cv=cv, methods=KD(cv=cv)).fit(*rows)
        row = next(row for row in clf.candidates_ if (row["source"], row["target"]) == ("labels", "deep"))
        assert (row["validated"], row["fits"]) == ("out-of-fold", 1 + cv)


@pytest.mark.parametrize("search", [Gate(), DynamicProgramming()], ids=lambda search: type(search).__name__)
def test_the_record_lists_every_hop_and_becomes_a_frame(search, rows) -> None:
    clf = chain(search).fit(*rows)
    assert {row["target"] for row in clf.candidates_} == {"deep", "mid", "student"}
    keys = ["source", "target", "method", "score", "std_error", "validated", "fits", "seconds"]
    assert all(list(row) == keys for row in clf.candidates_)
    assert all(row["fits"] > 0 and row["seconds"] > 0 for row in clf.candidates_)
    taught = [(row["target"], row["method"]) for row in clf.candidates_ if row["source"] == "teacher"]
    assert len(set(taught)) == len(taught)
    assert json.loads(json.dumps(clf.candidates_)) == clf.candidates_
    frame = clf.candidates_.to_frame()
    pd.testing.assert_frame_equal(frame, pd.DataFrame(list(clf.candidates_)))
    by_way = {row["way"]: row["score"] for row in clf.comparison_}
    whole = frame[(frame.target == "student") & (frame.validated == "cross-validation")]
    assert sorted(whole.score) == sorted(by_way.values())


def test_a_way_that_begins_badly_is_given_up_after_a_fold(rows) -> None:
    wild = [("wild", DecisionTreeClassifier(max_depth=8, max_features=1, splitter="random"))]
    clf = chain(DynamicProgramming(max_fits=None), intermediates=wild, methods=KD(weight=1.0)).fit(*rows)
    given_up = [row for row in clf.candidates_ if row["validated"] == "first fold"]
    assert given_up
    assert all(row["fits"] == 1 for row in given_up)
    assert len(clf.comparison_) == sum(row["validated"] == "cross-validation" for row in clf.candidates_)


def test_regression_and_answers_without_probabilities(diabetes, rows) -> None:
    reg = MultihopRegressor(
        RandomForestRegressor(10), DecisionTreeRegressor(max_depth=2), search=DynamicProgramming(60), random_state=0
    ).fit(*diabetes)
    assert all(row["score"] < 1 for row in reg.candidates_ if row["score"] is not None)
    assert reg.comparison_
    mids = [("line", LinearSVC())]
    X, y = rows
    clf = chain(DynamicProgramming(), intermediates=mids, methods=KD())
    clf.set_params(teacher=RandomForestClassifier(30)).fit(X, y)
    assert any(row["target"] == "line" for row in clf.candidates_)


class TakesNoWeights(RandomForestClassifier):
    """Of the right complexity, and not for every method."""

    def fit(self, X, y):
        return super().fit(X, y)


def test_hops_whose_models_do_not_suit_the_method_are_left_out(rows, monkeypatch) -> None:
    """Nobody named these candidates, so nobody can have known."""
    ladder = [("no weights", TakesNoWeights(10, max_depth=4))]
    monkeypatch.setattr("stepdown.search._explore.constructed_ladder", lambda *given: ladder)
    clf = MultihopClassifier(
        RandomForestClassifier(60), TREE, search=DynamicProgramming(150), random_state=0, trainer=PlainFit()
    )
    tried = {(row["target"], row["method"].split("(")[0]) for row in clf.fit(*rows).candidates_}
    assert {("no weights", "NoTransfer"), ("student", "ConfWeight")} <= tried
    assert not tried & {("no weights", "ConfWeight"), ("no weights", "SRatio")}


def test_folds_at_a_time_change_nothing(rows) -> None:
    one = chain(DynamicProgramming()).fit(*rows)
    with parallel_config("threading", n_jobs=2):
        two = chain(DynamicProgramming()).fit(*rows)
    timeless = [[{**row, "seconds": 0} for row in clf.candidates_] for clf in (one, two)]
    assert timeless[0] == timeless[1]
    np.testing.assert_array_equal(one.predict_proba(rows[0]), two.predict_proba(rows[0]))
