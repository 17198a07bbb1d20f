"""The outcome of a comparison as one dict of plain JSON types, which reports render."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from stepdown.core import fingerprint, package_versions
from stepdown.learners import predictions

from ._classification import accuracy, balanced_accuracy
from ._fidelity import fidelity
from ._metrics import classification_metrics, regression_metrics
from ._paired import compare_paired

SCHEMA = 1

# The kinds of ways, in the order in which tables show them.
WAYS = ("plain", "labels", "one-hop", "one-hop-rows", "multihop", "control")

# Pairs of ways, and what their difference answers. Only those about training have different trainers on both sides.
QUESTIONS = (
    ("chosen", "plain", "everything together"),
    ("chosen", "labels", "everything but the training"),
    ("chosen", "teacher", "the price of simplicity"),
    ("chosen", "baseline", "anything at all"),
    ("labels", "plain", "better training"),
    ("one-hop", "labels", "the teacher"),
    ("multihop", "one-hop", "the hops"),
    ("multihop", "one-hop-rows", "the hops, further rows on both sides"),
    ("multihop", "control", "the chain's teacher"),
)
SHOWN = ("difference", "low", "high", "p_worse", "p_equivalent", "p_better")


def held_out_metrics(
    model: Any, X: Any, y: NDArray[Any], teacher_says: NDArray[np.float64], classes: NDArray[Any] | None
) -> dict[str, float]:
    """Metrics of one fitted model on rows that it has not seen; those of probabilities only where it gives any."""
    says, hard = predictions(model, X, classes)
    if classes is None:
        return regression_metrics(y, says, teacher_says)
    # A class that the training part lacks has no column, and then no metric of probabilities is defined.
    if not hard and np.isin(y, classes).all():
        return classification_metrics(y, says, classes, teacher_says)
    answers = np.asarray(classes)[np.argmax(says, axis=1)]
    return {
        "accuracy": accuracy(y, answers),
        "balanced_accuracy": balanced_accuracy(y, answers),
        "fidelity": fidelity(teacher_says, says),
    }


def summarise(
    multihop: Any,
    X: Any,
    y: Any,
    folds: list[dict[str, Any]],
    *,
    sizes: tuple[float, float],
    scorer: str,
    rope: float,
    level: float,
) -> dict[str, Any]:
    """Summarise outer folds."""
    names = [name for name in (*WAYS, "chosen", "teacher", "baseline") if name in folds[0]["ways"]]
    scores = {name: np.array([fold["ways"][name]["score"] for fold in folds]) for name in names}
    comparisons = []
    for a, b, question in QUESTIONS:
        if a in scores and b in scores:
            outcome = compare_paired(scores[a], scores[b], n_train=sizes[0], n_test=sizes[1], rope=rope, level=level)
            row = {"a": a, "b": b, "question": question, "verdict": outcome.verdict, "p": outcome.p_value}
            comparisons.append(row | {key: getattr(outcome, key) for key in SHOWN})
    summary: dict[str, Any] = {
        "schema": SCHEMA,
        "task": "classification" if is_classifier(multihop) else "regression",
        "scorer": scorer,
        "n_samples": int(np.shape(y)[0]),
        "n_features": int(np.shape(X)[1]),
        "folds": len(folds),
        "train_rows": sizes[0],
        "test_rows": sizes[1],
        "rope": rope,
        "level": level,
        "seed": multihop.random_state if isinstance(multihop.random_state, int | np.integer) else None,
        "ways": [_way_row(name, [fold["ways"][name] for fold in folds]) for name in names],
        "frozen_teacher": any(fold["frozen"] for fold in folds),
        "chosen": dict(Counter(fold["chosen"] for fold in folds)),
        "teacher_unused": _teacher_unused(folds),
        "comparisons": comparisons,
        "chain": [],
        "versions": package_versions(),
        "data": {"fingerprint": fingerprint(X, y)},
    }
    return summary


def _teacher_unused(folds: list[dict[str, Any]]) -> str:
    """In how many folds the chosen student learned nothing from the teacher, and by what; "" where it always did."""
    without = Counter(fold["chosen"] for fold in folds if not fold["uses_teacher"])
    if not without:
        return ""
    ways = " or ".join(repr(name) for name in without)
    return f"The teacher is not used in {without.total()} of {len(folds)} outer folds: {ways} was chosen there."


def _way_row(name: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    scores = [result["score"] for result in results]
    shared = set.intersection(*(set(result["metrics"]) for result in results))
    notes = [result["notes"] for result in results]
    noted = set.intersection(*(set(said) for said in notes))
    last = results[-1]["size"]
    return {
        "name": name,
        "mean": float(np.mean(scores)),
        "std": float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0,
        "scores": scores,
        "metrics": {
            key: float(np.mean([result["metrics"][key] for result in results]))
            for key in results[0]["metrics"]
            if key in shared
        },
        "complexity": {
            "kind": last.kind,
            "size": float(np.mean([result["size"].size for result in results])),
            "text": results[-1]["model"] if name == "baseline" else str(last),
        },
        "seconds": float(np.mean([result["seconds"] for result in results])),
        "notes": {key: float(np.mean([said[key] for said in notes])) for key in notes[0] if key in noted},
        "model": results[-1]["model"],
    }
