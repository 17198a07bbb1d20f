"""An auxiliary network: the student's architecture, wider, with the same names of layers.

The network is traced once. Every group of channels that must stay equal, because layers are chained, added or
normalised together, becomes one width; widths that the input or the output fixes stay, all others grow by the factor.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from stepdown.core import InvalidInputError, NotSupportedError

from ._configured import has_configuration, wider
from ._networks import expect_copies, output_shape, quietly
from ._remade import CONVOLUTIONS, NORMS, grown, tie
from ._scaled import scaled
from ._widths import BUILDER, Channels, Width

LAYERS = (*CONVOLUTIONS, nn.Linear, *NORMS)
"""Kinds whose channels can be followed; what has others is scaled as a whole."""


def auxiliary(
    student: nn.Module,
    factor: float = 2.0,
    *,
    example: Any,
    builder: Callable[[float], nn.Module] | None = None,
) -> nn.Module:
    """A new network of the student's architecture, wider by a factor, with fresh weights and the same names of layers.

    The widths of the input and of the output are kept. Where ``torch.fx`` can trace the network and its layers are
    convolutions (grouped and depthwise ones too), linear, normalisation or PReLU, channels are followed through
    additions, concatenations, flattening and pooling. Any other network, such as a transformer, an LSTM, a token mixer
    or one with transposed convolutions or embeddings, is scaled as a whole: all its widths grow in one proportion, the
    nearest to the factor at which its heads and groups still divide them; numbers of heads, of tokens and of words
    stay. So do classes derived from torch's layers that add no weights. Networks of Hugging Face are built from their
    configuration. Whatever comes out has run on the example.

    Parameters
    ----------
    student : torch.nn.Module
        Run once in evaluation mode and left as it was; trained or not.
    factor : float
        Positive; widths are rounded, to what groups of channels ask for where there are any.
    example : tensor, tuple or mapping
        A batch of inputs of at least two rows.
    builder : callable, optional
        ``builder(factor)`` makes the network instead; for what can't be widened.

    Returns
    -------
    torch.nn.Module
        Of the student's class unless a builder made another, on the student's device.

    Raises
    ------
    NotSupportedError
        For layers and code that can't be widened, such as ``x.view(-1, 320)``, which writes a width out; with the name.
    InvalidInputError
        For a factor that isn't positive, or a builder whose network gives other outputs.

    Examples
    --------
    >>> student = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 10))
    >>> auxiliary(student, 2.0, example=torch.zeros(2, 1, 4, 4))
    Sequential(
      (0): Conv2d(1, 16, kernel_size=(3, 3), stride=(1, 1))
      (1): ReLU()
      (2): Flatten(start_dim=1, end_dim=-1)
      (3): Linear(in_features=64, out_features=10, bias=True)
    )
    """
    if not factor > 0:
        raise InvalidInputError(f"factor={factor}: expected a positive number.")
    expect_copies(student)
    wanted = output_shape(student, example)
    if builder is not None:
        made = builder(factor)
        if not isinstance(made, nn.Module):
            raise InvalidInputError(f"builder must return a torch.nn.Module, got {type(made).__name__}.")
        found = output_shape(made, example)
        if found != wanted:
            raise InvalidInputError(
                f"the builder's network returns {found} for the example and the student {wanted}; they must be equal."
            )
        return made
    try:
        return _ran(student, _followed(student, factor, example), example, wanted)
    except NotSupportedError as error:
        if has_configuration(student):
            raise
        whole = scaled(student, factor, example, wanted)
        if whole is None:
            raise
        try:
            return _ran(student, whole, example, wanted)
        except NotSupportedError:
            raise error from None


def _followed(student: nn.Module, factor: float, example: Any) -> nn.Module:
    made = wider(student, factor) if has_configuration(student) else _Widening(student, factor, example).network()
    like = next(student.parameters(), None)
    return made if like is None else made.to(like.device)


def _ran(student: nn.Module, made: nn.Module, example: Any, wanted: tuple[int, ...]) -> nn.Module:
    """The wider network, once it has run on the example and returned what the student returns."""
    try:
        found = output_shape(made, example)
    except Exception as error:  # whatever the network's own code raises
        raise _unable(student, f"its code asks for the student's widths ({error})") from error
    if found != wanted:
        raise _unable(student, f"it would return {found} for the example instead of {wanted}")
    return made


def _unable(network: nn.Module, why: str) -> NotSupportedError:
    return NotSupportedError(f"{type(network).__name__} can't be widened: {why}; {BUILDER}.")


class _Tracer(fx.Tracer):
    """Layers of known kinds are leaves, subclasses of one's own too, so that messages can name them."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, LAYERS) or super().is_leaf_module(m, module_qualified_name)


