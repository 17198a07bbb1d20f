"""The commands from end to end: what they print, what they write, what they refuse."""

import html
import json
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from skrub import TableVectorizer

import stepdown
from made import mixed_table
from stepdown import Fixed, MultihopClassifier, cli
from stepdown.cli._methods import read_methods

SMALL = ["--teacher", "forest:n_estimators=20", "--student", "tree:max_depth=3"]
# Without validation, where it makes no difference.
UNSEEN = [*SMALL, "--search", "one-hop"]
COMMAND = [sys.executable, "-c", "from stepdown.cli import main; main()"]


def fine(result):
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def refused(result, *words, code=2):
    assert result.exit_code == code, result.output
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
        "report.html",
        "result.json",
        "student.skops",
        "student.txt",
    ]

    summary = json.loads((folder / "result.json").read_text())
    assert f"{summary['headline']}\nThe page: shipped/report.html" in result.stdout
    assert summary["headline"] in html.unescape((folder / "report.html").read_text())
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
    assert set(student.predict(rows)) <= {"yes", "no"}

    text = (folder / "student.txt").read_text()
    assert any(name in text for name in ("member is 1", "region is", "age <= "))
    assert "student" in (folder / "chain.txt").read_text()
    for path in folder.iterdir():
        assert str(path.relative_to(tmp_path)) in result.stdout
    assert "Validated on training rows" in result.stdout
    assert "skops.io.load" in result.stdout
    assert "'churn' is treated as classification" in result.stderr


def test_a_run_can_be_repeated(call, table, tmp_path):
    for name in ("one", "two"):
        fine(call("run", table, "--target", "churn", *UNSEEN, "--seed", "3", "--out", name))
    one, two = ((tmp_path / name / "student.txt").read_text() for name in ("one", "two"))
    assert one == two


def test_run_on_parquet_by_regression_with_a_linear_student(call, tmp_path):
    path = tmp_path / "customers.parquet"
    pd.DataFrame(mixed_table(200, seed=0)).drop(columns="churn").to_parquet(path)
    arguments = ("--target", "spending", "--teacher", "hist-boosting:max_iter=20", "--student", "ridge")
    result = fine(call("run", path, *arguments))
    assert "'spending' is treated as regression" in result.stderr
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
        (["--target", "churn", "--scoring", "acuracy"], ["unknown scorer", "did you mean 'accuracy'"]),
        (["--target", "churn", "--scoring", "r2"], ["scoring='r2' doesn't score classes; take 'accuracy'"]),
        (["--target", "churn", "--scoring", "f1"], ["pos_label=1 is not a valid label", "'f1_macro'"]),
        (["--target", "churn", "--teacher", "forest:n_estimators=abc"], ["'n_estimators'", "'abc'"]),
        (["--target", "churn", "--teacher", "lightgbm:n_estimators=abc"], ["can't be fitted", "check its parameters"]),
        (["--target", "churn", "--teacher", "xgboost:n_estimators=abc"], ["can't be fitted", "check its parameters"]),
        (["--target", "churn", "--student", "logistic:l1_ratio=1"], ["can't be fitted", "lbfgs"]),
        (["--target", "churn", "--seed", "-3"], ["--seed", "stepdown {command} --help"]),
        (["--target", "churn", "--jobs", "0"], ["--jobs 0", "-1 for all cores"]),
        (["--target", "churn", "--jobs", "many"], ["--jobs", "stepdown {command} --help"]),
        (["--target", "churn", "--bogus"], ["--bogus"]),
        ([], ["--target"]),
        (["--target", "churn", "--teacher-file", "m.skops", "--teacher", "tree"], ["exclude each other"]),
        (["--target", "churn", "--teacher-file", "m.skops"], ["m.skops: file not found"]),
        (["--target", "churn", "--trust", "a.B"], ["--trust names types of a --teacher-file"]),
        (["--target", "churn", "--out", "."], ["in use"]),
    ],
)
@pytest.mark.parametrize("command", ["run", "compare"])
def test_bad_requests_are_one_line_and_code_2(call, table, command, arguments, words, tmp_path):
    before = sorted(tmp_path.iterdir())
    refused(call(command, table, *arguments), *(word.format(command=command) for word in words))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("text", "words"), [("", "empty"), ("a,churn\n1,yes\n2,yes\n", "one class"), ("a,churn\n1,\n", "missing")]
)
def test_bad_data_are_one_line_and_code_1(call, tmp_path, text, words):
    (tmp_path / "bad.csv").write_text(text)
    refused(call("run", "bad.csv", "--target", "churn"), words, code=1)
    refused(call("run", "none.csv", "--target", "churn"), "file not found")


