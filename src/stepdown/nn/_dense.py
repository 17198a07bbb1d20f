"""Several teachers at once, some of which may fall silent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from stepdown.core import InvalidInputError, Lesson, Teacher, TransferSet

from ._method import LossMethod, Outputs, total
from ._nets import network_of
from ._networks import FrozenNetwork, run

MOST = 9
"""Teachers: a glob with one character names them all and none of their layers."""


class Teachers(nn.Module):
    """Several trained networks in the place of one teacher, for `Dense` in a loop of one's own.

    Parameters
    ----------
    *networks : torch.nn.Module
        One to nine, the complex one first and the nearest to the student last; neither copied nor moved.

    Raises
    ------
    InvalidInputError
        For none, or more than nine.

    Examples
    --------
    >>> Teachers(nn.Linear(4, 3), nn.Linear(4, 3))(torch.zeros(2, 4)).shape
    torch.Size([2, 3])
    """

    def __init__(self, *networks: nn.Module) -> None:
        super().__init__()
        if not 1 <= len(networks) <= MOST:
            raise InvalidInputError(f"{len(networks)} teachers came; expected 1 to {MOST}.")
        for number, network in enumerate(networks, start=1):
            self.add_module(f"teacher{number}", network)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run all of them; what the last one returns."""
        return [run(network, kwargs or args) for network in self.children()][-1]


class Dense(LossMethod):
    """A method with all earlier networks as its teachers: the mean of its losses from each.

    In a chain teacher -> assistant -> student, ``Dense(KD())`` teaches the student by both, where ``KD()`` asks the
    assistant alone. For soft targets that is, but for a constant, the same as one teacher that says the average of
    their softened probabilities. Son, Na, Choi & Hwang, "Densely Guided Knowledge Distillation using Multiple Teacher
    Assistants", ICCV 2021. The paper sums the teachers; the mean leaves the labels' share what the method says: with n
    teachers the paper's share s of the teachers is ``KD(weight=n * s / (1 - s + n * s))`` here.

    The paper's stochastic variant lets teachers fall silent at random in every batch, so that the student doesn't lean
    on one of them: `drop` is how the published code does that, `keep` decides about each teacher by itself. At least
    one teacher always speaks; without gradients, as in validation, all do.

    Parameters
    ----------
    method : LossMethod
        Of any kind. Layers are named as all teachers have them.
    drop : int
        How many teachers, drawn anew for each batch, are silent.
    keep : float
        Probability, above 0 and at most 1, with which each of the others speaks.

    Examples
    --------
    >>> from stepdown.nn import KD, Transfer
    >>> teacher, assistant, student = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(4, 3)
    >>> x, y = torch.randn(8, 4), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    >>> with Transfer(Teachers(teacher, assistant), student, Dense(KD())) as transfer:
    ...     transfer.loss(x, student(x), y, epoch=0).backward()
    ...     list(transfer.terms)
    ['teacher 1: KD', 'teacher 2: KD']
    """

    def __init__(self, method: LossMethod, drop: int = 0, keep: float = 1.0) -> None:
        self.method = method
        self.drop = drop
        self.keep = keep

    def asks(self, teachers: Sequence[Teacher]) -> Sequence[Teacher]:
        return teachers

    def reads_outputs(self) -> bool:
        return self.method.reads_outputs()

    def heads(self) -> tuple[str, ...]:
        return self.method.heads()

    def check_outputs(self, student: Outputs, teacher: Outputs) -> None:
        for outputs in self._each(teacher).values():
            self.method.check_outputs(student, outputs)

    def supervise(
        self, teachers: Sequence[Teacher], student: Any, data: TransferSet, *, seed: int | None = None
    ) -> Lesson:
        lessons = [self.method.supervise([teacher], student, data, seed=seed) for teacher in teachers]
        if not lessons:
            return super().supervise(teachers, student, data, seed=seed)
        return Lesson(data, self, FrozenNetwork(Teachers(*(network_of(lesson.teacher) for lesson in lessons))))

    def layers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if self.drop < 0 or not 0 < self.keep <= 1:
            raise InvalidInputError(
                f"drop={self.drop}, keep={self.keep}: expected a number of teachers from 0, and a probability above 0."
            )
        if self.method.wants_pairs():
            raise InvalidInputError(
                f"{self.method!r} came, whose layers are still to be paired, and teachers may differ in theirs; name "
                "layers that all of them have."
            )
        theirs, mine = self.method.layers()
        each = "teacher?"
        return (each, *(f"{each}.{name}" for name in theirs), *(f"{each}[{name}]" for name in self.heads())), mine

    def adapters(self, student: Outputs, teacher: Outputs) -> dict[str, nn.Module]:
        made = {name: self.method.adapters(student, outputs) for name, outputs in self._each(teacher).items()}
        return {name: nn.ModuleDict(parts) for name, parts in made.items() if parts}

    def terms(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> dict[str, Tensor]:
        each, found = self._each(teacher), {}
        speaking = self._speaking(len(each), student.logits.device)
        for number, (name, outputs) in enumerate(each.items(), start=1):
            if speaking[number - 1]:
                parts = self.method.terms(student.within(name), outputs, target, epoch=epoch)
                found.update({f"teacher {number}: {part}": term / sum(speaking) for part, term in parts.items()})
        return found

    def loss(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> Tensor:
        return total(self.terms(student, teacher, target, epoch=epoch), student)

    def _each(self, teacher: Outputs) -> dict[str, Outputs]:
        """What every single teacher made of the batch."""
        names, _ = self.method.layers()
        found = {}
        for name in sorted(name for name in teacher.layers if "." not in name and "[" not in name):
            layers = {layer: teacher.layers.get(f"{name}.{layer}") for layer in names}
            missing = [layer for layer, values in layers.items() if values is None]
            if missing:
                raise InvalidInputError(
                    f"{name} has no layer {missing[0]!r}, which another teacher has; name layers that all of them have."
                )
            heads = {head: teacher.layers[f"{name}[{head}]"] for head in self.heads()}
            known = {layer: values for layer, values in layers.items() if values is not None}
            found[name] = Outputs(teacher.layers[name], known, heads=heads, squashed=teacher.squashed)
        return found

    def _speaking(self, n: int, device: torch.device) -> list[bool]:
        """Which teachers a batch is taught by; all processes of a training draw the same."""
        if n == 1 or (self.drop == 0 and self.keep == 1) or not torch.is_grad_enabled():
            return [True] * n
        order = torch.randperm(n)
        speaks = torch.rand(n) < self.keep
        speaks[order[: self.drop]] = False
        if not bool(speaks.any()):
            speaks[order[-1]] = True
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            drawn = speaks.to(device, torch.uint8)
            dist.broadcast(drawn, 0)
            speaks = drawn.cpu().bool()
        drawn_speaks: list[bool] = speaks.tolist()
        return drawn_speaks
