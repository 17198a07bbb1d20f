"""How much of the labels simple classifiers can read from features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.utils import check_array, check_consistent_length


def linear_probe_accuracy(
    features: ArrayLike,
    labels: ArrayLike,
    test_features: ArrayLike,
    test_labels: ArrayLike,
    *,
    C: float = 1.0,
    max_iter: int = 1000,
) -> float:
    """Accuracy on test rows of a logistic regression on standardised features, in [0, 1].

    Parameters
    ----------
    features : array-like of shape (n_train, n_features)
        What a model makes of the training rows, for instance the activations of a layer.
    labels : array-like of shape (n_train,)
        Labels of at least two classes.
    test_features : array-like of shape (n_test, n_features)
        The same of the test rows, scaled by what the training rows say.
    test_labels : array-like of shape (n_test,)
        Labels; one that isn't among `labels` counts as an error.
    C : float, default=1.0
        Inverse strength of the penalty on the squared coefficients.
    max_iter : int, default=1000
        Steps of the solver; scikit-learn warns where they don't suffice.

    Raises
    ------
    ValueError
        If shapes don't match, features aren't finite, or there is one class only.

    References
    ----------
    G. Alain, Y. Bengio, "Understanding intermediate layers using linear classifier probes", ICLR 2017 workshop.

    Examples
    --------
    >>> linear_probe_accuracy([[0.0], [1.0], [2.0], [3.0]], ["a", "a", "b", "b"], [[0.5], [2.5]], ["a", "b"])
    1.0
    """
    X, Q = _checked(features, test_features)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=max_iter))
    return float(probe.fit(X, labels).score(Q, test_labels))


def nearest_centroid_accuracy(
    features: ArrayLike, labels: ArrayLike, test_features: ArrayLike, test_labels: ArrayLike
) -> float:
    """Share of test rows nearest, by angle, to the mean direction of their own class, in [0, 1].

    Nothing is fitted but the means, so that it says how features themselves order the classes.

    Parameters
    ----------
    features : array-like of shape (n_train, n_features)
        What a model makes of the training rows.
    labels : array-like of shape (n_train,)
        Labels of at least two classes.
    test_features : array-like of shape (n_test, n_features)
        The same of the test rows.
    test_labels : array-like of shape (n_test,)
        Labels; one that isn't among `labels` counts as an error.

    Raises
    ------
    ValueError
        If shapes don't match, features aren't finite, or there is one class only.

    Examples
    --------
    >>> nearest_centroid_accuracy([[2.0, 0.1], [1.0, 0.0], [0.1, 3.0]], ["a", "a", "b"], [[9.0, 1.0]], ["a"])
    1.0
    """
    X, Q = _checked(features, test_features)
    check_consistent_length(X, labels)
    check_consistent_length(Q, test_labels)
    classes, places = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"labels of the class {classes.tolist()} only; expected at least two.")
    sums = np.zeros((len(classes), X.shape[1]))
    np.add.at(sums, places, normalize(check_array(X)))
    nearest = np.argmax(normalize(check_array(Q)) @ normalize(sums).T, axis=1)
    return float(np.mean(classes[nearest] == np.asarray(test_labels)))


def _checked(features: ArrayLike, test_features: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    X, Q = np.asarray(features), np.asarray(test_features)
    if X.ndim != 2 or Q.ndim != 2 or X.shape[1] != Q.shape[1]:
        raise ValueError(
            f"expected features of shape (n_rows, n_features), as many for the training rows as for the test rows, "
            f"got {X.shape} and {Q.shape}."
        )
    return X, Q
