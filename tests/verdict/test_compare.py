import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown import KD, Fixed, MultihopClassifier, MultihopRegressor, compare
from stepdown.core import InvalidInputError
from stepdown.verdict import render_text as summary_text

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
    names = [way["name"] for way in summary["ways"]]
    assert names == ["plain", "labels", "one-hop", "multihop", "control", "chosen", "teacher", "baseline"]
    assert all(len(way["scores"]) == 3 for way in summary["ways"])
    assert {"better training", "the teacher", "the hops"} <= {row["question"] for row in summary["comparisons"]}


def test_answers_to_held_out_rows_are_kept_once(wine) -> None:
    X, y = wine
    names = np.array(["a", "b", "c"])[y]
    folds = RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)
    verdict = compare(CLF, X, names, cv=folds)
    found = verdict.answers
    assert sorted(found["y"]) == sorted(names)
    for way in ("chosen", "plain", "teacher", "baseline"):
        scores = next(row["scores"] for row in verdict.to_dict()["ways"] if row["name"] == way)
        right = np.mean(found["classes"][found[way].argmax(axis=1)] == found["y"])
        assert right == pytest.approx(np.mean(scores[:2])), "89 rows in either half"


def test_the_verdict_has_tables_and_a_sentence(verdict) -> None:
    means = {way["name"]: way["mean"] for way in verdict.to_dict()["ways"]}
    assert dict(zip(verdict.ways.to_frame()["way"], verdict.ways.to_frame()["score"], strict=True)) == means
    assert not {"[", "{"} & set(repr(verdict.ways))
    frame = verdict.comparisons.to_frame()
    assert len(frame) == len(verdict.comparisons) == repr(verdict.comparisons).count("\n")
    assert sum(verdict.chosen.values()) == 3
    assert verdict.sentence in " ".join(str(verdict).split())


def test_a_teacher_that_no_fold_used_is_told_first(wine) -> None:
    student = make_pipeline(StandardScaler(), LogisticRegression())
    verdict = compare(MultihopClassifier(RandomForestClassifier(5), student, search=Fixed("labels")), *wine, cv=2)
    line = "The teacher is not used in 2 of 2 outer folds: 'labels' was chosen there."
    assert verdict.summary["teacher_unused"] == line == str(verdict).splitlines()[0]
    assert verdict.sentence.startswith(line)
    assert line in verdict._repr_html_().split("</p>")[0].replace("&#x27;", "'")


class Noted(KD):
    """Says what its targets are made of."""

    def supervise(self, teachers, student, data, *, seed=None):
        told = super().supervise(teachers, student, data, seed=seed)
        return told.replace(notes={"teacher": data.n_samples / 178, "labels": 0.25})


def test_what_each_model_was_worth_to_the_targets_is_told(wine) -> None:
    clf = CLF.__class__(RandomForestClassifier(5), DecisionTreeClassifier(max_depth=2), methods=Noted(), random_state=0)
    verdict = compare(clf.set_params(intermediates=[], search=Fixed("one-hop")), *wine, cv=2)
    ways = {way["name"]: way["notes"] for way in verdict.summary["ways"]}
    assert ways["one-hop"] == {"teacher": 0.5, "labels": 0.25}  # of 178 rows half learn in a fold
    assert ways["plain"] == {} == ways["teacher"]
    assert "The targets of one-hop transfer are made of: teacher 0.50, labels 0.25." in verdict.sentence
    assert "The teacher is not used" not in str(verdict)


def test_differences_are_those_of_the_scores(verdict) -> None:
    summary = verdict.to_dict()
    scores = {way["name"]: np.array(way["scores"]) for way in summary["ways"]}
    for row in summary["comparisons"]:
        assert row["difference"] == pytest.approx((scores[row["a"]] - scores[row["b"]]).mean())
        assert row["verdict"] in {"better", "worse", "no practical difference", "undecided"}


def test_the_summary_is_plain_json_and_prints(verdict) -> None:
    assert json.loads(json.dumps(verdict.to_dict())) == verdict.to_dict()
    text = str(verdict)
    assert "multihop" in text
    assert "one-hop" in text
    assert "<table" in verdict._repr_html_()


