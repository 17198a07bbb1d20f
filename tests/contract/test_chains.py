"""The shipped contract over the estimators."""

import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown import KD, MultihopClassifier, MultihopRegressor
from stepdown.checks import chain_checks
from stepdown.trainers import PlainFit

CHAINS = [
    MultihopClassifier(RandomForestClassifier(10), DecisionTreeClassifier(max_depth=2), cv=3),
    MultihopClassifier(
        RandomForestClassifier(10),
        LogisticRegression(C=0.1),
        methods=KD(cv=3),
        intermediates=[("middle", DecisionTreeClassifier(max_depth=4))],
        trainer=PlainFit(),
        cv=3,
    ),
    MultihopRegressor(RandomForestRegressor(10), DecisionTreeRegressor(max_depth=2), cv=3),
]
CASES = [(number, check) for number, chain in enumerate(CHAINS) for check in chain_checks(chain)]


@pytest.mark.filterwarnings("ignore::stepdown.core.ComplexityWarning")
@pytest.mark.parametrize(("number", "check"), CASES, ids=[f"{number}-{check}" for number, check in CASES])
def test_contract(number, check):
    check()
