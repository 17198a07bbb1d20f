"""Names of the first release still answer, and say where they are now."""

import importlib
import json
import pickle
import subprocess
import sys
from importlib.util import find_spec

import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

import stepdown
from stepdown import Fixed, MultihopClassifier, Queried
from stepdown._moved import RENAMED
from stepdown.core import TransferSet
from stepdown.diagnosis import Diagnosis


def test_a_name_that_left_the_root_says_where_it_is() -> None:
    with pytest.warns(DeprecationWarning, match=r"from stepdown\.core import TransferSet"):
        assert stepdown.TransferSet is TransferSet
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        stepdown.Nothing  # noqa: B018


DOORS = {
    "models": ["supports_weight", "Queried"],
    "chains": ["Gate", "Representative"],
    "evaluation": ["compare_paired", "partial_information"],
    "reports": ["render_html"],
    "datasets": ["iris"],
    "nn": ["AT", "Hint"],
}


def printed_elsewhere(lines: list[str]) -> list[str]:
    """What lines of Python print in a process that has imported nothing of ours."""
    command = [sys.executable, "-W", "ignore", "-c", "\n".join(lines)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_a_room_of_the_first_release_is_a_door() -> None:
    doors = [
        (module, name) for module, names in DOORS.items() if module != "nn" or find_spec("torch") for name in names
    ]
    lines = [f"from stepdown.{module} import {name}; print({name}.__name__)" for module, name in doors]
    assert printed_elsewhere(["import stepdown", *lines]) == [name for _, name in doors]


@pytest.mark.parametrize(("module", "name"), [("models", "QueryPolicy"), ("evaluation", "doubted_labels")])
def test_a_renamed_name_says_what_it_is_called_now(module: str, name: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"{RENAMED[name]}$"):
        found = getattr(importlib.import_module(f"stepdown.{module}"), name)
    assert found.__name__ == RENAMED[name]


def test_a_renamed_attribute_answers() -> None:
    found = Diagnosis({"likely_error_rows": [3]})
    with pytest.warns(DeprecationWarning, match="likely_error_rows"):
        assert found.doubted_rows == found.likely_error_rows == [3]
    queried = Queried(lambda rows: ["yes" for _ in rows], 3)
    with pytest.warns(DeprecationWarning, match="ask is now called query"):
        queried.ask([[1.0]])
    with pytest.warns(DeprecationWarning, match="n_queried"):
        assert queried.n_asked == queried.n_queried == 1


def test_a_way_of_the_first_release_is_taken() -> None:
    X, y = load_iris(return_X_y=True)
    clf = MultihopClassifier(
        RandomForestClassifier(10, random_state=0),
        DecisionTreeClassifier(max_depth=2),
        search=Fixed("1-hop"),
        random_state=0,
    )
    with pytest.warns(DeprecationWarning, match="'one-hop'"):
        clf.fit(X, y)
    now = MultihopClassifier(clf.teacher, clf.student, search=Fixed("one-hop"), random_state=0).fit(X, y)
    assert (clf.predict(X) == now.predict(X)).all()


def test_rows_of_the_comparison_know_the_former_key_and_print_as_a_table() -> None:
    X, y = load_iris(return_X_y=True)
    clf = MultihopClassifier(
        RandomForestClassifier(10, random_state=0), DecisionTreeClassifier(max_depth=2), random_state=0
    ).fit(X, y)
    rows = clf.comparison_
    assert [row["arm"] for row in rows] == [row["way"] for row in rows]
    with pytest.raises(KeyError, match="nothing"):
        rows[0]["nothing"]
    assert list(rows.to_frame()["way"]) == [row["way"] for row in rows]
    assert repr(rows).splitlines()[0].split()[:3] == ["way", "kind", "score"]
    assert len(repr(rows).splitlines()) == len(rows) + 1
    assert json.loads(json.dumps(rows))[0]["way"] == "plain"
    assert pickle.loads(pickle.dumps(rows)) == rows
    frame = clf.chain_.to_frame()
    assert list(frame["model"]) == [record.name for record in clf.chain_]
    assert repr(clf.chain_).splitlines() == [str(record) for record in clf.chain_]


def test_a_star_import_still_brings_what_moved_to_contrib() -> None:
    pytest.importorskip("torch")
    printed = printed_elsewhere(["from stepdown.nn import *", "print(VID.__module__, KD.__module__)"])
    assert printed == ["stepdown.nn.contrib._vid", "stepdown.nn._kd"]
