"""Small models of imodels and interpret are taught as any other, and sized in what people read of them."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from stepdown import Fixed, MultihopClassifier, TreeSumRegressor
from stepdown.learners import complexity, in_words

imodels = pytest.importorskip("imodels")
glassbox = pytest.importorskip("interpret.glassbox")
ADDITIVE = glassbox.ExplainableBoostingClassifier(max_rounds=20, outer_bags=1, interactions=0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("model", "told"),
    [
        (imodels.FIGSClassifier(max_rules=4), "tree with 5 rules"),
        (imodels.GreedyRuleListClassifier(max_depth=3), "list of 4 rules"),
        (imodels.HSTreeClassifier(max_leaf_nodes=5), "tree with 5 rules"),
        (ADDITIVE, "additive model with 4 terms"),
    ],
)
def test_they_are_sized_in_rules_and_terms(model, told):
    X, y = load_iris(return_X_y=True)
    assert in_words(model.fit(X[50:], y[50:] - 1)) == told


def test_a_sum_of_trees_has_as_many_rules_as_one_of_ours_with_its_splits():
    X, y = load_iris(return_X_y=True)
    figs = imodels.FIGSRegressor(max_rules=6).fit(X, np.sin(X[:, 0] * 3) + (X[:, 1] > 3))
    assert in_words(figs).startswith("sum of ")
    theirs = complexity(figs)
    ours = complexity(TreeSumRegressor(max_splits=6).fit(X, y))
    assert theirs.rules == ours.rules == 7
    assert theirs.nodes == 2 * 6 + theirs.trees


def test_an_additive_model_is_a_student():
    X, y = load_iris(return_X_y=True)
    teacher = RandomForestClassifier(20, random_state=0)
    chain = MultihopClassifier(teacher, ADDITIVE, search=Fixed("one-hop"), random_state=0).fit(X, y)
    assert chain.score(X, y) > 0.9
    assert chain.chain_[-1].complexity.terms == 4
