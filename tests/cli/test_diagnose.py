"""``stepdown diagnose`` from end to end."""

import json

import pandas as pd
import pytest
import skops.io
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from typer.testing import CliRunner

from made import label_noise, mixed_table
from stepdown.cli._app import app

SMALL = ["--teacher", "forest:n_estimators=20", "--student", "tree:max_depth=3", "--folds", "3"]


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "customers.csv"
    pd.DataFrame(mixed_table(200, seed=0)).drop(columns="spending").to_csv(path, index=False)
    return path


def test_a_table_is_diagnosed_and_the_result_is_written(call, table, tmp_path) -> None:
    result = call("diagnose", table, "--target", "churn", *SMALL, "--out", "found")
    assert result.exit_code == 0, result.output
    assert "Which way to the student" in result.stdout
    summary = json.loads((tmp_path / "found" / "diagnosis.json").read_text())
    assert summary["schema"] == 1
    assert summary["facts"]["teacher_signal"] == "out-of-bag"
    assert summary["settings"]["cv"] == 3
    assert summary["data"]["file"] == "customers.csv"
    assert (tmp_path / "found" / "diagnosis.txt").read_text().strip() in result.stdout


def test_a_fitted_teacher_that_has_memorised_noise(call, tmp_path) -> None:
    X, y = load_wine(return_X_y=True, as_frame=True)
    noisy = label_noise(y.to_numpy(), 0.25, seed=0)
    X.assign(kind=noisy).to_csv(tmp_path / "wine.csv", index=False)
    skops.io.dump(RandomForestClassifier(30, random_state=0).fit(X, noisy), tmp_path / "teacher.skops")
    models = ["--teacher-file", "teacher.skops", "--trust", "sklearn.tree._tree.Tree"]
    result = call("diagnose", "wine.csv", "--target", "kind", "--task", "classification", *models)
    assert result.exit_code == 0, result.output
    assert "Go over a bridge" in result.stdout


def test_numbers_are_no_classes(call, tmp_path) -> None:
    pd.DataFrame(mixed_table(100, seed=0)).to_csv(tmp_path / "spent.csv", index=False)
    result = call("diagnose", "spent.csv", "--target", "spending", *SMALL)
    assert result.exit_code == 2
    assert "diagnose is for classes" in result.stderr
