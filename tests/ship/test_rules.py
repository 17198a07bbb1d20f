"""What is printed gives, by hand, what the model predicts: the text is read back and evaluated on real rows."""

import math
import operator
import re
from calendar import day_name, month_name
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, RidgeClassifier, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown.ship import TableColumns, rules
from stepdown.ship._text import threshold
from stepdown.students import RuleListClassifier, RuleListRegressor, TreeSumClassifier, TreeSumRegressor

N = 400
SIGHTS = ("Garden", "no garden (but a lake)", "Lake/garden", "Gardener", "view of the LAKE")
PARTS = {"month": list(month_name), "weekday": ["", *day_name]}
COMPARED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def table(seed: int = 0) -> pd.DataFrame:
    r = np.random.default_rng(seed)
    days = pd.Timestamp("2019-12-01") + pd.to_timedelta(r.integers(0, 900, N), unit="D")
    made = pd.DataFrame(
        {
            "size": np.round(r.gamma(3, 40, N), 1),
            "age": r.integers(0, 90, N).astype(float),
            "kind": r.choice(["flat", "house", "house boat"], N),
            "fee": [f"{x:.2f}".replace(".", ",") for x in r.gamma(2, 5, N)],
            "sold": days.strftime("%d.%m.%Y"),
            "note": [f"{i}. {SIGHTS[j]}, quiet" for i, j in enumerate(r.integers(0, len(SIGHTS), N))],
        }
    )
    for name, share in (("age", 0.2), ("kind", 0.1), ("fee", 0.1), ("sold", 0.05), ("note", 0.1)):
        made.loc[r.random(N) < share, name] = None
    return made


def cell(text: Any) -> Any:
    """A cell as a person reads it: a number or the day, or text."""
    if not isinstance(text, str) or re.fullmatch(r"\d+,\d+", text):
        return float(str(text).replace(",", "."))
    return datetime.strptime(text, "%d.%m.%Y") if re.fullmatch(r"[\d.]{10}", text) else text


def told(text: str) -> Any:
    if text.startswith('"'):
        return text[1:-1]
    if text in PARTS["month"] + PARTS["weekday"]:
        return text
    return datetime.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else float(text)


