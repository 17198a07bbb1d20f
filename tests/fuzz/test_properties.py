"""What holds for every table: limits kept, probabilities that are ones, no dependence on names and order.

Few examples here; `make soak` takes a thousand a property (FUZZ_EXAMPLES). Targets are eighths and weights small whole
numbers where equality is asked to the bit, so that sums of them are exact in any order.
"""

import contextlib

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fuzzing import fuzz
from stepdown import MultihopClassifier, MultihopRegressor
from stepdown.core import StepdownError, TransferSet
from stepdown.learners import fit_to
from stepdown.search import Fixed, Gate
from stepdown.trainers import Effort, TreeSearch

# Pruning gives up some of the objective, on purpose.
SEARCH = TreeSearch(Effort(candidates=4, refined=2, passes=1), prune=0.0)
EXTREME = [1e-6, 1e-3, 1.0, 1e3, 1e6]


def arrays(n, width, values):
    return st.lists(st.lists(values, min_size=width, max_size=width), min_size=n, max_size=n).map(np.array)


@st.composite
def tables(draw, weights=(1, 2, 4), smallest=6):
    """Rows with many ties, targets in eighths over two to four classes, weights."""
    n, width, classes = draw(st.integers(smallest, 24)), draw(st.integers(1, 3)), draw(st.integers(2, 4))
    X = draw(arrays(n, width, st.integers(-3, 3))).astype(float)
    parts = np.sort(draw(arrays(n, classes - 1, st.integers(0, 8))), axis=1)
    Q = np.diff(parts, axis=1, prepend=0, append=8) / 8
    weight = draw(arrays(n, 1, st.sampled_from(weights)))[:, 0].astype(float)
    return TransferSet(X, Q, weight, classes=np.arange(classes))


trees = st.builds(
    DecisionTreeClassifier,
    max_depth=st.integers(1, 4),
    max_leaf_nodes=st.none() | st.integers(2, 6),
    min_samples_leaf=st.integers(1, 4),
    random_state=st.integers(0, 5),
)


def check_student(fitted, student, X):
    assert type(fitted) is type(student)
    assert fitted.get_depth() <= student.max_depth
    assert student.max_leaf_nodes is None or fitted.get_n_leaves() <= student.max_leaf_nodes
    assert np.bincount(fitted.apply(X))[np.unique(fitted.apply(X))].min() >= student.min_samples_leaf


def check_probabilities(proba):
    assert np.isfinite(proba).all()
    assert proba.min() >= 0
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-12)


@fuzz(25)
@given(data=tables(), tree=trees, power=st.integers(-20, 20), order=st.randoms(use_true_random=False))
def test_a_soft_tree_depends_on_what_rows_weights_and_classes_say(data, tree, power, order):
    fitted = fit_to(tree, data)
    says = fitted.predict_proba(data.X)
    check_student(fitted, tree, data.X)
    check_probabilities(says)
    scaled = fit_to(tree, data.replace(sample_weight=data.weights() * 2.0**power))
    np.testing.assert_array_equal(scaled.predict_proba(data.X), says)
    rows = np.array(order.sample(range(data.n_samples), data.n_samples))
    np.testing.assert_array_equal(fit_to(tree, data.take(rows)).predict_proba(data.X), says)
    # Sums over classes are rounded by their order, which may choose another of two splits that are worth the same.
    columns = np.array(order.sample(range(len(data.classes)), len(data.classes)))
    stump = clone(tree).set_params(max_depth=1)
    one, other = fit_to(stump, data), fit_to(stump, data.replace(y=data.y[:, columns]))
    losses = [
        np.average((data.y - says) ** 2, axis=0, weights=data.weights()).sum()
        for says in (one.predict_proba(data.X), other.predict_proba(data.X)[:, np.argsort(columns)])
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-9, abs=1e-12)


@fuzz(25)
@given(data=tables(), depth=st.integers(1, 4))
def test_a_row_that_stands_there_twice_weighs_two(data, depth):
    tree = DecisionTreeClassifier(max_depth=depth, random_state=0)
    places = np.repeat(np.arange(data.n_samples), data.weights().astype(int))
    repeated = data.take(places).replace(sample_weight=None)
    np.testing.assert_array_equal(
        fit_to(tree, repeated).predict_proba(data.X), fit_to(tree, data).predict_proba(data.X)
    )


