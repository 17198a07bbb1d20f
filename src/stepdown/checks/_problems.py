"""The real data that the contract runs on; they ship with scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes, load_iris

from stepdown.core import TransferSet

# In the order of the integer labels, so that renaming must not change anything.
NAMES = np.array(["setosa", "versicolor", "virginica"])


def classification_problem(*, named: bool = True, **rest: Any) -> TransferSet:
    """Iris flowers, 120 of 150, in mixed order; labels are strings, or integers if not `named`."""
    X, y = load_iris(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[:120]
    return TransferSet.for_classification(X[rows], NAMES[y[rows]] if named else y[rows], **rest)


def regression_problem() -> TransferSet:
    """Diabetes progression, the first 150 of 442."""
    X, y = load_diabetes(return_X_y=True)
    return TransferSet(X[:150], y[:150])
