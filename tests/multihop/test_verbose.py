"""`verbose` prints what the logger says, no less."""

import logging

from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier

from stepdown import Fixed, MultihopClassifier, Queried, diagnose


def test_verbose_prints_what_the_logger_says(capsys, caplog) -> None:
    X, y = load_iris(return_X_y=True)
    clf = MultihopClassifier(DecisionTreeClassifier(), DecisionTreeClassifier(max_depth=2), verbose=1, random_state=0)
    with caplog.at_level(logging.INFO, logger="stepdown"):
        clf.fit(X, y)
    printed = capsys.readouterr().out.splitlines()
    assert printed == [f"[stepdown] {record.getMessage()}" for record in caplog.records]
    assert len(printed) > 3
    clf.set_params(verbose=0).fit(X, y)
    assert capsys.readouterr().out == ""
    assert not logging.getLogger("stepdown").handlers


def test_a_label_budget_prints_what_it_queries(capsys) -> None:
    X, y = load_iris(return_X_y=True)
    asked = Queried(FrozenEstimator(DecisionTreeClassifier().fit(X, y)), 20)
    MultihopClassifier(asked, DecisionTreeClassifier(max_depth=2), verbose=1, random_state=0).fit(X)
    printed = capsys.readouterr().out
    assert "querying 20 of 150 rows" in printed
    assert "chosen:" in printed


def test_fixed_takes_the_way_of_a_diagnosis() -> None:
    X, y = load_iris(return_X_y=True)
    teacher, student = DecisionTreeClassifier(random_state=0), DecisionTreeClassifier(max_depth=1)
    way = diagnose(teacher, student, X, y, random_state=0).way
    clf = MultihopClassifier(teacher, student, search=Fixed(way), random_state=0).fit(X, y)
    assert clf.score(X, y) > 0.5
