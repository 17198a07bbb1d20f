"""A run that reads its table in blocks: columns of every kind, a folder like any other, and what it refuses."""

import json

import numpy as np
import pandas as pd
import pytest

from made import mixed_table
from stepdown.cli import _large

WORDS = ["run", "big.parquet", "--memory", "memory", "--student", "tree:max_depth=3", "--out", "out"]


@pytest.fixture
def done(call):
    """Call, and see that it was done."""

    def done(*words):
        said = call(*words)
        assert said.exit_code == 0, said.output
        return said

    return done


@pytest.fixture
def big(tmp_path, monkeypatch):
    monkeypatch.setattr(_large, "MANY_VALUES", 1000)
    frame = pd.DataFrame(mixed_table(600, seed=0))
    frame["since"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(600) % 90, unit="D")
    frame.to_parquet(tmp_path / "big.parquet", row_group_size=150)
    return frame


@pytest.mark.parametrize(("target", "task"), [("churn", "classification"), ("spending", "regression")])
def test_a_large_table_gives_a_folder_like_any_other(tmp_path, big, done, target, task):
    said = done(*WORDS, "--target", target, "--teacher", "forest:n_estimators=10", "--drop", "since")
    assert "600 rows" in said.output
    about = json.loads((tmp_path / "out" / "result.json").read_text())
    scores = {way["name"]: way["mean"] for way in about["ways"]}
    assert (about["task"], about["held_out"]) == (task, 60)
    assert scores["student"] > (0.6 if task == "classification" else 0.3)
    assert "since" not in about["student"]["columns"]
    big.drop(columns=target).to_csv(tmp_path / "new.csv", index=False)
    done("predict", "out", "new.csv", "--out", "answers.csv")
    answers = pd.read_csv(tmp_path / "answers.csv")["prediction"]
    truth = big[target]
    if task == "classification":
        assert np.mean(answers.astype(str) == truth.astype(str)) > 0.6
    else:
        assert np.corrcoef(answers, truth)[0, 1] > 0.6
    done("export", "out", "--to", "sql")


def test_a_run_that_was_read_once_reads_no_block_again(tmp_path, big, done, monkeypatch):
    words = [*WORDS[:-1], "one", "--target", "churn", "--teacher", "forest:n_estimators=10"]
    done(*words)
    monkeypatch.setattr("stepdown.large._labels.said", None)
    monkeypatch.setattr("stepdown.large._fit_parquet.fit_to", None)
    done(*[word if word != "one" else "two" for word in words])
    assert (tmp_path / "one" / "student.txt").read_text() == (tmp_path / "two" / "student.txt").read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--student", "logistic"], "expected a tree with a bound"),
        (["--folds", "3", "--search", "dynamic"], "--search, --folds: not for this table"),
        (["--drop", "nothing"], "no column 'nothing' to leave out"),
    ],
)
def test_what_needs_the_whole_table_is_refused(big, call, words, expected):
    said = call(*WORDS, "--target", "churn", *words)
    assert said.exit_code in (1, 2)
    assert expected in " ".join(said.output.split())


def test_a_small_table_is_searched_as_ever(tmp_path, big, done, monkeypatch):
    monkeypatch.setattr(_large, "MANY_VALUES", 10**6)
    words = ["--target", "churn", "--teacher", "forest:n_estimators=5", "--search", "one-hop"]
    done(*WORDS, *words)
    assert "validation" in json.loads((tmp_path / "out" / "result.json").read_text())
