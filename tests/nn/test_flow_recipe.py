"""The published recipe to the letter, against its formulae written down plainly; rates, stages and optimisers."""

import copy
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, LRScheduler
from torch import nn
from torch.nn import functional

from stepdown.core import InvalidInputError, TransferSet
from stepdown.nn import (
    KD,
    PKT,
    CriticalPeriod,
    FlowRecipe,
    FrozenNetwork,
    InformationFlow,
    LabelFlow,
    Paced,
    Staged,
    Transfer,
    WeightedSum,
    flow_through_auxiliary,
    propose_pairs,
)


class Published(nn.Module):
    """The architecture of the published small networks."""

    def __init__(self, one, two, three, hidden):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, one, 3), nn.BatchNorm2d(one)
        self.conv2, self.bn2 = nn.Conv2d(one, two, 3), nn.BatchNorm2d(two)
        self.conv3, self.bn3 = nn.Conv2d(two, three, 3), nn.BatchNorm2d(three)
        self.out1, self.out2, self.out3 = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.fc1, self.out4 = nn.Linear(4 * three, hidden), nn.ReLU()
        self.fc2 = nn.Linear(hidden, 10)

    def forward(self, x):
        x = functional.max_pool2d(self.out1(self.bn1(self.conv1(x))), 2)
        x = functional.max_pool2d(self.out2(self.bn2(self.conv2(x))), 2)
        x = functional.max_pool2d(self.out3(self.bn3(self.conv3(x))), 2)
        return self.fc2(self.out4(self.fc1(x.flatten(1))))


LAYERS = ["out1", "out2", "out3", "out4"]


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.standard_normal((48, 3, 32, 32)), np.arange(48) % 10


def plain(student, teacher):
    """Both kernels, each row a distribution, and Jeffreys' divergence: means over all pairs of rows."""
    found = 0
    for kernel in (cosine, student_t):
        s, t = kernel(student.flatten(1)), kernel(teacher.flatten(1))
        s, t = s / s.sum(1, keepdim=True), t / t.sum(1, keepdim=True)
        found = found + ((t - s) * (t.log() - s.log())).mean()
    return found


def cosine(x):
    x = x / (x.pow(2).sum(1, keepdim=True).sqrt() + 1e-6)
    return (x @ x.T + 1) / 2


def student_t(x):
    products = x @ x.T
    squares = products.diagonal()
    return 1 / (1 + ((squares[:, None] + squares[None] - 2 * products).clamp(min=0) + 1e-6).sqrt())


def tapped(network, x, layers):
    seen, hooks = {}, []
    for name in layers:
        keep = lambda _, __, out, name=name: seen.__setitem__(name, out)  # noqa: E731
        hooks.append(network.get_submodule(name).register_forward_hook(keep))
    network(x)
    for hook in hooks:
        hook.remove()
    return seen


