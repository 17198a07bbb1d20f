"""The dict holds the truth; here is asked whether the renderers tell it, and no more."""

import builtins
import html.parser
import json
import math

import numpy as np
import pytest

from stepdown.verdict import (
    ComparisonDisplay,
    render_html,
    render_json,
    render_rich,
    render_text,
    summary_sentence,
)


def way(name, mean, **metrics):
    return {
        "name": name,
        "mean": mean,
        "std": 0.02,
        "scores": [mean, mean],
        "metrics": metrics,
        "complexity": {"kind": "tree", "size": 31, "text": "16 leaves"},
        "seconds": 1.234,
    }


def pair(a, b, difference, low, high, verdict, question=None):
    chances = {"better": (0.0, 0.02, 0.98), "worse": (0.98, 0.02, 0.0), "no practical difference": (0.01, 0.98, 0.01)}
    worse, same, better = chances.get(verdict, (0.2, 0.5, 0.3))
    return {
        "a": a,
        "b": b,
        "question": question,
        "difference": difference,
        "low": low,
        "high": high,
        "p": 0.5,
        "p_worse": worse,
        "p_equivalent": same,
        "p_better": better,
        "verdict": verdict,
    }


@pytest.fixture
def summary():
    return {
        "schema": 1,
        "task": "classification",
        "scorer": "accuracy",
        "n_samples": 1569,
        "n_features": 30,
        "folds": 10,
        "seed": 7,
        "rope": 0.01,
        "ways": [way("plain", 0.92, balanced_accuracy=0.913), way("multihop", 0.9415, balanced_accuracy=0.93)],
        "comparisons": [
            pair("chosen", "plain", 0.021, 0.011, 0.031, "better", "everything together"),
            pair("multihop", "one-hop", 0.002, -0.005, 0.009, "no practical difference", "the hops"),
            pair("multihop", "control", 0.001, -0.025, 0.029, "undecided", "the chain's teacher"),
        ],
        "chain": [
            {"name": "teacher", "from": None, "method": None, "complexity": {"text": "300 trees"}, "seconds": 0.5},
            {"name": "bridge", "from": "teacher", "method": "KD(weight=0.5)", "complexity": None, "seconds": 12.3},
            {"name": "student", "from": ["teacher", "bridge"], "method": "Dense(KD())", "score": 0.94, "seconds": 0.9},
        ],
    }


RENDERERS = [render_text, render_html, render_json, render_rich]


# Sentences ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("better", "The multihop chain is better than one-hop transfer: +1.2 points [-0.3, +2.1]."),
        ("worse", "The multihop chain is worse than one-hop transfer: +1.2 points [-0.3, +2.1]."),
        (
            "no practical difference",
            "There is no practical difference between the multihop chain and one-hop transfer:"
            " +1.2 points [-0.3, +2.1].",
        ),
        (
            "undecided",
            "It is undecided whether the multihop chain is better or worse than one-hop transfer: +1.2 points"
            " [-0.3, +2.1].",
        ),
    ],
)
def test_the_verdict_and_nothing_else_makes_the_claim(verdict, words):
    row = pair("multihop", "one-hop", 0.012, -0.003, 0.021, verdict)
    assert summary_sentence({"schema": 1, "scorer": "accuracy", "comparisons": [row]}).startswith(words)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("better", "owes part of its score to its teacher"),
        ("worse", "would do better without its teacher"),
        ("no practical difference", "does as well without its teacher"),
        ("undecided", "no gain of the chain can be attributed to its teacher"),
    ],
)
def test_the_control_is_named_and_bounds_the_claim(verdict, words):
    rows = [
        pair("multihop", "plain", 0.05, 0.03, 0.07, "better"),
        pair("multihop", "control", 0.0, -0.1, 0.1, verdict),
    ]
    text = summary_sentence({"schema": 1, "scorer": "accuracy", "comparisons": rows})
    assert "the control (the same chain begun from labels, the teacher unused)" in text
    assert words in text


def test_a_chain_without_a_control_says_so():
    rows = [pair("multihop", "one-hop", 0.05, 0.03, 0.07, "better")]
    assert "No control was run" in summary_sentence({"schema": 1, "comparisons": rows})
    rows = [pair("one-hop", "plain", 0.05, 0.03, 0.07, "better")]
    assert "control" not in summary_sentence({"schema": 1, "comparisons": rows})


def test_every_comparison_has_its_sentence(summary):
    text = summary_sentence(summary)
    for words in ("+2.1 points [+1.1, +3.1]", "+0.2 points [-0.5, +0.9]", "+0.1 points [-2.5, +2.9]"):
        assert words in text


