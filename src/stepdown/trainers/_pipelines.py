"""Pipelines: the transformers are fitted once, the trainer works on what they put out."""

from __future__ import annotations

import numpy as np
from sklearn.pipeline import Pipeline

from stepdown.core import Trainer, TransferSet
from stepdown.learners import clone_with_seed


def fit_last_step(trainer: Trainer, pipeline: Pipeline, data: TransferSet, seed: int | None) -> Pipeline:
    """Return a fitted clone of a pipeline whose last step was fitted by a trainer.

    Transformers see labels, not soft targets, and no weights; those go to the last step.
    """
    fitted = clone_with_seed(pipeline, seed)
    X = data.X
    labels = data.labels() if data.is_classification else np.asarray(data.y)
    for _, transformer in fitted.steps[:-1]:
        if transformer is not None and transformer != "passthrough":
            X = transformer.fit_transform(X, labels)
    name, final = fitted.steps[-1]
    fitted.steps[-1] = (name, trainer.fit(final, data.replace(X=X, X_unlabeled=None), seed=seed))
    return fitted