@fuzz(15)
@given(data=tables(weights=EXTREME), tree=trees, seed=st.integers(0, 9))
def test_tree_search_keeps_limits_and_is_never_worse_than_the_plain_fit(data, tree, seed):
    plain, searched = fit_to(tree, data, seed=seed), SEARCH.fit(tree, data, seed=seed)
    check_student(searched, tree, data.X)
    check_probabilities(searched.predict_proba(data.X))

    def worth(model):
        answers = np.argmax(model.predict_proba(data.X), axis=1)
        return np.average(data.y[np.arange(data.n_samples), answers], weights=data.weights())

    assert worth(searched) >= worth(plain) - 1e-9


@fuzz(25)
@given(
    data=tables(weights=EXTREME),
    y=st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=24, max_size=24),
    offset=st.sampled_from([0.0, 1e9, -1e12]),
    depth=st.integers(1, 4),
)
def test_regression_stays_in_the_range_of_the_targets(data, y, offset, depth):
    y = np.array(y[: data.n_samples]) + offset
    data = TransferSet(data.X, y, data.sample_weight)
    tree = DecisionTreeRegressor(max_depth=depth, random_state=0)
    plain, searched = fit_to(tree, data, seed=0), SEARCH.fit(tree, data, seed=0)
    for rows in (data.X, data.X * 100):
        assert y.min() <= searched.predict(rows).min()
        assert searched.predict(rows).max() <= y.max()

    def loss(model):
        return np.average((model.predict(data.X) - y) ** 2, weights=data.weights())

    rounding = 1e-9 * np.average((y - np.average(y, weights=data.weights())) ** 2, weights=data.weights())
    assert loss(searched) <= loss(plain) + rounding + (1e-14 * np.abs(y).max()) ** 2


@fuzz(20)
@given(data=tables(smallest=8), order=st.randoms(use_true_random=False))
def test_a_linear_student_knows_no_order_of_columns(data, order):
    columns = order.sample(range(data.X.shape[1]), data.X.shape[1])
    y = data.y[:, 0]
    one = fit_to(Ridge(alpha=0.5), TransferSet(data.X, y, data.sample_weight))
    other = fit_to(Ridge(alpha=0.5), TransferSet(data.X[:, columns], y, data.sample_weight))
    np.testing.assert_allclose(one.predict(data.X), other.predict(data.X[:, columns]), atol=1e-9)


@pytest.mark.filterwarnings("ignore::UserWarning")
@fuzz(3)
@given(
    data=tables(smallest=20, weights=(0, 1, 2)),
    labels=st.sampled_from([["a", "b", "c", "d"], [-1, 0, 7, 2**53 + 1], [False, True, False, True]]),
    search=st.sampled_from([Fixed("one-hop"), Gate()]),
)
def test_a_chain_gives_a_student_of_its_class_or_one_clear_error(data, labels, search):
    y = np.array([labels[place] for place in np.argmax(data.y, axis=1)])
    clf = MultihopClassifier(
        RandomForestClassifier(4, max_depth=3),
        DecisionTreeClassifier(max_depth=2),
        trainer=SEARCH,
        search=search,
        cv=2,
        random_state=0,
    )
    with contextlib.suppress(StepdownError):
        clf.fit(data.X, y, sample_weight=data.sample_weight)
    assume(hasattr(clf, "student_"))
    assert type(clf.student_) is DecisionTreeClassifier
    assert clf.student_.get_depth() <= 2
    assert clf.classes_.tolist() == np.unique(y).tolist()
    check_probabilities(clf.predict_proba(data.X))
    assert set(clf.predict(data.X)) <= set(y)


@pytest.mark.filterwarnings("ignore::UserWarning")
@fuzz(2)
@given(data=tables(smallest=20), scale=st.sampled_from([1e-3, 1.0, 1e9]), offset=st.sampled_from([0.0, 1e6]))
def test_a_regression_chain_stays_in_the_range_of_the_targets(data, scale, offset):
    y = data.y[:, 0] * scale + offset
    assume(len(np.unique(y)) > 1)
    reg = MultihopRegressor(
        RandomForestRegressor(4, max_depth=3), DecisionTreeRegressor(max_depth=2), trainer=SEARCH, cv=2, random_state=0
    ).fit(data.X, y, sample_weight=data.sample_weight)
    assert y.min() <= reg.predict(data.X).min()
    assert reg.predict(data.X).max() <= y.max()