def test_what_the_library_refuses_is_told_as_plainly(call, tmp_path):
    (tmp_path / "lone.csv").write_text("a,t\n" + "".join(f"{n},{n % 2}\n" for n in range(20)) + "20,2\n")
    refused(call("run", "lone.csv", "--target", "t", *SMALL), "one row", code=1)
    assert [path.name for path in tmp_path.iterdir()] == ["lone.csv"]


def test_an_import_path_where_it_is_allowed(call, table, tmp_path):
    arguments = ("--teacher", "forest:n_estimators=10", "--student", "sklearn.tree:ExtraTreeClassifier:max_depth=2")
    fine(call("run", table, "--target", "churn", *arguments, "--allow-import", "--out", "out"))
    assert json.loads((tmp_path / "out" / "result.json").read_text())["student"]["class"] == "ExtraTreeClassifier"


def test_boosters_of_numbered_classes_take_texts(call, table, tmp_path):
    for role, other in (("teacher", "tree:max_depth=2"), ("student", "forest:n_estimators=10")):
        names = {"teacher": other, "student": other} | {role: "xgboost:n_estimators=3"}
        words = (word for name, model in names.items() for word in (f"--{name}", model))
        result = fine(call("run", table, "--target", "churn", *words, "--out", role))
        # A reader of columns, and XGBoost behind a coder of labels, are ours.
        assert "To load the student (where stepdown is installed)" in result.stdout
        summary = json.loads((tmp_path / role / "result.json").read_text())
        student = skops.io.load(tmp_path / role / "student.skops", trusted=summary["student"]["trusted_types"])
        rows = pd.read_csv(table).drop(columns="churn")
        assert set(student.predict(rows)) <= {"yes", "no"}


def test_a_student_that_takes_labels_only_is_taught_by_labels(call, table, tmp_path):
    arguments = ("--teacher", "forest:n_estimators=10", "--student", "knn:n_neighbors=9", "--out", "out")
    result = fine(call("run", table, "--target", "churn", *arguments))
    assert "knn learns from labels only" in result.stderr
    summary = json.loads((tmp_path / "out" / "result.json").read_text())
    assert {"plain", "one-hop"} <= {row["way"] for row in summary["validation"]}
    assert summary["student"]["class"] == "KNeighborsClassifier"


def test_scores_of_a_teacher_that_is_made_again_are_not_marked_as_biased(call, table):
    text = fine(call("run", table, "--target", "churn", *SMALL)).stdout
    assert "one-hop" in text
    assert "†" not in text


# A fitted teacher ---------------------------------------------------------------------------------------------------


def fitted(table, model, *, target="churn", columns=None):
    frame = pd.read_csv(table)
    rows = frame.drop(columns=target)
    return make_pipeline(TableVectorizer(), SimpleImputer(), model).fit(rows[columns or list(rows)], frame[target])


def trusted(path):
    return ",".join(skops.io.get_untrusted_types(file=path))


@pytest.mark.parametrize("hard", [False, True], ids=["probabilities", "answers only"])
def test_a_fitted_teacher_is_taken_as_it_is(call, table, tmp_path, hard):
    model = LinearSVC(random_state=0) if hard else RandomForestClassifier(20, random_state=0)
    columns = [name for name in pd.read_csv(table).columns if name != "churn"]
    # Fewer columns than the table has, and in another order.
    skops.io.dump(fitted(table, model, columns=columns[:0:-1]), tmp_path / "model.skops")
    refused(
        call("run", table, "--target", "churn", "--teacher-file", "model.skops", "--out", "out"),
        "not known to be safe",
        "--trust 'numpy.",
    )
    arguments = ("--teacher-file", "model.skops", "--trust", trusted(tmp_path / "model.skops"))
    arguments = (*arguments, "--student", "tree:max_depth=2", "--search", "multihop" if hard else "gate")
    result = fine(call("run", table, "--target", "churn", *arguments, "--out", "out"))
    assert ("gives labels without probabilities" in result.stderr) == hard
    summary = json.loads((tmp_path / "out" / "result.json").read_text())
    assert summary["settings"]["teacher"] == "fitted, from model.skops"
    assert summary["settings"]["teacher_fingerprint"].startswith("sha256:")
    # The gate may have chosen a way that leaves the teacher aside.
    assert all(type(model).__name__ in hop["model"] for hop in summary["chain"] if hop["name"] == "teacher")
    assert hard or {"one-hop", "control"} <= {row["way"] for row in summary["validation"]}
    student = skops.io.load(tmp_path / "out" / "student.skops", trusted=summary["student"]["trusted_types"])
    assert type(student[-1]) is DecisionTreeClassifier
    rows = pd.read_csv(table).drop(columns="churn")
    assert set(student.predict(rows)) <= {"yes", "no"}
    # The answers of a linear model whose columns are of many scales are nearly all the same.
    assert hard or any(name in (tmp_path / "out" / "student.txt").read_text() for name in columns)


