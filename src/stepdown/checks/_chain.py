"""The contract of an estimator that trains a student through a chain."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier

from stepdown.core import TransferSet

from ._check import Check, make_checks, must_explain, must_survive, run_all, same_answers, unchanged
from ._problems import NAMES, classification_problem, regression_problem


def check_chain(estimator: Any) -> None:
    """Run the whole contract over a chain.

    It comes on top of scikit-learn's ``check_estimator``, which knows nothing of students and hops.

    Parameters
    ----------
    estimator : estimator
        Unfitted, with parameters ``teacher``, ``student``, ``intermediates`` and ``random_state``, and after ``fit``
        with ``student_`` and ``chain_``; left alone. Its ``random_state`` is set to an integer where it is None.

    Raises
    ------
    AssertionError
        Where a promise is broken; it says which.
    """
    run_all(chain_checks(estimator), estimator)


def chain_checks(estimator: Any) -> list[Check]:
    """The contract as single checks; see `method_checks`."""
    common = [
        _check_parameters_survive,
        _check_callers_objects_stay,
        _check_student_ships,
        _check_seed_decides,
        _check_pickling,
        _check_one_hop,
        _check_groups,
        _check_bad_rows_are_refused,
    ]
    kind = [_check_labels] if is_classifier(estimator) else [_check_real_targets]
    return make_checks([*common, *kind], estimator)


def _data(estimator: Any) -> TransferSet:
    return classification_problem() if is_classifier(estimator) else regression_problem()


def _seeded(estimator: Any) -> Any:
    copy = clone(estimator)
    return copy.set_params(random_state=0) if copy.get_params(deep=False)["random_state"] is None else copy


def _fitted(estimator: Any) -> Any:
    data = _data(estimator)
    return _seeded(estimator).fit(data.X, data.y)


def _check_parameters_survive(estimator: Any) -> None:
    must_survive(estimator)


def _check_callers_objects_stay(estimator: Any) -> None:
    data, mine = _data(estimator), _seeded(estimator)
    with unchanged(data=data, parameters=mine.get_params(deep=True)):
        assert mine.fit(data.X, data.y) is mine, "fit must return the object itself."
    assert mine.student_ is not mine.student, "the given student was fitted; train a clone."


def _check_student_ships(estimator: Any) -> None:
    data, model = _data(estimator), _fitted(estimator)
    expected = type(model.student)
    assert type(model.student_) is expected, f"a {expected.__name__} became a {type(model.student_).__name__}."
    message = "the estimator says something else than its student, which is what ships."
    assert np.array_equal(model.predict(data.X), model.student_.predict(data.X)), message
    assert len(model.chain_) >= 1, "chain_ is empty; it lists the models down to the student."
    assert model.chain_[-1].model is model.student_, "the last model of chain_ isn't student_."
    for earlier, record in zip(model.chain_, model.chain_[1:], strict=False):
        assert not record.teachers or record.teachers[-1] == earlier.name, "a hop of chain_ skips the model before it."


def _check_seed_decides(estimator: Any) -> None:
    data = _data(estimator)
    message = "two fits with one random_state differ; draw everything random from it."
    same_answers(_fitted(estimator), _fitted(estimator), data.X, message)


def _check_pickling(estimator: Any) -> None:
    data, model = _data(estimator), _fitted(estimator)
    same_answers(model, pickle.loads(pickle.dumps(model)), data.X, "pickling changes what the estimator says.")


def _check_one_hop(estimator: Any) -> None:
    data = _data(estimator)
    model = _seeded(estimator).set_params(intermediates=[]).fit(data.X, data.y)
    names = [record.name for record in model.chain_]
    assert len(names) <= 2, f"without intermediates the chain is {' -> '.join(names)}."


def _check_groups(estimator: Any) -> None:
    data = _data(estimator)
    groups = np.arange(data.n_samples) // 4
    model = _seeded(estimator).fit(data.X, data.y, groups=groups)
    assert type(model.student_) is type(model.student), "with groups the student's class is lost."


def _check_bad_rows_are_refused(estimator: Any) -> None:
    data = _data(estimator)
    bad: list[tuple[str, Any, NDArray[Any]]] = [
        ("y shorter than X", data.X, np.asarray(data.y)[:-1]),
        ("no rows", data.X[:0], np.asarray(data.y)[:0]),
    ]
    if is_classifier(estimator):
        bad.append(("a single class", data.X, np.full(data.n_samples, NAMES[0])))
    for what, X, y in bad:
        try:
            _seeded(estimator).fit(X, y)
        except ValueError as error:
            must_explain(error, what)
        else:
            raise AssertionError(f"{what}: expected a ValueError, and nothing was raised.")


def _check_labels(estimator: Any) -> None:
    data, model = _data(estimator), _fitted(estimator)
    assert np.array_equal(model.classes_, NAMES), f"classes_ is {model.classes_}, expected {NAMES}."
    says = model.predict(data.X)
    assert set(says) <= set(NAMES), "predict answers something else than labels."
    assert np.mean(says == data.y) > 0.6, "the student gets little of an easy task right."
    if hasattr(model, "predict_proba"):
        proba = model.predict_proba(data.X)
        assert proba.shape == (data.n_samples, len(NAMES)), f"predict_proba has shape {proba.shape}."
        assert np.allclose(proba.sum(axis=1), 1.0), "rows of predict_proba don't sum to 1."
        assert np.array_equal(NAMES[np.argmax(proba, axis=1)], says), "predict isn't the largest of predict_proba."


def _check_real_targets(estimator: Any) -> None:
    data, model = _data(estimator), _fitted(estimator)
    error = np.mean((model.predict(data.X) - data.y) ** 2)
    assert error < np.var(data.y), "predictions of real targets are worse than their mean."
