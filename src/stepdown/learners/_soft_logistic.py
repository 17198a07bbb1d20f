"""Logistic regression on soft targets, without expanding the rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import validate_data

from stepdown.core import InvalidInputError


def has_smooth_penalty(model: LogisticRegression) -> bool:
    """Whether the model's objective is the multinomial (binary) log-loss with an l2 penalty or none.

    liblinear penalises the intercept and fits one class against the rest; so does ``multi_class="ovr"``, which
    scikit-learn had before 1.8.
    """
    if model.solver == "liblinear" or getattr(model, "multi_class", "auto") not in ("auto", "deprecated"):
        return False
    if model.penalty == "deprecated":  # scikit-learn from 1.8: C and l1_ratio say it all
        return bool(np.isinf(model.C)) or not model.l1_ratio
    return model.penalty in ("l2", None)


def fit_soft_logistic(
    model: LogisticRegression,
    X: Any,
    Q: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None,
    classes: NDArray[Any],
) -> LogisticRegression:
    """Fit a logistic regression to soft targets by L-BFGS.

    Minimised is ``sum_i w_i sum_c q_ic (-log p_c(x_i)) + ||coef||^2 / (2 C)``, the intercept free: what
    scikit-learn minimises on the expanded rows. X is neither expanded nor copied.
    """
    if len(classes) < 2:
        raise InvalidInputError(f"logistic regression needs at least 2 classes; got {classes.tolist()}.")
    X = validate_data(model, X, accept_sparse="csr", dtype=[np.float64, np.float32])
    weight = np.ones(len(Q)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    total = weight.sum()
    penalty = 0.0 if model.penalty is None else 1.0 / (model.C * total)
    # Two classes are one logit: two would halve the effect of the penalty.
    targets = Q[:, 1:] if len(classes) == 2 else Q
    objective = _Objective(X, targets, weight / total, penalty, model.fit_intercept)
    result = minimize(
        objective,
        np.zeros(objective.shape).ravel(),
        method="L-BFGS-B",
        jac=True,
        options={"maxiter": model.max_iter, "gtol": model.tol, "ftol": 64 * np.finfo(float).eps, "maxls": 50},
    )
    if result.status != 0:
        warnings.warn(
            f"soft logistic regression stopped after {result.nit} iterations: {result.message} "
            "Increase max_iter or scale the features.",
            ConvergenceWarning,
            stacklevel=2,
        )
    coef, intercept = objective.unpack(result.x)
    model.classes_ = np.array(classes)
    model.coef_ = np.array(coef)
    model.intercept_ = np.array(intercept)
    model.n_iter_ = np.array([result.nit], dtype=np.int32)
    return model


class _Objective:
    """The loss and its gradient; callable as scipy wants it."""

    def __init__(
        self, X: Any, targets: NDArray[np.float64], weight: NDArray[np.float64], penalty: float, intercept: bool
    ) -> None:
        self.X = X
        self.targets = targets
        self.weight = weight[:, None]
        self.penalty = penalty
        self.intercept = intercept
        self.shape = (targets.shape[1], X.shape[1] + intercept)

    def unpack(self, flat: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        theta = flat.reshape(self.shape)
        if self.intercept:
            return theta[:, :-1], theta[:, -1]
        return theta, np.zeros(len(theta))

    def __call__(self, flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        coef, intercept = self.unpack(flat)
        # In X's own precision, or numpy would copy X to another in every call.
        Z = np.asarray(self.X @ coef.T.astype(self.X.dtype), dtype=np.float64) + intercept
        loss = -float(np.sum(self.weight * self.targets * Z))
        if Z.shape[1] == 1:
            loss += float(np.sum(self.weight * np.logaddexp(0.0, Z)))
            P = expit(Z)
        else:
            top = Z.max(axis=1, keepdims=True)
            Z -= top
            P = np.exp(Z)
            sums = P.sum(axis=1, keepdims=True)
            loss += float(np.sum(self.weight * (np.log(sums) + top)))
            P /= sums
        P -= self.targets
        P *= self.weight
        gradient = np.empty(self.shape)
        gradient[:, : coef.shape[1]] = (self.X.T @ P.astype(self.X.dtype)).T + self.penalty * coef
        if self.intercept:
            gradient[:, -1] = P.sum(axis=0)
        return loss + 0.5 * self.penalty * float(np.sum(coef * coef)), gradient.ravel()
