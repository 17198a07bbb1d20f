"""The verdict in plain sentences that don't say more than the numbers do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._numbers import Scale
from ._tables import is_biased

NAMES = {
    "plain": "the simple model alone",
    "labels": "labels alone with the same trainer",
    "one-hop": "one-hop transfer",
    "multihop": "the multihop chain",
    "control": "the control (the same chain begun from labels, the teacher unused)",
    "chosen": "the chosen student",
    "teacher": "the teacher",
    "baseline": "always the same answer (the commonest class or the mean)",
}


def summary_sentence(summary: Mapping[str, Any]) -> str:
    """Say in English what a comparison showed.

    Every paired comparison is reported with its interval, then what the control supports: without it no gain of a chain
    can be attributed to its teacher.

    Parameters
    ----------
    summary : mapping
        As `stepdown.compare` gives it, or the result of ``stepdown run``, which holds validated scores only.

    Returns
    -------
    str

    Examples
    --------
    >>> row = {"a": "multihop", "b": "one-hop", "difference": 0.012, "low": 0.003, "high": 0.021, "verdict": "better"}
    >>> text = summary_sentence({"schema": 1, "scorer": "accuracy", "comparisons": [row]})
    >>> text.split(". ")[0]
    'The multihop chain is better than one-hop transfer: +1.2 points [+0.3, +2.1]'
    """
    scale = Scale(str(summary.get("scorer", "score")))
    comparisons = list(summary.get("comparisons") or [])
    unused = [str(summary["teacher_unused"])] if summary.get("teacher_unused") else []
    if not comparisons:
        return " ".join([*unused, *_of_notes(summary), _of_validation(summary, scale)])
    undecided = [row for row in comparisons if row["verdict"] == "undecided"]
    if len(undecided) < 2:
        told = [_of_pair(row, scale) for row in comparisons]
    else:
        told = [_of_pair(row, scale) for row in comparisons if row not in undecided]
        told.append(f"Undecided: {'; '.join(_in_short(row, scale) for row in undecided)}.")
    about = [*_of_control(comparisons), *_of_notes(summary), *_of_frozen(summary), *_of_hold_out(summary)]
    return " ".join([*unused, *told, *about])


def _sides(row: Mapping[str, Any]) -> tuple[str, str]:
    return NAMES.get(row["a"], str(row["a"])), NAMES.get(row["b"], str(row["b"]))


def _in_short(row: Mapping[str, Any], scale: Scale) -> str:
    return f"{' against '.join(_sides(row))}, {_points(row, scale)}"


def _of_pair(row: Mapping[str, Any], scale: Scale) -> str:
    a, b = _sides(row)
    claim = {
        "better": f"{a} is better than {b}",
        "worse": f"{a} is worse than {b}",
        "no practical difference": f"there is no practical difference between {a} and {b}",
    }.get(row["verdict"], f"it is undecided whether {a} is better or worse than {b}")
    return f"{claim[0].upper()}{claim[1:]}: {_points(row, scale)}."


def _points(row: Mapping[str, Any], scale: Scale) -> str:
    number, _, bounds = scale.interval(row).partition(" ")
    return f"{number}{scale.unit}{' ' + bounds if bounds else ''}"


def _of_control(comparisons: list[Mapping[str, Any]]) -> list[str]:
    """What the control shows about the chain; nothing where there is no chain."""
    if not any(row["a"] == "multihop" for row in comparisons):
        return []
    against = next((row for row in comparisons if row["a"] == "multihop" and row["b"] == "control"), None)
    if against is None:
        return ["No control was run, so no gain of the chain can be attributed to its teacher."]
    return {
        "better": ["So the chain owes part of its score to its teacher."],
        "worse": ["So the chain would do better without its teacher."],
        "no practical difference": ["So the chain does as well without its teacher."],
    }.get(against["verdict"], ["So no gain of the chain can be attributed to its teacher."])


def _of_notes(summary: Mapping[str, Any]) -> list[str]:
    """What each model was worth to the targets of a student, where the method says so."""
    said = [(way["name"], way.get("notes")) for way in summary.get("ways") or []]
    said += [("chosen", row.get("notes")) for row in (summary.get("chain") or [])[-1:]]
    told: list[str] = []
    for name, notes in said:
        worth = ", ".join(f"{model} {value:.2f}" for model, value in (notes or {}).items())
        if worth:
            told.append(f"The targets of {NAMES.get(name, name)} are made of: {worth}.")
    return told


def _of_frozen(summary: Mapping[str, Any]) -> list[str]:
    if not summary.get("frozen_teacher"):
        return []
    return [
        "The teacher was already fitted and may have seen the held-out rows; if so, its own score, and slightly those"
        " of the students it taught, are optimistically biased."
    ]


def _of_hold_out(summary: Mapping[str, Any]) -> list[str]:
    if not summary.get("hold_out"):
        return []
    return [
        "Intervals are about these models on rows like the held-out ones; other training rows aren't accounted for."
    ]


def _of_validation(summary: Mapping[str, Any], scale: Scale) -> str:
    rows = list(summary.get("validation") or [])
    chosen = next((row for row in rows if row.get("chosen")), None)
    if chosen is None:
        return "Nothing was compared."
    words = f"Validated on training rows, {NAMES.get(chosen['way'], chosen['way'])} was chosen"
    if chosen.get("score") is not None:
        words += f", scoring {scale.value(chosen['score'])}{' %' if scale.scorer.endswith('accuracy') else ''}"
    best = max((row for row in rows if row.get("score") is not None), key=lambda row: row["score"], default=None)
    if best is not None and best is not chosen and best["score"] > (chosen.get("score") or best["score"]):
        more = "an optimistically biased score" if is_biased(best) and not is_biased(chosen) else "not clearly more"
        words += f" ({NAMES.get(best['way'], best['way'])} scored {scale.value(best['score'])}, {more})"
    return f"{words}. These scores helped to choose, so they are not a verdict; `compare` gives one."
