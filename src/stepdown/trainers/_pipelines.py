"""Pipelines: the transformers are fitted once, the trainer works on what they put out."""

from __future__ import annotations

from sklearn.pipeline import Pipeline

from stepdown.core import Trainer, TransferSet
from stepdown.learners import clone_with_seed, fit_steps


def fit_last_step(trainer: Trainer, pipeline: Pipeline, data: TransferSet, seed: int | None) -> Pipeline:
    """Return a fitted clone of a pipeline whose last step was fitted by a trainer.

    Transformers see labels, not soft targets, and no weights; those go to the last step.
    """
    fitted = clone_with_seed(pipeline, seed)
    data = fit_steps(fitted, data).replace(X_unlabeled=None)
    name, final = fitted.steps[-1]
    fitted.steps[-1] = (name, trainer.fit(final, data, seed=seed))
    return fitted
