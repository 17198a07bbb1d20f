"""Outputs beyond one row of logits: tokens, pixels, several labels a row, several heads."""

import math
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from skorch import NeuralNet, NeuralNetBinaryClassifier
from torch import nn

from stepdown.core import InvalidInputError, TransferSet
from stepdown.nn import (
    KD,
    PKT,
    BinaryKD,
    CachedTeacher,
    Dense,
    FrozenNetwork,
    GlobalBatch,
    Heads,
    Teachers,
    Transfer,
    WeightedSum,
)
from stepdown.nn.contrib import Logit
from stepdown.nn.functional import binary_kd, kd

IDS = torch.randint(1, 30, (8, 12), generator=torch.Generator().manual_seed(0))


def loss(teacher, student, method, x, y=None, **rest):
    with Transfer(teacher, student, method, **rest) as transfer:
        return transfer.loss(x, student(**x) if isinstance(x, dict) else student(x), y, epoch=0)


def by_loops(student, teacher, target, temperature, weight):
    """Soft targets at each of some positions, in plain Python."""
    found = []
    for mine, theirs, label in zip(student.tolist(), teacher.tolist(), target.tolist(), strict=True):
        if label == -100:
            continue

        def softmax(values, t):
            shares = [math.exp(v / t) for v in values]
            return [share / sum(shares) for share in shares]

        p, q = softmax(theirs, temperature), softmax(mine, temperature)
        soft = temperature**2 * sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
        found.append(weight * soft - (1 - weight) * math.log(softmax(mine, 1)[label]))
    return sum(found) / len(found)


def test_tokens_and_pixels_are_rows():
    student, teacher = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    labels = torch.tensor([[0, 3, -100], [1, -100, 2]])
    expected = by_loops(student.flatten(0, 1), teacher.flatten(0, 1), labels.flatten(), 3.0, 0.7)
    settings = {"temperature": 3.0, "weight": 0.7}
    assert kd(student, teacher, labels, **settings).item() == pytest.approx(expected, rel=1e-5)
    first = (side.transpose(1, 2) for side in (student, teacher))
    assert kd(*first, labels, **settings).item() == pytest.approx(expected, rel=1e-5)
    maps = (side.transpose(1, 2).reshape(2, 4, 3, 1) for side in (student, teacher))
    assert kd(*maps, labels[..., None], **settings).item() == pytest.approx(expected, rel=1e-5)


def test_without_labels_the_last_axis_of_three_holds_the_classes():
    student, teacher = torch.randn(2, 5, 4), torch.randn(2, 5, 4)
    rows = kd(student.flatten(0, 1), teacher.flatten(0, 1))
    torch.testing.assert_close(kd(student, teacher), rows)
    first = [side.transpose(1, 2) for side in (student, teacher)]
    torch.testing.assert_close(kd(*first, classes=1), rows)
    torch.testing.assert_close(kd(*(side.reshape(2, 4, 5, 1) for side in first)), rows)
    assert not torch.isclose(kd(*first), rows)
    with pytest.raises(InvalidInputError, match=r"classes=3 .*0 is the rows' axis"):
        kd(student, teacher, classes=3)


def test_a_mask_and_ignored_targets_leave_positions_out():
    student, teacher = torch.randn(2, 5, 4, requires_grad=True), torch.randn(2, 5, 4)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
    kept = kd(student[mask.bool()], teacher[mask.bool()])
    torch.testing.assert_close(kd(student, teacher, mask=mask), kept)
    labels = torch.where(mask.bool(), 1, -100)
    torch.testing.assert_close(kd(student, teacher, labels), kd(student, teacher, torch.ones_like(mask), mask=mask))
    torch.testing.assert_close(
        kd(student, teacher, torch.where(mask.bool(), 1, -1), ignore_index=-1), kd(student, teacher, labels)
    )
    nothing = kd(student, teacher, torch.full((2, 5), -100))
    nothing.backward()
    assert nothing == 0
    assert student.grad.abs().sum() == 0
    with pytest.raises(InvalidInputError, match=r"mask of shape \(2, 4\) .* positions \(2, 5\)"):
        kd(student, teacher, mask=mask[:, :4])
    with pytest.raises(InvalidInputError, match=r"class -1 among the targets.*-100"):
        kd(student, teacher, torch.where(mask.bool(), 1, -1))


