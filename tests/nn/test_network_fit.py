"""Networks as students of any method: what their loss is, and what stays as it was."""

import copy
import pickle
from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Checkpoint, EarlyStopping, EpochScoring
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import predefined_split
from torch import nn

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet, as_teacher
from stepdown.learners import (
    answers,
    cast_rows,
    complexity,
    fit_to,
    predictions,
    soft_fit_support,
    supports_weight,
    training_signal,
)
from stepdown.methods import KD, ModelCompression
from stepdown.nn import NetworkFit, NonFiniteLossError
from stepdown.trainers import PlainFit, trainer_for

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3))
Y = np.arange(12) % 3
Q = RNG.dirichlet(np.ones(3), size=12)
W = np.array([0.0, 1, 2, 3, 1, 1, 0, 2, 1, 4, 1, 2])
CLASSES = np.arange(3)


def soft(**changes):
    return TransferSet(X, Q, classes=CLASSES).replace(**changes)


class Linear(nn.Module):
    def __init__(self, probabilities=False, out=3):
        super().__init__()
        self.layer = nn.Linear(3, out)
        nn.init.constant_(self.layer.weight, 0.1)
        nn.init.zeros_(self.layer.bias)
        self.probabilities = probabilities

    def forward(self, x):
        out = self.layer(x)
        return out.softmax(dim=1) if self.probabilities else out


def net(module=Linear, kind=NeuralNetClassifier, **rest):
    """One step of gradient descent over all rows at once, unless told otherwise."""
    settings = {
        **({"criterion": nn.CrossEntropyLoss} if kind is NeuralNetClassifier else {}),
        **{"lr": 0.5, "max_epochs": 1, "batch_size": -1, "train_split": None, "verbose": 0},
    }
    return kind(module, **{**settings, **rest})


def weights_of(fitted):
    return fitted.module_.layer.weight.detach().numpy()


def one_step(targets, weights):
    """The layer's weights after a step on the weighted mean of the soft cross-entropy, by loops."""
    start, step = np.full((3, 3), 0.1), np.zeros((3, 3))
    for row in range(len(X)):
        scores = start @ X[row]
        p = np.exp(scores) / np.exp(scores).sum()
        step += weights[row] * np.outer(p - targets[row], X[row])
    return start - 0.5 * step / np.sum(weights)


def one_hot(labels):
    return np.eye(3)[labels]


@pytest.mark.parametrize("weights", [None, W], ids=["even", "weighted"])
@pytest.mark.parametrize("targets", [Q, Y], ids=["soft", "labels"])
def test_the_loss_is_the_weighted_mean_of_soft_cross_entropies(targets, weights):
    fitted = NetworkFit().fit(net(), soft(y=targets, sample_weight=weights), seed=0)
    expected = one_step(Q if targets is Q else one_hot(Y), np.ones(12) if weights is None else weights)
    np.testing.assert_allclose(weights_of(fitted), expected, rtol=1e-4)


def test_probabilities_learn_what_logits_learn():
    logits = NetworkFit().fit(net(), soft(sample_weight=W), seed=0)
    student = net(module__probabilities=True, criterion=nn.NLLLoss)
    np.testing.assert_allclose(weights_of(NetworkFit().fit(student, soft(sample_weight=W))), weights_of(logits), 1e-4)


def test_batches_add_up_to_the_weighted_mean_of_all():
    # Without momentum and at a tiny rate the steps of an epoch are those of one step over all rows, times the batches.
    whole = NetworkFit().fit(net(lr=1e-3), soft(sample_weight=W), seed=0)
    batches = NetworkFit().fit(net(lr=1e-3, batch_size=4), soft(sample_weight=W), seed=0)
    np.testing.assert_allclose(weights_of(batches) - 0.1, 3 * (weights_of(whole) - 0.1), rtol=0.01, atol=1e-6)


def test_whole_weights_are_repeated_rows():
    rows = np.repeat(np.arange(12), W.astype(int))
    weighted = NetworkFit().fit(net(), soft(sample_weight=W))
    repeated = NetworkFit().fit(net(), TransferSet(X[rows], Q[rows], classes=CLASSES))
    np.testing.assert_allclose(weights_of(weighted), weights_of(repeated), rtol=1e-5)


