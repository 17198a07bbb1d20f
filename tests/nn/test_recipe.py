"""The recipe in one call, and the head that is fitted in the end."""

import copy
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet
from stepdown.nn import KD, PKT, Constant, FrozenNetwork, InformationFlow, Taps, fit_head, flow_through_auxiliary

ROOT = Path(__file__).parents[2]


class Net(nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2))
        self.fc1 = nn.Sequential(nn.Flatten(), nn.Linear(9 * width, 4 * width), nn.ReLU())
        self.fc2 = nn.Linear(4 * width, 10)

    def forward(self, x):
        return self.fc2(self.fc1(self.conv1(x)))


class Two(Net):
    def __init__(self):
        super().__init__()
        self.fc2 = nn.Linear(12, 2)


def net(width=3, **rest):
    settings = {"optimizer": torch.optim.Adam, "lr": 0.01, "max_epochs": 2, "batch_size": 64, "train_split": None}
    shuffled = {"iterator_train__shuffle": True, "verbose": 0, "criterion": nn.CrossEntropyLoss}
    return NeuralNetClassifier(Net, module__width=width, **{**settings, **shuffled, **rest})


@pytest.fixture(scope="module")
def data():
    X, y = load_digits(return_X_y=True)
    return TransferSet.for_classification((X[:300] / 16).astype(np.float32).reshape(-1, 1, 8, 8), y[:300])


@pytest.fixture(scope="module")
def teacher(data):
    torch.manual_seed(0)
    return net(8, max_epochs=15).fit(data.X, data.y.astype(np.int64))


def same(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_recipe_makes_both_networks_and_tells_how(teacher, data):
    before = copy.deepcopy(teacher.module_)
    record = flow_through_auxiliary(teacher, net(), data, factor=3.0, label_epochs=4, seed=0)
    assert record.pairs == (("conv1.3", "conv1.3"), ("fc1.2", "fc1.2"))
    assert [hop.name for hop in record.hops] == ["auxiliary", "student"]
    assert record.auxiliary.module_.conv1[0].out_channels == 9
    assert len(record.auxiliary.history) == 4 + 2
    assert len(record.student.history) == 2
    assert same(before, teacher.module_)
    stages = [row["train_loss"] for row in record.auxiliary.history]
    assert stages[3] > 100 * stages[4]  # cross-entropy, then a mean over pairs of rows
    assert "by InformationFlow" in str(record)
    assert record.student.score(data.X, data.y) > 0.6
    again = flow_through_auxiliary(FrozenNetwork(teacher.module_), net(), data, factor=3.0, label_epochs=4, seed=0)
    assert same(record.student.module_, again.student.module_)


def test_layers_may_be_named(teacher, data):
    record = flow_through_auxiliary(teacher, net(), data, layers=["fc1"], teacher_layer="conv1", seed=0)
    assert record.pairs == (("fc1", "fc1"),)


def test_schedule_and_diagonal_reach_both_hops(teacher, data):
    by_default = flow_through_auxiliary(teacher, net(), data, label_epochs=0, seed=0)
    assert by_default.hops[1].method.schedule.weights(1, 2) == pytest.approx((100 * 0.7**25, 1.0))
    record = flow_through_auxiliary(teacher, net(), data, label_epochs=0, schedule=Constant(), diagonal=False, seed=0)
    assert repr(record.hops[1].method) == repr(InformationFlow(record.pairs, Constant(), diagonal=False))
    assert record.hops[0].method.methods[1][1].diagonal is False
    assert not same(by_default.student.module_, record.student.module_)


def test_what_the_recipe_refuses(teacher, data):
    with pytest.raises(NotSupportedError, match="expected a NeuralNetClassifier"):
        flow_through_auxiliary(teacher, NeuralNetRegressor(Net), data)
    with pytest.raises(InvalidInputError, match="label_epochs=-1"):
        flow_through_auxiliary(teacher, net(), data, label_epochs=-1)


def test_a_head_is_the_linear_probe(teacher, data):
    taught = PKT([("fc1", "fc1")]).transfer([teacher], net(), data, seed=0)
    fitted = fit_head(taught, data)
    with Taps(taught.module_, ["fc1"]) as taps:
        features = np.concatenate([taps["fc1"].numpy() for _ in taught.forward_iter(data.X)])
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features.astype(float), data.y)
    np.testing.assert_allclose(
        torch.softmax(fitted.forward(data.X), 1).numpy(), probe.predict_proba(features), atol=1e-4
    )
    assert same(fitted.module_.fc1, taught.module_.fc1)
    assert not same(fitted.module_.fc2, taught.module_.fc2)
    assert fitted.score(data.X, data.y) > taught.score(data.X, data.y)


def test_two_classes_have_two_outputs(teacher, data):
    two = TransferSet.for_classification(data.X, (data.y > 4).astype(int))

    settings = {"criterion": nn.CrossEntropyLoss, "train_split": None, "verbose": 0}
    made = NeuralNetClassifier(Two, **settings).initialize()
    fitted = fit_head(made, two)
    with Taps(made.module_, ["fc1"]) as taps:
        features = np.concatenate([taps["fc1"].numpy() for _ in made.forward_iter(two.X)])
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features.astype(float), two.y)
    np.testing.assert_allclose(fitted.predict_proba(two.X), probe.predict_proba(features), atol=1e-4)


def test_what_a_head_needs(teacher, data):
    with pytest.raises(InvalidInputError, match=r"no row of the classes \[3\]"):
        fit_head(teacher, data.take(np.flatnonzero(data.y != 3)))
    with pytest.raises(NotSupportedError, match="'fc1' of Net is no linear layer with 10 outputs"):
        fit_head(teacher, data, head="fc1")
    two = TransferSet.for_classification(data.X, (data.y > 4).astype(int))
    with pytest.raises(NotSupportedError, match="no linear layer with 2 outputs; a head can't be fitted"):
        fit_head(teacher, two)


def test_the_guide_runs(capsys):
    scope = {}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "nn.md").read_text(), re.DOTALL):
        exec(block, scope)
    assert "auxiliary by Staged" in capsys.readouterr().out
    assert scope["student"].score(scope["X"], scope["y"]) > 0.5


def test_the_example_runs(capsys):
    runpy.run_path(str(ROOT / "examples" / "information_flow.py"))["main"](epochs=1)
    assert "flow" in capsys.readouterr().out


@pytest.mark.parametrize("ends", [nn.Identity, nn.Softmax], ids=["other classes", "probabilities"])
def test_a_teacher_whose_outputs_are_not_read_may_have_any(ends):
    X = np.random.default_rng(0).random((60, 4), dtype=np.float32)
    data = TransferSet.for_classification(X, np.arange(60) % 3)
    settings = {"criterion": nn.CrossEntropyLoss, "max_epochs": 2, "train_split": None, "verbose": 0}
    teacher = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 7), *([ends(1)] if ends is nn.Softmax else []))
    student = NeuralNetClassifier(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), **settings)
    passes = []
    teacher.register_forward_hook(lambda *_: passes.append(1))
    record = flow_through_auxiliary(FrozenNetwork(teacher), student, data, label_epochs=5, seed=0)
    assert record.student.predict(X).max() < 3
    # pairing and shapes, and the first batch, then the two epochs in which it teaches; none in the label epochs
    assert len(passes) <= 2 + 2 + 3
    with pytest.raises(InvalidInputError, match=r"logits of shape|returns probabilities"):
        KD(weight=0.5).transfer([FrozenNetwork(teacher)], student, data)
