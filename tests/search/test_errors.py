"""Bad input is refused before anything long starts, in words that help."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, make_scorer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown import (
    KD,
    ConfWeight,
    DynamicProgramming,
    Fixed,
    ModelCompression,
    MultihopClassifier,
    MultihopRegressor,
    SRatio,
    TreeSearch,
    compare,
)
from stepdown.core import InvalidInputError
from stepdown.methods import Dense, Munge
from stepdown.search import Gate
from stepdown.trainers import ForestSelection

TREE = DecisionTreeClassifier(max_depth=2)


class NeverFit(RandomForestClassifier):
    """A teacher whose training would take an hour."""

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("the hour has begun")


class Slow(RandomForestRegressor):
    """The same, for real targets."""

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("the hour has begun")


class NeverFitToCategories(HistGradientBoostingClassifier):
    """One that reads columns of categories."""

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("the hour has begun")


def slow(student=TREE, **changes) -> MultihopClassifier:
    return MultihopClassifier(NeverFit(), **{"student": student} | changes)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 3)), np.arange(40) % 2


def test_one_class(rows) -> None:
    with pytest.raises(ValueError, match="one class only"):
        slow().fit(rows[0], np.zeros(40))


def test_a_class_with_one_row(rows) -> None:
    y = rows[1].astype(object)
    y[0] = 7
    with pytest.raises(ValueError, match=r"classes \[7\] have one row each"):
        slow().fit(rows[0], y.astype(int))


def test_fewer_rows_than_folds(rows) -> None:
    with pytest.raises(ValueError, match="fewer rows than folds"):
        slow(cv=50).fit(*rows)


def test_missing_values_where_a_model_cannot_take_them(rows) -> None:
    X = rows[0].copy()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        slow(KNeighborsClassifier()).fit(X, rows[1])
    with pytest.raises(ValueError, match="NaN"):
        MultihopRegressor(RandomForestRegressor(), DecisionTreeRegressor()).fit(rows[0], X[:, 1])


def test_labels_that_the_frozen_teacher_does_not_know(rows) -> None:
    X, y = rows
    teacher = FrozenEstimator(DecisionTreeClassifier().fit(X, y))
    with pytest.raises(ValueError, match=r"teacher.*\[2\]"):
        MultihopClassifier(teacher, TREE).fit(X, np.arange(40) % 3)


def test_a_frozen_teacher_that_was_never_fitted(rows) -> None:
    with pytest.raises(ValueError, match="not fitted"):
        MultihopClassifier(FrozenEstimator(RandomForestClassifier()), TREE).fit(*rows)


@pytest.mark.parametrize("method", [ConfWeight(), SRatio()], ids=repr)
def test_a_student_without_weights_under_a_weight_method(rows, method) -> None:
    with pytest.raises(TypeError, match=r"hop 1 \(-> student.*sample_weight, which KNeighborsClassifier"):
        slow(KNeighborsClassifier(), methods=method, intermediates=[]).fit(*rows)


def test_a_student_that_cannot_take_soft_targets(rows) -> None:
    with pytest.raises(TypeError, match=r"hop 1 \(-> student.*KNeighborsClassifier"):
        slow(KNeighborsClassifier(), methods=KD(), intermediates=[]).fit(*rows)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": "KD"}, "methods='KD'"),
        ({"methods": KD}, "Instances, not classes"),
        ({"methods": []}, "expected transfer methods"),
        ({"intermediates": "some"}, "intermediates='some'"),
        ({"intermediates": [RandomForestClassifier()]}, "not a pair"),
        ({"methods": KD(signals="x"), "intermediates": []}, r"hop 1 \(-> student.*signals='x'"),
        ({"methods": ConfWeight(cv=1), "intermediates": []}, r"hop 1 \(-> student.*cv=1"),
        ({"intermediates": [("student", TREE)]}, "names must differ"),
        ({"trainer": "best"}, "trainer='best'"),
        ({"search": "wide"}, "search='wide'"),
        ({"cv": 1}, "cv=1"),
    ],
)
def test_parameters(rows, changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        slow(**changes).fit(*rows)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"search": Gate(folds=1)}, "folds must be at least 2"),
        ({"search": Fixed("best")}, r"no such way.*'one-hop'"),
        ({"search": Fixed(), "intermediates": []}, "no such way"),
        ({"search": DynamicProgramming(max_fits=-1)}, "budget must be positive"),
        ({"search": DynamicProgramming(patience=0)}, "patience at least 1"),
        ({"scoring": "beauty"}, "beauty"),
    ],
)
def test_searches_and_scorers_are_checked_before_the_teacher_is_fitted(rows, changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        slow(**changes).fit(*rows)


@pytest.mark.parametrize(
    ("scoring", "n_classes", "message"),
    [
        ("f1", 2, "f1_macro"),
        ("f1", 3, "multiclass"),
        ("roc_auc", 3, "multi_class"),
        ("average_precision", 2, "pos_label"),
        (make_scorer(f1_score), 2, "pos_label"),
        ("r2", 2, "doesn't score classes"),
        (accuracy_score, 2, r"expected a scorer such as make_scorer\(accuracy_score\)"),
        (["accuracy"], 2, "callable"),
    ],
)
def test_a_scorer_that_cannot_score_these_targets(rows, scoring, n_classes, message) -> None:
    labels = np.array(["a", "b", "c"])[np.arange(40) % n_classes]
    with pytest.raises(ValueError, match=message):
        slow(scoring=scoring).fit(rows[0], labels)
    with pytest.raises(ValueError, match=message):
        slow(scoring=scoring, keep_rungs=True).fit(rows[0], labels)


def test_a_scorer_that_cannot_score_these_real_targets(rows) -> None:
    teacher = FrozenEstimator(DecisionTreeRegressor())  # not fitted, which is noticed later
    for scoring, message in (("neg_mean_squared_log_error", "less than"), ("accuracy", "real targets")):
        with pytest.raises(ValueError, match=message):
            MultihopRegressor(teacher, DecisionTreeRegressor(), scoring=scoring).fit(rows[0], rows[0][:, 0] - 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"intermediates": [("a", 3)]}, "intermediates: 'a'=3: expected an estimator object"),
        ({"intermediates": [("a", RandomForestClassifier)]}, "'a'=<class .*expected an estimator object"),
        ({"intermediates": [("a", RandomForestRegressor())]}, "'a': a classifier is needed here, got RandomForestReg"),
        ({"trainer": TreeSearch(), "student": LogisticRegression()}, r"hop 1 \(-> student.*TreeSearch fits single"),
        ({"trainer": ForestSelection()}, r"hop 1 \(-> student.*ForestSelection fits random forests"),
    ],
)
def test_models_and_trainers_that_do_not_fit_each_other(rows, changes, message) -> None:
    with pytest.raises(TypeError, match=message):
        slow(**changes).fit(*rows)


def test_parameters_of_models_that_scikit_learn_would_refuse_an_hour_later(rows) -> None:
    with pytest.raises(ValueError, match=r"student: .*max_depth.*-1"):
        slow(DecisionTreeClassifier(max_depth=-1)).fit(*rows)
    with pytest.raises(ValueError, match=r"intermediates: 'mid': .*n_estimators"):
        slow(intermediates=[("mid", RandomForestClassifier(n_estimators=0))]).fit(*rows)
    with pytest.raises(ValueError, match=r"teacher: .*criterion"):
        MultihopClassifier(NeverFit(criterion="beauty"), TREE).fit(*rows)


def test_a_teacher_of_answers_only_under_a_method_that_reads_confidence(rows) -> None:
    with pytest.raises(TypeError, match=r"hop 1 \(-> student, SRatio.*no predict_proba"):
        MultihopClassifier(LinearSVC(), TREE, methods=SRatio(), intermediates=[]).fit(*rows)
    with pytest.raises(TypeError, match=r"hop 2 \(-> student.*LinearSVC.*no predict_proba"):
        slow(methods=Dense(ConfWeight()), intermediates=[("line", LinearSVC())]).fit(*rows)


def test_synthesis_of_rows_that_it_cannot_work_on(rows) -> None:
    X = rows[0].copy()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"hop 1 \(-> student.*Munge.*missing values"):
        slow(methods=ModelCompression(synthesiser=Munge()), intermediates=[]).fit(X, rows[1])


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        (np.zeros((5, 2)), r"X_unlabeled has shape \(5, 2\); expected the 3 columns"),
        (np.full((5, 3), np.inf), "X_unlabeled: .*infinity"),
        ([["a", "b", "c"]], "X_unlabeled: "),
        (np.zeros(3), "X_unlabeled: "),
    ],
)
def test_unlabelled_rows_that_are_not_like_the_others(rows, pool, message) -> None:
    with pytest.raises(ValueError, match=message):
        slow().fit(*rows, X_unlabeled=pool)


def test_unlabelled_rows_of_other_columns(rows) -> None:
    frame = pd.DataFrame(rows[0], columns=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"X_unlabeled has the columns \['c', 'b', 'a'\]"):
        slow().fit(frame, rows[1], X_unlabeled=frame[["c", "b", "a"]])


def test_no_teachers_and_a_regressor_among_them(rows) -> None:
    with pytest.raises(ValueError, match=r"teacher=\[\]"):
        MultihopClassifier([], TREE).fit(*rows)
    with pytest.raises(TypeError, match=r"teacher\[1\]: a classifier is needed here, got RandomForestRegressor"):
        MultihopClassifier([NeverFit(), RandomForestRegressor()], TREE).fit(*rows)


def test_models_of_the_wrong_kind(rows) -> None:
    with pytest.raises(TypeError, match="student: a classifier is needed here"):
        slow(DecisionTreeRegressor()).fit(*rows)
    with pytest.raises(TypeError, match="estimator object"):
        slow(DecisionTreeClassifier).fit(*rows)
    with pytest.raises(TypeError, match="can't be trained"):
        slow(FrozenEstimator(DecisionTreeClassifier().fit(*rows))).fit(*rows)


def test_weights_and_groups(rows) -> None:
    with pytest.raises(ValueError, match=r"all weights are zero|Sample weights"):
        slow().fit(*rows, sample_weight=np.zeros(40))
    with pytest.raises(ValueError, match="one group"):
        slow().fit(*rows, groups=np.zeros(40))
    with pytest.raises(ValueError, match=r"3 groups can't fill cv=5"):
        slow().fit(*rows, groups=np.arange(40) % 3)
    with pytest.raises(ValueError, match=r"classes \[1\] have weight 0"):
        slow().fit(*rows, sample_weight=1.0 - rows[1])
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        slow().fit(*rows, sample_weight=-np.ones(40))


def test_compare_wants_one_of_ours(rows) -> None:
    with pytest.raises(ValueError, match="expected a MultihopClassifier"):
        compare(RandomForestClassifier(), *rows)


def test_several_targets_are_refused_in_words_of_our_own():
    X = np.random.default_rng(0).normal(size=(40, 3))
    with pytest.raises(InvalidInputError, match=r"y has 2 columns, and a chain has one target; fit one chain a column"):
        MultihopRegressor(RandomForestRegressor(5), DecisionTreeRegressor(max_depth=2)).fit(X, X[:, :2])


class Silent(RandomForestClassifier):
    """Of a library of its own, as far as it is known by its module; answers one row, or nothing that is a number."""

    def predict_proba(self, X):
        return self.says(len(X))


@pytest.mark.parametrize("says", [lambda n: np.full((n, 2), np.nan), lambda n: np.full((1, 2), 0.5)])
def test_a_teacher_whose_probabilities_are_none(rows, says) -> None:
    teacher = Silent(2).fit(*rows)
    teacher.says = says
    with pytest.raises(ValueError, match=r"predict_proba returned (NaN or infinity|shape)"):
        MultihopClassifier(FrozenEstimator(teacher), TREE, random_state=0).fit(*rows)


@pytest.mark.parametrize(
    ("changes", "given", "message"),
    [
        ({}, {"sample_weight": 1e308}, "no finite sum"),
        ({}, {"groups": np.nan}, "some rows have no group"),
        ({"random_state": -1}, {}, "random_state=-1: expected a whole number from 0 on"),
        ({"random_state": np.random.default_rng(0)}, {}, "expected a whole number from 0 on"),
        ({"memory": "/dev/null"}, {}, "no folder can be made there"),
    ],
)
def test_numbers_and_folders_that_cannot_be_used(rows, changes, given, message) -> None:
    given = {name: np.where(np.arange(len(rows[1])) % 2, value, 1) for name, value in given.items()}
    with pytest.raises(ValueError, match=message):
        slow(**changes).fit(*rows, **given)


def test_a_masked_array_is_not_read_as_if_nothing_were_masked(rows) -> None:
    with pytest.raises(ValueError, match=r"masked array.*X\.filled"):
        slow().fit(np.ma.masked_greater(rows[0], 0), rows[1])


def test_nullable_whole_numbers_are_not_rounded(rows) -> None:
    labels = pd.Series(np.array(rows[1] == rows[1][0], dtype=int) + 2**60, dtype="Int64")
    clf = MultihopClassifier(RandomForestClassifier(2), TREE, search=Fixed("plain"), random_state=0)
    assert clf.fit(rows[0], labels).classes_.tolist() == [2**60, 2**60 + 1]


def test_targets_that_drown_in_what_they_share(rows) -> None:
    reg = MultihopRegressor(RandomForestRegressor(2), DecisionTreeRegressor(max_depth=2), search=Fixed("plain"))
    with pytest.warns(UserWarning, match="Subtract what"):
        reg.fit(rows[0], 1e12 + rows[0][:, 0])


def test_scores_that_are_no_numbers_are_said(rows, caplog) -> None:
    def scoring(model, X, y):
        return float("nan") if isinstance(model, DecisionTreeClassifier) else 0.5

    MultihopClassifier(RandomForestClassifier(2), TREE, scoring=scoring, cv=2, random_state=0).fit(*rows)
    assert "scoring: plain got scores that are no finite numbers" in caplog.text


@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        (lambda model, X, y: "0.5", r"gave '0.5' \(str\).*expected one number"),
        (lambda model, X, y: None, "gave None"),
        (lambda model, X, y: model.predict(X) == y, r"\(ndarray\)"),
        (lambda model, X, y: float("nan"), "gave nan for a model that always says the same"),
        (lambda truth, told: 1.0, r"can't be called as scorer\(model, X, y\)"),
    ],
)
def test_scorers_that_give_no_number_are_found_before_the_teacher_is_fitted(rows, scoring, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        slow(scoring=scoring).fit(*rows)
    with pytest.raises(InvalidInputError, match=message):
        MultihopRegressor(Slow(), DecisionTreeRegressor(max_depth=2), scoring=scoring).fit(rows[0], rows[0][:, 0])


def test_categories_that_a_booster_refuses_in_its_fit_only(rows) -> None:
    boosters = pytest.importorskip("xgboost")
    frame = pd.DataFrame({"x": rows[0][:, 0], "kind": pd.Categorical(["a", "b"] * 20)})
    student = boosters.XGBClassifier(n_estimators=2, enable_categorical=False)
    teacher = NeverFitToCategories(categorical_features="from_dtype")
    with pytest.raises(InvalidInputError, match=r"student: XGBClassifier can't take these columns.*enable_categorical"):
        MultihopClassifier(teacher, student).fit(frame, rows[1])
