"""Transfer and every method of the room, on small networks with all kinds of layers."""

import copy
import pickle

import pytest
import torch
from sklearn.base import clone
from torch import nn

import stepdown.nn as room
import stepdown.nn.contrib as contrib
from stepdown.core import InvalidInputError, NotSupportedError, TransferSet
from stepdown.nn import (
    KD,
    PKT,
    BinaryKD,
    Constant,
    GlobalBatch,
    InformationFlow,
    LabelFlow,
    LayerMethod,
    LossMethod,
    NonFiniteLossError,
    Paced,
    Staged,
    Transfer,
    WeightedSum,
    functional,
    propose_pairs,
)
from stepdown.nn.contrib import AT, RID, RKD, SP, VID, Hint, InDistill, Logit


class Net(nn.Module):
    """Convolutions without padding, normalisation, pooling: the architecture of the published auxiliary and student."""

    def __init__(self, width=1):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(1, 4 * width, 3), nn.BatchNorm2d(4 * width), nn.ReLU(), nn.MaxPool2d(2))
        self.conv2 = nn.Sequential(nn.Conv2d(4 * width, 6 * width, 2), nn.BatchNorm2d(6 * width), nn.ReLU())
        self.fc1 = nn.Sequential(nn.Flatten(), nn.Linear(24 * width, 8 * width), nn.ReLU())
        self.drop = nn.Dropout(0.5)
        self.fc2 = nn.Linear(8 * width, 3)

    def forward(self, x):
        return self.fc2(self.drop(self.fc1(self.conv2(self.conv1(x)))))


ALL = [("conv1", "conv1"), ("conv2", "conv2"), ("fc1", "fc1")]
MAPS = ALL[:2]

METHODS = {
    "KD": KD(),
    "BinaryKD": BinaryKD(),
    "Logit": Logit(),
    "Hint": Hint(ALL),
    "AT": AT(MAPS),
    "SP": SP(ALL[-1:]),
    "RKD": RKD(ALL[-1:]),
    "VID": VID(ALL),
    "RID": RID(ALL, length=2, filtering=1),
    "PKT": PKT(ALL[-1:]),
    "InformationFlow": InformationFlow(ALL),
    "InDistill": InDistill(ALL, channels=[[0, 2, 4, 6], torch.arange(6)]),
    "WeightedSum": WeightedSum([(1.0, KD()), (0.5, VID(MAPS)), (10.0, PKT(ALL[-1:]))]),
    "Staged": Staged([(1, Hint(MAPS)), (None, KD())]),
    "GlobalBatch": GlobalBatch(VID(ALL)),
    "LabelFlow": LabelFlow(ALL[-1][1]),
    "Paced": Paced(VID(ALL), rate=0.1),
}


def batch(n=16):
    return torch.randn(n, 1, 8, 8), torch.arange(n) % 3


@pytest.fixture
def networks():
    return Net(width=2).eval(), Net()


def trained(networks, method, epochs=2, **rest):
    teacher, student = networks
    x, y = batch()
    with Transfer(teacher, student, method, example=x, labels=y, **rest) as transfer:
        optimizer = torch.optim.SGD([*student.parameters(), *transfer.parameters()], lr=1e-3)
        for epoch in range(epochs):
            loss = transfer.loss(x, student(x), y, epoch=epoch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return transfer


def test_every_method_is_tested():
    public = [getattr(part, name) for part in (room, contrib) for name in part.__all__ if name in vars(part)]
    methods = {kind.__name__ for kind in public if isinstance(kind, type) and issubclass(kind, LossMethod)}
    # Dense has several teachers (test_dense.py), Heads several outputs (test_outputs.py).
    assert methods - {"LossMethod", "LayerMethod", "Dense", "Heads"} == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_the_teacher_is_left_alone_and_the_student_learns(name, networks):
    teacher, student = networks
    before = pickle.dumps(teacher.state_dict()), copy.deepcopy(student.state_dict()), repr(METHODS[name])
    modes = [module.training for module in teacher.modules()]
    trained(networks, METHODS[name])
    assert pickle.dumps(teacher.state_dict()) == before[0]
    assert [module.training for module in teacher.modules()] == modes
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert any(not torch.equal(value, before[1][key]) for key, value in student.state_dict().items())
    assert repr(METHODS[name]) == before[2]
    assert not any(module._forward_hooks for network in networks for module in network.modules())
    assert student.training
    Net().load_state_dict(student.state_dict(), strict=True)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "Staged"])
