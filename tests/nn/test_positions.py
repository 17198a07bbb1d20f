"""Sequences and maps: which tokens count, where the channels are, and what becomes of the positions."""

import pytest
import torch
from torch import nn

from stepdown.core import InvalidInputError
from stepdown.nn import PKT, Constant, InformationFlow, Transfer
from stepdown.nn.contrib import AT, SP, VID, Hint
from stepdown.nn.functional import at, hint, information_flow, pkt, sp

PAIR = [("a", "a")]
RELATIONAL = [(PKT, pkt), (SP, sp), (lambda *a, **k: InformationFlow(*a, schedule=Constant(), **k), information_flow)]


class Layer(nn.Module):
    """A network whose layer `a` is its input."""

    def __init__(self):
        super().__init__()
        self.a, self.out = nn.Identity(), nn.Linear(1, 3)

    def forward(self, x):
        return self.out(self.a(x).flatten(1).mean(1, keepdim=True))


def loss(method, student, teacher):
    """The method's loss of two layers, and its adapters, with the teacher's layer in the place of its network's."""

    class Fixed(Layer):
        def forward(self, x):
            return super().forward(teacher)

    with Transfer(Fixed(), Layer(), method, example=student) as transfer:
        value = transfer.loss(student, transfer.student(student.requires_grad_()), epoch=0)
        return value, transfer.adapters


@pytest.mark.parametrize(("method", "function"), RELATIONAL)
def test_relations_of_some_tokens_and_of_pooled_positions(method, function):
    tokens, wide, maps = torch.randn(8, 5, 4), torch.randn(8, 7, 6), torch.randn(8, 4, 3, 3)
    plain = loss(method(PAIR), tokens, maps)[0]
    torch.testing.assert_close(plain, function(tokens, maps))
    for settings, left, right in [
        ({"tokens": 0}, tokens[:, 0], wide[:, 0]),
        ({"tokens": slice(1, None)}, tokens[:, 1:], wide[:, 1:]),
        ({"tokens": [0, -1]}, tokens[:, [0, -1]], wide[:, [0, -1]]),
        ({"tokens": (0, None), "pool": None}, tokens, wide[:, 0]),
        ({"pool": "mean"}, tokens.mean(1), wide.mean(1)),
        ({"pool": "max", "channels": 1}, tokens.amax(2), wide.amax(2)),
        ({"pool": "mean", "channels": (1, -1)}, tokens.mean(1), wide.mean(2)),
        ({"pool": lambda values: values.std(-1)}, tokens.std(1), wide.std(1)),
    ]:
        torch.testing.assert_close(loss(method(PAIR, **settings), tokens, wide)[0], function(left, right))
    torch.testing.assert_close(
        loss(method(PAIR, pool="mean"), tokens, maps)[0], function(tokens.mean(1), maps.mean((2, 3)))
    )


@pytest.mark.parametrize("method", [Hint, VID])
def test_tokens_beside_a_map_are_laid_out_like_it(method):
    maps, tokens = torch.randn(6, 4, 3, 3), torch.randn(6, 10, 8)
    for student, teacher, width in ((maps, tokens, 8), (tokens, maps, 4)):
        value, adapters = loss(method(PAIR, tokens=slice(1, None)), student, teacher)
        convolutions = [part for part in adapters.modules() if isinstance(part, nn.Conv2d)]
        assert convolutions[-1].out_channels == width
        value.backward()
        with pytest.raises(InvalidInputError, match=r"10 tokens don't make a map.*tokens=slice\(1, None\)"):
            loss(method(PAIR), student, teacher)
    assert loss(method(PAIR, pool="mean"), maps, tokens)[1]["0"].state_dict()


def test_the_layout_of_tokens_is_row_by_row():
    maps = torch.rand(6, 4, 3, 5)
    tokens = maps.flatten(2).transpose(1, 2)
    assert loss(AT(PAIR), tokens.contiguous(), 2 * maps)[0] < 1e-12
    assert loss(AT(PAIR), tokens.contiguous(), 2 * maps.flip(3))[0] > 1e-6
    small, wide = torch.rand(6, 9, 5), torch.rand(6, 4, 6, 6)
    torch.testing.assert_close(loss(AT(PAIR), small, wide)[0], at(small.transpose(1, 2).unflatten(2, (3, 3)), wide))


def test_each_side_may_have_its_channels_elsewhere():
    first, last = torch.randn(6, 5, 9), torch.randn(6, 9, 5)
    value, adapters = loss(Hint(PAIR, channels=(-1, 1)), first.transpose(1, 2).transpose(1, 2), last)
    torch.testing.assert_close(value, hint(adapters["0"](first), last.transpose(1, 2)))
    assert loss(AT(PAIR, channels=(-1, 1)), first, first.transpose(1, 2).contiguous())[0] < 1e-12


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tokens": 7}, r"tokens=7 of a sequence of 5 tokens"),
        ({"tokens": slice(9, None)}, r"tokens=slice.* leaves none of 5 tokens"),
        ({"pool": "sum"}, r"pool='sum': expected 'mean', 'max', or a function"),
        ({"pool": lambda values: values.mean(0)}, r"pool made 4 rows of 8"),
    ],
)
def test_what_is_no_choice_of_positions(settings, message):
    with pytest.raises(InvalidInputError, match=f"layer 'a' -> student's layer 'a': {message}"):
        loss(PKT(PAIR, **settings), torch.randn(8, 5, 4), torch.randn(8, 5, 4))
