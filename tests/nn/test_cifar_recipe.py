"""The benchmark on CIFAR-10, on a few images made here: its commands run and go on, students train as one by one."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

ROOT = Path(__file__).parents[2]
N_TRAIN, N_TEST = 120, 24


@pytest.fixture(scope="module")
def cifar():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        yield importlib.import_module("benchmarks.networks.cifar")


@pytest.fixture(scope="module")
def networks(cifar):
    return importlib.import_module("benchmarks.networks.cifar_networks")


@pytest.fixture(scope="module")
def training(cifar):
    return importlib.import_module("benchmarks.networks.cifar_training")


def images(n, rng):
    """Bytes in the binary layout; each class has a colour."""
    labels = np.arange(n) % 3
    colours = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200]])
    pixels = colours[labels][:, :, None] + rng.integers(-50, 50, (n, 3, 1024))
    return np.concatenate([labels[:, None], pixels.reshape(n, -1)], axis=1).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, networks):
    """The data, and weights under the names of the published ones."""
    folder = tmp_path_factory.mktemp("cifar")
    rng = np.random.default_rng(0)
    (folder / "batches.meta.txt").write_text("red green blue")
    images(N_TRAIN, rng).tofile(folder / "data_batch_1.bin")
    images(N_TEST, rng).tofile(folder / "test_batch.bin")
    torch.manual_seed(0)
    arrays = {}
    for name, widths in networks.PUBLISHED.items():
        state = networks.Small(widths).state_dict()
        arrays |= {f"{name}/{key}": values.numpy() for key, values in state.items()}
    np.savez(folder / "weights.npz", **arrays)
    return folder


def ran(cifar, folder, command, *more):
    out = folder / f"{command}.json"
    weights = [] if command == "full" else ["--checkpoints", str(folder / "weights.npz")]
    cifar.main([command, "--data", str(folder), "--out", str(out), *weights, *more])
    return json.loads(out.read_text())


def test_published_weights_are_scored_in_both_ways(cifar, folder):
    runs = ran(cifar, folder, "published")["runs"]
    assert {run["way"]: run["parameters"] for run in runs} == {
        "aux_pkt": 57_994,
        "tiny_cifar10": 57_994,
        "very_tiny_cifar10": 15_050,
        "proposed": 15_050,
    }
    for run in runs:
        assert 30 < run["cosine"] <= 100
        assert 30 < run["euclidean, as published"] <= 100
        assert 30 < run["accuracy of a fitted head"] <= 100


def test_students_of_all_kinds_and_runs_that_are_done_stay(cifar, folder):
    arguments = ("students", "--epochs", "1", "--seeds", "3")
    first = ran(cifar, folder, *arguments)
    assert [run["way"] for run in first["runs"]] == list(cifar.students(1))
    assert ran(cifar, folder, *arguments)["runs"] == first["runs"]


def test_other_images_do_not_get_into_the_same_record(cifar, folder):
    with pytest.raises(SystemExit, match="holds runs on"):
        ran(cifar, folder, "students", "--images", "others")


def test_the_whole_recipe(cifar, folder):
    # Width 4 crashes in torch 2.13 where the processor has AVX2 and no AVX-512: the gradient of a 1x1 convolution with
    # stride 2 from 4 channels, channels last, writes past its end.
    arguments = ("--networks", str(folder / "nets"), "--epochs", "1", "--seeds", "0", "--teacher-width", "8", "--amp")
    runs = ran(cifar, folder, "full", *arguments)["runs"]
    names = ["teacher", "auxiliary on labels", "auxiliary", "published recipe", "our recipe"]
    names += ["PKT", "KD", "cross-entropy"]
    assert [run["way"] for run in runs] == names
    assert len(list((folder / "nets").iterdir())) == len(names)
    (folder / "nets" / "PKT-0.pt").unlink()
    again = ran(cifar, folder, "full", *arguments)["runs"]
    assert [run["way"] for run in again[len(names) :]] == ["PKT"]
    assert again[-1]["cosine"] == again[names.index("PKT")]["cosine"]


def test_side_by_side_is_as_alone(networks, training, cifar):
    ways = importlib.import_module("benchmarks.networks.cifar_ways")
    rng = np.random.default_rng(1)
    rows = images(40, rng)
    data = training.Split(rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0].astype(np.int64))
    teacher = networks.fast(networks.Small(networks.TINY).eval())
    settings = training.Settings(epochs=2, batch_size=16)

    def lessons():
        made = []
        for name in ("published recipe", "our recipe", "cross-entropy"):
            way = ways.students(2)[name]
            torch.manual_seed(5)
            student, taught_by = networks.Small(networks.VERY_TINY), teacher if way.teacher else None
            made.append(training.Lesson(student, way.method, taught_by, way.learning_rate, way.beta2))
        return made

    together, alone = lessons(), lessons()
    before = {name: values.clone() for name, values in teacher.state_dict().items()}
    training.train(together, data, settings, seed=0)
    for lesson in alone:
        training.train([lesson], data, settings, seed=0)
    for one, other in zip(together, alone, strict=True):
        for name, values in one.student.state_dict().items():
            assert torch.equal(values, other.student.state_dict()[name]), name
    weights = [lesson.student.fc1.weight for lesson in together]
    assert not torch.equal(weights[0], weights[1])
    assert all(torch.equal(values, before[name]) for name, values in teacher.state_dict().items())


def test_the_small_network_is_the_published_one(networks):
    """Which rectifies before it pools; values and gradients are the same."""

    class Published(networks.Small):
        def forward(self, x):
            for number in "123":
                convolved = getattr(self, f"conv{number}")(x)
                x = nn.functional.max_pool2d(getattr(self, f"conv{number}_bn")(convolved).relu(), 2)
            return self.fc2(self.fc1(x.flatten(1)).relu())

    mine, theirs = networks.Small(networks.VERY_TINY).double(), Published(networks.VERY_TINY).double()
    theirs.load_state_dict(mine.state_dict())
    x = torch.randn(8, 3, 32, 32, dtype=torch.float64)
    for network in (mine, theirs):
        network(x).square().sum().backward()
    for own, other in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad)


def test_choices_are_made_on_training_images_alone(cifar, folder):
    (run,) = ran(cifar, folder, "choices", "--epochs", "1", "--ways", "labels 8.0, rate 0.006")["runs"]
    assert run["seed"] == 100
    data = cifar.Split(np.arange(N_TRAIN), np.arange(N_TRAIN))
    learned, asked = cifar.held_out(data)
    assert set(learned.y) | set(asked.y) == set(data.y)
    assert len(learned.y) + len(asked.y) == N_TRAIN
