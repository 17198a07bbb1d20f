"""What is announced is what is done."""

import logging

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
    assert "of students" in plan


def test_the_time_is_said_after_the_first_fit(caplog):
    plan = Plan(12, 13, "6 ways in 2 folds", (("folds", 4.0, 2.0), ("training", 0.0, 3.0)))
    with caplog.at_level(logging.INFO, "stepdown"):
        plan.tell_time(40.0, 2)
        plan.tell_time(0.1, None)
    assert [record.getMessage() for record in caplog.records] == [
        "after the teacher's first fit: about 4 min for the rest"
    ]
    assert caplog.records[0].steps == {"folds": 120.0, "training": 120.0}  # the last fit has nothing beside it


@pytest.mark.parametrize(
    ("search", "student", "places"),
    [
        (Gate(), DecisionTreeClassifier(max_depth=2), [0, 1, 2, 4]),
        (Gate(), "auto", [0, 1, 2, 3, 4]),
        (Fixed("one-hop"), DecisionTreeClassifier(max_depth=2), [4]),
    ],
)
def test_the_steps_of_the_plan_are_those_that_are_told(search, student, places, caplog):
    X, y = make_classification(120, 4, random_state=0)
    names = [name for name, *_ in Plan.of(Extra(3), [], Gate(), 3, 120, frozen=False, n_kinds=3).steps]
    with caplog.at_level(logging.DEBUG, "stepdown"):
        MultihopClassifier(Extra(3), student, search=search, cv=3, random_state=0).fit(X, y)
    told = list(dict.fromkeys(record.msg for record in caplog.records if record.msg in names))
    assert told == [names[place] for place in places]


def test_a_frozen_teacher_is_not_said_to_be_fitted(caplog):
    X, y = make_classification(60, 4, random_state=0)
    teacher = FrozenEstimator(Extra(3).fit(X, y))
    with caplog.at_level(logging.INFO, "stepdown"):
        MultihopClassifier(teacher, DecisionTreeClassifier(max_depth=2), search=Fixed("plain")).fit(X, y)
    assert "plan: 1 way; the teacher, fitted already, 1 fit of students" in caplog.messages
    assert "fitting the teacher" not in caplog.text
