"""Fitted students of every kind that ships, with the rows on which their exports are compared to them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from stepdown.ship import TableColumns
from stepdown.students import (
    PointsScoreClassifier,
    RuleListClassifier,
    RuleListRegressor,
    TreeSumClassifier,
    TreeSumRegressor,
)

# Names and values that would break out of a string, a comment or an identifier.
NASTY = ['a "quoted"', "it's; */ '); DROP TABLE t; --", "new\nline\\", "🦊\u202e אב ??/", "plain"]
SIZE, AGE, KIND, GRADE, NOTE = 'size "m²" */', "age'); DROP", "kind\n🦊", "grade", "note's"
# As a word begins a sentence, is shouted, stands beside signs or is part of another word, which says nothing.
SMALL = np.array(["étroit", "Étroit!", "(ÉTROIT)", "très-étroit", "étroitesse"])
LABELS = np.array(["*/ end", "'); DROP TABLE t; --", 'say "hé"\n'])


def table(n: int = 300, *, gaps: bool = True, seed: int = 0) -> pd.DataFrame:
    r = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            SIZE: np.round(r.gamma(3, 40, n), 1),
            AGE: r.integers(0, 90, n).astype(float),
            KIND: np.array(NASTY, dtype=object)[r.integers(0, 5, n)],
            GRADE: r.integers(1, 5, n).astype(float),
        }
    )
    if gaps:
        for name, share in ((SIZE, 0.1), (AGE, 0.2), (KIND, 0.1)):
            made.loc[r.random(n) < share, name] = np.nan
    return made


def targets(rows: pd.DataFrame) -> np.ndarray:
    r = np.random.default_rng(1)
    size, age = rows[SIZE].fillna(300), rows[AGE].fillna(-20)
    return np.asarray(size - age + 60 * (rows[KIND] == NASTY[1]) + 8 * rows[GRADE] + r.normal(0, 20, len(rows)))


def unseen(rows: pd.DataFrame) -> pd.DataFrame:
    """Some of the rows, others, and some with a category that no student has seen."""
    more = table(100, gaps=bool(rows[SIZE].isna().any()), seed=2)
    more.loc[:30, KIND] = "never seen"
    return pd.concat([rows[:80], more], ignore_index=True)


def columns(scaler: Any, *, encoder: Any = None, gaps: bool = True, sparse: float = 0) -> ColumnTransformer:
    fill = [SimpleImputer(strategy="median", add_indicator=True)] if gaps else []
    one_hot = encoder or OneHotEncoder(handle_unknown="ignore")
    return ColumnTransformer(
        [("numbers", make_pipeline(*fill, scaler), [SIZE, AGE]), ("kinds", one_hot, [KIND])],
        remainder="passthrough",
        sparse_threshold=sparse,
    )


def raw(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as a file may hold them: decimal commas, days and times as text, and a text of its own in every row."""
    days = pd.Timestamp("1969-11-01") + pd.to_timedelta(rows[AGE] * 11, unit="D")
    times = pd.Timestamp("2020-02-28 23:00") + pd.to_timedelta(rows[GRADE] * 5000.25, unit="s")
    size = rows[SIZE].map(lambda x: f"{x:,.1f} €".translate({44: ".", 46: ","}), na_action="ignore")
    known = rows[SIZE].notna() & (rows[GRADE] > 1)
    small = np.where(rows[SIZE] < 100, SMALL[np.arange(len(rows)) % len(SMALL)], "broad,")
    note = [f"No {n}: {what}\nm²" if k else None for n, (k, what) in enumerate(zip(known, small, strict=True))]
    return rows.assign(**{SIZE: size, AGE: days.dt.strftime("%Y-%m-%d"), GRADE: times.astype(str), NOTE: note})


ORDINAL = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
RARE = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3, sparse_output=False)
FILLED_KIND = make_pipeline(
    SimpleImputer(strategy="most_frequent"), OneHotEncoder(drop="first", handle_unknown="ignore", sparse_output=False)
)
TREE = DecisionTreeClassifier(max_depth=6, random_state=0)


@dataclass
class Student:
    model: Any
    rows: pd.DataFrame

    @cached_property
    def labels(self) -> list[Any]:
        return list(self.model.predict(self.rows))

    @cached_property
    def probabilities(self) -> np.ndarray | None:
        if not hasattr(self.model, "predict_proba"):
            return None
        return np.asarray(self.model.predict_proba(self.rows))


