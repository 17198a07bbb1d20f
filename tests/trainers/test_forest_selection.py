"""Forest selection: genuine forests of the student's size, better together."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet
from stepdown.learners import fit_to
from stepdown.trainers import ForestSelection
from stepdown.trainers._forest_selection import _choose, _Votes


def problem(n=200, soft=True, **rest):
    X, y = make_classification(n, 8, n_informative=5, n_classes=3, random_state=0)
    noise = np.random.default_rng(0).dirichlet(np.ones(3), n)
    classes = np.array(["a", "b", "c"])
    y = 0.6 * np.eye(3)[y] + 0.4 * noise if soft else classes[y]
    return TransferSet(X, y, classes=classes, **rest)


def soft_accuracy(model, data):
    code = np.searchsorted(data.classes, model.predict(data.X))
    return np.average(data.soft_targets()[np.arange(len(code)), code], weights=data.weights())


STUDENTS = [
    RandomForestClassifier(3, max_depth=3),
    RandomForestClassifier(4, max_leaf_nodes=5, class_weight="balanced"),
    RandomForestClassifier(2),
    ExtraTreesClassifier(3, max_depth=3),
]


@pytest.mark.parametrize("soft", [True, False], ids=["soft", "labels"])
@pytest.mark.parametrize("student", STUDENTS, ids=str)
def test_a_chosen_forest_is_genuine_and_better(student, soft):
    data = problem(soft=soft, sample_weight=np.random.default_rng(1).uniform(0.5, 2, 200))
    forest = ForestSelection(15).fit(student, data, seed=0)
    assert type(forest) is type(student)
    assert not hasattr(student, "estimators_")
    assert len(forest.estimators_) == forest.n_estimators == student.n_estimators
    pool = fit_to(clone(student).set_params(n_estimators=15), data, seed=0)
    first = clone(student).set_params(n_estimators=student.n_estimators)
    assert soft_accuracy(forest, data) > soft_accuracy(fit_to(first, data, seed=0), data)
    states = [tree.random_state for tree in pool.estimators_]
    for tree, samples in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        np.testing.assert_array_equal(samples, pool.estimators_samples_[states.index(tree.random_state)])
    np.testing.assert_allclose(
        forest.predict_proba(data.X), np.mean([tree.predict_proba(data.X) for tree in forest.estimators_], axis=0)
    )
    assert forest.feature_importances_.sum() == pytest.approx(1)
    twin = pickle.loads(pickle.dumps(forest))
    np.testing.assert_array_equal(twin.predict(data.X), forest.predict(data.X))
    assert len(clone(forest).fit(data.X, data.labels()).estimators_) == student.n_estimators


@pytest.mark.parametrize(
    "student", [RandomForestRegressor(3, max_depth=3), ExtraTreesRegressor(3, max_depth=4)], ids=str
)
def test_regression(student):
    X, y = load_diabetes(return_X_y=True)
    data = TransferSet(X, y)
    forest = ForestSelection(20).fit(student, data, seed=0)
    plain = fit_to(student, data, seed=0)
    assert type(forest) is type(student)
    assert np.mean((forest.predict(X) - y) ** 2) < np.mean((plain.predict(X) - y) ** 2)


def choice_by_loops(pool, data, size):
    answers = [tree.predict_proba(data.X) for tree in pool.estimators_]

    def value(trees):
        mean = sum(answers[t] for t in trees) / len(trees)
        hit = sum(w * q[np.argmax(p)] for w, q, p in zip(data.sample_weight, data.y, mean, strict=True))
        loss = sum(w * np.sum((p - q) ** 2) for w, q, p in zip(data.sample_weight, data.y, mean, strict=True))
        return round(hit, 6), round(-loss, 4)

    chosen = []
    for _ in range(size):
        chosen.append(max((t for t in range(len(answers)) if t not in chosen), key=lambda t: value([*chosen, t])))
    greedy = list(chosen)
    for place in range(size):
        others = [t for t in range(len(answers)) if t not in chosen]
        best = max(others, key=lambda t: value([*chosen[:place], t, *chosen[place + 1 :]]))
        if value([*chosen[:place], best, *chosen[place + 1 :]]) > value(chosen):
            chosen[place] = best
    return sorted(greedy), sorted(chosen)


def test_the_choice_is_that_of_plain_loops():
    data = problem(n=60, sample_weight=np.random.default_rng(1).uniform(0.5, 2, 60))
    exchanged = 0
    for seed in range(6):
        pool = fit_to(RandomForestClassifier(9, max_depth=2, random_state=seed), data)
        greedy, chosen = choice_by_loops(pool, data, 3)
        assert _choose(_Votes(pool, data, 1000, 0), 3) == chosen
        exchanged += greedy != chosen
    assert exchanged  # or the second half of the choice was not looked at


def test_the_seed_decides():
    data = problem()
    student = RandomForestClassifier(3, max_depth=3)
    one, same, other = (ForestSelection(10).fit(student, data, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.predict_proba(data.X), same.predict_proba(data.X))
    assert not np.array_equal(one.predict_proba(data.X), other.predict_proba(data.X))


def test_few_rows_are_enough_to_choose_by():
    data = problem()
    forest = ForestSelection(15, max_rows=120).fit(RandomForestClassifier(3, max_depth=3), data, seed=0)
    plain = fit_to(RandomForestClassifier(3, max_depth=3), data, seed=0)
    assert soft_accuracy(forest, data) > soft_accuracy(plain, data)


def test_sparse_missing_and_pipelines():
    data = problem(soft=False)
    student = RandomForestClassifier(3, max_depth=3)
    dense = ForestSelection(8).fit(student, data, seed=0)
    thin = ForestSelection(8).fit(student, data.replace(X=sparse.csr_matrix(data.X)), seed=0)
    np.testing.assert_allclose(thin.predict_proba(data.X), dense.predict_proba(data.X))
    holes = np.where(np.random.default_rng(0).uniform(size=data.X.shape) < 0.1, np.nan, data.X)
    assert len(ForestSelection(8).fit(student, data.replace(X=holes), seed=0).estimators_) == 3
    pipeline = ForestSelection(8).fit(make_pipeline(StandardScaler(), student), data, seed=0)
    assert len(pipeline[-1].estimators_) == 3
    assert set(pipeline.predict(data.X)) <= {"a", "b", "c"}


@pytest.mark.parametrize(
    "student",
    [RandomForestClassifier(40, max_depth=3, oob_score=True), ExtraTreesClassifier(3)],
    ids=str,
)
def test_what_is_not_chosen_is_fitted_plainly(student):
    X, y = load_iris(return_X_y=True)
    data = TransferSet.for_classification(X, y)
    forest = ForestSelection(20).fit(student, data, seed=0)
    np.testing.assert_array_equal(forest.predict_proba(X), fit_to(student, data, seed=0).predict_proba(X))
    assert len(forest.estimators_) == student.n_estimators


def test_several_real_targets_are_fitted_plainly():
    X, y = load_diabetes(return_X_y=True)
    data = TransferSet(X, np.stack([y, -y], axis=1))
    forest = ForestSelection(5).fit(RandomForestRegressor(2, max_depth=2), data, seed=0)
    assert forest.predict(X).shape == (len(y), 2)


def test_other_students_and_settings_are_refused():
    with pytest.raises(NotSupportedError, match="not GradientBoostingClassifier; use trainer_for"):
        ForestSelection().fit(GradientBoostingClassifier(), problem(), seed=0)
    with pytest.raises(InvalidInputError, match="n_candidates=0"):
        ForestSelection(0).fit(RandomForestClassifier(3, max_depth=2), problem(), seed=0)


def test_quick_is_smaller():
    quick = ForestSelection().quick()
    assert (quick.n_candidates, quick.max_rows) == (15, 2000)
