"""Several teachers at once: the formula, the silences, chains of nets."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch import NeuralNetClassifier
from torch import nn

from stepdown.core import Hop, InvalidInputError, TransferSet, run_hops
from stepdown.nn import KD, PKT, Dense, GlobalBatch, Outputs, Teachers, Transfer, WeightedSum, functional
from stepdown.nn.contrib import Hint

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "C2.json").read_text())["C2_dgkd"]


def network(width=4, classes=3):
    return nn.Sequential(nn.Linear(5, width), nn.ReLU(), nn.Linear(width, classes))


def batch(n=8):
    return torch.randn(n, 5), torch.arange(n) % 3


def kd_of(student, teachers, y, method=None):
    """The loss by its definition."""
    method = KD() if method is None else method
    losses = [method.loss(Outputs(student), Outputs(logits), y, epoch=0) for logits in teachers]
    return sum(losses) / len(losses)


@pytest.mark.parametrize("case", VECTORS[:1], ids=lambda case: case["name"])
def test_the_mean_of_the_published_terms(case):
    given, expected = case["inputs"], case["expected"]
    z_t, z_s, z_a = (
        torch.tensor(given[k], dtype=torch.float64) for k in ("teacher_logits", "student_logits", "ta_logits")
    )
    y, T, lam = torch.tensor(given["y"]), given["T"], given["lam"]
    teacher = Outputs(z_a[0], {"teacher1": z_t, "teacher2": z_a[0]})
    loss = Dense(KD(T, lam)).loss(Outputs(z_s), teacher, y, epoch=0)
    hard = nn.functional.cross_entropy(z_s, y)
    kls = [expected["kl_teacher"], *expected["kl_ta"]]
    assert loss.item() == pytest.approx(((1 - lam) * hard + lam * T**2 * np.mean(kls)).item(), abs=1e-9)
    # The paper's sum is a multiple of the mean with another share of the labels.
    n = len(kls)
    share = n * lam / (1 - lam + n * lam)
    ours = Dense(KD(T, share)).loss(Outputs(z_s), teacher, y, epoch=0) * (1 - lam) / (1 - share)
    assert ours.item() == pytest.approx(expected["total"], abs=1e-9)


def test_soft_targets_of_all_are_those_of_their_average():
    student = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    teachers = [3 * torch.randn(6, 3, dtype=torch.float64) for _ in range(3)]
    T = 2.0
    layers = {f"teacher{number}": logits for number, logits in enumerate(teachers, start=1)}
    (dense,) = torch.autograd.grad(
        Dense(KD(T, 1.0)).loss(Outputs(student), Outputs(teachers[-1], layers), None, epoch=0), student
    )
    average = T * torch.stack([torch.softmax(logits / T, 1) for logits in teachers]).mean(0).log()
    (single,) = torch.autograd.grad(functional.kd(student, average, temperature=T), student)
    torch.testing.assert_close(dense, single)


def test_a_loop_of_ones_own_with_layers_and_adapters():
    teachers, student = [network(9).eval(), network(6).eval()], network(4)
    x, y = batch()
    method = WeightedSum([(1.0, KD()), (0.5, Hint([("0", "0")]))])
    with Transfer(Teachers(*teachers), student, Dense(method), example=x) as transfer:
        loss = transfer.loss(x, student(x), y, epoch=0)
        assert list(transfer.terms) == [
            f"teacher {number}: {part}" for number in (1, 2) for part in ("1. KD", "2. 0 -> 0")
        ]
        assert [adapter["1"]["0"].out_features for adapter in transfer.adapters.values()] == [9, 6]
        loss.backward()
    assert all(parameter.grad is not None for parameter in transfer.adapters.parameters())
    hints = [
        functional.hint(transfer.adapters[f"teacher{number}"]["1"]["0"](student[0](x)), teacher[0](x))
        for number, teacher in enumerate(teachers, start=1)
    ]
    soft = kd_of(student(x), [teacher(x) for teacher in teachers], y)
    torch.testing.assert_close(loss, soft + 0.5 * sum(hints) / 2)
    assert all(parameter.grad is None for teacher in teachers for parameter in teacher.parameters())


@pytest.mark.parametrize(
    ("dense", "frequencies"),
    [
        (Dense(KD(), drop=1), {2: 1.0}),
        (Dense(KD(), drop=5), {1: 1.0}),
        (Dense(KD(), keep=0.75), {3: 0.421875, 2: 0.421875, 1: 0.140625 + 0.015625}),
        (Dense(KD(), drop=1, keep=0.5), {2: 0.25, 1: 0.75}),
    ],
    ids=repr,
)
def test_silences_are_drawn_anew_for_each_batch(dense, frequencies):
    student = torch.randn(4, 3, requires_grad=True)
    each = {f"teacher{number}": torch.randn(4, 3) for number in (1, 2, 3)}
    y = torch.tensor([0, 1, 2, 0])
    heard = []
    for _ in range(600):
        terms = dense.terms(Outputs(student), Outputs(each["teacher3"], each), y, epoch=0)
        speaking = [int(name.removeprefix("teacher ").split(":")[0]) for name in terms]
        heard.append(tuple(speaking))
        expected = kd_of(student, [each[f"teacher{number}"] for number in speaking], y)
        torch.testing.assert_close(sum(terms.values()), expected)
    counts = np.bincount([len(speaking) for speaking in heard], minlength=4) / len(heard)
    for size in range(4):
        assert counts[size] == pytest.approx(frequencies.get(size, 0.0), abs=0.08)
    by_teacher = np.bincount([number for speaking in heard for number in speaking], minlength=4)[1:]
    assert by_teacher.min() > 0.8 * by_teacher.max()  # any may fall silent, the complex one too


def test_all_speak_in_validation_and_a_single_one_always():
    each = {f"teacher{number}": torch.randn(4, 3) for number in (1, 2, 3)}
    student, y = Outputs(torch.randn(4, 3)), torch.tensor([0, 1, 2, 0])
    state = torch.get_rng_state()
    with torch.no_grad():
        assert len(Dense(KD(), drop=2, keep=0.1).terms(student, Outputs(each["teacher1"], each), y, epoch=0)) == 3
    one = {"teacher1": each["teacher1"]}
    assert len(Dense(KD(), drop=2, keep=0.1).terms(student, Outputs(each["teacher1"], one), y, epoch=0)) == 1
    Dense(KD()).terms(student, Outputs(each["teacher1"], each), y, epoch=0)
    assert torch.equal(state, torch.get_rng_state())  # nothing is drawn where nothing can fall silent


def net(width=4, **rest):
    settings = {"criterion": nn.CrossEntropyLoss, "max_epochs": 2, "train_split": None, "verbose": 0, "lr": 0.1}
    torch.manual_seed(0)
    return NeuralNetClassifier(network(width), **{**settings, **rest})


@pytest.fixture
def data():
    x, y = batch(48)
    return TransferSet.for_classification(x.numpy(), y.numpy())


def test_a_chain_of_nets_asks_all_that_came_before(data):
    teacher = net(16).fit(data.X, data.y)
    hops = [Hop(net(8), KD(), name="assistant"), Hop(net(4), Dense(KD(), drop=1), name="student")]
    records, _ = run_hops([teacher], hops, data, seed=0)
    assert type(records[1].model) is NeuralNetClassifier
    again, _ = run_hops([teacher], hops, data, seed=0)
    states = [result[1].model.module_.state_dict() for result in (records, again)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])

    both = Dense(KD()).transfer([teacher, records[0].model], net(4), data, seed=1).module_.state_dict()
    last = Dense(KD()).transfer([records[0].model], net(4), data, seed=1).module_.state_dict()
    plain = KD().transfer([records[0].model], net(4), data, seed=1).module_.state_dict()
    assert all(torch.equal(last[name], plain[name]) for name in plain)
    assert not any(torch.equal(both[name], plain[name]) for name in plain)


def test_it_combines_and_clones(data):
    method = clone(Dense(WeightedSum([(1.0, KD()), (1.0, PKT([("1", "1")]))]), keep=0.75))
    teachers = [net(16).fit(data.X, data.y), net(8).fit(data.X, data.y)]
    assert len(method.transfer(teachers, net(), data, seed=0).history) == 2
    x, y = batch()
    networks = Teachers(*(teacher.module_ for teacher in teachers))
    student = network()
    with Transfer(networks, student, GlobalBatch(Dense(KD()))) as transfer:
        found = transfer.loss(x, student(x), y, epoch=0)
    torch.testing.assert_close(found, kd_of(student(x), [teacher(x) for teacher in networks.children()], y))


def test_what_it_refuses(data):
    teacher, other = net(16).fit(data.X, data.y), nn.Sequential(nn.Flatten(), nn.Linear(5, 3))
    x, y = batch()
    for dense in (Dense(KD(), keep=0.0), Dense(KD(), drop=-1), Dense(KD(), keep=1.5)):
        with pytest.raises(InvalidInputError, match="expected a number of teachers from 0, and a probability above 0"):
            dense.transfer([teacher], net(), data)
    with pytest.raises(InvalidInputError, match="name layers that all of them have"):
        Dense(PKT()).transfer([teacher, teacher], net(), data)
    with (
        pytest.raises(InvalidInputError, match="teacher1 has no layer '2', which another teacher has"),
        Transfer(Teachers(other, teacher.module_), (student := network()), Dense(PKT([("2", "1")]))) as transfer,
    ):
        transfer.loss(x, student(x), y, epoch=0)
    with pytest.raises(InvalidInputError, match="0 teachers came"):
        Teachers()
    with pytest.raises(InvalidInputError, match="teacher, got none"):
        Dense(KD()).transfer([], net(), data)
    probabilities = net(8, criterion=nn.NLLLoss).initialize()
    with pytest.raises(InvalidInputError, match="NLLLoss"):
        Dense(KD()).transfer([probabilities, teacher], net(), data)
