"""Running networks that belong to somebody else, and leaving them as they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from stepdown.core import InvalidInputError, NotSupportedError

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
    modes = {module: module.training for module in network.modules() if hasattr(module, "training")}
    try:
        if any(modes.values()):
            network.eval()
    except NotImplementedError as error:
        if _trains_forever(network):
            raise InvalidInputError(
                f"{type(network).__name__} was exported in training mode, with its dropout or batch normalisation; "
                "export network.eval()."
            ) from error
        for module in modes:
            module.training = False
    try:
        yield network
    finally:
        for module, mode in modes.items():
            module.training = mode


def _trains_forever(network: Any) -> bool:
    """Whether the graph of a module of torch.export has steps in it that are for training."""
    places = {"dropout": 2, "batch_norm": 5}
    return any(
        node.args[place] is True
        for node in network.graph.nodes
        for name, place in places.items()
        if str(node.target) == f"aten.{name}.default"
    )


def run(network: nn.Module, x: Any) -> Any:
    """The network's output for a batch: a tensor, a tuple of arguments or a mapping of keywords."""
    if isinstance(x, Mapping):
        return network(**x)
    return network(*x) if _are_several(x) else network(x)


def _are_several(x: Any) -> bool:
    """Whether a batch is several arguments; packed sequences are one, and a tuple all the same."""
    return isinstance(x, tuple | list) and not isinstance(x, PackedSequence)


def in_the_type_of(network: nn.Module, x: Any) -> Any:
    """A batch in the type of a network's weights, where all of them have another one than the batch."""
    kinds = {values.dtype for values in network.parameters() if values.is_floating_point()}
    if len(kinds) != 1 or torch.is_autocast_enabled():
        return x
    (kind,) = kinds

    def cast(part: Any) -> Any:
        values = part.data if isinstance(part, PackedSequence) else part
        return part.to(kind) if isinstance(values, Tensor) and values.is_floating_point() else part

    if isinstance(x, Mapping):
        return {name: cast(part) for name, part in x.items()}
    return tuple(map(cast, x)) if _are_several(x) else cast(x)


def without_last(x: Any, n: int, axis: int) -> Any:
    """A batch without its last row, where its rows are on an axis of n."""
    if isinstance(x, Tensor):
        return x.narrow(axis, 0, n - 1) if x.ndim > axis and x.shape[axis] == n else x
    if isinstance(x, Mapping):
        return {name: without_last(part, n, axis) for name, part in x.items()}
    return tuple(without_last(part, n, axis) for part in x) if _are_several(x) else x


@contextmanager
def quietly(network: nn.Module) -> Iterator[nn.Module]:
    """The network in evaluation mode, without gradients."""
    with torch.no_grad(), evaluating(network):
        yield network


def expect_copies(network: nn.Module) -> None:
    """Refuse a network that torch can't copy: one that keeps what it has computed."""
    for name, module in network.named_modules():
        for attribute, values in vars(module).items():
            if isinstance(values, Tensor) and not values.is_leaf:
                raise NotSupportedError(
                    f"layer {name!r} keeps {attribute!r}, which it has computed, as torch.nn.utils.weight_norm does; "
                    "it can't be copied. Take torch.nn.utils.parametrizations.weight_norm, or spectral_norm."
                )


def output_shape(network: nn.Module, example: Any) -> tuple[int, ...]:
    """The shape of what a network returns for a batch."""
    with quietly(network):
        return tuple(main_tensor(run(network, example)).shape)
