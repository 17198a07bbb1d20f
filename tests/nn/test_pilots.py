"""How many auxiliaries: which pilots are run, on which rows, within which budget, and what is trained in the end."""

import copy
import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet
from stepdown.nn import FrozenNetwork, InformationFlow, TrainingStoppedError, flow_through_auxiliaries

CHAINS = [(), (3.0,), (2.0,), (3.0, 2.0)]


class Net(nn.Module):
    def __init__(self, width=2):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2))
        self.fc1 = nn.Sequential(nn.Flatten(), nn.Linear(9 * width, 4 * width), nn.ReLU())
        self.fc2 = nn.Linear(4 * width, 10)

    def forward(self, x):
        return self.fc2(self.fc1(self.conv1(x)))


class Other(nn.Module):
    """A teacher whose layers are called otherwise."""

    def __init__(self):
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.b = nn.Sequential(nn.Conv2d(12, 12, 3), nn.ReLU())
        self.c = nn.Sequential(nn.Flatten(), nn.Linear(48, 32), nn.ReLU())
        self.out = nn.Linear(32, 10)

    def forward(self, x):
        return self.out(self.c(self.b(self.a(x))))


def net(module=Net, epochs=2, **rest):
    settings = {"optimizer": torch.optim.Adam, "lr": 0.01, "batch_size": 32, "train_split": None, "verbose": 0}
    kept = {"iterator_train__shuffle": True, "criterion": nn.CrossEntropyLoss, "max_epochs": epochs}
    return NeuralNetClassifier(module, **{**settings, **kept, **rest})


@pytest.fixture(scope="module")
def data():
    X, y = load_digits(return_X_y=True)
    return TransferSet.for_classification((X[:260] / 16).astype(np.float32).reshape(-1, 1, 8, 8), y[:260])


@pytest.fixture(scope="module")
def teacher(data):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return net(Other, epochs=10).fit(data.X, data.y.astype(np.int64))


class Scores:
    """Gives the pilots scores in the order in which they come, and keeps what it has seen."""

    def __init__(self, *scores):
        self.scores = list(scores)
        self.seen = []

    def __call__(self, student, train, held_out):
        self.seen.append((train, held_out))
        return self.scores.pop(0)


def told(pilots):
    return [(pilot.factors, pilot.round, pilot.rows, pilot.epochs, pilot.passes, pilot.score) for pilot in pilots]


