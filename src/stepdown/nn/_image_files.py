"""Labelled images from what people have on disk: official archives as unpacked, a folder a class, arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ._arrays import load_arrays
from ._cifar import Images, load_cifar10

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".ppm", ".webp", ".tif", ".tiff")
SIDE = 96
"""Of STL-10's images."""
EVERY = 5
"""Where a collection has no test part, every fifth image of a class, by name, is one."""

Split = Literal["train", "test"]


def load_images(path: str | os.PathLike[str], split: Split = "train", *, size: int | None = None) -> Images:
    """Read labelled images, whatever of these `path` is.

    - CIFAR-10 in its binary version, unpacked (`load_cifar10`);
    - STL-10 in its binary version, unpacked (``train_X.bin``, ``train_y.bin`` and so on; labelled images only);
    - CUB-200-2011, unpacked (``images.txt``, ``train_test_split.txt``, ``images``);
    - folders of images, a folder a class, nested ones too (as in SUN397), under ``train`` and ``test`` (or ``val``)
      where there are such; else every fifth image of a class, by name, is for the test;
    - an ``.npz`` file with ``X`` and ``y`` for training, and ``X_test`` and ``y_test``.

    Parameters
    ----------
    path : path
        A folder or an ``.npz`` file.
    split : {"train", "test"}, default="train"
        Which part.
    size : int, optional
        Side of the images: larger or smaller ones are scaled by their shorter side and cut in the middle, by Pillow.
        Needed where images aren't square and alike.

    Returns
    -------
    Images
        ``X`` of shape (n_images, 3, height, width), ``y``, and the names of the classes.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`, or no images in it.
    ValueError
        For files of another layout, images of several shapes without `size`, or a file that isn't an image; it is
        named.
    ImportError
        If image files are to be read or scaled and Pillow isn't installed.

    References
    ----------
    A. Coates, H. Lee, A. Y. Ng, "An analysis of single-layer networks in unsupervised feature learning", AISTATS 2011
    (STL-10); C. Wah et al., "The Caltech-UCSD Birds-200-2011 dataset", 2011; J. Xiao et al., "SUN database", CVPR 2010.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> np.savez(folder / "photos.npz", X=np.zeros((3, 8, 8, 3), np.uint8), y=["cat", "dog", "cat"])
    >>> images = load_images(folder / "photos.npz")
    >>> images.X.shape, images.y.tolist(), images.classes
    ((3, 3, 8, 8), [0, 1, 0], ['cat', 'dog'])
    """
    if split not in ("train", "test"):
        raise ValueError(f"split={split!r}: expected 'train' or 'test'.")
    if size is not None and size < 1:
        raise ValueError(f"size={size}: expected at least 1.")
    root = Path(path)
    if not root.exists():
        raise FileNotFoundError(f"{root}: there is no such file or folder.")
    if root.is_file():
        found = _from_arrays(root, split)
    elif any((folder / "batches.meta.txt").is_file() for folder in (root, root / "cifar-10-batches-bin")):
        found = load_cifar10(root, split)
    elif (stl := _within(root, "stl10_binary", f"{split}_X.bin")) is not None:
        found = _stl10(stl, split)
    elif (cub := _within(root, "CUB_200_2011", "train_test_split.txt")) is not None:
        return _read(*_cub(cub, split), size)
    else:
        return _read(*_folders(root, split), size)
    return found if size is None else found._replace(X=_scaled(found.X, size))


def _within(root: Path, unpacked: str, file: str) -> Path | None:
    return next((folder for folder in (root, root / unpacked) if (folder / file).is_file()), None)


def _from_arrays(file: Path, split: Split) -> Images:
    X, y = load_arrays(file, *(("X", "y") if split == "train" else ("X_test", "y_test")))
    if X.dtype != np.uint8 or X.ndim != 4 or not {X.shape[1], X.shape[3]} & {1, 3}:
        raise ValueError(
            f"{file}: images of dtype {X.dtype} and shape {X.shape}; expected uint8 in 0..255 of shape (n_images, 3, "
            "height, width) or (n_images, height, width, 3), or with one channel."
        )
    if X.shape[1] not in (1, 3):
        X = np.ascontiguousarray(X.transpose(0, 3, 1, 2))
    if len(X) == 0:
        raise ValueError(f"{file}: there are no images in it.")
    # Both parts together say what the classes are, so that the parts agree.
    with np.load(file, allow_pickle=False) as archive:
        known = [name for name in ("y", "y_test") if name in archive.files]
    classes = np.unique(np.concatenate([np.ravel(load_arrays(file, name)[0]) for name in known]))
    return Images(X, np.searchsorted(classes, np.ravel(y)).astype(np.int64), [str(name) for name in classes])


