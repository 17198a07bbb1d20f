"""Real data that come with scikit-learn."""

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
    """569 tumours, 30 measurements, malignant or benign.

    Examples
    --------
    >>> X, y, names = breast_cancer()
    >>> X.shape, sorted(set(y.tolist())), names[0]
    ((569, 30), ['benign', 'malignant'], 'mean radius')
    """
    return _named(datasets.load_breast_cancer)


def digits() -> Dataset:
    """1,797 handwritten digits, 64 pixels, 10 classes.

    Examples
    --------
    >>> digits().X.shape
    (1797, 64)
    """
    bunch = datasets.load_digits()
    return Dataset(bunch.data, bunch.target, list(bunch.feature_names))


def iris() -> Dataset:
    """150 flowers, 4 lengths, 3 species.

    Examples
    --------
    >>> iris().X.shape
    (150, 4)
    """
    return _named(datasets.load_iris)


def wine() -> Dataset:
    """178 wines, 13 measurements, 3 cultivars.

    Examples
    --------
    >>> wine().X.shape
    (178, 13)
    """
    return _named(datasets.load_wine)


def diabetes() -> Dataset:
    """442 patients, 10 measurements, progression of the disease after a year: regression.

    Examples
    --------
    >>> diabetes().X.shape
    (442, 10)
    """
    bunch = datasets.load_diabetes()
    return Dataset(bunch.data, bunch.target, list(bunch.feature_names))


def _named(load: Callable[[], Any]) -> Dataset:
    bunch = load()
    return Dataset(
        bunch.data, np.asarray(bunch.target_names)[bunch.target], [str(name) for name in bunch.feature_names]
    )
