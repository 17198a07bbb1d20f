"""Losses over the batches of several processes as if they were one batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ._method import LossMethod, Outputs, Pairs, total


class _Gather(torch.autograd.Function):
    """The rows of all processes, in their order; the gradient of a row is the sum over the processes."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        sizes = values.new_zeros(dist.get_world_size(), dtype=torch.long)
        sizes[dist.get_rank()] = len(values)
        dist.all_reduce(sizes)
        counts = sizes.tolist()
        ctx.place = sum(counts[: dist.get_rank()]), len(values)
        padded = values.new_zeros(max(counts), *values.shape[1:])
        padded[: len(values)] = values
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        start, length = ctx.place
        return gradient[start : start + length]


def _gathered(values: Tensor) -> Tensor:
    return _Gather.apply(values)


class GlobalBatch(LossMethod):
    """A method over the rows of all processes: what a relational loss needs to see every pair of rows.

    Each process runs the networks on rows of its own; what they made of them is gathered, with gradients, and every
    process computes the same loss. With gradients averaged over the processes, as ``DistributedDataParallel`` does, the
    student gets the gradient of one process with the joined batch. Batch normalisation still sees the rows of its own
    process; ``torch.nn.SyncBatchNorm`` changes that. Without ``torch.distributed`` the method is left as it is.

    Parameters
    ----------
    method : LossMethod
        Of any kind.

    Examples
    --------
    >>> from stepdown.nn import PKT
    >>> GlobalBatch(PKT([("avgpool", "fc1")]))
    GlobalBatch(method=PKT(pairs=[('avgpool', 'fc1')]))
    """

    def __init__(self, method: LossMethod) -> None:
        self.method = method

    def layers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.method.layers()

    def adapters(self, student: Outputs, teacher: Outputs) -> dict[str, nn.Module]:
        return self.method.adapters(student, teacher)

    def wants_pairs(self) -> bool:
        return self.method.wants_pairs()

    def heads(self) -> tuple[str, ...]:
        return self.method.heads()

    def stage_starts(self, epochs: int) -> tuple[int, ...]:
        return self.method.stage_starts(epochs)

    def reads_outputs(self) -> bool:
        return self.method.reads_outputs()

    def reads_teacher(self, epoch: int) -> bool:
        return self.method.reads_teacher(epoch)

    def check_criteria(self, student: Any, teacher: Any) -> None:
        self.method.check_criteria(student, teacher)

    def check_outputs(self, student: Outputs, teacher: Outputs) -> None:
        self.method.check_outputs(student, teacher)

    def with_pairs(self, pairs: Pairs) -> LossMethod:
        return type(self)(self.method.with_pairs(pairs))

    def terms(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> dict[str, Tensor]:
        if not (dist.is_available() and dist.is_initialized()):
            return self.method.terms(student, teacher, target, epoch=epoch)
        joined = _joined(student)
        terms = self.method.terms(joined, _joined(teacher), _gathered_all(target), epoch=epoch)
        # DistributedDataParallel waits for a gradient of every parameter, that of a head without a loss, too.
        return {**terms, "outputs": 0 * joined.logits.sum()}

    def loss(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> Tensor:
        return total(self.terms(student, teacher, target, epoch=epoch), student)


def _joined(outputs: Outputs) -> Outputs:
    return replace(
        outputs,
        logits=_gathered(outputs.logits),
        layers=_gathered_all(outputs.layers),
        heads=_gathered_all(outputs.heads),
        mask=_gathered_all(outputs.mask),
    )


def _gathered_all(values: Any) -> Any:
    """A tensor, or those in a mapping or a sequence, of all processes."""
    if isinstance(values, Mapping):
        return {name: _gathered(part) for name, part in values.items()}
    if isinstance(values, tuple | list):
        return tuple(map(_gathered, values))
    return None if values is None else _gathered(values)
