"""Which layer is fitted as the head, and what can't be."""

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from stepdown import Fixed, MultihopRegressor
from stepdown.core import NotSupportedError, TransferSet
from stepdown.nn import InformationFlow, auxiliaries, fit_head, flow_through_auxiliaries, flow_through_auxiliary

X = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
y = ((X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)).astype(np.int64)
DATA = TransferSet.for_classification(X, y)


class Heads(nn.Module):
    """Several linear layers with an output a class; what is returned decides which is the head."""

    def __init__(self, returns):
        super().__init__()
        self.body, self.a, self.b, self.behind = nn.Linear(8, 12), nn.Linear(12, 3), nn.Linear(12, 3), nn.Linear(3, 3)
        self.returns = returns

    def forward(self, x):
        z = self.body(x).relu()
        return self.returns(self, self.a(z), self.b(z))


def net(module, kind=NeuralNetClassifier, **rest):
    settings = {"criterion": nn.CrossEntropyLoss, "max_epochs": 2, "train_split": None, "verbose": 0, **rest}
    return kind(module, optimizer=torch.optim.Adam, **settings)


@pytest.mark.parametrize(
    ("returns", "head"),
    [
        (lambda net, a, b: (a, b), "a"),
        (lambda net, a, b: (b, a), "b"),
        (lambda net, a, b: b.log_softmax(1), "b"),
        (lambda net, a, b: net.behind(a.relu()), "behind"),
    ],
)
def test_the_head_is_the_layer_that_makes_the_predictions(returns, head):
    made = net(Heads(returns)).initialize()
    fitted = fit_head(made, DATA)
    changed = [
        name
        for name, layer in fitted.module_.named_children()
        if not torch.equal(layer.weight, getattr(made.module_, name).weight)
    ]
    assert changed == [head]


def test_heads_that_make_the_predictions_together_are_named():
    made = net(Heads(lambda net, a, b: a + b)).initialize()
    with pytest.raises(NotSupportedError, match=r"several .*'a', 'b'; name the one.*head="):
        fit_head(made, DATA)


class Positions(nn.Module):
    def __init__(self, flat=False):
        super().__init__()
        self.layer, self.head, self.flat = nn.Linear(2, 8), nn.Linear(8, 3), flat

    def forward(self, x):
        z = self.layer(x.view(-1, 2) if self.flat else x.view(-1, 4, 2)).relu()
        return self.head(z).view(len(x), 4, 3).mean(1)


@pytest.mark.parametrize("flat", [False, True])
def test_a_head_on_positions_is_refused_by_name(flat):
    with pytest.raises(NotSupportedError, match=r"layer 'head' of Positions reads .* positions"):
        fit_head(net(Positions(flat)).initialize(), DATA)


def regressor(width, outputs=1):
    module = nn.Sequential(
        nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs)
    )
    return net(module, NeuralNetRegressor, criterion=nn.MSELoss, lr=0.01, max_epochs=10)


def test_the_head_of_a_regression_is_fitted():
    targets = (X[:, 0] * 2 + X[:, 3]).astype(np.float32)
    fitted = fit_head(regressor(16).initialize(), TransferSet(X, targets))
    assert ((fitted.predict(X)[:, 0] - targets) ** 2).mean() < 0.5 * targets.var()


def test_a_chain_of_regressions_by_layers_ships_a_fitted_head():
    targets = (X[:, 0] * 2 + X[:, 1]).astype(np.float32)
    chain = MultihopRegressor(
        regressor(32), regressor(8), methods=InformationFlow(), cv=3, search=Fixed("multihop"), random_state=0
    )
    assert chain.fit(X, targets).score(X, targets) > 0.5


class Table(nn.Module):
    """Weights outside of layers, which can't be widened."""

    def __init__(self, width=8):
        super().__init__()
        self.table = nn.Parameter(torch.randn(8, width))
        self.layer, self.relu, self.head = nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.relu(self.layer(x @ self.table)))


def built(factor):
    return Table(int(8 * factor))


def test_what_cannot_be_widened_is_built():
    teacher, student = net(Heads(lambda net, a, b: a)).fit(X, y), net(Table())
    for call in (
        lambda **rest: flow_through_auxiliary(teacher, student, DATA, seed=0, **rest).auxiliary.module_,
        lambda **rest: auxiliaries(student, (2.0,), X=X, **rest)[0][1].initialize().module_,
        lambda **rest: (
            flow_through_auxiliaries(
                teacher, student, DATA, factors=(2.0,), budget_passes=2, seed=0, **rest
            ).student.module_
        ),
    ):
        with pytest.raises(NotSupportedError, match=r"'table' outside of a layer; pass builder="):
            call()
        assert isinstance(call(builder=built), Table)
