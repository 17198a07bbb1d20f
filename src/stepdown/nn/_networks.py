"""Running networks that belong to somebody else, and leaving them as they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ._taps import main_tensor

__all__ = ["evaluating", "output_shape", "quietly", "run"]


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


@contextmanager
def quietly(network: nn.Module) -> Iterator[nn.Module]:
    """The network in evaluation mode, without gradients."""
    with torch.no_grad(), evaluating(network):
        yield network


def output_shape(network: nn.Module, example: Any) -> tuple[int, ...]:
    """The shape of what a network returns for a batch."""
    with quietly(network):
        return tuple(main_tensor(run(network, example)).shape)
