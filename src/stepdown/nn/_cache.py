"""Features of a frozen teacher, computed once and kept on disk; for inputs that are the same in every epoch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stepdown.core import InvalidInputError

from ._networks import in_the_type_of, quietly, run
from ._taps import Taps, bare, main_tensor

CHECKED_ROWS = 4
"""First rows that are computed again whenever a cache is opened: code isn't part of a network's weights."""

OUTPUT = ""
"""Under which name the network's own output is kept."""


def cached_features(
    network: nn.Module,
    X: NDArray[Any] | Tensor,
    layers: Iterable[str],
    folder: str | os.PathLike[str],
    *,
    augmentation: str = "",
    batch_size: int = 256,
) -> dict[str, NDArray[Any]]:
    """Features of named layers for all rows, from the folder where they are known, else computed and kept there.

    What is kept is found by its content: weights and architecture of the network, the rows, the name of the
    augmentation and the layers. Another content is another entry, so that nothing becomes stale; code that has changed
    is noticed by computing a few rows again. Files are plain ``.npy`` and JSON, opened without unpickling.

    Parameters
    ----------
    network : torch.nn.Module
        Run in evaluation mode without gradients, on its own device, and left as it was.
    X : array or tensor of shape (n_rows, ...)
        As the network takes it, augmented already, in an order that the training keeps track of.
    layers : iterable of str
        Names or globs as in `Taps`; ``""`` is the network's output.
    folder : path
        Made where it isn't there. Entries are never removed; the folder may be.
    augmentation : str
        What has been done to the rows, for the reader of the entry, and part of the key.
    batch_size : int
        At least 1.

    Returns
    -------
    dict of str to array of shape (n_rows, ...)
        Memory-mapped and read-only.

    Raises
    ------
    InvalidInputError
        For names of layers that don't exist, or no rows.

    Examples
    --------
    >>> teacher = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     features = cached_features(teacher, torch.zeros(5, 2), ["0"], folder)["0"]
    ...     features.shape, type(features).__name__
    ((5, 3), 'memmap')
    """
    try:
        rows = in_the_type_of(network, torch.as_tensor(X))
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidInputError(
            f"features are kept for one array or tensor of rows, got a {type(X).__name__} ({error}); for networks of "
            "several inputs pass the network itself as the teacher."
        ) from error
    if not len(rows) or batch_size < 1:
        raise InvalidInputError(f"{len(rows)} rows and batch_size={batch_size} came; expected at least 1 of each.")
    wanted = tuple(layers)
    names = [name for name in wanted if name != OUTPUT]
    named = (*Taps(network, names), *([OUTPUT] if OUTPUT in wanted else []))
    entry = Path(folder) / _key(network, rows, named, augmentation)
    if entry.is_dir():
        found = _opened(entry)
        if _agree(found, _computed(network, rows[:CHECKED_ROWS], named)):
            return found
        shutil.rmtree(entry)
    _write(entry, network, rows, named, augmentation, batch_size)
    return _opened(entry)


def _key(network: nn.Module, rows: Tensor, layers: tuple[str, ...], augmentation: str) -> str:
    digest = hashlib.sha256()
    for part in (str(bare(network)), augmentation, *layers):
        digest.update(f"{len(part)}:{part};".encode())
    for name, values in {**bare(network).state_dict(), "": rows}.items():
        array = values.detach().cpu().contiguous()
        digest.update(f"{name}:{array.dtype}:{tuple(array.shape)};".encode())
        digest.update(array.view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:32]


def _batches(network: nn.Module, rows: Tensor, layers: tuple[str, ...], size: int) -> Iterator[dict[str, NDArray[Any]]]:
    device = next((p.device for p in network.parameters()), rows.device)
    with Taps(network, [name for name in layers if name != OUTPUT]) as taps, quietly(network):
        for start in range(0, len(rows), size):
            output = run(network, rows[start : start + size].to(device))
            found: dict[str, Tensor] = {name: taps[name] for name in taps}
            if OUTPUT in layers:
                found[OUTPUT] = main_tensor(output)
            yield {name: values.cpu().numpy() for name, values in found.items()}


def _computed(network: nn.Module, rows: Tensor, layers: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    return next(_batches(network, rows, layers, len(rows)))


def _agree(kept: Mapping[str, NDArray[Any]], now: Mapping[str, NDArray[Any]]) -> bool:
    """Whether the first rows are still the same, but for the rounding of another size of batch."""
    return kept.keys() == now.keys() and all(
        kept[name].shape[1:] == values.shape[1:] and np.allclose(kept[name][: len(values)], values, 1e-4, 1e-5)
        for name, values in now.items()
    )


def _write(
    entry: Path, network: nn.Module, rows: Tensor, layers: tuple[str, ...], augmentation: str, batch_size: int
) -> None:
    """Write an entry beside its place, batch by batch, and put it there whole."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", dir=entry.parent))
    try:
        files: dict[str, np.memmap[Any, Any]] = {}
        start = 0
        for batch in _batches(network, rows, layers, batch_size):
            for number, (name, values) in enumerate(batch.items()):
                if name not in files:
                    shape, path = (len(rows), *values.shape[1:]), part / f"{number}.npy"
                    files[name] = np.lib.format.open_memmap(path, mode="w+", dtype=values.dtype, shape=shape)
                files[name][start : start + len(values)] = values
            start += len(next(iter(batch.values())))
        for file in files.values():
            file.flush()
        about = {"layers": list(files), "augmentation": augmentation, "network": type(bare(network)).__name__}
        (part / "about.json").write_text(json.dumps(about, indent=2))
        os.replace(part, entry)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        if not entry.is_dir():  # else another process has written the same in the meantime
            raise


def _opened(entry: Path) -> dict[str, NDArray[Any]]:
    layers = json.loads((entry / "about.json").read_text())["layers"]
    return {
        name: np.load(entry / f"{number}.npy", mmap_mode="r", allow_pickle=False) for number, name in enumerate(layers)
    }
