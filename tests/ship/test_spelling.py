"""How numbers, dates and times are written, and that exports read them from the raw cells as the student does."""

import sqlite3
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from stepdown.ship import TableColumns, rules, to_python, to_sql

R = np.random.default_rng(0)
N = 60
AMOUNTS = R.gamma(2, 900, N)
TIMES = pd.Timestamp("2015-01-31 13:05:09") + pd.to_timedelta(R.integers(0, 1e8, N), unit="s")
QUARTERS = [f"Q{time.quarter} {time.year}" for time in TIMES]


def signed(form: str) -> list[str]:
    return [form.format(v) if v > 900 else f"({form.format(v)})" for v in AMOUNTS]


SPELLINGS: dict[str, tuple[list[Any], str]] = {
    "brackets": (signed("{:,.1f}"), "number"),
    "money in brackets": (signed("${:,.2f}"), "number"),
    "minus signs": ([f"\u2212{v:.1f}" if v < 900 else f"{v:.1f}" for v in AMOUNTS], "number"),
    "a unit": ([f"{v:.1f}kg" for v in AMOUNTS], "number"),
    "degrees": ([f"{v:.1f}°C" for v in AMOUNTS], "number"),
    "money with letters": ([f"US$ {v:,.0f}" for v in AMOUNTS], "number"),
    "lakhs": ([f"{v:.1f}" if v < 2e3 else f"{v / 10:.0f},23,456.5" for v in AMOUNTS], "number"),
    "thousands and millions": ([f"€{v / 1e3:.1f}M" if v > 900 else f"€{v:.0f}K" for v in AMOUNTS], "number"),
    "bounds": ([f"<{v:.1f}" if v < 300 else f"{v:.0f}+" if v > 3e3 else f"{v:.1f}" for v in AMOUNTS], "number"),
    "a word for gaps": (["not yet" if v < 300 else f"{v:.2f}" for v in AMOUNTS], "number"),
    "hours and minutes": (list(TIMES.strftime("%H:%M")), "time or duration"),
    "a clock": (list(TIMES.strftime("%H:%M:%S")), "time or duration"),
    "long durations": ([f"{int(v)}:{int(v) % 60:02d}:07" for v in AMOUNTS], "time or duration"),
    "durations of pandas": ([str(pd.Timedelta(seconds=int(500 * v))) for v in AMOUNTS], "time or duration"),
    "quarters": (QUARTERS, "date"),
    "quarters, year first": ([f"{q[3:]}{q[:2]}" for q in QUARTERS], "date"),
    "numbers of days": ([int(day) for day in TIMES.strftime("%Y%m%d")], "date"),
    "a word for no date": (
        ["never" if v < 600 else f"{t:%Y/%m/%d}" for v, t in zip(AMOUNTS, TIMES, strict=True)],
        "date",
    ),
    "zeros for no date": (
        ["0000-00-00" if v < 600 else f"{t:%Y-%m-%d}" for v, t in zip(AMOUNTS, TIMES, strict=True)],
        "date",
    ),
    **{
        form: (list(TIMES.strftime(form)), "date")
        for form in (
            *("%Y/%m/%d", "%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%m/%Y", "%b %Y"),
            *("%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p", "%Y-%m-%dT%H:%M:%S", "%Y-%m", "%d %B %Y %H:%M:%S"),
        )
    },
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_exports_read_raw_cells_as_the_student_does(name) -> None:
    cells, kind = SPELLINGS[name]
    rows = pd.DataFrame({"x": pd.Series(cells, dtype=None)})
    columns = TableColumns().fit(rows)
    assert columns.notes()[0].startswith(f"x: {kind}, written like ")
    y = np.where(AMOUNTS > 700, AMOUNTS, TIMES.day_of_year)
    tree = make_pipeline(columns, DecisionTreeRegressor(max_depth=5, random_state=0)).fit(rows, y)
    assert "x" in rules(tree)
    asked: list[Any] = [*cells, None, *([] if isinstance(cells[0], int) else ["nothing", "", "inf"])]
    said = tree.predict(pd.DataFrame({"x": pd.Series(asked, dtype=None)}))
    space: dict[str, Any] = {}
    exec(to_python(tree), space)
    assert [space["predict"]({"x": cell}) for cell in asked] == pytest.approx(said.tolist())
    sort = "INTEGER" if isinstance(cells[0], int) else "TEXT"
    for dialect, database in (("sqlite", sqlite3.connect(":memory:")), ("duckdb", duckdb.connect())):
        database.execute(f"CREATE TABLE t (id INTEGER, x {sort})")
        database.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate(asked)))
        found = database.execute(to_sql(tree, table="t", keep=["id"], dialect=dialect)).fetchall()
        database.close()
        assert [answer for _, answer in sorted(found)] == pytest.approx(said.tolist()), dialect


def test_seconds_since_1970_are_dates_where_the_name_speaks_of_time() -> None:
    seconds = TIMES.astype("datetime64[s]").astype(np.int64).to_numpy()
    rows = pd.DataFrame({"created_at": seconds, "stamp_ms": seconds * 1000, "amount": seconds, "forced": seconds})
    columns = TableColumns({"forced": "date"}).fit(rows)
    assert [reading.kind for reading in columns.readings_] == ["date", "date", "number", "date"]
    tree = make_pipeline(columns, DecisionTreeRegressor(max_depth=4, random_state=0)).fit(rows, TIMES.day_of_week)
    assert "created_at <= 20" in rules(tree) or "weekday of" in rules(tree)
    space: dict[str, Any] = {}
    exec(to_python(tree), space)
    said = tree.predict(rows).tolist()
    assert [space["predict"](row) for row in rows.to_dict("records")] == said
    for dialect, database in (("sqlite", sqlite3.connect(":memory:")), ("duckdb", duckdb.connect())):
        database.execute("CREATE TABLE t (id BIGINT, created_at BIGINT, stamp_ms BIGINT, amount BIGINT, forced BIGINT)")
        lines = [(place, *row) for place, row in enumerate(rows.itertuples(index=False))]
        database.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", [[int(cell) for cell in line] for line in lines])
        found = sorted(database.execute(to_sql(tree, table="t", keep=["id"], dialect=dialect)).fetchall())
        database.close()
        assert [answer for _, answer in found] == said


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        (["(5)", "7", "(1,200)"], "in brackets it is below 0"),
        (["<5", "6", "7"], "without '<'"),
        ([*range(40), -999, -999], "-999 in 2 rows stands apart"),
        (["Yes", "yes", "no", "no"], '"Yes" and "yes" differ in spaces or capitals only'),
        ([*map(str, range(30)), "soon"], "1 cells that hold none, like 'soon'"),
    ],
)
def test_what_a_person_may_doubt_is_said(cells, line) -> None:
    assert line in TableColumns().fit(pd.DataFrame({"x": cells})).notes()[0]


@pytest.mark.parametrize(
    "cells", [["+49 606 64312", "+49 30 1234"], ["5 kg", "5 g"], ["1.2.3", "1.10.2"], ["4/10", "5/10"]]
)
def test_what_only_looks_like_a_number_is_none(cells) -> None:
    notes = TableColumns({"z": "number"}).fit(pd.DataFrame({"x": cells * 3, "z": range(3 * len(cells))})).notes()
    assert not any(note.startswith(("x: number", "x: date")) for note in notes)
