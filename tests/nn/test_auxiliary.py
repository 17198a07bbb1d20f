"""The same architecture, wider: every kind of network that can be traced, and clear words for the others."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from stepdown.core import InvalidInputError, NotSupportedError
from stepdown.nn import InformationFlow, Transfer, auxiliary


class Plain(nn.Module):
    def __init__(self, w=8):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, w, 3, padding=1, bias=False), nn.BatchNorm2d(w)
        self.conv2 = nn.Conv2d(w, 2 * w, 3, stride=2, padding=1)
        self.fc1, self.fc2 = nn.Linear(2 * w * 16, 12), nn.Linear(12, 5)

    def forward(self, x):
        x = functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 2)
        x = functional.adaptive_avg_pool2d(functional.relu(self.conv2(x)), 4)
        return self.fc2(functional.dropout(torch.relu(self.fc1(x.view(x.size(0), -1))), 0.1, self.training))


class Block(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b)
        self.conv2, self.bn2 = nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b)
        self.down = nn.Sequential(nn.Conv2d(a, b, 1, stride), nn.BatchNorm2d(b)) if a != b else nn.Identity()

    def forward(self, x):
        out = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        out += self.down(x)
        return torch.relu(out)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.layer1, self.layer2 = nn.Sequential(Block(6, 6, 1), Block(6, 6, 1)), Block(6, 10, 2)
        self.fc = nn.Linear(10, 5)

    def forward(self, x):
        return self.fc(self.layer2(self.layer1(self.stem(x))).mean((2, 3)))


class Depthwise(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6())
        self.depth = nn.Conv2d(8, 16, 3, padding=1, groups=8)
        self.point = nn.Sequential(nn.BatchNorm2d(16), nn.PReLU(16), nn.Conv2d(16, 12, 1))
        self.grouped = nn.Conv2d(12, 6, 3, groups=3)
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(6, 5)

    def forward(self, x):
        x = self.grouped(self.point(self.depth(self.stem(x))))
        return self.fc(torch.flatten(self.pool(x), 1))


class Mlp(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Flatten(), nn.Linear(192, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 7, bias=False), nn.SiLU()
        )
        self.append(nn.Linear(7, 5))


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.norm = nn.Conv2d(3, 6, 3), nn.GroupNorm(3, 6)
        self.b, self.layer = nn.Conv2d(6, 9, 3), nn.LayerNorm((9, 4, 4))
        self.fc = nn.Linear(9 * 16, 5)

    def forward(self, x):
        return self.fc(self.layer(self.b(torch.relu(self.norm(self.a(x))))).flatten(1))


class Sequence(nn.Module):
    """One-dimensional, with a concatenation, a squeeze-and-excitation gate and a layer that runs twice."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv1d(3, 5, 3, padding=1), nn.Conv1d(3, 4, 5, padding=2)
        self.again, self.norm = nn.Conv1d(9, 9, 1), nn.BatchNorm1d(9)
        self.gate = nn.Linear(9, 9)
        self.fc = nn.Linear(9, 5)

    def forward(self, x):
        x = x.flatten(2)
        x = torch.cat([self.a(x), self.b(x)], dim=1)
        x = self.again(self.norm(self.again(x)))
        x = x * torch.sigmoid(self.gate(x.mean(2))).unsqueeze(2)
        return self.fc(functional.adaptive_avg_pool1d(x, 1).squeeze(2))


class FromInput(nn.Module):
    """The input is added to features, so that these can't grow."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))
        self.fc = nn.Linear(3, 5)

    def forward(self, x):
        return self.fc((x + self.inner(x)).mean(dim=(2, 3)))


class NormAct(nn.BatchNorm2d):
    """Normalisation and activation in one, as timm has it."""

    def __init__(self, size):
        super().__init__(size, eps=1e-3)
        self.act = nn.ReLU6()

    def forward(self, x):
        return self.act(super().forward(x))


class Standardised(nn.Conv2d):
    def forward(self, x):
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return functional.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Derived(nn.Module):
    """Layers of one's own that are torch's with another way of running; inverted, with a shortcut."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm1 = Standardised(3, 4, 3, padding=1), NormAct(4)
        self.expand, self.norm2 = nn.Conv2d(4, 8, 1, bias=False), NormAct(8)
        self.depth, self.norm3 = Standardised(8, 8, 3, padding=1, groups=8, bias=False), NormAct(8)
        self.project, self.fc = nn.Conv2d(8, 4, 1), nn.Linear(4, 5)

    def forward(self, x):
        x = self.norm1(self.stem(x))
        return self.fc((x + self.project(self.norm3(self.depth(self.norm2(self.expand(x)))))).mean((2, 3)))


