"""The door to the room of networks: the one file outside it that reaches in, and only with a network in hand.

A skorch net is known by the module of its class (`peel`). Whoever has one has torch, so that the room can be
imported then, and not before: `import stepdown` imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from stepdown.core import InvalidInputError, Lesson, Supervision, Trainer, TransferMethod, TransferSet

from ._pipelines import inner_estimators, peel, with_final
from ._soft_support import SoftFitSupport


def cast_rows(model: Any, X: Any) -> Any:
    """Rows in the type that a network's parameters have; for any other model as they are.

    Estimators hand over float64, networks mostly want float32. A pipeline that ends in a net gets the rows converted
    before its first step, because scikit-learn's scalers keep the type; an ensemble that holds a net gets converted
    rows for all of its members.

    Parameters
    ----------
    model : estimator
        Fitted or not.
    X : array-like of shape (n_samples, n_features)

    Returns
    -------
    array-like of shape (n_samples, n_features)
    """
    net = net_of(model)
    return X if net is None else _room().cast_rows(net, X)


def net_of(model: Any) -> Any:
    """The net behind a model, or the first one that an ensemble holds; None where there is none."""
    peeled = peel(model)
    if peeled.is_network:
        return peeled.learner
    return next((net for part in inner_estimators(peeled.learner) if (net := net_of(part)) is not None), None)


def network_randomness(model: Any, seed: int | None) -> AbstractContextManager[Any]:
    """For the time of a fit, torch's randomness from a seed, where the model is or holds a net."""
    net = net_of(model)
    if net is None or seed is None:
        return nullcontext()
    context: AbstractContextManager[Any] = _room().seeded(seed, net.device)
    return context


def answers(model: Any, X: Any) -> NDArray[Any]:
    """What a fitted model predicts: labels or real numbers, one a row, whatever type of rows it takes.

    Parameters
    ----------
    model : estimator
        Fitted.
    X : array-like of shape (n_samples, n_features)

    Returns
    -------
    array of shape (n_samples,)

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> answers(DecisionTreeClassifier().fit([[0], [1]], ["a", "c"]), [[1]]).tolist()
    ['c']
    """
    says = np.asarray(model.predict(cast_rows(model, X)))
    return says[:, 0] if says.ndim == 2 and says.shape[1] == 1 else says


def check_labels(model: Any, data: TransferSet) -> None:
    """Raise `InvalidInputError` for classes that a network can't answer; other models answer all."""
    peeled = peel(model)
    if peeled.is_network and data.classes is not None:
        _room().check_labels(peeled.learner, data.classes)


def check_handed_rows(model: Any, X: Any) -> None:
    """Refuse rows of another type than a net's at the end of a pipeline, which nothing would convert later either."""
    if getattr(model, "converts_rows", False):
        return
    if peel(model).is_network and (wanted := cast_rows(model, X)) is not X:
        raise InvalidInputError(
            f"the steps before the {type(model).__name__} hand it {X.dtype} and it takes {wanted.dtype}: the pipeline "
            f"couldn't predict. Put FunctionTransformer(np.{wanted.dtype}) right before the net."
        )


def fit_network(net: Any, data: TransferSet, *, seed: int | None) -> Any:
    """Fit an unfitted net in place, as `stepdown.nn.NetworkFit` says."""
    return _room().fit_net(net, data, seed=seed)


def renewed(model: Any, original: Any, seed: int | None) -> Any:
    """The clone of a model, with weights drawn anew where the clone of a net would start from the trained ones."""
    peeled = peel(model)
    if peeled.is_network and not peeled.is_frozen:
        _room().renew(peeled.learner, peel(original).learner, seed)
    return model


def network_probes(model: Any, data: TransferSet, n_probes: int) -> list[tuple[str, Any]]:
    """Linear probes on the deepest layers of a net, fitted to rows as the last step of the model sees them."""
    peeled = peel(model)
    X = peeled.prepare(cast_rows(model, data.X))
    probes: list[tuple[str, Any]] = _room().network_probes(peeled.learner, data.replace(X=X), n_probes)
    return probes


def probed_features(model: Any, X: Any, probes: Sequence[tuple[str, Any]]) -> list[Any]:
    """What the head of each probe reads of rows, all layers in one pass."""
    peeled = peel(model)
    rows = peeled.prepare(cast_rows(model, X))
    layers = [probe[0].layer for _, probe in probes]
    features = _room().layer_features(peeled.learner, rows, layers) if layers else {}
    return [features[layer] for layer in layers]


def network_trainer() -> Trainer:
    """The trainer of nets."""
    trainer: Trainer = _room().NetworkFit()
    return trainer


def soft_network_support(net: Any) -> SoftFitSupport:
    """How a net learns soft targets."""
    support: SoftFitSupport = _room().soft_support(net)
    return support


def completed(method: Any) -> Any:
    """A method between networks as a chain can use it: with the head fitted where nothing else teaches it.

    Any other method is returned as it is.
    """
    return _room().completed(method) if is_between_networks(method) else method


def between_twins(method: Any) -> Any:
    """A method between networks for a teacher with the student's names of layers; any other method as it is."""
    return _room().between_twins(method) if is_between_networks(method) else method


def live_kd(temperature: float, weight: float) -> TransferMethod:
    """Knowledge distillation by the logits of two networks, batch by batch."""
    method: TransferMethod = _room().KD(temperature, weight)
    return method


def mixed_lessons(parts: Sequence[Supervision], shares: Sequence[float], data: TransferSet) -> Lesson:
    """One lesson of several, some of which may be the labels themselves."""
    lesson: Lesson = _room().mixed(parts, shares, data)
    return lesson


def wider_nets(student: Any, data: TransferSet, factors: Sequence[float], seed: int | None) -> list[tuple[str, Any]]:
    """Nets built like a student, but wider; in a pipeline behind clones of the same steps.

    Parameters
    ----------
    student : skorch net, or a pipeline that ends in one
        Unfitted.
    data : TransferSet
        Says what the rows look like.
    factors : sequence of float
    seed : int, optional
        Of the fresh weights.

    Returns
    -------
    list of (str, estimator)
        The widest first.

    Raises
    ------
    NotSupportedError
        For an architecture that can't be widened.
    """
    peeled = peel(student)
    X = cast_rows(student, data.take(np.arange(data.n_samples)[:512]).X)
    if peeled.steps:
        X = Pipeline([(name, clone(step)) for name, step in peeled.steps]).fit_transform(X, data.labels()[:512])
    found = _room().auxiliaries(peeled.learner, factors, X=X, seed=seed)
    return [(name, clone(with_final(student, wide))) for name, wide in found]


def is_between_networks(method: Any) -> bool:
    """Whether a method, or one that it is made of, is between networks."""
    parts = [method, *method.get_params(deep=True).values()]
    return any(getattr(part, "between_networks", False) for part in parts)


def _room() -> Any:
    return import_module("stepdown.nn")