def test_class_weights_and_smoothing_of_the_criterion_count():
    settings = {"criterion__weight": torch.tensor([1.0, 2.0, 0.5])}
    hard = NetworkFit().fit(net(**settings), soft(y=Y))
    told = NetworkFit().fit(net(**settings), soft(y=Y, sample_weight=np.ones(12)))
    np.testing.assert_allclose(weights_of(hard), weights_of(told), rtol=1e-5)
    assert not np.allclose(weights_of(told), weights_of(NetworkFit().fit(net(), soft(y=Y))))
    smoothed = NetworkFit().fit(net(criterion__label_smoothing=0.3), soft(y=Y, sample_weight=np.ones(12)))
    expected = NetworkFit().fit(net(), soft(y=0.7 * one_hot(Y) + 0.1))
    np.testing.assert_allclose(weights_of(smoothed), weights_of(expected), rtol=1e-5)


def test_one_logit_learns_the_share_of_the_second_class():
    class Flat(Linear):
        def __init__(self):
            super().__init__(out=1)

    targets, start = Q[:, :2] / Q[:, :2].sum(axis=1, keepdims=True), np.full(3, 0.1)
    p = 1 / (1 + np.exp(-X @ start))
    expected = start - 0.5 * (W * (p - targets[:, 1])) @ X / W.sum()
    data = TransferSet(X, targets, W, classes=np.arange(2))
    fitted = NetworkFit().fit(net(Flat, NeuralNetBinaryClassifier), data)
    np.testing.assert_allclose(weights_of(fitted)[0], expected, rtol=1e-4)
    labels = NetworkFit().fit(net(Flat, NeuralNetBinaryClassifier), data.replace(y=Y % 2, sample_weight=None))
    assert set(answers(labels, X)) <= {0, 1}


@pytest.mark.parametrize("weights", [None, W], ids=["even", "weighted"])
def test_real_targets_of_a_column_are_not_broadcast(weights):
    class Column(Linear):
        def __init__(self):
            super().__init__(out=1)

    y, start = X @ [1.0, -2.0, 0.5], np.full(3, 0.1)
    used = np.ones(12) if weights is None else weights
    expected = start - 0.1 * (used * 2 * (X @ start - y)) @ X / used.sum()
    fitted = NetworkFit().fit(net(Column, NeuralNetRegressor, lr=0.1), TransferSet(X, y, weights))
    np.testing.assert_allclose(weights_of(fitted)[0], expected, rtol=1e-4)
    assert type(fitted.criterion_) is nn.MSELoss
    assert answers(fitted, X).shape == (12,)


def iris_net(module=None, **rest):
    module = module or nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    return net(module, **{"optimizer": torch.optim.Adam, "lr": 0.02, "max_epochs": 25, "batch_size": 32, **rest})


@pytest.fixture(scope="module")
def iris():
    return TransferSet.for_classification(*load_iris(return_X_y=True))


@pytest.fixture(scope="module")
def softened(iris):
    return iris.replace(y=0.8 * iris.soft_targets() + 0.2 / 3, sample_weight=np.linspace(0.5, 1.5, 150))


class OwnNet(NeuralNetClassifier):
    """A class of the user's."""


def test_what_comes_out_is_plain_and_what_went_in_is_untouched(softened):
    student = OwnNet(**iris_net().get_params(deep=False))
    before, criterion = copy.deepcopy(student.module.state_dict()), student.criterion
    fitted = NetworkFit().fit(student, softened, seed=0)
    assert type(fitted) is OwnNet
    assert type(fitted.criterion_) is nn.CrossEntropyLoss
    assert student.criterion is criterion
    assert not hasattr(student, "module_")
    assert all(torch.equal(before[name], values) for name, values in student.module.state_dict().items())
    again = pickle.loads(pickle.dumps(fitted))
    rows = cast_rows(fitted, softened.X)
    np.testing.assert_array_equal(again.predict_proba(rows), fitted.predict_proba(rows))
    np.testing.assert_allclose(fitted.predict_proba(rows).sum(axis=1), 1.0, rtol=1e-5)
    assert fitted.classes_.tolist() == [0, 1, 2]
    assert np.mean(fitted.predict(rows) == softened.labels()) > 0.9


