"""Networks as people have them: what can't be taught is refused early, with the way out."""

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import LoadInitState, TrainEndCheckpoint
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet
from stepdown.nn import KD, Heads, Transfer, auxiliary
from stepdown.nn._networks import evaluating, in_the_type_of, run
from stepdown.nn._taps import Taps
from stepdown.nn.contrib import Hint

X = torch.randn(12, 6, generator=torch.Generator().manual_seed(0))
Y = np.arange(12) % 3


def small(width: int = 5) -> nn.Sequential:
    torch.manual_seed(width)
    return nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3))


def net(module: nn.Module, **rest) -> NeuralNetClassifier:
    return NeuralNetClassifier(
        module, **{"max_epochs": 1, "verbose": 0, "train_split": None, "criterion": nn.CrossEntropyLoss} | rest
    )


def test_a_builder_has_to_make_a_network():
    with pytest.raises(InvalidInputError, match=r"builder must return a torch\.nn\.Module, got int"):
        auxiliary(small(), example=X, factor=2, builder=lambda factor: 3)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*")
def test_a_network_that_keeps_what_it_computed_names_the_layer():
    network = small()
    nn.utils.weight_norm(network[2])
    with pytest.raises(NotSupportedError, match=r"layer '2' keeps 'weight'.*parametrizations"):
        auxiliary(network, example=X, factor=2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_traced_teacher_shows_no_layer():
    traced = torch.jit.trace(small(8).eval(), X)
    with pytest.raises(InvalidInputError, match=r"layer '1'.*torch\.jit"), Taps(traced, ["1"]):
        pass


@pytest.mark.parametrize("thing", ["a network", net(small())])
def test_only_networks_transfer(thing):
    with pytest.raises(InvalidInputError, match=r"the teacher must be a torch\.nn\.Module"):
        Transfer(thing, small(), Hint([("1", "1")]), example=X)


def test_an_exported_network_answers_if_it_was_exported_for_answers():
    network = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    exported = torch.export.export(network.eval(), (X,)).module()
    with evaluating(exported):
        torch.testing.assert_close(run(exported, X), network(X))
    training = torch.export.export(network.train(), (X,)).module()
    with pytest.raises(InvalidInputError, match=r"exported in training mode.*network\.eval"), evaluating(training):
        pass


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 5)

    def forward(self, x):
        return self.rnn(x)[0]


def test_an_axis_of_rows_is_counted_from_the_end():
    network, rows = Recurrent(), torch.randn(7, 3, 4)
    with Taps(network, ["rnn@-2"]) as taps:
        torch.testing.assert_close(network(rows).movedim(1, 0), taps["rnn@-2"])


def test_an_axis_of_channels_is_one_of_the_layer():
    layer = torch.randn(5, 4, 3, 3)
    with pytest.raises(InvalidInputError, match=r"channels=4 of a layer of shape \(5, 4, 3, 3\).*from 1 to 3"):
        Hint([("1", "1")], channels=4)._seen(layer, layer)


def test_packed_sequences_are_one_argument():
    packed = pack_padded_sequence(torch.randn(4, 3, 6, dtype=torch.float64), torch.tensor([4, 2, 1]))
    network = nn.GRU(6, 5)
    output, _ = run(network, in_the_type_of(network, packed))
    assert output.data.shape == (7, 5)
    assert output.data.dtype == torch.float32


def test_each_head_has_targets_or_none():
    heads = Heads({"kind": KD(), "size": KD()})
    assert heads._target({"kind": 1, "size": None}, 1, "size") is None
    with pytest.raises(InvalidInputError, match=r"no targets for head 'size' among \['kind'\]"):
        heads._target({"kind": 1}, 1, "size")


def taught(student: NeuralNetClassifier) -> NeuralNetClassifier:
    data = TransferSet.for_classification(X.numpy(), Y)
    return KD().transfer([net(small(8)).fit(X.numpy(), Y)], student, data, seed=0)


def test_a_lazy_student_learns():
    student = taught(net(nn.Sequential(nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(3))))
    assert student.predict(X.numpy()).shape == (12,)


def test_a_checkpoint_at_the_end_is_written_and_read(tmp_path):
    kept = TrainEndCheckpoint(dirname=str(tmp_path))
    first = taught(net(small(), callbacks=[("kept", kept)]))
    again = taught(net(small(), callbacks=[LoadInitState(kept)], max_epochs=0))
    for name, values in first.module_.state_dict().items():
        torch.testing.assert_close(again.module_.state_dict()[name], values)