def test_compare_says_that_a_fitted_teacher_may_have_seen_the_rows(call, table, tmp_path):
    skops.io.dump(fitted(table, RandomForestClassifier(10, random_state=0)), tmp_path / "model.skops")
    arguments = ("--teacher-file", "model.skops", "--trust", trusted(tmp_path / "model.skops"), "--student", "logistic")
    quick = ("--outer-folds", "2", "--repeats", "1", "--search", "one-hop")
    result = fine(call("compare", table, "--target", "churn", *arguments, *quick))
    assert "may have seen the held-out rows" in " ".join(result.stdout.split())


def test_files_that_hold_no_teacher_for_the_table(call, table, tmp_path):
    def asked(path, **options):
        return call("run", table, "--target", "churn", "--teacher-file", path, "--out", "out", *options.get("more", ()))

    (tmp_path / "model.pkl").write_bytes(pickle.dumps(LogisticRegression()))
    refused(asked("model.pkl"), "not a model file of skops", "Pickles are not read")
    skops.io.dump(LogisticRegression(), tmp_path / "unfitted.skops")
    refused(asked("unfitted.skops"), "isn't fitted")
    skops.io.dump({"a": 1}, tmp_path / "dict.skops")
    refused(asked("dict.skops"), "holds a dict; expected a model for classification")
    bare = LogisticRegression().fit(np.arange(8.0).reshape(4, 2), ["yes", "no", "yes", "no"])
    skops.io.dump(bare, tmp_path / "bare.skops")
    refused(asked("bare.skops"), "can't answer rows of the table", "a Pipeline that prepares them itself", code=1)
    named = LogisticRegression().fit(pd.DataFrame({"age": [1.0, 2.0], "height": [1.0, 2.0]}), ["yes", "no"])
    skops.io.dump(named, tmp_path / "named.skops")
    refused(asked("named.skops"), "columns that the table lacks: ['height']", code=1)
    frame = pd.read_csv(table)
    other = make_pipeline(TableVectorizer(), SimpleImputer(), RandomForestClassifier(3, random_state=0))
    other.fit(frame.drop(columns="churn"), frame["churn"].map({"yes": "ja", "no": "nein"}))
    skops.io.dump(other, tmp_path / "other.skops")
    refused(asked("other.skops", more=("--trust", trusted(tmp_path / "other.skops"))), "'ja'", code=1)


def test_a_bug_keeps_its_traceback(call, table, monkeypatch, tmp_path):
    def broken(*_, **__):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("stepdown.cli._jobs.save_run", broken)
    result = call("run", table, "--target", "churn", *SMALL, "--out", "out")
    assert isinstance(result.exception, ZeroDivisionError)
    assert [path.name for path in tmp_path.iterdir()] == ["customers.csv"]


def test_a_teacher_that_is_not_used_is_told_first(call, table, tmp_path):
    words = ["--teacher", "forest:n_estimators=5", "--student", "logistic", "--search", "gate:margin=100"]
    result = fine(call("run", table, "--target", "churn", *words, "--out", "shipped"))
    line = result.stdout.splitlines()[0]
    assert line.startswith("The teacher is not used: the student was trained by 'labels'; ")
    assert f"\n\n{line}\n" in (tmp_path / "shipped" / "chain.txt").read_text()
    assert json.loads((tmp_path / "shipped" / "result.json").read_text())["sentence"].startswith(line)


# The other commands -------------------------------------------------------------------------------------------------


def test_compare_prints_and_keeps_the_verdict(call, table, tmp_path):
    arguments = (*SMALL, "--outer-folds", "3", "--repeats", "1", "--out", "verdict")
    result = fine(call("compare", table, "--target", "churn", *arguments))
    folder = tmp_path / "verdict"
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "verdict.json", "verdict.txt"]
    summary = json.loads((folder / "verdict.json").read_text())
    assert summary["folds"] == 3
    assert {"plain", "labels", "one-hop", "multihop", "control"} <= {way["name"] for way in summary["ways"]}
    assert summary["data"]["fingerprint"].startswith("sha256:")
    assert summary["sentence"] in " ".join(result.stdout.split())
    assert "the control" in summary["sentence"]


