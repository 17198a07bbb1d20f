"""What a student's ``class_weight`` means for soft targets: what it means to the student's own class for labels."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.ensemble._forest import _generate_sample_indices
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.utils import compute_class_weight

from stepdown.core import InvalidInputError

from ._soft_support import Floats

# These hand their sample weights to ``compute_class_weight`` since it takes them; all others balance counts of rows,
# LightGBM included.
_BALANCE_BY_WEIGHT = (
    (LogisticRegression, LinearSVC, RandomForestClassifier, ExtraTreesClassifier)
    if "sample_weight" in signature(compute_class_weight).parameters
    else ()
)
# A bootstrap that is drawn by sample weights balances them where "balanced_subsample" counts its rows.
_DRAWN_BY_WEIGHT = "sample_weight" in signature(_generate_sample_indices).parameters


def class_weights(student: Any, Q: Floats, sample_weight: Floats | None, classes: NDArray[Any] | None) -> Floats | None:
    """The factor of each class by the student's ``class_weight``, of shape (n_classes,); None where all are 1.

    "balanced" makes the masses of all classes equal. What counts is what the student's own class counts for labels:
    rows or, for some, sample weights.
    """
    class_weight = getattr(student, "class_weight", None)
    if class_weight is None or classes is None:
        return None
    if isinstance(class_weight, str):
        mass, total = Q.sum(axis=0), float(len(Q))
        by_weight = type(student) in _BALANCE_BY_WEIGHT and (class_weight == "balanced" or _DRAWN_BY_WEIGHT)
        if sample_weight is not None and by_weight:
            mass, total = sample_weight @ Q, float(sample_weight.sum())
        present = mass > 0
        return np.where(present, total / (present.sum() * np.where(present, mass, 1.0)), 1.0)
    if isinstance(class_weight, list):  # scikit-learn takes one dict an output
        class_weight = class_weight[0]
    if not isinstance(class_weight, dict):
        raise InvalidInputError(f"class_weight must be None, 'balanced' or a dict, got {class_weight!r}.")
    return np.asarray(compute_class_weight(class_weight, classes=np.asarray(classes), y=np.asarray(classes)))


def fold_class_weight(Q: Floats, sample_weight: Floats | None, per_class: Floats) -> tuple[Floats, Floats]:
    """Soft targets and weights that mean the same as weighting each class besides.

    Weighting the expanded row ``(x_i, c)`` by ``w_i q_ic v_c`` is a row weight ``w_i sum_c q_ic v_c`` on targets in
    proportion to ``q_ic v_c``.
    """
    mass = Q * per_class
    totals = mass.sum(axis=1)
    folded = np.divide(mass, totals[:, None], out=np.array(Q, dtype=np.float64), where=totals[:, None] > 0)
    return folded, totals if sample_weight is None else totals * sample_weight


def with_class_weight(
    student: Any, Q: Floats, sample_weight: Floats | None, classes: NDArray[Any] | None
) -> tuple[Floats, Floats | None]:
    """Soft targets and weights with the student's ``class_weight`` worked in."""
    per_class = class_weights(student, Q, sample_weight, classes)
    return (Q, sample_weight) if per_class is None else fold_class_weight(Q, sample_weight, per_class)
