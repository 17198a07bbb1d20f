"""Which trainer a student gets when nobody says."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.tree import BaseDecisionTree

from stepdown.core import InvalidInputError, Trainer, TransferSet
from stepdown.learners import network_trainer, peel

from ._forest_selection import FORESTS, ForestSelection
from ._plain import PlainFit
from ._restarts import Restarts
from ._tree_search import TreeSearch

_SMALL_FOREST = 10
_SMALL_NETWORK = 128


def trainer_for(student: Any) -> Trainer:
    """Return the trainer for a kind of student; pipelines are seen through.

    Single trees are searched for, forests of at most 10 trees are chosen from a pool, networks of at most 128
    hidden units are fitted from several seeds, skorch nets by `stepdown.nn.NetworkFit`, everything else is fitted
    plainly.

    Parameters
    ----------
    student : estimator

    Returns
    -------
    Trainer

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> trainer_for(DecisionTreeClassifier(max_depth=4)), trainer_for(LogisticRegression())
    (TreeSearch(), PlainFit())
    """
    peeled = peel(student)
    final = peeled.final
    if isinstance(final, BaseDecisionTree):
        return TreeSearch()
    if isinstance(final, FORESTS) and final.n_estimators <= _SMALL_FOREST:
        return ForestSelection()
    if isinstance(final, MLPClassifier | MLPRegressor) and int(np.sum(final.hidden_layer_sizes)) <= _SMALL_NETWORK:
        return Restarts()
    return network_trainer() if peeled.is_network and not peeled.is_frozen else PlainFit()


def fit_student(
    student: Any,
    X: Any,
    y: Any,
    *,
    trainer: Trainer | None = None,
    sample_weight: Any = None,
    seed: int | None = None,
) -> Any:
    """Fit a student by a trainer to labels or real targets alone; no teacher is needed.

    Parameters
    ----------
    student : estimator
        Left as it is.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Labels if the student is a classifier, else real targets.
    trainer : Trainer, optional
        By default `trainer_for` the student.
    sample_weight : array-like of shape (n_samples,), optional
    seed : int, optional
        The trainer's randomness; also the student's where its ``random_state`` is None.

    Returns
    -------
    estimator
        Fitted; ``type(result) is type(student)``.

    Raises
    ------
    InvalidInputError
        If numbers of rows differ, or a classifier gets a table of targets.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> fit_student(DecisionTreeClassifier(max_depth=2), X, y, seed=0).get_depth()
    2
    """
    y = np.asarray(y)
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    if y.ndim == 0 or len(y) != n_rows:
        raise InvalidInputError(f"X has {n_rows} rows but y has shape {y.shape}; give one target a row.")
    if sample_weight is not None and np.shape(sample_weight) != (n_rows,):
        raise InvalidInputError(f"sample_weight has shape {np.shape(sample_weight)}; expected ({n_rows},).")
    if is_classifier(student):
        if y.ndim != 1:
            raise InvalidInputError(
                f"y has shape {y.shape}; give a classifier one label a row, or soft targets in a TransferSet "
                "with classes to the trainer itself."
            )
        data = TransferSet.for_classification(X, y, sample_weight=sample_weight)
    else:
        data = TransferSet(X, y, sample_weight=sample_weight)
    return (trainer_for(student) if trainer is None else trainer).fit(student, data, seed=seed)
