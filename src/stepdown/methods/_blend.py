"""The student learns what a row most probably is, by all models that haven't seen it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.core import (
    InvalidInputError,
    NotSupportedError,
    Supervision,
    Teacher,
    TransferMethod,
    TransferSet,
    derive_seed,
)
from stepdown.learners import in_range_of_loss, learned_property

from ._base import check_share, check_synthesiser, nearest, require_soft_targets
from ._blend_sources import fit_sources
from ._rows import last_made, stack_rows
from ._synthesisers import Synthesiser

log = logging.getLogger("stepdown")


class Blend(TransferMethod):
    """The labels are mixed with a blend of the teacher's answers and those of bagged and boosted trees.

    Targets are ``(1 - weight) * labels + weight * blend``. The blend is a mixture of four models: the teacher, a bag of
    trees, a second one with larger leaves, and gradient boosting, all on the rows of the hop. On a training row each
    answers out of bag or out of fold; a frozen teacher, which may know the labels of the rows by heart, speaks through
    a bag of trees that is grown on its answers. Probabilities get 2 % of the class shares and are raised to the power
    with the least log-loss; the weights of the mixture are those under which the labels are likeliest (in regression:
    the errors smallest), not negative and of sum one. So a teacher is listened to as far as the data bear it out; the
    weights are the `notes` of the transfer set and of the hop's record, and logged.

    Further rows are labelled by the blend of the models as fitted on all rows. Together, those that are made weigh
    `added_weight` times the training rows, and unlabelled ones what as many training rows do, at most what all do.

    It costs two bags of 600 trees in all up to 1,000 rows, 150 from 4,000 on, and ``cv + 1`` fits of boosting, beside
    the teacher's signal; with groups the bags are fitted on folds, too. Sparse rows are left to the teacher and the
    first bag.

    Parameters
    ----------
    weight : float, default=0.75
        Share of the blend, in [0, 1]. With 0 the data are handed on as they are and nothing is fitted.
    synthesiser : Synthesiser, optional
        `Interpolate`, for instance.
    added_weight : float, default=0.6
        Total weight of the rows that it makes, as a multiple of that of the training rows.
    use_unlabeled : bool, default=True
        Whether the unlabelled rows of the data are used.
    cv : int, default=5
        Folds where there is no out-of-bag estimate.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown.core import TransferSet
    >>> data = TransferSet.for_classification(*load_iris(return_X_y=True))
    >>> forest = RandomForestClassifier(20, random_state=0).fit(data.X, data.y)
    >>> Blend().transfer([forest], DecisionTreeClassifier(max_depth=2), data, seed=0).get_depth()
    2
    """

    def __init__(
        self,
        weight: float = 0.75,
        *,
        synthesiser: Synthesiser | None = None,
        added_weight: float = 0.6,
        use_unlabeled: bool = True,
        cv: int = 5,
    ) -> None:
        self.weight = weight
        self.synthesiser = synthesiser
        self.added_weight = added_weight
        self.use_unlabeled = use_unlabeled
        self.cv = cv

    def check_student(self, student: Any, data: TransferSet) -> None:
        check_share(self, "weight", self.weight)
        if not isinstance(self.cv, int | np.integer) or self.cv < 2:
            raise InvalidInputError(f"Blend(cv={self.cv!r}): expected a number of folds, at least 2.")
        if not 0 < self.added_weight < np.inf:
            raise InvalidInputError(f"Blend(added_weight={self.added_weight!r}): expected a positive finite number.")
        check_synthesiser(self, student, data)
        wanted = None if data.is_classification else learned_property(student)
        if wanted is not None:
            raise NotSupportedError(
                f"Blend: {type(student).__name__} learns the {wanted} of its targets, and a blend is their mean. Take "
                "KD with a teacher of the student's loss, or NoTransfer(), which learns from the labels."
            )
        if self.weight > 0:
            require_soft_targets(self, student, data)

    def supervise(
        self, teachers: Sequence[Teacher], student: Any, data: TransferSet, *, seed: int | None = None
    ) -> Supervision:
        self.check_student(student, data)
        teacher = nearest(self, teachers)
        if self.weight == 0:
            return data
        sources, answers = fit_sources(teacher, student, data, cv=self.cv, seed=seed)
        notes = {model.name: float(worth) for model, worth in zip(sources.models, sources.weights, strict=True)}
        log.info("the blend is %s", ", ".join(f"{worth:.0%} {name}" for name, worth in notes.items()))
        labels = data.soft_targets() if data.is_classification else np.asarray(data.y, dtype=np.float64)
        y = (1 - self.weight) * labels + self.weight * _kept(answers, student, data)
        blended = data.replace(y=y, notes=notes)
        added, weights = self._further_rows(data, seed)
        if not added:
            return blended
        return blended.replace(
            X=stack_rows([data.X, *added]),
            y=np.concatenate([y, *(_kept(sources.predict(rows, data.classes), student, data) for rows in added)]),
            sample_weight=np.concatenate([data.weights(), *weights]),
            groups=None,
            folds=None,
            made=None if self.synthesiser is None else last_made(data.n_samples, added),
        )

    def _further_rows(self, data: TransferSet, seed: int | None) -> tuple[list[Any], list[NDArray[np.float64]]]:
        """Tables of rows without a label, and what each row weighs."""
        added, totals = [], []
        if self.use_unlabeled and data.X_unlabeled is not None and np.shape(data.X_unlabeled)[0]:
            added.append(data.X_unlabeled)
            totals.append(min(1.0, np.shape(data.X_unlabeled)[0] / data.n_samples))
        if self.synthesiser is not None:
            added.append(self.synthesiser.synthesise(data.X, seed=derive_seed(seed, "synthesise")))
            totals.append(self.added_weight)
        whole = data.weights().sum()
        counts = [np.shape(rows)[0] for rows in added]
        return added, [np.full(count, total * whole / count) for count, total in zip(counts, totals, strict=True)]


def _kept(answers: NDArray[np.float64], student: Any, data: TransferSet) -> NDArray[np.float64]:
    """Real answers within what the student's loss takes."""
    return answers if data.is_classification else in_range_of_loss(student, answers, data.y)
