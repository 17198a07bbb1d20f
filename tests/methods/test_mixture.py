import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from stepdown.core import InvalidInputError, NotSupportedError, Teacher, as_teacher
from stepdown.methods import KD, ConfWeight, Dense, Mixture, ModelCompression, NoTransfer, Resample

TREE = DecisionTreeClassifier(max_depth=2, random_state=0)


def total_loss(data, predicted):
    """Weighted cross-entropy by plain loops."""
    targets, weights = data.soft_targets(), data.weights()
    return sum(
        weights[i] * -sum(targets[i, c] * np.log(predicted[i, c]) for c in range(targets.shape[1]))
        for i in range(len(targets))
    )


def test_the_loss_on_a_mixture_is_the_mean_of_the_losses(six_rows, oracle):
    predicted = np.random.default_rng(3).dirichlet(np.ones(3), size=6)
    data = six_rows.replace(sample_weight=np.array([1.0, 2.0, 0.5, 1.0, 3.0, 1.0]))
    one, two = KD(weight=0.8), ConfWeight()
    mixed = Mixture([(1.0, one), (3.0, two)]).supervise([oracle], TREE, data)
    apart = [method.supervise([oracle], TREE, data) for method in (one, two)]
    expected = 0.25 * total_loss(apart[0], predicted) + 0.75 * total_loss(apart[1], predicted)
    assert total_loss(mixed, predicted) == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(mixed.y.sum(axis=1), 1.0)


def test_added_rows_stay_with_their_share(six_rows, oracle):
    further = ModelCompression(synthesiser=Resample(copies=1))
    mixed = Mixture([(0.75, NoTransfer()), (0.25, further)]).supervise([oracle], TREE, six_rows, seed=0)
    alone = further.supervise([oracle], TREE, six_rows, seed=0)
    assert mixed.n_samples == len(mixed.X) == 12
    np.testing.assert_array_equal(mixed.X, alone.X)
    np.testing.assert_allclose(mixed.sample_weight, [1.0] * 6 + [0.25] * 6)
    np.testing.assert_allclose(mixed.y[6:], alone.y[6:])
    np.testing.assert_allclose(mixed.y[:6], 0.75 * six_rows.soft_targets() + 0.25 * alone.y[:6])


def test_weights_alone_leave_labels_labels(six_rows, oracle):
    mixed = Mixture([(0.5, ConfWeight()), (0.5, NoTransfer())]).supervise([oracle], TREE, six_rows)
    assert not mixed.is_soft
    expected = 0.5 + 0.5 * ConfWeight().supervise([oracle], TREE, six_rows).sample_weight
    np.testing.assert_allclose(mixed.sample_weight, expected)


def test_targets_alone_leave_weights_none(six_rows, oracle):
    assert Mixture([(0.3, KD()), (0.7, NoTransfer())]).supervise([oracle], TREE, six_rows).sample_weight is None


def test_real_targets_are_mixed(diabetes, regression_forest):
    teacher = as_teacher(regression_forest)
    mixed = Mixture([(0.5, KD(weight=1.0)), (0.5, NoTransfer())]).supervise([teacher], TREE, diabetes, seed=0)
    np.testing.assert_allclose(mixed.y, KD(weight=0.5).supervise([teacher], TREE, diabetes, seed=0).y)


def test_a_method_without_a_share_isnt_asked(six_rows):
    mixture = Mixture([(1.0, NoTransfer()), (0.0, KD())])
    assert mixture.supervise([Teacher(object())], TREE, six_rows) is six_rows


def test_a_row_without_weight_anywhere_keeps_a_target(six_rows, oracle):
    data = six_rows.replace(sample_weight=np.array([0.0, 1, 1, 1, 1, 1]))
    mixed = Mixture([(0.5, KD(weight=1.0)), (0.5, ConfWeight())]).supervise([oracle], TREE, data)
    assert mixed.sample_weight[0] == 0
    assert mixed.y[0].sum() == pytest.approx(1.0)


def test_parameters_by_name():
    mixture = Mixture([(0.5, KD()), (0.2, ConfWeight()), (0.3, KD(weight=0.1))])
    assert {"methods", "kd-1", "kd-2", "confweight", "kd-1__temperature"} <= set(mixture.get_params())
    assert set(mixture.get_params(deep=False)) == {"methods"}
    other = clone(mixture).set_params(**{"kd-2__weight": 0.9, "confweight": NoTransfer()})
    assert other.methods[2][1].weight == 0.9
    assert mixture.methods[2][1].weight == 0.1
    assert isinstance(other.methods[1][1], NoTransfer)
    assert other.methods[1][0] == 0.2
    assert isinstance(mixture.methods[1][1], ConfWeight)
    with pytest.raises(InvalidInputError, match="no parameter 'sratio__ceiling'"):
        mixture.set_params(sratio__ceiling=3.0)


def test_a_mixture_may_hold_a_mixture(six_rows, oracle):
    inner = Mixture([(0.5, KD(weight=1.0)), (0.5, NoTransfer())])
    outer = Mixture([(0.5, inner), (0.5, NoTransfer())])
    targets = outer.supervise([oracle], TREE, six_rows).y
    np.testing.assert_allclose(targets, KD(weight=0.25).supervise([oracle], TREE, six_rows).y)
    assert clone(outer).get_params()["mixture__kd__weight"] == 1.0


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ([(-1.0, KD())], "aren't negative"),
        ([(0.0, KD())], "not all 0"),
        ([], "not all 0"),
        ([(0.5, "kd")], r"pairs \(share, method\)"),
        ([(0.5, KD(), 1)], r"pairs \(share, method\)"),
    ],
)
def test_bad_mixtures_are_refused(methods, message, six_rows, oracle):
    with pytest.raises(InvalidInputError, match=message):
        Mixture(methods).supervise([oracle], TREE, six_rows)


def test_different_kinds_of_targets_cant_be_mixed(diabetes, six_rows, oracle):
    from sklearn.tree import DecisionTreeRegressor

    mixture = Mixture([(0.5, NoTransfer()), (0.5, ModelCompression("logits"))])
    with pytest.raises(InvalidInputError, match="different kinds"):
        mixture.supervise([oracle], DecisionTreeRegressor(), six_rows)


def test_a_forest_student_learns_from_a_mixture(cancer, forest):
    student = RandomForestClassifier(3, max_depth=2)
    taught = Mixture([(0.5, KD()), (0.5, ConfWeight())]).transfer([forest], student, cancer, seed=0)
    assert taught.n_estimators == 3
    assert taught.classes_.tolist() == ["benign", "malignant"]


def test_students_are_checked_by_every_method_that_has_a_share(six_rows):
    student = KNeighborsClassifier()
    with pytest.raises(NotSupportedError, match="ConfWeight works through sample_weight"):
        Mixture([(1.0, NoTransfer()), (0.5, ConfWeight())]).check_student(student, six_rows)
    Mixture([(1.0, NoTransfer()), (0.0, ConfWeight())]).check_student(student, six_rows)
    with pytest.raises(NotSupportedError, match="ConfWeight works through sample_weight"):
        Dense(ConfWeight()).check_student(student, six_rows)
    with pytest.raises(InvalidInputError, match="expected a method such as KD"):
        Dense("kd").check_student(student, six_rows)