def test_a_clone_of_the_fitted_net_starts_where_the_first_did(iris):
    student = iris_net(train_split=None)
    fitted = NetworkFit().fit(student, iris, seed=0)
    twice = NetworkFit().fit(fitted, iris, seed=0)
    for mine, first in zip(twice.module_.parameters(), fitted.module_.parameters(), strict=True):
        assert torch.equal(mine, first)


def test_a_net_that_skorch_has_trained_in_place_is_drawn_anew(iris):
    theirs = iris_net(max_epochs=60).fit(cast_rows(iris_net(), iris.X), iris.y)
    assert theirs.module is theirs.module_
    untrained = NetworkFit().fit(clone(theirs).set_params(max_epochs=0), iris, seed=0)
    assert np.mean(answers(untrained, iris.X) == iris.y) > 0.9  # a clone alone would have kept what it knows
    fresh = NetworkFit().fit(theirs.set_params(max_epochs=0), iris, seed=0)
    assert np.mean(answers(fresh, iris.X) == iris.y) < 0.8
    assert np.mean(answers(theirs, iris.X) == iris.y) > 0.9


def test_its_out_of_fold_signal_has_not_seen_the_rows():
    # Labels at random: whoever says them right has seen them.
    X = StandardScaler().fit_transform(load_breast_cancer().data[:100])
    data = TransferSet.for_classification(X, np.random.default_rng(0).integers(0, 2, 100))
    module = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 2))
    teacher = iris_net(module, max_epochs=60).fit(X.astype(np.float32), data.y)
    seen = np.mean(answers(teacher, X) == data.y)
    signal = training_signal(as_teacher(teacher), data, seed=0)
    unseen = np.mean(signal.values.argmax(axis=1) == data.y)
    assert signal.source == "out-of-fold"
    assert seen > 0.95
    assert unseen < 0.7  # a clone that went on from the trained weights would say all but all of them right
    frozen = training_signal(as_teacher(FrozenEstimator(teacher)), data)
    assert frozen.source == "frozen"
    assert np.mean(frozen.values.argmax(axis=1) == data.y) == seen


def test_seeds_decide_everything_and_torch_stays_where_it_was(softened):
    student = iris_net(module=Shuffled, iterator_train__shuffle=True)
    torch.manual_seed(5)
    one = NetworkFit().fit(student, softened, seed=3)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))
    same, other = (NetworkFit().fit(student, softened, seed=seed) for seed in (3, 4))
    assert np.array_equal(predictions(one, softened.X, CLASSES)[0], predictions(same, softened.X, CLASSES)[0])
    assert not np.array_equal(predictions(one, softened.X, CLASSES)[0], predictions(other, softened.X, CLASSES)[0])


class Shuffled(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))

    def forward(self, x):
        return self.layers(x)


class Witness(EpochScoring):
    """Keeps the labels that scoring callbacks are shown."""

    seen: ClassVar[list] = []

    def on_batch_end(self, net, batch, y_pred, training, **kwargs):
        self.seen.append(np.asarray(batch[1]))
        super().on_batch_end(net, batch=batch, y_pred=y_pred, training=training, **kwargs)


