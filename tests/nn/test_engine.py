"""skorch nets in, a trained net out: what comes out is plain, and what went in is untouched."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Checkpoint, EarlyStopping, LoadInitState, LRScheduler
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import predefined_split
from torch import nn

from stepdown.core import Hop, InvalidInputError, NotSupportedError, TransferSet, run_hops
from stepdown.nn import (
    KD,
    PKT,
    FrozenNetwork,
    InformationFlow,
    NonFiniteLossError,
    Phases,
    Staged,
    Taps,
    TrainingStoppedError,
    Transfer,
    WeightedSum,
)
from stepdown.nn.contrib import AT, VID, Hint, Logit
from stepdown.trainers import PlainFit, TreeSearch

N = 96


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2))
        self.fc1 = nn.Sequential(nn.Flatten(), nn.Linear(9 * width, 2 * width), nn.ReLU())
        self.drop = nn.Dropout(0.2)
        self.fc2 = nn.Linear(2 * width, 10)

    def forward(self, x):
        return self.fc2(self.drop(self.fc1(self.conv1(x))))


class OwnNet(NeuralNetClassifier):
    """A class of the user's."""


PAIRS = [("conv1", "conv1"), ("fc1", "fc1")]


def net(width=4, kind=OwnNet, module=Net, **rest):
    settings = {
        **({"module__width": width} if isinstance(module, type) and issubclass(module, Net) else {}),
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "lr": 0.01,
        "max_epochs": 3,
        "batch_size": 32,
        "train_split": None,
        "verbose": 0,
        "iterator_train__shuffle": True,
    }
    return kind(module, **{**settings, **rest})


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32).reshape(-1, 1, 8, 8), y


@pytest.fixture(scope="module")
def data(digits):
    X, y = digits
    return TransferSet.for_classification(X[:N], y[:N])


@pytest.fixture(scope="module")
def teacher(data):
    torch.manual_seed(0)
    return net(8, max_epochs=30).fit(data.X, data.y.astype(np.int64))