def _stl10(folder: Path, split: Split) -> Images:
    """Images column by column, channel by channel; labels from 1."""
    width = 3 * SIDE * SIDE
    pixels, labels = (np.fromfile(folder / f"{split}_{part}.bin", np.uint8) for part in ("X", "y"))
    if len(pixels) != width * len(labels) or not len(labels) or labels.min() < 1:
        raise ValueError(
            f"{folder}: {len(pixels):,} bytes of images and {len(labels):,} labels; expected {width:,} bytes an image "
            "and labels from 1. Are the files complete?"
        )
    names = folder / "class_names.txt"
    classes = names.read_text().split() if names.is_file() else [str(number) for number in range(1, labels.max() + 1)]
    X = np.ascontiguousarray(pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 1, 3, 2))
    return Images(X, labels.astype(np.int64) - 1, classes)


Listed = tuple[list[Path], list[str], list[str]]
"""Files of a part, the class of each, and the classes of all parts, so that parts are numbered alike."""


def _cub(folder: Path, split: Split) -> Listed:
    """By the collection's own lists of numbered images."""
    files = dict(line.split(maxsplit=1) for line in (folder / "images.txt").read_text().splitlines() if line.strip())
    parts = dict(line.split() for line in (folder / "train_test_split.txt").read_text().splitlines() if line.strip())
    wanted = "1" if split == "train" else "0"
    names = [files[number] for number in files if parts.get(number) == wanted]
    classes = sorted({name.split("/")[0] for name in files.values()})
    return [folder / "images" / name for name in names], [name.split("/")[0] for name in names], classes


def _folders(root: Path, split: Split) -> Listed:
    parts = {"train": root / "train", "test": next((root / n for n in ("test", "val") if (root / n).is_dir()), root)}
    divided = parts["train"].is_dir() and parts["test"] != root
    tops = parts if divided else {"train": root, "test": root}
    files = {part: _images_below(top) for part, top in tops.items()}
    names = {part: [file.parent.relative_to(tops[part]).as_posix() for file in found] for part, found in files.items()}
    classes = sorted({*names["train"], *names["test"]})
    if divided:
        return files[split], names[split], classes
    seen = dict.fromkeys(classes, 0)
    chosen = []
    for place, name in enumerate(names[split]):
        seen[name] += 1
        if (seen[name] % EVERY == 0) == (split == "test"):
            chosen.append(place)
    return [files[split][place] for place in chosen], [names[split][place] for place in chosen], classes


def _images_below(top: Path) -> list[Path]:
    files = sorted(file for file in top.rglob("*") if file.suffix.lower() in SUFFIXES and file.parent != top)
    if not files:
        raise FileNotFoundError(
            f"{top}: no images in folders; expected a folder a class with {', '.join(SUFFIXES[:3])} and the like, "
            "CIFAR-10 or STL-10 in the binary version, or CUB-200-2011."
        )
    return files


def _read(files: Sequence[Path], names: Sequence[str], classes: list[str], size: int | None) -> Images:
    """Images from files, in one array that is made once."""
    image = _pillow()
    X: NDArray[Any] | None = None
    for place, file in enumerate(files):
        try:
            with image.open(file) as opened:
                pixels = np.asarray(_fitted(opened.convert("RGB"), size)).transpose(2, 0, 1)
        except (OSError, SyntaxError, ValueError) as error:
            raise ValueError(f"{file}: can't be read as an image ({error}).") from error
        if X is None:
            X = np.empty((len(files), *pixels.shape), np.uint8)
        if pixels.shape != X.shape[1:]:
            raise ValueError(
                f"{file}: {pixels.shape[2]} x {pixels.shape[1]} pixels, where {files[0]} has {X.shape[3]} x "
                f"{X.shape[2]}; pass size=, to which all are scaled and cut."
            )
        X[place] = pixels
    if X is None:
        raise FileNotFoundError("no image is in this part; a class has fewer than five, so pass a folder of its own.")
    y = np.searchsorted(classes, names).astype(np.int64)
    return Images(X, y, classes)


def _fitted(image: Any, size: int | None) -> Any:
    """Scaled by the shorter side, then cut in the middle."""
    if size is None or image.size == (size, size):
        return image
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return image.resize((size, size), _pillow().Resampling.BILINEAR, box=(left, top, left + side, top + side))


def _scaled(X: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    if X.shape[2:] == (size, size):
        return X
    image = _pillow()
    made = np.empty((len(X), X.shape[1], size, size), np.uint8)
    for place, channels in enumerate(X):
        for channel, pixels in enumerate(channels):
            made[place, channel] = np.asarray(_fitted(image.fromarray(pixels), size))
    return made


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("images are read and scaled by Pillow, which isn't installed: pip install pillow.") from error
    return Image
