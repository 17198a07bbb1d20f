"""The page of a run: written last, named last, never worth a run; its command makes the same again."""

import html
import json
import re
import shlex

import pytest

from stepdown.cli import _reporting, _results

FAST = ("--teacher", "forest:n_estimators=10", "--student", "tree:max_depth=2", "--folds", "2")


def lines(result):
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_the_command_on_the_page_makes_the_same_again(call, table, tmp_path):
    lines(call("run", table, "--target", "churn", *FAST, "--seed", "0", "--max-rules", "50", "--out", "a"))
    page = (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    command = shlex.split(html.unescape(re.search("<pre>(.*?)</pre>", page, re.DOTALL).group(1)))
    assert command[:2] == ["stepdown", "run"]
    lines(call(*command[1:], "--out", "b"))
    first, second = ((tmp_path / name / "student.txt").read_text() for name in "ab")
    assert first == second


@pytest.mark.parametrize(("module", "part"), [(_results, "page"), (_reporting, "summary_of")])
def test_a_page_that_fails_is_a_warning_and_loses_nothing(call, table, tmp_path, monkeypatch, module, part):
    def breaks(*_, **__):
        raise ZeroDivisionError("the page broke")

    monkeypatch.setattr(module, part, breaks)
    result = call("run", table, "--target", "churn", *FAST, "--search", "one-hop", "--out", "out")
    assert result.exit_code == 0, result.output
    assert "warning" in result.stderr
    assert "the page broke" in result.stderr
    assert json.loads((tmp_path / "out" / "result.json").read_text())["student"]["class"] == "DecisionTreeClassifier"
    assert (tmp_path / "out" / "student.skops").is_file()
    assert (tmp_path / "out" / "report.html").exists() == (part != "page")


def test_compare_and_diagnose_write_one(call, table, tmp_path):
    told = lines(call("compare", table, "--target", "churn", *FAST, "--repeats", "1", "--out", "v"))
    assert "  v/report.html" in told
    headline = json.loads((tmp_path / "v" / "verdict.json").read_text())["headline"]
    assert headline in html.unescape((tmp_path / "v" / "report.html").read_text(encoding="utf-8"))
    told = lines(call("diagnose", table, "--target", "churn", *FAST, "--out", "d"))
    assert "  d/report.html" in told
    page = (tmp_path / "d" / "report.html").read_text(encoding="utf-8")
    assert "What to try" in page
    assert "stepdown diagnose" in page
