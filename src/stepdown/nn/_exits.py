"""Early exits: a trained network cut at a layer, with a fresh head of class logits behind it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import fx, nn

from stepdown.core import InvalidInputError, NotSupportedError

from ._nets import example_of, network_of, seeded
from ._networks import output_shape, quietly, run
from ._pairs import propose_pairs
from ._prototype import NamedNets, Prototype, net_of, with_module
from ._pruned import last_layer
from ._rows import cast_rows
from ._taps import Taps, bare, main_tensor

ROWS = 8
"""Rows that a network is cut on."""

Head = Callable[[tuple[int, ...], int], nn.Module]
"""Makes a head from the shape of one row of its input and the number of outputs."""


class EarlyExit(nn.Module):
    """The layers of a network up to a point, and a head.

    Parameters
    ----------
    trunk : torch.nn.Module
        Returns the activations of the layer at which a network was cut; its layers have their names there, behind
        ``"trunk."``.
    head : torch.nn.Module
        Makes logits of them.

    Examples
    --------
    >>> EarlyExit(nn.Linear(4, 8), nn.Linear(8, 3))(torch.zeros(2, 4)).shape
    torch.Size([2, 3])
    """

    def __init__(self, trunk: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Logits of a batch."""
        return self.head(main_tensor(self.trunk(*inputs, **named)))


def early_exit(network: nn.Module, layer: str, *, example: Any, head: Head | None = None) -> EarlyExit:
    """A copy of a network cut behind a layer, with a fresh head of as many outputs; the trunk's weights are inherited.

    Layers behind the cut are gone, with their parameters. The head is a linear probe: means over the positions of a map
    or a sequence, if the layer makes one, and a linear layer. Alain & Bengio, "Understanding intermediate layers using
    linear classifier probes", ICLR workshop 2017; exits that are trained: Teerapittayanon, McDanel & Kung,
    "BranchyNet", ICPR 2016.

    Parameters
    ----------
    network : torch.nn.Module
        Trained, with an output of shape (n_rows, n_outputs); left as it is. ``torch.fx`` must be able to trace it.
    layer : str
        Name as in ``named_modules()`` of the last layer that stays; a module with layers of its own stays whole.
    example : tensor, tuple or mapping
        A batch of inputs.
    head : callable, optional
        ``head(shape, n_outputs)`` makes another head from the shape of one row of the layer's output.

    Returns
    -------
    EarlyExit

    Raises
    ------
    InvalidInputError
        For a name that no layer has, or a head whose output has another shape than the network's.
    NotSupportedError
        For a network that can't be traced, that does something else in training than in evaluation outside of its
        layers (``F.dropout(x, training=self.training)``), or a layer that the trace doesn't come by.

    Examples
    --------
    >>> network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 10))
    >>> cut = early_exit(network, "1", example=torch.zeros(2, 1, 4, 4))
    >>> cut.head
    Sequential(
      (0): AdaptiveAvgPool2d(output_size=1)
      (1): Flatten(start_dim=1, end_dim=-1)
      (2): Linear(in_features=8, out_features=10, bias=True)
    )
    >>> torch.equal(cut.get_submodule("trunk.0").weight, network[0].weight)
    True
    """
    network = bare(network)
    Taps(network, [layer])  # which knows the nearest names
    wanted = output_shape(network, example)
    trunk = _trunk(network, layer)
    shape = output_shape(trunk, example)[1:]
    made = _probe(trunk, shape, wanted[-1], example) if head is None else head(shape, wanted[-1])
    like = next((values for values in trunk.parameters() if values.is_floating_point()), torch.empty(0))
    cut = EarlyExit(trunk, made.to(like.device, like.dtype)).train(network.training)
    found = output_shape(cut, example)
    if found != wanted:
        raise InvalidInputError(
            f"{type(network).__name__} cut at {layer!r} returns {found} for the example and the whole {wanted}; "
            "pass head=, which makes one from the shape of a row and the number of outputs."
        )
    return cut


def early_exits(
    teacher: Any, layers: Sequence[str] | None = None, *, X: Any, head: Head | None = None, seed: int | None = None
) -> NamedNets:
    """The teacher cut at several layers, as nets that start from the weights they inherited.

    ``fit_head(net.initialize(), data)`` fits the fresh head alone, which makes a probe of the teacher; ``fit`` and
    transfer methods train all of the net.

    Parameters
    ----------
    teacher : fitted skorch net, FrozenEstimator or Teacher
        Left as it is; the cut copies are nets of its class and settings.
    layers : sequence of str, optional
        As in `early_exit`; by default the ends of its stages as in `propose_pairs`, without the last, behind which
        hardly anything would be cut off.
    X : array-like of shape (n_rows, ...)
        Rows as the teacher takes them, a few of which are run.
    head : callable, optional
        As in `early_exit`.
    seed : int, optional
        Of the weights of the heads.

    Returns
    -------
    tuple of (str, skorch net)
        Names and unfitted nets, the one cut last first.

    Raises
    ------
    StepdownError
        As `early_exit`; for a teacher without a layer to cut at.

    Examples
    --------
    >>> import numpy as np
    >>> from skorch import NeuralNetClassifier
    >>> module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> X, y = np.random.default_rng(0).random((60, 4), dtype=np.float32), np.arange(60) % 3
    >>> settings = dict(criterion=nn.CrossEntropyLoss, max_epochs=2, train_split=None, verbose=0)
    >>> teacher = NeuralNetClassifier(module, **settings).fit(X, y)
    >>> [(name, net.module) for name, net in early_exits(teacher, X=X)]
    [('exit 1', Prototype(EarlyExit of 67 parameters))]
    """
    net, network = net_of(teacher), bare(network_of(teacher))
    example, _ = example_of(net, cast_rows(net, X), None, limit=ROWS)
    order = _in_order(network, example)
    if layers is None:
        ends = [layer.name for layer in propose_pairs(network, network, example).student][:-1]
        if not ends:
            raise NotSupportedError(f"{type(network).__name__} has one stage only; name a layer to cut it at.")
        layers = ends
    for name in layers:
        if name not in order:
            Taps(network, [name])
            raise NotSupportedError(f"layer {name!r} of {type(network).__name__} doesn't run on the rows that came.")
    with seeded(seed, net.device):
        made = {name: early_exit(network, name, example=example, head=head) for name in layers}
    return tuple(
        (f"exit {name}", with_module(net, Prototype(made[name])))
        for name in sorted(made, key=order.__getitem__, reverse=True)
    )


