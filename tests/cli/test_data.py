import gzip
import hashlib

import numpy as np
import pandas as pd
import pytest

from made import mixed_table
from stepdown.cli._data import read_data
from stepdown.core import InvalidInputError


@pytest.fixture
def write(tmp_path):
    def write(text, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".tsv"])
def test_formats_agree(tmp_path, ending):
    frame = pd.DataFrame(mixed_table(60, seed=0))
    path = tmp_path / f"data{ending}"
    if ending == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
    data = read_data(path, "churn")
    assert data.task == "classification"
    assert data.y.tolist() == frame["churn"].tolist()
    assert data.y.dtype.kind == "U"
    assert list(data.X.columns) == [name for name in frame.columns if name != "churn"]
    assert data.X["income"].isna().tolist() == frame["income"].isna().tolist()
    assert data.origin["fingerprint"] == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert data.origin["rows"] == 60
    assert read_data(path, "spending").task == "regression"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_and_byte_order_mark(write, separator):
    text = "\ufeff" + "\n".join(separator.join(row) for row in (["a", "b"], ["1", "x"], ["2", "y"], ["3", "y"]))
    data = read_data(write(text), "b")
    assert data.X["a"].tolist() == [1, 2, 3]
    assert data.y.tolist() == ["x", "y", "y"]


@pytest.mark.parametrize(
    "header",
    [
        '"size, cm";"price, net, in euro, rounded";t',
        '"a ""quoted"", long, name";b;t',
        '"name\nof two, lines";b;t',
        "size, cm;price;t",
        "size, cm;price, net;t",
    ],
)
def test_separators_inside_names_are_not_counted(write, header):
    data = read_data(write(f"{header}\n1,5;2,5;x\n2;3;y\n3,5;3;y\n"), "t")
    assert data.X.shape == (3, 2)
    assert data.y.tolist() == ["x", "y", "y"]


@pytest.mark.parametrize(
    ("values", "task", "labels"),
    [
        (["0", "1", "1"], "classification", [0, 1, 1]),
        (["True", "False", "True"], "classification", [True, False, True]),
        (["0.5", "1.5", "1.5"], "regression", [0.5, 1.5, 1.5]),
        (["red", "blue", "red"], "classification", ["red", "blue", "red"]),
        ([str(n) for n in range(30)], "regression", list(range(30))),
    ],
)
def test_the_task_goes_by_the_target(write, values, task, labels):
    data = read_data(write("a,t\n" + "".join(f"{n},{value}\n" for n, value in enumerate(values))), "t")
    assert data.task == task
    assert data.y.tolist() == labels
    assert f"treated as {task}" in data.notices[-1]


def test_the_task_can_be_said(write):
    path = write("a,t\n1,0\n2,1\n3,2\n")
    data = read_data(path, "t", "regression")
    assert data.task == "regression"
    assert data.y.dtype == float
    assert data.notices == ()


def test_rows_without_a_target_are_left_out_and_named(write):
    data = read_data(write("a,t\n1,0\n2,\n3,1\n4,1\n"), "t")
    assert data.notices[0] == "1 of 4 rows have no target and are left out"
    assert data.y.tolist() == [0, 1, 1]
    assert data.y.dtype == np.int64
    assert data.X["a"].tolist() == [1, 3, 4]
    assert data.X.index.tolist() == [0, 1, 2]
    assert data.origin["rows_without_target"] == 1


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ("", "t", "the file is empty"),
        ("\n\n", "t", "no columns"),
        ("a,t\n", "t", "no rows"),
        ("a,target\n1,0\n2,1\n", "tarket", "no column 'tarket'; did you mean 'target'.*It has: a, target"),
        ("a,t\n1,\n2,\n", "t", "every value of the target 't' is missing"),
        ("a,t\n1,yes\n2,yes\n", "t", "'t' is yes in every row: one class only"),
        ("a,t\n1,x\n2,y\n3,z\n", "t", "define classes"),
        ("t\n0\n1\n1\n", "t", "only column"),
        ("a,b,a,t\n1,2,3,0\n4,5,6,1\n", "t", r"columns \['a'\] appear more than once"),
        ("a,t\n1,0\n2,1,3,4\n", "t", "can't be read as a table"),
        ("a,t\ninf,0\n2,1\n3,1\n", "t", r"columns \['a'\] hold infinite values"),
        (b"a,t\n\xff\xfe\x00,0\n", "t", "isn't UTF-8"),
    ],
)
def test_bad_text(write, text, target, words):
    with pytest.raises(InvalidInputError, match=words):
        read_data(write(text), target)


