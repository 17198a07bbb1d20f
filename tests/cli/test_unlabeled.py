"""Rows without a target from a file of their own."""

import pandas as pd
import pytest

from stepdown.cli._data import read_data
from stepdown.cli._unlabeled import with_unlabeled
from stepdown.core import InvalidInputError

TABLE = "code,size,member,t\n007,1,True,x\nA1,2.5,False,y\nA1,,True,y\n"


@pytest.fixture
def read(tmp_path):
    (tmp_path / "data.csv").write_text(TABLE)
    table = read_data(tmp_path / "data.csv", "t")

    def read(content, name="pool.csv"):
        path = tmp_path / name
        if isinstance(content, pd.DataFrame):
            content.to_parquet(path)
        else:
            path.write_bytes(content.encode())
        return with_unlabeled(table, path)

    return read


def test_columns_come_in_the_order_of_the_table_and_others_stay_out(read):
    data = read("t,extra,member,size,code\nx,9,False,4,007\ny,9,True,,8\n")
    assert list(data.unlabeled.columns) == list(data.X.columns) == ["code", "size", "member"]
    # Codes that look like numbers stay what they are in the table.
    assert data.unlabeled["code"].tolist() == ["007", "8"]
    assert data.origin["unlabeled"]["file"] == "pool.csv"
    assert data.origin["unlabeled"]["rows"] == 2
    assert data.origin["unlabeled"]["fingerprint"].startswith("sha256:")
    assert data.y.tolist() == ["x", "y", "y"]
    assert not any("unlabelled" in notice for notice in data.notices)


def test_rows_that_stand_in_both_files_are_counted(read):
    data = read("code,size,member\n007,1.0,True\nA1,,True\nB,3,False\n")
    assert data.notices[-1] == "2 of the 3 unlabelled rows are also in data.csv"


def test_a_column_may_be_missing_everywhere_or_have_gaps(read):
    data = read("code,size,member\n,,True\n,,\n")
    assert data.unlabeled["size"].isna().all()
    assert data.unlabeled["member"].tolist()[0] is True


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the file is empty"),
        ("code,size,member\n", "has no rows"),
        ("code,t\n1,x\n", "2 of the table's 3 columns are missing: size, member"),
        ("code,size,member\nA,large,True\n", "column 'size' holds texts, but numbers in the table"),
        ("code,size,member\nA,1,yes\n", "column 'member' holds texts, but truth values in the table"),
        ("code,size,member\nA,inf,True\n", r"columns \['size'\] hold infinite values"),
        ("code,size,member\nA,1\n2,3,4,5\n", "can't be read as a table"),
        (pd.DataFrame({"code": [1], "size": [1.0], "member": [True]}), "holds numbers, but texts in the table"),
    ],
)
def test_what_cannot_be_used(read, content, words):
    with pytest.raises(InvalidInputError, match=words):
        read(content, "pool.parquet" if isinstance(content, pd.DataFrame) else "pool.csv")


def test_files_that_cannot_be_read(read):
    with pytest.raises(InvalidInputError, match="the file can't be read as a table"):
        read("PAR1 this is none", "bad.parquet")
    with pytest.raises(InvalidInputError, match=r"ending in \.csv"):
        read("a", "pool.ods")
