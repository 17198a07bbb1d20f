"""The shipped contract over every trainer that stepdown exports, and every kind of student it is for."""

import inspect

import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown import trainers
from stepdown.checks import trainer_checks
from stepdown.core import Trainer

STUDENTS = {
    "PlainFit": [
        DecisionTreeClassifier(max_depth=3),
        DecisionTreeRegressor(max_depth=3),
        RandomForestClassifier(3),
        LogisticRegression(),
        Ridge(),
        KNeighborsClassifier(),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    "TreeSearch": [
        DecisionTreeClassifier(max_depth=2),
        DecisionTreeRegressor(max_depth=2),
        make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=3)),
    ],
    "ForestSelection": [
        RandomForestClassifier(3, max_depth=2),
        ExtraTreesClassifier(3, max_depth=3),
        RandomForestRegressor(3, max_depth=2),
    ],
    "Restarts": [
        MLPClassifier((4,), solver="lbfgs", max_iter=60),
        MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=1000),
    ],
}


def exported() -> list[type[Trainer]]:
    named = [getattr(trainers, name) for name in trainers.__all__]
    return [one for one in named if inspect.isclass(one) and issubclass(one, Trainer) and not inspect.isabstract(one)]


CASES = [
    (one.__name__, student, check)
    for one in exported()
    for student in STUDENTS[one.__name__]
    for check in trainer_checks(one(), student)
]


@pytest.mark.parametrize(
    ("name", "student", "check"),
    CASES,
    ids=[f"{name}-{type(student).__name__}-{check}" for name, student, check in CASES],
)
def test_contract(name, student, check):
    check()