class ByHand:
    """The few rules by which a person reads the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.fills = {m[1]: told(m[2]) for m in re.finditer(r"^A missing ([\w ]+) counts as (.+)\.$", text, re.M)}

    def holds(self, condition: str, row: dict[str, Any]) -> bool:
        if part := re.fullmatch(r"(month|weekday) of sold is (\w+)(?: to (\w+))?", condition):
            first, last = (PARTS[part[1]].index(part[n] or part[2]) for n in (2, 3))
            return first <= self.part(part[1], row) <= last
        if word := re.fullmatch(r'note (has|lacks) the word "(\w+)"', condition):
            return self.has(word[2], row) == (word[1] == "has")
        condition = condition.removeprefix("(").removesuffix(")")
        name = re.search(r"\b(size|age|kind|fee|sold|note)\b", condition)[1]
        gap = row[name] is None
        if condition.endswith(" is missing"):
            return gap
        if condition.endswith(f"{name} is not missing"):
            return not gap
        condition, allowed = re.subn(" or missing$", "", condition)
        if gap and name not in self.fills:
            return bool(allowed) != (" is not " in condition)  # not one of these or missing
        value = self.fills[name] if gap else cell(row[name])
        if " is " in condition:
            values = re.findall(r'"([^"]*)"', condition)
            return (value in values) != (" is not " in condition)
        low, high = re.match(r"(\S+) (<=?) \w+ <", condition), re.search(r" (<=?) (\S+)$", condition)
        if above := re.search(r" (>=?) (\S+)$", condition):
            return COMPARED[above[1]](value, told(above[2]))
        return (low is None or COMPARED[low[2]](told(low[1]), value)) and (
            high is None or COMPARED[high[1]](value, told(high[2]))
        )

    def part(self, part: str, row: dict[str, Any]) -> int:
        if row["sold"] is None:
            return PARTS[part].index(self.fills[f"{part} of sold"])
        day = cell(row["sold"])
        return day.month if part == "month" else day.isoweekday()

    def has(self, word: str, row: dict[str, Any]) -> bool:
        return word in re.split(r"\W+", (row["note"] or "").lower())

    def leaf(self, lines: list[str], row: dict[str, Any]) -> str:
        found = []
        for line in lines:
            where, _, answer = re.sub(r"^\d+\. (else if |if )?", "", line).partition(": ")
            if where == "else" or (line.partition(". ")[2].startswith(("if ", "else if ")) and found):
                found = found or [answer]
            elif where == "any row" or all(self.holds(part, row) for part in where.split(" and ")):
                found.append(answer)
        assert len(found) == 1, "one rule must hold"
        return found[0]

    def trees(self) -> list[list[str]]:
        blocks = re.split(r"\n\s*\n|Tree \d+ of \d+\n", self.text)
        return [lines for block in blocks if (lines := re.findall(r"^\d+\. .*$", block, re.M))]

    def sums(self, row: dict[str, Any]) -> dict[str, float]:
        sums: dict[str, float] = {}
        for block in self.text.split("\n\n")[1:]:
            lines = list(re.finditer(r"^(\S.*?)\s{2,}(-?[\d.e+-]+)(\s+\S+)?$", block, re.M))
            head = re.match(r"class (\S+)", block)
            if lines:
                sums[head[1] if head else ""] = sum(float(m[2]) * self.amount(m[1], row) for m in lines)
        return sums

    def amount(self, name: str, row: dict[str, Any]) -> float:
        if name == "(intercept)":
            return 1.0
        if name.endswith(" is missing"):
            return float(row[name.removesuffix(" is missing")] is None)
        if part := re.fullmatch(r"(month|weekday) of sold", name):
            return float(self.part(part[1], row))
        if word := re.fullmatch(r'note has "(\w+)"', name):
            return float(self.has(word[1], row))
        column = re.match("[a-z]+", name)[0]
        if column != name:
            return float(row[column] == name.removeprefix(column).removeprefix("_").removeprefix(" = ").strip('"'))
        value = self.fills[name] if row[name] is None else cell(row[name])
        held = re.search(rf"^{name} below (\S+) counts as .* above (\S+) as", self.text, re.M)
        value = min(max(value, float(held[1])), float(held[2])) if held else value
        return (value - datetime(1970, 1, 1)) / timedelta(days=1) if isinstance(value, datetime) else value


def fitted(model: Any, *, classes: int = 0) -> tuple[Any, pd.DataFrame]:
    rows = table()
    y = rows["size"] - rows["age"].fillna(-20) + 60 * (rows["kind"] == "house")
    y += 40 * rows["note"].str.contains("(?i)lake", na=False) + 30 * rows["sold"].str.contains(".0[67].", na=False)
    if classes:
        y = np.array(["low", "mid", "high"])[np.digitize(y, np.quantile(y, [0.4, 0.75][: classes - 1]))]
    else:
        y = (y - y.min()) / 50
    return model.fit(rows, y), pd.concat([rows, table(1)])


def plain_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return rows.astype(object).where(rows.notna(), None).to_dict("records")


OWN = make_column_transformer(
    (make_pipeline(SimpleImputer(add_indicator=True), MinMaxScaler(clip=True)), ["size", "age"]),
    (OneHotEncoder(drop="first", sparse_output=False), ["kind"]),
)


@pytest.mark.parametrize(
    ("cut", "printed"),
    [
        (2.5 + 1e-7, ("2.5", True)),
        (12.99999995, ("13", False)),
        (-12.99999995, ("-13", True)),
        (-13.00000005, ("-13", False)),
        (69.3999978, ("69.4", False)),
        (20210601.9, ("20210602", False)),
        (1e-46, ("0", True)),
        (0.000125, ("0.000125", True)),
        (3e20, ("3e+20", True)),
    ],
)
def test_thresholds_are_short_and_say_on_which_side_they_lie_themselves(cut, printed) -> None:
    assert threshold(cut) == printed
    assert (float(printed[0]) <= cut) == printed[1]


@pytest.mark.parametrize("columns", [TableColumns(), OWN], ids=["table columns", "columns of one's own"])
@pytest.mark.parametrize(
    "model",
    [DecisionTreeClassifier(max_depth=5), RandomForestClassifier(3, max_depth=4, random_state=0), RuleListClassifier()],
)
def test_rules_of_classes(columns, model) -> None:
    shipped, rows = fitted(make_pipeline(columns, model), classes=3)
    hand = ByHand(rules(shipped))
    classes = list(shipped.classes_)
    for row, expected in zip(plain_rows(rows), shipped.predict_proba(rows), strict=True):
        answers = [hand.leaf(lines, row) for lines in hand.trees()]
        shares = [{m[1]: float(m[2]) for m in re.finditer(r"(\w+) ([\d.e-]+)[,;]", answer)} for answer in answers]
        got = [sum(one.get(name, 0.0) for one in shares) / len(shares) for name in classes]
        np.testing.assert_allclose(got, expected, atol=1e-3)
        if len(answers) == 1:
            assert answers[0].split()[0] == classes[int(np.argmax(expected))]


@pytest.mark.parametrize(
    "model",
    [DecisionTreeRegressor(max_depth=5), RandomForestRegressor(3, max_depth=4, random_state=0), RuleListRegressor(20)],
)
def test_rules_of_numbers(model) -> None:
    shipped, rows = fitted(make_pipeline(TableColumns(), model))
    hand = ByHand(rules(shipped))
    got = [np.mean([float(hand.leaf(lines, row).split()[0]) for lines in hand.trees()]) for row in plain_rows(rows)]
    if hasattr(model, "max_depth"):
        assert 'the word "lake"' in hand.text
        assert "month of sold is " in hand.text
    np.testing.assert_allclose(got, shipped.predict(rows), rtol=1e-5)


def points_by_hand(text: str, row: dict[str, Any]) -> list[float]:
    """The first line, and of each tree the points of the one line that fits."""
    hand = ByHand(text)
    start, *trees = re.split(r"^Tree .*\n", text, flags=re.M)
    total = np.array([float(cell) for cell in re.search(r"^\(start\)(.*)$", start, re.M)[1].split()])
    for tree in trees:
        lines = re.findall(r"^(\S.*?) {2,}([+-].*)$", tree, re.M)
        total += [float(cell) for cell in hand.leaf([f"{where}: {cells}" for where, cells in lines], row).split()]
    return list(total)


@pytest.mark.parametrize("columns", [TableColumns(), OWN], ids=["table columns", "columns of one's own"])
@pytest.mark.parametrize("classes", [0, 2, 3])
def test_points_are_the_model(columns, classes) -> None:
    model = TreeSumClassifier(max_depth=3) if classes else TreeSumRegressor()
    shipped, rows = fitted(make_pipeline(columns, model), classes=classes)
    text = rules(shipped)
    got = np.array([points_by_hand(text, row) for row in plain_rows(rows)])
    if not classes:
        assert "The answer is the sum." in text
        np.testing.assert_allclose(got[:, 0], shipped.predict(rows), atol=1e-9)
        return
    expected = shipped.decision_function(rows).reshape(got.shape)
    np.testing.assert_allclose(got, expected, atol=1e-9)
    shares = np.exp(got) / np.exp(got).sum(axis=1, keepdims=True) if classes == 3 else 1 / (1 + np.exp(-got))
    np.testing.assert_allclose(shares, shipped.predict_proba(rows)[:, -got.shape[1] :], atol=1e-9)


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_points_of_boosting_are_the_model_to_what_is_printed(classes) -> None:
    model = (
        GradientBoostingClassifier(n_estimators=5, max_depth=2)
        if classes
        else GradientBoostingRegressor(n_estimators=9)
    )
    shipped, rows = fitted(make_pipeline(TableColumns(), model), classes=classes)
    text = rules(shipped)
    got = np.array([points_by_hand(text, row) for row in plain_rows(rows)])
    expected = shipped.decision_function(rows) if classes else shipped.predict(rows)
    np.testing.assert_allclose(got, expected.reshape(got.shape), atol=1e-4)


@pytest.mark.parametrize("columns", [TableColumns(), OWN], ids=["table columns", "columns of one's own"])
@pytest.mark.parametrize("model", [LinearRegression(), PoissonRegressor(max_iter=1000)])
def test_coefficients_of_numbers(columns, model) -> None:
    shipped, rows = fitted(make_pipeline(columns, StandardScaler(), model))
    text = rules(shipped)
    got = np.array([ByHand(text).sums(row)[""] for row in plain_rows(rows)])
    np.testing.assert_allclose(np.exp(got) if "exp(sum)" in text else got, shipped.predict(rows), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "model",
    [LogisticRegression(max_iter=1000), SGDClassifier(loss="log_loss", random_state=0), RidgeClassifier()],
    ids=lambda model: type(model).__name__,
)
def test_coefficients_of_classes(model, classes) -> None:
    shipped, rows = fitted(make_pipeline(TableColumns(), StandardScaler(), model), classes=classes)
    text = rules(shipped)
    sums = [ByHand(text).sums(row) for row in plain_rows(rows)]
    names = list(shipped.classes_)
    if classes == 2:
        sums = [{names[0]: 0.0, **one} for one in sums]
    margins = np.abs(np.atleast_2d(shipped.decision_function(rows).T)).min(axis=0)
    got = [max(one, key=lambda name: one[name]) for one in sums]
    clear = margins > 1e-4
    assert clear.mean() > 0.9
    assert np.array(got)[clear].tolist() == shipped.predict(rows)[clear].tolist()
    if "exp(" in text:
        sigmoid = "1 / (1 + exp(" in text
        weights = [
            {name: 1 / (1 + math.exp(-s)) if sigmoid and classes == 3 else math.exp(s) for name, s in one.items()}
            for one in sums
        ]
        shares = [[one[name] / sum(one.values()) for name in names] for one in weights]
        np.testing.assert_allclose(shares, shipped.predict_proba(rows), atol=1e-4)
