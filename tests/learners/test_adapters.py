"""Models of other libraries are asked through one adapter each, found by the module of their classes."""

import sys

import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from stepdown.learners import Adapter, Complexity, adapter_of, adapters, complexity, grades, grown, register


class Theirs(BaseEstimator):
    """What a library unknown to us would define."""

    def __init__(self, rounds=3):
        self.rounds = rounds


Theirs.__module__ = "acme.boosting"


class Derived(Theirs):
    """What a user makes of it."""


class Acme(Adapter):
    library = "acme"
    members = ("rounds",)

    def size(self, learner):
        return Complexity("acme", 7.0)

    def rounds(self, learner):
        return learner.rounds, lambda count: (f"{count} of them", Theirs(count))


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(adapters, "_ADAPTERS", list(adapters._ADAPTERS))
    register(Acme())


def test_a_registered_adapter_is_asked_also_about_subclasses(registered):
    for model in (Theirs(), Derived()):
        assert isinstance(adapter_of(model), Acme)
        assert complexity(model).size == 7.0
        assert [grade.name for grade in grades(model, 3)] == ["1 of them", "2 of them", "full"]
        assert [name for name, _ in grown(model)] == ["30 members", "9 members"]


def test_the_last_one_that_was_registered_counts(registered):
    class Better(Acme):
        def size(self, learner):
            return Complexity("acme", 8.0)

    register(Better())
    assert complexity(Theirs()).size == 8.0


def test_what_has_no_adapter_is_taken_as_it_is():
    assert adapter_of(Theirs()) is None
    assert adapter_of(RandomForestClassifier()) is None
    assert complexity(Theirs()).kind == "other"
    assert [grade.name for grade in grades(Theirs(), 3)] == ["full"]


def test_an_adapter_that_says_nothing_changes_nothing(registered):
    class Silent(Adapter):
        library = "acme"

    register(Silent())
    assert complexity(Theirs()).kind == "other"
    assert grown(Theirs()) == []
    assert [grade.name for grade in grades(Theirs(), 3)] == ["full"]


@pytest.mark.parametrize("name", ["lightgbm.sklearn.LGBMClassifier", "xgboost.sklearn.XGBClassifier"])
def test_libraries_are_known_without_being_imported(name):
    module, _, kind = name.rpartition(".")
    model = type(kind, (DecisionTreeClassifier,), {"__module__": module})()
    before = set(sys.modules)
    assert adapter_of(model).library == module.split(".")[0]
    assert set(sys.modules) == before
