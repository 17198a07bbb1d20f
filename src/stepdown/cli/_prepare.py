"""From columns of any type to numbers, by skrub; and the multihop estimator behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from stepdown.learners import LabelEncoded, soft_fit_support
from stepdown.multihop import MultihopClassifier, MultihopRegressor
from stepdown.oracle import Queried
from stepdown.ship import TableColumns
from stepdown.students import AutoStudent

from ._estimators import Spec, build


def preparing(student: Spec, kinds: Mapping[str, str] | None = None) -> Pipeline:
    """Return the unfitted steps that turn a table into numbers; they ship in front of the student.

    A student that people read gets columns that they understand; any other gets what skrub makes of them. Gaps are
    filled, even where the training table has none and the models could take them: the student will meet gaps where it
    serves, and what it then does should have been decided here.
    """
    steps: list[tuple[str, Any]] = [("columns", TableColumns(kinds))]
    if not student.is_readable:
        from skrub import TableVectorizer  # which imports matplotlib

        steps = [("columns", TableVectorizer()), ("gaps", SimpleImputer(strategy="median", add_indicator=True))]
    if student.needs_scale:
        steps.append(("scale", StandardScaler()))
    return Pipeline(steps)


def fit_for(spec: Spec, task: str, y: NDArray[Any]) -> Any:
    """Return the unfitted estimator of a spec that takes these targets; XGBoost's needs its classes numbered."""
    model = build(spec, task)
    if spec.name == "xgboost" and task == "classification":
        classes = np.unique(y)
        if classes.dtype.kind not in "iu" or not np.array_equal(classes, np.arange(len(classes))):
            return LabelEncoded(model)
    return model


def complex_for(teacher: Spec, student: Spec, task: str, y: NDArray[Any]) -> Any:
    """Return the unfitted teacher of a spec, with a scaler of its own where the student's columns have none."""
    model = fit_for(teacher, task, y)
    return make_pipeline(StandardScaler(), model) if teacher.needs_scale and not student.needs_scale else model


def learns_from_labels_only(student: Any, task: str) -> bool:
    """Whether a student takes neither soft targets nor weights, as nearest neighbours do."""
    if isinstance(student, AutoStudent):
        return False
    return task == "classification" and soft_fit_support(student).kind == "refused"


def multihop(
    teacher: Spec | FrozenEstimator | Queried,
    student: Spec,
    task: str,
    y: NDArray[Any],
    *,
    kinds: Mapping[str, str] | None = None,
    **options: Any,
) -> MultihopClassifier | MultihopRegressor:
    """Return the unfitted estimator of a task.

    A teacher that needs columns of one scale brings its own scaler, so that a tree's thresholds stay in the units of
    the table. A frozen teacher gets the raw columns of the table, and then the student brings the steps that prepare
    them.
    """
    simple_model = fit_for(student, task, y)
    if isinstance(teacher, Spec):
        complex_model = complex_for(teacher, student, task, y)
    else:
        complex_model = teacher
        simple_model = Pipeline([*preparing(student, kinds).steps, ("student", simple_model)])
    cls = MultihopClassifier if task == "classification" else MultihopRegressor
    return cls(complex_model, simple_model, **options)
