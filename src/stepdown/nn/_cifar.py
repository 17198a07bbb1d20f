"""CIFAR-10 and CIFAR-100 from the files of their official binary version."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32


class Images(NamedTuple):
    """Images, labels and the names of the classes.

    Parameters
    ----------
    X : array of uint8 of shape (n_samples, 3, 32, 32)
        Red, green, blue; rows from the top.
    y : array of int of shape (n_samples,)
        Positions in `classes`.
    classes : list of str
    """

    X: NDArray[np.uint8]
    y: NDArray[np.int64]
    classes: list[str]


def load_cifar10(folder: str | os.PathLike[str], split: Literal["train", "test"] = "train") -> Images:
    """Read CIFAR-10: 50,000 training or 10,000 test images of 10 classes.

    Parameters
    ----------
    folder : path
        ``cifar-10-batches-bin`` as it was unpacked, or the folder that holds it.
    split : {"train", "test"}, default="train"
        Which files: every ``data_batch_*.bin`` (in the order of their names), or ``test_batch.bin``.

    Raises
    ------
    FileNotFoundError
        If a file isn't there.
    ValueError
        If the split is none of the above or a file isn't of this layout.

    References
    ----------
    A. Krizhevsky, "Learning multiple layers of features from tiny images", University of Toronto, 2009;
    https://www.cs.toronto.edu/~kriz/cifar.html, "binary version".

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())  # with one black image in the layout of the 10,000
    >>> _ = (folder / "batches.meta.txt").write_text("airplane automobile")
    >>> _ = (folder / "test_batch.bin").write_bytes(bytes([1]) + bytes(3072))
    >>> X, y, classes = load_cifar10(folder, "test")
    >>> X.shape, classes[y[0]]
    ((1, 3, 32, 32), 'automobile')
    """
    root = _root(folder, "cifar-10-batches-bin", "batches.meta.txt")
    pattern = {"train": "data_batch_*.bin", "test": "test_batch.bin"}[_checked(split)]
    X, labels = read_cifar_files(_matching(root, pattern))
    return _with_classes(X, labels[:, 0], root / "batches.meta.txt")


def load_cifar100(
    folder: str | os.PathLike[str],
    split: Literal["train", "test"] = "train",
    *,
    labels: Literal["fine", "coarse"] = "fine",
) -> Images:
    """Read CIFAR-100: 50,000 training or 10,000 test images of 100 classes in 20 groups.

    Parameters
    ----------
    folder : path
        ``cifar-100-binary`` as it was unpacked, or the folder that holds it.
    split : {"train", "test"}, default="train"
        Which file: ``train.bin`` or ``test.bin``.
    labels : {"fine", "coarse"}, default="fine"
        The classes, or the groups.

    Raises
    ------
    FileNotFoundError
        If a file isn't there.
    ValueError
        If the split or the labels are none of the above or a file isn't of this layout.

    References
    ----------
    As of `load_cifar10`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for kind, names in {"coarse": "fish flowers", "fine": "orchid rose shark"}.items():
    ...     _ = (folder / f"{kind}_label_names.txt").write_text(names)
    >>> _ = (folder / "test.bin").write_bytes(bytes([1, 0]) + bytes(3072))
    >>> for labels in ("coarse", "fine"):
    ...     _, y, classes = load_cifar100(folder, "test", labels=labels)
    ...     print(classes[y[0]])
    flowers
    orchid
    """
    if labels not in ("fine", "coarse"):
        raise ValueError(f"labels={labels!r}: expected 'fine' or 'coarse'.")
    root = _root(folder, "cifar-100-binary", "fine_label_names.txt")
    X, both = read_cifar_files(_matching(root, f"{_checked(split)}.bin"), n_labels=2)
    return _with_classes(X, both[:, ("coarse", "fine").index(labels)], root / f"{labels}_label_names.txt")


def read_cifar_files(
    files: Sequence[str | os.PathLike[str]], *, n_labels: int = 1
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read files in CIFAR's binary layout: for each image its labels, a byte each, and 3,072 bytes, channel by channel.

    Parameters
    ----------
    files : sequence of path
        Read in this order.
    n_labels : int, default=1
        Label bytes of an image: 1 in CIFAR-10, 2 (coarse, fine) in CIFAR-100.

    Returns
    -------
    X : array of uint8 of shape (n_samples, 3, 32, 32)
    labels : array of uint8 of shape (n_samples, n_labels)

    Raises
    ------
    ValueError
        If a file is empty or its size is no multiple of an image's.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp(), "two.bin")
    >>> _ = file.write_bytes(bytes([7]) + bytes(3072) + bytes([9]) + bytes(3072))
    >>> X, labels = read_cifar_files([file])
    >>> X.shape, labels.tolist()
    ((2, 3, 32, 32), [[7], [9]])
    """
    width = n_labels + PIXELS
    for file in files:
        size = os.path.getsize(file)
        if size == 0 or size % width:
            raise ValueError(
                f"{os.fspath(file)}: {size} bytes; expected images of {width} bytes each ({n_labels} for labels). "
                f"Is the file complete, and of the binary version?"
            )
    counts = [os.path.getsize(file) // width for file in files]
    X = np.empty((sum(counts), PIXELS), np.uint8)
    labels = np.empty((sum(counts), n_labels), np.uint8)
    start = 0
    for file, count in zip(files, counts, strict=True):
        rows = np.fromfile(file, np.uint8, count * width).reshape(count, width)
        labels[start : start + count], X[start : start + count] = rows[:, :n_labels], rows[:, n_labels:]
        start += count
    return X.reshape(-1, *SHAPE), labels


def _checked(split: str) -> str:
    if split not in ("train", "test"):
        raise ValueError(f"split={split!r}: expected 'train' or 'test'.")
    return split


def _root(folder: str | os.PathLike[str], unpacked: str, names: str) -> Path:
    for root in (Path(folder), Path(folder) / unpacked):
        if (root / names).is_file():
            return root
    raise FileNotFoundError(
        f"{os.fspath(folder)}: expected {unpacked}, with {names} in it; unpack the binary version (not the Python one) "
        f"of https://www.cs.toronto.edu/~kriz/cifar.html there."
    )


def _matching(root: Path, pattern: str) -> list[Path]:
    files = sorted(root.glob(pattern))
    if not files:
        raise FileNotFoundError(f"{root}: no file {pattern}; is the folder complete?")
    return files


def _with_classes(X: NDArray[np.uint8], labels: NDArray[np.uint8], names: Path) -> Images:
    classes = names.read_text(encoding="utf-8").split()
    if labels.max() >= len(classes):
        raise ValueError(f"{names.parent}: label {labels.max()}, but {names.name} has {len(classes)} names.")
    return Images(X, labels.astype(np.int64), classes)