@dataclass
class _Layer:
    """What a module with weights reads and gives."""

    inputs: Channels
    outputs: Channels


@dataclass
class _Widening:
    """One walk over the traced network, and the network that comes of it."""

    student: nn.Module
    factor: float
    example: Any
    layers: dict[str, _Layer] = field(default_factory=dict)
    known: dict[fx.Node, Channels] = field(default_factory=dict)

    def network(self) -> nn.Module:
        traced = self._traced()
        for node in traced.graph.nodes:
            self._visit(node)
        made = copy.deepcopy(self.student)
        for name, layer in self.layers.items():
            owner, _, child = name.rpartition(".")
            old = made.get_submodule(name)
            new = grown(old, layer.inputs.grown(self.factor), layer.outputs.grown(self.factor))
            setattr(made.get_submodule(owner), child, new)
        self._tie(made)
        return made

    def _tie(self, made: nn.Module) -> None:
        """Let the network share the layers that the student shares, and the parameters."""
        first: dict[int, str] = {}
        for name, module in self.student.named_modules(remove_duplicate=False):
            shared = first.setdefault(id(module), name)
            if shared in self.layers and name != shared:
                owner, _, child = name.rpartition(".")
                setattr(made.get_submodule(owner), child, made.get_submodule(shared))
        tie(self.student, made)

    def _traced(self) -> fx.GraphModule:
        inputs = self.example if isinstance(self.example, tuple | list) else (self.example,)
        if not all(isinstance(x, Tensor) for x in inputs):
            raise _unable(self.student, "only networks that take tensors are traced")
        try:
            traced = fx.GraphModule(self.student, _Tracer().trace(self.student))
            with quietly(traced):
                ShapeProp(traced).propagate(*inputs)
        except Exception as error:  # what the network's own code can't do with a tracer
            raise _unable(self.student, f"torch.fx can't trace it ({error})") from error
        return traced

    def _visit(self, node: fx.Node) -> None:
        if node.op == "output":
            for given in node.all_input_nodes:
                if given in self.known:
                    self.known[given].fix()
            return
        if node.op == "get_attr":
            values = _attribute(self.student, str(node.target))
            if isinstance(values, Tensor) and values.numel() > 1:
                raise _unable(self.student, f"it uses {node.target!r} outside of a layer")
            return
        if node.op == "call_module":
            self._check_module(str(node.target))
        shape = _shape(node)
        if shape is None or len(shape) < 2:
            return
        if node.op == "placeholder":
            self.known[node] = _new(shape[1], fixed=True)
            return
        inputs = [given for given in node.all_input_nodes if given in self.known]
        if node.op == "call_module":
            self._visit_module(node, inputs, shape)
        elif inputs:
            self._pass_on(node, inputs, shape)

    def _check_module(self, name: str) -> None:
        module = self.student.get_submodule(name)
        if not isinstance(module, LAYERS) and next(module.parameters(), None) is not None:
            raise _unable(self.student, f"layer {name!r}, a {type(module).__name__}, is of no known kind")

    def _visit_module(self, node: fx.Node, inputs: list[fx.Node], shape: tuple[int, ...]) -> None:
        name = str(node.target)
        module = self.student.get_submodule(name)
        if isinstance(module, LAYERS):
            self._visit_layer(node, name, module, self._one(node, inputs))
        else:
            self._pass_on(node, inputs, shape)

    def _visit_layer(self, node: fx.Node, name: str, module: nn.Module, given: fx.Node) -> None:
        channels, where = self.known[given], f"layer {name!r} of {type(self.student).__name__}"
        if name in self.layers:  # a layer that runs twice has one width
            layer = self.layers[name]
            layer.inputs.join(channels, where)
        else:
            layer = self.layers[name] = _layer(module, channels, _shape(given), where)
        self.known[node] = layer.outputs

    def _pass_on(self, node: fx.Node, inputs: list[fx.Node], shape: tuple[int, ...]) -> None:
        """What code between layers does with channels: keeps them, joins, flattens or lines them up."""
        where = f"{node.name!r} of {type(self.student).__name__}"
        shapes = {given: _shape(given) or () for given in inputs}
        if node.target in (torch.cat, torch.concat):
            if not all(len(its) == len(shape) and its[0] == shape[0] for its in shapes.values()):
                raise _unable(self.student, f"{where} concatenates rows")
            order = [self.known[given] for given in inputs]
            if sum(channels.size for channels in order) == shape[1]:
                self.known[node] = Channels(tuple(part for channels in order for part in channels.parts))
                return
        whole = [given for given in inputs if self.known[given].size == shape[1]]
        if whole:
            first = self.known[whole[0]]
            for given in whole[1:]:
                first.join(self.known[given], where)
            self.known[node] = first
            return
        given = self._one(node, inputs)
        positions = math.prod(shapes[given][2:])
        if len(shape) == 2 and self.known[given].size * positions == shape[1]:
            self.known[node] = self.known[given].times(positions)
            return
        raise _unable(
            self.student, f"{where} turns {shapes[given]} into {shape}, and it isn't known which are channels"
        )

    def _one(self, node: fx.Node, inputs: list[fx.Node]) -> fx.Node:
        if len(inputs) != 1:
            raise _unable(self.student, f"{node.name!r} takes {len(inputs)} activations of different widths")
        return inputs[0]