def test_splits_scores_and_early_stopping_see_labels(softened, tmp_path):
    Witness.seen.clear()
    student = iris_net(
        train_split=ValidSplit(5, stratified=True),
        max_epochs=40,
        callbacks=[
            ("witness", Witness("accuracy", name="seen_acc", lower_is_better=False)),
            ("anew", EpochScoring("accuracy", name="anew", use_caching=False, lower_is_better=False)),
            ("loss", EpochScoring("neg_log_loss", name="log_loss", lower_is_better=False)),
            ("stop", EarlyStopping(monitor="valid_loss", patience=3, threshold=0.05)),
            ("keep", Checkpoint(monitor="valid_loss_best", dirname=str(tmp_path), f_pickle="net.pkl")),
        ],
    )
    fitted = NetworkFit().fit(student, softened, seed=0)
    assert len(fitted.history) < 40
    assert all(labels.ndim == 1 and labels.dtype.kind == "i" for labels in Witness.seen)
    accuracy = fitted.history[:, ("valid_acc", "seen_acc", "anew")]
    assert all(len(set(row)) == 1 for row in accuracy)
    assert fitted.history[-1, "valid_acc"] > 0.6
    assert fitted.history[-1, "log_loss"] <= 0  # of probabilities, though the module returns logits
    kept = pickle.loads((tmp_path / "net.pkl").read_bytes())
    assert type(kept) is NeuralNetClassifier
    assert type(kept.criterion_) is nn.CrossEntropyLoss


def test_the_validation_loss_is_that_of_the_soft_targets(softened):
    data = softened.replace(sample_weight=None)
    rows = {}

    def split(dataset, y, **kwargs):
        train, valid = ValidSplit(3, stratified=True)(dataset, y)
        rows["valid"] = np.asarray(valid.indices)
        assert y.tolist() == data.labels().tolist()
        return train, valid

    fitted = NetworkFit().fit(iris_net(train_split=split, max_epochs=2), data, seed=0)
    says = predictions(fitted, data.X, CLASSES)[0][rows["valid"]]
    expected = -np.mean(np.sum(data.y[rows["valid"]] * np.log(says), axis=1))
    assert fitted.history[-1, "valid_loss"] == pytest.approx(expected, rel=1e-5)


def test_a_validation_set_of_ones_own_keeps_its_labels(softened):
    own = Dataset(softened.X[::5].astype(np.float32), softened.labels()[::5])
    fitted = NetworkFit().fit(iris_net(train_split=predefined_split(own)), softened, seed=0)
    assert fitted.history[-1, "valid_acc"] > 0.8


def test_what_a_class_of_ones_own_adds_to_the_loss_is_heard(softened):
    class Shrunk(NeuralNetClassifier):
        def get_loss(self, y_pred, y_true, *args, **kwargs):
            return super().get_loss(y_pred, y_true, *args, **kwargs) + 0.1 * self.module_[0].weight.abs().sum()

    plain, shrunk = (NetworkFit().fit(iris_net(kind=kind), softened, seed=0) for kind in (NeuralNetClassifier, Shrunk))
    assert shrunk.module_[0].weight.abs().sum() < 0.8 * plain.module_[0].weight.abs().sum()


def test_rows_come_in_the_nets_own_type(iris):
    assert iris.X.dtype == np.float64
    single, double = iris_net(), iris_net(module=nn.Sequential(nn.Linear(4, 3)).double())
    assert [cast_rows(net, iris.X).dtype for net in (single, double)] == ["float32", "float64"]
    assert cast_rows(DecisionTreeClassifier(), iris.X) is iris.X
    assert cast_rows(single, iris.X.astype(int)).dtype == np.float32
    words = iris_net(module=nn.Sequential(nn.Embedding(9, 2), nn.Flatten(), nn.Linear(8, 3)))
    assert cast_rows(words, iris.X.astype(int)).dtype == int
    for model in (single, double):
        fitted = NetworkFit().fit(model, iris, seed=0)
        assert answers(fitted, iris.X).shape == (150,)
        assert predictions(FrozenEstimator(fitted), iris.X, CLASSES)[0].shape == (150, 3)
    whole = NetworkFit().fit(words, iris.replace(X=iris.X.astype(int)), seed=0)
    assert whole.predict(iris.X.astype(int)).shape == (150,)


