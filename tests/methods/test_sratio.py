import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown.core import InvalidInputError, NotSupportedError, as_teacher
from stepdown.learners import graded_signals
from stepdown.methods import ConfWeight, SRatio
from stepdown.methods._reweighting import error_rate, student_signal

STUMP = DecisionTreeClassifier(max_depth=1, random_state=0)


def confidence(signal, data):
    return signal.values[np.arange(data.n_samples), data.label_index()]


def test_weights_are_the_ratio_of_unseen_confidences(cancer, forest):
    teacher = as_teacher(forest)
    own = student_signal(STUMP, cancer, signals="out-of-fold", cv=5, seed=0)
    graded = graded_signals(teacher, cancer, 5, seed=0)
    better = [one for one in graded if error_rate(one, cancer) <= error_rate(own, cancer)]
    assert better
    ratio = np.mean([confidence(one, cancer) for one in better], axis=0) / np.maximum(confidence(own, cancer), 1e-6)
    for above, expected in (("zero", np.where(ratio > 2.0, 0, ratio)), ("clip", np.minimum(ratio, 2.0))):
        supervised = SRatio(above=above).supervise([teacher], STUMP, cancer, seed=0)
        np.testing.assert_allclose(supervised.sample_weight, expected / expected.mean(), atol=1e-12)
    assert (ratio > 2.0).any()


def test_an_over_fitted_student_is_seen_through(cancer, forest):
    """In-sample, a full tree is sure of every row and SRatio falls back to ConfWeight; out of fold it doesn't."""
    full = DecisionTreeClassifier(random_state=0)
    teacher = as_teacher(forest)
    unseen = student_signal(full, cancer, signals="out-of-fold", cv=5, seed=0)
    assert 0.02 < error_rate(unseen, cancer) < 0.3
    weights = SRatio(ceiling=10.0, above="clip").supervise([teacher], full, cancer, seed=0).sample_weight
    plain = ConfWeight().supervise([teacher], full, cancer, seed=0).sample_weight
    assert np.corrcoef(weights, plain)[0, 1] < 0.9


def test_a_floor_takes_weight_from_no_row(cancer, forest):
    floored = SRatio(floor=1.0, above="clip").supervise([as_teacher(forest)], STUMP, cancer, seed=0).sample_weight
    assert floored.max() / floored.min() <= 2.0 + 1e-12


def test_a_linear_student_is_fitted(cancer, forest):
    student = LogisticRegression(C=1e-6)  # held back, so that the forest is better
    taught = SRatio().transfer([forest], student, cancer, seed=0)
    assert type(taught) is LogisticRegression
    assert not hasattr(student, "coef_")


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (SRatio(ceiling=-1.0), "ceiling=-1.0"),
        (SRatio(above="cut"), "above='cut'"),
        (SRatio(floor=5.0), "floor=5.0"),
        (SRatio(margin=-0.1), "margin=-0.1"),
    ],
)
def test_bad_parameters_are_refused(method, message, cancer, forest):
    with pytest.raises(InvalidInputError, match=message):
        method.supervise([as_teacher(forest)], STUMP, cancer)


def test_what_cant_work_is_refused(cancer, forest, diabetes, regression_forest):
    with pytest.raises(NotSupportedError, match="LinearSVC has no predict_proba"):
        SRatio().supervise([as_teacher(forest)], LinearSVC(dual=False), cancer)
    with pytest.raises(NotSupportedError, match="SRatio needs the teacher's confidence"):
        SRatio().supervise([as_teacher(LinearSVC(dual=False).fit(cancer.X, cancer.y))], STUMP, cancer)
    with pytest.raises(NotSupportedError, match=r"SRatio .* needs a classification task"):
        SRatio().supervise([as_teacher(regression_forest)], DecisionTreeRegressor(), diabetes)
