"""Sums of small trees as students of chains."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from stepdown import Fixed, MultihopClassifier, MultihopRegressor, TreeSumClassifier, TreeSumRegressor
from stepdown.learners import complexity
from stepdown.methods import KD, Blend


@pytest.mark.parametrize("method", [KD(), Blend()], ids=["KD", "Blend"])
def test_a_taught_sum_of_trees_is_a_plain_one(method):
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    teacher = RandomForestClassifier(20, random_state=0)
    model = MultihopClassifier(
        teacher, TreeSumClassifier(6), methods=method, intermediates=[], search=Fixed("one-hop"), random_state=0
    )
    student = model.fit(X, names).student_
    assert type(student) is TreeSumClassifier
    assert student.n_splits_ == 6
    assert model.score(X, names) > 0.95
    alone = TreeSumClassifier(6).fit(X, names)
    assert not np.allclose(student.predict_proba(X), alone.predict_proba(X)), "the teacher must be heard"
    assert complexity(student).rules == 6 + 1


def test_numbers_too():
    X, y = load_diabetes(return_X_y=True)
    teacher = RandomForestRegressor(20, random_state=0)
    model = MultihopRegressor(teacher, TreeSumRegressor(6), intermediates=[], search=Fixed("one-hop"), random_state=0)
    assert model.fit(X, y).score(X, y) > 0.4
    assert type(model.student_) is TreeSumRegressor
