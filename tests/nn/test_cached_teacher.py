"""Training with kept features is the training with the network, and nothing else passes for it."""

import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch import NeuralNetClassifier
from torch import nn

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet
from stepdown.nn import KD, CachedTeacher, ImageBatches, InformationFlow, Transfer, WeightedSum
from stepdown.nn.contrib import VID

PAIRS = [("1", "1"), ("4", "4")]
METHOD = WeightedSum([(1.0, KD()), (1.0, InformationFlow(PAIRS)), (0.1, VID(PAIRS[1:]))])
RUNS = []


class Counting(nn.Sequential):
    """Says how many rows it has run on."""

    def forward(self, x):
        RUNS.append(len(x))
        return super().forward(x)


def network(width, kind=nn.Sequential):
    torch.manual_seed(width)
    norm = nn.BatchNorm2d(width)
    return kind(
        nn.Conv2d(1, width, 3), nn.ReLU(), norm, nn.Flatten(), nn.Linear(9 * width, 6), nn.ReLU(), nn.Linear(6, 3)
    )


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (40, 1, 5, 5), dtype=np.uint8)


@pytest.fixture
def rows(images):
    return images.astype(np.float32) / 255


@pytest.fixture
def data(rows):
    return TransferSet.for_classification(rows, np.arange(40) % 3)


@pytest.fixture
def teacher():
    RUNS.clear()
    return network(8, Counting)


def net(**rest):
    settings = {"criterion": nn.CrossEntropyLoss, "max_epochs": 5, "batch_size": 16, "train_split": None, "verbose": 0}
    return NeuralNetClassifier(network(3), **{**settings, "iterator_train__shuffle": True, "lr": 0.05, **rest})


def assert_same(a, b):
    a, b = a.module_.state_dict(), b.module_.state_dict()
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-4, atol=1e-5)


def test_a_net_learns_the_same_and_the_teacher_runs_once(teacher, data, tmp_path):
    before = copy.deepcopy(teacher.state_dict())
    expected = METHOD.transfer([teacher], net(), data, seed=0)
    assert sum(RUNS) > 5 * 40
    RUNS.clear()
    cached = CachedTeacher(teacher, data.X, tmp_path)
    assert clone(cached) is cached
    found = METHOD.transfer([cached], net(), data, seed=0)
    assert sum(RUNS) == 40
    assert_same(found, expected)
    RUNS.clear()
    METHOD.transfer([cached], net(max_epochs=1), data, seed=0)
    assert sum(RUNS) <= 4  # the few that show that the entry is still the network's
    assert all(torch.equal(before[name], values) for name, values in teacher.state_dict().items())
    assert not any(module._forward_hooks for module in teacher.modules())


def test_a_loop_of_ones_own(teacher, rows, tmp_path):
    x, student = torch.from_numpy(rows), network(3)
    order = torch.randperm(40)[:12]
    with Transfer(teacher, student, METHOD, example=x) as transfer:
        torch.manual_seed(0)
        expected = transfer.teacher_outputs(x[order])
    with Transfer(CachedTeacher(teacher, x, tmp_path), student, METHOD, example=x) as transfer:
        found = transfer.teacher_outputs(x[order])
        transfer.loss(x[order], student(x[order]), order % 3, epoch=0).backward()
    torch.testing.assert_close(found.logits, expected.logits)
    assert found.layers.keys() == expected.layers.keys() == {"1", "4"}
    for name, values in expected.layers.items():
        torch.testing.assert_close(found.layers[name], values)


def test_batches_of_images_in_memory(teacher, images, rows, tmp_path):
    data = TransferSet.for_classification(images, np.arange(40) % 3)
    batches = {"iterator_train": ImageBatches, "iterator_valid": ImageBatches}
    scaled = {f"{name}__{key}": 0.5 for name in batches for key in ("mean", "std")}
    plain = KD().transfer([teacher], net(**batches, **scaled), data, seed=0)
    ((fed, _),) = ImageBatches((images, None), batch_size=40, mean=0.5, std=0.5)
    cached = CachedTeacher(teacher, fed, tmp_path)
    assert_same(KD().transfer([cached], net(**batches, **scaled), data, seed=0), plain)
    with pytest.raises(InvalidInputError, match=r"of 16 rows .* aren't among the 40 rows.*augmented at random"):
        KD().transfer([cached], net(**batches, **scaled, iterator_train__flip=True), data, seed=0)


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.uint8, torch.int64], ids=str)
def test_rows_of_any_type_and_rows_that_come_twice(kind, tmp_path):
    class Widening(nn.Module):
        def forward(self, x):
            return x.double() * 2

    x = torch.arange(12).reshape(6, 2).to(kind)
    x[3] = x[1]
    look_up = CachedTeacher(Widening(), x, tmp_path).outputs([])
    order = torch.tensor([5, 3, 1, 0])
    assert torch.equal(look_up(x[order]).logits, 2 * x[order].double())
    assert torch.equal(look_up((x[order],)).logits, 2 * x[order].double())


def test_what_is_not_kept_is_refused(teacher, rows, tmp_path):
    look_up = CachedTeacher(teacher, rows, tmp_path).outputs(["1"])
    x = torch.from_numpy(rows[:3])
    one_bit = x.clone()
    one_bit[1, 0, 2, 2] = torch.nextafter(x[1, 0, 2, 2], torch.tensor(2.0))
    with pytest.raises(InvalidInputError, match="1 of 3 rows"):
        look_up(one_bit)
    with pytest.raises(InvalidInputError, match=r"torch\.float64, shape \(1, 5, 5\)\) aren't among .*torch\.float32"):
        look_up(x.double())
    with pytest.raises(InvalidInputError, match="3 of 3 rows"):
        look_up(x.flip(1, 2, 3))
    with pytest.raises(NotSupportedError, match="came as a dict"):
        look_up({"x": x})
    with pytest.raises(InvalidInputError, match="no layer 'conv9'"):
        CachedTeacher(teacher, rows, tmp_path).outputs(["conv9"])
