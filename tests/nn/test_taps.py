import copy
import pickle

import pytest
import torch
from torch import nn

from stepdown.core import InvalidInputError
from stepdown.nn import PKT, Taps, Transfer
from stepdown.nn.functional import pkt


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Sequential(nn.Linear(4, 5), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Linear(5, 6), nn.ReLU())
        self.lstm = nn.LSTM(6, 3, batch_first=True)
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        x = self.layer2(self.layer1(x))
        out, _ = self.lstm(x[:, None])
        return self.head(torch.tanh(out[:, 0]))


class Dictionary(nn.Module):
    def forward(self, x):
        return {"first": x, "second": x + 1, "depth": 3}


def hooks(network):
    return sum(len(module._forward_hooks) for module in network.modules())


def test_names_and_globs():
    network, x = Net(), torch.randn(7, 4)
    with Taps(network, ["layer1.0", "layer?"]) as taps:
        network(x)
        assert list(taps) == ["layer1.0", "layer1", "layer2"]
        assert len(taps) == 3
        assert torch.equal(taps["layer1.0"], network.layer1[0](x))
        assert torch.equal(taps["layer1"], network.layer1[0](x).relu())
        assert taps["layer2"].requires_grad


def test_activations_made_by_functions_are_the_input_of_the_next_layer():
    network, x = Net(), torch.randn(7, 4)
    with Taps(network, ["head:input"]) as taps:
        out = network(x)
        assert torch.equal(network.head(taps["head:input"]), out)


def test_tuples_and_dicts():
    network = Net()
    with Taps(network, ["lstm", "lstm[0]", "lstm[1]"]) as taps:
        network(torch.randn(7, 4))
        assert torch.equal(taps["lstm"], taps["lstm[0]"])
        assert taps["lstm[1]"].shape == (1, 7, 3)

    network = nn.Sequential(Dictionary())
    with Taps(network, ["0", "0[second]", "0[third]", "0[depth]"]) as taps:
        network(torch.zeros(2))
        assert taps["0"].tolist() == [0, 0]
        assert taps["0[second]"].tolist() == [1, 1]
        with pytest.raises(InvalidInputError, match="returns a dict without 'third'"):
            taps["0[third]"]
        with pytest.raises(InvalidInputError, match="is a int without tensors"):
            taps["0[depth]"]


def test_unknown_names_name_the_nearest():
    with pytest.raises(InvalidInputError, match=r"Net has no layer 'layre1'; the nearest of its 8 are: layer1"):
        Taps(Net(), ["layre1"])
    with pytest.raises(InvalidInputError, match="has no layer 'conv\\*'"):
        Taps(Net(), ["conv*"])


def test_hooks_are_removed_after_an_exception_too():
    network = Net()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    taps = Taps(network, ["layer1", "layer2"])
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), taps:
        network(torch.randn(2, 8 if hooks(network) == 2 else 4))
    assert hooks(network) == 0
    with pytest.raises(InvalidInputError, match="has not run"):
        taps["layer1"]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_layer_that_has_not_run():
    network = Net()
    with Taps(network, ["layer1"]) as taps:
        with pytest.raises(InvalidInputError, match="'layer1' has not run"):
            taps["layer1"]
        network(torch.randn(2, 4))
        taps.clear()
        with pytest.raises(InvalidInputError, match="'layer1' has not run"):
            taps["layer1"]


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # of the compiler itself, at an LSTM
def test_compiled_networks_when_tapped_before_they_run():
    network, x = Net(), torch.randn(7, 4)
    compiled = torch.compile(network, backend="aot_eager")
    with Taps(compiled, ["layer1", "head:input"]) as taps:
        out = compiled(x)
        torch.testing.assert_close(network.head(taps["head:input"]), out)
        taps["layer1"].sum().backward()
        assert network.layer1[0].weight.grad.abs().sum() > 0
    assert hooks(network) == 0


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
@pytest.mark.parametrize("how", ["wrapped", "in place", "a part"])
def test_compiled_code_of_another_network_of_the_class_is_not_reused(how):
    def compiled(network):
        if how == "wrapped":
            return torch.compile(network, backend="eager")
        if how == "in place":
            network.compile(backend="eager")
            return network
        return nn.Sequential(torch.compile(network, backend="eager"))

    first, second = (compiled(nn.Sequential(nn.Linear(4, 3), nn.ReLU())) for _ in range(2))
    x = torch.randn(5, 4)
    layer = "0._orig_mod.0" if how == "a part" else "0"
    first(x)
    with Taps(second, [layer]) as taps:
        second(x)
        assert taps[layer].shape == (5, 3)
    with Taps(first, [layer]) as taps:  # which has run before
        first(x)
        kept = taps[layer]
    first(x + 1)
    assert not taps._values
    assert kept.shape == (5, 3)


def test_copies_of_a_tapped_network_are_not_tapped(tmp_path):
    network, x = Net(), torch.randn(7, 4)
    own = network.layer1.register_forward_hook(partial_hook)
    with Taps(network, ["layer1", "head:input"]) as taps:
        copied = copy.deepcopy(network)
        torch.save(network, tmp_path / "network.pt")
        loaded = torch.load(tmp_path / "network.pt", weights_only=False)
        network(x)
        values = taps["layer1"]
        for other in (copied, loaded, pickle.loads(pickle.dumps(network))):
            other(x + 1)
            assert hooks(other) == hooks(other.layer1) == 1  # the user's own
            assert "__reduce_ex__" not in vars(other.layer1)
        assert taps["layer1"] is values
    assert hooks(network) == 1
    assert "__reduce_ex__" not in vars(network.layer1)
    own.remove()


def test_copies_that_a_class_makes_itself_do_not_run_into_the_taps():
    network, x = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(4, 3), nn.ReLU())), torch.randn(7, 4)
    with Taps(network, ["0"]) as taps:
        copied = copy.deepcopy(network)
        network(x)
        values = taps["0"]
        copied(x + 1)
        assert taps["0"] is values


def partial_hook(module, inputs, output):
    return None


class TimeFirst(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.rnn, self.head = nn.LSTM(5, width, num_layers=2), nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.rnn(x.transpose(0, 1))[0][-1])


def test_rows_on_another_axis_are_said_behind_the_name():
    teacher, student, x = TimeFirst(8).eval(), TimeFirst(4), torch.randn(6, 7, 5)
    with Taps(student, ["rnn@1", "rnn[1]@1", "head:input@0"]) as taps:
        student(x)
        out, (last, _) = student.rnn(x.transpose(0, 1))
        assert torch.equal(taps["rnn@1"], out.transpose(0, 1))
        assert torch.equal(taps["rnn[1]@1"], last.transpose(0, 1))
        assert torch.equal(taps["head:input@0"], out[-1])
    for name in ("rnn@1", "rnn[1]@1"):
        with Transfer(teacher, student, PKT([(name, name)])) as transfer:
            found = transfer.loss(x, student(x), epoch=0)
            found.backward()
        with Taps(teacher, [name]) as theirs, Taps(student, [name]) as mine, torch.no_grad():
            teacher(x), student(x)
            assert torch.allclose(found, pkt(mine[name], theirs[name]))
    with Transfer(teacher, student, PKT([("rnn", "rnn@1")])) as transfer:
        out = student(x)
        with pytest.raises(InvalidInputError, match=r"say which behind the name \('rnn@1'\)"):
            transfer.loss(x, out, epoch=0)
    with Taps(student, ["head@2"]) as taps:
        student(x)
        with pytest.raises(InvalidInputError, match=r"shape \(6, 3\), without an axis 2"):
            taps["head@2"]