def weights(module):
    return {name: values.clone() for name, values in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


METHODS = [
    KD(),
    PKT(PAIRS[1:]),
    PKT(),
    InformationFlow(PAIRS),
    VID(PAIRS[1:]),
    WeightedSum([(1.0, KD()), (10.0, Hint(PAIRS))]),
    Staged([(1, Hint(PAIRS[:1])), (None, KD())]),
]


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_what_comes_out_is_a_plain_net_of_the_users_class(method, teacher, data):
    student = net()
    taught = method.transfer([teacher], student, data, seed=0)
    assert type(taught) is OwnNet
    assert taught is not student
    Net(4).load_state_dict(taught.module_.state_dict())
    assert not any(module._forward_hooks for module in taught.module_.modules())
    assert not any("adapter" in name for name in vars(taught))
    known = {id(parameter) for parameter in taught.module_.parameters()}
    assert {id(p) for group in taught.optimizer_.param_groups for p in group["params"]} == known
    again = pickle.loads(pickle.dumps(taught))
    np.testing.assert_array_equal(again.predict_proba(data.X), taught.predict_proba(data.X))
    assert taught.classes_.tolist() == list(range(10))
    losses = [row["train_loss"] for row in taught.history]
    assert len(losses) == 3
    assert np.isfinite(losses).all()
    taught.partial_fit(data.X, data.y.astype(np.int64))  # trains on by its own criterion


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("mode", [True, False])
def test_what_went_in_is_untouched(method, mode, teacher, data):
    student = net(module=Net(4))
    student.fit(data.X, data.y.astype(np.int64))
    teacher.module_.train(mode)
    before = weights(teacher.module_), weights(student.module_), len(student.history), torch.get_rng_state()
    method.transfer([teacher], student, data, seed=1)
    assert same(before[0], weights(teacher.module_))
    assert same(before[1], weights(student.module_))
    assert len(student.history) == before[2]
    assert torch.equal(before[3], torch.get_rng_state())
    assert all(module.training is mode for module in teacher.module_.modules())
    assert not any(module._forward_hooks for module in teacher.module_.modules())


def test_training_lowers_the_loss_and_learns(teacher, digits, data):
    taught = KD(weight=0.5).transfer([teacher], net(max_epochs=30), data, seed=0)
    losses = [row["train_loss"] for row in taught.history]
    assert losses[-1] < 0.7 * losses[0]
    assert taught.score(data.X, data.y) > 0.8


def test_seeds_decide_everything(teacher, data):
    method = WeightedSum([(1.0, KD()), (1.0, VID(PAIRS))])
    torch.manual_seed(5)
    first = method.transfer([teacher], net(), data, seed=3)
    torch.manual_seed(6)
    second = method.transfer([teacher], net(), data, seed=3)
    other = method.transfer([teacher], net(), data, seed=4)
    assert same(first.module_.state_dict(), second.module_.state_dict())
    assert not same(first.module_.state_dict(), other.module_.state_dict())


def test_a_module_that_is_an_instance_is_where_training_starts(teacher, data):
    torch.manual_seed(0)
    module = Net(4)
    before = weights(module)
    student = NeuralNetClassifier(
        module, criterion=nn.CrossEntropyLoss, lr=0.0, max_epochs=1, train_split=None, verbose=0, batch_size=48
    )
    taught = KD().transfer([teacher], student, data, seed=9)
    assert same(before, weights(module))
    assert torch.equal(taught.module_.fc2.weight, module.fc2.weight)
    assert taught.module_ is not module


def test_a_plain_loop_does_the_same(teacher, data):
    """The engine adds nothing of its own: a loop by hand, without dropout, ends in the same weights."""
    method = InformationFlow(PAIRS)
    torch.manual_seed(2)
    module = Net(4)
    module.drop.p = 0.0
    by_hand = copy.deepcopy(module)
    student = NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.01,
        max_epochs=2,
        train_split=None,
        verbose=0,
        batch_size=32,
    )
    taught = method.transfer([teacher], student, data)
    optimizer = torch.optim.Adam(by_hand.parameters(), lr=0.01)
    X = torch.from_numpy(data.X)
    with Transfer(teacher.module_, by_hand, method) as transfer:
        for epoch in range(2):
            for start in range(0, N, 32):
                x = X[start : start + 32]
                loss = transfer.loss(x, by_hand.train()(x), epoch=epoch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    assert same(taught.module_.state_dict(), by_hand.state_dict())


@pytest.mark.parametrize("wrap", [FrozenEstimator, lambda net: FrozenNetwork(net.module_), lambda net: net.module_])
def test_a_teacher_comes_in_any_of_its_holders(wrap, teacher, data):
    direct = KD().transfer([teacher], net(), data, seed=0)
    held = KD().transfer([DecisionTreeClassifier(), wrap(teacher)], net(), data, seed=0, trainer=PlainFit())
    assert same(direct.module_.state_dict(), held.module_.state_dict())


def test_a_frozen_network_is_not_copied_by_clone(teacher):
    holder = FrozenNetwork(teacher.module_)
    assert clone(holder) is holder


def test_hops_through_nets(teacher, data):
    hops = [Hop(net(6), PKT(), name="bridge"), Hop(net(4), InformationFlow(PAIRS), name="student")]
    records, chain = run_hops([FrozenEstimator(teacher)], hops, data, seed=0)
    assert [type(record.model) for record in records] == [OwnNet, OwnNet]
    assert len(chain) == 3


def test_a_part_that_lacks_a_class_keeps_the_columns(teacher, data):
    rows = np.flatnonzero(data.y != 7)
    taught = KD().transfer([teacher], net(), data.take(rows), seed=0)
    assert taught.classes_.tolist() == list(range(10))


def test_validation_has_the_methods_loss(teacher, data):
    taught = PKT().transfer([teacher], net(train_split=ValidSplit(4, stratified=True)), data, seed=0)
    assert all(0 < row["valid_loss"] < 1 for row in taught.history)


def test_regression_targets_stay_as_they_are(data):
    y = data.X.mean((1, 2, 3), keepdims=False)[:, None]

    class One(nn.Sequential):
        def __init__(self, width=3):
            super().__init__(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 1))

    settings = {"max_epochs": 2, "train_split": None, "verbose": 0}
    old = NeuralNetRegressor(One, module__width=8, **settings).fit(data.X, y)
    taught = PKT([("2", "2")]).transfer([old], NeuralNetRegressor(One, **settings), TransferSet(data.X, y), seed=0)
    assert type(taught) is NeuralNetRegressor
    assert taught.predict(data.X).shape == (N, 1)


def test_resumed_training_ends_where_unbroken_training_ends(tmp_path, teacher, data):
    method = WeightedSum([(1.0, InformationFlow(PAIRS)), (1.0, Hint(PAIRS[1:]))])
    plain = {"iterator_train__shuffle": False, "module": Quiet}

    def taught(epochs, *callbacks):
        return method.transfer([teacher], net(max_epochs=epochs, callbacks=[*callbacks], **plain), data, seed=1)

    whole = taught(4)
    checkpoint = Checkpoint(monitor=None, dirname=str(tmp_path), f_adapters="adapters.pt", load_best=False)
    taught(2, checkpoint)
    rest = taught(2, LoadInitState(Checkpoint(monitor=None, dirname=str(tmp_path), f_adapters="adapters.pt")))
    assert len(rest.history) == 4
    assert same(whole.module_.state_dict(), rest.module_.state_dict())


