"""Targets and weights as trainers work with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.core import TransferSet
from stepdown.learners import with_class_weight

Floats = NDArray[np.float64]


def weighted_targets(student: Any, data: TransferSet) -> tuple[Floats, Floats]:
    """Soft targets, rows of which are distributions, and row weights with the student's ``class_weight`` worked in."""
    weight = None if data.sample_weight is None else data.weights()
    targets, weight = with_class_weight(student, data.soft_targets(), weight, data.classes)
    return targets, data.weights() if weight is None else weight


def real_targets(data: TransferSet) -> tuple[Floats, Floats]:
    """Real targets and row weights, both of shape (n_samples,)."""
    return np.asarray(data.y, dtype=np.float64), data.weights()
