"""Tables of every format hold what the same table as CSV holds; broken ones are refused in one line."""

import gzip
import io

import pandas as pd
import pyarrow
import pyarrow.feather
import pytest

from made import mixed_table
from stepdown.cli._data import read_data
from stepdown.cli._formats import read_blocks, read_table
from stepdown.core import InvalidInputError


def written(frame, path):
    name = path.name
    if ".json" in name or ".ndjson" in name:
        lines = ".json." not in f"{name}."
        frame.to_json(path, orient="records", lines=lines)
    elif name.endswith((".feather", ".arrow")):
        frame.to_feather(path)
    elif name.endswith(".xlsx"):
        pytest.importorskip("openpyxl", reason="openpyxl isn't installed")
        frame.to_excel(path, index=False)
    elif name.endswith(".zst"):
        with pyarrow.output_stream(str(path), compression="zstd") as file:
            file.write(frame.to_csv(index=False).encode())
    else:
        frame.to_csv(path, index=False)
    return path


ENDINGS = (
    "feather",
    "arrow",
    "xlsx",
    "jsonl",
    "ndjson.gz",
    "json",
    "json.xz",
    "csv.bz2",
    "csv.xz",
    "csv.zip",
    "csv.zst",
)


def cells(frame):
    """The values, whatever a format takes for a gap, and points in time as text, which is what CSV makes of them."""
    times = [name for name in frame if pd.api.types.is_datetime64_any_dtype(frame[name])]
    frame = frame.assign(**{name: frame[name].astype(str) for name in times})
    return frame.astype(object).where(frame.notna(), None)


@pytest.mark.parametrize("ending", ENDINGS)
def test_formats_agree_with_csv(tmp_path, ending):
    frame = pd.DataFrame(mixed_table(60, seed=0)).assign(zip=[f"{n:05}" for n in range(60)])
    path = written(frame, tmp_path / f"data.{ending}")
    plain = cells(read_table(written(frame, tmp_path / "data.csv"), texts=["zip"]))
    pd.testing.assert_frame_equal(cells(read_table(path, texts=["zip"])), plain)
    blocks = list(read_blocks(path, ["zip"], 25))
    assert [len(block) for block in blocks] == [25, 25, 10]
    pd.testing.assert_frame_equal(pd.concat(map(cells, blocks), ignore_index=True), plain)
    assert read_data(path, "churn").y.tolist() == frame["churn"].tolist()


def test_texts_of_json_stay_texts(tmp_path):
    path = tmp_path / "codes.jsonl"
    path.write_text(
        '{"zip": "01234", "created_at": "2020-01-01", "t": 1}\n{"zip": "02345", "created_at": null, "t": 2}\n'
    )
    frame = read_table(path)
    assert frame["zip"].tolist() == ["01234", "02345"]
    assert frame["created_at"].tolist()[0] == "2020-01-01"
    assert frame["t"].tolist() == [1, 2]


def repeated():
    sink = io.BytesIO()
    pyarrow.feather.write_feather(pyarrow.table([[1], [2]], names=["a", "a"]), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b'{"a": 1\n', "can't be read as a table"),
        ("a.jsonl", b"[1, 2]\n", "expected one JSON object a row"),
        ("a.json", b"not json", "can't be read as a table"),
        ("a.feather", b"ARROW1 and no more", "can't be read as a table"),
        ("a.feather", repeated(), "columns ['a'] appear more than once"),
        ("a.parquet", b"PAR1", "can't be read as a table"),
        ("a.xlsx", b"PK no workbook", "can't be read as a table"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-20], "can't be read as a table"),
        ("a.csv.xz", b"plain", "can't be read as a table"),
        ("a.csv.zip", b"plain", "can't be read as a table"),
        ("a.parquet.gz", b"x", "expected a file ending in .csv"),
        ("a.pdf", b"x", "expected a file ending in .csv"),
        ("a", b"x", "expected a file ending in .csv"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    for act in (read_table, lambda path: list(read_blocks(path, [], 10))):
        with pytest.raises(InvalidInputError) as caught:
            act(tmp_path / name)
        assert words in str(caught.value)
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)