def test_classes_that_are_impossible_dont_count():
    student, teacher = torch.randn(4, 5, requires_grad=True), torch.randn(4, 5)
    closed = torch.tensor([False, True, False, False, True])
    value = kd(student.masked_fill(closed, -torch.inf), teacher.masked_fill(closed, -torch.inf))
    torch.testing.assert_close(value, kd(student[:, ~closed], teacher[:, ~closed]))
    value.backward()
    assert student.grad.isfinite().all()


def test_shares_of_classes_at_every_pixel():
    student, teacher = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    labels = torch.randint(3, (2, 4, 4))
    shares = nn.functional.one_hot(labels, 3).movedim(-1, 1).float()
    torch.testing.assert_close(kd(student, teacher, shares), kd(student, teacher, labels))
    torch.testing.assert_close(kd(student, teacher, shares.long()), kd(student, teacher, labels))
    with pytest.raises(InvalidInputError, match=r"sum to 0 to 2.* take BinaryKD"):
        kd(student[..., 0, 0], teacher[..., 0, 0], torch.tensor([[0, 0, 0], [1, 1, 0]]))


class Tagger(nn.Module):
    def __init__(self, width, outputs=5):
        super().__init__()
        self.words, self.body, self.head = nn.Embedding(30, width), nn.Linear(width, width), nn.Linear(width, outputs)

    def forward(self, input_ids, attention_mask=None):
        return self.head(self.body(self.words(input_ids)).relu())


class Segmenter(nn.Sequential):
    def __init__(self, width):
        super().__init__(nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 4, 1))


@pytest.mark.parametrize(
    ("networks", "x", "y"),
    [
        ((Tagger(16), Tagger(8)), IDS, torch.randint(5, (8, 12))),
        ((Tagger(16, 30), Tagger(8, 30)), IDS, torch.cat([IDS[:, 1:], torch.full((8, 1), -100)], 1)),
        ((Segmenter(8), Segmenter(4)), torch.randn(4, 3, 6, 6), torch.randint(4, (4, 6, 6))),
    ],
    ids=["tagging", "language model", "segmentation"],
)
@pytest.mark.parametrize("method", [KD(), WeightedSum([(1.0, KD(weight=0.0)), (1.0, Logit())])])
def test_dense_networks_learn(networks, x, y, method):
    teacher, student = networks
    loss(teacher, student, WeightedSum([(1.0, method), (1.0, PKT())]), x, y, example=x, labels=y).backward()
    assert all(parameter.grad.isfinite().all() for parameter in student.parameters())
    with pytest.raises(InvalidInputError, match="returns probabilities"):
        loss(nn.Sequential(teacher, nn.Softmax(1 if x.ndim == 4 else -1)), student, method, x, y)


def test_padding_is_left_out_by_the_attention_mask():
    teacher, student, mask = Tagger(16), Tagger(8), torch.ones_like(IDS)
    mask[:, 7:] = 0
    short = loss(teacher, student, KD(), IDS[:, :7])
    torch.testing.assert_close(loss(teacher, student, KD(), {"input_ids": IDS, "attention_mask": mask}), short)


def test_yes_or_no_by_loops():
    student, teacher = torch.randn(3, 2), torch.randn(3, 2)
    target = torch.tensor([[1.0, 0.0], [0.5, -100.0], [0.0, 1.0]])
    found = []
    for mine, theirs, label in zip(
        student.flatten().tolist(), teacher.flatten().tolist(), target.flatten().tolist(), strict=True
    ):
        if label == -100:
            continue
        p, q, own = (1 / (1 + math.exp(-v)) for v in (theirs / 2, mine / 2, mine))
        soft = 4 * (p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q)))
        found.append(0.6 * soft - 0.4 * (label * math.log(own) + (1 - label) * math.log(1 - own)))
    value = binary_kd(student, teacher, target, temperature=2.0, weight=0.6)
    assert value.item() == pytest.approx(sum(found) / len(found), rel=1e-5)


