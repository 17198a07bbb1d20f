import json

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown import MultihopClassifier, MultihopRegressor, compare

CLF = MultihopClassifier(RandomForestClassifier(20), DecisionTreeClassifier(max_depth=3), random_state=0)


@pytest.fixture(scope="module")
def verdict(wine):
    return compare(CLF, *wine, cv=3)


@pytest.fixture(scope="module")
def wine():
    from sklearn.datasets import load_wine

    return load_wine(return_X_y=True)


def test_all_ways_stand_side_by_side(verdict) -> None:
    summary = verdict.to_dict()
    names = [arm["name"] for arm in summary["arms"]]
    assert names == ["simple alone", "simple + trainer", "1-hop", "multihop", "control", "chosen", "teacher"]
    assert all(len(arm["scores"]) == 3 for arm in summary["arms"])
    assert {row["part"] for row in summary["attribution"]} == {"better training", "the teacher", "the hops"}


def test_differences_are_those_of_the_scores(verdict) -> None:
    summary = verdict.to_dict()
    scores = {arm["name"]: np.array(arm["scores"]) for arm in summary["arms"]}
    for row in summary["comparisons"]:
        assert row["difference"] == pytest.approx((scores[row["a"]] - scores[row["b"]]).mean())
        assert row["verdict"] in {"better", "worse", "no practical difference", "undecided"}


def test_the_summary_is_plain_json_and_prints(verdict) -> None:
    assert json.loads(json.dumps(verdict.to_dict())) == verdict.to_dict()
    text = str(verdict)
    assert "multihop" in text
    assert "1-hop" in text
    assert "<table" in verdict._repr_html_()


def test_the_held_out_rows_choose_nothing() -> None:
    """On labels that are pure chance no way can be better than guessing; a leak would show."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 5)), rng.integers(0, 2, 200)
    summary = compare(CLF, X, y, cv=5).to_dict()
    assert all(abs(arm["mean"] - 0.5) < 0.12 for arm in summary["arms"])
    assert all(row["verdict"] != "better" for row in summary["comparisons"])


def test_earlier_steps_of_a_pipeline_are_fitted_inside_the_folds(wine) -> None:
    class Spy(StandardScaler):
        seen: list = []  # noqa: RUF012

        def fit(self, X, y=None, sample_weight=None):
            self.seen.append(len(X))
            return super().fit(X, y, sample_weight)

    compare(make_pipeline(Spy(), CLF), pd.DataFrame(wine[0]), wine[1], cv=3)
    assert set(Spy.seen) <= {118, 119}


def test_a_custom_scorer_and_a_linear_student(wine) -> None:
    clf = MultihopClassifier(RandomForestClassifier(10), LogisticRegression(max_iter=500), random_state=0)
    summary = compare(make_pipeline(StandardScaler(), clf), *wine, cv=2, scoring="neg_log_loss").to_dict()
    assert summary["scorer"] == "neg_log_loss"
    assert all(arm["mean"] <= 0 for arm in summary["arms"])


def test_regression() -> None:
    from sklearn.datasets import load_diabetes

    reg = MultihopRegressor(RandomForestRegressor(20), DecisionTreeRegressor(max_depth=2), random_state=0)
    summary = compare(reg, *load_diabetes(return_X_y=True), cv=2).to_dict()
    assert summary["task"] == "regression"
    assert summary["scorer"] == "r2"


def test_without_intermediates_there_is_no_multihop(wine) -> None:
    names = {arm["name"] for arm in compare(CLF.set_params(intermediates=[]), *wine, cv=2).to_dict()["arms"]}
    CLF.set_params(intermediates="auto")
    assert "multihop" not in names
    assert "control" not in names


def test_a_frozen_teacher_is_named_as_one_that_may_have_seen_the_rows(wine) -> None:
    forest = FrozenEstimator(RandomForestClassifier(10, random_state=0).fit(*wine))
    verdict = compare(MultihopClassifier(forest, DecisionTreeClassifier(max_depth=2), random_state=0), *wine, cv=2)
    assert "may have seen the held-out rows" in " ".join(str(verdict).split())
    assert "may have seen the held-out rows" not in " ".join(str(compare(CLF, *wine, cv=2)).split())


def test_groups_stand_on_one_side_of_every_fold(wine) -> None:
    """Random labels, every row twice: only folds that split pairs can look better than chance."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)), rng.integers(0, 2, 80)
    twice, labels, groups = np.r_[X, X], np.r_[y, y], np.r_[np.arange(80), np.arange(80)]
    clf = MultihopClassifier(RandomForestClassifier(20), DecisionTreeClassifier(max_depth=8), random_state=0)
    means = {arm["name"]: arm["mean"] for arm in compare(clf, twice, labels, cv=3, groups=groups).to_dict()["arms"]}
    assert means["teacher"] < 0.65
