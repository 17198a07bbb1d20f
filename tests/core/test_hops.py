import pickle

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from stepdown.core import Hop, InvalidInputError, Teacher, TransferMethod, TransferSet, derive_seed, run_hops
from stepdown.methods import KD, NoTransfer


class Recorder(TransferMethod):
    """Remembers what it was given; fits the student to the labels."""

    calls: list = []  # noqa: RUF012

    def supervise(self, teachers, student, data, *, seed=None):
        self.calls.append(([teacher.name for teacher in teachers], seed))
        return data


class Failing(TransferMethod):
    def __init__(self, error: Exception) -> None:
        self.error = error

    def supervise(self, teachers, student, data, *, seed=None):
        raise self.error


@pytest.fixture
def data() -> TransferSet:
    return TransferSet.for_classification(*load_iris(return_X_y=True))


@pytest.fixture
def forest(data: TransferSet) -> RandomForestClassifier:
    return RandomForestClassifier(20, random_state=0).fit(data.X, data.y)


def test_every_student_becomes_a_teacher_of_those_behind_it(data, forest) -> None:
    Recorder.calls.clear()
    tree = DecisionTreeClassifier(max_depth=2)
    records, teachers = run_hops([forest], [Hop(tree, Recorder(), name="a"), Hop(tree, Recorder(), name="b")], data)
    assert [names for names, _ in Recorder.calls] == [["teacher"], ["teacher", "a"]]
    assert [teacher.name for teacher in teachers] == ["teacher", "a", "b"]
    assert [record.teachers for record in records] == [("teacher",), ("a",)]  # whom such a method asks


def test_the_seed_of_a_hop_does_not_depend_on_the_hops_before_it(data, forest) -> None:
    tree = DecisionTreeClassifier(max_depth=2)
    Recorder.calls.clear()
    run_hops([forest], [Hop(tree, Recorder())], data, seed=3)
    run_hops([forest], [Hop(tree, Recorder(), name="mid"), Hop(tree, Recorder())], data, seed=3)
    alone, _, after_mid = (seed for _, seed in Recorder.calls)
    assert alone == after_mid == derive_seed(3, "hop", "student")


def test_errors_name_the_hop(data, forest) -> None:
    tree = DecisionTreeClassifier()
    hops = [Hop(tree, NoTransfer(), name="mid"), Hop(tree, Failing(InvalidInputError("bad weights")))]
    with pytest.raises(InvalidInputError, match=r"hop 2 \(mid -> student, Failing\): bad weights"):
        run_hops([forest], hops, data)


def test_foreign_errors_keep_their_type_and_get_a_note(data, forest) -> None:
    with pytest.raises(ZeroDivisionError, match="boom") as caught:
        run_hops([forest], [Hop(DecisionTreeClassifier(), Failing(ZeroDivisionError("boom")))], data)
    assert "hop 1 (teacher -> student, Failing)" in caught.value.__notes__[0]


def test_nothing_of_the_callers_changes(data, forest) -> None:
    tree = DecisionTreeClassifier(max_depth=2)
    before = pickle.dumps((forest, tree, data.X, data.y))
    run_hops([forest], [Hop(tree, KD(), name="mid"), Hop(tree, KD())], data, seed=0)
    assert pickle.dumps((forest, tree, data.X, data.y)) == before
    assert not hasattr(tree, "tree_")


def test_a_restricted_teacher_slices_what_it_knows(data, forest) -> None:
    from stepdown.core import Signal

    teacher = Teacher(forest)
    values = np.arange(450.0).reshape(150, 3)
    teacher.remember("out-of-fold", data, Signal(values, "out-of-fold"))
    rows = np.array([5, 1])
    part = data.take(rows)
    known = teacher.restrict(data, rows, part).recall("out-of-fold", part)
    assert known is not None
    np.testing.assert_array_equal(known.values, values[rows])
    assert teacher.recall("out-of-fold", part) is None


def test_seeds_differ_by_name_and_not_by_order() -> None:
    assert derive_seed(0, "a") != derive_seed(0, "b")
    assert derive_seed(0, "a") != derive_seed(1, "a")
    assert derive_seed(None, "a") is None
    assert 0 <= derive_seed(2**31 - 1, "x") < 2**31