@pytest.mark.parametrize(
    ("values", "words"),
    [(["x", "y", "y"], "isn't numeric"), (["1", "1", "1"], "is 1 in every row"), (["inf", "1", "2"], "infinite")],
)
def test_bad_targets_of_regression(write, values, words):
    path = write("a,t\n" + "".join(f"{n},{value}\n" for n, value in enumerate(values)))
    with pytest.raises(InvalidInputError, match=words):
        read_data(path, "t", "regression")


@pytest.mark.parametrize(
    ("values", "task", "first"),
    [
        (["1,5", "-2", " 3,25"], "regression", 1.5),
        (["1,500", "2,250", "3,125"], "classification", "1,500"),  # may be thousands
        (["1,5", "2,5", "x"], "classification", "1,5"),
        (["$1.300,5", "$12,75", "?"], "regression", 1300.5),
        (["€ 1.300,5", "€ 12,75", "€ 7"], "regression", 1300.5),
        (["5 stars", "4 stars", "3 stars"], "classification", "5 stars"),
    ],
)
def test_targets_of_numbers_as_people_write_them(write, values, task, first):
    data = read_data(write("a;t\n" + "".join(f"{n};{value}\n" for n, value in enumerate(values * 2))), "t")
    assert data.task == task
    assert data.y[0] == first


def test_words_among_the_quantities_of_a_target_are_gaps(write) -> None:
    values = [*(f'"{n},5 kg"' for n in range(30)), "unknown"]
    data = read_data(write("a,t\n" + "".join(f"{n},{value}\n" for n, value in enumerate(values))), "t")
    assert data.task == "regression"
    assert data.y.tolist() == [n + 0.5 for n in range(30)]
    assert data.notices[:2] == (
        "1 of 31 rows have no target and are left out",
        "'t' is read as numbers, '0,5 kg' as 0.5",
    )


def test_missing_and_foreign_files(write, tmp_path):
    with pytest.raises(InvalidInputError, match="file not found"):
        read_data(tmp_path / "none.csv", "t")
    with pytest.raises(InvalidInputError, match="file not found"):
        read_data(tmp_path, "t")
    with pytest.raises(InvalidInputError, match=r"ending in \.csv"):
        read_data(write("a", "data.docx"), "t")


def test_unreadable_parquet_and_gzip(write):
    with pytest.raises(InvalidInputError, match="can't be read as a table"):
        read_data(write(b"PAR1 this is none", "data.parquet"), "t")
    with pytest.raises(InvalidInputError, match="can't be read as a table"):
        read_data(write(b"no gzip at all", "data.csv.gz"), "t")
    with pytest.raises(InvalidInputError, match="can't be read as a table"):
        read_data(write(gzip.compress(b"a,t\n1,2\n" * 1000)[:-20], "cut.csv.gz"), "t")


def test_parquet_with_columns_that_repeat(tmp_path):
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table([[1, 2], [3, 4], [0, 1]], names=["a", "a", "t"])
    pyarrow.parquet.write_table(table, tmp_path / "twice.parquet")
    with pytest.raises(InvalidInputError, match="more than once"):
        read_data(tmp_path / "twice.parquet", "t")


@pytest.mark.parametrize("cell", [[1, 2], {"a": 1}, b"raw"])
def test_parquet_with_cells_that_are_no_plain_values(tmp_path, cell):
    frame = pd.DataFrame({"a": [1, 2, 3], "deep": [None, cell, cell], "t": [0, 1, 1]})
    frame.to_parquet(tmp_path / "deep.parquet")
    with pytest.raises(InvalidInputError, match=r"columns \['deep'\] hold lists, records or raw bytes"):
        read_data(tmp_path / "deep.parquet", "t")


def test_parquet_with_types_that_know_gaps(tmp_path):
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3, 4], dtype="Int64"),
            "word": pd.array(["x", None, "y", "x"], dtype="string"),
            "truth": pd.array([True, False, None, True], dtype="boolean"),
            "kind": pd.Categorical(["up", "down", None, "up"]),
        }
    )
    frame.to_parquet(tmp_path / "gaps.parquet")
    read = {name: read_data(tmp_path / "gaps.parquet", name) for name in ("word", "truth", "kind")}
    assert read_data(tmp_path / "gaps.parquet", "whole", "regression").y.tolist() == [1.0, 3.0, 4.0]
    assert read["truth"].y.tolist() == [True, False, True]
    assert read["truth"].y.dtype == bool
    assert read["kind"].y.tolist() == ["up", "down", "up"]
    assert read["word"].y.tolist() == ["x", "y", "x"]


def test_rows_longer_than_the_header_are_refused_rather_than_shifted(tmp_path):
    path = tmp_path / "shift.csv"
    path.write_text("y,b,z\n" + "1,2,3,4\n" * 30)
    with pytest.raises(InvalidInputError, match="more fields than the header"):
        read_data(path, "b")
