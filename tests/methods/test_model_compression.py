import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown.core import InvalidInputError, NotSupportedError, as_teacher
from stepdown.learners import predictions, training_signal
from stepdown.methods import ModelCompression, Munge, Resample, functional

TREE = DecisionTreeClassifier(max_depth=3, random_state=0)


def test_teacher_answers_synthetic_rows_behind_the_training_rows(cancer, forest):
    teacher = as_teacher(forest)
    supervised = ModelCompression(synthesiser=Munge(copies=2)).supervise([teacher], TREE, cancer, seed=0)
    n = cancer.n_samples
    assert supervised.X.shape == (3 * n, 6)
    np.testing.assert_array_equal(supervised.X[:n], cancer.X)
    np.testing.assert_array_equal(supervised.y[:n], training_signal(teacher, cancer).values)
    np.testing.assert_array_equal(supervised.y[n:], forest.predict_proba(supervised.X[n:]))


def test_unlabelled_rows_are_answered_unless_told_otherwise(cancer, forest):
    data = cancer.take(np.arange(100)).replace(X_unlabeled=cancer.X[100:])
    teacher = as_teacher(forest.__class__(10, random_state=0).fit(data.X, data.y))
    supervised = ModelCompression().supervise([teacher], TREE, data)
    np.testing.assert_array_equal(supervised.X, cancer.X)
    np.testing.assert_array_equal(supervised.y[100:], predictions(teacher.model, cancer.X[100:], data.classes)[0])
    assert ModelCompression(use_unlabeled=False).supervise([teacher], TREE, data).n_samples == 100


def test_labels_suit_students_that_take_nothing_else(cancer, forest):
    student = KNeighborsClassifier(3)
    supervised = ModelCompression("labels").supervise([as_teacher(forest)], student, cancer)
    assert supervised.y.dtype == cancer.y.dtype
    signal = training_signal(as_teacher(forest), cancer).values
    np.testing.assert_array_equal(supervised.y, cancer.classes[signal.argmax(axis=1)])
    assert ModelCompression("labels").transfer([forest], student, cancer, seed=0).n_samples_fit_ == 200


def test_logits_are_real_targets_for_a_regressor(cancer, forest):
    supervised = ModelCompression("logits").supervise([as_teacher(forest)], Ridge(), cancer)
    assert not supervised.is_classification
    expected = training_signal(as_teacher(forest), cancer).values
    np.testing.assert_allclose(supervised.y, functional.centred_log_probabilities(expected, eps=1 / 400))
    student = ModelCompression("logits").transfer([forest], Ridge(), cancer, seed=0)
    agreement = np.mean(functional.hard_labels(student.predict(cancer.X), cancer.classes) == forest.predict(cancer.X))
    assert agreement > 0.85


def test_real_predictions(diabetes, regression_forest):
    teacher = as_teacher(regression_forest)
    supervised = ModelCompression(synthesiser=Resample(copies=1)).supervise(
        [teacher], DecisionTreeRegressor(), diabetes, seed=0
    )
    assert supervised.y.shape == (300,)
    np.testing.assert_array_equal(supervised.y[150:], regression_forest.predict(supervised.X[150:]))


def test_added_rows_weigh_the_average_and_belong_to_no_group(cancer, forest):
    own = np.linspace(0, 2, 200)
    data = cancer.replace(sample_weight=own, groups=np.arange(200))
    teacher = as_teacher(forest)
    supervised = ModelCompression(synthesiser=Resample(copies=1)).supervise([teacher], TREE, data, seed=0)
    np.testing.assert_allclose(supervised.sample_weight, np.concatenate([own, np.ones(200)]))
    assert supervised.groups is None
    without = ModelCompression().supervise([teacher], TREE, data)
    assert without.groups is data.groups
    assert without.sample_weight is own


def test_synthetic_rows_follow_the_seed(cancer, forest):
    method, teacher = ModelCompression(synthesiser=Resample(copies=1)), as_teacher(forest)
    first, again, other = (method.supervise([teacher], TREE, cancer, seed=seed).X for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_data_frames_and_sparse_rows_are_added(cancer, forest):
    frame = pd.DataFrame(cancer.X, columns=list("abcdef"))
    data = cancer.replace(X=frame, X_unlabeled=frame.iloc[:20])
    teacher = as_teacher(forest.__class__(5, random_state=0).fit(frame, data.y))
    supervised = ModelCompression(synthesiser=Resample(copies=1)).supervise([teacher], TREE, data, seed=0)
    assert list(supervised.X.columns) == list("abcdef")
    assert len(supervised.X) == supervised.n_samples == 420
    sparse = cancer.replace(X=sp.csr_matrix(cancer.X), X_unlabeled=sp.csr_matrix(cancer.X[:20]))
    teacher = as_teacher(forest.__class__(5, random_state=0).fit(sparse.X, sparse.y))
    assert ModelCompression().supervise([teacher], TREE, sparse, seed=0).X.shape == (220, 6)
    with pytest.raises(InvalidInputError, match="it needs dense ones without missing values"):
        ModelCompression(synthesiser=Munge()).supervise([teacher], TREE, sparse, seed=0)


def test_unlabelled_rows_of_another_kind_are_refused(cancer, forest):
    data = cancer.replace(X_unlabeled=pd.DataFrame(cancer.X))
    with pytest.raises(InvalidInputError, match="same kind"):
        ModelCompression().supervise([as_teacher(forest)], TREE, data)


def test_what_cant_work_is_refused(cancer, forest, diabetes, regression_forest):
    with pytest.raises(InvalidInputError, match="targets='hard'"):
        ModelCompression("hard").supervise([as_teacher(forest)], TREE, cancer)
    with pytest.raises(NotSupportedError, match="real targets, which DecisionTreeClassifier doesn't take"):
        ModelCompression("logits").supervise([as_teacher(forest)], TREE, cancer)
    with pytest.raises(NotSupportedError, match="needs classes; in regression use 'soft'"):
        ModelCompression("labels").supervise([as_teacher(regression_forest)], DecisionTreeRegressor(), diabetes)
