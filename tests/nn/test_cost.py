"""What a network costs, counted by hand."""

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier
from torch import nn

from stepdown.core import InvalidInputError, NotSupportedError
from stepdown.nn import FrozenNetwork, network_cost


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 7, batch_first=True)
        self.out = nn.Linear(7, 2)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])


def test_a_convolution_by_hand():
    network = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 10))
    network.train()
    cost = network_cost(network, torch.zeros(7, 3, 8, 8))
    assert cost.parameters == 3 * 4 * 9 + 2 * 4 + 4 * 36 * 10 + 10
    assert cost.flops == 2 * (36 * 4 * 27 + 4 * 36 * 10)
    assert cost.bytes == 4 * (cost.parameters + 2 * 4) + 8  # running means and variances, and an int64 count
    assert network.training
    assert not network[1].running_mean.any()
    assert str(cost).startswith(f"{cost.parameters:,} parameters, 10,656 FLOPs a row, ")


def test_fused_layers_are_counted_too():
    products = 6 * (4 * 7 * 5 + 4 * 7 * 7) + 7 * 2
    assert network_cost(Recurrent(), torch.zeros(3, 6, 5)).flops == 2 * products
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    projections, attention = 6 * (4 * 8 * 8 + 2 * 8 * 16), 2 * 6 * 6 * 8
    assert network_cost(layer, torch.zeros(3, 6, 8)).flops == 2 * (projections + attention)
    before = torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled
    with pytest.raises(RuntimeError, match="Expected 5, got 4"):
        network_cost(Recurrent(), torch.zeros(3, 6, 4))
    after = torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled
    assert before == after == (True, True, True)


def test_shared_parameters_count_once():
    layer = nn.Linear(4, 4)
    cost = network_cost(nn.Sequential(layer, layer), torch.zeros(1, 4))
    assert (cost.parameters, cost.flops, cost.bytes) == (20, 64, 80)


def test_nets_and_holders():
    module = nn.Sequential(nn.Linear(4, 3))
    net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss)
    X = np.zeros((5, 4), dtype=np.float32)
    wanted = network_cost(module, torch.zeros(2, 4))
    assert network_cost(net.initialize(), X) == wanted
    assert network_cost(FrozenNetwork(module), torch.zeros(5, 4)) == wanted
    with pytest.raises(NotSupportedError, match="has no module_ yet"):
        network_cost(NeuralNetClassifier(module), X)
    with pytest.raises(InvalidInputError, match="a batch without rows"):
        network_cost(module, torch.zeros(0, 4))
