"""Files that were made to do harm: one clear line each, before anything long starts."""

import gzip
import json
import stat
import zipfile
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from stepdown.cli import _guard
from stepdown.cli._data import read_data
from stepdown.cli._guard import refuse_bomb
from stepdown.core import InvalidInputError
from stepdown.ship import TableColumns

ROWS = [f"{place % 7},{place % 3},{'ab'[place % 2]}" for place in range(40)]
QUICK = ("--teacher", "forest:n_estimators=5", "--search", "one-hop")
TABLE = "\n".join(["x,z,y", *ROWS]) + "\n"


def with_target(*values):
    return "\n".join(["x,z,y", *(f"{place % 7},{place % 3},{values[place % len(values)]}" for place in range(40))])


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(("labels", "told"), [(("yes", "yes ", "Yes", "no"), True), (("yes", "no"), False)])
def test_classes_that_look_alike_are_pointed_out(labels, told, tmp_path):
    notices = read_data(written(tmp_path / "table.csv", with_target(*labels)), "y").notices
    assert any("['Yes', 'yes', 'yes '] differ in spaces or capitals" in notice for notice in notices) == told


def test_numbers_that_single_precision_does_not_tell_apart_are_pointed_out():
    table = pd.DataFrame({"far": 2**53 + np.arange(40) ** 2, "near": np.arange(40) % 7 + 0.5})
    notes = TableColumns().fit(table).notes()
    assert "far: number; trees, which compare in single precision, can't tell its values apart" in notes[0]
    assert notes[1] == "near: number"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TABLE + "1,\0,a\n", "holds NUL bytes"),
        (TABLE.encode("utf-16-le"), "holds NUL bytes"),
        (b"\0" * 5000, "holds NUL bytes"),
        (TABLE + "1," + "q" * 2_000_000 + ",a\n", "texts of more than 1,000,000 characters"),
        (with_target("a" * 2000, "b"), "texts of more than 1,000 characters"),
        (with_target("inf", "1"), "the target 'y' holds infinite values"),
        (with_target(*[f"{place}.5e150" for place in range(40)]), "beyond what floats hold"),
        (with_target("1.5e-300", "2.5e-300", "0"), "beyond what floats hold"),
        (with_target(2**53, 2**53 + 1, ""), "can't tell neighbours apart"),
        (TABLE + "1e39,1,a\n", "numbers beyond 3.4e\\+38"),
        (TABLE + "inf,1,a\n", "hold infinite values"),
        (TABLE.encode() + b"1,\xe9t\xe9,a\n", "isn't UTF-8"),
    ],
)
def test_text_that_no_table_holds(content, words, tmp_path):
    with pytest.raises(InvalidInputError, match=words):
        read_data(written(tmp_path / "table.csv", content), "y")


def test_names_that_repeat_far_out_are_found_and_cut_names_are_not_taken_for_repeats(tmp_path):
    names = [f"column_number_{place}" for place in range(6000)]
    row = ",".join(["1"] * 6000)
    table = "\n".join([f"{','.join(names)},y", *(f"{row},{label}" for label in "abab")])
    assert read_data(written(tmp_path / "wide.csv", table), "y").X.shape == (4, 6000)
    with pytest.raises(InvalidInputError, match=r"\['column_number_3'\] appear more than once"):
        read_data(written(tmp_path / "far.csv", table.replace("column_number_5990", "column_number_3")), "y")


@pytest.mark.parametrize("labels", [(2**53, 2**53 + 1), (2**64 - 1, 2**64 - 2), (2**70, 2**70 + 1)])
def test_large_labels_stay_apart(labels, tmp_path):
    data = read_data(written(tmp_path / "table.csv", with_target(*labels)), "y", "classification")
    assert [str(label) for label in data.y[:2]] == [str(label) for label in labels]


@pytest.mark.parametrize("place", [14, -30, -6])
def test_a_packed_file_that_has_changed(place, tmp_path):
    packed = bytearray(gzip.compress(TABLE.encode()))
    packed[place] ^= 0xFF
    with pytest.raises(InvalidInputError, match="can't be read as a table"):
        read_data(written(tmp_path / "table.csv.gz", bytes(packed)), "y")


@pytest.mark.parametrize("head", [b"", b"x,z,y\n"], ids=["one line", "rows"])
def test_a_bomb_is_left_after_what_it_may_hold(head, tmp_path, monkeypatch):
    monkeypatch.setattr(_guard, "ALWAYS_ALLOWED", 2**20)
    path = written(tmp_path / "bomb.csv.gz", gzip.compress(head + b"1,2,a\n1,3,b\n" * 2**18 if head else b"q" * 2**22))
    with pytest.raises(InvalidInputError, match="unpacks to more than 200 times its size"):
        read_data(path, "y")
    archive = tmp_path / "bomb.skops"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("schema.json", b" " * 2**22)
    with pytest.raises(InvalidInputError, match="would unpack to 4,194,304 bytes"):
        refuse_bomb(archive)


def test_a_parquet_file_larger_than_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("stepdown.cli._formats.memory_here", lambda: 1000.0)
    pq.write_table(pa.table({"x": np.zeros(1000), "y": ["a", "b"] * 500}), tmp_path / "t.parquet")
    with pytest.raises(InvalidInputError, match="1,000 rows of 2 columns take"):
        read_data(tmp_path / "t.parquet", "y")


