import json

import numpy as np
import pandas as pd
import pytest
import skops.io

SMALL = ("--teacher", "forest:n_estimators=5", "--search", "one-hop", "--folds", "2", "--out", "out")


@pytest.fixture
def sales(tmp_path):
    r = np.random.default_rng(0)
    price, day = r.gamma(2, 10, 150), pd.Timestamp("2020-01-01") + pd.to_timedelta(r.integers(0, 900, 150), unit="D")
    frame = pd.DataFrame(
        {
            "key": [f"K-{i:05d}" for i in r.permutation(150)],
            "price": [f"{x:.2f}".replace(".", ",") for x in price],
            "day": day.strftime("%Y-%m-%d"),
            "zip": r.choice([10115, 20095, 80331], 150),
            "sold": np.where((price > 15) ^ (day > pd.Timestamp("2021-06-01")), "yes", "no"),
        }
    )
    frame.to_csv(tmp_path / "sales.csv", sep=";", index=False)
    return frame


def test_a_readable_student_reads_columns_as_people_do_and_a_line_says_how(call, sales, tmp_path):
    result = call("run", "sales.csv", "--target", "sold", "--student", "tree:max_depth=3", *SMALL)
    assert result.exit_code == 0, result.output
    told = [line.removeprefix("note: ") for line in result.stderr.splitlines() if line.startswith("note: ")]
    for line in ("price: number, written like", "day: date, written like '20", "zip: number", "key: left out, nearly"):
        assert any(one.startswith(line) for one in told), line
    text = (tmp_path / "out" / "student.txt").read_text()
    assert "day <= 202" in text
    assert "price <= " in text
    summary = json.loads((tmp_path / "out" / "result.json").read_text())
    assert any(one.startswith("price: ") for one in summary["notices"])
    student = skops.io.load(tmp_path / "out" / "student.skops", trusted=summary["student"]["trusted_types"])
    assert "key" not in student.feature_names_in_
    assert (student.predict(sales[["price", "zip", "day"]].astype({"zip": str})) == sales["sold"]).mean() > 0.8


def test_columns_can_be_overruled_and_dropped(call, sales, tmp_path):
    words = ("--as", "zip=category", "--drop", "price", "--student", "logistic")
    result = call("run", "sales.csv", "--target", "sold", *words, *SMALL)
    assert result.exit_code == 0, result.output
    assert "zip: category, 10115, 20095, 80331" in result.stderr
    text = (tmp_path / "out" / "student.txt").read_text()
    assert "zip = 10115 " in text
    assert "price" not in text


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--as", "zip=colour"), 2, "expected COLUMN=KIND"),
        (("--as", "zop=number"), 2, "did you mean 'zip'"),
        (("--as", "key=number"), 1, "can't be read as numbers: it holds 'K-"),
        (("--drop", "pricee"), 2, "did you mean 'price'"),
        (("--drop", "sold"), 2, "--drop sold"),
        (("--as", "zip=number", "--student", "mlp"), 2, "students that people read"),
    ],
)
def test_what_cannot_be_overruled_is_said_before_anything_starts(call, sales, tmp_path, words, code, said):
    result = call("run", "sales.csv", "--target", "sold", *words, *SMALL)
    assert (result.exit_code, said in result.stderr) == (code, True), result.output
    assert not (tmp_path / "out").exists()