def test_the_held_out_rows_choose_nothing() -> None:
    """On labels that are pure chance no way can be better than guessing; a leak would show."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 5)), rng.integers(0, 2, 200)
    summary = compare(CLF, X, y, cv=5).to_dict()
    assert all(abs(way["mean"] - 0.5) < 0.12 for way in summary["ways"])
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
    assert all(way["mean"] <= 0 for way in summary["ways"])


def test_regression() -> None:
    from sklearn.datasets import load_diabetes

    reg = MultihopRegressor(RandomForestRegressor(20), DecisionTreeRegressor(max_depth=2), random_state=0)
    summary = compare(reg, *load_diabetes(return_X_y=True), cv=2).to_dict()
    assert summary["task"] == "regression"
    assert summary["scorer"] == "r2"


def test_without_intermediates_there_is_no_multihop(wine) -> None:
    names = {way["name"] for way in compare(CLF.set_params(intermediates=[]), *wine, cv=2).to_dict()["ways"]}
    CLF.set_params(intermediates="auto")
    assert "multihop" not in names
    assert "control" not in names


def test_a_frozen_teacher_is_named_as_one_that_may_have_seen_the_rows(wine, verdict) -> None:
    forest = FrozenEstimator(RandomForestClassifier(10, random_state=0).fit(*wine))
    frozen = compare(clone(CLF).set_params(teacher=forest, search=Fixed("one-hop")), *wine, cv=2)
    assert "may have seen the held-out rows" in " ".join(str(frozen).split())
    assert "may have seen the held-out rows" not in " ".join(str(verdict).split())


def test_groups_stand_on_one_side_of_every_fold(wine) -> None:
    """Random labels, every row twice: only folds that split pairs can look better than chance."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)), rng.integers(0, 2, 80)
    twice, labels, groups = np.r_[X, X], np.r_[y, y], np.r_[np.arange(80), np.arange(80)]
    tree = DecisionTreeClassifier(max_depth=8)
    clf = MultihopClassifier(RandomForestClassifier(20), tree, search=Fixed("one-hop"), random_state=0)
    means = {way["name"]: way["mean"] for way in compare(clf, twice, labels, cv=3, groups=groups).to_dict()["ways"]}
    assert means["teacher"] < 0.65


# Refused before anything is fitted ----------------------------------------------------------------------------------


class NeverFit(RandomForestClassifier):
    """A teacher whose training would take an hour."""

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("the hour has begun")


SLOW = MultihopClassifier(NeverFit(), DecisionTreeClassifier(max_depth=2), random_state=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rope": -0.1}, "rope=-0.1"),
        ({"rope": "wide"}, "rope='wide'"),
        ({"rope": float("nan")}, "rope=nan"),
        ({"level": 95}, "level=95"),
        ({"level": 0.3}, "level=0.3"),
        ({"scoring": "beauty"}, "scoring='beauty': there is no such scorer"),
        ({"scoring": 3}, "scoring=3: expected the name of a scorer"),
        ({"scoring": "r2"}, "scoring='r2' doesn't score classes; take 'accuracy'"),
        ({"scoring": "f1"}, "scoring='f1' can't score these targets: .*'f1_macro'"),
        ({"scoring": "roc_auc"}, "scoring='roc_auc' can't score these targets: multi_class must be"),
        ({"cv": 1}, "cv=1 gives no outer folds"),
        ({"cv": 100}, "cv=100 gives no outer folds"),
        ({"cv": []}, r"cv=\[\] gives 0 outer folds; expected at least 2"),
        ({"cv": [(range(9), range(9, 178))]}, "cv=.* gives 1 outer folds; expected at least 2"),
        ({"sample_weight": np.ones(7)}, r"sample_weight has shape \(7,\) for 178 rows"),
        ({"sample_weight": -np.ones(178)}, "sample_weight: .*[Nn]egative"),
        ({"sample_weight": np.eye(178)[0]}, "an outer fold have weight 0"),
        ({"groups": np.ones(7)}, r"groups has shape \(7,\) for 178 rows"),
        ({"groups": 3}, r"groups has shape \(\)"),
    ],
    ids=str,
)
def test_what_cannot_be_judged_is_refused_before_anything_is_fitted(wine, options, words) -> None:
    with pytest.raises(InvalidInputError, match=words):
        compare(SLOW, *wine, **options)


