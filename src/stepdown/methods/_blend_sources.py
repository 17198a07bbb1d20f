"""What rows most probably are: answers of several models that have not seen them, calibrated and mixed.

The models are the teacher, two bags of trees and gradient boosting on the same rows. None of them is best on all data,
and out-of-bag and out-of-fold answers tell honestly how good each is on these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from stepdown.core import Teacher, TransferSet, count_fits, derive_seed
from stepdown.learners import (
    BaggedTreesClassifier,
    BaggedTreesRegressor,
    fit_to,
    peel,
    predictions,
    training_signal,
    with_final,
)

Floats = NDArray[np.float64]

# Of a source's answers so much is taken for the shares of the classes, so that no class is impossible.
SMOOTHING = 0.02
EXPONENTS = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 2.5, 3.5)
# Each source begins with so many rows' worth of belief, as a fraction of all, which few rows can't talk it out of.
PRIOR = 0.03


@dataclass(frozen=True, slots=True)
class Sources:
    """Models, how the answers of each are calibrated, and what each is worth."""

    models: list[Teacher]
    exponents: list[float]
    weights: Floats
    shares: Floats | None

    def mix(self, answers: list[Floats]) -> Floats:
        """Mix what the sources say about the same rows, in their order."""
        if self.shares is not None:
            answers = [calibrated(p, self.shares, at) for p, at in zip(answers, self.exponents, strict=True)]
        return np.asarray(np.tensordot(self.weights, np.stack(answers), axes=1))

    def predict(self, X: Any, classes: NDArray[Any] | None) -> Floats:
        """What rows most probably are that no source has seen."""
        return self.mix([predictions(source.model, X, classes)[0] for source in self.models])


def fit_sources(
    teacher: Teacher, student: Any, data: TransferSet, *, cv: int, seed: int | None
) -> tuple[Sources, Floats]:
    """The sources, fitted and weighed, and what they say together about the rows as if they had not seen them."""
    models = [_unseen(teacher, student, data, seed), *_own_models(student, data, seed)]
    answers = [training_signal(model, data, cv=cv, seed=seed).values for model in models]
    weight = data.weights()
    if not data.is_classification:
        y = np.asarray(data.y, dtype=np.float64)
        sources = Sources(models, [], least_squares_weights(answers, y, weight), None)
        return sources, sources.mix(answers)
    targets = data.soft_targets()
    shares = weight @ targets / weight.sum()
    exponents = [best_exponent(values, targets, weight, shares) for values in answers]
    likely = [calibrated(values, shares, at) for values, at in zip(answers, exponents, strict=True)]
    sources = Sources(models, exponents, mixture_weights(likely, targets, weight), shares)
    return sources, sources.mix(answers)


def _unseen(teacher: Teacher, student: Any, data: TransferSet, seed: int | None) -> Teacher:
    """The teacher, or for a frozen one, which may know the labels of the rows by heart, a bag grown on its answers."""
    if not teacher.is_frozen:
        return teacher
    answers, _ = predictions(teacher.model, data.X, data.classes)
    return _model(teacher.name, _bag(data)(100, min_samples_leaf=3), student, data.replace(y=answers), seed)


def _bag(data: TransferSet) -> type[BaggedTreesClassifier | BaggedTreesRegressor]:
    return BaggedTreesClassifier if data.is_classification else BaggedTreesRegressor


def _own_models(student: Any, data: TransferSet, seed: int | None) -> list[Teacher]:
    """Bags and boosting that read the rows as the student does, fitted to the targets of the data."""
    n_trees = int(np.clip(400_000 / data.n_samples, 100, 400))  # fewer say as much where rows are many
    bag = _bag(data)
    models = [_model("bag", bag(n_trees), student, data, seed)]
    if issparse(peel(models[0].model).prepare(data.take(np.arange(1)).X)):
        return models  # boosting takes dense rows only, and a third of such columns takes long to look at
    larger_leaves = bag(n_trees // 2, max_features=1 / 3, min_samples_leaf=3)
    models.append(_model("bag with larger leaves", larger_leaves, student, data, seed))
    models.append(_model("boosting", _boosting(data), student, data, seed))
    return models


def _model(name: str, model: Any, student: Any, data: TransferSet, seed: int | None) -> Teacher:
    model, seed = clone(with_final(student, model)), derive_seed(seed, name)

    def made(part: TransferSet, rows: NDArray[np.intp] | None = None) -> Any:
        count_fits()
        return fit_to(model, part, seed=seed)

    return Teacher(made(data), made, name)


def _boosting(data: TransferSet) -> Any:
    if data.classes is None:
        return HistGradientBoostingRegressor(early_stopping=False)
    # A round grows a tree for each class; with many classes fewer rounds of larger steps bound the time.
    rounds = 100 if len(data.classes) == 2 else 50 if len(data.classes) <= 10 else 25
    return HistGradientBoostingClassifier(max_iter=rounds, learning_rate=10 / rounds, early_stopping=False)


def calibrated(values: Floats, shares: Floats, exponent: float) -> Floats:
    """Answers with a little of the class shares, raised to a power; rows sum to 1."""
    powers: Floats = ((1 - SMOOTHING) * values + SMOOTHING * shares) ** exponent
    return powers / powers.sum(axis=1, keepdims=True)


def best_exponent(values: Floats, targets: Floats, weight: Floats, shares: Floats) -> float:
    """The power after which answers have the least log-loss."""

    def loss(exponent: float) -> float:
        return -float(weight @ np.sum(targets * np.log(calibrated(values, shares, exponent) + 1e-300), axis=1))

    return min(EXPONENTS, key=loss)


def mixture_weights(likely: list[Floats], targets: Floats, weight: Floats) -> Floats:
    """Weights of the sources under which the targets are likeliest, by expectation-maximisation."""
    p = np.stack(likely)
    pull = targets * weight[:, None]
    weights = np.full(len(p), 1 / len(p))
    for _ in range(200):
        parts = weights[:, None, None] * p
        explained = np.sum(pull * parts / np.maximum(parts.sum(axis=0), 1e-300), axis=(1, 2))
        weights = explained + PRIOR * weight.sum()
        weights /= weights.sum()
    return weights


def least_squares_weights(answers: list[Floats], y: Floats, weight: Floats) -> Floats:
    """Weights of the sources, not negative and of sum one, with the least squared error."""
    centre = np.average(y, weights=weight)
    spread = float(np.average((y - centre) ** 2, weights=weight)) or 1.0
    errors = (np.stack(answers, axis=1) - y[:, None]) * np.sqrt(weight / spread)[:, None]
    gram = errors.T @ errors + PRIOR * weight.sum() * np.eye(len(answers))
    # Of sum one and least squares in one: the constraint weighs far more than any row.
    root = np.linalg.cholesky(gram).T
    heavy = 1e4 * np.sqrt(np.trace(gram))
    weights, _ = nnls(np.vstack([root, np.full(len(answers), heavy)]), np.append(np.zeros(len(answers)), heavy))
    return np.asarray(weights / weights.sum())
