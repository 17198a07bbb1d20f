"""The network of the command line: sizes from the table, any labels."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from stepdown import Fixed, MultihopClassifier
from stepdown.core import InvalidInputError, TransferSet
from stepdown.learners import fit_to
from stepdown.nn._table_net import TableNet

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])


@pytest.mark.parametrize("hidden", ["16-8", (16, 8), [16, 8]])
def test_sizes_are_those_of_the_table(hidden):
    net = clone(TableNet(hidden=hidden, max_epochs=1)).fit(X, Y)
    linear = [layer for layer in net.module_.layers if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(4, 16), (16, 8), (8, 3)]


def test_any_labels_are_answered():
    for labels in (Y, NAMES[Y]):
        net = TableNet(hidden=16).fit(X, labels)
        assert net.score(X, labels) > 0.8
        again = pickle.loads(pickle.dumps(net))
        np.testing.assert_array_equal(again.predict(X), net.predict(X))
    few = np.flatnonzero(Y != 1)
    part = fit_to(TableNet(hidden=8), TransferSet(X[few], NAMES[Y[few]], classes=NAMES), seed=0)
    assert part.predict_proba(X).shape == (150, 3)
    assert set(part.predict(X)) <= set(NAMES)


@pytest.mark.parametrize("hidden", ["a-b", "", "8-0", None])
def test_layouts_that_are_none(hidden):
    with pytest.raises(InvalidInputError, match="expected widths of layers, such as 64-32"):
        TableNet(hidden=hidden).fit(X, Y)


@pytest.mark.parametrize(
    ("teacher", "student"),
    [
        (TableNet(hidden="32-16"), DecisionTreeClassifier(max_depth=2)),
        (RandomForestClassifier(20), TableNet(hidden=16)),
        (TableNet(hidden="32-16"), TableNet(hidden=16)),
    ],
    ids=["to tree", "from forest", "to network"],
)
def test_it_stands_in_chains(teacher, student):
    clf = MultihopClassifier(teacher, student, cv=3, search=Fixed("multihop"), random_state=0).fit(X, NAMES[Y])
    assert clf.score(X, NAMES[Y]) > 0.8
    np.testing.assert_array_equal(clf.student_.predict(X), clf.predict(X))
