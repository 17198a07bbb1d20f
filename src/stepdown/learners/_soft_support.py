"""The answer to how soft targets are realised on a student, shared by the realisations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SoftFitSupport:
    """How soft targets are realised on a student.

    Parameters
    ----------
    kind : {"exact", "approximate", "refused"}
        Exact: the student minimises its own loss, or splits by its own criterion, on the soft targets.
    how : str
        In a sentence; of a refused student, what to do instead.
    """

    kind: Literal["exact", "approximate", "refused"]
    how: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.how}"
