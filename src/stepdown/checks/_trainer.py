"""The contract of a trainer for one kind of student."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils.validation import check_is_fitted

from stepdown.core import NotSupportedError, Trainer, TransferSet

from ._check import Check, make_checks, must_survive, run_all, same_answers, unchanged
from ._problems import NAMES, classification_problem, regression_problem


def check_trainer(trainer: Trainer, student: Any) -> None:
    """Run the whole contract over a trainer and a kind of student.

    Parameters
    ----------
    trainer : Trainer
    student : estimator
        Unfitted classifier or regressor that the trainer is for; left alone, like the trainer.

    Raises
    ------
    AssertionError
        Where a promise is broken; it says which.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown.trainers import PlainFit
    >>> check_trainer(PlainFit(), DecisionTreeClassifier(max_depth=2))
    """
    run_all(trainer_checks(trainer, student), trainer)


def trainer_checks(trainer: Trainer, student: Any) -> list[Check]:
    """The contract as single checks; see `method_checks`.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown.trainers import PlainFit
    >>> str(trainer_checks(PlainFit(), DecisionTreeClassifier())[0])
    'parameters_survive'
    """
    common = [_check_parameters_survive, _check_callers_objects_stay, _check_seed_decides, _check_quick_is_a_trainer]
    classes = [_check_labels_are_learned, _check_soft_targets_are_followed, _check_weights_are_heard]
    return make_checks(
        [*common, *(classes if is_classifier(student) else [_check_real_targets_are_learned])], trainer, student
    )


def _data(student: Any) -> TransferSet:
    return classification_problem() if is_classifier(student) else regression_problem()


def _check_parameters_survive(trainer: Trainer, student: Any) -> None:
    must_survive(trainer)


def _check_callers_objects_stay(trainer: Trainer, student: Any) -> None:
    data = _data(student)
    with unchanged(trainer=trainer, student=student, data=data):
        result = trainer.fit(student, data, seed=0)
    fitted = clone(student).fit(data.X, data.y)
    with unchanged(student=fitted):
        again = trainer.fit(fitted, data, seed=0)
    assert result is not student, "the given student came back; return a new one."
    assert again is not fitted, "the given fitted student came back; return a new one."
    assert type(result) is type(student), f"a {type(student).__name__} became a {type(result).__name__}."
    check_is_fitted(result)


def _check_seed_decides(trainer: Trainer, student: Any) -> None:
    data = _data(student)
    first, second = (trainer.fit(student, data, seed=3) for _ in range(2))
    same_answers(first, second, data.X, "two fits with one seed differ; draw everything random from the seed.")


def _check_quick_is_a_trainer(trainer: Trainer, student: Any) -> None:
    quick = trainer.quick()
    assert isinstance(quick, Trainer), f"quick() gives a {type(quick).__name__}, expected a trainer."
    assert type(quick.fit(student, _data(student), seed=0)) is type(student), "quick() loses the student's class."


def _check_labels_are_learned(trainer: Trainer, student: Any) -> None:
    data = classification_problem()
    result = trainer.fit(student, data, seed=0)
    assert np.array_equal(result.classes_, NAMES), f"classes_ is {result.classes_}, expected {NAMES}."
    accuracy = np.mean(result.predict(data.X) == data.y)
    assert accuracy > 0.6, f"on labels alone the student gets {accuracy:.0%} of an easy task right."


def _check_soft_targets_are_followed(trainer: Trainer, student: Any) -> None:
    data = classification_problem()
    # Targets that speak of another class than the labels did.
    turned = 0.9 * np.roll(data.soft_targets(), 1, axis=1) + 0.1 / 3
    soft = data.replace(y=turned)
    try:
        result = trainer.fit(student, soft, seed=0)
    except NotSupportedError:
        return
    assert np.array_equal(result.classes_, NAMES), f"classes_ is {result.classes_}, expected {NAMES}."
    agreement = np.mean(result.predict(data.X) == soft.labels())
    assert agreement > 0.6, f"the student agrees with soft targets on {agreement:.0%} of an easy task."


def _check_weights_are_heard(trainer: Trainer, student: Any) -> None:
    data = classification_problem()
    index = data.label_index()
    shares = []
    for light in (1, 2):  # the two classes that overlap
        weighted = data.replace(sample_weight=np.where(index == light, 1e-6, 1.0))
        try:
            result = trainer.fit(student, weighted, seed=0)
        except NotSupportedError:
            return
        says = np.searchsorted(NAMES, result.predict(data.X))
        shares.append(np.mean(says == light))
    message = f"classes of weight 0.000001 are still answered for {shares[0]:.0%} and {shares[1]:.0%} of the rows."
    assert min(shares) < 0.3, f"sample_weight isn't heard: {message}"


def _check_real_targets_are_learned(trainer: Trainer, student: Any) -> None:
    data = regression_problem()
    result = trainer.fit(student, data, seed=0)
    error = np.mean((result.predict(data.X) - data.y) ** 2)
    assert error < np.var(data.y), "predictions of real targets are worse than their mean."
    heavy = np.where(data.y > np.median(data.y), 100.0, 1.0)
    try:
        weighted = trainer.fit(student, data.replace(sample_weight=heavy), seed=0)
    except NotSupportedError:
        return
    assert weighted.predict(data.X).mean() > result.predict(data.X).mean(), "sample_weight isn't heard."
