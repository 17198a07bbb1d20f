"""Batches of images against plain loops, by themselves and in skorch."""

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Checkpoint, LoadInitState
from skorch.dataset import Dataset, ValidSplit
from torch import nn
from torch.utils.data import Subset

from stepdown.core import InvalidInputError, TransferSet
from stepdown.nn import KD, ImageBatches


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (10, 3, 6, 5), dtype=np.uint8)


LABELS = np.arange(10)


def joined(batches):
    parts = list(batches)
    return torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts])


def test_without_augmentation_it_is_division_and_normalisation(images):
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
    x, y = joined(ImageBatches((images, LABELS), 4, mean=mean, std=std))
    expected = (images / 255 - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    np.testing.assert_allclose(x.numpy(), expected, atol=1e-6)
    assert x.dtype == torch.float32
    assert y.tolist() == LABELS.tolist()


def test_batches_are_laid_out_with_channels_last(images):
    for padding in (0, 2):
        x, _ = next(iter(ImageBatches((images, LABELS), 4, padding=padding)))
        assert x.is_contiguous(memory_format=torch.channels_last)


def test_images_can_be_mirrored_without_being_cut(images):
    x, y = joined(ImageBatches((images, LABELS), 10, flip=True))
    plain = images[y.numpy()] / 255
    mirrored = [np.allclose(image, whole[:, :, ::-1]) for image, whole in zip(x.numpy(), plain, strict=True)]
    as_they_are = [np.allclose(image, whole) for image, whole in zip(x.numpy(), plain, strict=True)]
    assert np.logical_xor(mirrored, as_they_are).all()
    assert any(mirrored)
    assert any(as_they_are)


def test_every_image_is_a_window_of_its_padded_self(images):
    batches = ImageBatches((images, LABELS), 4, shuffle=True, padding=2, flip=True)
    padded = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2))) / 255
    seen = set()
    for _ in range(40):
        x, y = joined(batches)
        assert sorted(y.tolist()) == LABELS.tolist()
        for image, label in zip(x.numpy(), y.tolist(), strict=True):
            found = [
                (top, left, mirrored)
                for top in range(5)
                for left in range(5)
                for mirrored in (False, True)
                if np.allclose(image, window(padded[label], top, left, mirrored), atol=1e-6)
            ]
            assert found
            seen.update(found[:1])
    assert len(seen) == 50


def window(padded, top, left, mirrored):
    cut = padded[:, top : top + 6, left : left + 5]
    return cut[:, :, ::-1] if mirrored else cut


def test_epochs_and_seeds_decide_what_is_drawn(images):
    settings = {"shuffle": True, "padding": 1, "flip": True}
    first, again = (ImageBatches((images, LABELS), 4, seed=3, **settings) for _ in range(2))
    epochs = [joined(first) for _ in range(3)]
    assert not torch.equal(epochs[0][1], epochs[1][1])
    for x, y in epochs[:2]:
        assert all(torch.equal(a, b) for a, b in zip(joined(again), (x, y), strict=True))
    resumed = ImageBatches((images, LABELS), 4, seed=99, **settings)
    resumed.load_state_dict(again.state_dict())
    assert torch.equal(joined(resumed)[0], epochs[2][0])
    assert not torch.equal(joined(ImageBatches((images, LABELS), 4, seed=4, **settings))[1], epochs[0][1])
    before = torch.get_rng_state()
    joined(first)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [4, 4, 2]), (True, [4, 4])])
def test_sizes_of_batches(images, drop_last, sizes):
    batches = ImageBatches((images, LABELS), 4, drop_last=drop_last)
    assert [len(x) for x, _ in batches] == sizes
    assert len(batches) == len(sizes)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_the_batches_of_one(images, processes, drop_last):
    x, y = images, LABELS
    settings = {"shuffle": True, "padding": 2, "flip": True, "seed": 3, "drop_last": drop_last}
    whole = list(ImageBatches((x, y), batch_size=2 * processes, **settings))
    shares = [ImageBatches((x, y), batch_size=2, part=(number, processes), **settings) for number in range(processes)]
    assert {len(share) for share in shares} == {len(whole)}
    parts = [list(share) for share in shares]
    for number, (rows, labels) in enumerate(whole):
        torch.testing.assert_close(torch.cat([part[number][0] for part in parts]), rows, rtol=0, atol=0)
        assert torch.equal(torch.cat([part[number][1] for part in parts]), labels)


