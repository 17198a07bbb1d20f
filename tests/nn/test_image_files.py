"""Images as people have them, on tiny archives of the official layouts."""

import numpy as np
import pytest
from PIL import Image

from stepdown.nn import load_images


def photo(path, colour, width=12, height=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), colour).save(path)


def test_stl10_is_read_column_by_column(tmp_path):
    images = np.zeros((2, 3, 96, 96), np.uint8)
    images[0, 1, 5, 7] = 200  # channel, column, row
    images.tofile(tmp_path / "train_X.bin")
    np.array([2, 1], np.uint8).tofile(tmp_path / "train_y.bin")
    (tmp_path / "class_names.txt").write_text("airplane\nbird\n")
    found = load_images(tmp_path)
    assert found.X.shape == (2, 3, 96, 96)
    assert found.X[0, 1, 7, 5] == 200
    assert found.y.tolist() == [1, 0]
    assert found.classes == ["airplane", "bird"]
    assert load_images(tmp_path, size=32).X.shape == (2, 3, 32, 32)
    (tmp_path / "train_y.bin").write_bytes(bytes([1]))
    with pytest.raises(ValueError, match="bytes an image"):
        load_images(tmp_path)


def test_cifar10(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    (folder / "batches.meta.txt").write_text("cat dog")
    (folder / "test_batch.bin").write_bytes(bytes([1]) + bytes(3072))
    assert load_images(tmp_path, "test").y.tolist() == [1]


def test_cub_has_lists_of_its_own(tmp_path):
    root = tmp_path / "CUB_200_2011"
    names = ["001.Albatross/a.jpg", "002.Auk/b.jpg", "002.Auk/c.jpg"]
    for name in names:
        photo(root / "images" / name, "red")
    (root / "images.txt").write_text("".join(f"{number} {name}\n" for number, name in enumerate(names, start=1)))
    (root / "train_test_split.txt").write_text("1 1\n2 1\n3 0\n")
    train, test = (load_images(tmp_path, split, size=8) for split in ("train", "test"))
    assert train.y.tolist() == [0, 1]
    assert test.y.tolist() == [1]
    assert train.classes == test.classes == ["001.Albatross", "002.Auk"]


def test_a_folder_a_class_with_and_without_a_test_part(tmp_path):
    for number in range(5):
        photo(tmp_path / "sun" / "a" / "abbey" / f"{number}.png", "red")
        photo(tmp_path / "sun" / "z" / "zoo" / "outdoor" / f"{number}.PNG", "blue")
    (tmp_path / "sun" / "readme.txt").write_text("not an image")
    train, test = (load_images(tmp_path / "sun", split) for split in ("train", "test"))
    assert train.classes == test.classes == ["a/abbey", "z/zoo/outdoor"]
    assert train.y.tolist() == [0] * 4 + [1] * 4
    assert test.y.tolist() == [0, 1]
    assert train.X.shape == (8, 3, 10, 12)
    assert test.X[1, :, 0, 0].tolist() == [0, 0, 255]
    for part, kinds in {"train": ("b", "c"), "val": ("a", "c")}.items():
        for kind in kinds:
            photo(tmp_path / "parts" / part / kind / "1.jpg", "green")
    train, test = (load_images(tmp_path / "parts", split) for split in ("train", "test"))
    assert train.classes == test.classes == ["a", "b", "c"]
    assert (train.y.tolist(), test.y.tolist()) == ([1, 2], [0, 2])


def test_sizes_are_scaled_by_the_shorter_side_and_cut_in_the_middle(tmp_path):
    wide = Image.new("RGB", (30, 10), "black")
    wide.paste((255, 255, 255), (10, 0, 20, 10))
    for name in "ab":
        (tmp_path / name).mkdir()
        wide.save(tmp_path / name / "1.png")
    assert load_images(tmp_path, size=5).X.min() > 200
    photo(tmp_path / "b" / "2.png", "red")
    with pytest.raises(ValueError, match=r"2\.png.*size="):
        load_images(tmp_path)


def test_arrays_of_both_layouts(tmp_path):
    X = np.zeros((2, 4, 5, 3), np.uint8)
    X[1, 0, 0, 2] = 9
    np.savez(tmp_path / "a.npz", X=X, y=["b", "c"], X_test=X.transpose(0, 3, 1, 2), y_test=["a", "c"])
    train, test = (load_images(tmp_path / "a.npz", split) for split in ("train", "test"))
    assert np.array_equal(train.X, test.X)
    assert train.X[1, 2, 0, 0] == 9
    assert (train.y.tolist(), test.y.tolist(), test.classes) == ([1, 2], [0, 2], ["a", "b", "c"])


def test_what_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such"):
        load_images(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="folder a class"):
        load_images(tmp_path)
    with pytest.raises(ValueError, match="split"):
        load_images(tmp_path, "valid")
    with pytest.raises(ValueError, match="size=0"):
        load_images(tmp_path, size=0)
    for name in "ab":
        photo(tmp_path / name / "1.png", "red")
    (tmp_path / "b" / "1.png").write_bytes(b"not an image")
    with pytest.raises(ValueError, match=r"b.1\.png.*image"):
        load_images(tmp_path)
    with pytest.raises(FileNotFoundError, match="fewer than five"):
        load_images(tmp_path, "test")
    np.savez(tmp_path / "f.npz", X=np.zeros((2, 3, 4, 4)), y=[0, 1])
    with pytest.raises(ValueError, match="uint8"):
        load_images(tmp_path / "f.npz")