def same(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_halving_and_the_full_training(teacher, data):
    before = copy.deepcopy(teacher.module_)
    scores = Scores(0.1, 0.4, 0.4, 0.9, 0.5, 0.6)
    found = flow_through_auxiliaries(
        teacher, net(epochs=3), data, factors=(2, 3, 3.0), score=scores, budget_passes=20, seed=0
    )
    assert [(pilot.round, pilot.factors) for pilot in found.pilots] == [
        *((1, chain) for chain in CHAINS),
        (2, (3.0, 2.0)),
        (2, (3.0,)),
    ]
    assert found.factors == (3.0,)
    assert [net.module_.conv1[0].out_channels for net in found.auxiliaries] == [6]
    assert [hop.name for hop in found.hops] == ["auxiliary 3x", "student"]
    assert found.pairs == ((("c.2", "fc1.2"),), (("conv1.3", "conv1.3"), ("fc1.2", "fc1.2")))
    assert (len(found.auxiliaries[0].history), len(found.student.history)) == (6, 3)
    assert found.student.score(data.X, data.y) > 0.3
    assert same(before, teacher.module_)
    # The first round has half of the 208 rows that aren't held out. Its epochs of a chain are 1, 3, 3, 5 times its own.
    assert [(pilot.rows, pilot.epochs) for pilot in found.pilots] == [(104, 2)] * 4 + [(208, 1)] * 2
    assert [pilot.passes for pilot in found.pilots[:4]] == [hops * 2 * 104 / 260 for hops in (1, 3, 3, 5)]
    assert sum(pilot.passes for pilot in found.pilots) <= 20
    assert str(found).splitlines()[6] == "chosen: auxiliary 3x"
    assert "round 2  auxiliary 3x, auxiliary 2x" in str(found)


def test_held_out_rows_are_never_trained_on(teacher, data):
    scores = Scores(*[0.5] * 6)
    found = flow_through_auxiliaries(teacher, net(), data, factors=(3.0, 2.0), score=scores, budget_passes=8, seed=1)
    assert found.factors == ()  # of equal scores the shorter chain
    assert found.auxiliaries == ()
    assert len(scores.seen) == 6
    held = {row.tobytes() for row in scores.seen[0][1].X}
    assert len(held) == 52
    rows = {row.tobytes() for row in data.X}
    for train, held_out in scores.seen:
        assert {row.tobytes() for row in held_out.X} == held
        mine = {row.tobytes() for row in train.X}
        assert mine <= rows - held
        assert len(mine) == train.n_samples
        assert np.bincount(train.y, minlength=10).min() >= train.n_samples // 10 - 2


def test_from_the_teacher_alone_layers_are_matched(teacher, data):
    found = flow_through_auxiliaries(teacher, net(), data, max_auxiliaries=0, seed=0)
    assert found.pilots == ()
    (pairs,) = found.pairs
    assert [mine for _, mine in pairs] == ["conv1.3", "fc1.2"]
    assert pairs[-1][0] == "c.2"
    assert isinstance(found.hops[0].method, InformationFlow)
    few = data.take(np.arange(12))  # too few for pilots, not for a training
    flow_through_auxiliaries(teacher, net(epochs=1), TransferSet.for_classification(few.X, few.y), max_auxiliaries=0)


def test_a_seed_decides_and_frozen_teachers_will_do(teacher, data):
    def run(seed):
        return flow_through_auxiliaries(
            FrozenNetwork(teacher.module_), net(), data, factors=(2.0,), budget_passes=3.5, seed=seed
        )

    first, again, other = run(0), run(0), run(1)
    assert told(first.pilots) == told(again.pilots)
    assert same(first.student.module_, again.student.module_)
    assert told(first.pilots) != told(other.pilots)
    assert all(0 <= pilot.score <= 1 for pilot in first.pilots)
    assert first.factors == max(first.pilots, key=lambda pilot: (pilot.score, -len(pilot.factors))).factors


def test_a_budget_in_seconds(teacher, data):
    short = flow_through_auxiliaries(teacher, net(), data, factors=(2.0,), budget_seconds=1e-9, seed=0)
    assert [(pilot.round, pilot.factors) for pilot in short.pilots] == [(0, (2.0,))]
    assert short.factors == ()
    long = flow_through_auxiliaries(
        teacher, net(), data, factors=(2.0,), budget_seconds=1000, score=Scores(0, 0.1, 0.2), seed=0
    )
    assert [(pilot.round, pilot.rows, pilot.epochs) for pilot in long.pilots] == [(0, 50, 1), (1, 208, 2), (1, 208, 2)]
    assert long.factors == (2.0,)


def test_a_chain_that_diverges_loses(teacher, data):
    def score(student, train, held_out):
        if not calls:
            calls.append(1)
            raise TrainingStoppedError("the loss is not finite")
        return 0.0

    calls = []
    found = flow_through_auxiliaries(teacher, net(), data, factors=(2.0,), score=score, seed=0)
    assert [pilot.score for pilot in found.pilots] == [-math.inf, 0.0]
    assert found.factors == (2.0,)


def test_what_is_refused(teacher, data):
    def run(student=None, rows=data, **settings):
        return flow_through_auxiliaries(teacher, student or net(), rows, **settings)

    with pytest.raises(InvalidInputError, match=r"factors=\(1.0,\): expected widths above 1"):
        run(factors=(1.0,))
    with pytest.raises(InvalidInputError, match="max_auxiliaries=-1: expected 0 or more"):
        run(max_auxiliaries=-1)
    with pytest.raises(InvalidInputError, match="both came; give one of them"):
        run(budget_passes=3, budget_seconds=3)
    with pytest.raises(InvalidInputError, match="budget_seconds=0: expected a positive number"):
        run(budget_seconds=0)
    with pytest.raises(InvalidInputError, match=r"budget_passes=1: 4 chains need 4\.6 passes at least"):
        run(budget_passes=1)
    with pytest.raises(NotSupportedError, match="expected a NeuralNetClassifier"):
        run(NeuralNetRegressor(Net))
    with pytest.raises(InvalidInputError, match="10 classes came, too few to split validation rows off"):
        run(rows=data.take(np.arange(30)))
