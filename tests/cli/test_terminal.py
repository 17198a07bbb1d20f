"""What is the same in all commands: -h, --quiet, --json, standard input, a hold-out of the user's."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from typer.main import get_command

from made import mixed_table
from stepdown.cli import _default_teacher
from stepdown.cli._app import app
from stepdown.cli._data import Data, read_data
from stepdown.cli._default_teacher import default_teacher
from stepdown.cli._estimators import parse_spec

QUICK = ("--teacher", "forest:n_estimators=5", "--student", "tree:max_depth=2", "--search", "one-hop", "--folds", "2")


def fine(result):
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def held_out(tmp_path):
    frame = pd.DataFrame(mixed_table(90, seed=7)).drop(columns="spending")
    frame.loc[:1, "churn"] = None
    frame[frame.columns[::-1]].assign(more=1).to_csv(tmp_path / "later.csv", index=False)
    return frame


@pytest.mark.parametrize("command", ["run", "compare", "diagnose", "predict", "export", "methods", "demo"])
def test_every_command_has_the_same_small_options(call, command):
    short, long = call(command, "-h"), call(command, "--help")
    assert short.exit_code == 0
    assert short.stdout == long.stdout
    assert "--quiet" in short.stdout
    assert "--json" in short.stdout


def test_an_option_means_the_same_in_all_commands():
    meant: dict = {}
    for name, command in get_command(app).commands.items():
        for option in command.params:
            if option.name in ("help", "out"):  # --out names what each command writes
                continue
            for flag in option.opts:
                assert meant.setdefault(flag, option.help) == option.help, f"{name} {flag}"


def test_json_is_one_document_and_all_else_is_on_standard_error(call, table, tmp_path):
    ran = fine(call("run", table, "--target", "churn", *QUICK, "--out", "out", "--json"))
    told = json.loads(ran.stdout)
    assert told["folder"] == "out"
    assert told["student"] == json.loads((tmp_path / "out" / "result.json").read_text())["student"]
    assert "Written:" in ran.stderr
    answers = json.loads(fine(call("predict", "out", table, "--proba", "--json")).stdout)
    assert len(answers) == 200
    assert set(answers[0]) == {"prediction", "probability_no", "probability_yes"}
    code = json.loads(fine(call("export", "out", "--to", "python", "--json")).stdout)
    assert "def predict" in code["code"]
    found = json.loads(fine(call("diagnose", table, "--target", "churn", *QUICK[:4], "--folds", "2", "--json")).stdout)
    assert found["facts"]["rows"] == 200
    assert "SRatio" in json.loads(fine(call("methods", "--json")).stdout)


def test_quiet_says_nothing_but_errors(call, table, tmp_path):
    assert fine(call("run", table, "--target", "churn", *QUICK, "--out", "out", "--quiet")).output == ""
    asked = fine(call("predict", "out", table, "-q"))
    assert asked.stderr == ""
    assert asked.stdout.startswith("prediction\n")
    failed = call("run", table, "--target", "gone", *QUICK, "--quiet")
    assert failed.exit_code == 2
    assert failed.stderr.startswith("error: ")


@pytest.mark.parametrize("packed", ["", "gz", "jsonl", "parquet"])
def test_a_table_from_standard_input(call, table, tmp_path, packed, monkeypatch):
    from typer.testing import CliRunner

    text = table.read_bytes()
    if packed == "gz":
        text = gzip.compress(text)
    elif packed == "jsonl":
        text = pd.read_csv(table).to_json(orient="records", lines=True).encode()
    elif packed == "parquet":
        pd.read_csv(table).to_parquet(tmp_path / "a.parquet")
        text = (tmp_path / "a.parquet").read_bytes()
    words = ["run", "-", "--target", "churn", *QUICK]
    fine(CliRunner().invoke(app, words, input=text))
    summary = json.loads((tmp_path / "stepdown-stdin" / "result.json").read_text())
    assert summary["n_samples"] == 200
    missed = CliRunner().invoke(app, ["run", "-", "--target", "gone"], input=text)
    assert missed.stderr.startswith("error: standard input: no column 'gone'")
    twice = CliRunner().invoke(app, [*words, "--test", "-"], input=text)
    assert "only one table" in twice.stderr


def test_the_verdict_is_on_the_rows_of_a_hold_out(call, table, held_out, tmp_path):
    result = fine(call("run", table, "--target", "churn", *QUICK, "--test", "later.csv", "--out", "out"))
    assert "2 rows of later.csv have no target" in result.stderr
    verdict = json.loads((tmp_path / "out" / "verdict.json").read_text())
    assert verdict["hold_out"] == {"rows": 88, "parts": 8}
    types = json.loads((tmp_path / "out" / "result.json").read_text())["student"]["trusted_types"]
    student = skops.io.load(tmp_path / "out" / "student.skops", trusted=types)
    rows = held_out[2:]
    means = {way["name"]: way["mean"] for way in verdict["ways"]}
    assert means["chosen"] == pytest.approx(accuracy_score(rows["churn"], student.predict(rows)))
    assert verdict["data"]["test"]["rows"] == 88
    compared = fine(call("compare", table, "--target", "churn", *QUICK, "--test", "later.csv", "--json"))
    assert {way["name"]: way["mean"] for way in json.loads(compared.stdout)["ways"]} == pytest.approx(means)


def test_teachers_are_fitted_no_more_often_for_a_hold_out(call, table, held_out, monkeypatch):
    fits, fit = [], RandomForestClassifier.fit
    monkeypatch.setattr(
        RandomForestClassifier, "fit", lambda self, *rows: fits.append(len(rows[0])) or fit(self, *rows)
    )
    words = ("--teacher", "forest:n_estimators=5", "--student", "tree:max_depth=2", "--folds", "2")
    fine(call("run", table, "--target", "churn", *words))
    alone = [*fits]
    assert alone.count(200) == 1
    fine(call("run", table, "--target", "churn", *words, "--test", "later.csv"))
    assert fits == 2 * alone


def test_a_hold_out_that_does_not_fit_is_refused(call, table, held_out, tmp_path):
    held_out.drop(columns="age").to_csv(tmp_path / "less.csv", index=False)
    held_out.assign(age="old").to_csv(tmp_path / "old.csv", index=False)
    held_out.rename(columns={"churn": "churned"}).to_csv(tmp_path / "named.csv", index=False)
    held_out.assign(churn="perhaps").to_csv(tmp_path / "perhaps.csv", index=False)
    held_out[:9].to_csv(tmp_path / "few.csv", index=False)
    for name, code, words in (
        ("less.csv", 1, "columns are missing: age"),
        ("old.csv", 1, "column 'age' holds texts, but numbers"),
        ("named.csv", 1, "no column 'churn', the target; did you mean 'churned'?"),
        ("perhaps.csv", 1, "has classes that customers.csv hasn't: perhaps"),
        ("few.csv", 1, "at least 20"),
        ("gone.csv", 2, "file not found"),
    ):
        result = call("compare", table, "--target", "churn", *QUICK, "--test", name)
        assert words in result.stderr, name
        assert result.exit_code == code
    both = call("compare", table, "--target", "churn", *QUICK, "--test", "later.csv", "--outer-folds", "3")
    assert both.exit_code == 2
    assert "leave --outer-folds" in both.stderr


def test_nothing_is_advised_that_would_be_refused(tmp_path):
    path = tmp_path / "a.csv"
    frame = pd.DataFrame({"x": np.arange(40), "text": ["a", "b"] * 20, "few": [0, 1] * 20, "many": np.arange(40) / 7})
    frame.to_csv(path, index=False)

    def said(target):
        return next(line for line in read_data(path, target).notices if "is treated as" in line)

    assert said("text") == "'text' is treated as classification"
    assert said("few").endswith("; --task regression changes that")
    assert said("many") == "'many' is treated as regression"


def test_the_default_teacher_has_a_bounded_cost(monkeypatch):
    r = np.random.default_rng(0)
    X = pd.DataFrame(r.normal(size=(400, 30)), columns=[f"x{n}" for n in range(30)])
    tree = parse_spec("tree")
    numbers = Data(X, r.normal(size=400), "regression", {})
    classes = Data(X, r.integers(0, 2, 400), "classification", {})
    assert default_teacher(numbers, tree) == (parse_spec_default("forest:n_estimators=300"), [])
    monkeypatch.setattr(_default_teacher, "MOST_LOOKS", 1e7)
    spec, notes = default_teacher(numbers, tree)
    assert dict(spec.parameters) == {"n_estimators": 300, "max_features": 0.321}  # 1e7 of 300 * 400 * log2(400) * 30
    assert "--teacher forest:n_estimators=300" in notes[0]
    monkeypatch.setattr(_default_teacher, "MOST_LOOKS", 2e6)
    monkeypatch.setattr(_default_teacher, "FEWEST_ROWS", 50)
    for data in (numbers, classes):
        spec, _ = default_teacher(data, tree)
        assert spec.parameters["max_samples"] == 140  # a third of the rows for the square root of the columns
    assert spec.parameters.keys() == {"n_estimators", "max_samples"}


def parse_spec_default(text):
    from dataclasses import replace

    return replace(parse_spec(text), is_default=True)
