"""Methods of both worlds meet in lessons: one is like its loss alone, several are mixed, and chains complete them."""

import pickle
from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier
from skorch.callbacks import Checkpoint, LoadInitState
from torch import nn
from torch.utils.data import DataLoader

from stepdown import methods
from stepdown.core import InvalidInputError, Lesson, NotSupportedError, Trainer, TransferSet, as_teacher, counting
from stepdown.learners import between_twins, completed, fit_to
from stepdown.nn import KD, PKT, Dense, GlobalBatch, InformationFlow, Staged, WeightedSum, WithHead
from stepdown.nn.contrib import Hint, Logit
from stepdown.trainers import PlainFit, Restarts, TreeSearch

PAIRS = [("0", "0")]


def net(width=4, **rest):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, width), nn.ReLU(), nn.Linear(width, 3))
    settings = {"criterion": nn.CrossEntropyLoss, "max_epochs": 2, "train_split": None, "verbose": 0, "lr": 0.1}
    return NeuralNetClassifier(module, **{**settings, **rest})


@pytest.fixture
def data():
    X = np.random.default_rng(0).normal(size=(48, 5)).astype(np.float32)
    return TransferSet.for_classification(X, np.arange(48) % 3)


@pytest.fixture
def teachers(data):
    return [net(width).fit(data.X, data.y) for width in (9, 6)]


def same(one, two):
    return all(torch.equal(values, two.module_.state_dict()[name]) for name, values in one.module_.state_dict().items())


LABELS = (0.25, methods.NoTransfer())
SAME = [
    (methods.KD(3.0, 0.75, signals="live"), KD(3.0, 0.75)),
    (methods.Mixture([LABELS, (0.75, PKT(PAIRS))]), WeightedSum([(0.25, KD(weight=0.0)), (0.75, PKT(PAIRS))])),
    (methods.Mixture([(1, Logit()), (3, PKT(PAIRS))]), WeightedSum([(0.25, Logit()), (0.75, PKT(PAIRS))])),
    (methods.Dense(KD(2.0)), Dense(KD(2.0))),
    (methods.Dense(methods.KD(2.0, 0.9, signals="live")), Dense(KD(2.0))),
    (methods.Dense(Hint(PAIRS)), Dense(Hint(PAIRS))),
    (methods.Mixture([(2.0, methods.Dense(PKT(PAIRS)))]), Dense(PKT(PAIRS))),
    (
        methods.Dense(methods.Mixture([LABELS, (0.75, methods.KD(2.0, 1.0, signals="live"))])),
        Dense(WeightedSum([(0.25, KD(weight=0.0)), (0.75, KD(2.0, 1.0))])),
    ),
]


@pytest.mark.parametrize(("method", "loss"), SAME, ids=[str(method) for method, _ in SAME])
def test_methods_of_the_root_between_networks_are_their_losses(method, loss, teachers, data):
    lesson = method.supervise([as_teacher(one) for one in teachers], net(), data, seed=0)
    assert isinstance(lesson, Lesson)
    assert repr(lesson.loss) == repr(loss)
    one, two = (each.transfer(teachers, net(), data, seed=3) for each in (method, loss))
    assert same(one, two)
    assert not same(one, methods.NoTransfer().transfer([], net(), data, seed=3))


def test_a_lesson_on_some_rows_is_that_of_these_rows(teachers, data):
    rows = np.arange(0, 48, 2)
    teacher = as_teacher(teachers[-1])
    lesson = PKT(PAIRS).supervise([teacher], net(), data).take(rows)
    assert lesson.n_samples == 24
    sent = pickle.loads(pickle.dumps(lesson))
    direct = PKT(PAIRS).transfer([teacher], net(), data.take(rows), seed=1)
    assert same(direct, PlainFit().fit(net(), lesson, seed=1))
    assert same(direct, PlainFit().fit(net(), sent, seed=1))


@pytest.mark.parametrize(
    ("method", "error", "message"),
    [
        (methods.Mixture([(0.5, methods.KD(cv=2)), (0.5, PKT(PAIRS))]), NotSupportedError, "mixed with.*NoTransfer"),
        (methods.Mixture([(0.5, methods.Dense(KD())), (0.5, KD())]), NotSupportedError, "got different losses"),
        (methods.Mixture([LABELS, (0.5, methods.Dense(KD())), (0.5, KD())]), NotSupportedError, "different losses"),
        (methods.KD(-1.0, signals="live"), InvalidInputError, "temperature=-1.0"),
        (methods.KD(signals="lively"), InvalidInputError, "signals"),
    ],
    ids=str,
)
def test_what_cannot_be_mixed_is_refused(method, error, message, teachers, data):
    with pytest.raises(error, match=message):
        method.transfer(teachers, net(), data, seed=0)


@pytest.mark.parametrize("method", [methods.KD(signals="live"), PKT(PAIRS), methods.Dense(KD())], ids=str)
def test_lessons_need_networks_on_both_sides(method, teachers, data):
    tree = DecisionTreeClassifier(max_depth=2)
    with pytest.raises(NotSupportedError, match=r"skorch net"):
        method.check_student(tree, data)
    with pytest.raises(NotSupportedError, match=r"skorch net"):
        method.check_teachers([tree], data)


class Spelt(methods.Dense):
    """Gives another loss by each of the teachers, under one name."""

    def supervise(self, teachers, student, data, *, seed=None):
        lessons = [Twin(place).supervise([teacher], student, data) for place, teacher in enumerate(teachers)]
        return methods._dense.mix_supervision(lessons, [1.0] * len(lessons), data)


