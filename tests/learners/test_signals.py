"""What teachers say about rows, and about rows they have been trained on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_diabetes, make_classification
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown.core import InvalidInputError, NotSupportedError, SignalWarning, Teacher, TransferSet, as_teacher
from stepdown.learners import fit_to, fold_rows, predictions, training_signal

X, Y = make_classification(200, 8, n_informative=5, n_classes=3, random_state=0)
NAMES = np.array(["ant", "bee", "cat"])
DATA = TransferSet.for_classification(X, NAMES[Y])
NOISE = TransferSet.for_classification(X, NAMES[np.random.default_rng(0).integers(3, size=200)])


def accuracy(signal, data):
    return np.mean(signal.values.argmax(axis=1) == data.label_index())


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=3, random_state=0)),
        VotingClassifier([("a", DecisionTreeClassifier(max_depth=3, random_state=0))], voting="soft"),
        DecisionTreeClassifier(max_depth=3, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_teacher_with_weights_is_made_again_with_them(model):
    heavy = DATA.replace(sample_weight=np.where(Y == 0, 50.0, 1.0))
    plain, weighted = (training_signal(as_teacher(fit_to(model, data)), data, cv=3, seed=0) for data in (DATA, heavy))
    assert weighted.values[:, 0].mean() > plain.values[:, 0].mean() + 0.2


# predictions ---------------------------------------------------------------------------------------------------------


def test_columns_stand_where_the_classes_do():
    model = LogisticRegression().fit(X[Y != 1], NAMES[Y[Y != 1]])
    values, hard = predictions(model, X, NAMES)
    assert not hard
    np.testing.assert_array_equal(values[:, 1], 0.0)
    np.testing.assert_array_equal(values[:, [0, 2]], model.predict_proba(X))


def test_a_class_that_the_labels_lack_is_an_error():
    model = LogisticRegression().fit(X, NAMES[Y])
    with pytest.raises(InvalidInputError, match=r"knows classes \['bee'\]"):
        predictions(model, X, np.array(["ant", "cat"]))
    with pytest.raises(InvalidInputError, match="knows classes"):
        predictions(model, X, np.array([0, 1, 2]))


def test_hard_answers_are_one_hot():
    model = LinearSVC().fit(X, NAMES[Y])
    values, hard = predictions(model, X, NAMES)
    assert hard
    assert NAMES[values.argmax(axis=1)].tolist() == model.predict(X).tolist()
    np.testing.assert_array_equal(np.sort(values, axis=1), np.tile([0.0, 0.0, 1.0], (200, 1)))


def test_a_model_that_does_not_name_its_classes_is_taken_in_their_order():
    class Foreign:
        def predict_proba(self, X):
            return np.tile([0.2, 0.3, 0.5], (len(X), 1))

    np.testing.assert_array_equal(predictions(Foreign(), X[:1], NAMES)[0], [[0.2, 0.3, 0.5]])
    with pytest.raises(InvalidInputError, match=r"expected \(n_samples, 2\)"):
        predictions(Foreign(), X, NAMES[:2])


def test_real_predictions():
    values, hard = predictions(KNeighborsRegressor(1).fit(X, Y[:, None]), X, None)
    assert (values.shape, hard) == ((200,), False)
    with pytest.raises(NotSupportedError, match="predicts 2 outputs"):
        predictions(KNeighborsRegressor(1).fit(X, np.stack([Y, Y], axis=1)), X, None)
    with pytest.raises(InvalidInputError, match="is a classifier"):
        predictions(DecisionTreeClassifier().fit(X, Y), X, None)


def test_what_is_no_number_is_an_error():
    class Broken:
        def predict_proba(self, X):
            return np.full((len(X), 3), np.nan)

    with pytest.raises(InvalidInputError, match="NaN or infinity"):
        predictions(Broken(), X, NAMES)


# out of bag ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forest",
    [
        RandomForestClassifier(60, oob_score=True, random_state=0),
        RandomForestClassifier(60, oob_score=True, max_samples=0.5, random_state=0, class_weight="balanced_subsample"),
        ExtraTreesClassifier(60, bootstrap=True, oob_score=True, random_state=0),
        BaggingClassifier(n_estimators=60, oob_score=True, random_state=0),
        BaggingClassifier(LogisticRegression(), n_estimators=30, max_features=0.5, oob_score=True, random_state=0),
        BaggingClassifier(LinearSVC(), n_estimators=30, oob_score=True, random_state=0),
    ],
    ids=str,
)
def test_out_of_bag_is_what_scikit_learn_says(forest):
    signal = training_signal(as_teacher(forest.fit(DATA.X, DATA.y)), DATA)
    assert signal.source == "out-of-bag"
    np.testing.assert_allclose(signal.values, forest.oob_decision_function_, atol=1e-12)


@pytest.mark.parametrize(
    "forest",
    [
        RandomForestRegressor(60, oob_score=True, random_state=0),
        BaggingRegressor(n_estimators=60, oob_score=True, random_state=0),
    ],
    ids=str,
)
def test_out_of_bag_regression(forest):
    X, y = load_diabetes(return_X_y=True)
    signal = training_signal(as_teacher(forest.fit(X, y)), TransferSet(X, y))
    assert signal.source == "out-of-bag"
    np.testing.assert_allclose(signal.values, forest.oob_prediction_, atol=1e-9)


def test_out_of_bag_with_weights_and_sparse_rows():
    weight = np.random.default_rng(0).random(200)
    weight[:20] = 0.0
    forest = RandomForestClassifier(60, oob_score=True, random_state=0).fit(csr_matrix(X), DATA.y, weight)
    signal = training_signal(as_teacher(forest), DATA.replace(X=csr_matrix(X), sample_weight=weight))
    assert signal.source == "out-of-bag"
    np.testing.assert_allclose(signal.values, forest.oob_decision_function_, atol=1e-12)


def test_pipelines_are_seen_through_unless_a_step_has_learned_the_labels():
    forest = RandomForestClassifier(60, random_state=0)
    scaled = make_pipeline(StandardScaler(), forest).fit(DATA.X, DATA.y)
    assert training_signal(as_teacher(scaled), DATA).source == "out-of-bag"
    selected = make_pipeline(SelectKBest(k=2), RandomForestClassifier(20, random_state=0)).fit(DATA.X, DATA.y)
    assert training_signal(as_teacher(selected), DATA, cv=2).source == "out-of-fold"


def test_other_rows_are_not_out_of_bag():
    forest = RandomForestClassifier(30, random_state=0).fit(DATA.X, DATA.y)
    shuffled = DATA.take(np.random.default_rng(1).permutation(200))
    others = DATA.replace(X=X + 0.5)
    fewer = DATA.take(np.arange(150))
    for data in (shuffled, others, fewer):
        assert training_signal(as_teacher(forest), data, cv=2, seed=0).source == "out-of-fold"


def test_too_few_trees_are_not_out_of_bag():
    few = RandomForestClassifier(3, random_state=0).fit(DATA.X, DATA.y)
    assert training_signal(as_teacher(few), DATA, cv=2, seed=0).source == "out-of-fold"


def test_rows_that_all_trees_have_seen_get_the_share_of_the_classes():
    forest = RandomForestClassifier(8, random_state=0).fit(DATA.X, DATA.y)
    signal = training_signal(as_teacher(forest), DATA)
    assert signal.source == "out-of-bag"
    in_all = np.all([np.isin(np.arange(200), rows) for rows in forest.estimators_samples_], axis=0)
    assert in_all.any()
    shares = np.bincount(DATA.label_index()) / 200
    np.testing.assert_allclose(signal.values[in_all], np.tile(shares, (in_all.sum(), 1)))
    np.testing.assert_allclose(signal.values.sum(axis=1), 1.0)


# out of fold ---------------------------------------------------------------------------------------------------------


def test_a_memorising_teacher_does_not_repeat_the_labels():
    """On pure noise a nearest neighbour is right about its own rows and guesses about rows it has not seen."""
    teacher = as_teacher(KNeighborsClassifier(1).fit(NOISE.X, NOISE.y))
    assert accuracy(training_signal(teacher, NOISE, seed=0), NOISE) < 0.5
    with pytest.warns(SignalWarning, match="mean probability of 1.000"):
        memorised = training_signal(teacher, NOISE, signals="in-sample")
    assert (accuracy(memorised, NOISE), memorised.source) == (1.0, "in-sample")


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_each_row_is_answered_by_a_model_of_the_other_folds(n_jobs):
    teacher = as_teacher(DecisionTreeClassifier(max_depth=3, random_state=0).fit(DATA.X, DATA.y))
    signal = training_signal(teacher, DATA, cv=4, seed=1, n_jobs=n_jobs)
    for train, test in fold_rows(DATA, 4, seed=1):
        model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(DATA.X[train], DATA.y[train])
        np.testing.assert_array_equal(signal.values[test], model.predict_proba(DATA.X[test]))


def test_folds_are_stratified_and_keep_groups():
    for _, test in fold_rows(DATA, 5, seed=0):
        np.testing.assert_allclose(np.bincount(DATA.label_index()[test]) / len(test), np.bincount(Y) / 200, atol=0.03)
    groups = np.arange(200) // 5
    seen = []
    for train, test in fold_rows(DATA.replace(groups=groups), 4, seed=0):
        assert not set(groups[train]) & set(groups[test])
        seen.extend(test)
    assert sorted(seen) == list(range(200))
    real = TransferSet(X, Y.astype(float), groups=groups)
    assert all(not set(groups[train]) & set(groups[test]) for train, test in fold_rows(real, 4, seed=0))


def test_groups_keep_a_memoriser_from_its_copies():
    twice = np.repeat(np.arange(100), 2)
    data = TransferSet.for_classification(NOISE.X[twice], NOISE.y[twice])
    teacher = as_teacher(KNeighborsClassifier(1).fit(data.X, data.y))
    apart = training_signal(teacher, data.replace(X=data.X.copy(), groups=twice), seed=0)
    together = training_signal(teacher, data, seed=0)
    assert accuracy(apart, data) < 0.5 < 0.7 < accuracy(together, data)


def test_rare_classes():
    y = np.array(["ant"] * 100 + ["bee"] * 98 + ["cat"] * 2)
    data = TransferSet.for_classification(X, y)
    signal = training_signal(as_teacher(KNeighborsClassifier(200 // 2).fit(X, y)), data, seed=0)
    assert signal.values.shape == (200, 3)
    lone = TransferSet.for_classification(X[:-1], y[:-1])
    signal = training_signal(as_teacher(KNeighborsClassifier(3).fit(lone.X, lone.y)), lone, seed=0)
    assert signal.values[-1, 2] == 0.0
    np.testing.assert_allclose(signal.values.sum(axis=1), 1.0)


def test_hard_teachers_are_cross_fitted_too():
    signal = training_signal(as_teacher(LinearSVC().fit(DATA.X, DATA.y)), DATA, seed=0)
    assert (signal.source, signal.hard) == ("out-of-fold", True)
    assert set(np.unique(signal.values)) == {0.0, 1.0}


def test_frozen_teachers_are_asked_as_they_are():
    tree = DecisionTreeClassifier(random_state=0).fit(DATA.X, DATA.y)
    forest = RandomForestClassifier(30, random_state=0).fit(DATA.X, DATA.y)
    for model in (tree, forest):
        for teacher in (as_teacher(FrozenEstimator(model)), Teacher(model)):
            signal = training_signal(teacher, DATA)
            assert signal.source == "frozen"
            np.testing.assert_array_equal(signal.values, model.predict_proba(X))


def test_regression_out_of_fold():
    y = np.random.default_rng(0).normal(size=200)
    signal = training_signal(as_teacher(DecisionTreeRegressor().fit(X, y)), TransferSet(X, y), seed=0)
    assert signal.values.shape == (200,)
    assert np.corrcoef(signal.values, y)[0, 1] < 0.3


def test_signals_are_computed_once():
    fits = []

    def refit(part, rows):
        fits.append(len(rows))
        return KNeighborsClassifier(3).fit(part.X, part.labels())

    teacher = Teacher(KNeighborsClassifier(3).fit(DATA.X, DATA.y), refit)
    first = training_signal(teacher, DATA, cv=4, seed=0)
    assert training_signal(teacher, DATA, cv=4, seed=1) is first
    assert fits == [150] * 4
    training_signal(teacher, DATA, cv=2, seed=0)
    assert len(fits) == 6
    part = DATA.take(np.arange(50))
    sliced = training_signal(teacher.restrict(DATA, np.arange(50), part), part, cv=4)
    np.testing.assert_array_equal(sliced.values, first.values[:50])
    assert len(fits) == 6


def test_arguments_are_checked_before_anything_is_fitted():
    teacher = as_teacher(KNeighborsClassifier(1).fit(DATA.X, DATA.y))
    with pytest.raises(InvalidInputError, match="signals='oof'"):
        training_signal(teacher, DATA, signals="oof")
    with pytest.raises(InvalidInputError, match="at least 2"):
        training_signal(teacher, DATA, cv=1)
    with pytest.raises(InvalidInputError, match="1 row can't be split into folds"):
        training_signal(teacher, DATA.take(np.arange(1)))
    with pytest.raises(InvalidInputError, match="1 group can't be split into folds"):
        training_signal(teacher, DATA.replace(groups=np.zeros(len(Y))))