def test_pipelines_are_given_the_type_at_their_beginning(softened):
    student = make_pipeline(StandardScaler(), iris_net())
    fitted = trainer_for(student).fit(student, softened, seed=0)
    assert fitted[0].mean_.dtype == np.float64
    assert fitted[0].transform(cast_rows(fitted, softened.X)).dtype == np.float32
    assert np.mean(answers(fitted, softened.X) == softened.labels()) > 0.9
    wide = make_pipeline(FunctionTransformer(np.float64), iris_net())
    with pytest.raises(
        InvalidInputError, match=r"hand it float64 and it takes float32.*FunctionTransformer\(np.float32"
    ):
        fit_to(wide, softened)
    narrow = make_pipeline(FunctionTransformer(np.float64), FunctionTransformer(np.float32), iris_net())
    assert fit_to(narrow, softened, seed=0).predict(softened.X).shape == (150,)


def test_it_is_known_what_a_net_can_learn(iris):
    assert isinstance(trainer_for(iris_net()), NetworkFit)
    assert soft_fit_support(iris_net()).kind == "exact"
    assert supports_weight(iris_net())
    assert complexity(NetworkFit().fit(iris_net(max_epochs=1), iris)).parameters == 4 * 16 + 16 + 16 * 3 + 3

    class Own(nn.Module):
        def forward(self, y_pred, y_true):
            return nn.functional.cross_entropy(y_pred, y_true)

    own = iris_net(criterion=Own)
    assert soft_fit_support(own).kind == "refused"
    assert np.mean(answers(NetworkFit().fit(own, iris, seed=0), iris.X) == iris.y) > 0.8
    with pytest.raises(NotSupportedError, match="criterion Own learns labels only"):
        fit_to(own, iris.replace(y=0.8 * iris.soft_targets() + 0.2 / 3))
    with pytest.raises(NotSupportedError, match="criterion Own learns labels only"):
        KD().check_student(own, iris)
    with pytest.raises(NotSupportedError, match="has no reduction"):
        fit_to(own, iris.replace(sample_weight=np.ones(150)))
    hinge = iris_net(criterion=nn.MultiMarginLoss)
    fit_to(hinge, iris.replace(sample_weight=np.linspace(0, 1, 150)))


def test_refusals_say_what_to_do(iris):
    with pytest.raises(InvalidInputError, match=r"predicts positions.*LabelEncoder"):
        fit_to(iris_net(), iris.replace(y=np.array(["a", "b", "c"])[iris.y], classes=np.array(["a", "b", "c"])))
    with pytest.raises(InvalidInputError, match="one output a class"):
        fit_to(iris_net(module=nn.Linear(4, 2)), iris.replace(y=0.8 * iris.soft_targets() + 0.2 / 3))
    with pytest.raises(NotSupportedError, match="fits skorch nets"):
        NetworkFit().fit(DecisionTreeClassifier(), iris)
    with pytest.raises(NonFiniteLossError, match=r"aren't finite\. Lower the learning rate"):
        fit_to(iris_net(lr=1e30, optimizer=torch.optim.SGD), iris, seed=0)
    with pytest.raises(InvalidInputError, match="real targets came for a NeuralNetClassifier"):
        fit_to(iris_net(), TransferSet(iris.X, iris.X[:, 0]))


def test_estimator_methods_teach_nets_and_learn_from_them(iris):
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(iris.X, iris.y)
    student = KD().transfer([tree], iris_net(), iris, seed=0)
    assert np.mean(answers(student, iris.X) == iris.y) > 0.9
    for method in (KD(), ModelCompression()):
        small = method.transfer([student], DecisionTreeClassifier(max_depth=2), iris, trainer=PlainFit(), seed=0)
        assert np.mean(small.predict(iris.X) == iris.y) > 0.9


def test_regression_by_distillation():
    X, y = load_diabetes(return_X_y=True)
    data = TransferSet(X, (y - y.mean()) / y.std())
    student = net(
        nn.Linear(10, 1), NeuralNetRegressor, lr=0.1, max_epochs=50, batch_size=64, optimizer=torch.optim.Adam
    )
    teacher = NetworkFit().fit(student, data, seed=0)
    taught = KD().transfer([teacher], student, data, seed=0)
    assert np.mean((answers(taught, X) - data.y) ** 2) < 0.6
