"""The readers, on small files that the tests write in the layouts."""

import numpy as np
import pytest

from stepdown.nn import load_arrays, load_cifar10, load_cifar100, read_cifar_files

NAMES = ["airplane", "automobile", "bird"]


def write(file, labels, images):
    """One label byte or two, then red, green and blue, each row by row from the top."""
    with open(file, "wb") as out:
        for label, image in zip(labels, images, strict=True):
            out.write(bytes(np.atleast_1d(label).tolist()))
            for channel in image:
                for row in channel:
                    out.write(bytes(row.tolist()))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (7, 3, 32, 32), dtype=np.uint8)


@pytest.fixture
def cifar10(tmp_path, images):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    write(folder / "data_batch_2.bin", [2, 0], images[3:5])
    write(folder / "data_batch_1.bin", [0, 1, 2], images[:3])
    write(folder / "test_batch.bin", [1, 1], images[5:])
    return folder


@pytest.fixture
def cifar100(tmp_path, images):
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    (folder / "coarse_label_names.txt").write_text("animals\nplants\n")
    (folder / "fine_label_names.txt").write_text("apple\nbear\ncamel\n")
    write(folder / "train.bin", [(1, 0), (0, 1), (0, 2)], images[:3])
    write(folder / "test.bin", [(0, 2)], images[3:4])
    return folder


def test_cifar10_training_batches_are_read_in_order(cifar10, images):
    for folder in (cifar10, str(cifar10), cifar10.parent):
        X, y, classes = load_cifar10(folder)
        np.testing.assert_array_equal(X, images[:5])
        assert (X.dtype, y.dtype) == (np.uint8, np.int64)
        assert X.flags.c_contiguous
        assert X.flags.writeable
        assert y.tolist() == [0, 1, 2, 2, 0]
        assert classes == NAMES


def test_cifar10_test_batch(cifar10, images):
    X, y, _ = load_cifar10(cifar10, "test")
    np.testing.assert_array_equal(X, images[5:])
    assert y.tolist() == [1, 1]


def test_cifar100_fine_and_coarse(cifar100, images):
    X, y, classes = load_cifar100(cifar100.parent)
    np.testing.assert_array_equal(X, images[:3])
    assert (y.tolist(), classes) == ([0, 1, 2], ["apple", "bear", "camel"])
    _, y, classes = load_cifar100(cifar100, labels="coarse")
    assert (y.tolist(), classes) == ([1, 0, 0], ["animals", "plants"])
    assert load_cifar100(cifar100, "test").y.tolist() == [2]


def test_any_files_of_the_layout(cifar10, images):
    X, labels = read_cifar_files([cifar10 / "test_batch.bin", cifar10 / "data_batch_1.bin"])
    np.testing.assert_array_equal(X, images[[5, 6, 0, 1, 2]])
    assert labels.tolist() == [[1], [1], [0], [1], [2]]


def test_cifar_refuses(cifar10, cifar100, tmp_path):
    with pytest.raises(ValueError, match="split='valid': expected 'train' or 'test'"):
        load_cifar10(cifar10, "valid")
    with pytest.raises(ValueError, match="split='valid': expected 'train' or 'test'"):
        load_cifar100(cifar100, "valid")
    with pytest.raises(ValueError, match="labels='both': expected 'fine' or 'coarse'"):
        load_cifar100(cifar100, labels="both")
    with pytest.raises(FileNotFoundError, match=r"expected cifar-10-batches-bin, with batches\.meta\.txt in it"):
        load_cifar10(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match="expected cifar-100-binary"):
        load_cifar100(cifar10)
    (cifar10 / "test_batch.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"no file test_batch\.bin"):
        load_cifar10(cifar10, "test")


def test_a_file_that_was_cut_off_is_refused(cifar10):
    file = cifar10 / "data_batch_1.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"data_batch_1\.bin: 9218 bytes; expected images of 3073 bytes each"):
        load_cifar10(cifar10)
    file.write_bytes(b"")
    with pytest.raises(ValueError, match=r"data_batch_1\.bin: 0 bytes"):
        load_cifar10(cifar10)


def test_labels_without_a_name_are_refused(cifar10, images):
    write(cifar10 / "test_batch.bin", [0, 3], images[:2])
    with pytest.raises(ValueError, match=r"label 3, but batches\.meta\.txt has 3 names"):
        load_cifar10(cifar10, "test")


def test_arrays_come_in_the_order_of_their_names(tmp_path):
    file = tmp_path / "data.npz"
    np.savez_compressed(file, X=np.eye(3), y=["a", "b", "a"], group=np.arange(3))
    X, y = load_arrays(file)
    np.testing.assert_array_equal(X, np.eye(3))
    assert y.tolist() == ["a", "b", "a"]
    group, again = load_arrays(str(file), "group", "X")
    assert group.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(again, X)


def test_arrays_that_can_not_be_right_are_refused(tmp_path):
    file = tmp_path / "data.npz"
    np.savez(file, X=np.eye(3), y=[0, 1], one=1.0, objects=np.array([{}, {}, {}], dtype=object))
    with pytest.raises(ValueError, match=r"no arrays \['z'\]; it holds \['X', 'y', 'one', 'objects'\]"):
        load_arrays(file, "X", "z")
    with pytest.raises(ValueError, match=r"got rows \{'X': 3, 'y': 2\}"):
        load_arrays(file)
    with pytest.raises(ValueError, match=r"got rows \{'one': None\}"):
        load_arrays(file, "one")
    with pytest.raises(ValueError, match="array 'objects' can't be read without executing code"):
        load_arrays(file, "X", "objects")
    with pytest.raises(FileNotFoundError, match="nothing"):
        load_arrays(tmp_path / "nothing.npz")
    for content in (b"", b"X,y\n1,2\n"):
        (tmp_path / "text.npz").write_bytes(content)
        with pytest.raises(ValueError, match=r"expected an \.npz file"):
            load_arrays(tmp_path / "text.npz")
