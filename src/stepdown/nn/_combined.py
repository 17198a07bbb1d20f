"""Methods made of methods: side by side, or one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from stepdown.core import InvalidInputError

from ._method import LossMethod, Outputs, Pace, Pairs, total


class Combined(LossMethod):
    """What methods of several parts share: the parts' layers, adapters and pairs."""

    def __init__(self, methods: Sequence[tuple[Any, LossMethod]]) -> None:
        self.methods = methods

    def parts(self) -> Sequence[tuple[Any, LossMethod]]:
        """What belongs to each method, and the method."""
        return self.methods

    def layers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        both = [method.layers() for _, method in self.parts()]
        theirs = dict.fromkeys(name for names, _ in both for name in names)
        mine = dict.fromkeys(name for _, names in both for name in names)
        return tuple(theirs), tuple(mine)

    def heads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for _, method in self.parts() for name in method.heads()))

    def adapters(self, student: Outputs, teacher: Outputs) -> dict[str, nn.Module]:
        made = {str(number): method.adapters(student, teacher) for number, (_, method) in enumerate(self.parts())}
        return {number: nn.ModuleDict(parts) for number, parts in made.items() if parts}

    def wants_pairs(self) -> bool:
        return any(method.wants_pairs() for _, method in self.parts())

    def reads_outputs(self) -> bool:
        return any(method.reads_outputs() for _, method in self.parts())

    def reads_teacher(self, epoch: int) -> bool:
        return any(method.reads_teacher(epoch) for _, method in self.parts())

    def check_criteria(self, student: Any, teacher: Any) -> None:
        for _, method in self.parts():
            method.check_criteria(student, teacher)

    def with_pairs(self, pairs: Pairs) -> LossMethod:
        return type(self)(methods=[(share, method.with_pairs(pairs)) for share, method in self.parts()])

    def check_outputs(self, student: Outputs, teacher: Outputs) -> None:
        for _, method in self.parts():
            method.check_outputs(student, teacher)

    def loss(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> Tensor:
        return total(self.terms(student, teacher, target, epoch=epoch), student)


class WeightedSum(Combined):
    """Several losses at once.

    Parameters
    ----------
    methods : sequence of (float, LossMethod)
        Weights and methods; a method of weight 0 isn't computed.

    Examples
    --------
    >>> from stepdown.nn import KD, PKT
    >>> WeightedSum([(1.0, KD()), (0.1, PKT())])
    WeightedSum(methods=[(1.0, KD()), (0.1, PKT())])
    """

    def __init__(self, methods: Sequence[tuple[float, LossMethod]]) -> None:
        super().__init__(methods)

    def terms(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> dict[str, Tensor]:
        found = {}
        for number, (weight, method) in enumerate(self.methods):
            if weight == 0:
                continue
            parts = method.terms(student.within(str(number)), teacher, target, epoch=epoch)
            found.update({f"{number + 1}. {name}": weight * term for name, term in parts.items()})
        return found


class Staged(Combined):
    """One method after another; each counts its epochs from its own start.

    Parameters
    ----------
    methods : sequence of (int or None, LossMethod)
        How many epochs each method has; the last keeps all that come behind, whatever its number (None by custom).

    Examples
    --------
    >>> from stepdown.nn import KD, PKT
    >>> staged = Staged([(2, PKT()), (None, KD())])
    >>> [staged.stage(epoch) for epoch in range(4)]
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """

    def __init__(self, methods: Sequence[tuple[int | None, LossMethod]]) -> None:
        super().__init__(methods)

    def stage(self, epoch: int) -> tuple[int, int]:
        """Which method an epoch belongs to, and the epoch as that method counts.

        Parameters
        ----------
        epoch : int
            From 0.

        Returns
        -------
        tuple of int
            The position of the method, and its own epoch.
        """
        start = 0
        for number, (length, _) in enumerate(self.methods[:-1]):
            if length is None or length < 0:
                raise InvalidInputError(f"a stage of {length} epochs came; only the last stage may be open.")
            if epoch < start + length:
                return number, epoch - start
            start += length
        return len(self.methods) - 1, epoch - start

    def stage_starts(self, epochs: int) -> tuple[int, ...]:
        stages = [self.stage(epoch)[0] for epoch in range(epochs)]
        return (0, *(epoch for epoch in range(1, epochs) if stages[epoch] != stages[epoch - 1]))

    def pace(self, epoch: float) -> Pace:
        number, own_epoch = self.stage(int(epoch))
        return self.methods[number][1].pace(own_epoch + epoch - int(epoch))

    def reads_teacher(self, epoch: int) -> bool:
        number, own_epoch = self.stage(epoch)
        return self.methods[number][1].reads_teacher(own_epoch)

    def terms(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> dict[str, Tensor]:
        number, own_epoch = self.stage(epoch)
        _, method = self.methods[number]
        return method.terms(student.within(str(number)), teacher, target, epoch=own_epoch)