def test_yes_or_no_of_one_output_equals_two_classes():
    student, teacher, y = torch.randn(6), torch.randn(6), torch.tensor([0, 1, 1, 0, 1, 0])
    two = [torch.stack([torch.zeros(6), side], 1) for side in (student, teacher)]
    for shape in ((6,), (6, 1)):
        one = [side.view(shape) for side in (student, teacher)]
        torch.testing.assert_close(binary_kd(*one, y), kd(*two, y))
        torch.testing.assert_close(binary_kd(*one), kd(*two))
    with pytest.raises(InvalidInputError, match=r"yes or no take BinaryKD"):
        kd(student[:, None], teacher[:, None], y)
    with pytest.raises(InvalidInputError, match=r"3 among the targets; expected 0, 1"):
        binary_kd(student, teacher, 3 * y)
    with pytest.raises(InvalidInputError, match=r"one number, 0 or 1, for each output"):
        binary_kd(*two, y.float())
    classes = torch.where(torch.arange(6) == 4, -100, y)
    written_out = torch.where(classes[:, None] == -100, -100, torch.stack([classes == 0, classes == 1], 1).long())
    torch.testing.assert_close(binary_kd(*two, classes), binary_kd(*two, written_out))


def mlp(width=16, outputs=5):
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, outputs))


def test_several_labels_a_row():
    x, y = torch.randn(16, 8), (torch.rand(16, 5) > 0.6).float()
    y[0, 0] = -100
    student = mlp(8)
    loss(mlp(), student, BinaryKD(), x, y).backward()
    assert student[0].weight.grad.abs().sum() > 0
    with pytest.raises(InvalidInputError, match="take BinaryKD"):
        loss(mlp(), mlp(8), KD(), x, y)
    for method in (BinaryKD(), KD(), GlobalBatch(BinaryKD()), WeightedSum([(1.0, BinaryKD())])):
        for end in (nn.Sigmoid(), nn.Sequential(nn.Sigmoid(), nn.Unflatten(1, (5, 1)), nn.Flatten())):
            with pytest.raises(InvalidInputError, match=r"the teacher returns probabilities.*ends in a sigmoid"):
                loss(nn.Sequential(mlp(), end), mlp(8), method, x)
            with pytest.raises(InvalidInputError, match=r"the student returns probabilities.*ends in a sigmoid"):
                loss(mlp(), nn.Sequential(mlp(8), end), method, x)
    loss(nn.Sequential(mlp(), nn.Sigmoid()), nn.Sequential(mlp(8), nn.Sigmoid()), Logit(), x)  # predictions in 0 to 1


def test_several_labels_a_row_in_a_net():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8)).astype(np.float32)
    y = (X[:, :5] > 0.3).astype(np.float32)
    settings = {"optimizer": torch.optim.Adam, "lr": 0.1, "train_split": None, "verbose": 0, "max_epochs": 10}
    teacher = NeuralNet(mlp(32), criterion=nn.BCEWithLogitsLoss, **settings).fit(X, y)
    student = BinaryKD().transfer(
        [teacher], NeuralNet(mlp(8), criterion=nn.BCEWithLogitsLoss, **settings), TransferSet(X, y), seed=0
    )
    assert ((student.forward(X).numpy() > 0) == y).mean() > 0.9
    labels = y[:, 0].astype(int)
    one = NeuralNetBinaryClassifier(mlp(8, 1), **settings)
    data = TransferSet.for_classification(X, labels)
    student = BinaryKD(weight=0.5).transfer([FrozenNetwork(mlp(32, 1))], one, data, seed=0)
    assert type(student) is NeuralNetBinaryClassifier
    assert BinaryKD(weight=0.0).transfer([FrozenNetwork(mlp(1, 1))], one, data, seed=0).score(X, labels) > 0.9
    with pytest.raises(InvalidInputError, match="BCEWithLogitsLoss"):
        BinaryKD().transfer([teacher], NeuralNet(mlp(8), criterion=nn.BCELoss, **settings), TransferSet(X, y))


Pair = namedtuple("Pair", ["start", "end"])


@dataclass
class Answer:
    start: torch.Tensor
    end: torch.Tensor


class Spans(nn.Module):
    """Where an answer starts and ends, as question answering has it."""

    def __init__(self, width, returns):
        super().__init__()
        self.words, self.start, self.end = nn.Embedding(30, width), nn.Linear(width, 1), nn.Linear(width, 1)
        self.returns = returns

    def forward(self, x):
        z = self.words(x)
        return self.returns(self.start(z)[..., 0], self.end(z)[..., 0])