NETWORKS = [Plain, Residual, Depthwise, Mlp, Grouped, Sequence, Derived, FromInput]
PAIRS = {
    Plain: "conv2",
    Residual: "layer2",
    Depthwise: "point",
    Mlp: "3",
    Grouped: "b",
    Sequence: "norm",
    Derived: "norm2",
}


def example(n=4):
    return torch.randn(n, 3, 8, 8)


def shapes(network):
    return {name: tuple(values.shape) for name, values in network.state_dict().items()}


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("factor", [0.5, 1.0, 1.7, 2.0, 3.0])
def test_wider_in_all_but_input_and_output(kind, factor):
    student, x = kind(), example()
    before = copy.deepcopy(student.state_dict())
    wide = auxiliary(student, factor, example=x)
    assert type(wide) is kind
    assert shapes(wide).keys() == shapes(student).keys()
    assert wide(x).shape == student.eval()(x).shape
    assert all(torch.equal(before[name], values) for name, values in student.state_dict().items())
    assert not {id(p) for p in student.parameters()} & {id(p) for p in wide.parameters()}
    count = sum(p.numel() for p in wide.parameters()) / sum(p.numel() for p in student.parameters())
    if factor == 1:
        assert shapes(wide) == shapes(student)
    else:
        assert (count > 1) is (factor > 1)


@pytest.mark.parametrize("factor", [1.5, 2.0])
@pytest.mark.parametrize("kind", PAIRS)
def test_it_trains_a_step_and_teaches(kind, factor):
    student, x = kind(), example(8)
    wide = auxiliary(student, factor, example=x)
    before = copy.deepcopy(wide.state_dict())
    optimizer = torch.optim.SGD(wide.parameters(), lr=0.1)
    functional.cross_entropy(wide.train()(x), torch.arange(8) % 5).backward()
    assert all(parameter.grad is not None for parameter in wide.parameters())
    optimizer.step()
    assert not all(torch.equal(before[name], values) for name, values in wide.state_dict().items())
    layer = PAIRS[kind]
    with Transfer(wide, student, InformationFlow([(layer, layer)])) as transfer:
        transfer.loss(x, student.train()(x), epoch=0).backward()


@pytest.mark.parametrize("factor", [1.5, 2.0])
@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv2_035", "mobilenetv3_small_050"])
def test_networks_of_timm_train_a_step(name, factor):
    timm = pytest.importorskip("timm", exc_type=ImportError, reason="timm isn't there, or torchvision, which it needs")
    student, x = timm.create_model(name, num_classes=5), torch.randn(4, 3, 32, 32)
    wide = auxiliary(student, factor, example=x)
    assert type(wide) is type(student)
    assert sum(p.numel() for p in wide.parameters()) > factor * sum(p.numel() for p in student.parameters())
    before = copy.deepcopy(wide.state_dict())
    optimizer = torch.optim.SGD(wide.parameters(), lr=0.1)
    functional.cross_entropy(wide.train()(x), torch.arange(4)).backward()
    assert all(parameter.grad is not None for parameter in wide.parameters())
    optimizer.step()
    assert all(not torch.equal(before[name], parameter) for name, parameter in wide.named_parameters())


def test_derived_layers_stay_what_they_are():
    student = Derived()
    wide = auxiliary(student, 2.0, example=example())
    assert [type(layer) for layer in wide.modules()] == [type(layer) for layer in student.modules()]
    assert (wide.norm2.num_features, wide.norm2.eps, wide.depth.groups) == (16, 1e-3, 16)
    assert repr(wide.stem) == "Standardised(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))"
    assert wide.norm2.act is not student.norm2.act


def test_widths_are_those_of_the_factor():
    assert shapes(auxiliary(Plain(), 2.0, example=example())) == shapes(_plain_by_hand())
    wide = auxiliary(Depthwise(), 1.5, example=example())
    assert (wide.depth.in_channels, wide.depth.out_channels, wide.depth.groups) == (12, 24, 12)
    assert (wide.grouped.in_channels, wide.grouped.out_channels, wide.grouped.groups) == (18, 9, 3)
    assert auxiliary(Grouped(), 1.2, example=example()).norm.num_channels == 6  # a multiple of its 3 groups


