"""What the parameters of a chain mean, and what is wrong with them, said before anything is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state, get_tags

from stepdown.core import InvalidInputError, NotSupportedError, Trainer, TransferMethod, TransferSet, naming_the_hop
from stepdown.learners import as_estimator, can_teach, check_labels, completed, learned_property, peel
from stepdown.methods import require_taught_loss
from stepdown.students import AutoStudent, AutoStudentClassifier, AutoStudentRegressor
from stepdown.trainers import trainer_for

from ._contents import check_by_fit
from ._dynamic import DynamicProgramming
from ._inputs import checked_rows
from ._search import Gate, Search
from ._task import Way


def read_teacher(teacher: Any, *, classify: bool) -> Any:
    """The complex model; of a list of models, one that averages what they say."""
    if not isinstance(teacher, list | tuple):
        return as_estimator(teacher, classify=classify)
    teacher = [as_estimator(model, classify=classify) for model in teacher]
    if not teacher:
        raise InvalidInputError("teacher=[]: expected at least one estimator.")
    for place, model in enumerate(teacher):
        check_model(f"teacher[{place}]", model, classify=classify)
    if len(teacher) == 1:
        return teacher[0]
    members = [(f"teacher_{place}", model) for place, model in enumerate(teacher)]
    if not classify:
        return VotingRegressor(members)
    soft = all(hasattr(model, "predict_proba") for model in teacher)
    return VotingClassifier(members, voting="soft" if soft else "hard")


def read_methods(methods: Any) -> list[TransferMethod] | None:
    """The methods to choose from; None for "auto"."""
    if isinstance(methods, str):
        if methods != "auto":
            raise InvalidInputError(f"methods={methods!r}: expected a method, a list of methods or 'auto'.")
        return None
    listed: list[Any] = list(methods) if isinstance(methods, list | tuple) else [methods]
    wrong = [method for method in listed if not isinstance(method, TransferMethod)]
    if wrong or not listed:
        raise InvalidInputError(
            f"methods={methods!r}: expected transfer methods such as KD() or [KD(), SRatio()]"
            + (f", got {type(wrong[0]).__name__}" if wrong else "")
            + ". Instances, not classes."
        )
    return [completed(method) for method in listed]


def read_intermediates(intermediates: Any, *, classify: bool) -> list[tuple[str, Any]] | None:
    """The models to choose from, the most complex first; None for "auto"."""
    if isinstance(intermediates, str):
        if intermediates != "auto":
            raise InvalidInputError(
                f"intermediates={intermediates!r}: expected 'auto', [] or a list of (name, estimator)."
            )
        return None
    pairs = list(intermediates)
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            raise InvalidInputError(f"intermediates: {pair!r} is not a pair (name, estimator).")
        check_model(f"intermediates: {pair[0]!r}", pair[1], classify=classify)
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names) or {"teacher", "student"} & set(names):
        raise InvalidInputError(
            f"intermediates: names must differ from each other and from 'teacher' and 'student', got {names}."
        )
    return pairs


def read_student(student: Any, *, classify: bool) -> Any:
    """The simple model, or one of our own that stands for several kinds."""
    if not isinstance(student, str):
        return student
    if student != "auto":
        raise InvalidInputError(f"student={student!r}: expected an estimator, or 'auto'.")
    return AutoStudentClassifier() if classify else AutoStudentRegressor()


def standing_in(student: Any, *, classify: bool) -> Any:
    """The student, or the tree that stands for one whose kind is still open."""
    student = read_student(student, classify=classify)
    if not isinstance(student, AutoStudent):
        return student
    check_kind("student", student, classify=classify)
    student._validate_params()
    return student.stand_in()


def read_trainer(trainer: Any, student: Any) -> Trainer:
    """The trainer of the student."""
    if isinstance(trainer, Trainer):
        return trainer
    if trainer != "auto":
        raise InvalidInputError(f"trainer={trainer!r}: expected a trainer such as PlainFit(), or 'auto'.")
    return trainer_for(student)


def read_search(search: Any, student: Any) -> Search:
    """The search policy."""
    if isinstance(search, DynamicProgramming) and not can_teach(None, student):
        raise NotSupportedError(
            f"search={search!r}: its intermediates answer with means, and the student learns the"
            f" {learned_property(student)} of its targets; take Gate() or Fixed('labels')."
        )
    if isinstance(search, Search):
        return search
    if search != "auto":
        raise InvalidInputError(f"search={search!r}: expected a search such as Gate() or Fixed(), or 'auto'.")
    return Gate()


def read_seed(random_state: Any) -> int:
    """One integer that everything else is derived from."""
    if isinstance(random_state, int | np.integer) and random_state >= 0:
        return int(random_state)
    try:
        return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    except ValueError as error:
        raise InvalidInputError(
            f"random_state={random_state!r}: expected a whole number from 0 on, a RandomState or None."
        ) from error


def check_student(student: Any, *, classify: bool) -> None:
    """Refuse a student that can't be trained."""
    check_model("student", student, classify=classify)
    if isinstance(student, FrozenEstimator):
        raise NotSupportedError("student: a FrozenEstimator can't be trained; give the unfitted estimator.")


