"""Whatever a file holds, it is read, or refused in one line: no traceback."""

import gzip
import io
import warnings
from contextlib import suppress

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import skops.io
from hypothesis import example, given, strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fuzzing import fuzz
from stepdown.cli._data import read_data
from stepdown.cli._teacher_file import load_teacher
from stepdown.core import StepdownError
from stepdown.ship import TableColumns

ODD = ["1", "-2.5", "3,5", "1e39", "inf", "nan", "", " ", '"', "a", "yes", "2020-02-30", "€ 5", "9" * 400, "x;y"]
CELLS = st.sampled_from([*ODD, "\u0661", "\x1b"]) | st.text(max_size=8)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=12)


def read(path, target="y"):
    """Read the columns, too, as a student that people read does."""
    with warnings.catch_warnings(), suppress(StepdownError):
        warnings.simplefilter("ignore")
        data = read_data(path, target)
        TableColumns().fit(data.X).transform(data.X)


@fuzz(40)
@given(rows=TABLES, separator=st.sampled_from(",;\t|"), end=st.sampled_from(["\n", "\r\n", "\r"]))
@example(rows=[["1", "a"], ["2", "\x00"]], separator=",", end="\n")
def test_any_text_is_read_or_refused(rows, separator, end, tmp_path):
    text = end.join(separator.join(row) for row in [["x", "z", "y"], *rows])
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    read(path)


@fuzz(40)
@given(content=st.binary(max_size=300), ending=st.sampled_from([".csv", ".tsv", ".csv.gz", ".parquet"]))
def test_any_bytes_are_read_or_refused(content, ending, tmp_path):
    path = tmp_path / f"t{ending}"
    path.write_bytes(content)
    read(path)


def _parquet():
    file = io.BytesIO()
    days = pd.date_range("2020-01-01", periods=30)
    table = {"x": np.arange(30.0), "z": days, "s": [f"s{place % 3}" for place in range(30)], "y": ["a", "b"] * 15}
    pq.write_table(pa.table(table), file)
    return file.getvalue()


PACKED = {
    ".csv.gz": gzip.compress(b"x,z,y\n" + b"1,2,a\n3,4,b\n" * 30, mtime=0),
    ".parquet": _parquet(),
}


@fuzz(60)
@given(
    ending=st.sampled_from(sorted(PACKED)),
    changes=st.lists(st.tuples(st.integers(0, 10**4), st.integers(1, 255)), min_size=1, max_size=4),
    kept=st.integers(1, 100),
)
@example(ending=".parquet", changes=[(675, 128)], kept=100)  # a text that isn't UTF-8
def test_files_that_have_changed_are_read_or_refused(ending, changes, kept, tmp_path):
    content = bytearray(PACKED[ending])
    for place, bits in changes:
        content[place % len(content)] ^= bits
    path = tmp_path / f"t{ending}"
    path.write_bytes(content if kept > 30 else content[: len(content) * kept // 100])
    read(path)


@pytest.fixture(scope="module")
def model():
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    return skops.io.dumps(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y))


@fuzz(60)
@given(
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=4),
    kept=st.integers(1, 100),
)
def test_models_that_have_changed_are_loaded_or_refused(changes, kept, model, tmp_path):
    content = bytearray(model)
    for place, bits in changes:
        content[place % len(content)] ^= bits
    path = tmp_path / "model.skops"
    path.write_bytes(content if kept > 30 else content[: len(content) * kept // 100])
    with warnings.catch_warnings(), suppress(StepdownError):
        warnings.simplefilter("ignore")
        load_teacher(path, ())
