import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from made import mixed_table
from stepdown import MultihopClassifier, MultihopRegressor
from stepdown.cli._estimators import parse_spec
from stepdown.cli._prepare import fit_for, multihop, preparing
from stepdown.learners import LabelEncoded

TREE, LOGISTIC, MLP = parse_spec("tree:max_depth=2"), parse_spec("logistic"), parse_spec("mlp")

LABELS = np.array(["no", "yes"])


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
    assert {"age", "income", "region_south", "member_1", "income is missing"} <= set(names)
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
    estimator = multihop(MLP, TREE, "classification", LABELS, random_state=0)
    assert type(estimator) is MultihopClassifier
    assert type(estimator.teacher) is Pipeline
    assert [type(step) for _, step in estimator.teacher.steps] == [StandardScaler, MLPClassifier]
    assert type(estimator.student) is DecisionTreeClassifier
    # Where the student's columns are scaled already, once is enough.
    estimator = multihop(MLP, LOGISTIC, "classification", LABELS)
    assert type(estimator.teacher) is MLPClassifier
    assert type(estimator.student) is LogisticRegression
    assert type(multihop(TREE, TREE, "regression", np.arange(4.0))) is MultihopRegressor


def test_labels_are_numbered_for_xgboost_where_they_are_not():
    pytest.importorskip("xgboost", reason="the boosting extra isn't installed")
    booster = parse_spec("xgboost:n_estimators=3")
    for labels in (LABELS, np.array([1, 2]), np.array([False, True])):
        assert type(fit_for(booster, "classification", labels)) is LabelEncoded
    assert type(fit_for(booster, "classification", np.array([0, 1, 2]))).__name__ == "XGBClassifier"
    assert type(fit_for(booster, "regression", np.arange(4.0))).__name__ == "XGBRegressor"


def test_a_frozen_teacher_gets_the_table_and_the_student_its_own_steps():
    teacher = FrozenEstimator(DecisionTreeClassifier().fit([[0.0], [1.0]], LABELS))
    estimator = multihop(teacher, LOGISTIC, "classification", LABELS)
    assert estimator.teacher is teacher
    assert [name for name, _ in estimator.student.steps] == ["columns", "scale", "student"]
    network = multihop(teacher, MLP, "classification", LABELS)
    assert [name for name, _ in network.student.steps] == ["columns", "gaps", "scale", "student"]


def test_commands_wait_neither_for_torch_nor_for_figures() -> None:
    # skops and skrub import both where they are installed; afterwards torch can be imported as ever.
    code = """
import sys
import stepdown.cli._jobs, stepdown.cli._shipped
print([name for name in ("torch", "matplotlib", "skrub") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
