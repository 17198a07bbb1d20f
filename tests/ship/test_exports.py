"""What is exported answers every row as the model does: text as rules, JSON, Python, SQL and C."""

import ctypes
import json
import math
import re
import shutil
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

sys.path.insert(0, str(Path(__file__).parent))
from stepdown import ship
from stepdown.core import NotSupportedError
from students import CASES, Student, student

# scikit-learn says so whenever it meets a category that an encoder has dropped or hasn't seen.
pytestmark = pytest.mark.filterwarnings("ignore:Found unknown categories:UserWarning")
COMPILER = shutil.which("cc")


@pytest.fixture(params=sorted(CASES))
def shipped(request: pytest.FixtureRequest) -> Student:
    with np.errstate(all="ignore"):
        return student(request.param)


def plain_rows(shipped: Student) -> list[dict]:
    rows = shipped.rows.astype(object).where(shipped.rows.notna(), None)
    return rows.to_dict("records")


def typed(value):
    """A number, or days since 1970-01-01, of a cell of the raw table."""
    if not isinstance(value, str):
        return value
    if "€" in value:
        return float(value.removesuffix(" €").replace(".", "").replace(",", "."))
    return (datetime.fromisoformat(value) - datetime(1970, 1, 1)) / timedelta(days=1)


def check(shipped: Student, labels: list, probabilities: list | None) -> None:
    assert len(labels) == len(shipped.rows)
    if not hasattr(shipped.model, "classes_"):
        np.testing.assert_allclose(np.array(labels, dtype=float), shipped.labels, rtol=1e-9, atol=1e-9)
        return
    assert labels == shipped.labels
    if shipped.probabilities is not None:
        np.testing.assert_allclose(np.array(probabilities, dtype=float), shipped.probabilities, rtol=0, atol=1e-6)


def test_python(shipped: Student) -> None:
    space: dict = {}
    source = ship.to_python(shipped.model, name="answer")
    assert source.isascii()
    assert "sklearn" not in source
    exec(source, space)
    rows = plain_rows(shipped)
    probabilities = None
    if shipped.probabilities is not None:
        told = [space["answer_proba"](row) for row in rows]
        assert list(told[0]) == list(shipped.model.classes_)
        probabilities = [list(one.values()) for one in told]
    check(shipped, [space["answer"](row) for row in rows], probabilities)
    sequences = shipped.rows.to_numpy(dtype=object).tolist()  # with NaN where the mapping has None
    assert [space["answer"](row) for row in sequences] == [space["answer"](row) for row in rows]


def run_query(shipped: Student, connection, dialect: str) -> list:
    query = ship.to_sql(shipped.model, table='t "1"', keep=["id'"], dialect=dialect)
    names = list(shipped.rows.columns)
    kinds = ["DOUBLE" if shipped.rows[name].dtype.kind == "f" else "TEXT" for name in names]
    quoted = ", ".join('"' + name.replace('"', '""') + '" ' + kind for name, kind in zip(names, kinds, strict=True))
    connection.execute(f'CREATE TABLE "t ""1""" ("id\'" INTEGER, {quoted})')
    marks = ", ".join("?" * (len(names) + 1))
    rows = [[place, *row.values()] for place, row in enumerate(plain_rows(shipped))]
    connection.executemany(f'INSERT INTO "t ""1""" VALUES ({marks})', rows)
    return sorted(connection.execute(query).fetchall())


def test_sqlite(shipped: Student) -> None:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("SELECT exp(1)")
    except sqlite3.OperationalError:  # built without mathematics
        connection.create_function("exp", 1, lambda x: None if x is None else math.exp(x))
    answers = run_query(shipped, connection, "sqlite")
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)
    connection.close()
    check(shipped, [row[1] for row in answers], [row[2:] for row in answers])


