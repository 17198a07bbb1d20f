import re

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown.cli._results import student_text

NAMES = ["sepal length", "sepal width", "petal length", "petal width"]


def text_of(*steps):
    X, y = load_iris(return_X_y=True)
    return student_text(make_pipeline(*steps).fit(X, y), NAMES)


def test_a_tree_is_told_by_its_rules():
    text = text_of(DecisionTreeClassifier(max_depth=2, random_state=0))
    assert text.startswith("DecisionTreeClassifier(max_depth=2, random_state=0)\n")
    assert "petal width <= 1.75" in text or "petal length <= 4.95" in text


def test_steps_that_cannot_be_undone_leave_the_names_of_what_they_made():
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    assert re.search("x[23] <= ", text_of(StandardScaler(), tree))
    assert "petal width <= 2.75" in text_of(FunctionTransformer(lambda X: X + 1), tree)


def test_a_deep_tree_is_told_to_its_leaves():
    rng = np.random.default_rng(0)
    tree = DecisionTreeRegressor(random_state=0).fit(rng.random((300, 4)), rng.random(300))
    text = student_text(make_pipeline(tree), NAMES)
    assert sum(line.split(". ")[0].isdigit() for line in text.splitlines()) == tree.get_n_leaves() == 300


def test_few_trees_are_told_one_by_one_and_many_by_their_size():
    few = text_of(RandomForestClassifier(3, max_depth=2, random_state=0))
    assert [f"\nTree {n} of 3\n" in few for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert len(text_of(RandomForestClassifier(11, random_state=0)).splitlines()) == 2


def test_linear_models_are_told_by_their_coefficients():
    text = text_of(StandardScaler(), LogisticRegression(max_iter=1000))
    assert [f"class {n}\n" in text for n in range(3)] == [True] * 3
    assert text.count("(intercept)") == 3


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_anything_else_is_told_by_its_size():
    X, y = load_diabetes(return_X_y=True)
    model = MLPRegressor(hidden_layer_sizes=(2,), max_iter=5, random_state=0).fit(X, y)
    text = student_text(make_pipeline(model), [f"x{n}" for n in range(10)])
    assert text.splitlines()[0].startswith("MLPRegressor(")
    assert len(text.splitlines()) == 2
