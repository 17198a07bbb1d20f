import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown.core import NotSupportedError, SignalWarning, as_teacher
from stepdown.methods import ConfWeight

TREE = DecisionTreeClassifier(max_depth=2)


def test_weights_by_hand(six_rows, oracle, six_answers):
    supervised = ConfWeight().supervise([oracle], TREE, six_rows)
    confidence = np.array([six_answers[i]["abc".index(label)] for i, label in enumerate(six_rows.y)])
    np.testing.assert_allclose(supervised.sample_weight, confidence / confidence.mean(), atol=1e-12)
    assert supervised.y is six_rows.y


def test_own_weights_are_multiplied_and_their_total_stays(six_rows, oracle, six_answers):
    own = np.array([1.0, 2.0, 0.0, 4.0, 1.0, 3.0])
    supervised = ConfWeight().supervise([oracle], TREE, six_rows.replace(sample_weight=own))
    confidence = np.array([six_answers[i]["abc".index(label)] for i, label in enumerate(six_rows.y)])
    np.testing.assert_allclose(supervised.sample_weight, confidence * own * own.sum() / (confidence @ own))


def test_a_class_that_the_teacher_denies_keeps_a_little(six_rows, oracle):
    oracle.model.proba = np.column_stack([np.full((6, 2), 0.5), np.zeros(6)])
    with pytest.warns(SignalWarning, match=r"\['c'\] had weight 0"):
        supervised = ConfWeight().supervise([oracle], TREE, six_rows)
    assert (supervised.sample_weight == 1.0).all()


def test_what_cant_work_is_refused(cancer, forest, diabetes, regression_forest):
    svm = LinearSVC(dual=False).fit(cancer.X, cancer.y)
    with pytest.raises(NotSupportedError, match="ConfWeight needs the teacher's confidence, but teacher"):
        ConfWeight().supervise([as_teacher(svm)], TREE, cancer)
    with pytest.raises(NotSupportedError, match="sample_weight, which KNeighborsClassifier doesn't take"):
        ConfWeight().supervise([as_teacher(forest)], KNeighborsClassifier(), cancer)
    with pytest.raises(NotSupportedError, match=r"ConfWeight .* needs a classification task"):
        ConfWeight().supervise([as_teacher(regression_forest)], DecisionTreeRegressor(), diabetes)


def test_in_sample_confidences_of_a_frozen_forest_are_flatter_news(cancer, forest):
    """Out-of-bag, the hard rows lose weight that they keep in-sample."""
    unseen = ConfWeight().supervise([as_teacher(forest)], TREE, cancer).sample_weight
    seen = ConfWeight().supervise([as_teacher(FrozenEstimator(forest))], TREE, cancer).sample_weight
    assert unseen.std() > 1.5 * seen.std()
