"""Parameters tried on a few rows, before an hour is spent on many."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from ._errors import UsageError
from ._estimators import Spec

FEW_OF_EACH_CLASS = 10
FEW = 60
# What only makes a fit longer is cut down.
ROUNDS = {"n_estimators": 5, "max_iter": 5}


def few_rows(y: NDArray[Any], task: str) -> NDArray[np.intp]:
    """Return positions of some rows, with all classes among them."""
    if task == "regression":
        return np.arange(min(FEW, len(y)))
    places = pd.Series(np.arange(len(y)))
    return np.sort(places.groupby(y, sort=False).head(FEW_OF_EACH_CLASS).to_numpy())


def check_fits(spec: Spec, estimator: Any, X: Any, y: NDArray[Any]) -> None:
    """Fit a clone of an estimator to some rows where the user has set parameters.

    Neither LightGBM nor XGBoost looks at its parameters before ``fit``, and scikit-learn looks at single values only.
    A model of the user's own is left alone: it may need more rows than a few.
    """
    if spec.is_import or spec.is_default or not spec.parameters:
        return
    quick = clone(estimator)
    for name, value in quick.get_params().items():
        most = ROUNDS.get(name.rpartition("__")[2])
        if most is not None and isinstance(value, int) and value > most:
            quick.set_params(**{name: most})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quick.fit(X, y)
    except Exception as error:  # boosters have exceptions of their own
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UsageError(f"{spec.text!r} can't be fitted ({said.rstrip('.')}); check its parameters.") from error
