"""The teacher with fewer channels: against torch-pruning used directly, and what a net around it survives."""

import copy
import pickle
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNetClassifier
from torch import nn

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet
from stepdown.nn import KD, FrozenNetwork, Prototype, pruned, pruned_copies

torch_pruning = pytest.importorskip("torch_pruning")


class Net(nn.Module):
    """A convolutional network with a path around a layer, so that layers must lose channels together."""

    def __init__(self, width=16):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.conv2 = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width))
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.fc1 = nn.Linear(4 * width, 2 * width)
        self.fc2 = nn.Linear(2 * width, 10)

    def forward(self, x):
        x = self.conv1(x)
        x = self.pool(torch.relu(x + self.conv2(x))).flatten(1)
        return self.fc2(torch.relu(self.fc1(x)))


class WritesItsWidth(Net):
    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(self.pool(self.conv1(x)).view(-1, 64))))


def net(module=Net, epochs=6, **rest):
    settings = {"optimizer": torch.optim.Adam, "lr": 0.01, "batch_size": 64, "train_split": None, "verbose": 0}
    kept = {"criterion": nn.CrossEntropyLoss, "max_epochs": epochs, "iterator_train__shuffle": True}
    return NeuralNetClassifier(module, **{**settings, **kept, **rest})


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    return X[:1000], y[:1000].astype(np.int64), X[1000:], y[1000:].astype(np.int64)


@pytest.fixture(scope="module")
def teacher(digits):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return net().fit(digits[0], digits[1])


def directly(network, ratio, X):
    """What the documentation of torch-pruning says to do."""
    made = copy.deepcopy(network).eval()
    pruner = torch_pruning.pruner.BasePruner(
        made,
        torch.from_numpy(X[:2]),
        importance=torch_pruning.importance.GroupMagnitudeImportance(),
        pruning_ratio=ratio,
        ignored_layers=[made.fc2],
    )
    pruner.step()
    return made


def test_copies_are_as_good_as_those_of_torch_pruning_after_fine_tuning(teacher, digits):
    X, y, X_test, y_test = digits
    names = []
    for name, copied in pruned_copies(teacher, (0.5, 0.3), X=X):
        names.append(name)
        ratio = {"pruned 30%": 0.3, "pruned 50%": 0.5}[name]
        theirs = directly(teacher.module_, ratio, X)
        ours = copied.initialize().module_
        assert {key: values.shape for key, values in ours.state_dict().items()} == {
            key: values.shape for key, values in theirs.state_dict().items()
        }
        torch.testing.assert_close(ours.eval()(torch.from_numpy(X_test)), theirs(torch.from_numpy(X_test)))
        scores = []
        for start in (copied, net(Prototype(theirs))):
            torch.manual_seed(1)
            scores.append(start.set_params(max_epochs=3, lr=0.003).fit(X, y).score(X_test, y_test))
        assert abs(scores[0] - scores[1]) <= 0.01
        assert scores[0] > teacher.score(X_test, y_test) - 0.02
    assert names == ["pruned 30%", "pruned 50%"]


def test_channels_that_are_added_go_together_and_the_output_stays(teacher, digits):
    before = copy.deepcopy(teacher.module_.state_dict())
    teacher.module_.fc1.weight.requires_grad_(False)
    teacher.module_.train()
    try:
        made = pruned(teacher.module_, 0.25, example=torch.from_numpy(digits[0][:2]))
        assert made.training
        assert made.conv1[0].training
        assert [name for name, values in made.named_parameters() if not values.requires_grad] == ["fc1.weight"]
    finally:
        teacher.module_.fc1.weight.requires_grad_(True)
    assert type(made) is Net
    assert made.conv1[0].out_channels == made.conv2[0].out_channels == made.conv1[1].num_features == 12
    assert (made.fc1.in_features, made.fc1.out_features, made.fc2.out_features) == (48, 24, 10)
    # Every filter that stays is one of the teacher's, and the ones that go have the smaller norms.
    rows = {row.numpy().tobytes() for row in before["conv1.0.weight"]}
    assert {row.numpy().tobytes() for row in made.conv1[0].weight.detach()} <= rows
    assert all(torch.equal(before[key], values) for key, values in teacher.module_.state_dict().items())


def test_layers_can_be_kept(teacher, digits):
    made = pruned(teacher.module_, 0.5, example=torch.from_numpy(digits[0][:1]), keep=["fc*"])
    assert made.fc1.out_features == teacher.module_.fc1.out_features
    assert made.conv1[0].out_channels == 8


def test_a_net_around_a_copy_survives_clone_and_pickle_and_starts_anew(teacher, digits):
    X, y, _, _ = digits
    ((_, copied),) = pruned_copies(FrozenEstimator(teacher), (0.5,), X=X)
    start = copied.module().state_dict()
    fitted = copied.set_params(max_epochs=1).fit(X, y)
    assert not torch.equal(fitted.module_.conv1[0].weight, start["conv1.0.weight"])
    for other in (clone(fitted), pickle.loads(pickle.dumps(fitted)), fitted):
        again = other.initialize().module_.state_dict()
        assert all(torch.equal(again[name], values) for name, values in start.items())
    kept = pickle.loads(pickle.dumps(clone(copied).fit(X[:100], y[:100])))
    assert kept.predict(X[:3]).shape == (3,)


def test_a_copy_is_taught_from_the_inherited_weights(teacher, digits):
    X, y, X_test, y_test = digits
    ((_, copied),) = pruned_copies(teacher, (0.5,), X=X)
    untaught = copied.initialize().module_(torch.from_numpy(X_test)).argmax(1).numpy()
    taught = KD().transfer(
        [teacher], clone(copied).set_params(max_epochs=2), TransferSet.for_classification(X, y), seed=0
    )
    assert taught.module_.conv1[0].out_channels == 8
    assert taught.score(X_test, y_test) > np.mean(untaught == y_test) + 0.1


def test_what_is_refused(teacher, digits, monkeypatch):
    x = torch.from_numpy(digits[0][:2])
    with pytest.raises(InvalidInputError, match=r"ratio=1: expected a share of the channels in \(0, 1\)"):
        pruned(teacher.module_, 1, example=x)
    with pytest.raises(InvalidInputError, match="no layer 'fc3'; the nearest"):
        pruned(teacher.module_, 0.5, example=x, keep=["fc3"])
    with pytest.raises(NotSupportedError, match=r"WritesItsWidth can't be pruned: .* name layers that must stay"):
        pruned(WritesItsWidth(), 0.5, example=x)
    with pytest.raises(NotSupportedError, match="no layer has a channel to lose at ratio"):
        pruned(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), 0.5, example=x)
    with pytest.raises(NotSupportedError, match="no layer with weights runs in it"):
        pruned(nn.Sequential(nn.Flatten()), 0.5, example=x)
    with pytest.raises(NotSupportedError, match="a FrozenNetwork came as the teacher; expected a fitted skorch net"):
        pruned_copies(FrozenNetwork(teacher.module_), X=digits[0])
    with pytest.raises(NotSupportedError, match="has no module_ yet; fit it first"):
        pruned_copies(net(), X=digits[0])
    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    with pytest.raises(ImportError, match=r'pip install "stepdown\[pruning\]"'):
        pruned(teacher.module_, 0.5, example=x)