def _plain_by_hand():
    wide = Plain(16)
    wide.fc1, wide.fc2 = nn.Linear(32 * 16, 24), nn.Linear(24, 5)
    return wide


def test_settings_of_layers_are_kept():
    student = nn.Sequential(
        nn.Conv2d(3, 4, (3, 1), stride=2, padding=1, dilation=2, bias=False, padding_mode="reflect"),
        nn.BatchNorm2d(4, eps=0.1, momentum=0.3, affine=False),
        nn.GroupNorm(2, 4, eps=0.2),
        nn.Flatten(),
        nn.LazyLinear(5),
    ).to(torch.float64)
    x = example().double()
    student(x)
    wide = auxiliary(student, 2, example=x)
    for old, new in zip(list(student)[:3], list(wide)[:3], strict=True):
        assert repr(new) == repr(old).replace("4", "8", 1)
    assert {p.dtype for p in wide.parameters()} == {torch.float64}


def test_a_student_keeps_its_mode_and_its_statistics():
    student = Plain().eval()
    student.bn1.train()
    auxiliary(student, 2.0, example=example())
    assert student.bn1.training
    assert not student.conv1.training
    assert student.bn1.num_batches_tracked == 0


class WrittenOut(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4 * 36, 5)

    def forward(self, x):
        return self.fc(self.conv(x).view(-1, 4 * 36))


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(192, 5)

    def forward(self, x):
        return self.fc(x.flatten(1)) if x.sum() > 0 else self.fc(-x.flatten(1))


class OwnLinear(nn.Linear):
    """With a weight that torch's layer doesn't have."""

    def __init__(self, a, b):
        super().__init__(a, b)
        self.gain = nn.Parameter(torch.ones(b))

    def forward(self, x):
        return self.gain * super().forward(x)


REFUSED = {
    "written out": (WrittenOut, "its code asks for the student's widths"),
    "branching": (Branching, "torch.fx can't trace it"),
    "own": (
        lambda: nn.Sequential(nn.Flatten(), OwnLinear(192, 6), nn.Linear(6, 5)),
        "OwnLinear is a Linear with weights",
    ),
    "parametrized": (
        lambda: nn.Sequential(nn.Flatten(), weight_norm(nn.Linear(192, 6)), nn.Linear(6, 5)),
        "ParametrizedLinear is a Linear with weights",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_widened_is_refused_with_the_way_out(case):
    make, match = REFUSED[case]
    with pytest.raises(NotSupportedError, match=f"{match}.*builder="):
        auxiliary(make(), 2.0, example=example())


def test_a_builder_makes_what_cannot_be_traced():
    x = example()
    made = auxiliary(Branching(), 2.0, example=x, builder=lambda factor: Plain(int(8 * factor)))
    assert made.conv1.out_channels == 16
    with pytest.raises(InvalidInputError, match=r"builder's network returns \(4, 7\) .* the student \(4, 5\)"):
        auxiliary(Plain(), example=x, builder=lambda factor: nn.Sequential(nn.Flatten(), nn.Linear(192, 7)))


@pytest.mark.parametrize("factor", [0, -1.0, float("nan")])
def test_the_factor_is_positive(factor):
    with pytest.raises(InvalidInputError, match="expected a positive number"):
        auxiliary(Plain(), factor, example=example())


class Tied(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(8, 16), nn.Linear(16, width), nn.Linear(width, 16)
        self.again = self.b
        self.head = nn.Linear(16, 3)
        if width == 16:
            self.c.weight = self.b.weight

    def forward(self, x):
        return self.head(self.c(self.again(self.a(x).relu()).relu()).relu())


def test_what_the_student_shares_the_auxiliary_shares():
    made = auxiliary(Tied(), 2.0, example=torch.randn(4, 8))
    assert made.b.weight.shape == (32, 32)
    assert made.c.weight is made.b.weight
    assert made.again is made.b


def test_a_shared_parameter_that_would_need_two_shapes_is_refused():
    class Ends(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(self.a(x).relu())

    with pytest.raises(NotSupportedError, match=r"'b\.weight' is the same parameter as 'a\.weight'.*builder="):
        auxiliary(Ends(), 2.0, example=torch.randn(4, 8))
