import json
import sqlite3

import numpy as np
import pandas as pd
import pytest
import skops.io

from stepdown.cli import _shipped

SMALL = ("--teacher", "forest:n_estimators=5", "--search", "one-hop", "--folds", "2", "--out", "out")


def sales(n=120, seed=0):
    r = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "price": r.gamma(2, 10, n).round(2),
            "fee": [f"{1000 + 9 * i:,}".replace(",", ".") for i in r.integers(0, 99, n)],
            "kind": r.choice(["flat", "house", "other"], n),
            "day": (pd.Timestamp("2020-01-01") + pd.to_timedelta(r.integers(0, 900, n), unit="D")).strftime("%Y-%m-%d"),
            "unread": 1,
        }
    )
    high = frame["price"] + 30 * (frame["kind"] == "house") + 20 * (frame["day"] > "2021-03-01") > 40
    return frame, np.where(high, "*/ high", "low'")


@pytest.fixture
def folder(call, tmp_path):
    frame, y = sales()
    frame.assign(sold=y).to_csv(tmp_path / "sales.csv", index=False)
    result = call("run", "sales.csv", "--target", "sold", "--student", "tree:max_depth=3", *SMALL)
    assert result.exit_code == 0, result.output
    assert "\n1. " in result.stdout
    assert "stepdown predict out TABLE" in result.stdout
    return tmp_path / "out"


def student_of(folder):
    types = json.loads((folder / "result.json").read_text())["student"]["trusted_types"]
    return skops.io.load(folder / "student.skops", trusted=types)


@pytest.fixture
def later(tmp_path):
    """Other rows: columns in another order, one more, unseen categories and gaps; a block of gaps only."""
    frame, _ = sales(60, seed=1)
    frame.loc[:9, "kind"] = "never seen"
    frame.loc[14:29, "price"] = np.nan
    frame.loc[20:25, "day"] = None
    frame = frame[["day", "kind", "fee", "price"]].assign(more="x")
    frame.to_csv(tmp_path / "later.csv", sep=";", index=False)
    frame.to_parquet(tmp_path / "later.parquet")
    return frame


@pytest.mark.parametrize("name", ["later.csv", "later.parquet"])
def test_predict_answers_every_row_in_blocks(call, folder, later, tmp_path, monkeypatch, name):
    monkeypatch.setattr(_shipped, "BLOCK", 7)
    result = call("predict", folder, name, "--proba", "--out", "answers.csv")
    assert result.exit_code == 0, result.output
    assert "60 rows answered" in result.stderr
    student, answers = student_of(folder), pd.read_csv(tmp_path / "answers.csv")
    assert answers["prediction"].tolist() == student.predict(later).tolist()
    np.testing.assert_allclose(answers[["probability_*/ high", "probability_low'"]], student.predict_proba(later))
    shown = call("predict", folder, name)
    assert shown.stdout.splitlines() == ["prediction", *answers["prediction"]]


def test_predict_refuses_what_it_cannot_answer(call, folder, later, tmp_path):
    later.drop(columns=["price", "kind"]).to_csv(tmp_path / "less.csv", index=False)
    later.assign(price="dear").to_csv(tmp_path / "texts.csv", index=False)
    later.iloc[:0].to_csv(tmp_path / "none.csv", index=False)
    (tmp_path / "there.csv").touch()
    for words, code, said in (
        (("less.csv",), 1, "columns are missing: price"),
        (("texts.csv",), 1, "column 'price' holds texts, but numbers in the table"),
        (("none.csv",), 1, "no rows"),
        (("gone.csv",), 2, "file not found"),
        (("later.csv", "--out", "there.csv"), 2, "there is such a file"),
    ):
        result = call("predict", folder, *words, *(() if "--out" in words else ("--out", "new.csv")))
        assert result.exit_code == code, result.output
        assert said in result.stderr
    assert not list(tmp_path.glob("*new.csv*"))


def test_a_changed_student_is_refused(call, folder, later):
    file = folder / "student.skops"
    file.write_bytes(file.read_bytes() + b"x")
    for words in (("predict", folder, "later.csv"), ("export", folder, "--to", "python")):
        result = call(*words)
        assert result.exit_code == 2
        assert "was changed after the run" in result.stderr
    (folder / "result.json").unlink()
    assert "isn't a folder that `stepdown run` has written" in call("predict", folder, "later.csv").stderr


def test_exports_answer_as_the_student_does(call, folder, later, tmp_path):
    expected = student_of(folder).predict(later).tolist()
    rows = later.astype(object).where(later.notna(), None)
    space: dict = {}
    exec(call("export", folder, "--to", "python").stdout, space)
    assert [space["predict"](row) for row in rows.to_dict("records")] == expected
    assert call("export", folder, "--to", "sql", "--table", "t", "--out", "student.sql").exit_code == 0
    connection = sqlite3.connect(":memory:")
    rows.to_sql("t", connection, index=False)
    assert [row[0] for row in connection.execute((tmp_path / "student.sql").read_text())] == expected
    connection.close()
    assert json.loads(call("export", folder, "--to", "json").stdout)["classes"] == ["*/ high", "low'"]
    assert "student_predict" in call("export", folder, "--to", "c").stdout
    assert call("export", folder, "--to", "c", "--table", "t").exit_code == 2


def test_onnx_answers_as_the_student_does(call, folder, later, tmp_path):
    pytest.importorskip("onnx", reason="onnx isn't installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime isn't installed")
    assert "give --out FILE" in call("export", folder, "--to", "onnx").stderr
    assert call("export", folder, "--to", "onnx", "--out", "student.onnx").exit_code == 0
    session = runtime.InferenceSession(tmp_path / "student.onnx")
    days = pd.to_datetime(later["day"]) - pd.Timestamp("1970-01-01")
    numbers = later.assign(fee=later["fee"].str.replace(".", "").astype(float), day=days / pd.Timedelta(days=1))
    fed = {
        one.name: numbers[[one.name]].fillna("" if one.type == "tensor(string)" else np.nan).to_numpy()
        for one in session.get_inputs()
    }
    assert session.run(["label"], fed)[0].tolist() == student_of(folder).predict(later).tolist()


def test_what_has_no_export_is_refused_by_name(call, tmp_path):
    frame, y = sales()
    frame.assign(sold=y).to_csv(tmp_path / "sales.csv", index=False)
    made = call("run", "sales.csv", "--target", "sold", "--student", "knn", *SMALL)
    assert made.exit_code == 0
    assert "stepdown predict out" in made.stdout
    assert "stepdown export" not in made.stdout, "no advice that would be refused"
    result = call("export", "out", "--to", "sql")
    assert result.exit_code == 2
    assert "can't be exported" in result.stderr
    assert call("predict", "out", "sales.csv", "--proba").exit_code == 0


def test_the_artefact_is_small_and_keeps_the_columns_that_are_read(call, folder, tmp_path):
    frame, y = sales()
    wide = frame.assign(**{f"x{i}": np.random.default_rng(i).normal(size=len(y)) for i in range(40)})
    wide.assign(sold=y).to_csv(tmp_path / "wide.csv", index=False)
    words = ("--student", "tree:max_depth=4", *SMALL[:-1], "wide")
    assert call("run", "wide.csv", "--target", "sold", *words).exit_code == 0
    file = tmp_path / "wide" / "student.skops"
    assert file.stat().st_size < 30_000
    student, row = student_of(tmp_path / "wide"), wide.head(1)
    assert len(student.feature_names_in_) <= 15
    assert list(student.predict(row)) == list(student.predict(wide)[:1])
