"""Networks of several outputs: a method for each of them."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from stepdown.core import InvalidInputError

from ._combined import Combined
from ._guards import expect_no_sigmoid
from ._method import LossMethod, Outputs


class Heads(Combined):
    """Each output of a network of several is taught by a method of its own.

    Parameters
    ----------
    methods : mapping of str or int to LossMethod
        The method of each output that is to be taught, by its key, its field or its position in what the student
        returns; the teacher's of the same name teaches it, or the only one that the teacher has. Targets come as a
        mapping with the same names, as a tuple in this order, or as a matrix of whole numbers with one column a head;
        anything else goes to every head.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from stepdown.nn import KD, BinaryKD, Transfer
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.kind, self.tags = nn.Linear(4, 3), nn.Linear(4, 5)
    ...
    ...     def forward(self, x):
    ...         return {"kind": self.kind(x), "tags": self.tags(x)}
    >>> teacher, student, x = Net(), Net(), torch.randn(8, 4)
    >>> y = {"kind": torch.arange(8) % 3, "tags": torch.ones(8, 5)}
    >>> with Transfer(teacher, student, Heads({"kind": KD(), "tags": BinaryKD()})) as transfer:
    ...     transfer.loss(x, student(x), y, epoch=0).backward()
    ...     list(transfer.terms)
    ['kind: KD', 'tags: BinaryKD']
    """

    def __init__(self, methods: Mapping[Any, LossMethod]) -> None:
        super().__init__(methods)  # type: ignore[arg-type]

    def parts(self) -> list[tuple[str, LossMethod]]:
        return [(str(name), method) for name, method in dict(self.methods).items()]

    def heads(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.parts())

    def check_outputs(self, student: Outputs, teacher: Outputs) -> None:
        for name, method in self.parts():
            method.check_outputs(student.head(name), teacher.head(name))

    def terms(self, student: Outputs, teacher: Outputs, target: Any, *, epoch: int) -> dict[str, Tensor]:
        found = {}
        for number, (name, method) in enumerate(self.parts()):
            mine = student.within(str(number)).head(name)
            parts = method.terms(mine, teacher.head(name), self._target(target, number, name), epoch=epoch)
            found.update({f"{name}: {part}": term for part, term in parts.items()})
        return found

    def _target(self, target: Any, number: int, name: str) -> Tensor | None:
        n = len(self.methods)
        if isinstance(target, Mapping):
            for key in (name, int(name) if name.isdigit() else name):
                if key in target:
                    return target[key]
            raise InvalidInputError(
                f"no targets for head {name!r} among {list(target)}; None stands for a head that has none."
            )
        if isinstance(target, tuple | list):
            if len(target) != n:
                raise InvalidInputError(f"{len(target)} targets came for {n} heads: {list(self.heads())}.")
            return target[number]
        if isinstance(target, Tensor) and target.shape[1:] == (n,) and not target.is_floating_point():
            return target[:, number]
        return target


class OutputMethod(LossMethod, ABC):
    """A loss of what the networks return; where both call several outputs '..._logits', of each of these."""

    weight: float = 1.0
    """Of the teacher against the labels; where it is 0 the teacher's outputs aren't looked at."""

    def reads_teacher(self, epoch: int) -> bool:
        return self.weight != 0

    def check_criteria(self, student: Any, teacher: Any) -> None:
        super().check_criteria(student, teacher if self.weight else None)

    def terms(self, student: Outputs, teacher: Outputs, target: Any, *, epoch: int) -> dict[str, Tensor]:
        if target is not None and not self.weight:
            teacher = student
        named = _named_logits(student, teacher)
        if named:
            return Heads(dict.fromkeys(named, self)).terms(student, teacher, target, epoch=epoch)
        if target is not None and not isinstance(target, Tensor):
            raise InvalidInputError(
                f"targets came as a {type(target).__name__}; expected a tensor. For several outputs say what teaches "
                "each: Heads({...})."
            )
        return super().terms(student, teacher, target, epoch=epoch)

    def check_outputs(self, student: Outputs, teacher: Outputs) -> None:
        teacher = teacher if self.weight else student
        named = _named_logits(student, teacher)
        if named:
            return Heads(dict.fromkeys(named, self)).check_outputs(student, teacher)
        super().check_outputs(student, teacher)
        if self.reads_probabilities_wrongly():
            expect_no_sigmoid("student", student.logits, student.squashed)
            expect_no_sigmoid("teacher", teacher.logits, teacher.squashed)
        return None

    def reads_probabilities_wrongly(self) -> bool:
        """Whether a softmax or sigmoid is taken of the outputs."""
        return True


def _named_logits(student: Outputs, teacher: Outputs) -> list[str]:
    names = [name for name in student.heads if name.endswith("_logits") and name in teacher.heads]
    return names if len(names) > 1 and "logits" not in student.heads else []