def test_what_is_undecided_is_told_together(summary):
    rows = [pair("one-hop", "labels", 0.004, -0.01, 0.02, "undecided"), *summary["comparisons"]]
    text = summary_sentence({"schema": 1, "scorer": "accuracy", "comparisons": rows})
    assert (
        "Undecided: one-hop transfer against labels alone with the same trainer, +0.4 points [-1.0, +2.0];"
        " the multihop chain against the control (the same chain begun from labels, the teacher unused), +0.1 points"
        " [-2.5, +2.9]. So no gain"
    ) in text
    assert text.startswith("The chosen student is better than the simple model alone: +2.1 points [+1.1, +3.1]. There")


def test_validated_scores_are_not_sold_as_a_verdict():
    rows = [
        {"way": "one-hop", "score": 0.93, "std_error": 0.01, "difference": 0.0, "difference_se": 0.0, "chosen": True},
        {"way": "control", "score": 0.94, "std_error": 0.01, "difference": 0.01, "difference_se": 0.02},
    ]
    text = summary_sentence({"schema": 1, "scorer": "accuracy", "validation": rows})
    assert "one-hop transfer was chosen, scoring 93.0 %" in text
    assert "scored 94.0, not clearly more" in text
    assert "not a verdict" in text
    assert summary_sentence({"schema": 1}) == "Nothing was compared."


def test_scores_with_a_unit_of_their_own_are_not_told_in_points():
    row = pair("one-hop", "plain", 0.0123456, -0.5, 0.25, "undecided")
    text = summary_sentence({"schema": 1, "scorer": "neg_mean_squared_error", "comparisons": [row]})
    assert ": +0.0123 [-0.5, +0.25]." in text
    assert "point" not in text


# Text ---------------------------------------------------------------------------------------------------------------


def test_text_report(summary):
    lines = render_text(summary).splitlines()
    assert lines[0] == "classification, 1,569 rows, 30 columns, 10 outer folds, seed 7"
    assert any(line.split() == ["plain", "92.0", "±2.0", "91.3", "1.23", "s", "16", "leaves"] for line in lines)
    [hops] = [line for line in lines if line.startswith("  the hops ")]
    assert "multihop – one-hop +0.2 [-0.5, +0.9] 1 / 98 / 1" in " ".join(hops.split())
    assert "  student  teacher + bridge  Dense(KD())         94.0  0.90 s  –" in lines
    assert max(map(len, lines)) < 130


def test_numbers_that_are_not_known_are_shown_as_such(summary):
    summary["ways"][0].update(mean=None, std=math.nan, complexity=None, seconds=None)
    row = next(line for line in render_text(summary).splitlines() if line.startswith("  plain"))
    assert row.split() == ["plain", "–", "–", "91.3", "–", "–"]


def test_no_minus_zero(summary):
    summary["comparisons"] = [pair("multihop", "one-hop", -0.0001, -0.0, 0.0, "no practical difference")]
    assert "+0.0 [+0.0, +0.0]" in render_text(summary)


def test_a_given_sentence_is_kept(summary):
    assert render_text(summary | {"sentence": "So be it."}).endswith("\n\nSo be it.")


# Rich ---------------------------------------------------------------------------------------------------------------


def drawn(summary):
    from rich.console import Console

    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(render_rich(summary))
    return console.export_text()


def test_rich_report(summary):
    text = drawn(summary)
    assert "+0.2 [-0.5, +0.9]" in text
    assert "no practical difference" in text


def test_brackets_are_no_markup(summary):
    summary["chain"][1]["method"] = "Mixture([red]x[/red])"
    assert "Mixture([red]x[/red])" in drawn(summary)


# JSON ---------------------------------------------------------------------------------------------------------------


def test_json_comes_back_equal(summary):
    assert json.loads(render_json(summary)) == summary


def test_json_takes_numpy_and_refuses_the_rest(summary):
    summary |= {"seed": np.int64(3), "best": np.float32(0.5), "rows": np.arange(2), "odd": (np.bool_(True), math.inf)}
    back = json.loads(render_json(summary))
    assert (back["seed"], back["best"], back["rows"], back["odd"]) == (3, 0.5, [0, 1], [True, None])
    with pytest.raises(TypeError, match="not a JSON type"):
        render_json({"schema": 1, "thing": object()})


# HTML ---------------------------------------------------------------------------------------------------------------