def test_duckdb(shipped: Student) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb isn't installed")
    connection = duckdb.connect()
    answers = run_query(shipped, connection, "duckdb")
    connection.close()
    check(shipped, [row[1] for row in answers], [row[2:] for row in answers])


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
def test_c(shipped: Student, tmp_path: Path) -> None:
    header = ship.to_c(shipped.model)
    assert header.isascii()
    (tmp_path / "student.h").write_text(header)
    fields = re.findall(r"^    (const char \*|double )(c\d+\w*);", header, re.M)
    classes = shipped.model.classes_ if hasattr(shipped.model, "classes_") else None
    shares = shipped.probabilities is not None
    answer = "double" if classes is None else "int"
    arguments = ", double *shares" if shares else ""
    passed = ", shares" if shares else ""
    text = classes is not None and isinstance(classes[0], str)
    label = "const char *label(int i) { return student_classes[i]; }\n" if text else ""
    (tmp_path / "student.c").write_text(
        f'#include "student.h"\n{answer} ask(const student_row *row{arguments}) '
        f"{{ return student_predict(row{passed}); }}\n{label}"
    )
    library = tmp_path / "student.so"
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1"]
    made = subprocess.run(
        [COMPILER, *strict, "-shared", "-fPIC", str(tmp_path / "student.c"), "-o", str(library), "-lm"],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr[:2000]
    loaded = ctypes.CDLL(str(library))
    kinds = [ctypes.c_char_p if "char" in kind else ctypes.c_double for kind, _ in fields]
    Row = type("Row", (ctypes.Structure,), {"_fields_": [(n, k) for (_, n), k in zip(fields, kinds, strict=True)]})
    loaded.ask.restype = ctypes.c_double if classes is None else ctypes.c_int
    if text:
        loaded.label.restype = ctypes.c_char_p
    names = list(shipped.rows.columns)
    labels, told = [], []
    for values in plain_rows(shipped):
        row = Row()
        for (_, field), kind in zip(fields, kinds, strict=True):
            value = values[names[int(re.match(r"c(\d+)", field)[1])]]
            is_text = kind is ctypes.c_char_p
            setattr(row, field, (value and value.encode()) if is_text else math.nan if value is None else typed(value))
        got = (ctypes.c_double * (1 if classes is None else len(classes)))()
        found = loaded.ask(ctypes.byref(row), got) if shares else loaded.ask(ctypes.byref(row))
        labels.append(found if classes is None else loaded.label(found).decode() if text else classes[found])
        told.append(list(got))
    check(shipped, labels, told)


def test_onnx(shipped: Student) -> None:
    pytest.importorskip("onnx", reason="onnx isn't installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime isn't installed")
    session = runtime.InferenceSession(ship.to_onnx(shipped.model).SerializeToString())
    fed = {}
    for column in session.get_inputs():
        if column.name not in shipped.rows:  # nothing is read
            fed[column.name] = np.zeros((len(shipped.rows), 1))
        elif column.type == "tensor(string)":
            fed[column.name] = shipped.rows[[column.name]].fillna("").to_numpy(dtype=object)
        else:
            fed[column.name] = shipped.rows[[column.name]].map(typed).to_numpy(dtype=np.float64)
    answers = dict(zip([output.name for output in session.get_outputs()], session.run(None, fed), strict=True))
    assert set(answers) == (
        {"prediction"}
        if not hasattr(shipped.model, "classes_")
        else {"label"} | ({"probabilities"} if shipped.probabilities is not None else set())
    )
    labels = answers["label" if "label" in answers else "prediction"]
    check(shipped, labels.tolist(), answers.get("probabilities"))


def test_onnx_names_and_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime isn't installed")
    pytest.importorskip("onnx", reason="onnx isn't installed")
    rows = pd.DataFrame({"label": ["a", "b", "", "b"] * 9, "x": [1.0, 2.0, 3.0, 4.0] * 9})
    behind = make_pipeline(make_column_transformer((OneHotEncoder(), ["label"])), DecisionTreeRegressor())
    with pytest.raises(NotSupportedError, match="'label' has the empty text as a category"):
        ship.to_onnx(behind.fit(rows, (rows["label"] == "").astype(float)))
    rows = rows[rows["label"] != ""]
    model = make_pipeline(behind[0], DecisionTreeClassifier()).fit(rows, rows["label"])
    session = runtime.InferenceSession(ship.to_onnx(model).SerializeToString())
    assert [one.name for one in session.get_outputs()] == ["label_", "probabilities"]
    assert session.run(["label_"], {"label": np.array([["b"], ["a"]])})[0].tolist() == ["b", "a"]
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"stepdown\[onnx\]"):
        ship.to_onnx(model)


def by_json(told: dict, row: list) -> list[float]:
    """The few lines that a reader of the JSON has to write."""

    def value(place: int):
        column = told["columns"][place]
        cell = row[column["place"]]
        if cell is None or (column["kind"] == "text" and "has" not in column):
            return cell
        if "has" in column:
            words = re.split("|".join(map(re.escape, column["separators"])), cell)
            return float(any(word in words for word in column["has"]))
        if "part" in column:
            day = datetime.fromisoformat(cell)
            return {"month": day.month, "weekday": day.isoweekday()}[column["part"]]
        return typed(cell)

    trees = told["tree_sum"]["trees"] if "tree_sum" in told else told.get("trees", told.get("rule_list"))
    if trees is not None:
        answers = []
        for node in trees:
            while "answer" not in node:
                got = value(node["column"])
                if got is None:
                    side = node["missing"]
                elif "at_most" in node:
                    side = "yes" if got <= node["at_most"] else "no"
                elif "one_of" in node:
                    side = "yes" if got in node["one_of"] else "no"
                else:
                    side = "yes"
                node = node[side]
            answers.append(node["answer"])
        if "rule_list" in told:
            return next(answer for answer in answers if answer is not None)
        if "tree_sum" in told:
            return [sum(column) for column in zip(told["tree_sum"]["intercepts"], *answers, strict=True)]
        return [sum(column) / len(answers) for column in zip(*answers, strict=True)]
    sums = []
    for one in told["linear"]["sums"]:
        total = one["intercept"]
        for term in one["terms"]:
            got = value(term["column"])
            if got is None:
                total += term["missing"]
            elif "amounts" in term:
                total += sum(pair["amount"] for pair in term["amounts"] if pair["value"] == got)
            else:
                total += term["coefficient"] * min(max(got, term.get("low", got)), term.get("high", got))
        sums.append(total)
    return sums


def test_json(shipped: Student) -> None:
    told = json.loads(ship.to_json(shipped.model))
    answers = [by_json(told, list(row.values())) for row in plain_rows(shipped)]
    classes = told["classes"]
    link = next((told[body]["link"] for body in ("linear", "tree_sum") if body in told), None)
    if classes is None:
        check(shipped, [math.exp(one[0]) if link == "exp" else one[0] for one in answers], None)
    elif len(answers[0]) == 1 and link is not None:
        check(shipped, [classes[int(one[0] > 0)] for one in answers], [[1 - s, s] for s in map(sigmoid, answers)])
    elif link in ("softmax", "one-vs-rest"):
        weights = [[math.exp(s) if link == "softmax" else sigmoid([s]) for s in one] for one in answers]
        shares = [[weight / sum(row) for weight in row] for row in weights]
        check(shipped, [classes[int(np.argmax(one))] for one in answers], shares)
    else:
        check(shipped, [classes[int(np.argmax(one))] for one in answers], answers)


def sigmoid(scores: list[float]) -> float:
    return 1 / (1 + math.exp(-scores[0]))
