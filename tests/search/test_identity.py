"""Methods that are spelt alike are still different ones."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown import KD, DynamicProgramming, MultihopClassifier, MultihopRegressor
from stepdown.core import TransferMethod
from stepdown.search import Fixed, Gate
from stepdown.trainers import PlainFit


class Quiet(KD):
    """A third party's, whose text says nothing of its parameters."""

    def __repr__(self) -> str:
        return "Quiet()"


class Contrary(TransferMethod):
    """Says the opposite of the labels, and calls itself like another."""

    def supervise(self, teachers, student, data, *, seed=None):
        return data.replace(y=1.0 - data.soft_targets() if data.is_classification else -np.asarray(data.y))

    def __repr__(self) -> str:
        return "Quiet()"


def chain(methods, search, **changes):
    given = {"trainer": PlainFit(), "intermediates": [("mid", RandomForestClassifier(5, max_depth=5))]}
    forest, tree = RandomForestClassifier(20), DecisionTreeClassifier(max_depth=2)
    return MultihopClassifier(forest, tree, methods=methods, search=search, random_state=0, **(given | changes))


@pytest.mark.parametrize("search", [Gate(), DynamicProgramming(None)], ids=repr)
@pytest.mark.parametrize("kept", [False, True], ids=["", "memory"])
@pytest.mark.parametrize("other", [Contrary(), Quiet(weight=0.0)], ids=["another class", "other parameters"])
def test_each_is_scored_by_itself(search, kept, other, noisy, tmp_path) -> None:
    X, y, _, _ = noisy
    methods = [Quiet(weight=1.0), other]
    memory = {"memory": tmp_path} if kept else {}
    found = {row["way"]: row["score"] for row in chain(methods, search, **memory).fit(X, y).comparison_}
    turned = {row["way"]: row["score"] for row in chain(methods[::-1], search, **memory).fit(X, y).comparison_}
    assert {"one-hop, Quiet()", "one-hop, Quiet() #2"} <= set(found)
    assert found["one-hop, Quiet()"] == turned["one-hop, Quiet() #2"]
    assert found["one-hop, Quiet() #2"] == turned["one-hop, Quiet()"]
    assert found["one-hop, Quiet()"] != found["one-hop, Quiet() #2"]


def test_each_trains_its_own_student(noisy) -> None:
    X, y, _, _ = noisy
    for kind in ("one-hop", "multihop"):
        right, wrong = (
            chain([KD(weight=1.0), Quiet(), Contrary()], Fixed(f"{kind}, {name}")).fit(X, y).score(X, y)
            for name in ("Quiet()", "Quiet() #2")
        )
        assert right > 0.7 > 0.4 > wrong


def test_regression_and_a_way_to_the_student_by_each_method(diabetes) -> None:
    """A wide search names the ways that it adds itself, and shares its bridges by identity as well."""

    X, y = diabetes[0][:150], diabetes[1][:150]
    reg = MultihopRegressor(
        RandomForestRegressor(20), DecisionTreeRegressor(max_depth=2), methods=[Quiet(), Contrary()], random_state=0,
        intermediates=[("mid", RandomForestRegressor(5))], search=DynamicProgramming(None), trainer=PlainFit(),
    ).fit(X, y)  # fmt: skip
    names = [row["way"] for row in reg.comparison_]
    assert len(names) == len(set(names))
    scores = {row["way"]: row["score"] for row in reg.comparison_}
    assert scores["one-hop, Quiet()"] > 0 > scores["one-hop, Quiet() #2"]
