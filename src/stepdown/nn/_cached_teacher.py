"""A teacher that ran once: its features are looked up instead of computed in every epoch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stepdown.core import InvalidInputError, NotSupportedError

from ._cache import OUTPUT, cached_features
from ._method import Outputs
from ._networks import FrozenNetwork, in_the_type_of


class CachedTeacher(FrozenNetwork):
    """A network and the rows for which its features are kept on disk; a teacher for `Transfer` and for every method.

    In training the rows of a batch are found by their content, in whatever order they come, so that batches, shuffling
    and loops stay as they are. What must be fixed is the content: with random cuts or mirrorings rows are new in each
    epoch, and a row that isn't among the kept ones is refused.

    Parameters
    ----------
    module : torch.nn.Module
        Trained; runs once over the rows, and again on a few whenever the cache is opened.
    X : array or tensor of shape (n_rows, ...)
        As the networks take it, in the type that they take.
    folder : path
        As in `cached_features`.

    Examples
    --------
    >>> import tempfile
    >>> from stepdown.nn import KD, Transfer
    >>> teacher, student, x = nn.Linear(4, 3), nn.Linear(4, 3), torch.randn(6, 4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Transfer(CachedTeacher(teacher, x, folder), student, KD()) as transfer:
    ...         shuffled = x[torch.randperm(6)]
    ...         transfer.loss(shuffled, student(shuffled), epoch=0).backward()
    """

    def __init__(self, module: nn.Module, X: NDArray[Any] | Tensor, folder: str | os.PathLike[str]) -> None:
        super().__init__(module)
        self.X = X
        self.folder = folder

    def outputs(self, layers: Iterable[str]) -> Callable[[Any], Outputs]:
        """What the network makes of rows, as a function that looks it up.

        Parameters
        ----------
        layers : iterable of str
            Names as in `Taps`; the output is always there.

        Returns
        -------
        callable
            From a tensor of rows to `Outputs` on the device of the rows. It raises `InvalidInputError` for rows that
            aren't kept and `NotSupportedError` for a batch that isn't one tensor.

        Raises
        ------
        InvalidInputError
            For names of layers that don't exist.
        """
        kept = cached_features(self.module, self.X, [OUTPUT, *layers], self.folder)
        rows = in_the_type_of(self.module, torch.as_tensor(self.X))
        prints = _fingerprints(rows)
        known, order = prints.sort(stable=True)
        alike = (known[1:] == known[:-1]).nonzero().flatten()
        if len(alike) and not torch.equal(rows[order[alike]], rows[order[alike + 1]]):
            raise InvalidInputError("two different rows have the same fingerprint; leave one of them out.")

        def look_up(x: Any) -> Outputs:
            if isinstance(x, tuple | list) and len(x) == 1:
                x = x[0]
            if not isinstance(x, Tensor):
                raise NotSupportedError(
                    f"a batch came as a {type(x).__name__}; kept features are found for one tensor."
                )
            asked = _fingerprints(x).cpu()
            places = torch.searchsorted(known, asked).clamp(max=len(known) - 1)
            found = known[places] == asked
            if x.dtype != rows.dtype or x.shape[1:] != rows.shape[1:] or not bool(found.all()):
                raise InvalidInputError(
                    f"{int((~found).sum())} of {len(x)} rows ({x.dtype}, shape {tuple(x.shape[1:])}) aren't among the "
                    f"{len(rows)} rows whose features are kept ({rows.dtype}, shape {tuple(rows.shape[1:])}). Keep "
                    "them as the networks take them; where rows are augmented at random, pass the network itself."
                )
            positions = order[places].numpy()
            taken = {name: torch.from_numpy(np.asarray(part[positions])).to(x.device) for name, part in kept.items()}
            return Outputs(taken.pop(OUTPUT), taken)

        return look_up


def _fingerprints(rows: Tensor) -> Tensor:
    """A number of 64 bits for each row, of its bytes alone; computed where the rows are."""
    whole = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[rows.dtype.itemsize]
    bits = rows.detach().contiguous().flatten(1).view(whole)
    generator = torch.Generator().manual_seed(0)
    odd = 2 * torch.randint(-(2**62), 2**62, (bits.shape[1],), generator=generator) + 1
    return (bits * odd.to(bits.device)).sum(1)  # the type of `odd` wins, and sums wrap around
