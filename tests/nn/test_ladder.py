"""Ladders of nets: widths of the student's architecture, built ones, and lists."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch import NeuralNetClassifier
from torch import nn

from stepdown.core import InvalidInputError, NotSupportedError
from stepdown.nn import Prototype, auxiliaries, built_ladder, ladder


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.hidden = nn.Linear(6, width)
        self.out = nn.Linear(width, 3)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x)))


def build(width, depth):
    hidden = [layer for _ in range(depth - 1) for layer in (nn.Linear(width, width), nn.ReLU())]
    return nn.Sequential(nn.Linear(6, width), nn.ReLU(), *hidden, nn.Linear(width, 3))


def no_network(width, depth):
    return (width, depth)


X = np.random.default_rng(0).random((40, 6), dtype=np.float32)
y = np.arange(40) % 3


def net(module=Net, **rest):
    return NeuralNetClassifier(
        module, criterion=nn.CrossEntropyLoss, max_epochs=1, lr=0.03, train_split=None, verbose=0, **rest
    )


def weights(net):
    return net.initialize().module_.hidden.weight.detach()


def test_auxiliaries_are_wider_students_with_its_settings():
    student = net(module__width=5)
    nets = auxiliaries(student, (2, 3.5), X=X, seed=0)
    assert [name for name, _ in nets] == ["auxiliary 3.5x", "auxiliary 2x"]
    for (_, wide), width in zip(nets, (18, 10), strict=True):
        assert type(wide.initialize().module_) is Net
        assert wide.module_.hidden.out_features == width
        assert (wide.lr, wide.max_epochs) == (0.03, 1)
        assert torch.equal(weights(clone(wide)), weights(pickle.loads(pickle.dumps(wide))))
        assert wide.fit(X, y).predict(X).shape == (40,)
    assert not student.initialized_
    first, again, other = (weights(auxiliaries(student, X=X, seed=seed)[0][1]) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_built_networks_are_ordered_and_fresh():
    nets = built_ladder(build, [(8, 1), (4, 3), (16, 2)], like=net(module__width=2))
    assert [name for name, _ in nets] == ["width 16, depth 2", "width 8, depth 1", "width 4, depth 3"]
    for _, made in nets:
        again = pickle.loads(pickle.dumps(clone(made)))
        torch.manual_seed(0)
        first = made.initialize().module_[0].weight
        torch.manual_seed(1)
        assert not torch.equal(first, again.initialize().module_[0].weight)
        assert again.fit(X, y).predict(X).shape == (40,)


def test_a_list_is_ordered_by_parameters_and_left_alone():
    narrow, wide, same = net(module__width=2), net(Prototype(Net(9))), net(Net(2))
    ordered = ladder([("narrow", narrow), ("wide", wide), ("same", same)])
    assert ordered == (("wide", wide), ("narrow", narrow), ("same", same))
    assert not narrow.initialized_


def test_what_is_refused():
    with pytest.raises(InvalidInputError, match=r"the names \['a'\] came more than once"):
        ladder([("a", net()), ("a", net())])
    with pytest.raises(InvalidInputError, match="came more than once"):
        built_ladder(build, [(4, 1), (4, 1)], like=net())
    with pytest.raises(NotSupportedError, match="'a' is a Net; expected a skorch net"):
        ladder([("a", Net())])
    with pytest.raises(NotSupportedError, match=r"'width 4, depth 1' can't be initialised"):
        built_ladder(no_network, [(4, 1)], like=net())
    with pytest.raises(InvalidInputError, match="factor=-1"):
        auxiliaries(net(), (-1,), X=X)