def numbers() -> pd.DataFrame:
    return table()[[SIZE, AGE, GRADE]]


def _native(model: Any) -> Callable[[], tuple[Any, pd.DataFrame]]:
    """Of numbers with gaps only."""
    return lambda: (model, numbers())


def _mixed(model: Any, *, gaps: bool = True) -> Callable[[], tuple[Any, pd.DataFrame]]:
    return lambda: (model, table(gaps=gaps))


CASES: dict[str, Callable[[], tuple[Any, pd.DataFrame]]] = {
    "tree with gaps": _native(TREE),
    "deep tree": _native(DecisionTreeClassifier(random_state=0)),
    "stump of one leaf": _native(DecisionTreeClassifier(max_depth=1, min_samples_leaf=200)),
    "random tree": _native(ExtraTreeClassifier(max_depth=5, random_state=0)),
    "regression tree": _native(DecisionTreeRegressor(max_depth=5, random_state=0)),
    "frozen tree": lambda: (FrozenEstimator(clone(TREE).fit(*_fit_rows(numbers()))), numbers()),
    "forest": _native(RandomForestClassifier(5, max_depth=4, random_state=0)),
    "random trees": _native(ExtraTreesClassifier(4, max_depth=4, random_state=0)),
    "regression forest": _native(RandomForestRegressor(5, max_depth=4, random_state=0)),
    "random regression trees": _native(ExtraTreesRegressor(3, max_depth=4, random_state=0)),
    "tree behind scaled columns": _mixed(make_pipeline(columns(StandardScaler()), TREE)),
    "tree behind sparse columns": _mixed(make_pipeline(columns(MaxAbsScaler(), sparse=1.0), TREE)),
    "tree behind clipped columns": _mixed(make_pipeline(columns(MinMaxScaler(clip=True)), StandardScaler(), TREE)),
    "tree behind numbered categories": _mixed(make_pipeline(columns(RobustScaler(), encoder=ORDINAL), TREE)),
    "tree behind rare categories": _mixed(make_pipeline(columns(StandardScaler(), encoder=RARE), TREE)),
    "tree behind filled categories": _mixed(make_pipeline(columns(RobustScaler(), encoder=FILLED_KIND), TREE)),
    "tree behind chosen columns": _mixed(make_pipeline(columns("passthrough"), VarianceThreshold(0.05), TREE)),
    "regression tree behind columns": _mixed(
        make_pipeline(columns(MinMaxScaler()), DecisionTreeRegressor(max_depth=6, random_state=0))
    ),
    "forest behind columns": _mixed(
        make_pipeline(columns(StandardScaler()), RandomForestClassifier(4, max_depth=5, random_state=0))
    ),
    "linear": _mixed(make_pipeline(columns(StandardScaler()), LinearRegression())),
    "ridge without gaps": _mixed(make_pipeline(columns(RobustScaler(), gaps=False), Ridge()), gaps=False),
    "ridge of clipped columns": _mixed(make_pipeline(columns(MinMaxScaler(clip=True)), Ridge())),
    "ridge of filled categories": _mixed(make_pipeline(columns(MaxAbsScaler(), encoder=FILLED_KIND), Ridge())),
    "ridge of scaled categories": _mixed(make_pipeline(columns("passthrough"), StandardScaler(), Ridge())),
    "poisson": _mixed(make_pipeline(columns(StandardScaler()), PoissonRegressor())),
    "logistic": _mixed(make_pipeline(columns(StandardScaler()), LogisticRegression())),
    "logistic of rare categories": _mixed(make_pipeline(columns(MinMaxScaler(), encoder=RARE), LogisticRegression())),
    "logistic of two": _mixed(make_pipeline(columns(StandardScaler()), LogisticRegression())),
    "one against the rest": _mixed(
        make_pipeline(columns(StandardScaler()), SGDClassifier(loss="log_loss", random_state=0))
    ),
    "hinge of two": _mixed(make_pipeline(columns(StandardScaler()), SGDClassifier(random_state=0))),
    "margins": _mixed(make_pipeline(columns(StandardScaler()), RidgeClassifier())),
    "support vectors": _mixed(make_pipeline(columns(StandardScaler()), LinearSVC(random_state=0))),
    "raw tree": _mixed(make_pipeline(TableColumns(), TREE)),
    "raw regression tree": _mixed(make_pipeline(TableColumns(), DecisionTreeRegressor(max_depth=6, random_state=0))),
    "raw ridge": _mixed(make_pipeline(TableColumns(), StandardScaler(), Ridge())),
    "raw logistic": _mixed(make_pipeline(TableColumns(), StandardScaler(), LogisticRegression())),
    "raw logistic of two": _mixed(make_pipeline(TableColumns(), StandardScaler(), LogisticRegression())),
    "sum of trees": _native(TreeSumClassifier()),
    "sum of deep trees": _native(TreeSumClassifier(12, max_depth=None)),
    "sum of trees of two": _mixed(make_pipeline(columns(StandardScaler()), TreeSumClassifier())),
    "points score": _native(PointsScoreClassifier()),
    "raw points score of two": _mixed(make_pipeline(TableColumns(), PointsScoreClassifier())),
    "regression sum": _native(TreeSumRegressor()),
    "regression sum behind columns": _mixed(make_pipeline(columns(MinMaxScaler()), TreeSumRegressor())),
    "regression sum of no tree": _native(TreeSumRegressor(min_samples_leaf=250)),
    "sum of no tree": _native(TreeSumClassifier(min_samples_leaf=250)),
    "sum of trees behind numbered categories": _mixed(
        make_pipeline(columns(RobustScaler(), encoder=ORDINAL), TreeSumClassifier())
    ),
    "raw sum of trees": _mixed(make_pipeline(TableColumns(), TreeSumClassifier())),
    "raw sum of trees of two": _mixed(make_pipeline(TableColumns(), TreeSumClassifier())),
    "raw regression sum": _mixed(make_pipeline(TableColumns(), TreeSumRegressor())),
    "rule list": _native(RuleListClassifier(6)),
    "raw rule list": _mixed(make_pipeline(TableColumns(), RuleListClassifier())),
    "rule list of no condition": _native(RuleListClassifier(1)),
    "raw regression rule list": _mixed(make_pipeline(TableColumns(), RuleListRegressor())),
    "raw deep forest": _mixed(make_pipeline(TableColumns(), RandomForestClassifier(3, max_depth=9, random_state=0))),
    "raw words": lambda: (make_pipeline(TableColumns(), TREE), table()),
    "raw words, linear": lambda: (make_pipeline(TableColumns(), StandardScaler(), LogisticRegression()), table()),
    "raw boosted stumps": _mixed(
        make_pipeline(TableColumns(), GradientBoostingClassifier(n_estimators=9, max_depth=1))
    ),
    "raw boosted trees of two": _mixed(make_pipeline(TableColumns(), GradientBoostingClassifier(n_estimators=6))),
    "raw regression boosting": _mixed(make_pipeline(TableColumns(), GradientBoostingRegressor(n_estimators=8))),
    "numbered labels": _native(TREE),
    "true and false": _native(TREE),
}


