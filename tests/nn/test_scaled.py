"""Networks that are scaled as a whole: transformers, recurrent ones, token mixers and blocks of one's own.

The oracle is the same class built by hand at another width.
"""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from stepdown.core import NotSupportedError
from stepdown.nn import KD, Transfer, auxiliary

IDS, IMAGES, SIGNALS = torch.arange(48).reshape(4, 12) % 30 + 1, torch.randn(4, 3, 8, 8), torch.randn(4, 7, 3)


class Text(nn.Module):
    """The class of torch's tutorials, with fixed encodings of positions, a class token and learned positions."""

    def __init__(self, w=8):
        super().__init__()
        self.width = w
        self.embed, self.start = nn.Embedding(40, w), nn.Parameter(torch.zeros(1, 1, w))
        self.register_buffer("table", torch.randn(1, 20, w))
        self.positions = nn.Parameter(0.02 * torch.randn(1, 13, w))
        layer = nn.TransformerEncoderLayer(w, 2, 4 * w, batch_first=True)
        self.encoder, self.out = nn.TransformerEncoder(layer, 2), nn.Linear(w, 5)

    def forward(self, x):
        x = self.embed(x) * self.width**0.5
        x = torch.cat([self.start.expand(len(x), -1, -1), x], dim=1) + self.positions + self.table[:, : x.shape[1] + 1]
        return self.out(self.encoder(x)[:, 0])


class Recurrent(nn.Module):
    kind = nn.LSTM

    def __init__(self, w=4):
        super().__init__()
        self.embed = nn.Embedding(40, 2 * w, padding_idx=0)
        self.rnn = self.kind(2 * w, 3 * w, 2, batch_first=True, bidirectional=True, dropout=0.1)
        self.out = nn.Linear(6 * w, 5)

    def forward(self, x):
        return self.out(self.rnn(self.embed(x))[0][:, -1])


class Gated(Recurrent):
    kind = nn.GRU


class Stateful(nn.Module):
    """Whose code makes the first state from a number."""

    def __init__(self, w=6):
        super().__init__()
        self.hidden, self.rnn, self.out = w, nn.LSTM(3, w, batch_first=True), nn.Linear(w, 5)

    def forward(self, x):
        state = torch.zeros(1, len(x), self.hidden)
        return self.out(self.rnn(x, (state, state))[1][0][-1])


class ChannelNorm(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNextBlock(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(w, w, 3, padding=1, groups=w), nn.LayerNorm(w)
        self.widen, self.narrow = nn.Linear(w, 4 * w), nn.Linear(4 * w, w)
        self.scale = nn.Parameter(torch.full((w,), 1e-2))

    def forward(self, x):
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + (self.scale * self.narrow(functional.gelu(self.widen(y)))).permute(0, 3, 1, 2)


class ConvNext(nn.Sequential):
    def __init__(self, w=6):
        super().__init__(
            *(nn.Conv2d(3, w, 2, 2), ChannelNorm(w), ConvNextBlock(w)),
            *(ChannelNorm(w), nn.Conv2d(w, 2 * w, 2, 2), ConvNextBlock(2 * w)),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(2 * w), nn.Linear(2 * w, 5)),
        )


class Mixer(nn.Module):
    """Whose layers over tokens keep the number of tokens."""

    def __init__(self, w=6):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 2 * w, 4, 4), nn.LayerNorm(2 * w)
        self.tokens = nn.Sequential(nn.Linear(4, w), nn.GELU(), nn.Linear(w, 4))
        self.channels = nn.Sequential(nn.Linear(2 * w, 3 * w), nn.GELU(), nn.Linear(3 * w, 2 * w))
        self.out = nn.Linear(2 * w, 5)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return self.out((x + self.channels(x)).mean(1))


class Up(nn.Module):
    """From an image to an image, by a transposed convolution and a pixel shuffle."""

    def __init__(self, w=4):
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 2 * w, 3, 2, 1), nn.ConvTranspose2d(2 * w, 3 * w, 2, 2)
        self.wide, self.shuffle, self.out = nn.Conv2d(3 * w, 4 * w, 1), nn.PixelShuffle(2), nn.Conv2d(w, 5, 1)

    def forward(self, x):
        return self.out(self.shuffle(self.wide(self.up(self.down(x).relu()).relu())))


