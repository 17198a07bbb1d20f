"""Linear probes on the hidden layers of scikit-learn's networks: the grades that a network contains."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, TransformerMixin, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import validate_data

from stepdown.core import TransferSet

from ._pipelines import peel


def is_mlp(model: Any) -> bool:
    """Whether a network of scikit-learn's stands behind pipelines and freezing."""
    return isinstance(peel(model).learner, MLPClassifier | MLPRegressor)


class HiddenLayer(TransformerMixin, BaseEstimator):
    """Activations of a hidden layer of scikit-learn's fitted network."""

    def __init__(self, network: Any, layer: int) -> None:
        self.network = network
        self.layer = layer

    def fit(self, X: Any, y: Any = None) -> HiddenLayer:
        """Do nothing: the network is fitted."""
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Activations of shape (n_samples, width of the layer)."""
        values = validate_data(self.network, X, reset=False, accept_sparse=["csr", "csc"])
        activate = _ACTIVATIONS[self.network.activation]
        for layer in range(self.layer + 1):
            values = activate(values @ self.network.coefs_[layer] + self.network.intercepts_[layer])
        return np.asarray(values)

    def __sklearn_is_fitted__(self) -> bool:
        return True


_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda Z: Z,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda Z: np.maximum(Z, 0.0),
}


def probes(model: Any, data: TransferSet, n_grades: int) -> list[tuple[str, Any]]:
    """Linear probes on the hidden layers of a network, the deepest `n_grades` - 1 of them."""
    if not is_mlp(model):
        return []
    peeled = peel(model)
    network, X = peeled.learner, peeled.prepare(data.X)
    n_hidden = len(network.coefs_) - 1
    found = []
    for layer in range(max(0, n_hidden - n_grades + 1), n_hidden):
        head = LogisticRegression(max_iter=1000) if is_classifier(network) else Ridge()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a probe that stops early is a probe still
            probe = make_pipeline(HiddenLayer(network, layer), StandardScaler(), head).fit(X, data.labels())
        found.append((f"probe on layer {layer + 1}", probe))
    return found
