"""The commands from end to end: what they print, what they write, what they refuse."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.tree import DecisionTreeClassifier
from typer.testing import CliRunner

import stepdown
from stepdown import cli, methods
from stepdown.cli._app import app
from stepdown.datasets import mixed_table

SMALL = ["--teacher", "forest:n_estimators=20", "--student", "tree:max_depth=3"]
COMMAND = [sys.executable, "-c", "from stepdown.cli import main; main()"]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "customers.csv"
    pd.DataFrame(mixed_table(200, seed=0)).drop(columns="spending").to_csv(path, index=False)
    return path


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words):
        return CliRunner().invoke(app, [str(word) for word in words])

    return call


def fine(result):
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def refused(result, *words):
    assert result.exit_code == 2, result.output
    lines = result.stderr.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Traceback" not in result.output
    for word in words:
        assert word in errors[0]


# run ----------------------------------------------------------------------------------------------------------------


def test_run_ships_a_student_that_loads_and_answers(call, table, tmp_path):
    result = fine(call("run", table, "--target", "churn", *SMALL, "--out", "shipped"))
    folder = tmp_path / "shipped"
    assert sorted(path.name for path in folder.iterdir()) == [
        "chain.txt",
        "result.json",
        "student.skops",
        "student.txt",
    ]

    summary = json.loads((folder / "result.json").read_text())
    assert summary["schema"] == 1
    assert summary["task"] == "classification"
    assert summary["seed"] == 0
    assert summary["settings"]["teacher"] == "forest:n_estimators=20"
    assert summary["data"]["fingerprint"].startswith("sha256:")
    assert {"python", "stepdown", "scikit-learn", "skrub", "skops"} <= set(summary["versions"])
    assert sum(row["chosen"] for row in summary["validation"]) == 1
    assert summary["chain"][-1]["name"] == "student"
    assert summary["sentence"].endswith("`compare` gives one.")

    student = skops.io.load(folder / "student.skops", trusted=summary["student"]["trusted_types"])
    assert type(student[-1]) is DecisionTreeClassifier
    rows = pd.DataFrame(mixed_table(30, seed=5)).drop(columns=["churn", "spending"])
    rows["age"] = np.nan
    rows.loc[0, "region"] = "nowhere"
    with pytest.warns(UserWarning, match="unknown categories"):
        assert set(student.predict(rows)) <= {"yes", "no"}

    text = (folder / "student.txt").read_text()
    assert "|---" in text
    assert any(name in text for name in ("member", "region_south", "age"))
    assert "student" in (folder / "chain.txt").read_text()
    for path in folder.iterdir():
        assert str(path.relative_to(tmp_path)) in result.stdout
    assert "Validated on training rows" in result.stdout
    assert "skops.io.load" in result.stdout
    assert "'churn' is taken for classification" in result.stderr


def test_a_run_can_be_repeated(call, table, tmp_path):
    for name in ("one", "two"):
        fine(call("run", table, "--target", "churn", *SMALL, "--seed", "3", "--out", name))
    one, two = ((tmp_path / name / "student.txt").read_text() for name in ("one", "two"))
    assert one == two


def test_run_on_parquet_by_regression_with_a_linear_student(call, tmp_path):
    path = tmp_path / "customers.parquet"
    pd.DataFrame(mixed_table(200, seed=0)).drop(columns="churn").to_parquet(path)
    arguments = ("--target", "spending", "--teacher", "hist-boosting:max_iter=20", "--student", "ridge")
    result = fine(call("run", path, *arguments))
    assert "'spending' is taken for regression" in result.stderr
    folder = tmp_path / "stepdown-customers"
    summary = json.loads((folder / "result.json").read_text())
    assert summary["task"] == "regression"
    assert summary["scorer"] == "r2"
    chosen = next(row for row in summary["validation"] if row["chosen"])
    assert summary["chain"][-1]["score"] == chosen["score"]
    student = skops.io.load(folder / "student.skops", trusted=summary["student"]["trusted_types"])
    rows = pd.read_parquet(path)
    # A line through 200 rows is hardly better on its own rows than validated.
    assert chosen["score"] == pytest.approx(student.score(rows.drop(columns="spending"), rows["spending"]), abs=0.1)
    text = (folder / "student.txt").read_text()
    assert "(intercept)" in text
    assert "member" in text
    # The name is taken now; the next run leaves it alone.
    fine(call("run", path, *arguments))
    assert (tmp_path / "stepdown-customers-2").is_dir()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target", "chum"], ["no column 'chum'", "did you mean 'churn'"]),
        (["--target", "churn", "--teacher", "forrest"], ["unknown estimator 'forrest'", "'forest'"]),
        (["--target", "churn", "--student", "tree:max_dept=3"], ["'max_dept'", "did you mean 'max_depth'"]),
        (["--target", "churn", "--student", "tree:max_depth=-3"], ["max_depth"]),
        (["--target", "churn", "--student", "ridge"], ["doesn't do classification"]),
        (["--target", "churn", "--student", "sklearn.tree:ExtraTreeClassifier"], ["--allow-import"]),
        (["--target", "churn", "--task", "regression"], ["isn't numeric"]),
        (["--target", "churn", "--scoring", "acuracy"], ["unknown scorer", "did you mean 'accuracy'"]),
        (["--target", "churn", "--teacher", "xgboost"], ["xgboost takes classes numbered", "['no', 'yes']"]),
        (["--target", "churn", "--out", "."], ["in use"]),
    ],
)
@pytest.mark.parametrize("command", ["run", "compare"])
def test_bad_requests_are_one_line_and_code_2(call, table, command, arguments, words, tmp_path):
    before = sorted(tmp_path.iterdir())
    refused(call(command, table, *arguments), *words)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("text", "words"), [("", "empty"), ("a,churn\n1,yes\n2,yes\n", "one class"), ("a,churn\n1,\n", "missing")]
)
def test_bad_files_are_one_line_and_code_2(call, tmp_path, text, words):
    (tmp_path / "bad.csv").write_text(text)
    refused(call("run", "bad.csv", "--target", "churn"), words)
    refused(call("run", "none.csv", "--target", "churn"), "no such file")


def test_what_the_library_refuses_is_told_as_plainly(call, tmp_path):
    (tmp_path / "lone.csv").write_text("a,t\n" + "".join(f"{n},{n % 2}\n" for n in range(20)) + "20,2\n")
    refused(call("run", "lone.csv", "--target", "t", *SMALL), "one row")
    assert [path.name for path in tmp_path.iterdir()] == ["lone.csv"]


def test_an_import_path_where_it_is_allowed(call, table, tmp_path):
    arguments = ("--teacher", "forest:n_estimators=10", "--student", "sklearn.tree:ExtraTreeClassifier:max_depth=2")
    fine(call("run", table, "--target", "churn", *arguments, "--allow-import", "--out", "out"))
    assert json.loads((tmp_path / "out" / "result.json").read_text())["student"]["class"] == "ExtraTreeClassifier"


def test_a_bug_keeps_its_traceback(call, table, monkeypatch, tmp_path):
    def broken(*_, **__):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("stepdown.cli._jobs.save_run", broken)
    result = call("run", table, "--target", "churn", *SMALL, "--out", "out")
    assert isinstance(result.exception, ZeroDivisionError)
    assert [path.name for path in tmp_path.iterdir()] == ["customers.csv"]


# The other commands -------------------------------------------------------------------------------------------------


def test_compare_prints_and_keeps_the_verdict(call, table, tmp_path):
    arguments = (*SMALL, "--folds", "3", "--repeats", "1", "--out", "verdict")
    result = fine(call("compare", table, "--target", "churn", *arguments))
    folder = tmp_path / "verdict"
    assert sorted(path.name for path in folder.iterdir()) == ["verdict.html", "verdict.json", "verdict.txt"]
    summary = json.loads((folder / "verdict.json").read_text())
    assert summary["folds"] == 3
    assert {"simple alone", "simple + trainer", "1-hop", "multihop", "control"} <= {
        arm["name"] for arm in summary["arms"]
    }
    assert summary["data"]["fingerprint"].startswith("sha256:")
    assert summary["sentence"] in " ".join(result.stdout.split())
    assert "the control" in summary["sentence"]


def test_compare_refuses_folds_that_lack_a_class(call, tmp_path):
    (tmp_path / "rare.csv").write_text("a,t\n" + "".join(f"{n},{int(n > 16)}\n" for n in range(20)))
    refused(call("compare", "rare.csv", "--target", "t", *SMALL), "class 1 has 3 rows")


def test_methods_lists_every_method(call):
    result = fine(call("methods"))
    for name in ("NoTransfer", "KD", "SRatio", "Mixture"):
        assert name in methods.__all__
        assert name in result.stdout
    assert "SupervisionMethod" not in result.stdout


def test_version_and_help(call):
    assert fine(call("--version")).stdout.startswith("stepdown ")
    for command in ("run", "compare", "methods", "demo"):
        assert command in fine(call("--help")).stdout


# The process --------------------------------------------------------------------------------------------------------


def test_a_real_process(table, tmp_path):
    arguments = ["run", str(table), "--target", "churn", *SMALL, "--out", "out"]
    done = subprocess.run([*COMMAND, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "student.skops").is_file()
    assert "fitting the teacher" in done.stderr
    again = subprocess.run([*COMMAND, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert again.returncode == 2
    assert again.stderr.startswith("error: out: the output folder is in use")


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_an_interruption_leaves_nothing_behind(tmp_path):
    path = tmp_path / "long.csv"
    pd.DataFrame(mixed_table(5000, seed=0)).to_csv(path, index=False)
    arguments = ["run", str(path), "--target", "churn", "--teacher", "forest:n_estimators=5000", "--out", "out"]
    with subprocess.Popen([*COMMAND, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if "fitting the teacher" in line:
                break
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(60) == 130
    assert "interrupted" in rest
    assert "Traceback" not in rest
    assert [entry.name for entry in tmp_path.iterdir()] == ["long.csv"]


def test_without_the_extra_the_line_that_installs_it_is_printed(monkeypatch, capsys):
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name in ("skrub", "skops") else stepdown)
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert 'needs skrub, skops: pip install "stepdown[cli]"' in capsys.readouterr().err