class Twin(Logit):
    def __init__(self, place):
        self.place = place

    def __repr__(self):
        return "Twin()"


def test_losses_are_told_apart_by_what_they_are(teachers, data):
    with pytest.raises(NotSupportedError, match="got different losses"):
        Spelt(KD()).transfer(teachers, net(), data)


class Rows(Trainer):
    """Somebody's, that knows nothing of lessons."""

    def fit(self, student, data, *, seed=None):
        return fit_to(student, data, seed=seed)


@pytest.mark.parametrize("trainer", [TreeSearch(), Restarts(), Rows()], ids=str)
def test_trainers_of_rows_refuse_a_lesson(trainer, teachers, data):
    with pytest.raises(NotSupportedError, match=r"TreeSearch|Restarts|NetworkFit"):
        KD().transfer(teachers, net(), data, trainer=trainer)


TAUGHT = [
    KD(),
    Dense(KD()),
    GlobalBatch(KD()),
    GlobalBatch(WeightedSum([(1.0, PKT()), (1.0, KD())])),
    Dense(WeightedSum([(1.0, PKT(PAIRS)), (1.0, Logit())])),
    methods.Mixture([LABELS, (0.5, PKT(PAIRS))]),
    methods.Dense(KD()),
]
UNTAUGHT = [
    PKT(PAIRS),
    Dense(PKT(PAIRS)),
    GlobalBatch(InformationFlow()),
    Staged([(1, Hint(PAIRS)), (None, PKT(PAIRS))]),
    methods.Dense(PKT(PAIRS)),
    methods.Mixture([(0.5, PKT(PAIRS)), (0.5, Hint(PAIRS))]),
]


@pytest.mark.parametrize(("method", "taught"), [*((m, True) for m in TAUGHT), *((m, False) for m in UNTAUGHT)], ids=str)
def test_a_chain_fits_heads_that_the_loss_leaves_untaught(method, taught, teachers, data):
    whole = completed(method)
    lesson = whole.supervise([as_teacher(teachers[-1])], net(), data)
    assert lesson.loss.reads_outputs() is taught
    assert (lesson.finish is None) is taught
    bare, done = (each.transfer(teachers, net(), data, seed=0).module_ for each in (method, whole))
    assert torch.equal(bare[0].weight, done[0].weight)
    assert torch.equal(bare[2].weight, done[2].weight) is taught
    rows = methods.KD()
    assert completed(rows) is rows


@pytest.mark.parametrize(
    "wrap",
    [
        lambda m: m,
        WithHead,
        GlobalBatch,
        methods.Dense,
        lambda m: Dense(m, drop=1),
        lambda m: WeightedSum([(1.0, KD()), (2.0, m)]),
        lambda m: methods.Mixture([(1.0, methods.NoTransfer()), (2.0, WithHead(m))]),
    ],
)
def test_pairs_become_those_of_twins_wherever_they_are(wrap):
    assert repr(between_twins(wrap(PKT([("body", "0")])))) == repr(wrap(PKT((("0", "0"),))))


@pytest.mark.parametrize(("signals", "fits"), [("live", 0), ("in-sample", 0), ("out-of-fold", 3)])
def test_live_signals_cost_no_fits(signals, fits, teachers, data):
    made: list[int] = []
    with counting(made.append):
        methods.KD(signals=signals, cv=3).supervise([as_teacher(teachers[0])], net(), data, seed=0)
    assert sum(made) == fits


class Augmenting(DataLoader):
    """Draws by the epoch that it is told, and keeps a diary."""

    diary: ClassVar[list] = []

    def set_epoch(self, epoch):
        self.diary.append(epoch)


ALL = [KD(), methods.KD(cv=2), methods.NoTransfer()]


@pytest.mark.parametrize("method", ALL, ids=str)
def test_augmentation_goes_on_where_any_training_was_interrupted(method, teachers, data, tmp_path):
    kept = Checkpoint(monitor=None, dirname=str(tmp_path), load_best=False)
    method.transfer(teachers, net(callbacks=[kept]), data, seed=0)
    Augmenting.diary.clear()
    student = net(callbacks=[LoadInitState(kept)], iterator_train=Augmenting)
    assert len(method.transfer(teachers, student, data, seed=0).history) == 4
    assert Augmenting.diary == [2]


@pytest.mark.parametrize("method", ALL, ids=str)
def test_a_checkpoint_of_another_student_is_refused_by_any_training(method, teachers, data, tmp_path):
    kept = Checkpoint(monitor=None, dirname=str(tmp_path), load_best=False)
    method.transfer(teachers, net(3, callbacks=[kept]), data, seed=0)
    with pytest.raises(InvalidInputError, match="checkpoint doesn't fit this student, a Sequential"):
        method.transfer(teachers, net(4, callbacks=[LoadInitState(kept)]), data, seed=0)


@pytest.mark.parametrize("method", ALL, ids=str)
def test_clones_of_a_taught_net_start_where_it_started(method, teachers, data):
    student = net()
    taught = method.transfer(teachers, student, data, seed=0)
    assert type(taught) is NeuralNetClassifier
    assert taught.module_ is not taught.module
    assert torch.equal(taught.module[0].weight, student.module[0].weight)
    assert not torch.equal(taught.module_[0].weight, student.module[0].weight)
