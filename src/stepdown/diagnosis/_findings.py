"""What a diagnosis looks at, as one flat dict of numbers: pure functions of signals, nothing is fitted here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.core import Signal, TransferSet
from stepdown.learners import Complexity
from stepdown.verdict import calibration_error, fidelity

from ._discretise import discretise
from ._label_errors import likely_label_errors
from ._pid import partial_information

# With fewer likely label errors, the share that the teacher repeats means nothing.
ENOUGH_ERRORS = 5
TINY = 1e-9
FEW_TREES = 10


@dataclass(frozen=True, slots=True)
class Answers:
    """What the models say about the labelled rows."""

    in_sample: NDArray[np.float64]
    teacher: Signal
    student: Signal
    trained: Signal
    bag: Signal
    teacher_size: Complexity
    student_size: Complexity


def measure(
    data: TransferSet, answers: Answers, *, n_unlabelled: int, query_budget: int | None, seed: int | None
) -> tuple[dict[str, Any], NDArray[np.intp]]:
    """Return the facts, and the positions of likely label errors."""
    assert data.classes is not None
    labels, frozen, hard = data.label_index(), answers.teacher.source == "frozen", answers.teacher.hard
    right = {
        name: np.asarray(getattr(answers, name).values.argmax(axis=1) == labels, dtype=float)
        for name in ("teacher", "student", "trained", "bag")
    }
    accuracy = {name: float(values.mean()) for name, values in right.items()}
    seen = answers.in_sample.argmax(axis=1) == labels
    in_sample = float(seen.mean())
    unseen = None if frozen else accuracy["teacher"]
    gaps, lead = right["teacher"] - right["trained"], right["teacher"] - right["bag"]
    errors = likely_label_errors(data.labels(), answers.bag.values, data.classes)
    facts: dict[str, Any] = {
        "rows": data.n_samples,
        "classes": len(data.classes),
        "fewest_rows_of_a_class": int(np.bincount(labels).min()),
        "unlabelled_rows": n_unlabelled,
        "query_budget": None
        if not n_unlabelled
        else n_unlabelled
        if query_budget is None
        else min(query_budget, n_unlabelled),
        "pool_can_be_queried": query_budget is None or query_budget >= n_unlabelled,
        "teacher_frozen": frozen,
        "teacher_signal": answers.teacher.source,
        "hard_answers": hard,
        "teacher_accuracy_in_sample": in_sample,
        "teacher_accuracy": unseen,
        "overfit": None if unseen is None else in_sample - unseen,
        "student_kind": _kind(answers.student_size),
        "student_accuracy": accuracy["student"],
        "student_trained_accuracy": accuracy["trained"],
        "training_gain": accuracy["trained"] - accuracy["student"],
        "bag_accuracy": accuracy["bag"],
        "capacity_gap": None if frozen else float(gaps.mean()),
        "capacity_gap_std_error": None if frozen else _std_error(gaps),
        "teacher_lead": None if frozen else float(lead.mean()),
        "teacher_lead_std_errors": None if frozen else float(lead.mean() / max(_std_error(lead), TINY)),
        "complexity_ratio": _ratio(answers.teacher_size, answers.student_size),
        "same_kind": answers.teacher_size.kind == answers.student_size.kind,
        "agreement": fidelity(answers.teacher.values, answers.trained.values),
        "label_error_share": errors.share,
        "repeats_label_errors": float(seen[errors.rows].mean()) if len(errors.rows) >= ENOUGH_ERRORS else None,
        **_confidence(data, answers, frozen=frozen, hard=hard),
        **_information(data, answers, seed),
    }
    return facts, errors.rows


def _confidence(data: TransferSet, answers: Answers, *, frozen: bool, hard: bool) -> dict[str, float | None]:
    """Mean top probability and calibration of the teacher, on rows it has seen and on rows it hasn't."""
    assert data.classes is not None
    known: dict[str, NDArray[np.float64]] = {}
    if not hard:
        known["_in_sample"] = answers.in_sample
        if not frozen:
            known[""] = answers.teacher.values
    facts: dict[str, float | None] = {}
    for where in ("_in_sample", ""):
        proba = known.get(where)
        facts[f"confidence{where}"] = None if proba is None else float(proba.max(axis=1).mean())
        facts[f"calibration_error{where}"] = (
            None if proba is None else calibration_error(data.labels(), proba, data.classes)
        )
    seen, unseen = facts["confidence_in_sample"], facts["confidence"]
    facts["confidence_gap"] = None if seen is None or unseen is None else seen - unseen
    return facts


def _information(data: TransferSet, answers: Answers, seed: int | None) -> dict[str, float]:
    """What teacher and student say about the label, both, each alone and together, in nats."""
    assert data.classes is not None
    n_classes = len(data.classes)
    # Room for sure and unsure answers of every class; more clusters cost more bias than they show.
    n_clusters = max(n_classes, min(2 * n_classes, 10))
    teacher, student = (
        discretise(signal.values, n_clusters, random_state=seed) for signal in (answers.teacher, answers.trained)
    )
    parts = partial_information(teacher, student, data.label_index())
    values = len(np.unique(teacher))
    return {
        "information_redundant": parts.redundant,
        "information_unique_teacher": parts.unique_t,
        "information_unique_student": parts.unique_s,
        "information_synergy": parts.synergy,
        "information_bias": (values - 1) * (n_classes - 1) / (2 * data.n_samples),
        "information_clusters": n_clusters,
    }


def _std_error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _kind(size: Complexity) -> str:
    if size.kind != "trees":
        return size.kind
    trees = size.trees or 0
    return "tree" if trees == 1 else "few trees" if trees <= FEW_TREES else "many trees"


def _ratio(teacher: Complexity, student: Complexity) -> float | None:
    return teacher.size / student.size if student.size > 0 else None
