import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from stepdown.core import InvalidInputError, NotSupportedError, SignalWarning, as_teacher
from stepdown.learners import graded_signals
from stepdown.methods import AreaUnderProfile, ConfWeight, LearnedWeights, ProfWeight, functional
from stepdown.methods._profile import _WeightNet
from stepdown.methods._reweighting import error_rate, grades_or_last, student_signal

STUMP = DecisionTreeClassifier(max_depth=1, random_state=0)


def test_weights_are_the_mean_of_the_grades_that_beat_the_student(cancer, forest):
    teacher = as_teacher(forest)
    graded = graded_signals(teacher, cancer, 4, seed=0)
    index = cancer.label_index()
    profile = np.column_stack([signal.values[np.arange(len(index)), index] for signal in graded])
    errors = [np.mean(signal.values.argmax(axis=1) != index) for signal in graded]
    supervised = ProfWeight(n_grades=4).supervise([teacher], STUMP, cancer, seed=0)
    better = [k for k, error in enumerate(errors) if error <= stump_error(cancer)]
    expected = profile[:, better].mean(axis=1)
    np.testing.assert_allclose(supervised.sample_weight, expected / expected.mean(), atol=1e-12)
    assert supervised.y is cancer.y


def stump_error(data):
    return error_rate(student_signal(STUMP, data, signals="out-of-fold", cv=5, seed=0), data)


def test_a_teacher_that_isnt_better_gives_its_own_confidence_with_a_warning(cancer):
    teacher = as_teacher(DummyClassifier(strategy="prior").fit(cancer.X, cancer.y))
    with pytest.warns(SignalWarning, match="no grade of the teacher is better than the student"):
        supervised = ProfWeight(n_grades=1).supervise([teacher], STUMP, cancer, seed=0)
    expected = ConfWeight().supervise([teacher], STUMP, cancer, seed=0)
    np.testing.assert_allclose(supervised.sample_weight, expected.sample_weight)


def test_the_full_teacher_stands_in_where_no_grade_is_better():
    with pytest.warns(SignalWarning, match=r"errors \[0.1, 0.2, 0.3\], the student's 0.05"):
        assert grades_or_last(ProfWeight(), np.array([0.1, 0.2, 0.3]), 0.05, 0.0).tolist() == [2]


def test_boosting_rounds_are_grades(cancer):
    teacher = as_teacher(GradientBoostingClassifier(n_estimators=12, random_state=0).fit(cancer.X, cancer.y))
    several = ProfWeight(n_grades=3, cv=3).supervise([teacher], STUMP, cancer, seed=0)
    single = ProfWeight(n_grades=1, cv=3).supervise([teacher], STUMP, cancer, seed=0)
    assert not np.allclose(several.sample_weight, single.sample_weight)


def test_area_is_the_mean():
    profile = np.random.default_rng(0).random((5, 3))
    np.testing.assert_allclose(
        AreaUnderProfile().weigh(profile, len), functional.prof_weights(profile, [0] * 3, 1.0)[0]
    )


def test_learned_weights_follow_the_loss_through_the_profile():
    profile = np.linspace(0.05, 0.95, 40)[:, None]
    loss = -np.log(profile[:, 0])
    weights = LearnedWeights(gamma=5.0).weigh(profile, lambda weights: loss, seed=0)
    assert (weights >= 0).all()
    assert weights.mean() == pytest.approx(1.0, abs=0.3)
    assert np.corrcoef(weights, loss)[0, 1] < -0.5


def test_learned_weights_lower_what_they_minimise():
    rng = np.random.default_rng(0)
    profile, loss = rng.random((30, 3)), rng.random(30) * 2
    objective = lambda w: np.mean(w * loss) + 2.0 * (w.mean() - 1) ** 2  # noqa: E731
    weights = LearnedWeights(gamma=2.0).weigh(profile, lambda weights: loss, seed=0)
    assert objective(weights) < objective(np.ones(30)) - 0.05


def test_gradient_of_the_weight_network_is_the_slope():
    rng = np.random.default_rng(0)
    profile, outer = rng.random((7, 3)), rng.normal(size=7)
    network = _WeightNet(3, 4, rng)
    weights, hidden = network.forward(profile)
    gradients = network.backward(profile, hidden, weights, outer)
    for k, gradient in enumerate(gradients):
        for place in np.ndindex(gradient.shape):
            values = []
            for step in (1e-6, -1e-6):
                moved = network.parameters[k].copy()
                moved[place] += step
                kept, network.parameters[k] = network.parameters[k], moved
                values.append(float(outer @ network.forward(profile)[0]))
                network.parameters[k] = kept
            assert gradient[place] == pytest.approx((values[0] - values[1]) / 2e-6, abs=1e-6)


def test_rounds_fit_the_student_again_with_the_weights(cancer, forest):
    seen = []

    def losses(weights):
        seen.append(weights.copy())
        return np.ones(len(weights))

    LearnedWeights(rounds=3, steps=5).weigh(np.random.default_rng(0).random((10, 2)), losses, seed=0)
    assert len(seen) == 3
    assert (seen[0] == 1).all()
    assert not np.allclose(seen[1], seen[2])
    method = ProfWeight(weights=LearnedWeights(rounds=1, steps=20), n_grades=2)
    first = method.supervise([as_teacher(forest)], STUMP, cancer, seed=0).sample_weight
    np.testing.assert_array_equal(first, method.supervise([as_teacher(forest)], STUMP, cancer, seed=0).sample_weight)
    assert first.mean() == pytest.approx(1.0)


def test_bad_parameters_are_refused(cancer, forest):
    with pytest.raises(InvalidInputError, match="margin=-1"):
        ProfWeight(margin=-1).supervise([as_teacher(forest)], STUMP, cancer)
    with pytest.raises(InvalidInputError, match=r"LearnedWeights\(gamma=0\): expected positive"):
        ProfWeight(weights=LearnedWeights(gamma=0)).supervise([as_teacher(forest)], STUMP, cancer)
    with pytest.raises(NotSupportedError, match="KNeighborsClassifier doesn't take"):
        ProfWeight().supervise([as_teacher(forest)], KNeighborsClassifier(), cancer)