def check_model(role: str, model: Any, *, classify: bool) -> None:
    """Refuse what is no estimator object of the right kind, or has a parameter that scikit-learn would refuse."""
    if isinstance(model, type) or not hasattr(model, "fit"):
        raise NotSupportedError(f"{role}={model!r}: expected an estimator object with fit and predict.")
    check_kind(role, model, classify=classify)
    # scikit-learn's own models check their parameters at the beginning of `fit`, which may be an hour away.
    final = peel(model).final
    if hasattr(final, "_parameter_constraints") and not isinstance(final, FrozenEstimator):
        try:
            final._validate_params()
        except ValueError as error:
            raise InvalidInputError(f"{role}: {error}") from error


def check_kind(role: str, model: Any, *, classify: bool) -> None:
    """Refuse a regressor where a classifier is needed, and the other way round."""
    if is_classifier(model) != classify:
        kind = "classifier" if classify else "regressor"
        raise NotSupportedError(f"{role}: a {kind} is needed here, got {type(model).__name__}.")
    if not get_tags(model).target_tags.single_output:
        raise NotSupportedError(
            f"{role}: {type(model).__name__} learns several targets at once, and a chain has one; give the estimator "
            "that it wraps, and one chain a target."
        )


def is_frozen(teacher: Any) -> bool:
    """Whether a model can't be fitted again."""
    return peel(teacher).is_frozen


def check_pool(owner: Any, X: Any, X_unlabeled: Any, models: Sequence[Any]) -> Any:
    """Check unlabelled rows against the labelled ones, and return them in the same form."""
    if X_unlabeled is None:
        return None
    try:
        pool = checked_rows(owner, X_unlabeled, models)
    except ValueError as error:
        raise InvalidInputError(f"X_unlabeled: {error}") from error
    if np.ndim(pool) != 2 or np.shape(pool)[1] != np.shape(X)[1]:
        raise InvalidInputError(
            f"X_unlabeled has shape {np.shape(pool)}; expected the {np.shape(X)[1]} columns of X in each of its rows."
        )
    names, mine = (list(getattr(table, "columns", ())) for table in (X, pool))
    if names != mine:
        raise InvalidInputError(f"X_unlabeled has the columns {mine[:10]}; expected those of X: {names[:10]}.")
    return pool


def check_ways(ways: Sequence[Way], teacher: Any, student: Any, data: TransferSet) -> None:
    """What would fail only after the teacher has been fitted is asked of every hop beforehand."""
    with naming_the_hop("teacher"):
        check_labels(teacher, data)
    pupils = {hop.name: hop.student for way in ways for hop in way.before} | {"student": student}
    for name, pupil in pupils.items():
        with naming_the_hop(name):
            check_by_fit(pupil, data)
    for way in ways:
        earlier = [teacher] if way.uses_teacher else []
        last = (way.method, student, "student", way.trainer)
        hops = [(hop.method, hop.student, hop.name, hop.trainer) for hop in way.before]
        for place, (method, pupil, name, trainer) in enumerate([*hops, last], start=1):
            with naming_the_hop(f"hop {place} (-> {name}, {method!r})"):
                check_labels(pupil, data)
                method.check_student(pupil, data)
                if earlier:
                    method.check_teachers(earlier, data)
                    if not data.is_classification:
                        for model in method.asks(earlier):
                            require_taught_loss(method, model, pupil)
                if trainer is not None:
                    trainer.check_student(pupil)
            earlier = [*earlier, pupil]