RETURNS = [
    lambda a, b: {"start": a, "end": b},
    lambda a, b: (a, b),
    lambda a, b: [a, b],
    Pair,
    Answer,
]


@pytest.mark.parametrize("returns", RETURNS, ids=["dict", "tuple", "list", "named", "dataclass"])
def test_every_head_has_its_method(returns):
    teacher, student = Spans(16, returns), Spans(8, returns)
    with pytest.raises(InvalidInputError, match=r"several outputs .*Heads\(\{'(start|0)': KD\(\), '(end|1)': KD\(\)\}"):
        loss(teacher, student, KD(), IDS)
    names = [0, 1] if isinstance(returns(IDS, IDS), tuple | list) and returns is not Pair else ["start", "end"]
    both = Heads({names[0]: KD(), names[1]: KD(temperature=1.0)})
    out, theirs = [[part[..., 0] for part in (n.start(n.words(IDS)), n.end(n.words(IDS)))] for n in (student, teacher)]
    y = IDS % 12
    expected = kd(out[0], theirs[0], y[:, 0]) + kd(out[1], theirs[1], y[:, 1], temperature=1.0)
    for targets in (y[:, :2], (y[:, 0], y[:, 1]), dict(zip(names, y.T, strict=False))):
        torch.testing.assert_close(loss(teacher, student, both, IDS, targets), expected)
    student.zero_grad()
    loss(teacher, student, Heads({names[1]: KD()}), IDS).backward()
    assert student.start.weight.grad is None
    assert student.end.weight.grad.abs().sum() > 0
    with pytest.raises(InvalidInputError, match=r"no output 'middle'; the network returns"):
        loss(teacher, student, Heads({"middle": KD()}), IDS)
    with pytest.raises(InvalidInputError, match=r"1 targets came for 2 heads"):
        loss(teacher, student, both, IDS, (y[:, 0],))


def test_heads_that_are_called_logits_are_all_taught():
    def returns(a, b):
        return {"loss": (a.mean() + b.mean()).detach(), "start_logits": a, "end_logits": b}

    teacher, student = Spans(16, returns), Spans(8, returns)
    value = loss(teacher, student, KD(), IDS)
    value.backward()
    assert student.start.weight.grad.abs().sum() > 0
    assert student.end.weight.grad.abs().sum() > 0
    torch.testing.assert_close(value, loss(teacher, student, Heads({"start_logits": KD(), "end_logits": KD()}), IDS))
    with pytest.raises(InvalidInputError, match="returns probabilities"):
        loss(Spans(16, lambda a, b: returns(a, b.softmax(1))), student, KD(), IDS)


def test_a_teacher_of_one_output_teaches_all_heads():
    body, teacher = nn.Linear(8, 6), mlp(outputs=3)

    class Distilled(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.a, self.b = body, nn.Linear(6, 3), nn.Linear(6, 3)

        def forward(self, x):
            return self.a(self.body(x)), self.b(self.body(x))

    student, x, y = Distilled(), torch.randn(16, 8), torch.arange(16) % 3
    method = Heads({0: KD(weight=0.0), 1: KD(weight=1.0)})
    first, second = student(x)
    expected = kd(first, teacher(x), y, weight=0.0) + kd(second, teacher(x), y, weight=1.0)
    torch.testing.assert_close(loss(teacher, student, method, x, y), expected)


def test_heads_in_other_combinations(tmp_path):
    returns, method = (
        RETURNS[0],
        Heads({"start": KD(), "end": WeightedSum([(1.0, KD()), (2.0, PKT([("words",) * 2]))])}),
    )
    teacher, other, student = Spans(16, returns), Spans(12, returns), Spans(8, returns)
    one, two = (loss(network, student, method, IDS) for network in (teacher, other))
    torch.testing.assert_close(loss(Teachers(teacher, other), student, Dense(method), IDS), (one + two) / 2)
    torch.testing.assert_close(loss(teacher, student, WeightedSum([(3.0, method)]), IDS), 3 * one)
    torch.testing.assert_close(loss(teacher, student, GlobalBatch(method), IDS), one)
    with pytest.raises(InvalidInputError, match="keeps one output"):
        loss(CachedTeacher(teacher, IDS, tmp_path), student, method, IDS)
