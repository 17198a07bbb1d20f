"""Calls in other processes: large values are handed over once, and each process counts its share of the cores."""

import os

import joblib
import numpy as np
import pandas as pd
import pytest
from joblib._parallel_backends import LokyBackend
from lightgbm import LGBMClassifier
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from stepdown import MultihopClassifier
from stepdown.core import side_by_side
from stepdown.core._parallel import _packed, _unpacked

LARGE = np.arange(200_000.0)


class ElsewhereBackend(LokyBackend):
    """Processes of this machine that are treated as if they were on another."""


@pytest.fixture
def elsewhere():
    joblib.register_parallel_backend("elsewhere", ElsewhereBackend)
    with joblib.parallel_config("elsewhere", n_jobs=2):
        yield


def test_large_values_are_the_same_argument_of_every_call():
    frame, handed = pd.DataFrame({"x": LARGE}), {}
    calls = [_packed((max, ({"frame": frame, "rows": [LARGE]}, place)), handed) for place in range(3)]
    assert len({id(value) for _, *values in calls for value in values}) == 2
    assert max(len(body) for body, *_ in calls) < 10_000
    assert _unpacked(*_packed((len, ([LARGE, LARGE],)), handed)) == 2


def test_calls_elsewhere_return_what_they_return_here(elsewhere):
    shift = 3  # in a closure, which plain pickles don't hold
    found = list(side_by_side(lambda rows, place: rows[place] + shift, [(LARGE, 5), (LARGE, 7)], None))
    assert found == [8.0, 10.0]


def test_fits_elsewhere_give_the_same_student(elsewhere):
    X, y = make_classification(300, 5, random_state=0)
    X = np.tile(X, (1, 20))  # large enough to be handed over by itself
    clf = MultihopClassifier(RandomForestClassifier(5), DecisionTreeClassifier(max_depth=3), random_state=0)
    there = clf.fit(X, y).predict_proba(X), [{**row, "seconds": 0} for row in clf.comparison_]
    with joblib.parallel_config("sequential"):
        here = clf.fit(X, y).predict_proba(X), [{**row, "seconds": 0} for row in clf.comparison_]
    assert np.array_equal(there[0], here[0])
    assert there[1] == here[1]


class Counted(LGBMClassifier):
    """Notes how many threads a fit adds to its process."""

    def fit(self, X, y, **how):
        before = len(os.listdir("/proc/self/task"))
        super().fit(X, y, **how)
        self.threads_ = 1 + len(os.listdir("/proc/self/task")) - before
        return self


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts by Linux")
@pytest.mark.parametrize("asked", [None, -1])
def test_processes_share_the_cores(asked):
    X, y = make_classification(200, 4, random_state=0)
    calls = [(Counted(n_estimators=2, verbose=-1, n_jobs=asked), X, y)] * 2
    made = list(side_by_side(Counted.fit, calls, 2))
    share = max(1, joblib.cpu_count() // 2)
    assert [model.threads_ <= share for model in made] == [True, True]
