"""Outputs that a loss would misread are refused at the first batch, with the layer's name and the way out."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.checkpoint import checkpoint

from stepdown import nn as networks
from stepdown.core import InvalidInputError
from stepdown.nn import KD, PKT, CachedTeacher, Constant, InformationFlow, Transfer, WeightedSum
from stepdown.nn.contrib import SP, VID, Hint, Logit
from stepdown.nn.functional import at, attention_map


def mlp(width=16, outputs=3):
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs))


def loss(teacher, student, method, x, y=None, **rest):
    with Transfer(teacher, student, method, **rest) as transfer:
        return transfer.loss(x, student(x), y, epoch=0)


class TimeFirst(nn.Module):
    def __init__(self, packed=False):
        super().__init__()
        self.lstm, self.head, self.packed = nn.LSTM(2, 6), nn.Linear(6, 3), packed

    def forward(self, x):
        x = x.view(-1, 4, 2).transpose(0, 1)
        if self.packed:
            x = pack_padded_sequence(x, [4] * x.shape[1])
        return self.head(self.lstm(x)[1][0][-1])


@pytest.mark.parametrize("layer", ["lstm", "lstm[0]", "lstm[1]"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("method", [PKT, SP, Hint])
def test_layers_whose_first_axis_is_not_the_batch(layer, packed, method):
    network, x = TimeFirst(packed), torch.randn(32, 8)
    with pytest.raises(InvalidInputError, match=r"layer 'lstm.*(batch of 32 rows.*batch_first|without tensors)"):
        loss(TimeFirst(packed), network, method([(layer, layer)]), x, example=x)


class Checkpointed(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.inp, self.block, self.out = nn.Linear(8, 8), nn.Sequential(nn.Linear(8, 8), nn.ReLU()), nn.Linear(8, 3)
        self.reentrant = reentrant

    def forward(self, x):
        return self.out(checkpoint(self.block, self.inp(x), use_reentrant=self.reentrant))


def test_layers_without_a_gradient():
    x, pairs = torch.randn(16, 8), [("1", "block.0")]
    loss(mlp(), Checkpointed(False), InformationFlow(pairs), x).backward()
    with pytest.raises(InvalidInputError, match=r"'block\.0' has no gradient.*use_reentrant"):
        loss(mlp(), Checkpointed(True), WeightedSum([(1.0, KD()), (1.0, InformationFlow(pairs))]), x)
    frozen = mlp()
    frozen[0].requires_grad_(False)
    with pytest.raises(InvalidInputError, match=r"'1' has no gradient: it is frozen"):
        loss(mlp(), frozen, PKT([("1", "1")]), x)
    with torch.no_grad():  # as in validation
        loss(mlp(), frozen, PKT([("1", "1")]), x)
    words = nn.Sequential(nn.Embedding(30, 8), nn.Flatten(), nn.Linear(40, 3))
    with pytest.raises(InvalidInputError, match=r"'0:input' holds whole numbers"):
        loss(words, nn.Sequential(*map(copied, words)), PKT([("0:input", "0:input")]), torch.randint(30, (8, 5)))


def copied(layer):
    return type(layer)(*{nn.Embedding: (30, 8), nn.Flatten: (), nn.Linear: (40, 3)}[type(layer)])


@pytest.mark.parametrize("end", [nn.Softmax(1), nn.Sequential(nn.Softmax(1), nn.Identity())])
@pytest.mark.parametrize("method", [KD(), Logit(), WeightedSum([(1.0, PKT([("1", "1")])), (1.0, KD())])])
def test_networks_that_end_in_a_softmax(end, method):
    x = torch.randn(16, 8)
    with pytest.raises(InvalidInputError, match=r"the teacher returns probabilities.*reads logits"):
        loss(nn.Sequential(*mlp(), end), mlp(), method, x)
    with pytest.raises(InvalidInputError, match=r"the student returns probabilities"):
        loss(mlp(), nn.Sequential(*mlp(), end), method, x)
    loss(nn.Sequential(*mlp(), nn.LogSoftmax(1)), mlp(), method, x)
    loss(nn.Sequential(*mlp(), end), mlp(), PKT([("1", "1")]), x)


class Heads(nn.Module):
    """Two heads, or one beside what it reads or what is made of it."""

    def __init__(self, returns):
        super().__init__()
        self.body, self.a, self.b = nn.Linear(8, 6), nn.Linear(6, 3), nn.Linear(6, 3)
        self.returns = returns

    def forward(self, x):
        features = self.body(x).relu()
        return self.returns(features, self.a(features), self.b(features))


@pytest.mark.parametrize(
    "returns",
    [lambda f, a, b: {"start": a, "end": b}, lambda f, a, b: (a, b), lambda f, a, b: [a, f, b[:, :1]]],
    ids=["dict", "tuple", "with features"],
)
def test_several_heads_are_asked_about(returns):
    x = torch.randn(16, 8)
    with pytest.raises(InvalidInputError, match=r"several outputs.*called 'logits'"):
        loss(Heads(returns), Heads(returns), KD(), x)
    loss(Heads(returns), Heads(returns), PKT([("body", "body")]), x)


@pytest.mark.parametrize(
    "returns",
    [lambda f, a, b: (a, f), lambda f, a, b: (a, a.softmax(1)), lambda f, a, b: {"aux": b, "logits": a}],
    ids=["features", "probabilities", "named"],
)
def test_one_head_with_company_is_taught(returns):
    student, x = Heads(returns), torch.randn(16, 8)
    loss(Heads(returns), student, KD(), x).backward()
    assert student.a.weight.grad is not None


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (torch.zeros(16, 1).long(), r"shape \(16, 1\).*flatten"),
        (torch.zeros(16), r"float32; expected class indices"),
        (torch.zeros(15).long(), r"expected class indices of shape \(16,\)"),
        (torch.ones(16, 3), r"sum to 3 to 3, not to 1"),
        (torch.full((16,), 3), r"class 3 among the targets.*3 outputs"),
    ],
)
def test_targets_that_are_no_classes(y, message):
    with pytest.raises(InvalidInputError, match=message):
        loss(mlp(), mlp(), KD(), torch.randn(16, 8), y)


def test_shares_of_classes_and_short_integers_are_targets():
    teacher, student, x, y = mlp(), mlp(), torch.randn(6, 8), torch.tensor([0, 1, 2, 0, 1, 2])
    wanted = loss(teacher, student, KD(), x, y)
    torch.testing.assert_close(loss(teacher, student, KD(), x, torch.eye(3)[y]), wanted)
    torch.testing.assert_close(loss(teacher, student, KD(), x, y.int()), wanted)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64])
def test_a_teacher_in_another_precision(kind):
    x = torch.randn(16, 8)
    for method in (KD(), PKT([("1", "1")]), InformationFlow()):
        student = mlp(8)
        loss(mlp().to(kind), student, method, x, example=x).backward()
        assert student[0].weight.grad.isfinite().all()


def test_kept_features_are_for_one_array_of_numbers(tmp_path):
    teacher, x = mlp(), torch.randn(16, 8)
    with pytest.raises(InvalidInputError, match=r"one array or tensor of rows, got a dict"):
        loss(CachedTeacher(teacher, {"x": x}, tmp_path), mlp(), KD(), x)
    kept = loss(CachedTeacher(teacher, x.double().numpy(), tmp_path), student := mlp(), KD(), x)
    torch.testing.assert_close(kept, loss(teacher, student, KD(), x))


class Words(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.words, self.layer, self.head = nn.Embedding(30, width), nn.Linear(width, width), nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.layer(self.words(x)).mean(1))


@pytest.mark.parametrize("method", [Hint, VID])
@pytest.mark.parametrize("widths", [(32, 16), (16, 16)])
def test_tokens_have_their_features_last(method, widths):
    teacher, student = map(Words, widths)
    ids = torch.randint(30, (8, 12))
    with Transfer(teacher, student, method([("layer", "layer")]), example=ids) as transfer:
        assert all(isinstance(part, nn.Linear) for part in transfer.adapters.modules() if hasattr(part, "weight"))
        for n_tokens in (12, 9):
            x = ids[:, :n_tokens]
            transfer.loss(x, student(x), epoch=0).backward()


@pytest.mark.parametrize("method", [Hint, VID])
def test_the_axis_of_channels_follows_the_shapes_or_is_given(method):
    def adapter(student, teacher, **rest):
        made = method([("a", "a")], **rest).adapter(torch.randn(student), torch.randn(teacher))
        first = next(part for part in made.modules() if hasattr(part, "weight"))
        return type(first), first.weight.shape[1]

    assert adapter((5, 4, 9), (5, 6, 9)) == (nn.Conv1d, 4)
    assert adapter((5, 9, 9), (5, 9, 9), channels=1) == (nn.Conv1d, 9)
    assert adapter((5, 4, 3, 3), (5, 6, 3, 3)) == (nn.Conv2d, 4)
    assert adapter((5, 3, 3, 4), (5, 3, 3, 6)) == (nn.Linear, 4)
    assert adapter((5, 3, 3, 3), (5, 3, 3, 3), channels=-1) == (nn.Linear, 3)
    assert adapter((5, 4), (5, 6)) == (nn.Linear, 4)
    with pytest.raises(InvalidInputError, match=r"position by position"):
        adapter((5, 4, 9), (5, 6, 8))
    made = method([("a", "a")]).adapter(torch.randn(5, 7, 4), torch.randn(5, 7, 6))
    method([("a", "a")]).layer_loss(torch.randn(5, 7, 4), torch.randn(5, 7, 6), made).backward()


def test_attention_of_tokens_and_maps():
    tokens, maps = torch.rand(4, 10, 16), torch.rand(4, 8, 3, 3)
    expected = tokens.square().mean(2)
    torch.testing.assert_close(attention_map(tokens), expected / expected.norm(dim=1, keepdim=True))
    torch.testing.assert_close(attention_map(tokens.transpose(1, 2), channels=1), attention_map(tokens))
    assert at(maps, maps.movedim(1, -1).contiguous().movedim(-1, 1)) < 1e-12
    last = at(maps.movedim(1, -1), torch.rand(4, 5, 5, 2), channels=-1)
    assert last > 0
    assert at(tokens, tokens[..., :7].contiguous().expand(4, 10, 7)) > 0


def test_a_pair_given_twice_counts_twice():
    teacher, student, x = mlp(), mlp(8), torch.randn(16, 8)
    once = loss(teacher, student, InformationFlow([("3", "3")]), x)
    twice = loss(teacher, student, InformationFlow([("3", "3"), ("3", "3")], Constant()), x)
    torch.testing.assert_close(twice, 2 * once)


@pytest.mark.parametrize("layer", ["lstm", "lstm[0]", "head:input"])
def test_as_many_time_steps_as_rows(layer):
    class Square(nn.Module):
        def __init__(self, batch_first):
            super().__init__()
            self.lstm, self.head = nn.LSTM(2, 6, batch_first=batch_first), nn.Linear(6, 3)
            self.batch_first = batch_first

        def forward(self, x):
            out = self.head(self.lstm(x if self.batch_first else x.transpose(0, 1))[0])
            return out[:, -1] if self.batch_first else out[-1]

    x = torch.randn(4, 4, 2)
    loss(Square(True), Square(True), PKT([(layer, layer)]), x)
    for teacher, student, side in ((True, False, "student"), (False, True, "teacher")):
        with pytest.raises(InvalidInputError, match=rf"{side}'s layer '{layer.split('[')[0]}.*batch of 3 rows"):
            loss(Square(teacher), Square(student), PKT([(layer, layer)]), x)


def test_a_loss_after_another_pass_of_the_student():
    teacher, student, x, method = mlp(), mlp(), torch.randn(16, 8), PKT([("1", "1")])
    with Transfer(teacher, student, method) as transfer:
        expected = transfer.loss(x, student(x), epoch=0)
        for later in (torch.no_grad, torch.enable_grad):
            out = student(x)
            with later():
                student(x + 1)
            with pytest.raises(InvalidInputError, match="has run again since it made this output"):
                transfer.loss(x, out, epoch=0)
        for changed in (lambda out: out, lambda out: 2 * out, lambda out: {"logits": out[:, :2]}):
            torch.testing.assert_close(transfer.loss(x, changed(student(x)), epoch=0), expected)
        out = student(x)
        with torch.no_grad():
            copy.deepcopy(student)(x + 1)
        torch.testing.assert_close(transfer.loss(x, out, epoch=0), expected)
        with torch.no_grad():  # validation, and a pass by parts afterwards
            student(x + 1)
        torch.testing.assert_close(transfer.loss(x, student[2:](student[:2](x)), epoch=0), expected)
    with Transfer(teacher, student, KD()) as transfer:  # which reads nothing but the output
        out = student(x)
        student(x + 1)
        torch.testing.assert_close(transfer.loss(x, out, epoch=0), transfer.loss(x, student(x), epoch=0))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in student.modules())


@pytest.mark.parametrize("again", [lambda net, x: net[:2](x), lambda net, x: copy.copy(net)(x)], ids=["part", "alias"])
def test_a_loss_after_a_part_of_the_student_has_run_again(again):
    student, x = mlp(), torch.randn(16, 8)
    with Transfer(mlp(), student, PKT([("1", "1")])) as transfer:
        for grad in (torch.no_grad, torch.enable_grad):
            out = student(x)
            with grad():
                again(student, x + 1)
            with pytest.raises(InvalidInputError, match="belongs to another pass"):
                transfer.loss(x, out, epoch=0)


def test_a_teacher_of_several_heads_is_asked_about():
    x, student = torch.randn(16, 8), mlp()
    teacher = Heads(lambda f, a, b: (a, b))
    with pytest.raises(InvalidInputError, match=r"the teacher returns several outputs.*Heads\(\{'0': KD\(\)\}\)"):
        loss(teacher, student, KD(), x)
    loss(teacher, student, networks.Heads({"1": KD()}), x).backward()
    loss(Heads(lambda f, a, b: (a, f)), student, KD(), x)


@pytest.mark.parametrize("pairs", [None, 3, [], [("1", "1", "1")], [(1, 1)], ["11"]], ids=repr)
def test_pairs_that_are_none(pairs):
    with pytest.raises(InvalidInputError, match=r"expected a sequence of \(teacher's layer, student's layer\)"):
        loss(mlp(), mlp(), PKT(pairs), torch.randn(16, 8))


def test_frozen_parameters_may_be_shared():
    words = nn.Embedding(30, 8)

    def network():
        return nn.Sequential(words, nn.Flatten(), nn.Linear(40, 3))

    x = torch.randint(30, (8, 5))
    with pytest.raises(InvalidInputError, match=r"share 1 parameters.*that are frozen may be shared"):
        loss(network(), network(), KD(), x)
    words.requires_grad_(False)
    before = words.weight.clone()
    loss(network(), student := network(), KD(), x).backward()
    assert student[2].weight.grad is not None
    assert torch.equal(words.weight, before)
    norm = nn.BatchNorm1d(8, affine=False)
    with pytest.raises(InvalidInputError, match="share 1 running means"):  # whose statistics training would move
        loss(nn.Sequential(norm, mlp()), nn.Sequential(norm, mlp()), KD(), torch.randn(16, 8))


def test_copies_of_all_sorts_have_no_hooks():
    student, x = mlp(), torch.randn(16, 8)
    with Transfer(mlp(), student, PKT([("1", "1")])) as transfer:
        average = torch.optim.swa_utils.AveragedModel(student)
        for copied_one in (average, copy.deepcopy(student), pickle.loads(pickle.dumps(student))):
            assert not any(m._forward_hooks or m._forward_pre_hooks for m in copied_one.modules())
        expected = transfer.loss(x, student(x), epoch=0)
        out = student(x)
        average.update_parameters(student)
        average(x + 1)
        torch.testing.assert_close(transfer.loss(x, out, epoch=0), expected)
