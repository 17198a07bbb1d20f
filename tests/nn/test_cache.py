"""Kept features: the same as computed ones, found by content, never stale."""

import os

import numpy as np
import pytest
import torch
from torch import nn

from stepdown.core import InvalidInputError
from stepdown.nn import cached_features


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.fc = nn.Linear(16, 3)
        self.power = 1.0
        self.runs = 0

    def forward(self, x):
        self.runs += len(x)
        return self.fc(self.conv(x).flatten(1)) ** self.power


@pytest.fixture
def network():
    return Net()


X = np.random.default_rng(0).normal(size=(11, 1, 4, 4)).astype(np.float32)


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


def test_kept_features_are_the_computed_ones(tmp_path, network):
    network.conv.eval()
    before = {name: values.clone() for name, values in network.state_dict().items()}
    for _ in range(2):
        found = cached_features(network, X, ["conv", ""], tmp_path, batch_size=4)
        assert network.training
        assert not network.conv.training
        expected = network.conv(torch.from_numpy(X))
        np.testing.assert_allclose(found["conv"], expected.detach().numpy(), atol=1e-6)
        np.testing.assert_allclose(found[""], network.fc(expected.flatten(1)).detach().numpy(), atol=1e-6)
        assert isinstance(found["conv"], np.memmap)
        assert not found["conv"].flags.writeable
    assert all(torch.equal(before[name], values) for name, values in network.state_dict().items())
    assert len(entries(tmp_path)) == 1


def test_rows_run_once_but_for_the_few_that_are_checked(tmp_path, network):
    cached_features(network, X, ["conv"], tmp_path)
    assert network.runs == 11
    cached_features(network, X, ["conv"], tmp_path)
    assert network.runs == 11 + 4


CHANGES = {
    "weights": lambda n, X, o: n.fc.bias.data.add_(1.0),
    "statistics": lambda n, X, o: n.conv[1].running_mean.add_(1.0),
    "data": lambda n, X, o: X.__setitem__((10, 0, 3, 3), 7.0),
    "order": lambda n, X, o: X.__setitem__(slice(None), X[::-1].copy()),
    "augmentation": lambda n, X, o: o.update(augmentation="mirrored"),
    "layers": lambda n, X, o: o.update(layers=["conv", "fc"]),
    "architecture": lambda n, X, o: n.conv.__setitem__(2, nn.LeakyReLU(0.5)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_content_is_another_entry(change, tmp_path, network):
    rows, options = X.copy(), {"layers": ["conv"], "folder": tmp_path}
    cached_features(network, rows, **options)
    CHANGES[change](network, rows, options)
    found = cached_features(network, rows, **options)
    assert len(entries(tmp_path)) == 2
    with torch.no_grad():
        np.testing.assert_allclose(found["conv"], network.eval().conv(torch.from_numpy(rows)).numpy(), atol=1e-6)


def test_changed_code_is_noticed(tmp_path, network):
    old = np.array(cached_features(network, X, [""], tmp_path)[""])
    network.power = 2.0
    found = cached_features(network, X, [""], tmp_path)[""]
    np.testing.assert_allclose(found, old**2, rtol=1e-5)
    assert len(entries(tmp_path)) == 1


def test_an_interrupted_run_leaves_nothing(tmp_path, network):
    class Interrupted(Net):
        def forward(self, x):
            if self.runs >= 8:
                raise KeyboardInterrupt
            return super().forward(x)

    with pytest.raises(KeyboardInterrupt):
        cached_features(Interrupted(), X, ["conv"], tmp_path, batch_size=4)
    assert entries(tmp_path) == []


def test_nothing_is_unpickled(tmp_path, network):
    cached_features(network, X, ["conv"], tmp_path)
    (entry,) = tmp_path.iterdir()
    os.remove(entry / "0.npy")
    with open(entry / "0.npy", "wb") as file:
        np.lib.format.write_array(file, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"allow_pickle=False|Array can't be memory-mapped"):
        cached_features(network, X, ["conv"], tmp_path)


def test_what_it_refuses(tmp_path, network):
    with pytest.raises(InvalidInputError, match=r"no layer 'cony'; the nearest.*conv"):
        cached_features(network, X, ["cony"], tmp_path)
    with pytest.raises(InvalidInputError, match="0 rows"):
        cached_features(network, X[:0], ["conv"], tmp_path)
