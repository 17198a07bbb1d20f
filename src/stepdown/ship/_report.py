"""A report on a student, a verdict or a diagnosis: what it says as one dict, and the page that shows it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import _num_samples, check_is_fitted

from stepdown.core import HopRecord, InvalidInputError, package_versions
from stepdown.diagnosis import Diagnosis
from stepdown.learners import complexity, in_words, latency, peel, predictions
from stepdown.verdict import Verdict, count, figure

from ._evidence import Said, as_table, evidence
from ._headline import TAUGHT, headline
from ._page import page
from ._plots import plotted
from ._readable import readable

TIMED_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """What `report` found; ``str(report)`` is its headline.

    Parameters
    ----------
    summary : mapping
        Plain JSON types.
    """

    summary: Mapping[str, Any]

    @property
    def headline(self) -> str:
        """One sentence: the recommendation, and how the student compares."""
        return str(self.summary["headline"])

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as a dict of plain JSON types."""
        return dict(self.summary)

    def to_html(self) -> str:
        """Return one page that needs no other file, no network and no script."""
        return page(self.summary)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page, whole or not at all, and return its path."""
        path = Path(path)
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_text(self.to_html(), encoding="utf-8")
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
        return path

    def plot(self, kind: str, ax: Any = None) -> Any:
        """Draw a part of the report with matplotlib.

        Parameters
        ----------
        kind : {"comparisons", "sizes", "calibration", "confusion", "errors"}
            Which; not every report has all of them.
        ax : matplotlib.axes.Axes, optional
            None makes a new figure.

        Returns
        -------
        display object
            With ``ax_`` and ``figure_``, as those of scikit-learn, whose own it is where there is one.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        InvalidInputError
            If there is no such kind, or nothing of it in this report.
        """
        return plotted(self.summary, kind, ax)

    def __str__(self) -> str:
        return self.headline

    def _repr_html_(self) -> str:
        style = "width:100%;height:40rem;border:1px solid #8888"
        return f'<iframe title="stepdown report" style="{style}" srcdoc="{escape(self.to_html())}"></iframe>'


def report(
    source: Any,
    X: Any = None,
    y: Any = None,
    *,
    feature_names: Sequence[str] | None = None,
    title: str | None = None,
) -> Report:
    """Report on a fitted student, a verdict or a diagnosis: one sentence, and a page behind it.

    Nothing is fitted. Of a fitted estimator the numbers are those of its own validation, on training rows that the
    models hadn't seen; with `X` and `y` of other rows, which the models must not have seen, those of these rows. Rows
    that `fit` got are recognised, and then answers of validation are taken, for the student knows them.

    Parameters
    ----------
    source : MultihopClassifier, MultihopRegressor, Pipeline that ends in one, Verdict or Diagnosis
        Fitted.
    X, y : array-like, optional
        Rows with their targets: those of `fit`, to say in which of them student and teacher disagree, or new ones.
    feature_names : sequence of str, optional
        Of the columns of `X`; by default those of the data frame, or x0, x1 and so on.
    title : str, optional
        Of the page.

    Returns
    -------
    Report
        ``print`` shows its headline, ``save(path)`` writes the page, a notebook shows it.

    Raises
    ------
    InvalidInputError
        If `source` is none of these or isn't fitted, or only one of `X` and `y` is given.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown import MultihopClassifier, ship
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> clf = MultihopClassifier(RandomForestClassifier(30), DecisionTreeClassifier(max_depth=2), random_state=0)
    >>> found = ship.report(clf.fit(X, y), X, y)
    >>> found.headline[:29]
    'Ship the tree with 3 rules: n'
    """
    if isinstance(source, Verdict | Diagnosis):
        if X is not None or y is not None:
            raise InvalidInputError(f"report: a {type(source).__name__} has measured already; give no X and no y.")
        summary = source.to_dict() | ({} if title is None else {"title": title})
        if isinstance(source, Verdict):
            summary |= held_out(source)
        return Report(summary | {"headline": headline(summary)})
    steps, estimator = (source[:-1], source[-1]) if isinstance(source, Pipeline) else (None, source)
    if not hasattr(estimator, "held_out_") and not hasattr(estimator, "teacher"):
        raise InvalidInputError(
            "report: expected a fitted MultihopClassifier or MultihopRegressor, a Verdict or a Diagnosis, got"
            f" {type(source).__name__}."
        )
    check_is_fitted(estimator)
    if (X is None) != (y is None):
        raise InvalidInputError("report: give both X and y, or neither.")
    rows = X if steps is None or X is None or not len(steps) else steps.transform(X)
    model = (
        estimator.student_
        if steps is None or not len(steps)
        else Pipeline([*steps.steps, ("student", estimator.student_)])
    )
    said = said_in_validation(estimator)
    table = None if X is None else as_table(X, feature_names)
    if X is not None and not (said is not None and _same_rows(estimator.held_out_, y)):
        said = _asked_now(estimator, rows, y)
    if said is not None and table is not None:
        taken = _taken(table, estimator.held_out_.rows) if said.source == "validation" else table
        said = with_table(said, taken)
    summary = summary_of(estimator, said, model, feature_names=feature_names)
    summary |= {"versions": package_versions()} | ({} if title is None else {"title": title})
    if X is not None:
        summary["n_samples"], summary["n_features"] = _num_samples(X), int(np.shape(X)[1])
        summary["card"] |= speed(estimator, model, X, rows)
    return Report(summary)


# A fitted estimator ---------------------------------------------------------------------------------------------------


def said_in_validation(estimator: Any, way: str | None = None) -> Said | None:
    """What was answered in validation by the way that ships, or another, and by what it is compared to."""
    held = estimator.held_out_
    if held is None:
        return None
    name = way or held.ways["chosen"]
    if name not in held.answers:
        return None
    kind = next((kind for kind, mine in held.ways.items() if mine == name and kind != "chosen"), "")
    answers = {"student": held.answers[name]}
    for role in ("teacher", "baseline"):
        if role in held.answers and name != role:
            answers[role] = held.answers[role]
    if kind not in ("plain", "") and held.ways.get("plain") in held.answers:
        answers["plain"] = held.answers[held.ways["plain"]]
    if kind in TAUGHT:
        without = held.ways.get("control" if kind == "multihop" else "labels")
        role = "untaught"
    else:
        scores = {row["way"]: row["score"] for row in estimator.comparison_}
        ways = [mine for kind in TAUGHT if (mine := held.ways.get(kind)) in scores]
        without, role = max(ways, key=lambda mine: scores[mine], default=None), "taught"
    if without in held.answers and kind:
        answers[role] = held.answers[without]
    notes = {"n_folds": held.n_folds, "teacher_may_have_seen": held.teacher_may_have_seen}
    return Said(held.y, held.classes, answers, held.sample_weight, None, "validation", notes, held.widening)


def held_out(verdict: Verdict, table: Any = None) -> dict[str, Any]:
    """What a verdict's models answered to the held-out rows, class by class and so on, in plain JSON types."""
    found = verdict.answers
    if found is None:
        return {}
    roles = {"chosen": "student", "teacher": "teacher", "baseline": "baseline", "plain": "plain"}
    answers = {role: found[name] for name, role in roles.items() if name in found}
    said = Said(found["y"], found["classes"], answers, None, table, "verdict")
    return {"evidence": evidence(said, str(verdict.summary["scorer"]))}


