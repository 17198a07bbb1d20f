"""A wider network where no trace says which channels belong together: every width grows in the same proportion.

Sizes that are added or normalised together are equal, and equal sizes stay equal when all grow alike. A copy of the
student runs on the example once; each of its layers is made anew right before it runs, for the width that then
arrives, so that inputs, positions and concatenations need not be understood. What must not grow, such as the number of
tokens that a mixer's layers read, shows by arriving as it was, and the next copy keeps it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ._networks import evaluating, run
from ._remade import (
    BATCH_NORMS,
    CONVOLUTIONS,
    EMBEDDINGS,
    GIVEN,
    LAYERS,
    READ,
    RECURRENT,
    TRANSPOSED,
    become,
    remade,
    tie,
)
from ._taps import main_tensor

PRODUCERS = (nn.Linear, *CONVOLUTIONS, *TRANSPOSED, *EMBEDDINGS, *RECURRENT)
"""Kinds that decide by themselves how many channels they give."""
COUNTS = ("head", "layer", "depth", "class", "vocab", "embeddings", "kernel", "stride", "patch", "seq", "len")
"""Parts of names under which code keeps whole numbers that are no widths; head_dim is one."""
APART = 0.15
"""How far the common proportion may be from the factor before each width is rounded by itself."""
ATTEMPTS = 4


def scaled(student: nn.Module, factor: float, example: Any, wanted: tuple[int, ...]) -> nn.Module | None:
    """The student with all widths scaled, or None where no way to do that gives a network that runs."""
    try:
        sizes = _Sizes.of(student, example)
    except Exception:  # whatever the network's own code raises
        return None
    for with_numbers in (False, True):
        fixed: set[int] = set()
        for _ in range(ATTEMPTS):
            if not sizes.widths - fixed:
                break
            attempt = _Attempt(student, sizes, sizes.growth(factor, fixed), with_numbers)
            made = attempt.network(example, wanted)
            if made is not None:
                return made
            if not attempt.unmoved - fixed:
                break
            fixed |= attempt.unmoved
    return None


@dataclass
class _Sizes:
    """What a run of the student says about its sizes."""

    last: str = ""
    axes: dict[str, int] = field(default_factory=dict)
    widths: set[int] = field(default_factory=set)
    multiples: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def of(cls, student: nn.Module, example: Any) -> _Sizes:
        found = cls()
        ran: dict[str, nn.Module] = {}

        def hook(name: str, module: nn.Module, inputs: Any) -> None:
            ran.setdefault(name, module)
            if isinstance(module, LAYERS) and not isinstance(module, EMBEDDINGS):
                found.axes[name] = _channel_axis(module, _values(inputs[0]).shape)
            if _is_producer(module) and not _is_depthwise(module):
                found.last = name
            if isinstance(module, nn.PixelShuffle):
                found.multiples.append((inputs[0].shape[-3], module.upscale_factor**2))

        with _before(_leaves(student), hook), evaluating(student):
            run(student, example)
        for name, module in ran.items():
            found._know(module, is_last=name == found.last)
        numbers = (number for module in student.modules() for number in vars(module).items())
        for name, heads in numbers:
            if "head" in name and "dim" not in name and isinstance(heads, int) and heads > 1:
                found.multiples += [(width, heads) for width in found.widths if width % heads == 0]
        return found

    def _know(self, module: Any, *, is_last: bool) -> None:
        if _is_producer(module) and not is_last and not _is_depthwise(module):
            self.widths |= {getattr(module, name) for name in GIVEN if hasattr(module, name)}
        if isinstance(module, nn.GroupNorm):
            self.multiples.append((module.num_channels, module.num_groups))
        if isinstance(module, nn.MultiheadAttention):
            self.multiples.append((module.embed_dim, module.num_heads))
        groups = getattr(module, "groups", 1)
        if groups > 1 and not _is_depthwise(module):
            self.multiples += [(module.in_channels, groups), (module.out_channels, groups)]

    def growth(self, factor: float, fixed: set[int]) -> Callable[[int], int]:
        """What becomes of a width."""
        unit = math.gcd(*(self.widths - fixed))
        held = [(size, divisor) for size, divisor in self.multiples if size not in fixed]
        # Beyond the least common multiple of all divisors the sequence of remainders begins anew.
        reach = math.ceil(unit * factor) + math.lcm(1, *(divisor for _, divisor in held)) + 1
        fitting = [n for n in range(1, reach) if all(size * n % (unit * divisor) == 0 for size, divisor in held)]
        n = min(fitting, key=lambda n: abs(n - unit * factor), default=0)

        def grown(size: int) -> int:
            if size in fixed:
                return size
            if abs(n / unit / factor - 1) <= APART and size * n % unit == 0:
                return size * n // unit
            step = math.lcm(1, *(divisor for held_size, divisor in held if held_size == size))
            return step * max(1, round(size * factor / step))

        return grown


@dataclass
class _Attempt:
    """One copy of the student, grown while it runs."""

    student: nn.Module
    sizes: _Sizes
    grown: Callable[[int], int]
    with_numbers: bool
    unmoved: set[int] = field(default_factory=set)

    def network(self, example: Any, wanted: tuple[int, ...]) -> nn.Module | None:
        made = copy.deepcopy(self.student)
        layers = [layer for layer in _leaves(made).values() if isinstance(layer, LAYERS)]
        inner = {part for layer in layers for part in layer.modules()}
        for module in made.modules():
            if module not in inner:
                self._own(module)
        before = sum(values.numel() for values in self.student.parameters())
        done: set[nn.Module] = set()

        def hook(name: str, module: nn.Module, inputs: Any) -> None:
            if module not in done and isinstance(module, LAYERS):
                done.add(module)
                width = 0 if isinstance(module, EMBEDDINGS) else _values(inputs[0]).shape[self.sizes.axes[name]]
                self._grow(module, width, is_last=name == self.sizes.last)

        try:
            # With gradients, because torch's attention otherwise takes the weights of its layers past these layers.
            with torch.enable_grad(), _before(_leaves(made), hook), evaluating(made):
                found = tuple(main_tensor(run(made, example)).shape)
            tie(self.student, made)
        except Exception:  # whatever the network's own code raises at other widths
            return None
        same = sum(values.numel() for values in made.parameters()) == before
        return None if found != wanted or same or not done.issuperset(layers) else made.requires_grad_()

    def _grow(self, module: Any, width_in: int, *, is_last: bool) -> None:
        width_out = width_in
        if _is_producer(module):
            width_out = next(getattr(module, name) for name in GIVEN if hasattr(module, name))
            if _is_depthwise(module):
                width_out = width_in * (module.out_channels // module.in_channels)
            elif not is_last:
                if width_in in self.sizes.widths and width_in == _read(module):
                    self.unmoved.add(width_in)
                width_out = self.grown(width_out) if width_out in self.sizes.widths else width_out
        become(module, remade(module, width_in, width_out))

    def _own(self, module: nn.Module) -> None:
        """What a module of one's own holds besides its layers: parameters, tables and, perhaps, sizes in numbers."""
        for name, weights in list(module._parameters.items()):
            if weights is not None:
                module._parameters[name] = nn.Parameter(_renewed(weights.detach(), self._shape(weights)))
        for name, table in list(module._buffers.items()):
            if table is not None and table.is_floating_point():
                module._buffers[name] = _repeated(table, self._shape(table))
        for name, value in list(vars(module).items()) if self.with_numbers else []:
            counts = any(part in name.lower() for part in COUNTS) and "dim" not in name.lower()
            if isinstance(value, int) and not isinstance(value, bool) and not name.startswith("_") and not counts:
                is_width = value in self.sizes.widths or "dim" in name.lower()
                vars(module)[name] = self.grown(value) if is_width else value

    def _shape(self, values: Tensor) -> tuple[int, ...]:
        return tuple(self.grown(size) if size in self.sizes.widths else size for size in values.shape)


