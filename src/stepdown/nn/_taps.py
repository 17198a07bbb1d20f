"""Activations by name, read from any network through forward hooks."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from stepdown.core import InvalidInputError

# A layer or a glob, its input, one of several outputs, and the axis of its rows.
NAMED = re.compile(r"(?P<glob>.+?)(?P<input>:input)?(?:\[(?P<key>[^\[\]*?]+)\])?(?:@(?P<axis>-?\d+))?")

COMPILED = "_orig_mod"
"""The attribute in which a compiled module keeps the one that was given."""


UNCOPIED = "__reduce_ex__"
"""Where copy and pickle ask a module for its state."""


class Place(NamedTuple):
    """Where in a network a tap sits."""

    module: str
    key: str | None
    at_input: bool
    axis: int = 0


def bare(network: nn.Module) -> nn.Module:
    """The module that a compiled one was made of; any other as it is."""
    inner = getattr(network, COMPILED, network)
    return inner if isinstance(inner, nn.Module) else network


def main_tensor(output: Any, name: str = "the output") -> Tensor:
    """The tensor of what a module returned: itself, its ``logits``, or the first one with rows in it."""
    if isinstance(output, Tensor):
        return output
    logits = getattr(output, "logits", None)
    if isinstance(logits, Tensor):
        return logits
    parts = tensors_of(output)
    if not parts:
        raise InvalidInputError(
            f"{name} is a {type(output).__name__} without tensors of its own. Of a layer, name another; let a network "
            "return a tensor, or a tuple, a dict or a dataclass of tensors."
        )
    # A loss that some networks return first has no rows.
    return parts.get("logits", next((part for part in parts.values() if part.ndim), next(iter(parts.values()))))


def tensors_of(output: Any) -> dict[str, Tensor]:
    """The tensors in what a module returned, by key, field or position; none where that is one tensor."""
    if isinstance(output, Mapping):
        parts: Iterable[tuple[Any, Any]] = output.items()
    elif hasattr(output, "_asdict"):
        parts = output._asdict().items()
    elif isinstance(output, tuple | list):
        parts = enumerate(output)
    else:
        parts = vars(output).items() if is_dataclass(output) else ()
    return {str(name): part for name, part in parts if isinstance(part, Tensor)}


class Taps(Mapping[str, Tensor]):
    """The activations of named layers in the network's latest forward pass, as a mapping.

    Hooks are set on entry and always removed on exit, after an exception too. Where parts of the network are compiled,
    both forget all compiled code (``torch.compiler.reset``), which knows nothing of hooks set later.

    Parameters
    ----------
    network : torch.nn.Module
        Left as it is, apart from the hooks.
    names : iterable of str
        Dotted names of modules as in ``named_modules()``, or globs (``"layer?"``, ``"*.conv2"``); negative numbers
        count from the end (``"blocks.-1"``). ``"name:input"``
        stands for what goes into a module, which is how activations made by functions are reached; ``"name[key]"``
        for one part of what a module returns: a position in a tuple or a key in a dict; ``"name@1"`` for a layer whose
        rows are on axis 1, as time-first layers and hidden states have them, and which is then read rows first.

    Raises
    ------
    InvalidInputError
        For a name that no module has, with the nearest ones.

    Notes
    -----
    A module that runs several times in one pass shows its last run. A layer behind which another works in place
    (``ReLU(inplace=True)``) shows what that one has made of it.

    Examples
    --------
    >>> import torch
    >>> network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> with Taps(network, ["0", "2:input"]) as taps:
    ...     output = network(torch.zeros(5, 2))
    ...     {name: tuple(values.shape) for name, values in taps.items()}
    {'0': (5, 3), '2:input': (5, 3)}
    """

    def __init__(self, network: nn.Module, names: Iterable[str]) -> None:
        self.network = network
        meant = _resolve(bare(network), names)
        self._places = {name: place for places in meant.values() for name, place in places.items()}
        self._meant = {wanted: list(places) for wanted, places in meant.items()}
        self._values: dict[str, Any] = {}
        self._handles: list[RemovableHandle] = []
        self._tapped: list[nn.Module] = []
        self._pass = _Pass(network)

    def __enter__(self) -> Self:
        modules = dict(bare(self.network).named_modules())
        if self._places and is_compiled(self.network):
            torch.compiler.reset()
        for name, place in self._places.items():
            module = modules[place.module]
            expect_hooks(module, name)
            self._handles.append(module.register_forward_hook(self._hook(module, name, place.at_input)))
            self._keep_out_of_copies(module)
        return self

    def watch_passes(self) -> None:
        """Remember what the network returns, too, so that `returned` knows."""
        if self._places and not is_compiled(self.network):
            self._handles.append(self.network.register_forward_pre_hook(self._pass.begin))
            self._handles.append(self.network.register_forward_hook(self._pass.end))
            self._keep_out_of_copies(self.network)

    def _keep_out_of_copies(self, module: nn.Module) -> None:
        if UNCOPIED not in module.__dict__:
            module.__dict__[UNCOPIED] = partial(_without_taps, module)
            self._tapped.append(module)

    def _hook(self, owner: nn.Module, name: str, at_input: bool) -> Any:
        def keep(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if module is owner:  # a copy made by a class's own __deepcopy__ has the hook too
                self._values[name] = inputs if at_input else output
                if not self._pass.runs:  # called by hand, part by part
                    self._pass.output = None

        keep.is_tap = True  # type: ignore[attr-defined]
        return keep

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the hooks and forget the activations; may be called more than once."""
        if self._handles and is_compiled(self.network):
            torch.compiler.reset()
        while self._handles:
            self._handles.pop().remove()
        while self._tapped:
            self._tapped.pop().__dict__.pop(UNCOPIED, None)
        self.clear()

    def clear(self) -> None:
        """Forget the activations, so that their memory is free before the next pass."""
        self._values.clear()
        self._pass.output = None

    def returned(self) -> Any:
        """What the network returned when it made these activations; None where that isn't known."""
        return self._pass.output

    def __getitem__(self, name: str) -> Tensor:
        place = self._places[name]
        if name not in self._values:
            raise InvalidInputError(
                f"layer {name!r} has not run since the last batch: run the network before asking, in the same process."
            )
        output = self._values[name]
        if place.key is None:
            return _rows_first(main_tensor(output, f"layer {name!r}"), place.axis, name)
        try:
            if isinstance(output, Tensor):  # where a number would be a row
                raise TypeError
            part = output[place.key] if isinstance(output, Mapping) else output[int(place.key)]
        except (LookupError, ValueError, TypeError) as error:
            raise InvalidInputError(
                f"layer {name!r} returns a {type(output).__name__} without {place.key!r}."
            ) from error
        return _rows_first(main_tensor(part, f"layer {name!r}"), place.axis, name)

    def has_run(self, name: str) -> bool:
        """Whether a layer has run since the last batch."""
        return name in self._values

    def outputs(self) -> dict[str, Tensor]:
        """All activations, also under those globs that stand for one layer."""
        found = dict(self.items())
        return found | {glob: found[names[0]] for glob, names in self._meant.items() if len(names) == 1}

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def expect_hooks(module: nn.Module, name: str) -> None:
    """Refuse a layer of torch.jit, whose activations can't be read."""
    if isinstance(module, torch.jit.ScriptModule):
        raise InvalidInputError(
            f"layer {name!r} belongs to a network of torch.jit, whose activations can't be read; pass the network that "
            "it was made of, or take a method that reads outputs alone, such as KD or Logit."
        )


