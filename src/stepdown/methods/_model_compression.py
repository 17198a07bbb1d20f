"""The teacher answers further rows, and the student learns the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_regressor

from stepdown.core import InvalidInputError, NotSupportedError, Teacher, TransferMethod, TransferSet, derive_seed
from stepdown.learners import in_range_of_loss, predictions, training_signal

from ._base import check_signals, check_synthesiser, nearest, require_soft_targets, require_taught_loss
from ._rows import last_made, stack_rows
from ._synthesisers import Synthesiser
from ._targets import centred_log_probabilities, hard_labels, soften


class ModelCompression(TransferMethod):
    """The student learns what the teacher says about the training rows and about rows without a label.

    Further rows come from a synthesiser, from the data's ``X_unlabeled``, or from both; the teacher answers them as
    it stands, since it hasn't seen them. Its answers on the training rows come from `signals`, and the labels
    themselves play no part (mix with ``NoTransfer()`` where they should). A further row weighs what a training row
    weighs on average; it belongs to no group.

    Parameters
    ----------
    targets : {"soft", "labels", "logits"}
        What the student is to learn: probabilities (in regression: predictions); the most probable class; or centred
        log-probabilities. The last makes real targets of shape (n_samples, n_classes) for a student that is a
        regressor, whose predictions' softmax are probabilities; ``1 / (2 * n_samples)`` stands for zero
        probabilities.
    temperature : float, default=1.0
        Positive; "soft" targets of a teacher with probabilities become ``softmax(log(p) / temperature)``. Below 1 they
        are sharper, which helps where the teacher is a bag, whose means are less sure than they may be.
    synthesiser : Synthesiser, optional
        `Munge` or `Resample`.
    use_unlabeled : bool, default=True
        Whether the teacher answers the unlabelled rows of the data.
    signals : {"out-of-fold", "in-sample"}
        See `KD`.
    cv : int, default=5

    References
    ----------
    C. Bucila, R. Caruana and A. Niculescu-Mizil, "Model compression", KDD 2006; logits: J. Ba and R. Caruana, "Do deep
    nets really need to be deep?", NeurIPS 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from stepdown.core import TransferSet
    >>> from stepdown.methods import Munge
    >>> data = TransferSet.for_classification(*load_iris(return_X_y=True))
    >>> forest = RandomForestClassifier(20, random_state=0).fit(data.X, data.y)
    >>> method = ModelCompression("labels", synthesiser=Munge(copies=2))
    >>> method.transfer([forest], KNeighborsClassifier(3), data, seed=0).n_samples_fit_
    450
    """

    def __init__(
        self,
        targets: str = "soft",
        *,
        temperature: float = 1.0,
        synthesiser: Synthesiser | None = None,
        use_unlabeled: bool = True,
        signals: str = "out-of-fold",
        cv: int = 5,
    ) -> None:
        self.targets = targets
        self.temperature = temperature
        self.synthesiser = synthesiser
        self.use_unlabeled = use_unlabeled
        self.signals = signals
        self.cv = cv

    def supervise(
        self, teachers: Sequence[Teacher], student: Any, data: TransferSet, *, seed: int | None = None
    ) -> TransferSet:
        teacher = nearest(self, teachers)
        self.check_student(student, data)
        if not data.is_classification:
            require_taught_loss(self, teacher.model, student)
        added = self._further_rows(data, seed)
        X = stack_rows([data.X, *added]) if added else data.X
        signal = training_signal(teacher, data, signals=self.signals, cv=self.cv, seed=seed)
        answers = np.concatenate(
            [signal.values, *(predictions(teacher.model, rows, data.classes)[0] for rows in added)]
        )
        if not data.is_classification:
            answers = in_range_of_loss(student, answers, data.y)
        elif self.targets == "soft" and not signal.hard:
            answers = soften(answers, self.temperature)
        supervised = self._with_targets(data, answers)
        if not added:
            return supervised
        n_added = supervised.n_samples - data.n_samples
        weight = data.sample_weight
        if weight is not None:
            weight = np.concatenate([data.weights(), np.full(n_added, data.weights().mean())])
        made = None if self.synthesiser is None else last_made(data.n_samples, added)
        return supervised.replace(X=X, sample_weight=weight, groups=None, folds=None, made=made)

    def check_student(self, student: Any, data: TransferSet) -> None:
        if self.targets not in ("soft", "labels", "logits"):
            raise InvalidInputError(
                f"ModelCompression(targets={self.targets!r}): expected 'soft', 'labels' or 'logits'."
            )
        if not 0 < self.temperature < np.inf:
            raise InvalidInputError(
                f"ModelCompression(temperature={self.temperature!r}): expected a positive finite number."
            )
        if self.targets != "soft" and not data.is_classification:
            raise NotSupportedError(
                f"ModelCompression(targets={self.targets!r}) needs classes; in regression use 'soft'."
            )
        if self.targets == "logits" and not is_regressor(student):
            raise NotSupportedError(
                f"ModelCompression(targets='logits') makes real targets, which {type(student).__name__} doesn't take; "
                "give a regressor as the student, or use targets='soft'."
            )
        check_signals(self)
        check_synthesiser(self, student, data)
        if self.targets == "soft":
            require_soft_targets(self, student, data)

    def _further_rows(self, data: TransferSet, seed: int | None) -> list[Any]:
        added = []
        if self.use_unlabeled and data.X_unlabeled is not None and np.shape(data.X_unlabeled)[0]:
            added.append(data.X_unlabeled)
        if self.synthesiser is not None:
            added.append(self.synthesiser.synthesise(data.X, seed=derive_seed(seed, "synthesise")))
        return added

    def _with_targets(self, data: TransferSet, answers: NDArray[np.float64]) -> TransferSet:
        if self.targets == "labels":
            assert data.classes is not None
            return data.replace(y=hard_labels(answers, data.classes))
        if self.targets == "logits":
            return data.replace(y=centred_log_probabilities(answers, eps=0.5 / data.n_samples), classes=None)
        return data.replace(y=answers)