@pytest.mark.parametrize(
    ("label", "words"),
    [(None, "1 labels are missing .*rows \\[3\\]"), (float("nan"), "1 labels are missing"), (2, "mixes texts with")],
)
@pytest.mark.parametrize("act", [lambda X, y: compare(SLOW, X, y), lambda X, y: SLOW.fit(X, y)], ids=["compare", "fit"])
def test_labels_that_cannot_be_learned(wine, act, label, words) -> None:
    y = np.array(["a", "b", "c"], dtype=object)[wine[1]]
    y[3] = label
    with pytest.raises(InvalidInputError, match=words):
        act(wine[0], y)


def test_numbers_of_rows_and_names_of_columns(wine) -> None:
    with pytest.raises(InvalidInputError, match=r"y has shape \(177,\) for 178 rows"):
        compare(SLOW, wine[0], wine[1][1:])
    twice = pd.DataFrame(wine[0], columns=["a", "a", *map(str, range(11))])
    for act in (compare, MultihopClassifier.fit):
        with pytest.raises(InvalidInputError, match=r"columns \['a'\] appear more than once"):
            act(SLOW, twice, wine[1])


def test_a_scorer_asks_for_what_the_models_have(wine) -> None:
    hard = MultihopClassifier(NeverFit(), RidgeClassifier(), random_state=0)
    with pytest.raises(InvalidInputError, match="asks models for predict_proba, which RidgeClassifier lacks"):
        compare(hard, *wine, scoring="neg_log_loss")


def table(wine):
    """Numbers with a gap, and a column of texts."""
    X = pd.DataFrame(wine[0][:, :3], columns=["a", "b", "c"])
    X["kind"] = np.where(X["a"] > X["a"].median(), "high", "low")
    return X


def prepared(model):
    return make_pipeline(
        make_column_transformer((OneHotEncoder(), ["kind"]), (SimpleImputer(), ["a", "b", "c"])), model
    )


def test_the_model_that_prepares_nothing_is_named(wine) -> None:
    X, y = table(wine), wine[1]
    tree = DecisionTreeClassifier(max_depth=2)
    cases = [
        (prepared(NeverFit()), tree, X, "student: DecisionTreeClassifier can't take .*convert string to float"),
        (NeverFit(), prepared(tree), X, "teacher: NeverFit can't take"),
        (FrozenEstimator(prepared(RandomForestClassifier(3)).fit(X, y)), tree, X, "student: DecisionTreeClassifier"),
    ]
    gaps = X.assign(a=X["a"].where(X["a"] > 12))
    line = make_pipeline(SimpleImputer(), LogisticRegression(max_iter=200))
    numbers = gaps[["a", "b", "c"]]
    cases += [
        (make_pipeline(SimpleImputer(), NeverFit()), LogisticRegression(), numbers, "student: LogisticRegression.*NaN"),
        (GradientBoostingClassifier(), line, numbers, "teacher: GradientBoostingClassifier.*NaN"),
        (GradientBoostingClassifier(), line, numbers.to_numpy(), "teacher: GradientBoostingClassifier.*NaN"),
    ]
    for teacher, student, rows, words in cases:
        with pytest.raises(InvalidInputError, match=words):
            MultihopClassifier(teacher, student, random_state=0).fit(rows, y)


def test_models_that_read_categories_and_gaps_by_themselves_may_have_them(wine) -> None:
    X, y = table(wine), wine[1]
    X["kind"] = X["kind"].astype("category")
    X.loc[::5, "a"] = np.nan
    boosting = HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype")
    student = prepared(DecisionTreeClassifier(max_depth=2))
    clf = MultihopClassifier(boosting, student, search=Fixed("one-hop"), cv=2, random_state=0).fit(X, y)
    assert clf.score(X, y) > 0.5


# Weights and unlabelled rows ----------------------------------------------------------------------------------------


def test_weights_count_in_the_score(wine) -> None:
    """Rows of weight 0 have wrong labels: whoever counts them alike can't score more than two thirds."""
    X, y = wine
    wrong = np.arange(len(y)) % 3 == 0
    labels = np.where(wrong, (y + 1) % 3, y)
    weight = np.where(wrong, 0.0, 2.0)
    clf = clone(CLF).set_params(search=Fixed("one-hop"))
    summary = compare(clf, X, labels, cv=3, sample_weight=weight).to_dict()
    means = {way["name"]: way["mean"] for way in summary["ways"]}
    assert min(means[name] for name in ("teacher", "plain", "one-hop")) > 0.8
    assert summary["weighted"] == "training and score"
    assert "rows weighted in training and score" in summary_text(summary)

    def plain_accuracy(model, X, y):
        return float(np.mean(model.predict(X) == y))

    summary = compare(clf, X, labels, cv=3, sample_weight=weight, scoring=plain_accuracy).to_dict()
    assert all(way["mean"] < 0.75 for way in summary["ways"])
    assert summary["weighted"] == "training"