def _rows_first(values: Tensor, axis: int, name: str) -> Tensor:
    if not -values.ndim <= axis < values.ndim:
        raise InvalidInputError(f"layer {name!r} has shape {tuple(values.shape)}, without an axis {axis}.")
    return values.movedim(axis, 0) if axis else values


def is_compiled(network: nn.Module) -> bool:
    """Whether any part runs compiled code: dynamo shares that between networks of a class and doesn't check hooks."""
    return any(
        hasattr(module, COMPILED) or getattr(module, "_compiled_call_impl", None) is not None
        for module in network.modules()
    )


class _Pass:
    """The latest forward pass of a whole network."""

    def __init__(self, owner: nn.Module) -> None:
        self.runs = False
        self.output: Any = None
        self.begin, self.end = self._hooks(owner)

    def _hooks(self, owner: nn.Module) -> tuple[Any, Any]:
        def begin(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            if module is owner:
                self.runs, self.output = True, None

        def end(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if module is owner:
                self.runs, self.output = False, output

        begin.is_tap = end.is_tap = True  # type: ignore[attr-defined]
        return begin, end


def _without_taps(module: nn.Module, protocol: Any) -> Any:
    """A tapped module's way into copies and pickles, such as moving averages and checkpoints: without our hooks."""
    parts: Any = type(module).__reduce_ex__(module, protocol)
    make, arguments, state, *rest = parts
    if isinstance(state, dict):
        state = {name: value for name, value in state.items() if name != UNCOPIED}
        for kind in ("_forward_hooks", "_forward_pre_hooks"):
            hooks = state.get(kind, {})
            state[kind] = OrderedDict((key, hook) for key, hook in hooks.items() if not hasattr(hook, "is_tap"))
    return make, arguments, state, *rest


def _resolve(network: nn.Module, names: Iterable[str]) -> dict[str, dict[str, Place]]:
    """For each wanted name the layers that it stands for."""
    known = [name for name, _ in network.named_modules() if name]
    meant: dict[str, dict[str, Place]] = {}
    for wanted in names:
        match = NAMED.fullmatch(wanted)
        plain = match["glob"] if match else wanted
        glob = _from_the_end(network, plain)
        found = [name for name in known if fnmatchcase(name, glob)]
        if not found:
            near = get_close_matches(glob, known, n=5, cutoff=0.3) or known[:10]
            raise InvalidInputError(
                f"{type(network).__name__} has no layer {glob!r}; the nearest of its {len(known)} are: "
                f"{', '.join(near)}."
            )
        at_input, key = bool(match and match["input"]), match["key"] if match else None
        axis = int(match["axis"] or 0) if match else 0
        meant[wanted] = {name + wanted[len(plain) :]: Place(name, key, at_input, axis) for name in found}
    return meant


def _from_the_end(network: nn.Module, name: str) -> str:
    """A name in which negative numbers are replaced by the children's own."""
    path: list[str] = []
    for part in name.split("."):
        if re.fullmatch(r"-\d+", part):
            children = [child for child, _ in network.get_submodule(".".join(path)).named_children()]
            part = children[int(part)] if -int(part) <= len(children) else part
        path.append(part)
    return ".".join(path)
