"""What the report says about rows is counted by hand here, and its page must be whole, safe and need nothing else."""

import html.parser
import json
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from stepdown import MultihopClassifier, MultihopRegressor, compare, diagnose, ship
from stepdown.core import InvalidInputError
from stepdown.learners import RegressionClassifier
from stepdown.search import Fixed
from stepdown.ship._evidence import Said, _segments, as_table, evidence
from stepdown.ship._headline import headline
from stepdown.ship._page import page
from stepdown.verdict._numbers import figure, share

EVIL = "<script>alert('&')</script>\x1b[31m\"*/'); DROP TABLE x;--\u202e\U0001f600"


class Reader(html.parser.HTMLParser):
    """Which elements a page has, and that each is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.ids, self.links, self.levels, self.texts = [], [], [], [], [], []

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.seen.append(tag)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named[key] for key in ("href", "src", "action") if key in named]
        self.levels += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.texts.append(text)


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def check_page(text):
    """What holds for every page."""
    reader = read(text)
    assert "script" not in reader.seen
    assert all(link.startswith("#") and link[1:] in reader.ids for link in reader.links)
    for word in ("http:", "https:", "@import", "url(", "src="):
        assert word not in text
    assert len(set(reader.ids)) == len(reader.ids)
    assert reader.levels[0] == 1
    assert reader.levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(reader.levels, reader.levels[1:], strict=False))
    assert all(reader.seen.count(mark) == 1 for mark in ("header", "nav", "main", "footer"))
    assert '<html lang="en">' in text
    return reader


# Counted by hand ------------------------------------------------------------------------------------------------------


def labels(*answers):
    return np.eye(2)[list(answers)]


@pytest.fixture
def said():
    """Ten rows, of which the student gets 7, the teacher 8 and the commonest class 6."""
    y = np.array(["a"] * 6 + ["b"] * 4)
    student = labels(0, 0, 0, 0, 1, 1, 1, 1, 1, 0)
    teacher = labels(0, 0, 0, 0, 0, 1, 1, 1, 1, 0)
    baseline = np.tile([0.6, 0.4], (10, 1))
    return Said(y, np.array(["a", "b"]), {"student": student, "teacher": teacher, "baseline": baseline})


def test_scores_and_differences_are_those_of_the_rows(said):
    found = evidence(said, "accuracy")
    assert {row["name"]: round(row["score"], 9) for row in found["scores"]} == {
        "student": 0.7,
        "teacher": 0.8,
        "baseline": 0.6,
    }
    gaps = np.array([0] * 4 + [-1] + [0] * 5)
    pair = next(row for row in found["pairs"] if row["b"] == "teacher")
    assert pair["difference"] == pytest.approx(-0.1)
    error = gaps.std(ddof=1) / np.sqrt(10)
    assert pair["high"] - pair["low"] == pytest.approx(2 * 1.959964 * error)
    assert pair["verdict"] == "undecided"
    assert found["commonest"] == "a"


def test_intervals_of_explained_variance_are_those_of_resampled_rows():
    r = np.random.default_rng(0)
    y = r.gamma(2, 3, 500)
    answers = {
        "student": y + r.normal(0, 2, 500),
        "teacher": y + r.normal(0, 1, 500),
        "baseline": np.full(500, y.mean()),
    }
    found = evidence(Said(y, None, answers), "r2")
    drawn = r.integers(0, 500, (1000, 500))

    def resampled(values):
        return np.std([1 - np.mean((values[some] - y[some]) ** 2) / y[some].var() for some in drawn])

    for row in found["scores"][:2]:
        assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * resampled(answers[row["name"]]), rel=0.1)
    mean = found["scores"][2]
    assert mean["high"] - mean["low"] == pytest.approx(0, abs=1e-9), "the mean explains nothing, whatever the rows"
    pairs = {row["b"]: row for row in found["pairs"]}
    assert pairs["baseline"]["low"] == pytest.approx(found["scores"][0]["low"])


def test_classes_confusion_and_disagreement_are_counted(said):
    found = evidence(said, "accuracy")
    assert found["confusion"]["counts"] == [[4, 2], [1, 3]]
    assert found["classes"][1] == {
        "class": "b",
        "rows": 4,
        "student_found": 0.75,
        "student_right": 0.6,
        "teacher_found": 0.75,
        "teacher_right": 0.75,
    }
    assert found["disagreement"] == {"rows": 1, "share": 0.1, "student_right": 0.0, "teacher_right": 1.0}
    assert found["calibration"] is None, "certain answers have no calibration"


def test_other_scorers_are_asked_of_the_same_answers(said):
    found = evidence(said, "balanced_accuracy")
    assert {row["name"]: round(row["score"], 4) for row in found["scores"]}["student"] == round((4 / 6 + 3 / 4) / 2, 4)
    assert all(row["low"] <= row["difference"] <= row["high"] for row in found["pairs"])


def test_squared_errors_in_units_of_the_variance():
    y = np.array([0.0, 1.0, 2.0, 3.0])
    answers = {"student": np.array([0.0, 1.0, 2.0, 2.0]), "baseline": np.full(4, 1.5)}
    found = evidence(Said(y, None, answers), "r2")
    assert [row["score"] for row in found["scores"]] == pytest.approx([0.8, 0.0])
    assert found["errors"]["off"]["student"] == pytest.approx([0.0, 0.7])


def test_what_is_typical_of_rows_on_which_models_disagree():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"age": rng.integers(20, 80, 400), "town": rng.choice(["Bern", "Basel"], 400), "no": range(400)}
    )
    teacher = rng.integers(0, 2, 400)
    apart = (table["town"] == "Bern") & (rng.random(400) < 0.8)
    student = np.where(apart, 1 - teacher, teacher)
    answers = {"student": np.eye(2)[student], "teacher": np.eye(2)[teacher], "baseline": np.full((400, 2), 0.5)}
    found = evidence(Said(teacher, np.array([0, 1]), answers, None, table), "accuracy")["disagreement"]
    assert [part["rows"] for part in found["segments"]] == ["town is Bern"]
    assert found["segments"][0]["teacher_right"] == 1.0


# The headline says no more than the numbers ---------------------------------------------------------------------------


def pair(b, difference, low, high, verdict):
    return {"b": b, "difference": difference, "low": low, "high": high, "verdict": verdict}


def told(*pairs, **more):
    models = {"student": "tree with 12 rules", "teacher": "forest of 300 trees", "plain": "a plain tree"}
    return headline({"scorer": "accuracy", "models": models, "commonest": "no", "pairs": list(pairs), **more})


BASE = pair("baseline", 0.2, 0.15, 0.25, "better")


def test_the_headline_of_the_issue():
    text = told(
        pair("teacher", -0.021, -0.033, -0.010, "worse"),
        BASE,
        pair("plain", 0.034, 0.02, 0.05, "better"),
        pair("untaught", 0.001, -0.01, 0.012, "undecided"),
    )
    assert text == (
        "Ship the tree with 12 rules: 2.1 points of accuracy below the forest of 300 trees [1.0, 3.3], 20.0 above"
        " always answering “no” [15.0, 25.0]; 3.4 above a plain tree [2.0, 5.0]; the teacher added nothing measurable"
        " (+0.1 [-1.0, +1.2])."
    )


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([pair("baseline", 0.01, -0.02, 0.04, "undecided")], "Don't ship the tree with 12 rules: it is not measurably"),
        ([pair("baseline", -0.05, -0.08, -0.02, "worse")], "Don't ship the tree with 12 rules: it is worse than"),
        ([pair("teacher", -0.3, -0.35, -0.25, "worse"), BASE], "only where its size is worth the loss"),
        ([pair("teacher", -0.01, -0.03, 0.01, "undecided"), BASE], "no measurable difference from the forest"),
        ([BASE, pair("untaught", 0.02, 0.01, 0.03, "better")], "the teacher added 2.0"),
        ([BASE, pair("untaught", -0.02, -0.03, -0.01, "worse")], "the teacher cost 2.0"),
        ([BASE, pair("untaught", 0.0, 0.0, 0.0, "same")], "the teacher made no difference."),
        ([BASE, pair("taught", 0.02, 0.01, 0.03, "better")], "students that it taught were worse"),
        ([BASE, pair("plain", 0.0, 0.0, 0.0, "no practical difference")], "the same as a plain tree"),
        ([], "was not measured"),
    ],
)
def test_every_claim_has_its_interval_behind_it(pairs, words):
    assert words in told(*pairs)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.00006, "0.00006"), (6.1e-5, "0.000061"), (1234.4, "1,234"), (12345678, "12,345,678"), (-0.5, "-0.5"), (0, "0")],
)
def test_numbers_are_written_as_people_write_them(number, text):
    assert figure(number) == text


@pytest.mark.parametrize(
    ("part", "text"), [(0.123, "12.3 %"), (1, "100 %"), (0.00004, "0.004 %"), (0.9999, "99.99 %"), (None, "–")]
)
def test_small_shares_are_never_nothing(part, text):
    assert share(part) == text


# Real models ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = np.array(["setosa", "versicolor", "virginica"])
    forest = RandomForestClassifier(20, random_state=0)
    return MultihopClassifier(forest, DecisionTreeClassifier(max_depth=2), random_state=0).fit(X, names[y]), X, names[y]


def test_rows_of_fit_are_recognised_and_answers_of_validation_taken(iris):
    clf, X, y = iris
    found = ship.report(clf, X, y).to_dict()
    assert found["evidence"]["source"] == "validation"
    held = clf.held_out_
    scores = {row["name"]: row["score"] for row in found["evidence"]["scores"]}
    right = clf.classes_[held.answers[held.ways["chosen"]].argmax(axis=1)] == y[held.rows]
    assert scores["student"] == pytest.approx(right.mean())
    assert scores["student"] == pytest.approx(next(row["score"] for row in clf.comparison_ if row["chosen"]))
    assert scores["baseline"] == pytest.approx(1 / 3)


def test_other_rows_are_asked_about(iris):
    clf, X, y = iris
    found = ship.report(clf, X[::3], y[::3]).to_dict()["evidence"]
    assert found["source"] == "new rows"
    assert {row["name"]: row["score"] for row in found["scores"]}["student"] == (clf.predict(X[::3]) == y[::3]).mean()


def test_the_page_of_a_tree_shows_what_there_is(iris, tmp_path):
    found = ship.report(*iris, title="Irises")
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()
    path = found.save(tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    reader = check_page(text)
    headings = " ".join(reader.texts)
    for words in (
        "Comparisons",
        "The student",
        "Class by class",
        "Where student and teacher disagree",
        "How it was made",
    ):
        assert words in headings
    assert found.headline in reader.texts
    assert sum("training rows)" in words for words in reader.texts) == clf_leaves(iris[0])
    assert list(tmp_path.iterdir()) == [path]


def clf_leaves(clf):
    return clf.student_.get_n_leaves()


@pytest.mark.parametrize("student", [LogisticRegression(max_iter=500), RegressionClassifier(KNeighborsRegressor(3))])
def test_students_of_other_kinds(iris, student):
    _, X, y = iris
    steps = make_pipeline(StandardScaler(), MultihopClassifier(RandomForestClassifier(20), student, random_state=0))
    text = ship.report(steps.fit(X, y), X, y).to_html()
    check_page(text)
    assert ("petal length (cm)" in text) == isinstance(student, LogisticRegression)


def test_numbers_as_targets():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = X @ [3.0, 1.0, 0.0] + rng.normal(size=120)
    reg = MultihopRegressor(RandomForestRegressor(20), LinearRegression(), random_state=0).fit(X, y)
    found = ship.report(reg, X, y, feature_names=["a", "b", "c"])
    assert "always answering the mean" in found.headline
    assert "How far off" in " ".join(check_page(found.to_html()).texts)


def test_where_nothing_was_validated_nothing_is_claimed(iris):
    _, X, y = iris
    clf = MultihopClassifier(RandomForestClassifier(5), DecisionTreeClassifier(max_depth=2), search=Fixed("one-hop"))
    assert "was not measured" in ship.report(clf.fit(X, y)).headline
    check_page(ship.report(clf).to_html())


def test_text_of_data_reaches_no_terminal_raw():
    assert "\x1b" not in told(BASE, commonest=EVIL)


def test_a_verdict_and_a_diagnosis(iris):
    clf, X, y = iris
    verdict = ship.report(compare(clf, X, y, cv=2))
    assert verdict.headline.startswith("Ship the tree with")
    assert "always answering the commonest class" in verdict.headline
    texts = check_page(verdict.to_html()).texts
    assert {"Held-out scores", "Class by class", "How sure it is", "Where student and teacher disagree"} <= set(texts)
    assert sum(row["rows"] for row in verdict.to_dict()["evidence"]["classes"]) == len(y)
    found = ship.report(diagnose(clf.teacher, clf.student, X, y, random_state=0))
    assert found.headline
    check_page(found.to_html())


@pytest.mark.parametrize("kind", ["comparisons", "sizes", "calibration", "confusion"])
def test_the_same_pictures_by_matplotlib(iris, kind):
    matplotlib = pytest.importorskip("matplotlib", reason="the plot extra isn't installed")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    found = ship.report(*iris)
    _, ax = plt.subplots()
    display = found.plot(kind, ax)
    assert display.ax_ is ax
    assert ax.get_xlabel()
    plt.close("all")
    with pytest.raises(InvalidInputError, match="has nothing of that kind"):
        found.plot("errors")
    with pytest.raises(InvalidInputError, match="expected one of comparisons"):
        found.plot("pie")


def test_hostile_names_and_values_stay_text(tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({EVIL: rng.normal(size=100), "עברית": rng.choice(["<b>", EVIL], 100)})
    y = np.where(X[EVIL] + (X["עברית"] == "<b>") > 0.3, EVIL, "*/")
    tree = make_pipeline(ship.TableColumns(), DecisionTreeClassifier(max_depth=2))
    clf = MultihopClassifier(RandomForestClassifier(10), DecisionTreeClassifier(max_depth=2), random_state=0)
    steps = make_pipeline(tree[0], clf).fit(X, y)
    text = page(
        ship.report(steps, X, y, title=EVIL).to_dict() | {"notices": [EVIL], "command": EVIL, "data": {"file": EVIL}}
    )
    check_page(text)
    for sign in ("<script", "\x1b", "\u202e"):
        assert sign not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((DecisionTreeClassifier(),), "expected a fitted"), ((None, [[1]], None), "expected a fitted")],
)
def test_what_is_no_subject_of_a_report(arguments, words):
    with pytest.raises(InvalidInputError, match=words):
        ship.report(*arguments)


def test_rows_without_targets_are_refused(iris):
    with pytest.raises(InvalidInputError, match="both X and y"):
        ship.report(iris[0], iris[1])


def test_arrays_have_columns_by_name():
    table = as_table(np.array([[1.0, 2.0]]), ["a", "b"])
    assert table["b"].tolist() == [2.0]
    assert table.take(np.array([0]))["a"].tolist() == [1.0]


def test_texts_are_told_apart_by_their_words():
    """A text that differs from row to row has no values to name, and its numbers don't exist."""
    names = [f"{'mazda' if n % 3 else 'ford'} model {n}x" for n in range(120)]
    apart = np.array(["mazda" in name for name in names]) & (np.arange(120) % 5 > 0)
    (found,) = _segments(pd.DataFrame({"name": names}), apart, {"student": apart, "teacher": ~apart})
    assert found["rows"] == 'name has the word "mazda"'
    assert found["n_rows"] == 80
