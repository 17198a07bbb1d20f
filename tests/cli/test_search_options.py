"""The options of the search: further rows, a budget of questions, the search itself, memory and limits."""

import json
import shutil

import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from skrub import TableVectorizer

from made import mixed_table

SMALL = ["--target", "churn", "--teacher", "forest:n_estimators=20", "--student", "tree:max_depth=3"]


@pytest.fixture
def pool(tmp_path):
    path = tmp_path / "pool.csv"
    pd.DataFrame(mixed_table(150, seed=1)).drop(columns=["churn", "spending"]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """A teacher's file, and the types to trust in it."""
    frame = pd.DataFrame(mixed_table(200, seed=2)).drop(columns="spending")
    model = make_pipeline(TableVectorizer(), SimpleImputer(), RandomForestClassifier(5, random_state=0))
    path = tmp_path_factory.mktemp("teacher") / "model.skops"
    skops.io.dump(model.fit(frame.drop(columns="churn"), frame["churn"]), path)
    return path, skops.io.get_untrusted_types(file=path)


@pytest.fixture
def teacher(tmp_path, model_file):
    """The words that give a fitted teacher."""
    shutil.copy(model_file[0], tmp_path / "model.skops")
    trusted = ",".join(model_file[1])
    return ["--target", "churn", "--teacher-file", "model.skops", "--trust", trusted, "--student", "tree:max_depth=3"]


def fine(result):
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def refused(result, *words, code=2):
    assert result.exit_code == code, result.output
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Traceback" not in result.output
    for word in words:
        assert word in errors[0]


def summary_of(folder):
    return json.loads((folder / "result.json").read_text())


def student_of(folder):
    return skops.io.load(folder / "student.skops", trusted=summary_of(folder)["student"]["trusted_types"])


# Unlabelled rows and the search -------------------------------------------------------------------------------------


def test_unlabelled_rows_open_a_way_and_the_search_is_told(call, table, pool, tmp_path):
    fine(call("run", table, *SMALL, "--unlabeled", "pool.csv", "--search", "dynamic:max_fits=25", "--out", "out"))
    summary = summary_of(tmp_path / "out")
    assert "one-hop-rows" in {row["way"] for row in summary["validation"]}
    assert summary["data"]["unlabeled"]["rows"] == 150
    assert summary["settings"]["search"] == "DynamicProgramming(max_fits=25)"
    assert "rungs" not in summary
    assert "queries" not in summary


def test_a_fixed_way_is_taken_unseen(call, table, tmp_path):
    fine(call("run", table, *SMALL, "--search", "multihop", "--out", "out"))
    summary = summary_of(tmp_path / "out")
    assert summary["validation"] == []
    assert [hop["name"] for hop in summary["chain"]] == ["teacher", "bridge", "student"]


def test_compare_takes_unlabelled_rows(call, table, pool):
    arguments = (
        "--unlabeled",
        "pool.csv",
        "--search",
        "one-hop",
        "--outer-folds",
        "3",
        "--repeats",
        "1",
        "--out",
        "verdict",
    )
    fine(call("compare", table, *SMALL, *arguments))
    summary = json.loads((table.parent / "verdict" / "verdict.json").read_text())
    assert "one-hop-rows" in {way["name"] for way in summary["ways"]}
    assert summary["data"]["unlabeled"]["file"] == "pool.csv"
    assert summary["settings"]["search"] == "Fixed(way='one-hop')"


# A budget of questions ----------------------------------------------------------------------------------------------


def test_a_budget_is_kept_and_what_was_answered_is_not_asked_again(call, table, pool, teacher, tmp_path):
    words = ("run", table, *teacher, "--unlabeled", "pool.csv", "--memory", "mem")
    result = fine(call(*words, "--query-budget", 12, "--search", "one-hop", "--out", "one"))
    assert (
        "The teacher was queried for 12 unlabelled rows of a label budget of 12, 12 of them in this run."
        in result.stdout
    )
    queries = summary_of(tmp_path / "one")["queries"]
    assert {name: queries[name] for name in ("budget", "queried", "queried_in_this_run", "unlabeled")} == {
        "budget": 12,
        "queried": 12,
        "queried_in_this_run": 12,
        "unlabeled": 150,
    }
    assert len((tmp_path / "mem" / queries["store"]).read_text().splitlines()) == 12
    fine(call(*words, "--query-budget", 15, "--out", "two", "--max-rules", 8))
    summary = summary_of(tmp_path / "two")
    assert (summary["queries"]["queried"], summary["queries"]["queried_in_this_run"]) == (15, 3)
    # The teacher itself can't ship: it couldn't answer new rows within the budget.
    assert "teacher" not in [rung["name"] for rung in summary["rungs"]]
    rows = pd.read_csv(table).drop(columns="churn")
    assert set(student_of(tmp_path / "two").predict(rows)) <= {"yes", "no"}


def test_without_memory_the_answers_are_not_kept_and_that_is_said(call, table, pool, teacher, tmp_path):
    words = ("--unlabeled", "pool.csv", "--query-budget", 5, "--search", "one-hop", "--out", "out")
    result = fine(call("run", table, *teacher, *words))
    assert "the teacher's answers are not kept; --memory FOLDER keeps them" in result.stderr
    assert summary_of(tmp_path / "out")["queries"]["store"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--query-budget", "5"], ["give --unlabeled FILE"]),
        (["--query-budget", "0"], ["--query-budget", "greater than or equal to 1"]),
        (["--query-budget", "5", "--unlabeled", "pool.csv", "--search", "dynamic"], ["use gate, one-hop or multihop"]),
        (["--query-budget", "5", "--unlabeled", "pool.csv", "--student", "knn"], ["knn learns from labels only"]),
        (["--query-budget", "500", "--unlabeled", "pool.csv", "--search", "multihop"], ["nothing is left for a chain"]),
        (["--query-budget", "5", "--unlabeled", "none.csv"], ["none.csv: file not found"]),
    ],
)
def test_budgets_that_cannot_be_met(call, table, pool, teacher, tmp_path, words, said):
    refused(call("run", table, *teacher, *words), *said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["customers.csv", "model.skops", "pool.csv"]


def test_a_budget_needs_a_fitted_teacher(call, table, pool):
    refused(call("run", table, *SMALL, "--query-budget", "5", "--unlabeled", "pool.csv"), "give --teacher-file FILE")


def test_a_budget_is_for_classification(call, tmp_path):
    frame = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "t": [0.5, 1.5, 2.5, 4.0]})
    frame.to_csv(tmp_path / "numbers.csv", index=False)
    skops.io.dump(LinearRegression().fit(frame[["a"]], frame["t"]), tmp_path / "line.skops")
    words = ("--target", "t", "--teacher-file", "line.skops", "--unlabeled", "numbers.csv", "--query-budget", "5")
    refused(call("run", "numbers.csv", *words, "--trust", "numpy.dtype"), "--query-budget needs classes")


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_a_teacher_that_fails_on_the_first_row_is_told_in_one_line(call, table, pool, tmp_path):
    bare = make_pipeline(SimpleImputer(), LogisticRegression()).fit([[0.0, 1.0], [1.0, 0.0]], ["yes", "no"])
    skops.io.dump(bare, tmp_path / "bare.skops")
    words = ("--target", "churn", "--teacher-file", "bare.skops", "--unlabeled", "pool.csv", "--query-budget", "5")
    words += ("--trust", "numpy.dtype")
    refused(call("run", table, *words), "bare.skops can't answer rows of the table", code=1)


