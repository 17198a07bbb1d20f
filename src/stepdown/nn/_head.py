"""The head of a network whose features were taught without labels."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNet
from torch import nn

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet

from ._guards import is_made_from
from ._nets import example_of, seeded, targets_for
from ._networks import evaluating, run
from ._rows import cast_rows
from ._taps import Taps, bare, main_tensor


def fit_head(net: NeuralNet, data: TransferSet, *, head: str | None = None, C: float = 1.0) -> NeuralNet:
    """Return the net with its last linear layer fitted to the targets, and everything below as it is.

    The layer becomes the logistic regression on its standardised inputs, or for real targets the ridge regression: what
    a linear probe of the features would score, the net then scores itself.

    Parameters
    ----------
    net : skorch.NeuralNet
        Fitted; left as it is.
    data : TransferSet
        Labels 0, 1, ..., n_classes - 1, each of them present, or real targets.
    head : str, optional
        Name of the linear layer; by default the one that makes the predictions, with an output for each class.
    C : float
        Inverse strength of the penalty, as in ``LogisticRegression``; of ``Ridge`` 1/alpha.

    Returns
    -------
    skorch.NeuralNet

    Raises
    ------
    NotSupportedError
        For a net without such a layer, or where several make the predictions.
    InvalidInputError
        For labels that lack a class.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]], dtype=np.float32)
    >>> data = TransferSet.for_classification(X, np.array([0, 0, 1, 1]))
    >>> module = nn.Sequential(nn.Linear(1, 2))
    >>> from skorch import NeuralNetClassifier
    >>> net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss).initialize()
    >>> fit_head(net, data).predict(X).tolist()
    [0, 0, 1, 1]
    """
    targets = targets_for(net, data)
    n_outputs = len(data.classes) if data.classes is not None else np.reshape(targets, (len(targets), -1)).shape[1]
    missing = [] if data.classes is None else sorted(set(range(n_outputs)) - set(np.unique(targets).tolist()))
    if missing:
        raise InvalidInputError(f"no row of the classes {missing[:20]} came; a head needs rows of every class.")
    made, X = _copied(net), cast_rows(net, data.X)
    module = bare(made.module_)
    name = _head(made, n_outputs, X) if head is None else head
    layer = dict(module.named_modules()).get(name)
    if not isinstance(layer, nn.Linear) or layer.out_features != n_outputs:
        raise NotSupportedError(
            f"layer {name!r} of {type(module).__name__} is no linear layer with {n_outputs} outputs; name it in head=."
        )
    if layer.bias is None:
        raise NotSupportedError(f"layer {name!r} has no bias, which a fitted head needs.")
    inputs = []
    with Taps(module, [f"{name}:input"]) as taps, evaluating(module):
        for _ in made.forward_iter(X):
            inputs.append(taps[f"{name}:input"].detach().cpu())
    features = torch.cat(inputs).double().numpy()
    if features.shape != (len(targets), layer.in_features):
        raise NotSupportedError(
            f"layer {name!r} of {type(module).__name__} reads {features.shape} for {len(targets)} rows: a head on "
            "positions can't be fitted. Train it with the labels, for instance by WeightedSum([(1, KD()), ...])."
        )
    scaler = StandardScaler().fit(features)
    coefficients, intercepts = _probe(scaler.transform(features), targets, data.classes, C)
    coefficients = coefficients / scaler.scale_
    intercepts = intercepts - coefficients @ scaler.mean_
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(coefficients))
        layer.bias.copy_(torch.from_numpy(intercepts))
    return made


def _probe(features: Any, targets: Any, classes: Any, C: float) -> tuple[Any, Any]:
    """Weights and biases of the linear model."""
    if classes is None:
        ridge = Ridge(alpha=1 / C).fit(features, np.reshape(targets, (len(targets), -1)))
        return ridge.coef_.reshape(-1, features.shape[1]), np.ravel(ridge.intercept_)
    probe = LogisticRegression(C=C, max_iter=1000).fit(features, targets)
    if len(classes) > 2:
        return probe.coef_, probe.intercept_
    # One row there, for the second class against the first.
    return np.vstack([-probe.coef_, probe.coef_]) / 2, np.append(-probe.intercept_, probe.intercept_) / 2


def _copied(net: NeuralNet) -> NeuralNet:
    """A net with the same settings, weights and history; skorch's own copying pickles, which local classes can't be."""
    net.check_is_fitted()
    made = clone(net)
    with seeded(0, net.device):  # what is drawn here is overwritten
        made.initialize()
    made.module_.load_state_dict(net.module_.state_dict())
    made.history = copy.deepcopy(net.history)
    if hasattr(net, "classes_inferred_"):
        made.classes_inferred_ = net.classes_inferred_
    return made


def _head(net: NeuralNet, n_outputs: int, X: Any) -> str:
    """The name of the linear layer that makes the predictions; of layers one behind another the last."""
    module = bare(net.module_)
    layers = {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear) and layer.out_features == n_outputs
    }
    if len(layers) > 1:
        x, _ = example_of(net, X, None, limit=2)
        with Taps(module, layers) as taps, evaluating(module):
            out = main_tensor(run(module, x))
            made = {name: taps[name] for name in taps if taps.has_run(name)}
        used = {name: values for name, values in made.items() if values is out or is_made_from(out, values)}
        layers = {
            name: layers[name]
            for name, values in used.items()
            if not any(other is not values and is_made_from(other, values) for other in used.values())
        }
    if len(layers) == 1:
        return next(iter(layers))
    if not layers:
        raise NotSupportedError(
            f"{type(module).__name__} has no linear layer with {n_outputs} outputs; a head can't be fitted to it."
        )
    raise NotSupportedError(
        f"{type(module).__name__} makes its predictions by several linear layers with {n_outputs} outputs, "
        f"{', '.join(map(repr, layers))}; name the one to fit in head=."
    )