def test_scores_are_those_of_the_scorer_with_weights() -> None:
    rng = np.random.default_rng(0)
    X, y, weight = rng.normal(size=(60, 2)), rng.normal(size=60), rng.uniform(size=60)
    reg = MultihopRegressor(
        FrozenEstimator(LinearRegression().fit(X, y)), DecisionTreeRegressor(max_depth=2), random_state=0
    )
    folds = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]
    summary = compare(reg, X, y, cv=folds, sample_weight=weight).to_dict()
    found = next(way["scores"][0] for way in summary["ways"] if way["name"] == "teacher")
    says = reg.teacher.predict(X[40:])
    residual = np.sum(weight[40:] * (y[40:] - says) ** 2)
    total = np.sum(weight[40:] * (y[40:] - np.average(y[40:], weights=weight[40:])) ** 2)
    assert found == pytest.approx(1 - residual / total)


def test_unlabelled_rows_reach_every_fold(wine) -> None:
    X, y = wine
    seen = []

    class Counting(StandardScaler):
        def transform(self, X, copy=None):
            seen.append(len(X))
            return super().transform(X, copy)

    clf = MultihopClassifier(RandomForestClassifier(10), DecisionTreeClassifier(max_depth=2), random_state=0)
    summary = compare(make_pipeline(Counting(), clf), X[20:], y[20:], cv=2, X_unlabeled=X[:20]).to_dict()
    assert "one-hop-rows" in {way["name"] for way in summary["ways"]}
    assert seen.count(20) == 2
    with pytest.raises(ValueError, match="X_unlabeled"):
        compare(SLOW, X, y, X_unlabeled=X[:, :2])


# A hold-out ---------------------------------------------------------------------------------------------------------


def test_a_hold_out_is_scored_by_models_of_all_rows(wine) -> None:
    X, y = wine
    test = np.arange(len(y)) % 3 == 0
    verdict = compare(CLF, X[~test], y[~test], test=(X[test], y[test])).to_dict()
    assert verdict["hold_out"] == {"rows": 60, "parts": 6}
    means = {way["name"]: way["mean"] for way in verdict["ways"]}
    assert means["chosen"] == pytest.approx(CLF.fit(X[~test], y[~test]).score(X[test], y[test]))
    for row in verdict["comparisons"]:
        assert row["difference"] == pytest.approx(means[row["a"]] - means[row["b"]])
    # The rows of the hold-out are counted once each: the standard error of a mean over parts, without any correction.
    row = next(row for row in verdict["comparisons"] if row["question"] == "everything together")
    scores = {way["name"]: np.array(way["scores"]) for way in verdict["ways"]}
    gaps = scores["chosen"] - scores["plain"]
    half = 2.5706 * gaps.std(ddof=1) / np.sqrt(6)  # the quantile of Student's t with 5 degrees of freedom
    assert row["high"] - row["difference"] == pytest.approx(half, rel=1e-4)
    assert "other training rows" in summary_text(verdict).replace("\n", " ")
    assert "60 held-out rows" in summary_text(verdict)
    json.dumps(verdict, allow_nan=False)


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (lambda X, y: X, "X_test, y_test"),
        (lambda X, y: (X[:9], y[:9]), "at least 20"),
        (lambda X, y: (X, y[1:]), "as many of either"),
        (lambda X, y: (X[:, 1:], y), "expected 13 columns"),
        (lambda X, y: (X, y + 7), "aren't among those of y"),
    ],
)
def test_a_hold_out_that_does_not_fit(wine, test, words) -> None:
    with pytest.raises(InvalidInputError, match=words):
        compare(SLOW, *wine, test=test(*wine))
    with pytest.raises(InvalidInputError, match="exclude each other"):
        compare(SLOW, *wine, test=wine, cv=3)
