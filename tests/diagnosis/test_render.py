"""A diagnosis as text and HTML: what stands in the dict is told, and nothing else."""

import re

import pytest

from stepdown.diagnosis import render_diagnosis_html, render_diagnosis_text

RULE = {
    "name": "bridge",
    "role": "way",
    "advice": "Go over a bridge.",
    "reason": "It repeats 93.0% of the likely label errors.",
    "source": 'docs/results.md, "frozen, 20 % label noise: tree of depth 4"',
    "because": {},
}
SUMMARY = {
    "schema": 1,
    "task": "classification",
    "n_samples": 1200,
    "n_features": 7,
    "folds": 5,
    "seed": 3,
    "models": {
        "teacher": {"name": "Forest", "complexity": "100 trees"},
        "student": {"name": "T<r>ee", "complexity": ""},
    },
    "facts": {
        "teacher_frozen": False,
        "hard_answers": False,
        "teacher_accuracy_in_sample": 1.0,
        "teacher_accuracy": 0.8125,
        "overfit": 0.1875,
        "confidence": None,
        "capacity_gap": -0.0421,
        "capacity_gap_std_error": 0.0123,
        "complexity_ratio": 1234.5,
        "label_error_share": 0.213,
        "unlabelled_rows": 12345,
        "information_unique_teacher": 0.01,
        "information_bias": 0.02,
    },
    "recommendations": [
        {**RULE, "role": "also", "advice": "Compare.", "reason": "It tells.", "source": None},
        RULE,
        {**RULE, "role": "first", "advice": "Look at <labels>.", "reason": "Noise.", "source": None},
    ],
    "likely_error_rows": list(range(4, 40, 3)),
}


def line(text: str, label: str) -> str:
    return next(row for row in text.splitlines() if row.strip().startswith(label))


def test_numbers_have_their_units() -> None:
    text = render_diagnosis_text(SUMMARY)
    assert text.startswith("classification, 1,200 rows, 7 columns, seed 3\nteacher: Forest, 100 trees")
    assert "outer folds" not in text
    for label, value in {
        "right on these rows": "100.0%",
        "right on unseen rows": "81.2%",
        "over-fit": "+18.8 points",
        "capacity gap": "-4.2 points",
        "its standard error": "±1.2 points",
        "complexity ratio": "1,234 : 1",
        "likely label errors": "21.3%",
        "unlabelled rows": "12,345",
        "only the teacher": "0.010 nats",
        "frozen": "no",
    }.items():
        assert f" {value} " in line(text, label), label


def test_what_is_unknown_is_not_told() -> None:
    assert "sure on unseen rows" not in render_diagnosis_text(SUMMARY)
    assert "may be asked" not in render_diagnosis_text(SUMMARY)


def test_recommendations_stand_in_the_order_of_doing_with_their_evidence() -> None:
    text = render_diagnosis_text(SUMMARY)
    order = ["Before any transfer", "Look at <labels>.", "Which way to the student", "Go over a bridge.", "Besides"]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    told = re.sub(r"\s+", " ", text)
    assert 'likely label errors. (Measured: docs/results.md, "frozen, 20 % label noise: tree of depth 4".)' in told
    assert "Why: Noise. (No committed measurement.)" in told
    assert told.endswith("Compare. Why: It tells.")


def test_remarks() -> None:
    told = re.sub(r"\s+", " ", render_diagnosis_text(SUMMARY))
    assert "only the teacher knows about the label is within what chance would give" in told
    assert "Likely label errors in rows 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, ... (12 in all)." in told
    assert "optimistically biased" not in told
    facts = {**SUMMARY["facts"], "teacher_frozen": True, "information_unique_teacher": 0.3}
    frozen = re.sub(r"\s+", " ", render_diagnosis_text({**SUMMARY, "facts": facts}))
    assert "optimistically biased if the frozen teacher has seen these rows" in frozen
    assert "answers on unseen rows are not assessed" in frozen
    assert "no more than chance" not in frozen


def test_html_says_the_same_and_escapes() -> None:
    html = render_diagnosis_html(SUMMARY)
    assert "T&lt;r&gt;ee" in html
    assert "Look at &lt;labels&gt;." in html
    assert "<labels>" not in html
    for words in ("81.2%", "Go over a bridge.", "No committed measurement.", "12 in all"):
        assert words in html
    assert html.count("<table>") == html.count("</table>") == 4
    assert "http" not in html


@pytest.mark.parametrize("render", [render_diagnosis_text, render_diagnosis_html])
def test_little_is_enough_and_another_schema_is_refused(render) -> None:
    assert "10 rows" in render({"schema": 1, "n_samples": 10})
    with pytest.raises(ValueError, match="expected schema 1"):
        render({"schema": 2})
