"""Widths of layers that grow together: what is known about channels while a network is being widened."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stepdown.core import NotSupportedError

BUILDER = (
    "pass builder=, a function that makes the wider network from the factor, such as "
    "builder=lambda factor: Student(width=round(8 * factor))"
)


@dataclass(eq=False)
class Width:
    """Channels that grow together."""

    size: int
    fixed: bool = False
    divisor: int = 1
    same: Channels | None = None

    def grown(self, factor: float) -> int:
        if self.fixed or factor == 1:
            return self.size
        return self.divisor * max(1, round(self.size * factor / self.divisor))


@dataclass(frozen=True)
class Channels:
    """The feature axis of an activation: widths one behind the other, each some times (positions, after flattening)."""

    given: tuple[tuple[Width, int], ...]

    @property
    def parts(self) -> tuple[tuple[Width, int], ...]:
        """The widths behind all joins."""
        found: list[tuple[Width, int]] = []
        for width, times in self.given:
            found += [(width, times)] if width.same is None else width.same.times(times).parts
        return tuple(found)

    @property
    def size(self) -> int:
        return sum(width.size * times for width, times in self.parts)

    def grown(self, factor: float) -> int:
        return sum(width.grown(factor) * times for width, times in self.parts)

    def fix(self) -> None:
        for width, _ in self.parts:
            width.fixed = True

    def divide(self, groups: int, where: str) -> None:
        """Let the size be a multiple of a number of groups."""
        if groups > 1 and (width := self._single()) is None:
            raise NotSupportedError(f"{where} groups channels of several layers; {BUILDER}.")
        if groups > 1 and width is not None:
            width.divisor = math.lcm(width.divisor, groups)

    def times(self, number: int) -> Channels:
        return Channels(tuple((width, times * number) for width, times in self.given))

    def join(self, other: Channels, where: str) -> None:
        """Let both be the same from now on."""
        mine, theirs = self.parts, other.parts
        if [(width.size, times) for width, times in mine] == [(width.size, times) for width, times in theirs]:
            for (width, _), (their_width, _) in zip(mine, theirs, strict=True):
                _join(width, Channels(((their_width, 1),)), where)
        elif (single := self._single()) is not None:
            _join(single, other, where)
        elif (single := other._single()) is not None:
            _join(single, self, where)
        else:
            raise NotSupportedError(f"{where} puts channels together that aren't cut alike; {BUILDER}.")

    def _single(self) -> Width | None:
        parts = self.parts
        return parts[0][0] if len(parts) == 1 and parts[0][1] == 1 else None


def _join(width: Width, other: Channels, where: str) -> None:
    if width is other._single():
        return
    other.divide(width.divisor, where)
    if width.fixed:
        other.fix()
    width.same = other
