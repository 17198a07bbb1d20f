"""From columns of any type to numbers, by skrub; and the multihop estimator behind it."""

from __future__ import annotations

from typing import Any

from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skrub import TableVectorizer

from stepdown.chains import MultihopClassifier, MultihopRegressor

from ._estimators import Spec, build

__all__ = ["multihop", "preparing"]


def preparing(student: Spec) -> Pipeline:
    """Return the unfitted steps that turn a table into numbers; they ship in front of the student.

    Gaps are filled, and marked in columns of their own, even where the training table has none and the models could
    take them: the student will meet gaps where it serves, and what it then does should have been decided here.
    """
    steps: list[tuple[str, Any]] = [
        ("columns", TableVectorizer()),
        ("gaps", SimpleImputer(strategy="median", add_indicator=True)),
    ]
    if student.needs_scale:
        steps.append(("scale", StandardScaler()))
    return Pipeline(steps)


def multihop(teacher: Spec, student: Spec, task: str, **options: Any) -> MultihopClassifier | MultihopRegressor:
    """Return the unfitted estimator of a task.

    A teacher that needs columns of one scale brings its own scaler, so that a tree's thresholds stay in the units of
    the table.
    """
    complex_model = build(teacher, task)
    if teacher.needs_scale and not student.needs_scale:
        complex_model = make_pipeline(StandardScaler(), complex_model)
    cls = MultihopClassifier if task == "classification" else MultihopRegressor
    return cls(complex_model, build(student, task), **options)