class Quiet(Net):
    def __init__(self, width=4):
        super().__init__(width)
        self.drop.p = 0.0


def test_a_checkpoint_of_another_student_is_refused(tmp_path, teacher, data):
    KD().transfer([teacher], net(3, callbacks=[Checkpoint(monitor=None, dirname=str(tmp_path))]), data, seed=0)
    other = net(4, callbacks=[LoadInitState(Checkpoint(monitor=None, dirname=str(tmp_path)))])
    with pytest.raises(InvalidInputError, match=r"checkpoint doesn't fit this student, a Net.*size mismatch"):
        KD().transfer([teacher], other, data, seed=0)


def test_checkpoints_that_pickle_hold_the_users_class(tmp_path, teacher, data):
    kept = Checkpoint(monitor=None, dirname=str(tmp_path), f_pickle="net.pkl", load_best=False)
    KD().transfer([teacher], net(callbacks=[kept]), data, seed=0)
    with open(tmp_path / "net.pkl", "rb") as file:
        assert type(pickle.load(file)) is OwnNet


class Bursting(PKT):
    """Breaks in the second epoch."""

    def layer_loss(self, student, teacher, adapter):
        loss = super().layer_loss(student, teacher, adapter)
        return loss * (np.nan if self.pairs[0][0] == "fc1" and BURST["epoch"] > 0 else 1.0)

    def terms(self, student, teacher, target, *, epoch):
        BURST["epoch"] = epoch
        return super().terms(student, teacher, target, epoch=epoch)


BURST = {"epoch": 0}


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_student(teacher, data):
    good = PKT(PAIRS[1:]).transfer([teacher], net(max_epochs=1), data, seed=0)
    with pytest.raises(TrainingStoppedError, match=r"epoch 1: 'fc1 -> fc1' is nan.*last good one") as caught:
        Bursting(PAIRS[1:]).transfer([teacher], net(), data, seed=0)
    assert isinstance(caught.value, NonFiniteLossError)
    kept = caught.value.student
    assert type(kept) is OwnNet
    assert same(kept.module_.state_dict(), good.module_.state_dict())
    assert not any(module._forward_hooks for module in teacher.module_.modules())


def test_a_loss_that_breaks_at_once_has_no_student(teacher, data):
    X = data.X.copy()
    X[:] = np.nan
    with pytest.raises(TrainingStoppedError, match=r"epoch 0.*no epoch was finished") as caught:
        KD().transfer([teacher], net(), data.replace(X=X), seed=0)
    assert caught.value.student is None


def test_checkpoints_on_disk_stay_those_of_the_last_good_epoch(tmp_path, teacher, data):
    kept = Checkpoint(monitor=None, dirname=str(tmp_path), load_best=False)
    with pytest.raises(TrainingStoppedError) as caught:
        Bursting(PAIRS[1:]).transfer([teacher], net(callbacks=[kept]), data, seed=0)
    assert same(torch.load(tmp_path / "params.pt"), caught.value.student.module_.state_dict())


