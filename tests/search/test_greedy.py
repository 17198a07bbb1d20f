"""The search that inserts one intermediate at a time."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from stepdown import KD, MultihopClassifier
from stepdown.core import TransferSet, as_teacher
from stepdown.methods import ConfWeight, NoTransfer
from stepdown.search import Greedy
from stepdown.search._explore import Exploration
from stepdown.search._task import Task, Way
from stepdown.trainers import PlainFit

MIDS = [
    ("big", RandomForestClassifier(30, max_depth=6)),
    ("mid", RandomForestClassifier(10, max_depth=4)),
    ("low", RandomForestClassifier(5, max_depth=3)),
]
TREE = DecisionTreeClassifier(max_depth=2)


def chain(search, **changes) -> MultihopClassifier:
    given = {"methods": KD(), "intermediates": MIDS, "trainer": PlainFit(), "random_state": 0}
    return MultihopClassifier(RandomForestClassifier(60), TREE, search=search, **(given | changes))


def test_one_hop_at_most_is_one_hop(noisy) -> None:
    X, y, _, _ = noisy
    clf = chain(Greedy(max_hops=1), intermediates=[]).fit(X, y)
    assert all(row["target"] == "student" for row in clf.candidates_)
    assert len(clf.chain_) <= 2


def test_nothing_is_inserted_that_is_not_clearly_better(noisy) -> None:
    X, y, _, _ = noisy
    clf = chain(Greedy(margin=np.inf)).fit(X, y)
    assert [record.name for record in clf.chain_] == ["teacher", "student"]
    insertions = {(row["source"], row["target"]) for row in clf.candidates_}
    assert {("teacher", "big"), ("teacher", "mid"), ("teacher", "low"), ("mid", "student")} <= insertions


@pytest.fixture
def problem(noisy):
    X, y, _, _ = noisy
    data = TransferSet.for_classification(X, y)
    teacher = as_teacher(RandomForestClassifier(60, random_state=0).fit(X, y))
    return Task(teacher, TREE, data, 0, methods=[KD(), ConfWeight()], intermediates=MIDS)


WAYS = [
    Way("plain", "plain", NoTransfer(), PlainFit(), uses_teacher=False),
    Way("labels", "labels", NoTransfer(), PlainFit(), uses_teacher=False),
    Way("one-hop", "one-hop", KD(), PlainFit()),
]


@pytest.mark.parametrize("max_hops", [2, 3, 4])
def test_the_chain_never_scores_less_than_one_hop_and_falls(problem, max_hops) -> None:
    search, found = Greedy(max_hops=max_hops, margin=0.0), Exploration(problem, folds=2)
    found.score(WAYS)
    best = search._extend(found, WAYS, problem.methods, WAYS[2:])
    assert 1 <= len(best.before) + 1 <= max_hops
    gain, _ = found.scores([best, WAYS[2]]).difference(0, 1)
    assert gain >= 0
    order = [name for name, _ in MIDS]
    places = [order.index(hop.name) for hop in best.before]
    assert places == sorted(places)


def test_a_candidate_stands_where_its_complexity_belongs(problem) -> None:
    """Into teacher -> mid -> student, big goes before mid and low behind it; mid is made again behind big."""
    found, search = Exploration(problem, folds=2), Greedy()
    ladder = found.ladder(WAYS[0])
    assert [node.name for node in ladder] == ["big", "mid", "low"]
    one = search._inserted(found, WAYS[2], ladder, 1, [KD()])
    assert [hop.name for hop in one.before] == ["mid"]
    assert [hop.name for hop in search._inserted(found, one, ladder, 0, [KD()]).before] == ["big", "mid"]
    assert [hop.name for hop in search._inserted(found, one, ladder, 2, [KD()]).before] == ["mid", "low"]
    assert search._inserted(found, one, ladder, 1, [KD()]) is None
    longer = search._inserted(found, one, ladder, 0, [KD()])
    before, after = problem.lead_up(one)[0][-1].model, problem.lead_up(longer)[0][-1].model
    assert not np.array_equal(before.predict_proba(problem.data.X), after.predict_proba(problem.data.X))


def test_parameters_out_of_range(noisy) -> None:
    for wrong in ({"max_hops": 0}, {"folds": 1}, {"margin": -1.0}, {"max_fits": -5}):
        with pytest.raises(ValueError, match=r"Greedy\(.*(must be|at least)"):
            chain(Greedy(**wrong)).fit(*noisy[:2])
