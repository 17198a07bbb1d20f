"""Running networks that belong to somebody else, and leaving them as they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from ._taps import main_tensor


class FrozenNetwork(BaseEstimator):
    """A trained network in the place of a teacher: ``clone`` returns it as it is, nothing trains or copies it.

    Parameters
    ----------
    module : torch.nn.Module
        Trained.

    Examples
    --------
    >>> from sklearn.base import clone
    >>> holder = FrozenNetwork(nn.Linear(2, 3))
    >>> clone(holder) is holder
    True
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __sklearn_clone__(self) -> FrozenNetwork:
        return self


@contextmanager
def evaluating(network: nn.Module) -> Iterator[nn.Module]:
    """The network in evaluation mode; afterwards each of its modules is in the mode that it was in."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield network
    finally:
        for module, mode in modes.items():
            module.training = mode


def run(network: nn.Module, x: Any) -> Any:
    """The network's output for a batch: a tensor, a tuple of arguments or a mapping of keywords."""
    if isinstance(x, Mapping):
        return network(**x)
    return network(*x) if isinstance(x, tuple | list) else network(x)


def in_the_type_of(network: nn.Module, x: Any) -> Any:
    """A batch in the type of a network's weights, where all of them have another one than the batch."""
    kinds = {values.dtype for values in network.parameters() if values.is_floating_point()}
    if len(kinds) != 1 or torch.is_autocast_enabled():
        return x
    (kind,) = kinds

    def cast(part: Any) -> Any:
        return part.to(kind) if isinstance(part, Tensor) and part.is_floating_point() else part

    if isinstance(x, Mapping):
        return {name: cast(part) for name, part in x.items()}
    return tuple(map(cast, x)) if isinstance(x, tuple | list) else cast(x)


def without_last(x: Any, n: int, axis: int) -> Any:
    """A batch without its last row, where its rows are on an axis of n."""
    if isinstance(x, Tensor):
        return x.narrow(axis, 0, n - 1) if x.ndim > axis and x.shape[axis] == n else x
    if isinstance(x, Mapping):
        return {name: without_last(part, n, axis) for name, part in x.items()}
    return tuple(without_last(part, n, axis) for part in x) if isinstance(x, tuple | list) else x


@contextmanager
def quietly(network: nn.Module) -> Iterator[nn.Module]:
    """The network in evaluation mode, without gradients."""
    with torch.no_grad(), evaluating(network):
        yield network


def output_shape(network: nn.Module, example: Any) -> tuple[int, ...]:
    """The shape of what a network returns for a batch."""
    with quietly(network):
        return tuple(main_tensor(run(network, example)).shape)
