"""Real data that come with scikit-learn: digits for the demo, the others under the names of the first release."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets


class Dataset(NamedTuple):
    """Rows, targets and the names of the columns."""

    X: NDArray[np.float64]
    y: NDArray[Any]
    names: list[str]


def breast_cancer() -> Dataset:
    """569 tumours, 30 measurements, malignant or benign."""
    return _read(datasets.load_breast_cancer)


def digits() -> Dataset:
    """1,797 handwritten digits, 64 pixels, 10 classes."""
    return _read(datasets.load_digits)


def iris() -> Dataset:
    """150 flowers, 4 lengths, 3 species."""
    return _read(datasets.load_iris)


def wine() -> Dataset:
    """178 wines, 13 measurements, 3 cultivars."""
    return _read(datasets.load_wine)


def diabetes() -> Dataset:
    """442 patients, 10 measurements, progression of the disease after a year: regression."""
    return _read(datasets.load_diabetes)


def _read(load: Callable[[], Any]) -> Dataset:
    bunch = load()
    y = np.asarray(bunch.target_names)[bunch.target] if "target_names" in bunch else bunch.target
    return Dataset(bunch.data, y, [str(name) for name in bunch.feature_names])