def _same_rows(held: Any, y: Any) -> bool:
    y = np.asarray(y).ravel()
    return len(held.rows) > 0 and held.rows.max() < len(y) and np.array_equal(y[held.rows], held.y)


def _asked_now(estimator: Any, rows: Any, y: Any) -> Said:
    """What the models say about rows that are given: new ones, unless nothing was validated and they are known."""
    classes = estimator.classes_ if is_classifier(estimator) else None
    y = np.asarray(y).ravel()
    answers: dict[str, NDArray[Any]] = {"student": predictions(estimator.student_, rows, classes)[0]}
    if hasattr(estimator.teacher_, "predict"):
        answers["teacher"] = predictions(estimator.teacher_, rows, classes)[0]
    if classes is None:
        answers["baseline"] = np.full(len(y), float(np.mean(y)))
    else:
        shares = np.array([np.mean(y == label) for label in classes])
        answers["baseline"] = np.tile(shares, (len(y), 1))
    return Said(y, classes, answers, None, None, "new rows")


def with_table(said: Said, table: Any) -> Said:
    """The same with the columns of its rows as people know them."""
    return replace(said, table=table)


def _taken(table: Any, rows: NDArray[np.intp]) -> Any:
    return table.iloc[rows] if hasattr(table, "iloc") else table.take(rows)


