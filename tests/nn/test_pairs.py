"""Which layers are proposed: those that make something, row by row."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from stepdown.core import InvalidInputError
from stepdown.nn import PKT, InformationFlow, Taps, Transfer, propose_pairs


def mlp(width=16):
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 3))


class Recurrent(nn.Module):
    def __init__(self, kind=nn.LSTM, batch_first=True):
        super().__init__()
        self.inp = nn.Linear(2, 8)
        self.layer = kind(8, 8, batch_first=batch_first)
        self.head = nn.Linear(8, 3)
        self.batch_first = batch_first

    def forward(self, x):
        x = self.inp(x.view(-1, 4, 2))
        if self.batch_first:
            return self.head(self.layer(x)[0].mean(1))
        return self.head(self.layer(x.transpose(0, 1))[0].mean(0))


class Attending(Recurrent):
    def __init__(self):
        super().__init__(lambda *widths, batch_first: nn.MultiheadAttention(8, 2, batch_first=batch_first))

    def forward(self, x):
        x = self.inp(x.view(-1, 4, 2))
        return self.head(self.layer(x, x, x)[0].mean(1))


@pytest.mark.parametrize("network", [Recurrent(), Recurrent(nn.GRU), Recurrent(nn.RNN), Attending()])
def test_layers_that_return_tuples_are_paired(network):
    x = torch.randn(32, 8)
    assert list(propose_pairs(mlp(), network, x))[-1] == ("3", "layer")
    with Transfer(mlp(), network, InformationFlow(), example=x) as transfer:
        transfer.loss(x, network(x), epoch=0).backward()
    assert all(values.grad is not None for values in network.layer.parameters())


class Block(nn.Module):
    def __init__(self, width, shortcut):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.bn = nn.BatchNorm2d(width)
        self.shortcut = shortcut

    def forward(self, x):
        return functional.relu(self.bn(self.conv(x)) + self.shortcut(x))


@pytest.mark.parametrize(
    "shortcut",
    [nn.Sequential, nn.Identity, nn.Dropout, lambda: nn.Conv2d(4, 4, 1)],
    ids=["empty", "identity", "drop", "conv"],
)
def test_a_block_with_a_shortcut_is_taken_whole(shortcut):
    blocks = [Block(4, shortcut()) for _ in range(2)]
    network = nn.Sequential(nn.Conv2d(3, 4, 3), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)).eval()
    stages = [mine for _, mine in propose_pairs(network, network, torch.randn(8, 3, 6, 6))]
    assert stages[0] == "0"
    assert "1" in stages
    assert stages[-1] == "3"  # the pooling behind the last block
    assert not any("shortcut" in name for name in stages)


def test_names_stay_where_the_last_module_makes_the_blocks_output():
    inner = nn.Sequential(nn.Linear(8, 6), nn.ReLU(inplace=True), nn.Dropout())
    network = nn.Sequential(inner, nn.Linear(6, 3))
    assert list(propose_pairs(network, network, torch.randn(9, 8))) == [("0.1", "0.1")]


class Windows(nn.Module):
    """A layer that works on the parts of a row, as windows of attention are."""

    def __init__(self):
        super().__init__()
        self.part, self.whole, self.head = nn.Linear(4, 4), nn.Linear(8, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.whole(self.part(x.view(-1, 4)).view(len(x), 8)).relu())


def test_layers_of_other_rows_are_left_out_or_named():
    network, x = Windows(), torch.randn(16, 8)
    assert list(propose_pairs(network, network, x)) == [("whole", "whole")]
    with pytest.raises(InvalidInputError, match=r"layer 'part' of Windows .*\(32, 4\).* batch of 16"):
        propose_pairs(network, network, x, student_layers=["part", "whole"])
    with pytest.raises(InvalidInputError, match=r"layer 'layer' of Recurrent .*batch_first=True"):
        propose_pairs(mlp(), Recurrent(batch_first=False), x)


def test_globs_and_places_from_the_end_in_pairs():
    teacher, student, x = mlp(), mlp(8), torch.randn(16, 8)

    def loss(*pairs):
        with Transfer(teacher, student, PKT(list(pairs))) as transfer:
            return transfer.loss(x, student(x), epoch=0).item()

    assert loss(("-2", "[3]")) == loss(("3", "3"))
    with Taps(nn.Sequential(mlp()), ["0.-1:input"]) as taps:
        assert list(taps) == ["0.4:input"]
    with pytest.raises(InvalidInputError, match=r"'\[13\]' stands for several layers"):
        loss(("[13]", "3"))
    with pytest.raises(InvalidInputError, match=r"no layer '-9'"):
        loss(("-9", "3"))
