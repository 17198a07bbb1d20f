import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.tree import DecisionTreeClassifier

from stepdown.cli._results import student_text

NAMES = ["sepal length", "sepal width", "petal length", "petal width"]


def test_a_tree_is_told_by_its_rules():
    X, y = load_iris(return_X_y=True)
    text = student_text(DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, y), NAMES)
    assert text.startswith("DecisionTreeClassifier(max_depth=2, random_state=0)\n")
    assert "petal width <= 1.75" in text or "petal length <= 4.95" in text


def test_a_deep_tree_is_told_to_its_leaves():
    rng = np.random.default_rng(0)
    tree = DecisionTreeClassifier(random_state=0).fit(rng.random((300, 4)), rng.integers(0, 2, 300))
    text = student_text(tree, NAMES)
    assert text.count("class:") == tree.get_n_leaves()
    assert "truncated" not in text


def test_few_trees_are_told_one_by_one_and_many_by_their_size():
    X, y = load_iris(return_X_y=True)
    few = student_text(RandomForestClassifier(3, max_depth=2, random_state=0).fit(X, y), NAMES)
    assert [f"\ntree {n}\n" in few for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert "\ntree 1\n" not in student_text(RandomForestClassifier(11, random_state=0).fit(X, y), NAMES)
    boosted = student_text(GradientBoostingClassifier(n_estimators=2, random_state=0).fit(X, y), NAMES)
    assert "\ntree 6\n" in boosted


def test_linear_models_are_told_by_their_coefficients():
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(X, np.array(["a", "b", "c"])[y])
    lines = student_text(model, NAMES).splitlines()
    assert lines[3].split() == ["a", "b", "c"]
    assert lines[4].split() == ["(intercept)", *(f"{value:.6g}" for value in model.intercept_)]
    # The largest coefficient is that of the petal length.
    assert lines[5].startswith("petal length")
    two = LogisticRegression(max_iter=1000).fit(X[y < 2], np.array(["a", "b"])[y[y < 2]])
    assert student_text(two, NAMES).splitlines()[3].split() == ["b"]
    X, y = load_diabetes(return_X_y=True)
    line = student_text(LinearRegression().fit(X, y), [f"x{n}" for n in range(10)]).splitlines()[3]
    assert line.split() == ["value"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_anything_else_is_told_by_its_size():
    X, y = load_diabetes(return_X_y=True)
    model = MLPRegressor(hidden_layer_sizes=(2,), max_iter=5, random_state=0).fit(X, y)
    text = student_text(model, [f"x{n}" for n in range(10)])
    assert text.splitlines()[0].startswith("MLPRegressor(")
    assert len(text.splitlines()) == 2