class Attention(nn.Module):
    """Written out, with numbers for heads and their widths, as timm has it."""

    def __init__(self, w=8):
        super().__init__()
        self.num_heads, self.head_dim = 2, w // 2
        self.stem, self.query, self.out = nn.Linear(3, w), nn.Linear(w, 3 * w), nn.Linear(w, 5)

    def forward(self, x):
        x = self.stem(x)
        parts = self.query(x).reshape(*x.shape[:2], 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*parts).transpose(1, 2).reshape(x.shape)
        return self.out((x + mixed).mean(1))


class Language(nn.Module):
    """The words' vectors are the last layer's weights."""

    def __init__(self, w=8):
        super().__init__()
        self.embed, self.rnn = nn.Embedding(40, w), nn.GRU(w, w, batch_first=True)
        self.out = nn.Linear(w, 40, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, x):
        return self.out(self.rnn(self.embed(x))[0])


NETWORKS = {
    Text: (IDS, 8),
    Recurrent: (IDS, 4),
    Gated: (IDS, 4),
    Stateful: (SIGNALS, 6),
    ConvNext: (IMAGES, 6),
    Mixer: (IMAGES, 6),
    Up: (IMAGES, 4),
    Attention: (SIGNALS, 8),
    Language: (IDS, 8),
}


@pytest.mark.parametrize("factor", [0.5, 1.5, 2.0])
@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)
def test_it_is_what_its_class_builds_at_that_width(kind, factor):
    x, width = NETWORKS[kind]
    student = kind().eval()
    before = copy.deepcopy(student.state_dict())
    made = auxiliary(student, factor, example=x)
    assert type(made) is kind
    assert {name: values.shape for name, values in made.state_dict().items()} == {
        name: values.shape for name, values in kind(round(width * factor)).state_dict().items()
    }
    assert all(torch.equal(before[name], values) for name, values in student.state_dict().items())
    assert not made.training
    assert not any(module._forward_pre_hooks for net in (student, made) for module in net.modules())
    made.train()(x).square().mean().backward()
    assert all(values.grad is not None for values in made.parameters())
    copy.deepcopy(made)(x)
    with Transfer(made, student.train(), KD()) as transfer:
        transfer.loss(x, student(x), epoch=0).backward()


def test_heads_and_groups_divide_the_widths():
    made = auxiliary(Text(), 1.3, example=IDS)
    assert made.embed.embedding_dim == 10  # 1.25 times, and not 1.3: two heads, four times the width inside
    assert made.encoder.layers[0].linear1.out_features == 40
    assert auxiliary(Up(), 1.3, example=IMAGES).wide.out_channels % 4 == 0


def test_what_is_shared_stays_shared_and_constants_stay_constant():
    made = auxiliary(Language(), 2.0, example=IDS)
    assert made.out.weight is made.embed.weight
    assert made.out.weight.shape == (40, 16)
    scale = auxiliary(ConvNext(), 2.0, example=IMAGES)[2].scale
    torch.testing.assert_close(scale, torch.full((12,), 1e-2))


def test_packed_sequences():
    class Packed(Recurrent):
        def forward(self, x):
            lengths = (x > 0).sum(1)
            packed = nn.utils.rnn.pack_padded_sequence(self.embed(x), lengths, batch_first=True, enforce_sorted=False)
            _, (last, _) = self.rnn(packed)
            return self.out(torch.cat([last[-2], last[-1]], dim=1))

    assert auxiliary(Packed(), 2.0, example=IDS).rnn.hidden_size == 24


def test_sizes_written_into_the_code_are_refused_with_the_builder():
    class Written(Recurrent):
        def forward(self, x):
            return self.out(self.rnn(self.embed(x))[0].view(len(x), -1, 24)[:, -1])

    with pytest.raises(NotSupportedError, match=r"Written can't be widened: .*builder=lambda factor: Student\(width"):
        auxiliary(Written(), 2.0, example=IDS)
