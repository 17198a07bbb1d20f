"""How columns of a table are read for students that people read."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Lasso
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from stepdown.core import InvalidInputError
from stepdown.ship import TableColumns, rules, without_unread

N = 40


def read(cells: list, **kinds: str) -> tuple[str, list[list[float]]]:
    """The line about a column and what is made of it, beside another column."""
    frame = pd.DataFrame({"x": pd.Series(cells), "other": np.arange(len(cells)) / 7})
    columns = TableColumns(kinds).fit(frame)
    line = next(line for line in columns.notes() if line.startswith("x: "))
    return line.removeprefix("x: "), columns.transform(frame)[:, :-1].tolist()


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1,5", "-2,25", "3"], [1.5, -2.25, 3]),
        (["1.234,5", "12,75", "1.000.000"], [1234.5, 12.75, 1e6]),
        (["1,234.5", "12.75", "1,000,000"], [1234.5, 12.75, 1e6]),
        (["1 234,5", "7\u202f000", "3"], [1234.5, 7000, 3]),
        (["1'234.50", "7", "-3"], [1234.5, 7, -3]),
        (["$1,003", "$999", "-$5.50"], [1003, 999, -5.5]),
        (["12,5 €", "1.000 €", "3 €"], [12.5, 1000, 3]),
        (["1.200 €", "12.345 €", "7 €"], [1200, 12345, 7]),
        (["1.20 €", "12.5 €", "7 €"], [1.2, 12.5, 7]),
        (["12.5%", "3 %", "100%"], [12.5, 3, 100]),
        (["1e-3", "2E5", "-.5"], [0.001, 2e5, -0.5]),
        (["5", "n/a", "?"], [5, 5, 5]),
        (["1.200,5 EUR", "3 EUR", "-4 EUR"], [1200.5, 3, -4]),
        (["USD 1,200.50", "USD 7", "USD 9"], [1200.5, 7, 9]),
        (["12 km/h", "7.5 km/h", "100 km/h"], [12, 7.5, 100]),
    ],
)
def test_numbers_are_recognised_as_people_write_them(cells, numbers) -> None:
    line, made = read(cells)
    assert line.startswith("number, written like")
    assert [row[0] for row in made] == numbers


@pytest.mark.parametrize(
    "cells",
    [["$5", "€5", "$7"], ["5%", "0.5", "7"], ["1.5", "1,5", "2"], ["A14", "A13", "A14"], ["5 kg", "5 g", "7 kg"]],
)
def test_what_is_no_number_throughout_stays_a_category(cells) -> None:
    assert read(cells)[0].startswith("category")


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["1970-01-02", "1970-02-01", "1969-12-31"], [1, 31, -1]),
        (["31.01.1970", "02.01.1970", "03.02.1970"], [30, 1, 33]),
        (pd.to_datetime(["1970-01-02", "1970-02-01", "1969-12-31"]), [1, 31, -1]),
        (["1970-01-02 12:00", "1970-02-01 00:00", "1970-01-01 06:00"], [1.5, 31, 0.25]),
        (pd.to_datetime(["1970-01-02 12:00", "1970-01-01 06:00"]).date, [1, 0]),
        (pd.to_datetime(["1970-01-02 12:00", "1970-01-01 06:00"], utc=True), [1.5, 0.25]),
    ],
)
def test_dates_count_days(cells, days) -> None:
    line, made = read(cells)
    assert line.startswith("date")
    assert [row[0] for row in made] == days


def test_gaps_are_filled_and_marked_where_training_had_some() -> None:
    assert read([1.0, None, 4.0, 2.0])[1] == [[1, 0], [2, 1], [4, 0], [2, 0]]
    assert read(["1,5", None, "2,5"])[1] == [[1.5, 0], [2.0, 1], [2.5, 0]]
    assert read(["1970-01-02", None, "1970-01-05"])[1] == [[1, 0], [2, 1], [4, 0]]
    # "b" is 1; a gap is neither.
    assert read(["a", "b", None])[1] == [[0, 0], [1, 0], [0, 1]]
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    late = frame.assign(x=[np.nan, 2.0, 3.0])
    assert TableColumns().fit(frame).transform(late).tolist() == [[2], [2], [3]]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([f"K-{i:05d}" for i in range(N)], "identifier"),
        (list(range(N)), "numbers the rows"),
        (list(range(1, N + 1))[::-1], "numbers the rows"),
        (["same"] * N, "one value"),
        ([None] * N, "no values"),
    ],
)
def test_what_says_nothing_is_left_out_with_a_line(cells, reason) -> None:
    line, made = read(cells)
    assert "left out" in line
    assert reason in line
    assert made == [[]] * N


def test_texts_of_which_none_is_frequent_are_left_out() -> None:
    line, made = read([f"N{row // 2}A" for row in range(400)])
    assert "none of its 200 texts or their words is frequent" in line
    assert made == [[]] * 400


def test_keys_are_known_by_their_names_and_quantities_stay() -> None:
    r = np.random.default_rng(0)
    names = ("PassengerId", "order_nr", "old_id", "paid", "salary")
    frame = pd.DataFrame({name: r.permutation(10**6)[:N] for name in names})
    frame["old_id"] = frame["old_id"].where(frame.index > 5)
    assert TableColumns().fit(frame).get_feature_names_out().tolist() == ["paid", "salary"]


def test_columns_can_be_overruled() -> None:
    assert read(list(range(N)), x="number")[1][3] == [3]
    line, made = read([1, 2, 3, 1], x="category")
    assert line == "category, 1, 2, 3"
    assert made[1] == [0, 1, 0]
    with pytest.raises(InvalidInputError, match=r"numbers.*'red'"):
        read(["red", "green"], x="number")
    with pytest.raises(InvalidInputError, match=r"dates.*'red'"):
        read(["red", "green"], x="date")
    with pytest.raises(InvalidInputError, match="dates"):
        read([1999, 2000], x="date")
    with pytest.raises(InvalidInputError, match=r"no column is left.*one value"):
        TableColumns().fit(pd.DataFrame({"x": [1, 1]}))


def test_the_commonest_categories_are_kept() -> None:
    line, made = read([f"c{i % 50}" for i in range(200)] + ["c0"] * 50)
    assert line == 'category, "c0", "c1", "c10", "c11", "c12", ...; 20 rarer values count as none of them'
    assert np.sum(made[0]) == 1
    assert np.sum(made[45]) == 0


def test_very_many_plain_numbers_are_one_line() -> None:
    frame = pd.DataFrame(
        {f"x{i}": [1.5, 2, 3] for i in range(50)} | {"day": ["2020-01-01", "2020-01-02", "2020-01-01"]}
    )
    first, second = TableColumns().fit(frame).notes()
    assert first == "x0, x1, ... (50 columns): number"
    assert second.startswith("day: date")


def test_rows_may_come_with_other_types_and_further_columns_in_any_order() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [True, False, True], "c": ["x", "y", "z"]})
    columns = TableColumns().fit(frame)
    other = pd.DataFrame(
        {"new": 0, "c": pd.Categorical(["x", "y", "new"]), "b": [1, 0, None], "a": pd.array([1, None, 3], "Int64")}
    )
    assert columns.get_feature_names_out().tolist() == ["a", "b_1", "c_x", "c_y", "c_z"]
    assert columns.transform(other).tolist() == [[1, 1, 1, 0, 0], [2, 0, 0, 1, 0], [3, 0, 0, 0, 0]]


def test_a_row_alone_reads_as_among_others() -> None:
    """Of one row pandas gives single values, which takes another road."""
    frame = pd.DataFrame(
        {
            "whole": [3, 5, 7],
            "half": np.array([0.1, np.nan, 0.3], dtype=np.float32),
            "flag": [True, False, True],
            "text": ["b\0", "b", "b"],
            "money": ["1,5 €", "2 €", "oops"],
            "day": ["2020-01-31", "2021-02-01", None],
            "stamp": pd.to_datetime(["2020-01-31 12:30", None, "2021-03-05 00:00"]),
            "zone": pd.to_datetime(["2020-01-31 12:30", None, "2021-03-05 00:00"]).tz_localize("Asia/Tokyo"),
            "nullable": pd.array([2, None, 4], "Int64"),
            "group": pd.Categorical(["x", None, "y"]),
            "arrow": pd.array(["one", "two", None], "string"),
        }
    )
    columns = TableColumns().fit(frame)
    together = columns.transform(frame)
    assert together.shape[1] > len(frame.columns)
    alone = np.concatenate([columns.transform(frame.iloc[[row]]) for row in range(len(frame))])
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("model", [DecisionTreeClassifier(max_depth=1), make_pipeline(StandardScaler(), Lasso(0.1))])
def test_only_what_is_read_is_kept_and_answers_stay(model) -> None:
    r = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{i}": r.normal(size=N) for i in range(6)} | {"kind": r.choice(["a", "b", "c"], N)})
    y = frame["x2"] > 0
    full = make_pipeline(TableColumns(), *(step for _, step in getattr(model, "steps", [("", model)]))).fit(frame, y)
    slim = without_unread(full)
    assert slim[0].feature_names_in_.tolist() == ["x2"]
    assert slim.predict(frame[["x2"]]).tolist() == full.predict(frame).tolist()
    assert rules(slim) == rules(full)
