"""Pipelines: the transformers are fitted once, the trainer works on what they put out."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ..core import Trainer, TransferSet, derive_seed

__all__ = ["fit_last_step", "last_step"]


def last_step(student: Any) -> Any:
    """The estimator behind all transformers."""
    while isinstance(student, Pipeline):
        student = student.steps[-1][1]
    return student


def fit_last_step(trainer: Trainer, pipeline: Pipeline, data: TransferSet, seed: int | None) -> Pipeline:
    """Return a fitted clone of a pipeline whose last step was fitted by a trainer.

    Transformers see labels, not soft targets, and no weights; those go to the last step.
    """
    fitted = clone(pipeline)
    X = data.X
    labels = data.labels() if data.is_classification else np.asarray(data.y)
    for at, (name, transformer) in enumerate(fitted.steps[:-1]):
        if transformer is None or transformer == "passthrough":
            continue
        _seed(transformer, derive_seed(seed, "transformer", name))
        X = transformer.fit_transform(X, labels)
        fitted.steps[at] = (name, transformer)
    name, final = fitted.steps[-1]
    fitted.steps[-1] = (name, trainer.fit(final, data.replace(X=X, X_unlabeled=None), seed=seed))
    return fitted


def _seed(estimator: Any, seed: int | None) -> None:
    """Set every ``random_state`` that is None, nested ones too."""
    if seed is None:
        return
    for key, value in sorted(estimator.get_params(deep=True).items()):
        if value is None and (key == "random_state" or key.endswith("__random_state")):
            estimator.set_params(**{key: derive_seed(seed, key)})