# Other words that are wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["--search", "gaet"], ["unknown search 'gaet'; did you mean 'gate'"], 2),
        (["--search", "dynamic:max_fit=3"], ["no parameter 'max_fit'; did you mean 'max_fits'"], 2),
        (["--max-rules", "0"], ["--max-rules"], 2),
        (["--max-us-per-row", "nan"], ["--max-us-per-row"], 2),
        (["--max-bytes", "9", "--search", "one-hop"], ["--search one-hop validates none"], 2),
        (["--memory", "customers.csv"], ["is a file"], 2),
        (["--memory", "out/mem", "--out", "out"], ["is inside the output folder"], 2),
        (["--student", "tree:max_dept=3"], ["no parameter 'max_dept'; did you mean 'max_depth'"], 2),
        (["--unlabeled", "other.csv"], ["5 of the table's 6 columns are missing"], 1),
        (["--unlabeled", "empty.csv"], ["empty.csv: the file is empty"], 1),
        (["--unlabeled", "bad.parquet"], ["bad.parquet: the file can't be read as a table"], 1),
    ],
)
def test_bad_words_are_one_line(call, table, tmp_path, words, said, code):
    (tmp_path / "other.csv").write_text("age\n3\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "bad.parquet").write_text("none")
    before = sorted(tmp_path.iterdir())
    refused(call("run", table, "--target", "churn", *words), *said, code=code)
    assert sorted(tmp_path.iterdir()) == before


def test_unreadable_parquet_is_data(call, tmp_path):
    (tmp_path / "bad.parquet").write_text("none")
    refused(call("run", "bad.parquet", "--target", "churn"), "the file can't be read as a table", code=1)


# Limits -------------------------------------------------------------------------------------------------------------


def test_the_best_model_within_the_limits_ships(call, table, tmp_path):
    result = fine(call("run", table, *SMALL, "--max-rules", 100000, "--max-bytes", 10**9, "--out", "large"))
    summary = summary_of(tmp_path / "large")
    shipped = next(rung for rung in summary["rungs"] if rung["shipped"])
    assert shipped["score"] == max(rung["score"] for rung in summary["rungs"])
    assert summary["limits"] == {"max_rules": 100000, "max_bytes": 10**9}
    assert f"Shipped: {shipped['name']}, the best validated model within the limits." in result.stdout
    for text in (result.stdout, (tmp_path / "large" / "chain.txt").read_text()):
        assert "Models of the search" in text
        assert f"  {shipped['name']} *" in text
    rows = pd.read_csv(table).drop(columns="churn")
    assert set(student_of(tmp_path / "large").predict(rows)) == {"yes", "no"}

    fine(call("run", table, *SMALL, "--max-rules", 8, "--out", "small"))
    summary = summary_of(tmp_path / "small")
    assert student_of(tmp_path / "small")[-1].get_n_leaves() <= 8
    within = [rung for rung in summary["rungs"] if rung["rules"] is not None and rung["rules"] <= 8]
    assert next(rung for rung in summary["rungs"] if rung["shipped"])["score"] == max(rung["score"] for rung in within)


def test_where_no_model_keeps_the_limits_the_smallest_is_named_and_nothing_written(call, table, tmp_path):
    result = call("run", table, *SMALL, "--max-rules", 1, "--out", "out")
    refused(result, "no model keeps the limits. --max-rules 1: the least is", "(student, ", "Nothing was written.")
    assert [path.name for path in tmp_path.iterdir()] == ["customers.csv"]


def test_a_fitted_teacher_may_be_what_ships(call, table, teacher, model_file, tmp_path):
    # Scored on rows of its own training, so that nothing beats it.
    pd.DataFrame(mixed_table(200, seed=2)).drop(columns="spending").to_csv(table, index=False)
    result = fine(call("run", table, *teacher, "--student", "knn", "--max-bytes", 10**9, "--out", "out"))
    assert (
        "Shipped: teacher, the best validated model within the limits. Its score is optimistically biased"
        in result.stdout
    )
    shipped = student_of(tmp_path / "out")
    assert type(shipped[-1]) is RandomForestClassifier
    rows = pd.read_csv(table).drop(columns="churn")
    given = skops.io.load(model_file[0], trusted=model_file[1])
    assert shipped.predict(rows).tolist() == given.predict(rows).tolist()


def test_a_teacher_of_fewer_columns_ships_with_the_choice_of_them(call, table, tmp_path):
    frame = pd.read_csv(table)
    names = ["member", "region", "age"]
    model = make_pipeline(TableVectorizer(), SimpleImputer(), RandomForestClassifier(3, max_depth=2, random_state=0))
    skops.io.dump(model.fit(frame[names], frame["churn"]), tmp_path / "model.skops")
    trusted = ",".join(skops.io.get_untrusted_types(file=tmp_path / "model.skops"))
    # Scored by rows of its own training, so that nothing beats it.
    words = ("--teacher-file", "model.skops", "--trust", trusted, "--student", "knn", "--scoring", "neg_log_loss")
    fine(call("run", table, "--target", "churn", *words, "--max-rules", 12, "--out", "out"))
    summary = summary_of(tmp_path / "out")
    # Who loads the file needn't have this package.
    assert not any("stepdown" in name for name in summary["student"]["trusted_types"])
    text = (tmp_path / "out" / "student.txt").read_text()
    assert "Tree 3" in text
    assert any(name in text for name in ("member", "region_south", "age"))
    shipped = student_of(tmp_path / "out")
    assert shipped.predict(frame.drop(columns="churn")).tolist() == model.predict(frame[names]).tolist()
