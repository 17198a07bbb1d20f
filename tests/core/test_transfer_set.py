import numpy as np
import pandas as pd
import pytest

from stepdown.core import InvalidInputError, TransferSet


def soft_set() -> TransferSet:
    targets = np.array([[0.7, 0.3], [0.5, 0.5], [0.1, 0.9]])
    return TransferSet(np.arange(6.0).reshape(3, 2), targets, classes=np.array(["no", "yes"]))


def test_labels_of_soft_targets_take_the_first_class_on_ties() -> None:
    assert soft_set().labels().tolist() == ["no", "no", "yes"]
    assert soft_set().label_index().tolist() == [0, 0, 1]


def test_labels_become_one_hot_rows_in_class_order() -> None:
    data = TransferSet.for_classification(np.zeros((3, 1)), ["b", "c", "a"])
    assert data.classes.tolist() == ["a", "b", "c"]
    assert data.soft_targets().tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_unknown_labels_are_named() -> None:
    data = TransferSet(np.zeros((2, 1)), np.array(["a", "zebra"]), classes=np.array(["a", "b"]))
    with pytest.raises(InvalidInputError, match="zebra"):
        data.label_index()


def test_take_keeps_rows_together_and_frames_frames() -> None:
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    data = TransferSet(X, np.array([0, 1, 0]), np.array([1.0, 2.0, 3.0], float), groups=np.array([5, 6, 7]))
    part = data.take(np.array([2, 0]))
    assert part.X["a"].tolist() == [3.0, 1.0]
    assert (part.y.tolist(), part.sample_weight.tolist(), part.groups.tolist()) == ([0, 0], [3.0, 1.0], [7, 5])


def test_regression_sets_have_no_classes() -> None:
    data = TransferSet(np.zeros((2, 1)), np.array([0.5, 1.5]))
    assert not data.is_soft
    with pytest.raises(InvalidInputError, match="no classes"):
        data.label_index()
