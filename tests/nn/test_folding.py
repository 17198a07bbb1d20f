"""A folded network computes the same; what can't be folded stays or is refused."""

import copy

import pytest
import torch
from torch import nn

from stepdown.core import InvalidInputError, NotSupportedError
from stepdown.nn import Taps, folded


class Branching(nn.Module):
    """One convolution is read twice, one is used twice, one stands behind an addition."""

    def __init__(self):
        super().__init__()
        self.read_twice, self.bn1 = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.used_twice, self.bn2 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.plain, self.bn3 = nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5)
        self.line, self.bn4 = nn.Linear(5, 6), nn.BatchNorm1d(6)

    def forward(self, x):
        x = self.read_twice(x)
        x = x + self.bn1(x)
        x = self.bn2(self.used_twice(x))
        x = self.bn2(self.used_twice(x))
        x = self.bn3(self.plain(x)).relu().mean((2, 3))
        return self.bn4(self.line(x))


def trained(network, *shape):
    """In evaluation mode, with statistics and parameters that are not those of a new network."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    for _ in range(3):
        network(3 * torch.randn(*shape) + 1)
    return network.double().eval()


def test_the_function_is_the_same_and_the_network_left_alone():
    network = trained(Branching(), 16, 3, 8, 8)
    before = copy.deepcopy(network.state_dict())
    made = folded(network)
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(made(x), network(x), rtol=1e-9, atol=1e-9)
    assert not made.training
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())
    assert isinstance(network.bn3, nn.BatchNorm2d)


def test_only_what_stands_alone_before_its_normalisation_is_folded():
    made = folded(trained(Branching(), 16, 3, 8, 8))
    kinds = {name: type(module).__name__ for name, module in made.named_modules() if name.startswith("bn")}
    assert kinds == {"bn1": "BatchNorm2d", "bn2": "BatchNorm2d", "bn3": "Identity", "bn4": "Identity"}


def test_taps_behind_the_normalisation_show_the_same():
    network = trained(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()), 8, 1, 5, 5)
    made, x = folded(network), torch.randn(2, 1, 5, 5, dtype=torch.float64)
    with Taps(network, ["1", "2"]) as before, Taps(made, ["1", "2"]) as after:
        network(x)
        made(x)
        for name in before:
            torch.testing.assert_close(after[name], before[name], rtol=1e-9, atol=1e-9)


def test_normalisation_by_the_batch_itself_stays():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False)).eval()
    assert isinstance(folded(network)[1], nn.BatchNorm2d)


def test_training_mode_is_refused():
    with pytest.raises(InvalidInputError, match="training mode"):
        folded(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)))


def test_code_that_cannot_be_traced_is_refused():
    class Fork(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(NotSupportedError, match="Fork can't be folded"):
        folded(Fork().eval())


@pytest.mark.parametrize("size", [8, 7])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_pooling_by_halves_gives_the_same_numbers(size, layout):
    network = nn.Sequential(nn.MaxPool2d(2), nn.MaxPool2d(2, padding=1), nn.MaxPool2d(2, ceil_mode=True)).eval()
    made = folded(network)
    assert [type(module).__name__ for module in made] == ["_HalvingMaxPool2d", "MaxPool2d", "MaxPool2d"]
    x = torch.randn(3, 5, size, size).to(memory_format=layout)
    x[0, 0, 0, 0] = torch.nan
    found, known = made[0](x), network[0](x)
    assert torch.equal(found.nan_to_num(9.0), known.nan_to_num(9.0))
    assert found.is_contiguous(memory_format=layout)
    torch.testing.assert_close(
        torch.autograd.functional.jacobian(made[0], x), torch.autograd.functional.jacobian(network[0], x)
    )
    assert type(network[0]) is nn.MaxPool2d