def _probe(trunk: nn.Module, shape: tuple[int, ...], n_outputs: int, example: Any) -> nn.Module:
    """A linear layer behind the means over all positions."""
    if len(shape) == 1:
        return nn.Linear(shape[0], n_outputs)
    if len(shape) == 2 and not _convolves(trunk, example):
        # A sequence, whose features stand last. As this pool sees it, the rows are the channels of one image.
        return nn.Sequential(nn.AdaptiveAvgPool2d((1, None)), nn.Flatten(), nn.Linear(shape[1], n_outputs))
    pools = {2: nn.AdaptiveAvgPool1d, 3: nn.AdaptiveAvgPool2d, 4: nn.AdaptiveAvgPool3d}
    if len(shape) not in pools:
        raise NotSupportedError(f"a layer with rows of shape {shape} came; pass head= for it.")
    return nn.Sequential(pools[len(shape)](1), nn.Flatten(), nn.Linear(shape[0], n_outputs))


def _convolves(trunk: nn.Module, example: Any) -> bool:
    """Whether the last layer is a convolution, so that channels stand before positions."""
    last = last_layer(trunk, example)
    return last is not None and isinstance(trunk.get_submodule(last), nn.Conv1d | nn.ConvTranspose1d)


class _UpTo(fx.Tracer):
    """A tracer for which the layer is one step, whatever it holds."""

    def __init__(self, layer: str) -> None:
        super().__init__()
        self.layer = layer

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return module_qualified_name == self.layer or super().is_leaf_module(m, module_qualified_name)


def _trunk(network: nn.Module, layer: str) -> fx.GraphModule:
    copied = copy.deepcopy(network)
    codes = []
    for training in (True, False):
        copied.train(training)
        graph = _graph(copied, layer)
        codes.append(graph.python_code("self").src)
    if codes[0] != codes[1]:
        raise _unable(network, "its code before that layer does something else in training than in evaluation")
    trunk = fx.GraphModule(copied, graph, type(network).__name__)
    modes = {name: module.training for name, module in network.named_modules()}
    for name, module in trunk.named_modules():
        module.training = modes.get(name, network.training)
    return trunk


def _graph(network: nn.Module, layer: str) -> fx.Graph:
    try:
        graph = _UpTo(layer).trace(network)
    except Exception as error:  # what the network's own code can't do with a tracer
        raise _unable(network, f"torch.fx can't trace it ({error})") from error
    places = [node for node in graph.nodes if node.op == "call_module" and node.target == layer]
    if not places:
        raise _unable(network, f"layer {layer!r} runs inside another that is traced as a whole; name that one")
    nodes = list(graph.nodes)
    before = nodes[: nodes.index(places[-1]) + 1]
    nodes[-1].args = (places[-1],)  # the output
    used = {places[-1], nodes[-1], *(node for node in before if node.op == "placeholder" or _in_place(network, node))}
    for node in reversed(nodes):
        if node in used:
            used.update(node.all_input_nodes)
        else:
            graph.erase_node(node)
    plain = fx.Graph()  # one that doesn't know its tracer, whose class would go into pickles
    plain.output(plain.graph_copy(graph, {}))
    return plain


def _in_place(network: nn.Module, node: fx.Node) -> bool:
    """Whether a step may change what another one reads, so that it counts even where nothing reads its result."""
    if node.op == "call_module":
        return bool(getattr(network.get_submodule(str(node.target)), "inplace", False))
    name = getattr(node.target, "__name__", str(node.target))
    return name.endswith("_") or bool(node.kwargs.get("inplace"))


def _unable(network: nn.Module, why: str) -> NotSupportedError:
    return NotSupportedError(
        f"{type(network).__name__} can't be cut: {why}. Build the smaller network yourself and take stepdown.nn.ladder."
    )


def _in_order(network: nn.Module, example: Any) -> dict[str, int]:
    """When each module has finished, by name; in its last run where there are several."""
    order: dict[str, int] = {}

    def follow(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            order.pop(name, None)
            order[name] = step[0]
            step[0] += 1

        return hook

    step = [0]
    handles = [module.register_forward_hook(follow(name)) for name, module in network.named_modules() if name]
    try:
        with quietly(network):
            run(network, example)
    finally:
        for handle in handles:
            handle.remove()
    return order
