"""What is announced is what is done."""

import logging

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier

from stepdown import MultihopClassifier
from stepdown.search import Fixed, Gate
from stepdown.search._plan import Plan

FITS = []


class Counting:
    def fit(self, X, y, **how):
        FITS.append(len(X))
        return super().fit(X, y, **how)


class Extra(Counting, ExtraTreesClassifier):
    pass


class Forest(Counting, RandomForestClassifier):
    pass


@pytest.mark.parametrize("search", [Fixed("one-hop"), Gate(folds=2), Gate(folds=3)])
@pytest.mark.parametrize("teacher", [Extra(3), Forest(30), FrozenEstimator(Forest(3))])
def test_the_plan_counts_the_fits_of_the_teacher(teacher, search, caplog):
    X, y = make_classification(120, 4, random_state=0)
    if isinstance(teacher, FrozenEstimator):
        teacher = FrozenEstimator(teacher.estimator.fit(X, y))
    FITS.clear()
    with caplog.at_level(logging.INFO, "stepdown"):
        student = DecisionTreeClassifier(max_depth=2)
        MultihopClassifier(teacher, student, search=search, cv=3, intermediates=[], random_state=0).fit(X, y)
    [plan] = [record.getMessage() for record in caplog.records if record.getMessage().startswith("plan")]
    planned = int(plan.split(" more fits")[0].split()[-1]) if "more fits" in plan else 0
    first = 0 if isinstance(teacher, FrozenEstimator) else 1
    assert len(FITS) == first + planned
    assert plan.index("fits of students") > 0


def test_the_time_is_said_after_the_first_fit(caplog):
    with caplog.at_level(logging.INFO, "stepdown"):
        Plan(12, 6.0, 13, "6 ways in 2 folds").tell_time(40.0, 2)
        Plan(12, 6.0, 13, "6 ways in 2 folds").tell_time(0.1, None)
    assert [record.getMessage() for record in caplog.records] == ["the teacher's further fits take about 2 min"]
    assert np.isclose(caplog.records[0].remaining, 120.0)
