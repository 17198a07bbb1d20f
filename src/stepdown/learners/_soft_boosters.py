"""LightGBM and XGBoost on soft targets of two classes: boosting the log-loss on the probability itself.

Their classifiers take labels only, their regressors take any target. So a regressor with the log-loss is fitted, and
its booster is moved into a classifier by the libraries' own ways of saving and loading. Neither library is imported:
where one of its models is in hand, it is there.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.core import InvalidInputError

from ._class_weight import fold_class_weight, with_class_weight

_OBJECTIVES: dict[str, tuple[str | None, ...]] = {
    "LGBMClassifier": (None, "binary", "cross_entropy", "xentropy"),
    "XGBClassifier": (None, "binary:logistic"),
}


def boosts_log_odds(model: Any) -> bool:
    """Whether the model is a classifier of LightGBM or XGBoost whose loss on two classes is the log-loss."""
    kind = type(model)
    if kind.__module__ not in ("lightgbm.sklearn", "xgboost.sklearn"):
        return False
    params = model.get_params(deep=False)
    return params.get("objective") in _OBJECTIVES.get(kind.__name__, ()) and not any(
        params.get(name) for name in ("is_unbalance", "unbalance", "unbalanced_sets", "early_stopping_rounds")
    )


def fit_soft_booster(
    model: Any,
    X: Any,
    Q: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None,
    classes: NDArray[Any],
    seed: int | None,
) -> Any:
    """Fit a classifier of `boosts_log_odds` in place to soft targets of two classes."""
    params = model.get_params(deep=False)
    Q, sample_weight = with_class_weight(model, Q, sample_weight, classes)
    if params.get("scale_pos_weight"):
        Q, sample_weight = fold_class_weight(Q, sample_weight, np.array([1.0, params["scale_pos_weight"]]))
    fit = _fit_lightgbm if type(model).__module__.startswith("lightgbm") else _fit_xgboost
    return fit(model, X, Q[:, 1], sample_weight, classes, params)


def _regressor(model: Any, name: str, objective: str, params: dict[str, Any]) -> Any:
    settings = {**params, "objective": objective}
    for folded in ("class_weight", "scale_pos_weight"):
        if folded in settings:
            settings[folded] = None
    kind = getattr(sys.modules[type(model).__module__], name)
    return kind(**{name: value for name, value in settings.items() if value is not None})


def _fit_lightgbm(
    model: Any,
    X: Any,
    q: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None,
    classes: NDArray[Any],
    params: dict[str, Any],
) -> Any:
    regressor = _regressor(model, "LGBMRegressor", "cross_entropy", params).fit(X, q, sample_weight=sample_weight)
    # One round on labels that name both classes makes it a fitted classifier; then it gets the other booster.
    model.set_params(n_estimators=1)
    model.fit(X, np.resize(classes, len(q)))
    model.set_params(n_estimators=params["n_estimators"])
    model.booster_.model_from_string(regressor.booster_.model_to_string())
    return model


def _fit_xgboost(
    model: Any,
    X: Any,
    q: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None,
    classes: NDArray[Any],
    params: dict[str, Any],
) -> Any:
    if not np.array_equal(classes, [0, 1]):
        raise InvalidInputError(f"XGBClassifier takes the classes 0 and 1 only; got {classes.tolist()}. Encode them.")
    regressor = _regressor(model, "XGBRegressor", "binary:logistic", params).fit(X, q, sample_weight=sample_weight)
    model.load_model(bytearray(regressor.get_booster().save_raw("ubj")))
    # Loading writes what it has read over some of the parameters.
    return model.set_params(
        **{name: value for name, value in params.items() if getattr(model, name, value) is not value}
    )