class Reader(html.parser.HTMLParser):
    """Checks that tags balance, and keeps texts."""

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.seen = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in ("br", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def test_html_is_whole_and_draws_the_hops(summary):
    reader = read(render_html(summary))
    assert reader.seen.count("table") == 3
    assert [text for text in reader.texts if text in ("teacher", "bridge", "student")][:3] == [
        "teacher",
        "bridge",
        "student",
    ]
    assert "Dense(KD()) from teacher + bridge" in reader.texts


def test_html_escapes_every_text(summary):
    evil = "<script>alert('&')</script>"
    summary["task"] = summary["sentence"] = evil
    summary["ways"][0]["name"] = summary["chain"][1]["name"] = summary["chain"][1]["method"] = evil
    summary["chain"][2]["complexity"] = {"text": evil}
    summary["chain"][2]["from"] = [evil, evil]
    summary["comparisons"][0].update(a=evil, question=evil, verdict=evil)
    text = render_html(summary)
    assert "<script" not in text
    assert "script" not in read(text).seen


def test_html_needs_nothing_else(summary):
    text = render_html(summary)
    for word in ("http", "src=", "href", "@import", "url("):
        assert word not in text


# Display ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib", reason="the plot extra isn't installed")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def test_display(summary, pyplot):
    display = ComparisonDisplay.from_summary(summary)
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["chosen – plain", "multihop – one-hop", "multihop – control"]
    assert display.ax_.get_xlabel() == "difference in accuracy (points)"
    assert display.ax_.lines[0].get_xdata() == pytest.approx([1.1, 3.1])
    assert display.ax_.lines[1].get_xdata() == pytest.approx([2.1])
    display.figure_.canvas.draw()


def test_display_draws_where_it_is_told(summary, pyplot):
    _, ax = pyplot.subplots()
    assert ComparisonDisplay.from_summary(summary, ax=ax).ax_ is ax
    with pytest.raises(ValueError, match="no comparisons to draw"):
        ComparisonDisplay.from_summary({"schema": 1})


# All of them --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("render", [*RENDERERS, ComparisonDisplay.from_summary])
def test_another_schema_is_refused(render):
    with pytest.raises(ValueError, match="expected schema 1, got 2"):
        render({"schema": 2})


@pytest.mark.parametrize("render", RENDERERS)
def test_everything_but_the_schema_may_be_missing(render):
    assert render({"schema": 1})


@pytest.mark.parametrize("render", RENDERERS)
def test_the_summary_stays_as_it_is(render, summary):
    before = json.dumps(summary)
    render(summary)
    assert json.dumps(summary) == before


@pytest.mark.parametrize(("package", "extra"), [("rich", "cli"), ("matplotlib", "plot")])
def test_a_missing_extra_names_the_line_that_installs_it(package, extra, summary, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    render = render_rich if package == "rich" else ComparisonDisplay.from_summary
    with pytest.raises(ImportError, match=rf'pip install "stepdown\[{extra}\]"'):
        render(summary)


# The validation of a real fit ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def validated():
    """The rows of a fit as they are, not as a test would write them."""
    from sklearn.datasets import load_wine
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.frozen import FrozenEstimator
    from sklearn.tree import DecisionTreeClassifier

    from stepdown import MultihopClassifier

    X, y = load_wine(return_X_y=True)
    frozen = FrozenEstimator(RandomForestClassifier(10, random_state=0).fit(X, y))
    clf = MultihopClassifier(frozen, DecisionTreeClassifier(max_depth=2), random_state=0)
    rows = clf.fit(X, y).comparison_
    return {"schema": 1, "task": "classification", "scorer": "accuracy", "validation": rows}


def test_scores_of_rows_that_a_frozen_teacher_may_have_seen_are_marked(validated):
    lines = render_text(validated).splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("Validated on training rows"))
    marked = {row["way"]: "†" in line for row, line in zip(validated["validation"], lines[start + 2 :], strict=False)}
    assert marked["plain"] is False
    assert marked["labels"] is False
    assert marked["one-hop"] is True
    assert marked["control"] is False
    assert sum(marked.values()) == len(marked) - 3
    assert sum("*" in line for line in lines[start + 2 : start + 2 + len(marked)]) == 1
    assert "† optimistically biased" in render_text(validated)
    assert "–" not in "".join(lines[start + 2 : start + 2 + len(marked)])  # every number of the table is there


@pytest.mark.parametrize("render", [render_html, lambda summary: printed(render_rich(summary))])
def test_every_renderer_tells_what_the_mark_means(validated, render):
    assert "† optimistically biased" in render(validated)
    alone = [row for row in validated["validation"] if row["kind"] in ("plain", "labels")]
    assert "†" not in render({**validated, "validation": alone})


def printed(drawn):
    from rich.console import Console

    console = Console(width=200)
    with console.capture() as capture:
        console.print(drawn)
    return capture.get()


def test_labels_alone_are_not_called_worse_than_a_biased_score():
    rows = [
        {"way": "labels", "kind": "labels", "score": 0.9, "chosen": True},
        {"way": "one-hop", "kind": "one-hop", "score": 0.92, "chosen": False, "validated": "frozen"},
    ]
    text = summary_sentence({"schema": 1, "scorer": "accuracy", "validation": rows})
    assert "one-hop transfer scored 92.0, an optimistically biased score" in text
    rows[0]["chosen"], rows[1]["chosen"], rows[0]["score"] = False, True, 0.93
    text = summary_sentence({"schema": 1, "scorer": "accuracy", "validation": rows})
    assert "scored 93.0, not clearly more" in text


@pytest.mark.parametrize("render", [render_text, render_html])
def test_weights_are_told(summary, render):
    assert "weighted" not in render(summary)
    assert "rows weighted in training and score" in render({**summary, "weighted": "training and score"})
