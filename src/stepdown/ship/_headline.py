"""One sentence with a recommendation, which says no more than the numbers do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepdown.verdict import Scale, figure

from ._text import shown

# A student that keeps less of what its teacher has over the baseline isn't recommended without a condition.
ENOUGH = 0.8
UNIT = "\0"
_NAMES = {"r2": "explained variance (R²)"}
TAUGHT = ("one-hop", "one-hop-rows", "multihop")


def headline(summary: Mapping[str, Any]) -> str:
    """The recommendation, the two comparisons that everybody asks for first, and what the teacher brought.

    Parameters
    ----------
    summary : mapping
        With "models" (what student, teacher and the plain student are called) and "pairs": the student's differences to
        "teacher", "baseline", "plain", and to the same student "untaught" or "taught", as `evidence` gives them; or
        that of a verdict or a diagnosis.
    """
    if summary.get("comparisons"):
        summary = {**summary, **of_verdict(summary)}
    elif summary.get("recommendations"):
        return next(str(row["advice"]) for row in summary["recommendations"] if row["role"] == "way")
    scale = Scale(str(summary.get("scorer", "score")))
    pairs = {row["b"]: row for row in summary.get("pairs") or ()}
    models = summary.get("models") or {}
    student, teacher = models.get("student", "student"), models.get("teacher", "teacher")
    if (base := pairs.get("baseline")) is None:
        return f"The {student} is ready, but how good it is was not measured on rows that it had not seen."
    constant = _baseline(summary)
    if base["low"] <= 0:
        how = "is worse than" if base["high"] < 0 else "is not measurably better than"
        return f"Don't ship the {student}: it {how} {constant} ({_signed(base, scale)}{_unit(scale)})."
    against = pairs.get("teacher")
    first = [
        _apart(row, name, scale) for row, name in ((against, f"the {teacher}"), (base, constant)) if row is not None
    ]
    parts = [f"{_advice(student, against, base)}: {', '.join(first)}"]
    if (plain := pairs.get("plain")) is not None:
        parts.append(_apart(plain, str(models.get("plain") or "plain training"), scale))
    if (row := pairs.get("untaught")) is not None:
        parts.append(_teacher_added(row, scale))
    elif (row := pairs.get("taught")) is not None:
        parts.append(_teacher_not_used(row, scale))
    text = f"{'; '.join(parts)}."
    # The unit is said once.
    return text.replace(UNIT, _unit(scale), 1).replace(UNIT, "") + _off(summary)


def _unit(scale: Scale) -> str:
    return f" points of {_NAMES.get(scale.scorer, scale.scorer.replace('_', ' '))}" if scale.in_points else ""


def _off(summary: Mapping[str, Any]) -> str:
    """How far answers are off, in the target's own units."""
    errors = summary.get("errors") or (summary.get("evidence") or {}).get("errors") or {}
    off = errors.get("off")
    if not off:
        return ""
    mine, mean = (figure(off[name][0]) for name in ("student", "baseline"))
    return f" Half of its answers are off by at most {mine}; always answering the mean: {mean}."


def _advice(student: str, against: Mapping[str, Any] | None, base: Mapping[str, Any]) -> str:
    if against is None or against["high"] >= 0:
        return f"Ship the {student}"
    kept = base["difference"] / max(base["difference"] - against["difference"], 1e-12)
    return f"Ship the {student}" if kept >= ENOUGH else f"Ship the {student} only where its size is worth the loss"


def _apart(row: Mapping[str, Any], other: str, scale: Scale) -> str:
    """A difference in words; measurable is one whose interval doesn't hold 0."""
    if row["low"] == row["high"] == 0:
        return f"the same as {other}"
    if row["low"] <= 0 <= row["high"]:
        return f"no measurable difference from {other} ({_signed(row, scale)})"
    return f"{_amount(row, scale)} {'above' if row['difference'] > 0 else 'below'} {other} {_ends(row, scale)}"


def _teacher_added(row: Mapping[str, Any], scale: Scale) -> str:
    if row["low"] == row["high"] == 0:
        return "the teacher made no difference"
    if row["low"] <= 0 <= row["high"]:
        return f"the teacher added nothing measurable ({_signed(row, scale)})"
    return f"the teacher {'added' if row['difference'] > 0 else 'cost'} {_amount(row, scale)} {_ends(row, scale)}"


def _teacher_not_used(row: Mapping[str, Any], scale: Scale) -> str:
    """Of the student's difference to the same student, taught."""
    turned = {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}
    why = "students that it taught were not measurably better"
    if row["low"] == row["high"] == 0:
        return "the teacher is not used: students that it taught were as good"
    if row["low"] > 0:
        why = "students that it taught were worse"
    elif row["high"] < 0:
        why = "students that it taught scored more, but not clearly enough to rely on it"
    return f"the teacher is not used: {why} ({_signed(turned, scale)})"


def _amount(row: Mapping[str, Any], scale: Scale) -> str:
    return _unsigned(row["difference"], scale) + UNIT


def _ends(row: Mapping[str, Any], scale: Scale) -> str:
    """The interval of the amount, where the sentence says its direction."""
    low, high = sorted((abs(row["low"]), abs(row["high"])))
    return f"[{_unsigned(low, scale)}, {_unsigned(high, scale)}]"


def _unsigned(value: float, scale: Scale) -> str:
    return f"{100 * abs(value):.1f}" if scale.in_points else figure(abs(value))


def _signed(row: Mapping[str, Any], scale: Scale) -> str:
    return scale.interval(row)


def _baseline(summary: Mapping[str, Any]) -> str:
    commonest = summary.get("commonest")
    if commonest is None:
        return (
            "always answering the mean"
            if summary.get("task") == "regression"
            else "always answering the commonest class"
        )
    return f"always answering “{shown(commonest)}”"


def of_verdict(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a headline needs, from the comparisons of a verdict."""
    rows = {(row["a"], row["b"]): row for row in summary["comparisons"]}
    pairs = [rows[pair] | {"b": pair[1]} for b in ("teacher", "baseline", "plain") if (pair := ("chosen", b)) in rows]
    chosen = max(summary.get("chosen") or {"": 0}, key=lambda way: (summary.get("chosen") or {}).get(way, 0))
    # With the teacher against the same without it; "one-hop" and "multihop" are the best of their kinds.
    pair = ("multihop", "control") if chosen.startswith("multihop") else ("one-hop", "labels")
    if (row := rows.get(pair)) is not None:
        taught = chosen.startswith(TAUGHT)
        turned = {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}
        pairs.append(row | ({"b": "untaught"} if taught else {"b": "taught", **turned}))
    ways = {way["name"]: way for way in summary.get("ways") or ()}
    models = {
        role: str(ways[way].get("model") or ways[way]["complexity"]["text"])
        for role, way in (("student", "chosen"), ("teacher", "teacher"))
        if way in ways
    }
    if "student" in models:
        models["plain"] = f"a plain {models['student'].split(' with ')[0]}"
    return {"pairs": pairs, "models": (summary.get("models") or {}) or models}