def test_training_lowers_the_loss(name, networks):
    teacher, student = networks
    x, y = batch()
    with Transfer(teacher, student.eval(), METHODS[name], example=x) as transfer:
        optimizer = torch.optim.Adam([*student.parameters(), *transfer.parameters()], lr=1e-2)
        losses = []
        for _ in range(30):
            loss = transfer.loss(x, student(x), y, epoch=0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < 0.95 * losses[0]


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_estimators(name):
    method = METHODS[name]
    copied = clone(method)
    assert copied is not method
    assert repr(copied) == repr(method)
    assert copied.layers() == method.layers()
    with pytest.raises(NotSupportedError, match=r"stepdown\.nn\.Transfer"):
        method.transfer([], nn.Linear(1, 2), TransferSet([[0]], [0]))


@pytest.mark.parametrize("name", METHODS)
def test_terms_add_up(name, networks):
    teacher, student = networks
    x, y = batch()
    with Transfer(teacher, student.eval(), METHODS[name], example=x) as transfer:
        loss = transfer.loss(x, student(x), y, epoch=0)
        student_side, teacher_side = (transfer.student_outputs(student(x)), transfer.teacher_outputs(x))
        torch.testing.assert_close(sum(transfer.terms.values()), loss.detach())
        torch.testing.assert_close(transfer.method.loss(student_side, teacher_side, y, epoch=0), loss)


def test_layers_and_weights_of_information_flow(networks):
    teacher, student = networks
    x, _ = batch()
    with Transfer(teacher, student.eval(), InformationFlow(ALL, reduction="row")) as transfer:
        loss = transfer.loss(x, student(x), epoch=2)
        assert list(transfer.terms) == ["conv1 -> conv1", "conv2 -> conv2", "fc1 -> fc1"]
    expected, theirs, mine = 0, x, x
    for (name, _), weight in zip(ALL, (49.0, 49.0, 1.0), strict=True):
        theirs, mine = teacher.get_submodule(name)(theirs), student.get_submodule(name)(mine)
        expected = expected + weight * functional.information_flow(mine, theirs, reduction="row")
    torch.testing.assert_close(loss, expected)


def test_adapters_are_trained_and_stay_outside(networks):
    x, _ = batch()
    transfer = Transfer(*networks, VID(MAPS), example=x)
    with pytest.raises(InvalidInputError, match="not open"):
        transfer.parameters()
    with transfer:
        before = [parameter.clone() for parameter in transfer.parameters()]
        assert len(before) == 2 * 7
    moved = [parameter.detach() for parameter in trained(networks, VID(MAPS)).adapters.parameters()]
    assert len(moved) == len(before)
    scale = trained(networks, VID(MAPS), epochs=3).adapters["0"].log_scale
    assert (scale != functional.vid_initial_scale()).all()
    assert not any("adapter" in key for key in networks[1].state_dict())


@pytest.mark.parametrize("method", [VID(MAPS), WeightedSum([(1.0, KD()), (1.0, Hint(MAPS))])], ids=["VID", "sum"])
def test_adapters_have_the_students_type(method):
    teacher, student = Net(width=2).double().eval(), Net().double()
    x, y = batch()
    with Transfer(teacher, student, method, example=x.double()) as transfer:
        assert {parameter.dtype for parameter in transfer.parameters()} == {torch.float64}
        loss = transfer.loss(x.double(), student(x.double()), y, epoch=0)
        loss.backward()
    assert loss.dtype == torch.float64
    assert all(parameter.grad.dtype == torch.float64 for parameter in transfer.adapters.parameters())


def test_adapters_are_not_halved_by_autocast(networks):
    x, y = batch()
    with torch.autocast("cpu", torch.bfloat16), Transfer(*networks, Hint(MAPS), example=x) as transfer:
        assert {parameter.dtype for parameter in transfer.parameters()} == {torch.float32}
        transfer.loss(x, networks[1](x), y, epoch=0).backward()


def test_adapters_survive_a_second_entry(networks):
    transfer = trained(networks, Hint(MAPS))
    kept = [parameter.detach().clone() for parameter in transfer.adapters.parameters()]
    with transfer:
        assert all(torch.equal(old, new) for old, new in zip(kept, transfer.parameters(), strict=True))


def test_adapters_must_be_known_to_the_optimiser(networks):
    teacher, student = networks
    x, y = batch()
    with (
        Transfer(teacher, student, Hint(MAPS)) as transfer,
        pytest.raises(InvalidInputError, match=r"before the optimiser: Transfer\(\.\.\., example=x\)"),
    ):
        transfer.loss(x, student(x), y, epoch=0)


def test_the_teacher_is_put_in_evaluation_mode_and_back(networks):
    teacher, student = networks
    teacher.train()
    teacher.conv1.eval()
    before = pickle.dumps(teacher.state_dict())
    x, y = batch()
    with Transfer(teacher, student, KD()) as transfer:
        assert not any(module.training for module in teacher.modules())
        transfer.loss(x, student(x), y, epoch=0).backward()
        assert not transfer.teacher_outputs(x).logits.requires_grad
        assert pickle.dumps(teacher.state_dict()) == before
        teacher.train()
        with pytest.raises(InvalidInputError, match="teacher is in training mode"):
            transfer.loss(x, student(x), y, epoch=0)
    assert teacher.training
    assert teacher.conv2.training
    assert not teacher.conv1.training


def test_hooks_are_closed_after_an_exception(networks):
    with pytest.raises(RuntimeError, match="stop"), Transfer(*networks, InformationFlow(ALL)):
        raise RuntimeError("stop")
    with pytest.raises(InvalidInputError, match="nearest"), Transfer(*networks, PKT([("conv1", "convolution")])):
        pass
    assert not any(module._forward_hooks for network in networks for module in network.modules())


def test_what_can_not_be_transferred_is_said(networks):
    teacher, student = networks
    x, y = batch()
    with pytest.raises(InvalidInputError, match="share 12 parameters"):
        Transfer(student, student, KD())
    with pytest.raises(InvalidInputError, match="needs a batch to look at"), Transfer(*networks, InformationFlow()):
        pass
    shapes = r"teacher's layer 'conv1' -> student's layer 'conv2'.*use AT .*InformationFlow"
    for method in (Hint([("conv1", "conv2")]), VID([("conv1", "conv2")])):
        with pytest.raises(InvalidInputError, match=shapes), Transfer(teacher, student, method, example=x):
            pass
    with Transfer(teacher, student, PKT(ALL[-1:])) as transfer:
        with pytest.raises(InvalidInputError, match=r"'fc1'.*1 row\(s\).*drop_last"):
            transfer.loss(x[:1], student.eval()(x[:1]), y[:1], epoch=0)
        with pytest.raises(InvalidInputError, match="the student's output has 16 rows and the teacher's 8"):
            transfer.loss(x[:8], student(x), y, epoch=0)
        with torch.no_grad():
            out = student(x)
        with pytest.raises(InvalidInputError, match="no gradient in the student"):
            transfer.loss(x, out, y, epoch=0)
        with pytest.raises(InvalidInputError, match="'fc1' has not run since the last batch"):
            transfer.loss(x, out, y, epoch=0)
    with pytest.raises(InvalidInputError, match="not open"):
        transfer.loss(x, student(x), y, epoch=0)
    with pytest.raises(InvalidInputError, match="pairs='every' of PKT"), Transfer(*networks, PKT("every")):
        pass
    with pytest.raises(InvalidInputError, match="1 choices of channels came for 3 pairs"):
        InDistill(ALL, channels=[[0]]).layers()
    with pytest.raises(InvalidInputError, match="only the last stage may be open"):
        Staged([(None, KD()), (None, Logit())]).stage(0)


def test_dead_layers_and_losses_that_are_not_finite(networks):
    teacher, student = networks
    x, y = batch()
    with Transfer(teacher, student, InformationFlow(ALL)) as transfer:
        with torch.no_grad():
            student.fc1[1].bias.fill_(-1e6)
        with pytest.raises(InvalidInputError, match="student's layer 'fc1' is zero for every row in epoch 3"):
            transfer.loss(x, student(x), y, epoch=3)
        with torch.no_grad():
            student.fc1[1].bias.fill_(float("inf"))
        with pytest.raises(NonFiniteLossError, match="not finite in epoch 4: 'fc1 -> fc1' is nan"):
            transfer.loss(x, student(x), y, epoch=4)


def test_weighted_sum_and_staged_are_their_parts(networks):
    teacher, student = networks
    student.eval()
    x, y = batch()

    def loss(method, epoch=0):
        with Transfer(teacher, student, method) as transfer:
            return transfer.loss(x, student(x), y, epoch=epoch)

    kd, flow = KD(), InformationFlow(ALL)
    torch.testing.assert_close(loss(WeightedSum([(2.0, kd), (0.5, flow)]), 3), 2 * loss(kd) + 0.5 * loss(flow, 3))
    torch.testing.assert_close(loss(WeightedSum([(1.0, kd), (0.0, flow)]), 3), loss(kd))
    staged = Staged([(2, kd), (3, flow), (None, Logit())])
    for epoch, method, own in [(1, kd, 1), (2, flow, 0), (4, flow, 2), (5, Logit(), 0), (9, Logit(), 4)]:
        torch.testing.assert_close(loss(staged, epoch), loss(method, own))


def test_indistill_matches_the_strongest_channels_then_relations(networks):
    teacher, student = networks
    kept = [functional.strongest_filters(teacher.get_submodule(name)[0].weight, 0.5) for name in ("conv1", "conv2")]
    x, _ = batch()
    with Transfer(teacher, student.eval(), InDistill(ALL, kept)) as transfer:
        losses = [transfer.loss(x, student(x), epoch=epoch) for epoch in (0, 2, 3, 6, 7)]
    theirs, mine = teacher.conv1(x), student.conv1(x)
    torch.testing.assert_close(losses[0], functional.hint(mine, theirs[:, kept[0]]))
    assert losses[0] == losses[1] != losses[2] == losses[3]
    mine, theirs = student.fc1(student.conv2(mine)), teacher.fc1(teacher.conv2(theirs))
    torch.testing.assert_close(losses[4], functional.information_flow(mine, theirs))


def test_a_method_of_ones_own_in_a_dozen_lines(networks):
    class Mean(LayerMethod):
        def __init__(self, pairs, schedule=None):
            self.pairs = pairs
            self.schedule = schedule

        def layer_loss(self, student, teacher, adapter):
            return (student.mean() - teacher.mean()).abs()

    transfer = trained(networks, Mean(ALL, Constant(0.0)), epochs=1)
    assert list(transfer.terms) == ["fc1 -> fc1"]
    assert [mine for _, mine in trained(networks, Mean("auto"), epochs=1).method.pairs] == [
        "conv1.3",
        "conv2.2",
        "fc1.2",
    ]


def test_outputs_as_tuples_and_mappings(networks):
    class Wrapped(nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, pixels):
            return {"loss": None, "logits": self.network(pixels)}

    teacher, student = Wrapped(networks[0]).eval(), Wrapped(networks[1])
    x, y = batch()
    method = PKT([("network.fc1", "network.fc2:input")])
    for inputs in (x, (x,), {"pixels": x}):
        with Transfer(teacher, student, method) as transfer:
            assert transfer.loss(inputs, student(x), y, epoch=0) > 0


def test_proposed_pairs(networks):
    teacher, student = networks
    x, y = batch(64)
    table = propose_pairs(teacher, student, x, y)
    assert [mine for _, mine in table] == ["conv1.3", "conv2.2", "fc1.2"]
    assert table[-1] == ("fc1.2", "fc1.2")
    assert [layer.shape for layer in table.student] == [(4, 3, 3), (6, 2, 2), (8,)]
    assert student.training
    flows = functional.flow_vector([teacher.eval().conv1(x)], y)
    assert table.teacher[0].flow == pytest.approx(flows[0])
    for line in ("quadratic mutual information", "conv1.3", "4x3x3"):
        assert line in str(table)

    edited = table.pair("conv1.3", "conv2.2").without("conv2.2")
    assert list(edited) == [("conv2.2", "conv1.3"), ("fc1.2", "fc1.2")]
    assert len(table) == 3
    with pytest.raises(InvalidInputError, match=r"no layer 'conv9' in the table; it has conv1\.3"):
        table.without("conv9")
    method = clone(InformationFlow(edited))
    assert method.layers() == (("conv2.2", "fc1.2"), ("conv1.3", "fc1.2"))
    assert trained(networks, method).terms.keys() == {"conv2.2 -> conv1.3", "fc1.2 -> fc1.2"}


def test_proposed_pairs_without_labels_and_among_named_layers(networks):
    x, _ = batch(64)
    table = propose_pairs(*networks, x, teacher_layers=["conv?", "fc1"], student_layers=["conv2", "fc1"])
    assert "alignment with the last layer" in str(table)
    assert table.teacher[-1].flow == pytest.approx(1)
    assert [mine for _, mine in table] == ["conv2", "fc1"]
    same = propose_pairs(networks[0], networks[0], x)
    assert all(theirs == mine for theirs, mine in same)


def test_auto_pairs_of_methods_for_the_last_layer(networks):
    for method in (PKT(), SP(), RKD(), WeightedSum([(1.0, KD()), (1.0, PKT())])):
        transfer = trained(networks, method, epochs=1)
        assert transfer.method.layers() == (("fc1.2",), ("fc1.2",))
    assert len(trained(networks, Staged([(1, KD()), (None, InformationFlow())])).method.layers()[1]) == 3


def test_resumed_training_is_unbroken_training(networks):
    x, y = batch()
    method = WeightedSum([(1.0, KD()), (1.0, InformationFlow(ALL)), (0.1, Hint(MAPS))])

    def run(student, epochs, state=None):
        torch.manual_seed(1)
        with Transfer(networks[0], student, method, example=x) as transfer:
            if state is not None:
                transfer.adapters.load_state_dict(state)
            optimizer = torch.optim.SGD([*student.parameters(), *transfer.parameters()], lr=1e-3)
            for epoch in epochs:
                torch.manual_seed(epoch)
                optimizer.zero_grad()
                transfer.loss(x, student(x), y, epoch=epoch).backward()
                optimizer.step()
        return copy.deepcopy(transfer.adapters.state_dict())

    whole, parts = copy.deepcopy(networks[1]), copy.deepcopy(networks[1])
    run(whole, range(4))
    run(parts, range(2, 4), state=run(parts, range(2)))
    for mine, theirs in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)
