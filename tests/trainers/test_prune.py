"""Branches within noise go, thresholds are short, and neither counts rows that are made up."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, make_classification
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown.core import InvalidInputError, TransferSet, as_teacher
from stepdown.methods import Blend, Interpolate, Mixture, ModelCompression, NoTransfer
from stepdown.trainers import Effort, TreeSearch
from stepdown.trainers._prune import _shortest

FEW = Effort(10, refined=2)


def noisy(n=200, seed=0, n_classes=2):
    X, y = make_classification(n, 6, n_informative=3, n_classes=n_classes, flip_y=0.3, random_state=seed)
    data = TransferSet.for_classification(X, y)
    return data.replace(y=0.3 / n_classes + 0.7 * data.soft_targets(), sample_weight=np.arange(n) % 3 + 1.0)


def errors_won(won):
    """By how many standard errors the rows of a branch win, in plain steps."""
    return sum(won) / max(sum(one**2 for one in won) ** 0.5, 1e-300)


def worth_of_branches(tree, data):
    """For every node that asks, but for the first: by how many standard errors it beats a leaf, in either sense."""
    raw, path = tree.tree_, tree.decision_path(data.X).toarray().astype(bool)
    targets, weight, leaves = data.soft_targets(), data.weights(), tree.apply(data.X)
    for node in range(1, raw.node_count):
        if raw.children_left[node] < 0:
            continue
        answer, closer = [], []
        for row in np.flatnonzero(path[:, node]):
            here, below = raw.value[node, 0], raw.value[leaves[row], 0]
            q, w = targets[row], weight[row]
            answer.append(w * (q[np.argmax(below)] - q[np.argmax(here)]))
            closer.append(w * (sum((q - here) ** 2) - sum((q - below) ** 2)))
        yield max(errors_won(answer), errors_won(closer))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_what_stays_is_more_than_noise(seed, n_classes):
    data, student = noisy(seed=seed, n_classes=n_classes), DecisionTreeClassifier(max_depth=4)
    whole, pruned = (TreeSearch(FEW, prune=margin).fit(student, data, seed=0) for margin in (0, 2.0))
    assert min(worth_of_branches(pruned, data), default=np.inf) > 2.0
    assert min(worth_of_branches(whole, data)) < 2.0
    assert pruned.get_n_leaves() < whole.get_n_leaves()


@pytest.mark.parametrize(("n_rows", "stays"), [(3, False), (8, True)])
def test_few_rows_prove_nothing_however_much_they_agree(n_rows, stays):
    """Some rows on the first question's side are of the second class, and the second column says which."""
    X = np.zeros((100, 2))
    X[:n_rows, 0] = 1
    X[: n_rows // 2 + 1, 1] = X[60:, 1] = 1
    data = TransferSet.for_classification(X, X.all(axis=1))
    tree = TreeSearch(FEW).fit(DecisionTreeClassifier(max_depth=2, random_state=0), data, seed=0)
    assert tree.get_n_leaves() == 2 + stays


def test_labels_of_chance_leave_the_first_question():
    random = np.random.default_rng(0)
    data = TransferSet.for_classification(random.normal(size=(300, 5)), random.integers(0, 2, 300))
    tree = TreeSearch(FEW, prune=np.inf).fit(DecisionTreeClassifier(max_depth=4), data, seed=0)
    assert tree.get_n_leaves() == 2


def test_regression():
    data, student = TransferSet(*load_diabetes(return_X_y=True)), DecisionTreeRegressor(max_depth=5)
    whole, pruned = (TreeSearch(FEW, prune=margin).fit(student, data, seed=0) for margin in (0, 2.0))
    assert 4 <= pruned.get_n_leaves() <= 0.6 * whole.get_n_leaves()
    assert pruned.score(data.X, data.y) > 0.3


def test_no_row_changes_sides_by_rounding(monkeypatch):
    data, student = noisy(n=400), DecisionTreeClassifier(max_depth=4)
    search = TreeSearch(FEW, prune=0)
    short = search.fit(student, data, seed=0)
    monkeypatch.setattr("stepdown.trainers._tree_search.shorten", lambda *_: None)
    exact = search.fit(student, data, seed=0)
    np.testing.assert_array_equal(short.apply(data.X), exact.apply(data.X))
    inner = short.tree_.children_left >= 0
    digits = [max(len(repr(float(cut))) for cut in tree.tree_.threshold[inner]) for tree in (short, exact)]
    assert digits[0] <= 7 < digits[1]


@pytest.mark.parametrize(
    ("low", "high", "near", "short"),
    [
        (30.925, 30.975, 30.949999, 30.95),
        (3.25, 3.75, 3.5, 3.5),
        (18.0, 100.0, 59.0, 60.0),
        (-0.5, 0.2, -0.1, 0.0),
        (-2.74, -2.66, -2.7, -2.7),
        (0.000712, 0.000779, 0.00075, 0.00075),
        (123456.2, 123456.8, 123456.5, 123456.5),
        (0.96, 0.99, 0.976, 0.98),
    ],
)
def test_the_shortest_decimal(low, high, near, short):
    assert _shortest(low, high, near) == short


def test_neighbours_in_single_precision_stay_apart():
    low = np.float32(1000 / 3)
    X = np.where(np.arange(40) < 20, low, np.nextafter(low, np.float32(1)))[:, None]
    data = TransferSet.for_classification(X, np.arange(40) >= 20)
    assert TreeSearch(FEW).fit(DecisionTreeClassifier(max_depth=1), data, seed=0).score(data.X, data.y) == 1


def test_made_up_rows_prove_nothing():
    """A branch that is there for made-up rows only goes; where they are the user's it stays."""
    random = np.random.default_rng(0)
    own = random.uniform(size=(200, 2))
    made = random.uniform(size=(200, 2))
    y = np.concatenate([own[:, 0] > 0.5, made[:, 0] > 0.5 - 0.3 * (made[:, 1] > 0.7)])
    data = TransferSet.for_classification(np.concatenate([own, made]), y)
    student, search = DecisionTreeClassifier(max_depth=3), TreeSearch(FEW)
    marked = data.replace(made=np.arange(400) >= 200)
    assert set(search.fit(student, data, seed=0).tree_.feature) > {0}
    assert search.fit(student, marked.take(np.arange(400)), seed=0).get_n_leaves() == 2
    assert search.fit(student, data, seed=0).get_n_leaves() > 2


@pytest.mark.parametrize(
    "method",
    [
        Blend(synthesiser=Interpolate()),
        ModelCompression(synthesiser=Interpolate()),
        Mixture([(0.5, NoTransfer()), (0.5, ModelCompression(synthesiser=Interpolate()))]),
    ],
    ids=lambda method: type(method).__name__,
)
def test_methods_say_which_rows_they_have_made(method):
    X, y = make_classification(60, 4, random_state=0)
    data = TransferSet.for_classification(X, y, X_unlabeled=X[:7])
    teacher = DecisionTreeClassifier(max_depth=3).fit(X, y)
    told = method.supervise([as_teacher(teacher)], DecisionTreeClassifier(max_depth=2), data, seed=0)
    n_made = np.shape(Interpolate().synthesise(X, seed=0))[0]
    assert told.made.tolist() == [False] * 67 + [True] * n_made
    assert len(told.made) == told.n_samples


def test_a_margin_below_nothing_is_refused():
    data = noisy()
    with pytest.raises(InvalidInputError, match="prune=-1"):
        TreeSearch(prune=-1).fit(DecisionTreeClassifier(max_depth=2), data)


@pytest.mark.parametrize("seed", [6, 8, 10])
def test_both_sides_of_a_question_are_needed(seed):
    """Sent down the other side, the rows of the smaller one would fare worse by more than noise."""
    data = noisy(seed=seed)
    tree = TreeSearch(FEW).fit(DecisionTreeClassifier(max_depth=4), data, seed=0)
    raw, leaves = tree.tree_, tree.apply(data.X)
    path = tree.decision_path(data.X).toarray().astype(bool)
    X, targets, weight = data.X.astype(np.float32), data.soft_targets(), data.weights()
    for node in np.flatnonzero(raw.children_left >= 0):
        less, more = sorted((raw.children_left[node], raw.children_right[node]), key=lambda side: path[:, side].sum())
        if raw.children_left[more] < 0:
            continue
        answer, closer = [], []
        for row in np.flatnonzero(path[:, node]):
            other = more if path[row, less] else leaves[row]
            while raw.children_left[other] >= 0 and path[row, less]:
                goes_left = X[row, raw.feature[other]] <= raw.threshold[other]
                other = raw.children_left[other] if goes_left else raw.children_right[other]
            here, there, q = raw.value[leaves[row], 0], raw.value[other, 0], targets[row]
            answer.append(weight[row] * (q[np.argmax(here)] - q[np.argmax(there)]))
            closer.append(weight[row] * (sum((q - there) ** 2) - sum((q - here) ** 2)))
        assert max(errors_won(answer), errors_won(closer)) > 1.75
