"""The tables of a report, as text cells, before any renderer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._numbers import NOTHING, Scale, count, figure, seconds, size

SCHEMA = 1

# Metrics that a table has room for, in order, with their headings; whether they are shares.
METRICS = {
    "balanced_accuracy": ("balanced", True),
    "log_loss": ("log loss", False),
    "calibration_error": ("calibration", True),
    "r2": ("R²", True),
    "rmse": ("RMSE", False),
    "mean_squared_error": ("MSE", False),
    "fidelity": ("fidelity", True),
}


BIASED = (
    "† optimistically biased: the frozen teacher may have seen the rows that this student is scored on. Compare on rows"
    " that were held out from its training."
)


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its heading, column heads, rows of cells, which columns hold numbers, and a note below."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    note: str = ""


def check_schema(summary: Mapping[str, Any]) -> None:
    """Refuse a summary of another form rather than render half of it."""
    schema = summary.get("schema")
    if schema != SCHEMA:
        raise ValueError(f"summary: expected schema {SCHEMA}, got {schema!r}; it was written by another version.")


def headline(summary: Mapping[str, Any]) -> str:
    """Return what was done, on what, in one line; before it, where the teacher went unused, that."""
    parts = [str(summary.get("task", ""))]
    if summary.get("n_samples") is not None:
        parts.append(f"{count(summary['n_samples'])} rows")
    if summary.get("n_features") is not None:
        parts.append(f"{count(summary['n_features'])} columns")
    if summary.get("hold_out"):
        parts.append(f"{count(summary['hold_out']['rows'])} held-out rows")
    elif summary.get("folds"):
        parts.append(f"{summary['folds']} outer folds")
    if summary.get("seed") is not None:
        parts.append(f"seed {summary['seed']}")
    if summary.get("weighted"):
        parts.append(f"rows weighted in {summary['weighted']}")
    line = ", ".join(part for part in parts if part)
    return "\n".join(filter(None, [summary.get("teacher_unused"), line]))


def is_biased(row: Mapping[str, Any]) -> bool:
    """Whether the validated score of a way is optimistic, since its frozen teacher may have seen the rows."""
    return row.get("validated") == "frozen"


def tables(summary: Mapping[str, Any]) -> Iterator[Table]:
    """Give the tables that the summary has something for."""
    scale = Scale(str(summary.get("scorer", "score")))
    if summary.get("ways"):
        yield _ways(summary["ways"], scale)
    if summary.get("comparisons"):
        yield _comparisons(summary["comparisons"], scale)
    if summary.get("validation"):
        yield _validation(summary["validation"], scale)
    if summary.get("kinds"):
        yield _kinds(summary["kinds"], scale)
    if summary.get("chain"):
        yield _chain(summary["chain"], scale)
    if summary.get("rungs"):
        yield _rungs(summary["rungs"], scale)


def hop_names(source: Any) -> str:
    """Return the teachers of a hop, a name or several, as one text."""
    if source is None:
        return ""
    return source if isinstance(source, str) else " + ".join(str(name) for name in source)


def _ways(ways: list[Mapping[str, Any]], scale: Scale) -> Table:
    shown = [key for key in METRICS if key != scale.scorer and any(key in (way.get("metrics") or {}) for way in ways)]
    head = ("way", scale.scorer, "std", *(METRICS[key][0] for key in shown), "time", "model")
    rows = []
    for way in ways:
        metrics = way.get("metrics") or {}
        cells = [_metric(metrics.get(key), METRICS[key][1]) for key in shown]
        score = (scale.value(way.get("mean")), scale.spread(way.get("std")))
        rows.append((str(way["name"]), *score, *cells, seconds(way.get("seconds")), size(way.get("complexity"))))
    return Table("Held-out scores", head, tuple(rows), frozenset(range(1, len(head) - 1)))


def _metric(value: float | None, share: bool) -> str:
    return Scale("accuracy").value(value) if share else figure(value)


def _comparisons(rows: list[Mapping[str, Any]], scale: Scale) -> Table:
    body = tuple(
        (
            str(row.get("question") or ""),
            f"{row['a']} – {row['b']}",
            scale.interval(row),
            " / ".join(_percent(row.get(key)) for key in ("p_worse", "p_equivalent", "p_better")),
            str(row["verdict"]),
        )
        for row in rows
    )
    unit = " (points)" if scale.in_points else ""
    head = ("question", "compared", f"difference{unit}", "% worse / same / better", "verdict")
    return Table("Paired differences", head, body, frozenset({2, 3}))


def _percent(probability: float | None) -> str:
    return NOTHING if probability is None else f"{100 * probability:.0f}"


def _validation(rows: list[Mapping[str, Any]], scale: Scale) -> Table:
    head = ("way (* chosen)", scale.scorer, "s.e.", "difference", "s.e.")
    title = "Validated on training rows (differences to labels)"
    note = BIASED if any(is_biased(row) for row in rows) else ""
    return Table(title, head, _scored(rows, "way", scale), frozenset({1, 2, 3, 4}), note)


def _kinds(rows: list[Mapping[str, Any]], scale: Scale) -> Table:
    head = ("kind (* chosen)", scale.scorer, "s.e.", "difference", "s.e.")
    title = f"Kinds of student (differences to {rows[0]['kind']})"
    note = f"{rows[0]['kind']} is left only for what is better by more than the noise of the comparison."
    return Table(title, head, _scored(rows, "kind", scale), frozenset({1, 2, 3, 4}), note)


def _scored(rows: list[Mapping[str, Any]], name: str, scale: Scale) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            f"{row[name]}{' †' if is_biased(row) else ''}{' *' if row.get('chosen') else ''}",
            scale.value(row.get("score")),
            scale.spread(row.get("std_error")),
            scale.difference(row.get("difference")),
            scale.spread(row.get("difference_std_error")),
        )
        for row in rows
    )


def _chain(rows: list[Mapping[str, Any]], scale: Scale) -> Table:
    body = tuple(
        (
            str(row["name"]),
            hop_names(row.get("from")) or NOTHING,
            str(row.get("method") or NOTHING),
            scale.value(row.get("score")),
            seconds(row.get("seconds")),
            size(row.get("complexity")),
        )
        for row in rows
    )
    head = ("hop", "learns from", "method", scale.scorer, "time", "model")
    return Table("Chain", head, body, frozenset({3, 4}))


def _rungs(rows: list[Mapping[str, Any]], scale: Scale) -> Table:
    body = tuple(
        (
            f"{row['name']}{' *' if row.get('shipped') else ''}",
            scale.value(row.get("score")),
            str(row.get("validated") or NOTHING),
            count(row.get("rules")),
            count(row.get("bytes")),
            figure(row.get("us_per_row")),
            "yes" if row.get("efficient") else "no",
        )
        for row in rows
    )
    head = ("model (* shipped)", scale.scorer, "validated", "rules", "bytes", "µs a row", "efficient")
    note = "efficient: no other model that is as small, in bytes, scores as well."
    return Table("Models of the search", head, body, frozenset({1, 3, 4, 5}), note)
