import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown.cli._results import student_text
from stepdown.learners._trees import empty_nodes, tree_from_nodes
from stepdown.ship._tree_text import tree_text

NAMES = ["sepal length", "sepal width", "petal length", "petal width"]


def test_a_tree_is_told_by_its_rules():
    X, y = load_iris(return_X_y=True)
    text = student_text(DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, y), NAMES)
    assert text.startswith("DecisionTreeClassifier(max_depth=2, random_state=0)\n")
    assert "petal width <= 1.75" in text or "petal length <= 4.95" in text


def test_a_deep_tree_is_told_to_its_leaves():
    rng = np.random.default_rng(0)
    tree = DecisionTreeRegressor(random_state=0).fit(rng.random((300, 4)), rng.random(300))
    assert student_text(tree, NAMES).count("value:") == tree.get_n_leaves() == 300


def test_neighbours_that_answer_the_same_are_told_as_one_and_the_tree_stays():
    X = np.arange(8.0)[:, None]
    # The left half is a in any case, by different shares; the right half is b.
    y = np.array(["a", "a", "a", "b", "b", "b", "b", "b"])
    weight = np.array([1, 1, 3, 1, 1, 1, 1, 1.0])
    tree = DecisionTreeClassifier(max_leaf_nodes=2, random_state=0).fit(X, y, weight)
    assert "told as" not in tree_text(tree, ["size"], tree.classes_)
    split = tree_from_nodes(tree, *grown_left(tree), n_features=1, classes=tree.classes_)
    assert split.get_n_leaves() == 3
    text = tree_text(split, ["size"], split.classes_)
    assert text.splitlines()[:4] == [
        "|--- size <= 2.5",
        "|   |--- class: a  (a 0.80, b 0.20; 5 rows)",
        "|--- size >  2.5",
        "|   |--- class: b  (b 1.00; 5 rows)",
    ]
    assert "3 leaves are told as 2" in text
    assert split.get_n_leaves() == 3
    # In a forest every share counts.
    assert tree_text(split, ["size"], split.classes_, merge=False).count("class:") == 3


def grown_left(tree):
    """Split the left leaf into two that both answer a: 3 rows at 1.0 and 2 rows at 0.5."""
    nodes = empty_nodes(5)
    nodes[0] = (1, 2, 0, 2.5, 0.5, 10, 10.0, 0)
    nodes[1] = (3, 4, 0, 1.5, 0.3, 5, 5.0, 0)
    for place, rows in ((2, 5), (3, 3), (4, 2)):
        nodes["n_node_samples"][place] = nodes["weighted_n_node_samples"][place] = rows
    values = np.array([[0.4, 0.6], [0.3, 0.7], [0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    return nodes, values[:, None, :]


def test_small_thresholds_keep_their_digits():
    tree = DecisionTreeClassifier(random_state=0).fit([[0.001], [0.002], [0.003], [0.004]], ["a", "a", "b", "b"])
    assert "size <= 0.0025" in tree_text(tree, ["size"], tree.classes_)


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
