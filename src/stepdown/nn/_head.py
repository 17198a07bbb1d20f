"""The classifying head of a network whose features were taught without labels."""

from __future__ import annotations

import copy

import numpy as np
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet

from ._nets import seeded, targets_for
from ._networks import evaluating
from ._rows import cast_rows
from ._taps import Taps, bare


def fit_head(
    net: NeuralNetClassifier, data: TransferSet, *, head: str | None = None, C: float = 1.0
) -> NeuralNetClassifier:
    """Return the net with its last linear layer fitted to the labels, and everything below as it is.

    The layer becomes the logistic regression on its standardised inputs: what a linear probe of the features would
    score, the net then scores itself.

    Parameters
    ----------
    net : skorch.NeuralNetClassifier
        Fitted; left as it is.
    data : TransferSet
        Labels 0, 1, ..., n_classes - 1, each of them present.
    head : str, optional
        Name of the linear layer; by default the last one with an output for each class.
    C : float
        Inverse strength of the penalty, as in ``LogisticRegression``.

    Returns
    -------
    skorch.NeuralNetClassifier

    Raises
    ------
    NotSupportedError
        For a net without such a layer.
    InvalidInputError
        For labels that lack a class.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]], dtype=np.float32)
    >>> data = TransferSet.for_classification(X, np.array([0, 0, 1, 1]))
    >>> module = nn.Sequential(nn.Linear(1, 2))
    >>> net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss).initialize()
    >>> fit_head(net, data).predict(X).tolist()
    [0, 0, 1, 1]
    """
    labels = targets_for(net, data)
    n_classes = len(data.classes) if data.classes is not None else 0
    present = np.unique(labels)
    if len(present) < n_classes:
        missing = sorted(set(range(n_classes)) - set(present.tolist()))
        raise InvalidInputError(f"no row of the classes {missing[:20]} came; a head needs rows of every class.")
    made = _copied(net)
    module = bare(made.module_)
    name = _head(module, n_classes) if head is None else head
    layer = dict(module.named_modules()).get(name)
    if not isinstance(layer, nn.Linear) or layer.out_features != n_classes:
        raise NotSupportedError(
            f"layer {name!r} of {type(module).__name__} is no linear layer with {n_classes} outputs; name it in head=."
        )
    if layer.bias is None:
        raise NotSupportedError(f"layer {name!r} has no bias, which a fitted head needs.")
    inputs = []
    with Taps(module, [f"{name}:input"]) as taps, evaluating(module):
        for _ in made.forward_iter(cast_rows(made, data.X)):
            inputs.append(taps[f"{name}:input"].detach().cpu())
    features = torch.cat(inputs).double().numpy()
    scaler = StandardScaler().fit(features)
    probe = LogisticRegression(C=C, max_iter=1000).fit(scaler.transform(features), labels)
    coefficients, intercepts = probe.coef_, probe.intercept_
    if n_classes == 2:  # one row there, for the second class against the first
        coefficients, intercepts = np.vstack([-coefficients, coefficients]) / 2, np.append(-intercepts, intercepts) / 2
    coefficients = coefficients / scaler.scale_
    intercepts = intercepts - coefficients @ scaler.mean_
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(coefficients))
        layer.bias.copy_(torch.from_numpy(intercepts))
    return made


def _copied(net: NeuralNetClassifier) -> NeuralNetClassifier:
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


def _head(module: nn.Module, n_classes: int) -> str:
    names = [
        name
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear) and layer.out_features == n_classes
    ]
    if not names:
        raise NotSupportedError(
            f"{type(module).__name__} has no linear layer with {n_classes} outputs; a head can't be fitted to it."
        )
    return names[-1]
