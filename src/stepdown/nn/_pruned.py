"""Smaller copies of a network by structured pruning: whole channels go, the weights of the others stay."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from stepdown.core import InvalidInputError, NotSupportedError

from ._nets import example_of, network_of
from ._networks import evaluating, output_shape, quietly, run
from ._prototype import NamedNets, Prototype, net_of, size_of, with_module
from ._rows import cast_rows
from ._taps import Taps, bare

SMALL = 8
"""Rows that a network is traced on."""


def pruned(network: nn.Module, ratio: float, *, example: Any, keep: Sequence[str] = ()) -> nn.Module:
    """A copy of a network with a share of each layer's channels taken out, and the weights of the others inherited.

    The channels with the smallest norm go, over all layers that have to lose them together (group magnitude of the
    optional package torch-pruning; Fang et al., "DepGraph: Towards Any Structural Pruning", CVPR 2023). Accuracy
    falls with that; train the copy afterwards, as any student.

    Parameters
    ----------
    network : torch.nn.Module
        Trained; left as it is.
    ratio : float
        Share of the channels that go, in (0, 1). Parameters fall faster, to about (1 - ratio)² in a layer between two
        pruned ones.
    example : tensor, tuple or mapping
        A batch of inputs.
    keep : sequence of str
        Names or globs of layers whose channels all stay, besides the last layer, which makes the output.

    Returns
    -------
    torch.nn.Module
        Of the network's class, with the same names of layers.

    Raises
    ------
    ImportError
        Without torch-pruning: ``pip install "stepdown[pruning]"``.
    InvalidInputError
        For a ratio outside (0, 1), or names that no layer has.
    NotSupportedError
        For a network that can't be traced, whose own code asks for its widths (``x.view(-1, 320)``), whose output
        would change its shape, or in which nothing can be pruned.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> pruned(network, 0.5, example=torch.zeros(2, 4))
    Sequential(
      (0): Linear(in_features=4, out_features=4, bias=True)
      (1): ReLU()
      (2): Linear(in_features=4, out_features=3, bias=True)
    )
    """
    if not 0 < ratio < 1:
        raise InvalidInputError(f"ratio={ratio}: expected a share of the channels in (0, 1), such as 0.3.")
    pruning = _torch_pruning()
    network = bare(network)
    wanted = output_shape(network, example)
    last = last_layer(network, example)
    if last is None:
        raise _unable(network, "no layer with weights runs in it")
    kept = [*Taps(network, keep), last]  # the last is taken for the one that makes the output
    made = copy.deepcopy(network)
    trained = {name: parameter.requires_grad for name, parameter in made.named_parameters()}
    made.requires_grad_(True)  # layers are found by following gradients
    try:
        with evaluating(made), torch.enable_grad():
            pruner = pruning.pruner.BasePruner(
                made,
                example_inputs=example,
                importance=pruning.importance.GroupMagnitudeImportance(p=2),
                pruning_ratio=ratio,
                ignored_layers=[made.get_submodule(name) for name in kept],
                forward_fn=run,
            )
            pruner.step()
    except Exception as error:  # what the network's own code does to the tracer
        raise _unable(network, f"torch-pruning can't trace it ({error})") from error
    for name, parameter in made.named_parameters():
        parameter.requires_grad_(trained.get(name, True))
        parameter.grad = None
    try:
        found = output_shape(made, example)
    except Exception as error:
        raise _unable(network, f"its code asks for the widths that it had ({error})") from error
    if found != wanted:
        raise _unable(network, f"it would return {found} for the example instead of {wanted}")
    if size_of(made) == size_of(network):
        raise _unable(network, f"no layer has a channel to lose at ratio={ratio}")
    return made


def pruned_copies(teacher: Any, ratios: Sequence[float] = (0.3, 0.5), *, X: Any, keep: Sequence[str] = ()) -> NamedNets:
    """The teacher pruned at several ratios, as nets that start from the weights they inherited.

    Parameters
    ----------
    teacher : fitted skorch net, FrozenEstimator or Teacher
        Left as it is; the copies are nets of its class and settings.
    ratios : sequence of float
        As in `pruned`, each in (0, 1).
    X : array-like of shape (n_rows, ...)
        Rows as the teacher takes them, a few of which are run.
    keep : sequence of str
        As in `pruned`.

    Returns
    -------
    tuple of (str, skorch net)
        Names and unfitted nets, the least pruned first. ``fit`` and transfer methods train them from the inherited
        weights; after ``initialize()`` alone they predict as pruned.

    Raises
    ------
    ImportError, StepdownError
        As `pruned`.

    Examples
    --------
    >>> import numpy as np
    >>> from skorch import NeuralNetClassifier
    >>> X, y = np.random.default_rng(0).random((60, 4), dtype=np.float32), np.arange(60) % 3
    >>> module = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 3))
    >>> settings = dict(criterion=nn.CrossEntropyLoss, max_epochs=2, train_split=None, verbose=0)
    >>> teacher = NeuralNetClassifier(module, **settings).fit(X, y)
    >>> [(name, net.module) for name, net in pruned_copies(teacher, (0.3, 0.5), X=X)]
    [('pruned 30%', Prototype(Sequential of 59 parameters)), ('pruned 50%', Prototype(Sequential of 43 parameters))]
    """
    net, network = net_of(teacher), network_of(teacher)
    example, _ = example_of(net, cast_rows(net, X), None, limit=SMALL)
    made = ((ratio, pruned(network, ratio, example=example, keep=keep)) for ratio in sorted(set(ratios)))
    return tuple((f"pruned {100 * ratio:g}%", with_module(net, Prototype(smaller))) for ratio, smaller in made)


def _torch_pruning() -> Any:
    try:
        import torch_pruning
    except ImportError as error:
        raise ImportError('pruning needs torch-pruning; install it with: pip install "stepdown[pruning]"') from error
    return torch_pruning


def _unable(network: nn.Module, why: str) -> NotSupportedError:
    return NotSupportedError(
        f"{type(network).__name__} can't be pruned: {why}; name layers that must stay in keep=, or build the smaller "
        "network yourself."
    )


def last_layer(network: nn.Module, example: Any) -> str | None:
    """The name of the layer with a matrix of weights that runs last on a batch, if there is one."""
    order: list[str] = []

    def follow(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            order.append(name)

        return hook

    handles = [
        module.register_forward_hook(follow(name))
        for name, module in network.named_modules()
        if name and any(isinstance(values, Tensor) and values.ndim > 1 for values in module.parameters(recurse=False))
    ]
    try:
        with quietly(network):
            run(network, example)
    finally:
        for handle in handles:
            handle.remove()
    return order[-1] if order else None