class Breaking(OwnNet):
    """The last step of the third epoch leaves weights that aren't numbers."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 3:
            with torch.no_grad():
                net.module_.fc2.bias[0] = np.inf
        super().on_epoch_end(net, **kwargs)


def test_weights_that_a_finite_loss_has_broken_are_never_kept(tmp_path, teacher, data):
    kept = Checkpoint(monitor=None, dirname=str(tmp_path), load_best=False)
    with pytest.raises(TrainingStoppedError, match=r"epoch 2 .*broken the student's weights: fc2\.bias") as caught:
        KD().transfer([teacher], net(kind=Breaking, callbacks=[kept]), data, seed=0)
    good = KD().transfer([teacher], net(max_epochs=2), data, seed=0).module_.state_dict()
    assert same(good, caught.value.student.module_.state_dict())
    assert same(good, torch.load(tmp_path / "params.pt"))


@pytest.mark.parametrize("pair", [("conv9", "conv1"), ("conv1", "conv9")])
def test_names_of_layers_are_checked_before_training(pair, teacher, data):
    with pytest.raises(InvalidInputError, match=r"no layer 'conv9'; the nearest.*conv1"):
        PKT([pair]).transfer([teacher], net(), data)


def test_shapes_are_checked_before_training(teacher, data):
    with pytest.raises(InvalidInputError, match=r"conv1.*fc1.*can't be compared.*use AT"):
        Hint([("conv1", "fc1")]).transfer([teacher], net(), data)


def test_networks_of_other_classes_are_pointed_to_their_layers(teacher, data):
    class Fewer(Net):
        def __init__(self, width=4):
            super().__init__(width)
            self.fc2 = nn.Linear(8, 7)

    for method in (KD(), Logit()):
        with pytest.raises(InvalidInputError, match=r"\(32, 7\) \(student\) and \(32, 10\).*PKT or InformationFlow"):
            method.transfer([teacher], net(module=Fewer), data)


def test_maps_are_asked_of_layers_that_have_some(teacher, data):
    with pytest.raises(InvalidInputError, match=r"'fc1' -> student's layer 'fc1'.*(PKT|SP)"):
        AT(PAIRS[1:]).transfer([teacher], net(), data)


def test_a_dead_layer_is_named(teacher, data):
    dead = Net(4)
    with torch.no_grad():
        dead.fc1[1].weight.zero_()
        dead.fc1[1].bias.fill_(-1.0)
    student = NeuralNetClassifier(dead, criterion=nn.CrossEntropyLoss, train_split=None, verbose=0)
    with pytest.raises(InvalidInputError, match="student's layer 'fc1' is zero for every row in epoch 0"):
        PKT(PAIRS[1:]).transfer([teacher], student, data)


def test_a_batch_of_one_row_is_refused_with_what_to_do(teacher, data):
    class Flat(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Flatten(), nn.Linear(64, 4), nn.ReLU(), nn.Linear(4, 10))

    student = net(module=Flat, batch_size=19)  # 96 = 5 * 19 + 1
    with pytest.raises(InvalidInputError, match=r"batch of one row came.*iterator_train__drop_last=True"):
        PKT([("fc1", "2")]).transfer([teacher], student, data)


def test_a_teacher_in_train_mode_is_refused(teacher, data):
    class Waking(OwnNet):
        def on_epoch_begin(self, net, **kwargs):
            super().on_epoch_begin(net, **kwargs)
            teacher.module_.train()

    with pytest.raises(InvalidInputError, match="teacher is in training mode"):
        KD().transfer([teacher], net(kind=Waking), data)


def test_errors_leave_no_hooks(teacher, data):
    class Failing(OwnNet):
        def on_epoch_end(self, net, **kwargs):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        PKT().transfer([teacher], net(kind=Failing), data)
    assert not any(module._forward_hooks for module in teacher.module_.modules())


REFUSED = {
    "student": (lambda t, d: ([t], DecisionTreeClassifier(), d), NotSupportedError, "expected a skorch net"),
    "teacher": (lambda t, d: ([DecisionTreeClassifier()], net(), d), NotSupportedError, "as the teacher"),
    "unfitted": (lambda t, d: ([clone(t)], net(), d), NotSupportedError, "has no module_ yet"),
    "none": (lambda t, d: ([], net(), d), InvalidInputError, "teacher, got none"),
    "soft": (lambda t, d: ([t], net(), d.replace(y=d.soft_targets())), NotSupportedError, "soft targets came"),
    "weights": (lambda t, d: ([t], net(), d.replace(sample_weight=d.weights())), NotSupportedError, "sample_weight"),
    "real": (lambda t, d: ([t], net(), d.replace(classes=None)), InvalidInputError, "real targets came"),
    "words": (
        lambda t, d: ([t], net(), TransferSet.for_classification(d.X, d.y.astype(str))),
        InvalidInputError,
        "skorch predicts positions.*LabelEncoder",
    ),
    "probabilities": (lambda t, d: ([t], net(criterion=nn.NLLLoss), d), InvalidInputError, "NLLLoss.*reads logits"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_come_before_training(case, teacher, data):
    make, error, match = REFUSED[case]
    teachers, student, rows = make(teacher, data)
    with pytest.raises(error, match=match):
        KD().transfer(teachers, student, rows)


def test_other_trainers_are_refused(teacher, data):
    with pytest.raises(NotSupportedError, match=r"TreeSearch fits single.*not OwnNet"):
        KD().transfer([teacher], net(), data, trainer=TreeSearch())


def test_a_student_with_taps_of_the_caller_keeps_them(teacher, data):
    module = Net(4)
    student = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, train_split=None, verbose=0, max_epochs=1)
    with Taps(module, ["fc1"]) as taps:
        PKT().transfer([teacher], student, data, seed=0)
        module.eval()(torch.from_numpy(data.X[:3]))
        assert taps["fc1"].shape == (3, 8)


class Masked(Net):
    """Buffers as attention masks and quantisation's observers have them, and a state that is no tensor."""

    def __init__(self, width=8):
        super().__init__(width)
        self.register_buffer("mask", torch.full((3, 3), -torch.inf).triu(1))
        self.register_buffer("lowest", torch.tensor(torch.inf))
        self.offsets = nn.Parameter(torch.full((2,), -torch.inf), requires_grad=False)

    def forward(self, x):
        if self.training:
            self.lowest = torch.minimum(self.lowest, x.detach().min())
        return super().forward(x)

    def get_extra_state(self):
        return {"version": 1}

    def set_extra_state(self, state):
        pass


