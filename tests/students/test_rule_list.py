"""Lists of rules: the first that a row meets answers it, and no other rule in its place is better."""

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_classification
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from stepdown import ship
from stepdown.learners import in_words
from stepdown.students import RuleListClassifier, RuleListRegressor
from stepdown.students._cuts import Cuts
from stepdown.students._rule_search import RuleSearch


@parametrize_with_checks([RuleListClassifier(max_rules=4), RuleListRegressor(max_rules=4)])
def test_contract_of_scikit_learn(estimator, check):
    check(estimator)


def answers_by_hand(model, X):
    """Every row through every rule, condition by condition."""
    found = []
    for row in X:
        for rule in model.rules_:
            node = 0
            while rule.children_left[node] >= 0:
                x = row[rule.feature[node]]
                left = rule.missing_go_to_left[node] if np.isnan(x) else x <= rule.threshold[node]
                node = (rule.children_left if left else rule.children_right)[node]
            if not np.isnan(rule.value[node, 0]):
                break
        found.append(rule.value[node])
    return np.array(found)


@pytest.fixture(scope="module")
def taught():
    X, y = load_iris(return_X_y=True)
    rng = np.random.default_rng(0)
    X[rng.random(X.shape) < 0.1] = np.nan
    Q, w = 0.8 * np.eye(3)[y] + 0.2 / 3, rng.uniform(0.5, 2, len(y))
    return RuleListClassifier(6).fit_soft(X, Q, np.arange(3), w), X, Q, w


def test_the_first_rule_that_is_met_answers(taught):
    model, X, *_ = taught
    np.testing.assert_array_equal(model.predict_proba(X), answers_by_hand(model, X))


def test_a_rule_says_the_mean_of_the_targets_of_the_rows_it_answers(taught):
    model, X, Q, w = taught
    said = model.predict_proba(X)
    for answer in np.unique(said, axis=0):
        rows = (said == answer).all(axis=1)
        np.testing.assert_allclose(answer, np.average(Q[rows], axis=0, weights=w[rows]))


def test_rules_have_few_conditions_and_rows_enough():
    X, y = make_classification(300, 6, n_informative=5, n_redundant=0, random_state=0)
    for conditions, rows in ((1, 1), (2, 20), (3, 5)):
        model = RuleListClassifier(6, max_conditions=conditions, min_samples_leaf=rows).fit(X, y)
        assert 2 <= len(model.rules_) <= 6
        assert max(rule.n_leaves - 1 for rule in model.rules_) == conditions
        counts = [rule.n_node_samples[~np.isnan(rule.value[:, 0])].sum() for rule in model.rules_]
        assert min(counts) >= rows
        assert sum(counts) == len(y)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n", [5, 12, 40])
def test_no_rule_is_left_without_rows(n, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.integers(0, 3, (n, 2)).astype(float), rng.integers(0, 3, n)
    y[:2] = 0, 1
    model = RuleListClassifier(8).fit(X, y)
    assert all(rule.n_node_samples[~np.isnan(rule.value[:, 0])].sum() > 0 for rule in model.rules_)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


def squared_error(targets, answering):
    return sum(((targets[answering == k] - targets[answering == k].mean(axis=0)) ** 2).sum() for k in set(answering))


@pytest.mark.parametrize("seed", range(3))
def test_the_first_rule_is_the_best_of_all(seed):
    X, y = make_classification(40, 2, n_informative=2, n_redundant=0, random_state=seed)
    targets = np.eye(2)[y]
    cuts = Cuts(X, np.ones(40), 64)
    search = RuleSearch(cuts, targets, np.ones(40), max_rules=2, max_conditions=1, min_rows=1)
    search.fit(refine=False)
    rows = np.arange(40)
    best = min(squared_error(targets, cuts.goes_left(cut, rows)) for cut in range(len(cuts)))
    assert squared_error(targets, search.rules[0].met) == pytest.approx(best)


@pytest.mark.parametrize("seed", range(3))
def test_choosing_rules_anew_lowers_the_error(seed):
    X, y = make_classification(200, 6, n_informative=5, n_redundant=0, random_state=seed)
    targets, w = np.eye(2)[y], np.ones(len(y))
    errors = []
    for refine in (False, True):
        search = RuleSearch(Cuts(X, w, 64), targets, w, max_rules=6, max_conditions=2, min_rows=1)
        search.fit(refine)
        errors.append(squared_error(targets, search._answering(search.rules)))
    assert errors[1] < errors[0]


def test_an_exception_to_an_exception_takes_three_rules():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(500, 3))
    y = np.where((X[:, 0] > 0.6) & (X[:, 1] > 0.5), 1, np.where(X[:, 2] > 0.7, 0, 1))
    assert RuleListClassifier(3).fit(X, y).score(X, y) > 0.99
    assert DecisionTreeClassifier(max_leaf_nodes=3).fit(X, y).score(X, y) < 0.97


def test_means_of_large_numbers_are_exact():
    X, y = np.arange(8.0)[:, None], np.repeat([1e9 + 1, 1e9 + 2], 4)
    np.testing.assert_allclose(RuleListRegressor(2).fit(X, y).predict(X), y, rtol=1e-15)


def test_it_is_printed_as_rules_that_come_one_after_another():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = RuleListClassifier(3).fit(X, y)
    first, second, last = ship.rules(model).splitlines()[:3]
    assert first.startswith("1. if ")
    assert second.startswith("2. else if ")
    assert last.startswith("3. else: ")
    assert in_words(model) == "list of 3 rules"
