"""What must come out the same: cases in which a method is plain training, or another method."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown.core import Hop, TransferSet, as_teacher, derive_seed, run_hops
from stepdown.methods import KD, ConfWeight, Dense, Mixture, ModelCompression, NoTransfer, ProfWeight, SRatio
from stepdown.trainers import PlainFit, trainer_for

WINE = TransferSet.for_classification(*load_wine(return_X_y=True))
FOREST = RandomForestClassifier(20, random_state=0).fit(WINE.X, WINE.y)
# Sure of every label: a nearest neighbour asked about its own rows.
MEMORISER = FrozenEstimator(KNeighborsClassifier(1).fit(WINE.X, WINE.y))
STUDENTS = [DecisionTreeClassifier(max_depth=2), RandomForestClassifier(3, max_depth=2), GaussianNB()]


def plain(student, data=WINE):
    return PlainFit().fit(student, data, seed=3)


def assert_same(one, two, X=WINE.X, atol=0.0):
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), rtol=0, atol=atol)


@pytest.mark.parametrize(
    "student", [*STUDENTS, make_pipeline(StandardScaler(), LogisticRegression())], ids=lambda s: type(s).__name__
)
@pytest.mark.parametrize(
    "method",
    [
        NoTransfer(),
        KD(weight=0.0),
        Dense(NoTransfer()),
        Dense(KD(weight=0.0)),
        Mixture([(0.5, NoTransfer()), (0.5, NoTransfer())]),
        Mixture([(1.0, NoTransfer()), (0.0, KD())]),
    ],
    ids=repr,
)
def test_no_weight_on_the_teacher_is_plain_training(method, student):
    assert_same(method.transfer([FOREST, MEMORISER], student, WINE, seed=3), plain(student))


@pytest.mark.parametrize("student", STUDENTS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize(
    "method", [KD(weight=1.0), KD(weight=0.3), ModelCompression(), ModelCompression("labels")], ids=repr
)
def test_a_teacher_that_says_the_labels_is_plain_training(method, student):
    assert_same(method.transfer([MEMORISER], student, WINE, seed=3), plain(student))


@pytest.mark.parametrize("method", [ConfWeight(), ProfWeight(n_grades=1)], ids=repr)
def test_a_teacher_that_is_sure_of_every_label_weighs_all_rows_alike(method):
    student = DecisionTreeClassifier(max_depth=1)
    np.testing.assert_allclose(method.supervise([as_teacher(MEMORISER)], student, WINE, seed=0).sample_weight, 1.0)
    assert_same(method.transfer([MEMORISER], student, WINE, seed=3), plain(student))


def test_sratio_of_equals_weighs_all_rows_alike():
    """The student's own plain fit as the teacher: every ratio is 1."""
    student = DecisionTreeClassifier(max_depth=2, random_state=0)
    teacher = FrozenEstimator(clone(student).fit(WINE.X, WINE.y))
    weights = SRatio(signals="in-sample").supervise([as_teacher(teacher)], student, WINE, seed=0).sample_weight
    np.testing.assert_allclose(weights, 1.0)


def test_sratio_of_a_student_that_is_sure_of_every_label_is_conf_weight():
    student = DecisionTreeClassifier(random_state=0)
    teacher = as_teacher(FrozenEstimator(DecisionTreeClassifier(max_depth=2).fit(WINE.X, WINE.y)))
    with pytest.warns(UserWarning, match=r"repeats the labels|no grade"):
        ratio = SRatio(signals="in-sample").supervise([teacher], student, WINE, seed=0)
    np.testing.assert_allclose(
        ratio.sample_weight, ConfWeight(signals="in-sample").supervise([teacher], student, WINE).sample_weight
    )


