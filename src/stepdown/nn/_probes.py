"""Linear probes on the layers of a fitted net: the cheaper models that a network contains."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNet
from torch import Tensor, nn

from stepdown.core import TransferSet

from ._nets import example_of
from ._networks import evaluating, quietly, run
from ._pairs import stage_ends
from ._rows import cast_rows
from ._taps import Taps, bare, main_tensor

BLOCK = 512
"""Rows that are run at a time, whatever the net's batch size is: what bounds the memory."""
WIDEST = 512
"""Numbers a row that a probe sees at most."""


class LayerFeatures(TransformerMixin, BaseEstimator):
    """What a layer of a fitted net makes of rows, as a matrix."""

    def __init__(self, net: NeuralNet, layer: str) -> None:
        self.net = net
        self.layer = layer

    def fit(self, X: Any, y: Any = None) -> LayerFeatures:
        """Do nothing: the net is fitted."""
        return self

    def transform(self, X: Any) -> NDArray[np.floating[Any]]:
        """Activations of shape (n_rows, n_features)."""
        return layer_features(self.net, X, [self.layer])[self.layer]

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> LayerFeatures:
        return self


def layer_features(net: NeuralNet, X: Any, layers: Sequence[str]) -> dict[str, NDArray[np.floating[Any]]]:
    """Activations of several layers from one pass over the rows.

    Each row's activation is flattened; where it has more than 512 numbers, neighbours are averaged until 512 are left,
    which in convolutional layers are mostly positions of the same channel.
    """
    module = bare(net.module_)
    kept: dict[str, list[NDArray[np.floating[Any]]]] = {layer: [] for layer in layers}
    with Taps(module, layers) as taps, evaluating(module):
        for batch in _blocks(net, X):
            net.evaluation_step(batch, training=False)
            for layer in layers:
                kept[layer].append(_flat(taps[layer]).cpu().numpy())
    return {layer: np.concatenate(parts) for layer, parts in kept.items()}


def network_probes(net: NeuralNet, data: TransferSet, n_probes: int) -> list[tuple[str, Pipeline]]:
    """Linear probes on the deepest layers of a fitted net, from the first layer to the last, all from one pass.

    A probe is a logistic regression (in regression: ridge) on the standardised activations at the end of a stage: of
    a layer with weights, its normalisation and its activation function. The stage that makes the output has none.

    References
    ----------
    A. Dhurandhar, K. Shanmugam, R. Luss and P. Olsen, "Improving simple models with confidence profiles", NeurIPS
    2018: logistic probes on flattened representations. Averaging wide ones and standardising are our choice.

    Examples
    --------
    >>> from skorch import NeuralNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(60, 4)).astype(np.float32), np.arange(60) % 3
    >>> module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3))
    >>> net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, max_epochs=1, verbose=0).fit(X, y)
    >>> [name for name, _ in network_probes(net, TransferSet.for_classification(X, y), 4)]
    ['probe on layer 1', 'probe on layer 3']
    """
    layers = _hidden_layers(net, data.X)
    layers = layers[max(0, len(layers) - n_probes) :]
    if not layers:
        return []
    features = layer_features(net, data.X, layers)
    found = []
    for layer in layers:
        head = LogisticRegression(max_iter=1000) if is_classifier(net) else Ridge()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a probe that stops early is a probe still
            fitted = make_pipeline(StandardScaler(), head).fit(features[layer], data.labels())
        found.append(
            (f"probe on layer {layer}", make_pipeline(LayerFeatures(net, layer), *fitted.named_steps.values()))
        )
    return found


def _hidden_layers(net: NeuralNet, X: Any) -> list[str]:
    """Ends of stages but for the one that makes the output."""
    x, _ = example_of(net, cast_rows(net, X), None, limit=8)
    module: nn.Module = bare(net.module_)
    ends = stage_ends(module, x)
    with Taps(module, ends) as taps, quietly(module):
        output = main_tensor(run(module, x))
        return [layer for layer in ends if taps[layer] is not output]


def _blocks(net: NeuralNet, X: Any) -> Iterator[Any]:
    dataset = net.get_dataset(cast_rows(net, X))
    yield from net.iterator_valid(dataset, **{**net.get_params_for("iterator_valid"), "batch_size": BLOCK})


def _flat(values: Tensor) -> Tensor:
    flat = values.detach().flatten(1) if values.ndim > 1 else values.detach()[:, None]
    if flat.shape[1] > WIDEST:
        flat = nn.functional.adaptive_avg_pool1d(flat[:, None], WIDEST)[:, 0]
    return flat.float()