def by_hand(student, teacher, X, layers, epochs, rate, weight):
    student.train()
    teacher.eval()
    for epoch in range(epochs):
        optimizer = torch.optim.Adam(student.parameters(), rate)
        for start in range(0, len(X), 24):
            x = torch.as_tensor(X[start : start + 24])
            with torch.no_grad():
                theirs = tapped(teacher, x, [name for name, _ in layers])
            mine = tapped(student, x, [name for _, name in layers])
            loss = sum(
                (1.0 if place == len(layers) - 1 else weight(epoch)) * plain(mine[b], theirs[a])
                for place, (a, b) in enumerate(layers)
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def net(module, **settings):
    given = {"criterion": nn.CrossEntropyLoss, "train_split": None, "verbose": 0, "batch_size": 24, **settings}
    return NeuralNetClassifier(module, **given)


def test_three_epochs_of_the_student_are_those_of_the_public_code(images):
    torch.manual_seed(0)
    teacher, student = Published(16, 32, 64, 128).double(), Published(8, 16, 32, 64).double()
    own = copy.deepcopy(student)
    pairs = [(layer, layer) for layer in LAYERS]
    by_hand(own, teacher, images[0], pairs, 3, 1e-3, lambda epoch: 100 * 0.7**epoch)
    recipe = replace(FlowRecipe(), student=((3, 1e-3),), batch_size=24)
    data = TransferSet.for_classification(*images)
    method = recipe.for_student(InformationFlow(pairs, CriticalPeriod()), "out4")
    taught = method.transfer([FrozenNetwork(teacher)], recipe.applied(net(student)), data, seed=0)
    for name, values in own.state_dict().items():
        torch.testing.assert_close(taught.module_.state_dict()[name], values, rtol=1e-9, atol=1e-9)
    without = replace(recipe, renewed=False).for_student(InformationFlow(pairs, CriticalPeriod()), "out4")
    other = without.transfer([FrozenNetwork(teacher)], recipe.applied(net(student)), data, seed=0)
    assert not torch.allclose(other.module_.conv1.weight, own.conv1.weight, atol=1e-9)


def test_the_auxiliary_learns_labels_and_then_the_hybrid_kernel_at_their_rates(images):
    torch.manual_seed(1)
    teacher, auxiliary = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)).double(), Published(16, 32, 64, 128).double()
    own = copy.deepcopy(auxiliary)
    X, y = images
    own.train()
    for rate in (1e-3, 1e-4):
        optimizer = torch.optim.Adam(own.parameters(), rate)
        for start in (0, 24):
            out = own(torch.as_tensor(X[start : start + 24]))
            optimizer.zero_grad()
            functional.cross_entropy(out, torch.as_tensor(y[start : start + 24])).backward()
            optimizer.step()
    by_hand(own, teacher, X, [("1", "out4")], 1, 1e-3, float)
    by_hand(own, teacher, X, [("1", "out4")], 1, 1e-4, float)
    recipe = replace(FlowRecipe(), labels=((1, 1e-3), (1, 1e-4)), transfer=((1, 1e-3), (1, 1e-4)), batch_size=24)
    settings, method = recipe.for_bridge(InformationFlow([("1", "out4")]), "out4")
    bridge = recipe.applied(net(auxiliary)).set_params(**settings)
    assert bridge.max_epochs == 4
    taught = method.transfer([FrozenNetwork(teacher)], bridge, TransferSet.for_classification(X, y), seed=0)
    for name, values in own.state_dict().items():
        torch.testing.assert_close(taught.module_.state_dict()[name], values, rtol=1e-9, atol=1e-9)


def test_layers_of_the_published_networks_are_found(images):
    torch.manual_seed(0)
    student = Published(8, 16, 32, 64)
    x, y = (torch.as_tensor(values[:24]) for values in images)
    found = [layer.name for layer in propose_pairs(student, student, x.float(), y).student]
    assert found == LAYERS


class Rates(Callback):
    """What a training really did, step by step."""

    seen: ClassVar[list] = []
    starts: ClassVar[list] = []

    def on_train_begin(self, net, **kwargs):
        Rates.starts.append(len(net.history))

    def on_grad_computed(self, net, named_parameters, training=False, **kwargs):
        group = net.optimizer_.param_groups[0]
        state = next(iter(net.optimizer_.state.values()), {})
        Rates.seen.append((round(group["lr"], 6), int(state.get("step", 0))))


@pytest.fixture
def rates():
    Rates.seen, Rates.starts = [], []
    return Rates


@pytest.fixture
def small():
    X = np.random.default_rng(0).standard_normal((24, 4)).astype(np.float32)
    return TransferSet.for_classification(X, np.arange(24) % 3)


def module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


def test_the_recipe_in_one_call_keeps_rates_stages_and_the_users_callbacks(small, rates):
    recipe = FlowRecipe(labels=((2, 0.01), (1, 0.001)), transfer=((1, 0.02), (1, 0.002)), student=((2, 0.005),))
    teacher = net(module(), optimizer=torch.optim.Adam).fit(small.X, small.y)
    student = net(module(), callbacks=[("rates", Rates)], lr=7.0, max_epochs=77)
    record = flow_through_auxiliary(teacher, student, small, recipe=replace(recipe, batch_size=12), seed=0)
    steps = [0.01] * 4 + [0.001] * 2 + [0.02] * 2 + [0.002] * 2 + [0.005] * 4
    assert rates.seen == [(rate, number % 2) for number, rate in enumerate(steps)]
    assert rates.starts == [0, 0, 0, 0, 0]  # four stages of the auxiliary, one of the student
    assert record.hops[1].model.max_epochs == 2
    assert (student.lr, student.max_epochs) == (7.0, 77)
    assert type(record.student.optimizer_) is torch.optim.Adam


