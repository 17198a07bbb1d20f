"""A trained network cut at a layer: what stays, what goes, and what can't be cut."""

import copy
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet
from stepdown.nn import Taps, early_exit, early_exits, fit_head, network_cost


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.unused = nn.Conv2d(1, 50, 3)
        self.conv1 = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.conv2 = nn.Sequential(nn.Conv2d(8, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.Dropout(0.5))
        self.pool = nn.MaxPool2d(4)
        self.fc1 = nn.Linear(48, 16)
        self.fc2 = nn.Linear(16, 10)

    def forward(self, x):
        side = self.unused(x)  # noqa: F841
        x = self.pool(self.conv2(self.conv1(x)))
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Linear(4, 4)

    def forward(self, x):
        x = self.a(x)
        functional.relu_(x)
        return self.b(x)


class Dropping(InPlace):
    def forward(self, x):
        return self.b(functional.dropout(self.a(x), training=self.training))


class Branching(InPlace):
    def forward(self, x):
        return self.b(self.a(x)) if x.sum() > 0 else self.a(x)


class Sum(InPlace):
    def forward(self, x, y):
        return self.b(self.a(x) + y)


@pytest.fixture(scope="module")
def data():
    X, y = load_digits(return_X_y=True)
    return TransferSet.for_classification((X[:500] / 16).astype(np.float32).reshape(-1, 1, 8, 8), y[:500])


@pytest.fixture(scope="module")
def teacher(data):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    settings = {"optimizer": torch.optim.Adam, "lr": 0.01, "max_epochs": 4, "batch_size": 64, "train_split": None}
    net = NeuralNetClassifier(Net, criterion=nn.CrossEntropyLoss, verbose=0, **settings)
    return net.fit(data.X, data.y.astype(np.int64))


@pytest.fixture
def x(data):
    return torch.from_numpy(data.X[:6])


def test_the_trunk_is_the_network_up_to_the_layer(teacher, x):
    network = teacher.module_
    network.zero_grad()
    before = copy.deepcopy(network.state_dict())
    cut = early_exit(network, "conv2", example=x)
    with Taps(network, ["conv2"]) as taps, torch.no_grad():
        network.eval()(x)
        torch.testing.assert_close(cut.eval().trunk(x), taps["conv2"], rtol=0, atol=0)
        torch.testing.assert_close(cut(x), cut.head[-1](taps["conv2"].mean((2, 3))))
    assert {name.split(".")[1] for name, _ in cut.named_parameters() if name.startswith("trunk")} == {"conv1", "conv2"}
    assert cut(x).shape == (6, 10)
    # The copy is trained without the teacher, and differs in training as the layers in it do.
    cut.train()(x).sum().backward()
    assert not torch.equal(cut.trunk.conv2[1].running_mean, network.conv2[1].running_mean)
    assert all(torch.equal(before[name], values) for name, values in network.state_dict().items())
    assert all(values.grad is None for values in network.parameters())


def test_a_probe_is_the_linear_probe_of_the_layer(teacher, data):
    ((name, net),) = early_exits(teacher, ["conv1"], X=data.X, seed=0)
    assert name == "exit conv1"
    fitted = fit_head(net.initialize(), data)
    with Taps(teacher.module_, ["conv1"]) as taps:
        teacher.module_.eval()(torch.from_numpy(data.X))
        features = taps["conv1"].detach().mean((2, 3)).double().numpy()
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features, data.y)
    logits = fitted.forward(data.X)
    np.testing.assert_allclose(torch.softmax(logits, 1).numpy(), probe.predict_proba(features), atol=1e-3)


def test_exits_stand_from_the_last_to_the_first_and_cost_less_and_less(teacher, data):
    nets = early_exits(teacher, ["conv1", "fc1", "conv1.0", "conv2"], X=data.X, seed=0)
    assert [name for name, _ in nets] == ["exit fc1", "exit conv2", "exit conv1", "exit conv1.0"]
    flops = [network_cost(net.initialize(), data.X).flops for _, net in nets]
    assert flops == sorted(flops, reverse=True)
    assert flops[0] < network_cost(teacher, data.X).flops
    assert [name for name, _ in early_exits(teacher, X=data.X)] == [
        "exit pool",
        "exit conv1.2",
        "exit unused",
    ]