def _layer(module: nn.Module, channels: Channels, shape: tuple[int, ...] | None, where: str) -> _Layer:
    """What a layer that is met for the first time asks of the channels it gets, and which it gives."""
    shape = shape or ()
    if isinstance(module, CONVOLUTIONS):
        return _convolution(module, channels, where)
    if isinstance(module, nn.Linear):
        if len(shape) != 2:
            raise NotSupportedError(f"{where} is linear on activations of shape {shape}, not on rows; {BUILDER}.")
        return _Layer(channels, _new(module.out_features))
    if isinstance(module, nn.GroupNorm):
        channels.divide(module.num_groups, where)
    if isinstance(module, nn.LayerNorm | nn.RMSNorm) and tuple(module.normalized_shape) != shape[1:]:
        raise NotSupportedError(f"{where} normalises {module.normalized_shape} of {shape[1:]}; {BUILDER}.")
    return _Layer(channels, channels)


def _convolution(module: Any, channels: Channels, where: str) -> _Layer:
    if module.groups == 1:
        return _Layer(channels, _new(module.out_channels))
    if module.groups == module.in_channels:  # depthwise: each channel has its own filters
        return _Layer(channels, channels.times(module.out_channels // module.in_channels))
    channels.divide(module.groups, where)
    outputs = _new(module.out_channels)
    outputs.divide(module.groups, where)
    return _Layer(channels, outputs)


def _new(size: int, *, fixed: bool = False) -> Channels:
    return Channels(((Width(size, fixed), 1),))


def _shape(node: fx.Node) -> tuple[int, ...] | None:
    """The shape that a node had on the example; None for what isn't one tensor."""
    meta = node.meta.get("tensor_meta")
    shape = getattr(meta, "shape", None)
    return None if shape is None else tuple(shape)


def _attribute(network: nn.Module, name: str) -> Any:
    owner, _, attribute = name.rpartition(".")
    return getattr(network.get_submodule(owner), attribute)