def test_recipes_by_name(small, rates):
    teacher = net(module(), optimizer=torch.optim.Adam).fit(small.X, small.y)
    student = net(module(), callbacks=[("rates", Rates)])
    better = FlowRecipe.better().shortened(0.04)
    record = flow_through_auxiliary(teacher, student, small, recipe=better, seed=0)
    assert better.student == ((2, 0.003),)
    assert "LabelFlow" in repr(record.hops[1].method)
    fallen = [0.003 * (1 + np.cos(np.pi * (done - 0.1) / 0.9)) / 2 for done in (0.25, 0.75)]
    assert [rate for rate, _ in rates.seen][-2:] == pytest.approx(fallen, abs=1e-6)
    with pytest.raises(InvalidInputError, match="cvpr2020"):
        flow_through_auxiliary(teacher, student, small, recipe="cvpr2021")
    with pytest.raises(InvalidInputError, match="label_epochs"):
        flow_through_auxiliary(teacher, student, small, recipe="cvpr2020", label_epochs=3)
    with pytest.raises(InvalidInputError, match="transfer"):
        FlowRecipe(transfer=((0, 1e-3),))
    with pytest.raises(InvalidInputError, match="factor"):
        FlowRecipe().shortened(-1)


def test_a_scheduler_of_the_users_begins_anew_in_each_stage_and_doesnt_meet_a_falling_rate(small, rates):
    halving = LRScheduler(policy="StepLR", step_size=1, gamma=0.5)
    student = net(module(), max_epochs=4, lr=0.1, callbacks=[("halving", halving), ("rates", Rates)])
    method = Staged([(2, Paced(KD(weight=0.0))), (None, Paced(KD(), rate=0.1))])
    method.transfer([FrozenNetwork(module())], student, small, seed=0)
    assert [rate for rate, _ in rates.seen] == [0.1, 0.05, 0.01, 0.005]
    with pytest.raises(InvalidInputError, match="scheduler"):
        Paced(KD(), falling=4).transfer([FrozenNetwork(module())], student, small, seed=0)
    with pytest.raises(InvalidInputError, match="rate=0"):
        Paced(KD(), rate=0).transfer([FrozenNetwork(module())], student, small, seed=0)


def test_a_paced_method_is_the_method(small):
    def taught(method):
        student = net(module(), max_epochs=2, lr=0.1)
        return method.transfer([FrozenNetwork(nn.Sequential(nn.Linear(4, 3)))], student, small, seed=0).module_

    a, b = taught(PKT([("0", "0")])), taught(Paced(PKT("auto")).with_pairs([("0", "0")]))
    assert all(torch.equal(values, b.state_dict()[name]) for name, values in a.state_dict().items())


def test_labels_are_a_layer_that_teaches():
    """Rows of one class come together; the order and the names of classes don't matter."""
    student, teacher = module(), module()  # which seeds
    y = torch.arange(30) % 3
    x = torch.randn(30, 4) + 2 * functional.one_hot(y, 4)
    with Transfer(teacher, student, LabelFlow("0")) as transfer:
        loss = transfer.loss(x, student(x), y, epoch=0)
        torch.testing.assert_close(loss, transfer.loss(x, student(x), (y + 1) % 3, epoch=0))
        with pytest.raises(InvalidInputError, match="LabelFlow"):
            transfer.loss(x, student(x), x[:, 0], epoch=0)
    optimizer = torch.optim.Adam(student.parameters(), 0.02)
    with Transfer(teacher, student, WeightedSum([(1.0, LabelFlow("0"))])) as transfer:
        for epoch in range(100):
            optimizer.zero_grad()
            transfer.loss(x, student(x), y, epoch=epoch).backward()
            optimizer.step()
        after = transfer.loss(x, student(x), y, epoch=0)
    assert float(after.detach()) < 0.8 * float(loss.detach())
