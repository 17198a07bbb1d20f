"""The contract of a transfer method for estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.validation import check_is_fitted

from stepdown.core import StepdownError, Teacher, TransferMethod, TransferSet, as_teacher, rows_of
from stepdown.trainers import PlainFit, trainer_for

from ._check import Check, make_checks, must_explain, must_survive, run_all, same_answers, unchanged
from ._models import InOrder, attentive_teacher
from ._problems import NAMES, classification_problem, regression_problem


def check_method(method: TransferMethod) -> None:
    """Run the whole contract over a method.

    Parameters
    ----------
    method : TransferMethod
        For classifiers; left alone.

    Raises
    ------
    AssertionError
        Where a promise is broken; it says which.

    Examples
    --------
    >>> from stepdown.methods import KD
    >>> check_method(KD(weight=0.8))
    """
    run_all(method_checks(method), method)


def method_checks(method: TransferMethod) -> list[Check]:
    """The contract as single checks, for ``pytest.mark.parametrize("check", method_checks(MyMethod()), ids=str)``.

    Examples
    --------
    >>> from stepdown.methods import KD
    >>> checks = method_checks(KD())
    >>> str(checks[0])
    'parameters_survive'
    >>> checks[0]()
    """
    return make_checks(
        [
            _check_parameters_survive,
            _check_callers_objects_stay,
            _check_fitted_student_stays,
            _check_seed_decides,
            _check_student_keeps_its_class,
            _check_label_names_dont_matter,
            _check_order_of_columns_doesnt_matter,
            _check_unit_weights_are_no_weights,
            _check_weights_are_heard,
            _check_teacher_in_any_form,
            _check_several_teachers,
            _check_no_teacher,
            _check_signals_are_unseen,
            _check_every_kind_of_student,
            _check_transfer_is_left_alone,
            _check_rows_stay_in_front,
            _check_real_targets,
        ],
        method,
    )


def _tree(depth: int = 2) -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=depth, random_state=0)


def _forest(data: TransferSet) -> RandomForestClassifier:
    return RandomForestClassifier(15, random_state=0).fit(data.X, data.y)


def _check_parameters_survive(method: TransferMethod) -> None:
    must_survive(method)


def _check_callers_objects_stay(method: TransferMethod) -> None:
    data, student = classification_problem(sample_weight=np.linspace(0.5, 2.5, 120)), _tree()
    teacher = _forest(data)
    with unchanged(method=method, teacher=teacher, student=student, data=data):
        result = method.transfer([teacher], student, data, seed=0)
    assert result is not student, "the given student came back; return a new one."
    assert result is not teacher, "the teacher came back as the student."


def _check_fitted_student_stays(method: TransferMethod) -> None:
    data = classification_problem()
    student = _tree().fit(data.X[:40], data.y[:40])
    with unchanged(student=student):
        result = method.transfer([_forest(data)], student, data, seed=0)
    assert result is not student, "the given student came back; return a new one."


def _check_seed_decides(method: TransferMethod) -> None:
    data = classification_problem()
    student = DecisionTreeClassifier(max_depth=3, max_features=2)  # random unless it is seeded
    first, second = (method.transfer([_forest(data)], student, data, seed=7) for _ in range(2))
    same_answers(first, second, data.X, "two transfers with one seed differ; draw everything random from the seed.")


def _check_student_keeps_its_class(method: TransferMethod) -> None:
    data = classification_problem()
    result = method.transfer([_forest(data)], _tree(), data, seed=0)
    assert type(result) is DecisionTreeClassifier, f"a DecisionTreeClassifier became a {type(result).__name__}."
    check_is_fitted(result)
    assert np.array_equal(result.classes_, NAMES), f"classes_ is {result.classes_}, expected {NAMES}."
    assert set(result.predict(data.X)) <= set(NAMES), "the student answers something else than labels."
    assert result.max_depth == 2, "the student's parameters were changed."
    assert result.get_depth() <= 2, "the student is larger than its parameters allow."


def _check_label_names_dont_matter(method: TransferMethod) -> None:
    named, numbered = classification_problem(), classification_problem(named=False)
    results = [method.transfer([_forest(data)], _tree(), data, seed=0) for data in (named, numbered)]
    same_answers(results[0], results[1], named.X, "labels 0, 1, 2 and names in the same order give different students.")


def _check_order_of_columns_doesnt_matter(method: TransferMethod) -> None:
    data = classification_problem()
    forest = _forest(data)
    results = [
        method.transfer([Teacher(InOrder(forest, order))], _tree(), data, seed=0) for order in ([0, 1, 2], [2, 0, 1])
    ]
    message = "a teacher whose classes_ stand in another order gives another student; align columns by classes_."
    same_answers(results[0], results[1], data.X, message)


def _check_unit_weights_are_no_weights(method: TransferMethod) -> None:
    data = classification_problem()
    forest = _forest(data)
    weighted = data.replace(sample_weight=np.ones(data.n_samples))
    results = [method.transfer([forest], _tree(), rows, seed=0) for rows in (data, weighted)]
    same_answers(results[0], results[1], data.X, "sample_weight of ones gives another student than none.")


def _check_weights_are_heard(method: TransferMethod) -> None:
    data = classification_problem()
    forest = _forest(data)
    index = data.label_index()
    # With two leaves a tree can tell one class from another, not all three: weights decide which.
    results = [
        method.transfer([forest], _tree(1), data.replace(sample_weight=np.where(index == light, 1e-3, 1.0)), seed=0)
        for light in (0, 2)
    ]
    differ = np.mean(results[0].predict(data.X) != results[1].predict(data.X))
    assert differ > 0.1, "the student doesn't depend on the data's sample_weight; multiply it in, or hand it on."


def _check_teacher_in_any_form(method: TransferMethod) -> None:
    data = classification_problem()
    forest = _forest(data)
    bare = method.transfer([forest], _tree(), data, seed=0)
    wrapped = method.transfer([as_teacher(forest)], _tree(), data, seed=0)
    same_answers(bare, wrapped, data.X, "an estimator and a Teacher made of it give different students.")
    with unchanged(teacher=forest):
        method.transfer([FrozenEstimator(forest)], _tree(), data, seed=0)


def _check_several_teachers(method: TransferMethod) -> None:
    data = classification_problem()
    teachers = (_forest(data), GaussianNB().fit(data.X, data.y))
    with unchanged(teachers=teachers):
        result = method.transfer(teachers, _tree(), data, seed=0)
    assert type(result) is DecisionTreeClassifier, "with two earlier models the student's class is lost."


def _check_no_teacher(method: TransferMethod) -> None:
    data = classification_problem()
    try:
        result = method.transfer([], _tree(), data, seed=0)
    except StepdownError as error:
        must_explain(error, "to work without a teacher")
        return
    plain = PlainFit().fit(_tree(), data, seed=0)
    same_answers(result, plain, data.X, "without teachers the student must be the plainly trained one, or an error.")


def _check_signals_are_unseen(method: TransferMethod) -> None:
    if "in-sample" in [value for value in method.get_params(deep=True).values() if isinstance(value, str)]:
        return  # asked for by its user
    data = classification_problem()
    teacher, diary = attentive_teacher(data)
    method.transfer([teacher], _tree(), data, seed=0)
    share = max(diary, default=0.0)
    assert share < 0.5, (
        f"a teacher that can be made again was asked about {share:.0%} of the rows it was fitted on; use "
        "stepdown.learners.training_signal, whose answers are out-of-fold."
    )


def _check_every_kind_of_student(method: TransferMethod) -> None:
    data = classification_problem()
    forest = _forest(data)
    students: list[Any] = [
        _tree(),
        RandomForestClassifier(3, max_depth=2),
        LogisticRegression(C=0.1),
        GaussianNB(),
    ]
    for student in students:
        trainer = trainer_for(student).quick()
        result = method.transfer([forest], student, data, trainer=trainer, seed=0)
        assert type(result) is type(student), f"a {type(student).__name__} became a {type(result).__name__}."
        accuracy = np.mean(result.predict(data.X) == data.y)
        assert accuracy > 0.6, f"a {type(student).__name__} got {accuracy:.0%} of an easy task right by {trainer!r}."


def _check_transfer_is_left_alone(method: TransferMethod) -> None:
    assert type(method).transfer is TransferMethod.transfer, (
        "transfer is overridden; write supervise, and leave the fitting to a trainer."
    )


def _check_rows_stay_in_front(method: TransferMethod) -> None:
    data = classification_problem(X_unlabeled=classification_problem().X[:30])
    supervised = rows_of(method.supervise([as_teacher(_forest(data))], _tree(), data, seed=0))
    n = data.n_samples
    message = "row i of the given set must be row i of the returned one; put added rows behind."
    assert supervised.n_samples >= n, message
    assert np.array_equal(np.asarray(supervised.X)[:n], data.X), message
    assert len(supervised.X) == supervised.n_samples, "X and y have different lengths."
    if supervised.is_soft:
        assert np.allclose(np.sum(supervised.y, axis=1), 1.0), "rows of soft targets don't sum to 1."
        assert np.min(supervised.y) >= 0, "soft targets are negative."


def _check_real_targets(method: TransferMethod) -> None:
    data = regression_problem()
    teacher = RandomForestRegressor(10, random_state=0).fit(data.X, data.y)
    student = DecisionTreeRegressor(max_depth=2, random_state=0)
    try:
        result = method.transfer([teacher], student, data, seed=0)
    except StepdownError as error:
        must_explain(error, "regression")
        return
    assert type(result) is DecisionTreeRegressor, f"a DecisionTreeRegressor became a {type(result).__name__}."
    loss = np.mean((result.predict(data.X) - data.y) ** 2)
    assert loss < np.var(data.y), "the student's predictions of real targets are worse than their mean."
