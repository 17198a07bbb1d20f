"""Targets and weights as trainers work with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.core import InvalidInputError, TransferSet

__all__ = ["class_weights", "real_targets", "weighted_targets"]

Floats = NDArray[np.float64]


def weighted_targets(student: Any, data: TransferSet) -> tuple[Floats, Floats]:
    """Soft targets and row weights with the student's ``class_weight`` worked in.

    A row with target `q` and weight `w` stands for rows of every class `c` with weights ``w q_c k_c``, `k` being the
    class weights: together a row of weight ``w sum_c q_c k_c`` with targets in proportion to ``q_c k_c``.

    Parameters
    ----------
    student : classifier
    data : TransferSet

    Returns
    -------
    targets : array of shape (n_samples, n_classes)
        Rows are distributions.
    weight : array of shape (n_samples,)
    """
    targets, weight = data.soft_targets(), data.weights()
    factor = class_weights(getattr(student, "class_weight", None), targets, data.classes)
    if factor is None:
        return targets, weight
    scaled = targets * factor
    total = scaled.sum(axis=1)
    shares = np.divide(scaled, total[:, None], out=targets.copy(), where=total[:, None] > 0)
    return shares, weight * total


def class_weights(class_weight: Any, targets: Floats, classes: NDArray[Any] | None) -> Floats | None:
    """The factor of each class, of shape (n_classes,); None where all are 1.

    "balanced" counts the soft targets as scikit-learn counts labels: without sample weights.
    """
    if class_weight is None or classes is None:
        return None
    if isinstance(class_weight, str):
        counts = targets.sum(axis=0)
        present = counts > 0
        balanced = len(targets) / (present.sum() * np.where(present, counts, 1.0))
        return np.where(present, balanced, 0.0)
    if isinstance(class_weight, list):  # scikit-learn takes one dict an output
        class_weight = class_weight[0]
    if not isinstance(class_weight, dict):
        raise InvalidInputError(f"class_weight={class_weight!r}; expected None, 'balanced' or a dict of class: weight.")
    return np.array([float(class_weight.get(label, 1.0)) for label in classes.tolist()])


def real_targets(data: TransferSet) -> tuple[Floats, Floats]:
    """Real targets and row weights, both of shape (n_samples,)."""
    return np.asarray(data.y, dtype=np.float64), data.weights()
