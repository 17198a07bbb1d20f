"""All that is worth reporting about one model on one set of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from ._calibration import calibration_error
from ._classification import accuracy, balanced_accuracy, brier_score, log_loss
from ._fidelity import fidelity, kl_divergence, regression_fidelity, total_variation


def classification_metrics(
    y_true: ArrayLike, proba: ArrayLike, classes: ArrayLike, teacher: ArrayLike | None = None
) -> dict[str, float]:
    """Accuracy, losses and calibration of a classifier, and how closely it follows its teacher.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    proba : array-like of shape (n_samples, n_classes)
        Rows sum to 1; the predicted label is the most probable one, the first on ties.
    classes : array-like of shape (n_classes,)
        The labels of the columns.
    teacher : array-like of shape (n_samples, n_classes), optional
        The teacher's probabilities.

    Returns
    -------
    dict
        "accuracy", "balanced_accuracy", "log_loss", "brier_score", "calibration_error" (equal width, 15 bins); with a
        teacher also "fidelity", "kl_divergence" and "total_variation".

    Raises
    ------
    ValueError
        If rows don't sum to 1 or a label isn't among the classes.

    Examples
    --------
    >>> metrics = classification_metrics(["a", "b"], [[0.5, 0.5], [0.25, 0.75]], ["a", "b"], [[0.9, 0.1], [0.0, 1.0]])
    >>> metrics["accuracy"], metrics["fidelity"], round(metrics["total_variation"], 3)
    (1.0, 1.0, 0.325)
    """
    names, y = np.asarray(classes), np.asarray(y_true)
    answers = names[np.asarray(proba).argmax(axis=1)]
    metrics = {
        "accuracy": accuracy(y, answers),
        "balanced_accuracy": balanced_accuracy(y, answers),
        "log_loss": log_loss(y, proba, names),
        "brier_score": brier_score(y, proba, names),
        "calibration_error": calibration_error(y, proba, names),
    }
    if teacher is not None:
        metrics["fidelity"] = fidelity(teacher, proba)
        metrics["kl_divergence"] = kl_divergence(teacher, proba)
        metrics["total_variation"] = total_variation(teacher, proba)
    return metrics


def regression_metrics(y_true: ArrayLike, y_pred: ArrayLike, teacher: ArrayLike | None = None) -> dict[str, float]:
    """Errors of a regressor, and how closely it follows its teacher.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        Real targets and predictions.
    teacher : array-like of shape (n_samples,), optional
        The teacher's predictions.

    Returns
    -------
    dict
        "r2" (where there are two rows or more), "rmse", "mae"; with a teacher also "fidelity", the R² against the
        teacher's predictions.

    Examples
    --------
    >>> metrics = regression_metrics([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    >>> metrics["r2"], round(metrics["rmse"], 3), round(metrics["mae"], 3)
    (0.5, 0.577, 0.333)
    """
    metrics = {
        "rmse": float(root_mean_squared_error(y_true, y_pred)),
        "mae": float(mean_absolute_error(y_true, y_pred)),
    }
    # R² of a single row is undefined, and scikit-learn warns.
    if len(np.asarray(y_true)) > 1:
        metrics = {"r2": float(r2_score(y_true, y_pred)), **metrics}
        if teacher is not None:
            metrics["fidelity"] = regression_fidelity(teacher, y_pred)
    return metrics