def summary_of(
    estimator: Any,
    said: Said | None,
    model: Any,
    *,
    scorer: str | None = None,
    feature_names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """What a report says about a fitted estimator and the model of it that ships, in plain JSON types."""
    classify = is_classifier(estimator)
    asked = scorer or (estimator.scoring if isinstance(estimator.scoring, str) else None)
    scorer = asked or ("accuracy" if classify else "r2")
    found = None if said is None else evidence(said, scorer)
    size = complexity(model)
    teacher, student = estimator.teacher_, in_words(model, size)
    summary: dict[str, Any] = {
        "schema": 1,
        "task": "classification" if classify else "regression",
        "scorer": scorer,
        "seed": estimator.random_state if isinstance(estimator.random_state, int | np.integer) else None,
        "models": {"student": student, "teacher": in_words(teacher), "plain": f"a plain {student.split(' with ')[0]}"},
        "evidence": found,
        "readable": readable(model, feature_names),
        "card": {
            "model": one_line(peel(model).learner),
            "size": f"{size}, {count(size.bytes)} bytes with its preparation",
        },
        "validation": list(estimator.comparison_),
        "chain": [hop_row(record) for record in estimator.chain_],
    }
    summary["sizes"] = _sizes(estimator, summary, size)
    if summary["readable"] is not None:
        read = summary["readable"]["columns"]
        summary["card"]["columns it reads"] = (
            f"{count(len(read))}: {', '.join(read[:12])}{', …' if len(read) > 12 else ''}"
        )
    return summary | {"headline": headline({**summary, **(found or {})})}


def _sizes(estimator: Any, summary: Mapping[str, Any], size: Any) -> list[dict[str, Any]]:
    """Models with a score and a size; where all were kept, those of the search."""
    found = summary["evidence"]
    if found is None:
        return []
    scores = {row["name"]: row["score"] for row in found["scores"]}
    names = summary["models"]
    rows = [
        {
            "name": names["student"],
            "role": "student",
            "score": scores["student"],
            "bytes": size.bytes,
            "text": str(size),
        }
    ]
    if "teacher" in scores:
        large = complexity(estimator.teacher_)
        rows.append(
            {
                "name": names["teacher"],
                "role": "teacher",
                "score": scores["teacher"],
                "bytes": large.bytes,
                "text": str(large),
            }
        )
    base = {"name": f"always “{found['commonest']}”" if "commonest" in found else "always the mean", "role": "baseline"}
    rows.append({**base, "score": scores["baseline"], "bytes": None, "text": ""})
    kept = [rung for rung in getattr(estimator, "rungs_", ()) if rung.name != "teacher"]
    for rung in kept:
        if rung.score is not None:
            cost = rung.complexity
            rows.append(
                {"name": rung.name, "role": "other", "score": rung.score, "bytes": cost.bytes, "text": str(cost)}
            )
    sizes = estimator.held_out_.sizes if estimator.held_out_ is not None and found["source"] == "validation" else {}
    for row in [] if kept or found["scorer"] != summary["scorer"] else estimator.comparison_:
        if row["way"] in sizes and not row["chosen"]:
            name = {"name": row["way"], "role": "other", "score": row["score"]}
            rows.append(name | {"bytes": sizes[row["way"]], "text": "in validation"})
    return rows


def hop_row(record: HopRecord) -> dict[str, Any]:
    """A model of the chain, and how it came about."""
    size = record.complexity
    return {
        "name": record.name,
        "from": list(record.teachers),
        "method": None if record.method is None else one_line(record.method),
        "trainer": None if record.trainer is None else one_line(record.trainer),
        "model": one_line(peel(record.model).learner),
        "complexity": None if size is None else {"kind": size.kind, "size": size.size, "text": str(size)},
        "score": record.score,
        "seconds": record.seconds,
        "notes": dict(record.notes or {}),
    }


def one_line(thing: Any) -> str:
    """How an object spells itself, on one line."""
    return " ".join(repr(thing).split())


def speed(estimator: Any, model: Any, X: Any, rows: Any) -> dict[str, str]:
    """Microseconds a row of student and teacher, in one call."""
    n_rows = min(_num_samples(X), TIMED_ROWS)

    def first(rows: Any) -> Any:
        return rows.iloc[:n_rows] if hasattr(rows, "iloc") else rows[:n_rows]

    mine = latency(model, first(X), repeats=3)
    told = {"time": f"{figure(mine)} µs a row, {count(n_rows)} rows in one call"}
    if hasattr(estimator.teacher_, "predict"):
        told["time of the teacher"] = f"{figure(latency(estimator.teacher_, first(rows), repeats=1))} µs a row"
    return told
