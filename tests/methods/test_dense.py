import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from stepdown.core import InvalidInputError, Teacher
from stepdown.methods import KD, ConfWeight, Dense, ModelCompression, NoTransfer, Resample

TREE = DecisionTreeClassifier(max_depth=2, random_state=0)


@pytest.fixture
def two_teachers(oracle, six_answers):
    other = np.random.default_rng(5).dirichlet(np.ones(3), size=6)
    return [oracle, Teacher(type(oracle.model)(other, ["a", "b", "c"]), name="other")]


def test_targets_are_averaged_over_all_earlier_models(six_rows, two_teachers, six_answers):
    supervised = Dense(KD(weight=0.6)).supervise(two_teachers, TREE, six_rows)
    average = (six_answers + two_teachers[1].model.proba) / 2
    np.testing.assert_allclose(supervised.y, 0.4 * six_rows.soft_targets() + 0.6 * average, atol=1e-12)
    assert supervised.sample_weight is None


def test_weights_are_averaged(six_rows, two_teachers):
    dense = Dense(ConfWeight()).supervise(two_teachers, TREE, six_rows).sample_weight
    apart = [ConfWeight().supervise([teacher], TREE, six_rows).sample_weight for teacher in two_teachers]
    np.testing.assert_allclose(dense, np.mean(apart, axis=0))


def test_each_teacher_answers_further_rows(six_rows, two_teachers):
    method = ModelCompression(synthesiser=Resample(copies=1))
    dense = Dense(method).supervise(two_teachers, TREE, six_rows, seed=0)
    assert dense.n_samples == 18
    np.testing.assert_allclose(dense.sample_weight, [1.0] * 6 + [0.5] * 12)


def test_no_teacher_is_the_methods_affair(six_rows):
    assert Dense(NoTransfer()).supervise([], TREE, six_rows) is six_rows
    with pytest.raises(InvalidInputError, match="KD needs a teacher"):
        Dense(KD()).supervise([], TREE, six_rows)


def test_parameters_of_the_method_are_reached():
    assert Dense(KD()).set_params(method__weight=0.1).method.weight == 0.1
