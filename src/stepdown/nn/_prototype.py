"""A network in the place of a class: nets that start from given weights, again and again."""

from __future__ import annotations

import copy
from typing import Any

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNet
from torch import nn

from stepdown.core import NotSupportedError, as_teacher

from ._taps import bare

NamedNets = tuple[tuple[str, NeuralNet], ...]
"""Names and unfitted nets, from complex to simple."""


class Prototype:
    """What a skorch net makes its module of: a copy of a given network, weights included.

    skorch trains a module that is given as an instance in place, so that fitting the net again, or a clone of it,
    would go on from the trained weights. ``NeuralNet(Prototype(network))`` starts from the given ones whenever it is
    initialised. It survives ``clone`` and, where the network does, pickle; it keeps its copy on the CPU, and skorch
    moves what it makes to the net's device.

    Parameters
    ----------
    network : torch.nn.Module
        Copied; of a compiled module the one that it was made of.

    Examples
    --------
    >>> import torch
    >>> network = nn.Linear(2, 3)
    >>> prototype = Prototype(network)
    >>> prototype
    Prototype(Linear of 9 parameters)
    >>> torch.equal(prototype().weight, network.weight), prototype().weight is network.weight
    (True, False)
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = copy.deepcopy(bare(network)).cpu()

    def __call__(self) -> nn.Module:
        """A copy of the network, to be trained."""
        return copy.deepcopy(self._network)

    def __sklearn_clone__(self) -> Prototype:
        return self  # never changed, so that copies of nets can share it

    def __deepcopy__(self, memo: Any) -> Prototype:
        return self

    def __repr__(self) -> str:
        return f"Prototype({type(self._network).__name__} of {size_of(self._network):,} parameters)"


def size_of(network: nn.Module) -> int:
    """How many parameters a network has, shared ones counted once."""
    return sum(parameter.numel() for parameter in network.parameters())


def with_module(net: NeuralNet, module: Any, **settings: Any) -> NeuralNet:
    """An unfitted net of the same class and settings around a module that takes no arguments."""
    given = clone(net).get_params(deep=False)
    kept = {name: value for name, value in given.items() if not name.startswith("module__")}
    return type(net)(**{**kept, **settings, "module": module})


def net_of(teacher: Any) -> NeuralNet:
    """The skorch net of a teacher, whose settings its smaller copies take over."""
    model = as_teacher(teacher).model
    while isinstance(model, FrozenEstimator):
        model = model.estimator
    if not isinstance(model, NeuralNet):
        raise NotSupportedError(
            f"a {type(model).__name__} came as the teacher; expected a fitted skorch net, whose settings the "
            "smaller nets take over. For bare networks use pruned(network, ratio, example=x) or early_exit(network, "
            "layer, example=x), and NeuralNetClassifier(Prototype(smaller), ...)."
        )
    return model