def _fit_rows(rows: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    y = targets(rows if KIND in rows else rows.assign(**{KIND: "plain"}))
    return rows, LABELS[np.digitize(y, np.quantile(y, [0.4, 0.75]))]


@cache
def student(name: str) -> Student:
    """A case, fitted once for all that compare exports of it."""
    model, rows = CASES[name]()
    if not isinstance(model, FrozenEstimator):
        X, y = _fit_rows(rows)
        if name.endswith("of two"):
            y = np.where(y == LABELS[0], LABELS[0], LABELS[1])
        if name == "numbered labels":
            y = np.searchsorted(np.sort(LABELS), y) - 1
        if name == "true and false":
            y = y == LABELS[0]
        if not is_classifier(model):
            full = rows if KIND in rows else rows.assign(**{KIND: "plain"})
            y = targets(full)
            y = y - y.min() + 1 if name == "poisson" else y
            y = y / 50 if name == "poisson" else y
        if name.startswith("raw words"):
            y = np.where(raw(X)[NOTE].fillna("").str.contains("(?i)étroit\\b"), LABELS[0], y)
        model = clone(model).fit(raw(X) if name.startswith("raw") else X, y)
    answered = unseen(rows) if KIND in rows else table(160, seed=3)[list(rows.columns)]
    return Student(model, raw(answered) if name.startswith("raw") else answered)
