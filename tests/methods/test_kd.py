import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown.core import InvalidInputError, NotSupportedError, Teacher, as_teacher
from stepdown.learners import predictions, training_signal
from stepdown.methods import KD, functional

TREE = DecisionTreeClassifier(max_depth=2)


def test_targets_by_hand(six_rows, oracle, six_answers):
    supervised = KD(temperature=2.0, weight=0.3).supervise([oracle], TREE, six_rows)
    for i, label in enumerate(six_rows.y):
        z = np.log(np.maximum(six_answers[i], 1e-6)) / 2.0
        soft = np.exp(z) / np.exp(z).sum()
        hard = np.array([label == c for c in "abc"], dtype=float)
        np.testing.assert_allclose(supervised.y[i], 0.7 * hard + 0.3 * soft, atol=1e-12)
    assert supervised.X is six_rows.X
    assert supervised.sample_weight is None


def test_the_gradient_on_mixed_targets_is_that_of_the_kd_loss(six_rows, oracle, six_answers):
    """At temperature 1 the loss of the paper and the cross-entropy to the mixed targets have one gradient."""
    targets = KD(weight=0.4).supervise([oracle], TREE, six_rows).y
    z = np.random.default_rng(1).normal(size=(6, 3))
    logits = functional.centred_log_probabilities(six_answers, eps=1e-12)
    loss = functional.kd_loss(z, logits, six_rows.label_index(), temperature=1.0, weight=0.4)
    np.testing.assert_allclose((functional.softmax(z) - targets) / 6, loss.gradient, atol=1e-9)


def test_real_targets(diabetes, regression_forest):
    teacher = as_teacher(regression_forest)
    student = DecisionTreeRegressor(max_depth=2)
    supervised = KD(weight=0.25, temperature=3.0).supervise([teacher], student, diabetes, seed=0)
    out_of_bag = training_signal(teacher, diabetes, seed=0).values
    np.testing.assert_allclose(supervised.y, 0.75 * diabetes.y + 0.25 * out_of_bag)
    assert KD().transfer([teacher], student, diabetes, seed=0).get_depth() == 2


def test_answers_without_probabilities_are_used_as_they_are(cancer):
    frozen = FrozenEstimator(LinearSVC(random_state=0, dual=False).fit(cancer.X, cancer.y))
    supervised = KD(weight=1.0, temperature=5.0).supervise([as_teacher(frozen)], TREE, cancer)
    assert set(np.unique(supervised.y)) == {0.0, 1.0}
    np.testing.assert_array_equal(supervised.labels(), frozen.predict(cancer.X))


def test_the_nearest_teacher_is_asked(six_rows, oracle):
    supervised = KD().supervise([Teacher(object()), oracle], TREE, six_rows)
    assert supervised.is_soft


def test_signals_are_unseen_by_default_and_in_sample_on_request(cancer):
    memoriser = KNeighborsClassifier(1).fit(cancer.X, cancer.y)
    unseen = KD(weight=1.0).supervise([as_teacher(memoriser)], TREE, cancer, seed=0)
    assert 0.02 < np.mean(unseen.labels() != cancer.y) < 0.3
    with pytest.warns(UserWarning, match="repeats the labels"):
        seen = KD(weight=1.0, signals="in-sample").supervise([as_teacher(memoriser)], TREE, cancer, seed=0)
    np.testing.assert_array_equal(seen.labels(), cancer.y)


def test_weights_and_groups_stay(six_rows, oracle):
    data = six_rows.replace(sample_weight=np.arange(6.0), groups=np.arange(6))
    supervised = KD().supervise([oracle], TREE, data)
    assert supervised.sample_weight is data.sample_weight
    assert supervised.groups is data.groups


def test_the_student_follows_the_teacher_where_the_labels_dont_count(cancer, forest):
    student = KD(weight=1.0).transfer([FrozenEstimator(forest)], DecisionTreeClassifier(max_depth=4), cancer, seed=0)
    says, _ = predictions(forest, cancer.X, cancer.classes)
    mine = student.predict_proba(cancer.X)
    assert np.abs(mine - says).mean() < 0.1


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (KD(weight=1.2), r"KD\(weight=1.2\): expected a number in \[0, 1\]"),
        (KD(temperature=0.0), r"KD\(temperature=0.0\): expected a positive"),
        (KD(signals="out of fold"), "expected 'out-of-fold' or 'in-sample'"),
        (KD(cv=1), "cv=1"),
    ],
)
def test_bad_parameters_are_refused(method, message, cancer, forest):
    with pytest.raises(InvalidInputError, match=message):
        method.supervise([as_teacher(forest)], TREE, cancer)


def test_a_teacher_is_needed(six_rows):
    with pytest.raises(InvalidInputError, match="KD needs a teacher and got none"):
        KD().supervise([], TREE, six_rows)


def test_a_student_that_takes_no_soft_targets_is_refused_before_the_teacher_is_asked(six_rows):
    with pytest.raises(NotSupportedError, match="KD hands over soft targets: KNeighborsClassifier takes neither"):
        KD().supervise([Teacher(object())], KNeighborsClassifier(), six_rows)
    KD(weight=0.0).check_student(KNeighborsClassifier(), six_rows)
