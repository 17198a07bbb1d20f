"""Students whose fit depends on a seed, fitted from several."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline

from stepdown.core import InvalidInputError, NotSupportedError, Supervision, Trainer, TransferSet, derive_seed, rows_of
from stepdown.learners import fit_to, peel, predictions

from ._pipelines import fit_last_step
from ._targets import real_targets, weighted_targets


class Restarts(Trainer):
    """Fit a student from several seeds and keep the fit with the least loss on the transfer set.

    The loss is the weighted cross-entropy against the (soft) targets, or the weighted squared error in regression; a
    classifier without probabilities is judged by the target probability of its answers.

    For small networks, whose training ends in poor minima often enough. The first seed is the one that a plain fit
    would use, so the result is never worse than that on the loss.

    Parameters
    ----------
    n_restarts : int
        Fits.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> data = TransferSet.for_classification(*load_iris(return_X_y=True))
    >>> student = MLPClassifier(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=30, tol=1e3)
    >>> type(Restarts(n_restarts=2).fit(student, data, seed=0)).__name__
    'MLPClassifier'
    """

    def __init__(self, n_restarts: int = 8) -> None:
        self.n_restarts = n_restarts

    def check_student(self, student: Any) -> None:
        if self.n_restarts < 1:
            raise InvalidInputError(f"Restarts: n_restarts={self.n_restarts!r}; at least one fit is needed.")
        final = peel(student).final
        if "random_state" not in final.get_params(deep=False):
            raise NotSupportedError(
                f"Restarts needs a student with random_state, {type(final).__name__} has none; use PlainFit()."
            )

    def quick(self) -> Restarts:
        """Two fits."""
        return Restarts(n_restarts=min(2, self.n_restarts))

    def fit(self, student: Any, supervision: Supervision, *, seed: int | None = None) -> Any:
        self.check_student(student)
        data = rows_of(supervision)
        if isinstance(student, Pipeline):
            return fit_last_step(self, student, data, seed)
        own = student.get_params(deep=False)["random_state"]
        best, least = None, np.inf
        for attempt in range(self.n_restarts):
            start = clone(student)
            if attempt and own is not None:
                root = seed if not isinstance(own, int | np.integer) else int(own)
                start.set_params(random_state=derive_seed(root, "restart", attempt))
            model = fit_to(start, data, seed=seed if not attempt else derive_seed(seed, "restart", attempt))
            loss = _loss(model, data)
            if best is None or loss < least:
                best, least = model, loss
        assert best is not None
        if own is not None:
            best.set_params(random_state=own)
        return best


def _loss(model: Any, data: TransferSet) -> float:
    """Weighted mean loss on the transfer set."""
    if not is_classifier(model):
        targets, weight = real_targets(data)
        error = (np.asarray(model.predict(data.X)) - targets) ** 2
        return float(np.average(error.reshape(len(weight), -1).mean(axis=1), weights=weight))
    targets, weight = weighted_targets(model, data)
    probabilities, hard = predictions(model, data.X, data.classes)
    if hard:
        return 1.0 - float(np.average((targets * probabilities).sum(axis=1), weights=weight))
    logs = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    return -float(np.average((targets * logs).sum(axis=1), weights=weight))