def _renewed(values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Fresh values of another shape: the same constant, or normal of the same mean and deviation."""
    if values.min() == values.max():
        return values.new_full(shape, values.flatten()[0].item())
    return values.new_empty(shape).normal_(values.mean().item(), values.std().item())


def _repeated(values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A fixed table, such as the encodings of positions, with its channels over again, or fewer of them."""
    for axis, size in enumerate(shape):
        places = torch.arange(size, device=values.device) % values.shape[axis]
        values = values.index_select(axis, places)
    return values


def _values(given: Any) -> Tensor:
    """What arrives at a layer; packed sequences keep theirs in an attribute."""
    return main_tensor(getattr(given, "data", given))


def _read(module: Any) -> int:
    """The channels that a layer reads."""
    if isinstance(module, nn.LayerNorm | nn.RMSNorm):
        return int(module.normalized_shape[0])
    names = (*READ[:5], "num_parameters", "embed_dim")
    return next(getattr(module, name) for name in names if hasattr(module, name))


def _channel_axis(module: Any, shape: Sequence[int]) -> int:
    """The axis of what a layer reads that holds as many channels as it expects, the usual one first."""
    last = -len(module.normalized_shape) if isinstance(module, nn.LayerNorm | nn.RMSNorm) else -1
    of_maps = (*CONVOLUTIONS, *TRANSPOSED, *BATCH_NORMS, nn.GroupNorm, nn.PReLU)
    order = [
        axis for axis in ((1, 0) if isinstance(module, of_maps) else (last, 1)) if -len(shape) <= axis < len(shape)
    ]
    return next((axis for axis in order if shape[axis] == _read(module)), order[0])


def _is_producer(module: Any) -> bool:
    return isinstance(module, PRODUCERS)


def _is_depthwise(module: Any) -> bool:
    return 1 < getattr(module, "groups", 1) == getattr(module, "in_channels", 0)


def _leaves(network: nn.Module) -> dict[str, nn.Module]:
    """Layers of known kinds, without what is inside of them, and modules without parts."""
    found: dict[str, nn.Module] = {}
    for name, module in network.named_modules():
        if any(name.startswith(f"{outer}.") and isinstance(found[outer], LAYERS) for outer in found):
            continue
        if isinstance(module, LAYERS) or next(module.children(), None) is None:
            found[name] = module
    return found


@contextmanager
def _before(layers: dict[str, nn.Module], hook: Callable[[str, nn.Module, Any], None]) -> Iterator[None]:
    handles = [layer.register_forward_pre_hook(partial(hook, name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
