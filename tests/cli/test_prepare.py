import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from stepdown import MultihopClassifier, MultihopRegressor
from stepdown.cli._estimators import parse_spec
from stepdown.cli._prepare import multihop, preparing
from stepdown.datasets import mixed_table

TREE, LOGISTIC, MLP = parse_spec("tree:max_depth=2"), parse_spec("logistic"), parse_spec("mlp")


def table(seed=0):
    return pd.DataFrame(mixed_table(80, seed=seed)).drop(columns=["churn", "spending"])


def test_any_table_becomes_numbers_without_gaps_and_with_names():
    frame = table()
    before = frame.copy()
    prepare = preparing(TREE).fit(frame)
    names = list(prepare.get_feature_names_out())
    rows = prepare.transform(frame)
    assert np.isfinite(rows).all()
    assert rows.shape == (80, len(names))
    assert {"age", "income", "region_south", "member", "missingindicator_income"} <= set(names)
    assert not any(name.startswith("empty") for name in names)
    # A tree's thresholds stay in the units of the table.
    assert rows[:, names.index("age")].tolist() == frame["age"].tolist()
    pd.testing.assert_frame_equal(frame, before)


def test_gaps_that_were_not_there_before_are_filled():
    prepare = preparing(TREE).fit(table())
    late = table(1)
    late["age"] = np.nan
    rows = prepare.transform(late)
    place = list(prepare.get_feature_names_out()).index("age")
    assert np.unique(rows[:, place]).tolist() == [np.median(table()["age"])]


def test_a_student_that_needs_one_scale_gets_it():
    rows = preparing(LOGISTIC).fit_transform(table())
    assert rows.mean(axis=0) == pytest.approx(0.0, abs=1e-4)


def test_a_teacher_that_needs_one_scale_brings_it_for_itself():
    estimator = multihop(MLP, TREE, "classification", random_state=0)
    assert type(estimator) is MultihopClassifier
    assert type(estimator.teacher) is Pipeline
    assert [type(step) for _, step in estimator.teacher.steps] == [StandardScaler, MLPClassifier]
    assert type(estimator.student) is DecisionTreeClassifier
    # Where the student's columns are scaled already, once is enough.
    estimator = multihop(MLP, LOGISTIC, "classification")
    assert type(estimator.teacher) is MLPClassifier
    assert type(estimator.student) is LogisticRegression
    assert type(multihop(TREE, TREE, "regression")) is MultihopRegressor
