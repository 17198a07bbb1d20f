"""Which layers of two networks correspond: a proposal to look at, to edit and to pass on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, overload

from torch import Tensor, nn

from stepdown.core import InvalidInputError

from . import functional
from ._guards import rows_message
from ._networks import in_the_type_of, quietly, run
from ._taps import Taps, bare, expect_hooks, main_tensor

SILENT = (nn.Dropout, nn.Dropout2d, nn.Identity, nn.Flatten)
"""Modules that change no value in evaluation mode, so that the layer before them is the better name."""


@dataclass(frozen=True, slots=True)
class LayerFlow:
    """One layer as a batch shows it.

    Parameters
    ----------
    name : str
        As in ``named_modules()``.
    shape : tuple of int
        Of one row.
    flow : float
        What the layer says about the classes, or without labels how far it relates rows as the last layer does.
    """

    name: str
    shape: tuple[int, ...]
    flow: float

    def __str__(self) -> str:
        return f"{self.name}  {'x'.join(map(str, self.shape)) or '1'}  {self.flow:.4g}"


@dataclass(frozen=True)
class PairTable(Sequence[tuple[str, str]]):
    """Proposed pairs of layers, (teacher's, student's), in the order of the student; edits return a new table.

    Parameters
    ----------
    student, teacher : tuple of LayerFlow
        All layers considered, in the order in which they run.
    matches : tuple of (int, int)
        Positions of the student's and the teacher's layers that are paired.
    measure : str
        What the flow is.
    """

    student: tuple[LayerFlow, ...]
    teacher: tuple[LayerFlow, ...]
    matches: tuple[tuple[int, int], ...]
    measure: str

    @overload
    def __getitem__(self, index: int) -> tuple[str, str]: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[str, str], ...]: ...

    def __getitem__(self, index: int | slice) -> tuple[str, str] | tuple[tuple[str, str], ...]:
        return tuple((self.teacher[theirs].name, self.student[mine].name) for mine, theirs in self.matches)[index]

    def __len__(self) -> int:
        return len(self.matches)

    def pair(self, student_layer: str, teacher_layer: str) -> PairTable:
        """The table with one student's layer paired with another of the teacher's layers.

        Parameters
        ----------
        student_layer, teacher_layer : str
            Names of layers in the table.

        Returns
        -------
        PairTable

        Raises
        ------
        InvalidInputError
            For a name that isn't in the table.
        """
        mine, theirs = _position(self.student, student_layer), _position(self.teacher, teacher_layer)
        kept = {own: other for own, other in self.matches if own != mine}
        return replace(self, matches=tuple(sorted((kept | {mine: theirs}).items())))

    def without(self, student_layer: str) -> PairTable:
        """The table without one student's layer.

        Parameters
        ----------
        student_layer : str
            Name of a layer in the table.

        Returns
        -------
        PairTable

        Raises
        ------
        InvalidInputError
            For a name that isn't in the table.
        """
        mine = _position(self.student, student_layer)
        return replace(self, matches=tuple(match for match in self.matches if match[0] != mine))

    def __str__(self) -> str:
        head = ("student's layer", "shape", "flow", "teacher's layer", "shape", "flow")
        lines = [head]
        for mine, theirs in self.matches:
            both = self.student[mine], self.teacher[theirs]
            lines.append(tuple(cell for layer in both for cell in _cells(layer)))  # type: ignore[arg-type]
        spare = [layer for place, layer in enumerate(self.teacher) if place not in dict(self.matches).values()]
        lines += [("", "", "", *_cells(layer)) for layer in spare]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([f"flow: {self.measure}", *(row.rstrip() for row in rows)])


def _cells(layer: LayerFlow) -> tuple[str, str, str]:
    return layer.name, "x".join(map(str, layer.shape)), f"{layer.flow:.4f}"


def _position(layers: Sequence[LayerFlow], name: str) -> int:
    names = [layer.name for layer in layers]
    if name not in names:
        raise InvalidInputError(f"no layer {name!r} in the table; it has {', '.join(names)}.")
    return names.index(name)


def propose_pairs(
    teacher: nn.Module,
    student: nn.Module,
    batch: Any,
    labels: Tensor | None = None,
    *,
    teacher_layers: Iterable[str] | None = None,
    student_layers: Iterable[str] | None = None,
) -> PairTable:
    """Pair each layer of the student with the layer of the teacher that says as much, the last with the last.

    With labels a layer's flow is its quadratic mutual information with them (cosine kernel); without, how well its
    relations between rows align with those of the same network's last layer. Passalis, Tzelepi & Tefas,
    "Heterogeneous Knowledge Distillation using Information Flow Modeling", CVPR 2020, eq. 2 to 5; the flow without
    labels is ours.

    Parameters
    ----------
    teacher, student : torch.nn.Module
        Run once in evaluation mode, without gradients, and left as they were.
    batch : tensor, tuple or mapping
        What the networks take; some hundred rows say more than some dozen.
    labels : tensor of int, of shape (n_rows,), optional
        Classes of the rows.
    teacher_layers, student_layers : iterable of str, optional
        Names or globs of layers to consider, in order. By default the last module of each stage, a stage being a
        convolution or linear layer with what runs behind it; the one that makes the network's output is left out.

    Returns
    -------
    PairTable

    Raises
    ------
    InvalidInputError
        For names that no layer has, or a network without layers to pair.

    Examples
    --------
    >>> import torch
    >>> network = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3))
    >>> list(propose_pairs(network, network, torch.randn(16, 2)))
    [('1', '1'), ('3', '3')]
    """
    theirs = _flows(teacher, batch, labels, teacher_layers)
    mine = _flows(student, batch, labels, student_layers)
    match = functional.flow_match([layer.flow for layer in mine], [layer.flow for layer in theirs])
    measure = "alignment with the last layer" if labels is None else "quadratic mutual information with the labels"
    return PairTable(mine, theirs, tuple(enumerate(match.layers)), measure)


def _flows(network: nn.Module, batch: Any, labels: Tensor | None, names: Iterable[str] | None) -> tuple[LayerFlow, ...]:
    wanted = stage_ends(network, batch) if names is None else list(names)
    with Taps(bare(network), wanted) as taps, quietly(network):
        n = len(main_tensor(run(bare(network), in_the_type_of(network, batch))))
        layers = {name: taps[name] for name in taps}
    if not layers:
        raise InvalidInputError(
            f"{type(network).__name__} has no layer to pair; name some in teacher_layers or student_layers."
        )
    for name, layer in layers.items():
        if layer.ndim == 0 or len(layer) != n:
            raise InvalidInputError(rows_message(f"layer {name!r} of {type(network).__name__}", layer, n))
    values = list(layers.values())
    flows = functional.relational_profile(values) if labels is None else functional.flow_vector(values, labels)
    return tuple(
        LayerFlow(name, tuple(layer.shape[1:]), flow) for (name, layer), flow in zip(layers.items(), flows, strict=True)
    )


def stage_ends(network: nn.Module, batch: Any) -> list[str]:
    """The last module of each stage in the order of running, without the stage that makes the output.

    A container ends a stage where its own code makes something of what runs in it, as a block with a shortcut does.
    """
    stages: list[list[tuple[str, int]]] = []
    ran: list[str] = []
    latest: list[Tensor] = []

    def hook(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        values = _features(output)
        contains = bool(ran) and ran[-1].startswith(f"{name}.")
        if not contains and next(module.children(), None) is not None and not _has_weights(module):
            return
        made = values is not None and not any(values is given for given in inputs)
        if contains:
            made = made and not any(values is known for known in latest)
        else:
            ran.append(name)
            if _has_weights(module):
                stages.append([])
            made = (made or getattr(module, "inplace", False)) and not isinstance(module, SILENT)
        if values is not None:
            latest[:] = [values]
            if stages and made:
                stages[-1].append((name, len(values)))

    modules = {name: module for name, module in bare(network).named_modules() if name}
    for name, module in modules.items():
        expect_hooks(module, name)
    handles = [module.register_forward_hook(partial(hook, name)) for name, module in modules.items()]
    try:
        with quietly(network):
            n = len(main_tensor(run(bare(network), in_the_type_of(network, batch))))
    finally:
        for handle in handles:
            handle.remove()
    kept = [stage for stage in stages if stage]
    kept = kept[:-1] if len(kept) > 1 else kept
    # Windows of a row and the like are left out; not the last stage, whose features are what matters most.
    usable = [[name for name, rows in stage if rows == n or stage is kept[-1]] for stage in kept]
    return list(dict.fromkeys(names[-1] for names in usable if names))


def _has_weights(module: nn.Module) -> bool:
    return any(parameter.ndim > 1 for parameter in module.parameters(recurse=False))


def _features(output: Any) -> Tensor | None:
    """The main tensor of a layer's output; None where there is none that could be matched."""
    try:
        values = main_tensor(output)
    except InvalidInputError:
        return None
    return values if values.is_floating_point() else None