def test_buffers_that_are_infinite_from_the_start_are_no_fault(teacher, data):
    out = KD().transfer([teacher], net(module=Masked), data, seed=0)
    assert out.module_.mask.isinf().any()
    assert out.module_.lowest.isfinite()


def test_buffers_that_training_makes_infinite_are_a_fault(teacher, data):
    class Overflowing(Masked):
        def forward(self, x):
            if self.training:
                self.total = torch.full_like(self.total, torch.inf)
            return super().forward(x)

        def __init__(self, width=8):
            super().__init__(width)
            self.register_buffer("total", torch.zeros(()))

    with pytest.raises(TrainingStoppedError, match=r"broken the student's weights: total"):
        KD().transfer([teacher], net(module=Overflowing), data, seed=0)


def test_a_last_row_is_left_out_of_the_validation_loss(teacher, digits):
    X, y = digits

    def valid_loss(n_valid):
        held_out = predefined_split(Dataset(X[32 : 32 + n_valid], y[32 : 32 + n_valid].astype(np.int64)))
        student = net(train_split=held_out, iterator_train__drop_last=True)
        out = PKT(PAIRS[1:]).transfer([teacher], student, TransferSet.for_classification(X[:32], y[:32]), seed=0)
        return out.history[:, "valid_loss"]

    assert valid_loss(65) == pytest.approx(valid_loss(64))
    with pytest.raises(InvalidInputError, match=r"batch of one row came.*train_split"):
        valid_loss(1)


@pytest.mark.parametrize(
    "method",
    [
        InformationFlow(PAIRS),
        InformationFlow(PAIRS, Phases((2,))),
        WeightedSum([(1.0, KD()), (1.0, InformationFlow(PAIRS))]),
    ],
)
def test_a_student_that_learns_nothing_does_not_get_better(method, teacher, digits):
    """The weights of a schedule fall, and the monitored loss must not fall with them."""
    X, y = digits

    class Still(nn.Sequential):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 4, 3)
            self.fc1 = nn.Sequential(nn.Flatten(), nn.Linear(144, 16))
            self.fc2 = nn.Linear(16, 10)

    stop = EarlyStopping(patience=2, threshold=1e-3)
    student = net(module=Still, lr=0.0, max_epochs=5, train_split=ValidSplit(4), callbacks=[("stop", stop)])
    losses = method.transfer([teacher], student, TransferSet.for_classification(X[:N], y[:N]), seed=0).history
    assert losses[:, "valid_loss"] == pytest.approx([losses[0, "valid_loss"]] * len(losses))
    assert len(losses) == 3


def test_callbacks_have_each_stage_to_themselves(teacher, digits):
    X, y = digits
    given = TransferSet.for_classification(X[:N], y[:N])

    labels, relations = KD(weight=0.0), PKT(PAIRS[1:])

    def history(*callbacks, lr=0.01, stages=((4, labels), (None, relations))):
        student = net(max_epochs=8, lr=lr, train_split=ValidSplit(4), callbacks=list(callbacks))
        return Staged(list(stages)).transfer([teacher], student, given, seed=0).history

    rates = history(("lr", LRScheduler("CosineAnnealingLR", T_max=4)))[:, "event_lr"]
    assert rates[4:] == pytest.approx(rates[:4])
    best = history()[:, "valid_loss_best"]
    assert best[0] and best[4]  # noqa: PT018
    assert len(history(("stop", EarlyStopping(patience=1, threshold=10.0)), lr=0.0)) == 2 + 2
    plain = history(stages=[(None, labels)])
    assert history()[:4, "train_loss"] == plain[:4, "train_loss"]


class Interrupted(OwnNet):
    def train_step(self, batch, **kwargs):
        if len(self.history) == 2:
            raise KeyboardInterrupt
        return super().train_step(batch, **kwargs)


def test_an_interruption_by_hand_ends_all_stages(teacher, data):
    staged = Staged([(4, KD()), (None, PKT(PAIRS[1:]))])
    assert len(staged.transfer([teacher], net(kind=Interrupted, max_epochs=8), data, seed=0).history) == 2