def test_no_process_gets_an_empty_batch(images):
    x, y = images, LABELS
    shares = [ImageBatches((x[:9], y[:9]), batch_size=2, part=(number, 2)) for number in range(2)]
    assert [[len(rows) for rows, _ in share] for share in shares] == [[2, 2], [2, 2]]


def test_parts_of_parts_are_seen_through(images):
    part = Subset(Subset(Dataset(images, LABELS), [9, 7, 5, 3]), [0, 2])
    x, y = joined(ImageBatches(part, 4))
    assert y.tolist() == [9, 5]
    np.testing.assert_allclose(x.numpy(), images[[9, 5]] / 255, atol=1e-6)


def test_memory_of_the_images_is_shared(images):
    batches = ImageBatches((images, LABELS), 4)
    assert batches._images.data_ptr() == images.ctypes.data


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12 * width, 10))

    def forward(self, x):
        return self.body(x)


def net(epochs=2, **rest):
    pipeline = {"shuffle": True, "padding": 1, "flip": True, "mean": 0.5, "std": 0.3}
    train = {f"iterator_train__{name}": value for name, value in pipeline.items()}
    valid = {"iterator_valid__mean": 0.5, "iterator_valid__std": 0.3}
    settings = {"criterion": nn.CrossEntropyLoss, "max_epochs": epochs, "batch_size": 4, "verbose": 0}
    return NeuralNetClassifier(
        Net,
        iterator_train=ImageBatches,
        iterator_valid=ImageBatches,
        **{**settings, **train, **valid, "train_split": None, **rest},
    )


def test_skorch_trains_and_predicts_with_it(images):
    X, y = np.concatenate([images] * 3), np.concatenate([LABELS] * 3)
    fitted = net(train_split=ValidSplit(3, stratified=True)).fit(X, y)
    assert fitted.predict(X).shape == (30,)
    assert np.isfinite(fitted.history[-1]["valid_loss"])


def test_resumed_transfer_draws_on_where_it_was(tmp_path, images):
    data = TransferSet.for_classification(images, LABELS)
    teacher = net().fit(images, LABELS)

    def taught(epochs, *callbacks):
        return KD().transfer([teacher], net(epochs, callbacks=[*callbacks]), data, seed=1).module_.state_dict()

    whole = taught(4)
    taught(2, Checkpoint(monitor=None, dirname=str(tmp_path), load_best=False))
    rest = taught(2, LoadInitState(Checkpoint(monitor=None, dirname=str(tmp_path))))
    assert all(torch.equal(whole[name], rest[name]) for name in whole)


@pytest.mark.parametrize(
    ("dataset", "settings", "match"),
    [
        ((np.zeros((2, 3, 4, 4), dtype=np.float32), None), {}, r"dtype torch.float32.*expected uint8"),
        ((np.zeros((2, 4, 4), dtype=np.uint8), None), {}, r"shape \(2, 4, 4\)"),
        ((np.zeros((2, 3, 4, 4), dtype=np.uint8), None), {"mean": [0.1, 0.2]}, "each of 3 channels"),
        ((np.zeros((2, 3, 4, 4), dtype=np.uint8), None), {"std": 0.0}, "std positive"),
        ((np.zeros((2, 3, 4, 4), dtype=np.uint8), None), {"padding": -1}, "padding=-1"),
        ((np.zeros((2, 3, 4, 4), dtype=np.uint8), None), {"batch_size": 0}, "batch_size=0"),
        ([1, 2], {}, "a list came"),
        ((np.zeros((2, 3, 4, 4), dtype=np.uint8), None), {"part": (2, 2)}, r"part=\(2, 2\)"),
    ],
)
def test_what_it_refuses(dataset, settings, match):
    with pytest.raises(InvalidInputError, match=match):
        ImageBatches(dataset, **settings)