METHODS = [
    KD(weight=0.7, temperature=2.0),
    ConfWeight(),
    ModelCompression(),
    ProfWeight(n_grades=2),
    SRatio(n_grades=2),
]


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_dense_with_one_teacher_is_the_bare_method(method):
    student = DecisionTreeClassifier(max_depth=1, random_state=0)
    dense, bare = (m.supervise([as_teacher(FOREST)], student, WINE, seed=0) for m in (Dense(method), method))
    np.testing.assert_array_equal(dense.y, bare.y)
    np.testing.assert_array_equal(dense.weights(), bare.weights())


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_dense_with_one_teacher_twice_is_the_bare_method(method):
    student = DecisionTreeClassifier(max_depth=1, random_state=0)
    teacher = as_teacher(FOREST)
    dense = Dense(method).supervise([teacher, teacher], student, WINE, seed=0)
    bare = method.supervise([teacher], student, WINE, seed=0)
    if dense.is_soft:
        np.testing.assert_allclose(dense.y, bare.y, atol=1e-15)
    else:
        np.testing.assert_array_equal(dense.y, bare.y)
    np.testing.assert_allclose(dense.weights(), bare.weights(), atol=1e-15)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_mixture_of_one_is_that_one(method):
    student = DecisionTreeClassifier(max_depth=1)
    mixture = Mixture([(0.3, method), (0.0, NoTransfer())])
    assert_same(mixture.transfer([FOREST], student, WINE, seed=1), method.transfer([FOREST], student, WINE, seed=1))


@pytest.mark.parametrize("weight", [0.2, 0.7])
def test_mixing_the_teacher_with_labels_is_kd(weight):
    student = DecisionTreeClassifier(max_depth=3)
    mixture = Mixture([(weight, KD(weight=1.0)), (1 - weight, NoTransfer())])
    kd = KD(weight=weight)
    teacher = as_teacher(FOREST)
    np.testing.assert_allclose(
        mixture.supervise([teacher], student, WINE, seed=0).y,
        kd.supervise([teacher], student, WINE, seed=0).y,
        atol=1e-15,
    )
    assert_same(
        mixture.transfer([FOREST], student, WINE, seed=0), kd.transfer([FOREST], student, WINE, seed=0), atol=1e-9
    )


def test_model_compression_without_further_rows_is_kd_without_labels():
    student = DecisionTreeClassifier(max_depth=3)
    compressed, distilled = ModelCompression(), KD(weight=1.0)
    assert_same(
        compressed.transfer([FOREST], student, WINE, seed=0), distilled.transfer([FOREST], student, WINE, seed=0)
    )


def test_shares_of_a_mixture_count_in_proportion():
    teacher, student = as_teacher(FOREST), DecisionTreeClassifier(max_depth=2)
    small, large = (
        Mixture([(1 * k, KD()), (3 * k, ConfWeight())]).supervise([teacher], student, WINE, seed=0) for k in (1.0, 40.0)
    )
    np.testing.assert_allclose(small.y, large.y, atol=1e-15)
    np.testing.assert_allclose(small.sample_weight, large.sample_weight, atol=1e-15)


def test_regression_with_a_teacher_that_says_the_targets():
    X, y = WINE.X[:, 1:], WINE.X[:, 0]
    data = TransferSet(X, y)
    memoriser = FrozenEstimator(DecisionTreeRegressor(random_state=0).fit(X, y))
    for student in (DecisionTreeRegressor(max_depth=2), Ridge(), RandomForestRegressor(3, max_depth=2)):
        taught = KD(weight=0.8).transfer([memoriser], student, data, seed=0)
        np.testing.assert_allclose(taught.predict(X), plain_regressor(student, data).predict(X), atol=1e-9)


def plain_regressor(student, data):
    return PlainFit().fit(student, data, seed=0)


@pytest.mark.parametrize("student", [DecisionTreeClassifier(max_depth=2), RandomForestClassifier(3, max_depth=2)])
def test_the_identities_hold_for_the_better_trainers_too(student):
    trainer = trainer_for(student)
    taught = KD(weight=0.0).transfer([FOREST], student, WINE, trainer=trainer, seed=5)
    assert_same(taught, trainer.fit(student, WINE, seed=5))


def test_a_chain_without_intermediates_is_the_transfer():
    student = DecisionTreeClassifier(max_depth=2)
    records, _ = run_hops([FOREST], [Hop(student, KD(), name="student")], WINE, seed=9)
    alone = KD().transfer([FOREST], student, WINE, seed=derive_seed(9, "hop", "student"))
    assert_same(records[0].model, alone)


def test_order_of_rows_doesnt_matter_to_a_frozen_teacher():
    order = np.random.default_rng(0).permutation(WINE.n_samples)
    teacher = as_teacher(FrozenEstimator(FOREST))
    for method in METHODS[:3]:
        one = method.supervise([teacher], STUDENTS[0], WINE, seed=0)
        two = method.supervise([teacher], STUDENTS[0], WINE.take(order), seed=0)
        np.testing.assert_allclose(one.soft_targets()[order], two.soft_targets())
        np.testing.assert_allclose(one.weights()[order], two.weights())
