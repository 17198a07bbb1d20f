"""``class_weight`` on soft targets: one meaning, that of the student's own class on labels."""

from __future__ import annotations

from inspect import signature

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import compute_class_weight

from stepdown.core import InvalidInputError, TransferSet
from stepdown.learners import fit_to
from stepdown.learners._class_weight import class_weights, fold_class_weight
from stepdown.trainers._targets import weighted_targets

X, Y = make_classification(240, 5, n_informative=3, weights=[0.8], flip_y=0.1, random_state=0)
# Weights that go with the labels, so that counting rows and summing weights balance differently.
WEIGHT = np.random.default_rng(0).random(len(Y)) + np.where(Y == 1, 3.0, 0.1)
# Labels in all but name: no row is one-hot, so that they are realised as soft targets.
ALMOST = np.abs(np.eye(2)[Y] - 1e-9)

STUDENTS = [
    DecisionTreeClassifier(max_depth=3, random_state=0),
    DecisionTreeClassifier(max_depth=3, criterion="entropy", random_state=0),
    ExtraTreesClassifier(10, max_depth=3, max_features=None, random_state=0),
    LogisticRegression(tol=1e-9, max_iter=2000),
    LogisticRegression(tol=1e-9, max_iter=2000, solver="liblinear"),
    LinearSVC(tol=1e-9, max_iter=100_000),
    SVC(kernel="linear"),
    HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=1, max_depth=2, random_state=0),
    LGBMClassifier(n_estimators=5, max_depth=2, min_child_samples=1, random_state=0, verbose=-1, n_jobs=1),
]


# LightGBM 4.6 names the columns of arrays itself and then misses the names.
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 5.0}], ids=["balanced", "dict"])
@pytest.mark.parametrize("student", STUDENTS, ids=str)
def test_it_means_what_the_student_means_by_it(student, class_weight):
    student = type(student)(**{**student.get_params(), "class_weight": class_weight})
    classes = np.array([0, 1])
    own = fit_to(student, TransferSet(X, Y, sample_weight=WEIGHT, classes=classes))
    soft = fit_to(student, TransferSet(X, ALMOST, sample_weight=WEIGHT, classes=classes))
    ask = "predict_proba" if hasattr(student, "predict_proba") else "decision_function"
    np.testing.assert_allclose(getattr(soft, ask)(X), getattr(own, ask)(X), atol=2e-3)


def test_trainers_and_soft_fits_agree():
    data = TransferSet(X, Y, sample_weight=WEIGHT, classes=np.array([0, 1]))
    for student in (DecisionTreeClassifier(class_weight="balanced"), ExtraTreesClassifier(class_weight="balanced")):
        factors = class_weights(student, np.eye(2)[Y], WEIGHT, data.classes)
        targets, weight = weighted_targets(student, data)
        np.testing.assert_allclose(weight, WEIGHT * factors[Y])
        np.testing.assert_array_equal(targets, np.eye(2)[Y])


def test_balanced_rows_and_balanced_weights():
    rows = class_weights(DecisionTreeClassifier(class_weight="balanced"), ALMOST, WEIGHT, np.arange(2))
    np.testing.assert_allclose(ALMOST.sum(axis=0) * rows, len(Y) / 2)
    mass = class_weights(LogisticRegression(class_weight="balanced"), ALMOST, WEIGHT, np.arange(2))
    # Logistic regression hands its weights on to compute_class_weight where that takes them, since scikit-learn 1.7.
    weight = WEIGHT if "sample_weight" in signature(compute_class_weight).parameters else np.ones(len(Y))
    np.testing.assert_allclose((weight @ ALMOST) * mass, weight.sum() / 2)


def test_a_dict_names_the_classes_it_changes():
    tree = DecisionTreeClassifier(class_weight={"b": 3.0})
    np.testing.assert_array_equal(class_weights(tree, ALMOST, None, np.array(["a", "b"])), [1.0, 3.0])


def test_anything_else_is_refused():
    with pytest.raises(InvalidInputError, match="class_weight"):
        class_weights(DecisionTreeClassifier(class_weight=3), ALMOST, None, np.arange(2))


def test_it_is_folded_exactly():
    rng = np.random.default_rng(0)
    Q, w, per_class = rng.dirichlet(np.ones(3), size=20), rng.random(20) + 0.1, np.array([0.5, 2.0, 7.0])
    folded, weights = fold_class_weight(Q, w, per_class)
    np.testing.assert_allclose(folded.sum(axis=1), 1.0)
    np.testing.assert_allclose(weights[:, None] * folded, w[:, None] * Q * per_class)


def test_a_bootstrap_drawn_by_weights_is_balanced_by_weights():
    forest = RandomForestClassifier(60, max_depth=3, class_weight="balanced_subsample", random_state=0)
    own = forest.fit(X, Y, WEIGHT).predict_proba(X)
    told = fit_to(forest, TransferSet(X, ALMOST, sample_weight=WEIGHT, classes=np.arange(2))).predict_proba(X)
    assert np.abs(told - own).mean() < 0.05