def test_nets_survive_clone_and_pickle_and_are_drawn_by_the_seed(teacher, data):
    def weights(net):
        return net.initialize().module_.state_dict()

    def same(a, b):
        return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)

    ((_, net),) = early_exits(teacher, ["conv2"], X=data.X, seed=0)
    start = weights(clone(net))
    assert same(start, weights(pickle.loads(pickle.dumps(net))))
    fitted = clone(net).set_params(max_epochs=8).fit(data.X, data.y.astype(np.int64))
    assert fitted.score(data.X, data.y) > 0.5
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(data.X), fitted.predict(data.X))
    assert same(start, weights(clone(fitted)))
    other = [weights(early_exits(teacher, ["conv2"], X=data.X, seed=seed)[0][1]) for seed in (0, 1)]
    assert same(start, other[0])
    assert not same(start, other[1])


def test_what_works_in_place_before_the_cut_still_works():
    network, x = InPlace(), torch.randn(5, 4)
    cut = early_exit(network, "b", example=x)
    torch.testing.assert_close(cut.trunk(x), network(x))


def test_several_inputs_and_heads_of_ones_own():
    network, x = Sum(), (torch.randn(5, 4), torch.randn(5, 4))
    cut = early_exit(network, "a", example=x, head=lambda shape, n: nn.Linear(shape[0], n, bias=False))
    assert cut(*x).shape == (5, 4)
    assert cut.head.bias is None
    with pytest.raises(InvalidInputError, match=r"cut at 'a' returns \(5, 2\) for the example and the whole \(5, 4\)"):
        early_exit(network, "a", example=x, head=lambda shape, n: nn.Linear(shape[0], 2))


def test_probes_take_means_over_positions_wherever_channels_stand():
    tokens, x = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Flatten(), nn.Linear(30, 3)), torch.randn(2, 5, 4)
    cut = early_exit(tokens, "1", example=x)
    torch.testing.assert_close(cut(x), cut.head[-1](tokens[:2](x).mean(1)))
    signals = nn.Sequential(nn.Conv1d(5, 6, 1), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3))
    cut = early_exit(signals, "1", example=x)
    torch.testing.assert_close(cut(x), cut.head[-1](signals[:2](x).mean(2)))
    five = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(16, 3))
    with pytest.raises(NotSupportedError, match=r"rows of shape \(2, 2, 2, 2, 1\) came; pass head="):
        early_exit(five, "0", example=torch.zeros(1, 2, 2, 2, 2, 1))


def test_what_can_not_be_cut(teacher, data, x):
    rows = torch.randn(5, 4)
    with pytest.raises(InvalidInputError, match="no layer 'conv3'; the nearest"):
        early_exit(teacher.module_, "conv3", example=x)
    with pytest.raises(InvalidInputError, match="no layer 'conv3'; the nearest"):
        early_exits(teacher, ["conv3"], X=data.X)
    with pytest.raises(NotSupportedError, match="something else in training than in evaluation"):
        early_exit(Dropping(), "b", example=rows)
    with pytest.raises(NotSupportedError, match=r"Branching can't be cut: torch.fx can't trace it"):
        early_exit(Branching(), "a", example=rows)
    inner = nn.Sequential(nn.TransformerEncoderLayer(4, 1, 4, dropout=0.0), nn.Linear(4, 2))
    with pytest.raises(NotSupportedError, match=r"'0.linear1' runs inside another that is traced as a whole"):
        early_exit(inner, "0.linear1", example=rows)
    alone = NeuralNetClassifier(nn.Sequential(nn.Flatten(), nn.Linear(64, 10))).initialize()
    with pytest.raises(NotSupportedError, match="has one stage only; name a layer"):
        early_exits(alone, X=data.X)