TURNS = [place % 2 for place in range(40)]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (pa.array([[1], [2]] * 20), "hold lists, records or raw bytes"),
        (pa.array([{"a": turn} for turn in TURNS]), "hold lists, records or raw bytes"),
        (pa.array([b"a", b"\xff"] * 20), "hold lists, records or raw bytes"),
        (pa.array(["a", "a\0"] * 20), "texts that end in NUL"),
        (pa.array([2**53, 2**53 + 1, None, 5] * 10), "can't tell neighbours apart"),
        (pa.nulls(40), "every value of the target 'y' is missing"),
    ],
)
def test_odd_targets_of_parquet(target, words, tmp_path):
    pq.write_table(pa.table({"x": np.arange(40.0), "y": target}), tmp_path / "t.parquet")
    with pytest.raises(InvalidInputError, match=words):
        read_data(tmp_path / "t.parquet", "y", "classification")


def test_decimals_are_numbers_and_dates_are_classes(tmp_path):
    decimals = pa.array([Decimal(place) / 8 for place in range(40)])
    days = pa.array([date(2020, 1, 1 + turn) for turn in TURNS])
    pq.write_table(pa.table({"x": np.arange(40.0), "y": decimals, "day": days}), tmp_path / "t.parquet")
    assert read_data(tmp_path / "t.parquet", "y").y.tolist() == [place / 8 for place in range(40)]
    assert set(read_data(tmp_path / "t.parquet", "day").y) == {"2020-01-01", "2020-01-02"}


@pytest.mark.parametrize("metadata", ["{not json", '{"index_columns": [3], "columns": 4}'])
def test_metadata_that_pandas_cannot_read(metadata, tmp_path):
    table = pa.table({"x": np.arange(40.0), "y": ["a", "b"] * 20}).replace_schema_metadata({"pandas": metadata})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(InvalidInputError, match="can't be read as a table"):
        read_data(tmp_path / "t.parquet", "y")


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_texts_of_arrow_that_are_not_utf_8(ending, tmp_path):
    texts = pa.array([b"a", b"b\xe2"] * 20, pa.binary()).view(pa.string())
    write = pq.write_table if ending == "parquet" else feather.write_feather
    write(pa.table({"x": list(range(40)), "y": texts}), tmp_path / f"table.{ending}")
    with pytest.raises(InvalidInputError, match=r"can't be read as a table.*UTF8"):
        read_data(tmp_path / f"table.{ending}", "y")


def test_as_many_classes_as_rows(tmp_path):
    labels = "\n".join(f"{place % 97},{place // 2}" for place in range(40_000))
    with pytest.raises(InvalidInputError, match="20,000 classes in 40,000 rows"):
        read_data(written(tmp_path / "t.csv", "x,y\n" + labels), "y", "classification")


def test_escapes_of_a_file_do_not_reach_the_terminal(call, tmp_path):
    path = written(tmp_path / "t.csv", TABLE.replace("x,z", "\x1b[31mx,\u202ez"))
    said = call("run", path, "--target", "w\x1b[2J")
    assert said.exit_code == 2
    assert "\\x1b[31mx, \\u202ez" in said.output
    assert not {"\x1b", "\u202e"} & set(said.output)


def test_numbers_in_text_that_are_too_large_for_trees(call, tmp_path):
    table = pd.DataFrame({"x": [f"{place + 1}e300 kg" for place in range(40)], "y": ["a", "b"] * 20})
    table.to_csv(tmp_path / "t.csv", index=False)
    said = call("run", tmp_path / "t.csv", "--target", "y")
    assert (said.exit_code, "column 'x' holds numbers beyond" in said.output) == (1, True)


@pytest.mark.parametrize("name", ["a" * 5000 + ".csv", "missing.csv"])
def test_a_name_that_no_file_has(name, call):
    said = call("run", name, "--target", "y")
    assert said.exit_code == 2
    assert isinstance(said.exception, SystemExit)


def test_a_run_folder_of_a_stranger_is_not_taken_at_its_word(call, tmp_path):
    path = written(tmp_path / "t.csv", TABLE)
    assert call("run", path, "--target", "y", *QUICK, "--out", "out").exit_code == 0
    about = json.loads((tmp_path / "out" / "result.json").read_text())
    about["student"]["trusted_types"].append("os.system")
    (tmp_path / "out" / "result.json").write_text(json.dumps(about))
    said = call("predict", "out", path)
    assert (said.exit_code, "--trust 'os.system'" in said.output) == (2, True)
    assert call("predict", "out", path, "--trust", "os.system").exit_code == 0


def test_a_memory_folder_that_everybody_can_write_to(call, tmp_path):
    path, memory = written(tmp_path / "t.csv", TABLE), tmp_path / "memory"
    memory.mkdir()
    memory.chmod(0o777)
    said = call("run", path, "--target", "y", *QUICK, "--memory", memory)
    assert (said.exit_code, "can be written by everybody" in said.output) == (1, True)
    memory.chmod(stat.S_IRWXU)
    assert call("run", path, "--target", "y", *QUICK, "--memory", memory).exit_code == 0