def test_compare_refuses_folds_that_lack_a_class(call, tmp_path):
    (tmp_path / "rare.csv").write_text("a,t\n" + "".join(f"{n},{int(n > 16)}\n" for n in range(20)))
    refused(call("compare", "rare.csv", "--target", "t", *SMALL), "class 1 has 3 rows", code=1)


def test_a_target_that_is_no_number_is_data(call, table):
    refused(call("run", table, "--target", "churn", "--task", "regression"), "isn't numeric", code=1)


@pytest.mark.filterwarnings("ignore::stepdown.core.SignalWarning")
def test_methods_lists_what_an_option_takes(call):
    listed = [line.split()[0] for line in fine(call("methods")).stdout.splitlines()]
    assert {"KD", "ModelCompression", "ConfWeight", "ProfWeight", "SRatio"} <= set(listed)
    assert not {"Mixture", "Dense", "TransferMethod"} & set(listed)  # which need a method, or are none
    X, y = load_iris(return_X_y=True)
    teacher, student = RandomForestClassifier(9, random_state=0), DecisionTreeClassifier(max_depth=2)
    for name in listed:
        chain = MultihopClassifier(teacher, student, methods=read_methods([name]), search=Fixed("one-hop"))
        assert chain.fit(X, y).score(X, y) > 0.6, name


def test_methods_are_read_with_their_parameters(call, table, tmp_path):
    words = ["--target", "churn", "--teacher", "tree", "--student", "tree:max_depth=2"]
    fine(call("run", table, *words, "--method", "KD:temperature=2", "--method", "ConfWeight", "--out", "out"))
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["settings"]["methods"] == "[KD(temperature=2), ConfWeight()]"
    assert {"one-hop, KD(temperature=2)", "one-hop, ConfWeight()"} <= {row["way"] for row in result["validation"]}
    for wrong, word in (
        ("SRatios", "did you mean 'SRatio'"),
        ("KD:heat=2", "no parameter 'heat'"),
        ("KD:temperature=warm", "expected float"),
    ):
        refused(call("run", table, *words, "--method", wrong), word)
    budget = ["--query-budget", "9", "--unlabeled", table]
    refused(call("run", table, *words, "--method", "KD", *budget), "--method doesn't go with --query-budget")


def test_version_and_help(call):
    assert fine(call("--version")).stdout.startswith("stepdown ")
    for command in ("run", "compare", "methods", "demo"):
        assert command in fine(call("--help")).stdout


# The process: `test_crashes.py` has what happens to one ---------------------------------------------------------------


def process(folder, *arguments):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


def test_a_real_process_and_its_warnings_without_the_source(table, tmp_path):
    # A student that is larger than its teacher.
    models = ["--teacher", "forest:n_estimators=1,max_depth=1", "--student", "tree:max_depth=5", "--search", "one-hop"]
    done = process(tmp_path, "run", table, "--target", "churn", *models, "--out", "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "student.skops").is_file()
    assert "fitting the teacher" in done.stderr
    lines = [line for line in done.stderr.splitlines() if "complexity doesn't fall" in line]
    assert len(lines) == 1
    assert lines[0].startswith("warning: the chain's complexity doesn't fall: teacher [")
    assert ".py" not in done.stderr
    assert "ComplexityWarning" not in done.stderr


def test_a_real_process_that_is_refused(tmp_path):
    done = process(tmp_path, "run", "none.csv", "--target", "churn", "--seed", "-3")
    assert done.returncode == 2
    assert done.stderr.startswith("error: Invalid value for '--seed'")
    assert len(done.stderr.splitlines()) == 1


def test_without_the_extra_the_line_that_installs_it_is_printed(monkeypatch, capsys):
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name in ("skrub", "skops") else stepdown)
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert 'needs skrub, skops: pip install "stepdown[cli]"' in capsys.readouterr().err


def test_a_student_whose_kind_is_open(table, call):
    found = call(
        "run",
        table,
        "--target",
        "churn",
        "--student",
        "auto:max_rules=6",
        "--teacher",
        "forest:n_estimators=10",
        "--out",
        "out",
    )
    assert found.exit_code == 0, found.output
    assert "sum of trees" in found.output
    assert "chosen" in found.output
    wrong = call("run", table, "--target", "churn", "--student", "auto:max_rules=1", "--out", "no")
    assert wrong.exit_code == 2
    assert "max_rules" in wrong.output
