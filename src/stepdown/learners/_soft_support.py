"""The answer to how soft targets are realised on a student, shared by the realisations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# model, X, Q, sample_weight, classes, seed -> fitted model; the model may be fitted in place
Realisation = Callable[[Any, Any, Floats, Floats | None, NDArray[Any], int | None], Any]


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
