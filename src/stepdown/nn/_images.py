"""Images in memory: batches cut, mirrored and normalised at once, on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Subset

from stepdown.core import InvalidInputError, derive_seed


class ImageBatches:
    """Batches of uint8 images, augmented by indexing instead of image by image; an iterator for skorch or any loop.

    The images stay in memory as they are, 1 byte a value. A batch is one indexing operation, which cuts a random window
    out of each padded image and mirrors some, and one multiplication. With skorch::

        NeuralNetClassifier(
            Net, iterator_train=ImageBatches, iterator_train__shuffle=True, iterator_train__padding=4,
            iterator_train__flip=True, iterator_train__mean=mean, iterator_train__std=std,
            iterator_valid=ImageBatches, iterator_valid__mean=mean, iterator_valid__std=std,
        )

    Parameters
    ----------
    dataset : skorch.dataset.Dataset, torch Subset of one, or tuple of arrays
        Images of shape (n_images, n_channels, height, width), uint8, and targets of shape (n_images, ...) or None.
    batch_size : int
        At least 1.
    shuffle, drop_last : bool
        As in torch's ``DataLoader``.
    padding : int
        Pixels of 0 on every side, before a window of the image's own size is cut at random; 0 cuts nothing.
    flip : bool
        Whether each image is mirrored with probability 1/2.
    mean, std : float or sequence of n_channels floats
        Of the values scaled to [0, 1].
    device : str or torch.device
        Where images and batches are.
    seed : int
        What is drawn is a function of this, of the epoch and of nothing else.
    part : (int, int), optional
        The number of this process and how many there are: each gets its share of a batch of `batch_size` rows a
        process, so that all together train on the batches, windows and mirrorings of one process with the whole
        batch. Our methods set it where Accelerate runs a training; ``(0, 1)`` gives all rows to each process.

    Raises
    ------
    InvalidInputError
        For images that aren't uint8 or not of four axes, settings out of range, and in iterating without `part` where
        ``torch.distributed`` runs several processes.

    Notes
    -----
    Each iteration is an epoch and counts `epoch` up. `state_dict` holds what a checkpoint needs to go on; a training by
    one of our methods sets the epoch by its history, so that skorch's checkpoints suffice. Memory is laid out with
    channels last, which convolutions are fastest on. torch 2.13 on a CPU with AVX2 alone corrupts memory in the
    gradient of a strided 1x1 convolution from 2 to 7 channels that are laid out so; `Transfer` and our methods keep
    such layers from it, in a training without them pass ``x.contiguous()`` to networks that have one. Accelerate
    passes these batches on as they are: predict in one process, or take torch's ``DataLoader`` for ``iterator_valid``.

    Examples
    --------
    >>> images, labels = np.zeros((5, 3, 8, 8), dtype=np.uint8), np.arange(5)
    >>> batches = ImageBatches((images, labels), batch_size=2, shuffle=True, padding=1, flip=True, mean=0.5, std=0.25)
    >>> [tuple(x.shape) for x, y in batches]
    [(2, 3, 8, 8), (2, 3, 8, 8), (1, 3, 8, 8)]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 128,
        *,
        shuffle: bool = False,
        drop_last: bool = False,
        padding: int = 0,
        flip: bool = False,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        device: str | torch.device = "cpu",
        seed: int = 0,
        part: tuple[int, int] | None = None,
    ) -> None:
        if part is not None and not 0 <= part[0] < part[1]:
            raise InvalidInputError(f"part={part}: expected (number of this process from 0, number of processes).")
        if batch_size < 1 or padding < 0:
            raise InvalidInputError(f"batch_size={batch_size}, padding={padding}: expected at least 1 and at least 0.")
        X, y, rows = _arrays(dataset)
        images = torch.as_tensor(X)
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise InvalidInputError(
                f"images of dtype {images.dtype} and shape {tuple(images.shape)} came; expected uint8 in 0..255 of "
                "shape (n_images, n_channels, height, width)."
            )
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.padding = padding
        self.flip = flip
        self.seed = seed
        self.part = part
        self.epoch = 0
        self.dataset = dataset
        self._rows = rows if rows is None else torch.as_tensor(rows)
        self._images = images.to(device).permute(0, 2, 3, 1)  # channels last, which indexing keeps
        self._targets = None if y is None else torch.as_tensor(y).to(device)
        self._scale, self._shift = _normalisation(mean, std, images.shape[1], self._images.device)

    def __len__(self) -> int:
        """How many batches an epoch has, in each process the same number."""
        _, processes = self._part()
        full, rest = divmod(self.n_images, self.batch_size * processes)
        return full + bool(rest >= processes and not self.drop_last)

    @property
    def n_images(self) -> int:
        return len(self._images) if self._rows is None else len(self._rows)

    def set_epoch(self, epoch: int) -> None:
        """Draw from now on as in an epoch, counted from 0."""
        self.epoch = epoch

    def state_dict(self) -> dict[str, int]:
        """What is to be kept in a checkpoint between epochs."""
        return {"seed": self.seed, "epoch": self.epoch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where a checkpoint was written."""
        self.seed, self.epoch = state["seed"], state["epoch"]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        # Drawn on the CPU, so that every device gets the same batches.
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "epoch", self.epoch) or 0)
        self.epoch += 1
        order = torch.randperm(self.n_images, generator=generator) if self.shuffle else torch.arange(self.n_images)
        if self._rows is not None:
            order = self._rows[order]
        number, processes = self._part()
        step = self.batch_size * processes
        for start in range(0, len(self) * step, step):
            together = order[start : start + step]
            windows = self._windows(len(together), generator)  # drawn for all processes, so that they stay in step
            mine = torch.arange(len(together)).tensor_split(processes)[number]
            chosen = together[mine].to(self._images.device)
            targets = chosen.new_zeros(len(chosen)) if self._targets is None else self._targets[chosen]
            yield self._batch(chosen, windows and (windows[0][mine], windows[1][mine])), targets

    def _part(self) -> tuple[int, int]:
        if self.part is not None:
            return self.part
        processes = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
        if processes > 1:
            raise InvalidInputError(
                f"{processes} processes run and ImageBatches doesn't know which this one is, so that each would get "
                "all rows; pass part=(torch.distributed.get_rank(), torch.distributed.get_world_size()), or (0, 1) "
                "where each shall have all."
            )
        return 0, 1

    def _windows(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor] | None:
        """Rows and columns of the padded images that each image of a batch shows; None for all as they are."""
        if not (self.padding or self.flip):
            return None
        _, height, width, _ = self._images.shape
        corner = torch.randint(2 * self.padding + 1, (2, n, 1), generator=generator)
        ys, xs = corner[0] + torch.arange(height), corner[1] + torch.arange(width)
        if self.flip:
            mirrored = torch.rand(n, 1, generator=generator) < 0.5
            xs = torch.where(mirrored, xs.flip(1), xs)
        return ys, xs

    def _batch(self, rows: Tensor, windows: tuple[Tensor, Tensor] | None) -> Tensor:
        images = self._images[rows]
        n, height, width, n_channels = images.shape
        if windows is not None:
            p = self.padding
            ys, xs = (part.to(rows.device) for part in windows)
            padded = functional.pad(images, (0, 0, p, p, p, p))
            # A pixel at a time: indexing by three axes takes twice as long.
            of_image, of_row = padded.shape[1] * padded.shape[2], padded.shape[2]
            corners = of_image * torch.arange(n, device=rows.device)[:, None] + of_row * ys
            pixels = (corners[:, :, None] + xs[:, None, :]).view(-1)
            # Indexing keeps the layout that the images came in; only padding brings channels last for certain.
            images = padded.reshape(-1, n_channels).index_select(0, pixels)
        # Whole rows of pixels at a time, in which the channels' factors and summands repeat.
        values = images.reshape(n, height, width * n_channels).float()
        values.mul_(self._scale.view(-1).expand(width, n_channels).reshape(-1))
        values.add_(self._shift.view(-1).expand(width, n_channels).reshape(-1))
        return values.view(n, height, width, n_channels).permute(0, 3, 1, 2)


def _arrays(dataset: Any) -> tuple[ArrayLike, ArrayLike | None, NDArray[np.intp] | None]:
    """Images, targets and, of a part of them, the rows."""
    if isinstance(dataset, Subset):
        X, y, rows = _arrays(dataset.dataset)
        chosen = np.asarray(dataset.indices, dtype=np.intp)
        return X, y, chosen if rows is None else rows[chosen]
    X, y = dataset if isinstance(dataset, tuple) else (getattr(dataset, "X", None), getattr(dataset, "y", None))
    if X is None:
        raise InvalidInputError(
            f"a {type(dataset).__name__} came; expected skorch's Dataset of arrays or (images, targets)."
        )
    return X, y, None


def _normalisation(mean: Any, std: Any, n_channels: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Factor and summand of raw values, of shape (n_channels, 1, 1)."""
    centre, spread = (torch.as_tensor(values, dtype=torch.float64).reshape(-1, 1, 1) for values in (mean, std))
    if not {len(centre), len(spread)} <= {1, n_channels} or not bool((spread > 0).all()):
        raise InvalidInputError(
            f"mean={mean}, std={std}: expected one number, or one for each of {n_channels} channels, and std positive."
        )
    scale, shift = 1 / (255 * spread), -centre / spread
    return scale.float().to(device), shift.float().to(device)
