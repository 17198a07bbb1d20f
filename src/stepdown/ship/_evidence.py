"""What a report says about rows: scores with intervals, classes, calibration, and where two models disagree.

Everything is computed from answers that were given already, so nothing is fitted here.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import confusion_matrix, get_scorer

from stepdown.verdict import calibration_error

from ._cells import Reading, cells_of, is_gap, numbers_of
from ._reading import read_column
from ._text import clock, plain, quoted, shown

Floats = NDArray[np.float64]
LEVEL = 0.95
ROPE = 0.01  # as in `compare`
RESAMPLES = 200
MOST_RESAMPLED = 20_000  # rows
MOST_COLUMNS = 200
MOST_SEGMENTS = 6
FEWEST_ROWS = 10
CLEAR = 3.0  # standard errors, because many segments are looked at
MOST_CLASSES = 15
POINTS = 300


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """Rows, what is true of them, and what models answered: "student", "teacher", "baseline", "plain", "untaught"."""

    y: NDArray[Any]
    classes: NDArray[Any] | None
    answers: Mapping[str, NDArray[Any]]
    weight: Floats | None = None
    table: Any = None
    source: str = "validation"
    notes: Mapping[str, Any] = field(default_factory=dict)
    widening: float = 1.0

    def shares(self) -> Floats:
        weight = np.ones(len(self.y)) if self.weight is None else self.weight
        return np.asarray(weight / weight.sum(), dtype=np.float64)

    def right(self, name: str) -> NDArray[np.bool_]:
        """Whether the label of a model is right."""
        assert self.classes is not None
        return np.asarray(self.classes[self.answers[name].argmax(axis=1)] == self.y)


def evidence(said: Said, scorer: str) -> dict[str, Any]:
    """The same in plain JSON types; differences are student less other, in units of the score."""
    scores, rows = _scores(said, scorer)
    found: dict[str, Any] = {
        "source": said.source,
        "n_rows": len(said.y),
        **said.notes,
        **scores,
        "pairs": rows,
        "disagreement": _disagreement(said),
    }
    if said.classes is None:
        found["errors"] = _errors(said)
    else:
        found |= {"classes": _classes(said), "confusion": _confusion(said), "calibration": _calibration(said)}
        shares = said.answers["baseline"].mean(axis=0)
        found["commonest"] = str(said.classes[int(shares.argmax())])
    return found


# Scores ---------------------------------------------------------------------------------------------------------------


class _Answers(BaseEstimator):
    """A model that knows its answers by the number of the row."""

    def __init__(self, values: Any, classes: Any) -> None:
        self.values = values
        self.classes_ = classes

    def predict(self, rows: Any) -> Any:
        return self.values[rows] if self.classes_ is None else self.classes_[self.values[rows].argmax(axis=1)]

    def __sklearn_is_fitted__(self) -> bool:
        return True


class _Labels(ClassifierMixin, _Answers):
    def predict_proba(self, rows: Any) -> Any:
        return self.values[rows]


class _Numbers(RegressorMixin, _Answers):
    pass


def _scores(said: Said, scorer: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The score of every model with its interval, and the student's difference to each of the others."""
    found = _by_rows(said, scorer)
    if found is None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = _resampled(said, scorer)
        except Exception:  # a scorer that reads from models what stored answers haven't got
            scorer = "accuracy" if said.classes is not None else "r2"
            found = _by_rows(said, scorer)
            assert found is not None
    values, errors, gaps = found
    z = float(norm.isf((1 - LEVEL) / 2))
    scores = [
        {"name": name, "score": value, "low": value - z * errors[name], "high": value + z * errors[name]}
        for name, value in values.items()
    ]
    rows = [
        {"a": "student", "b": name, "difference": gap, "low": gap - z * error, "high": gap + z * error}
        | {"verdict": _verdict(gap, error)}
        for name, (gap, over_rows) in gaps.items()
        for error in (said.widening * over_rows,)
    ]
    return {"scorer": scorer, "scores": scores}, rows


Found = tuple[dict[str, float], dict[str, float], dict[str, tuple[float, float]]]


def _by_rows(said: Said, scorer: str) -> Found | None:
    """Scores that are means over rows."""
    share = said.shares()
    if scorer == "accuracy" and said.classes is not None:
        each = {name: said.right(name).astype(np.float64) for name in said.answers}
    elif scorer == "r2" and said.classes is None:
        # A ratio of two sums over the rows: each row's share in it to first order, for both are known from these rows.
        y = said.y.astype(np.float64)
        spread = (y - share @ y) ** 2
        variance = max(float(share @ spread), np.finfo(float).tiny)
        each = {}
        for name, values in said.answers.items():
            off = (values.astype(np.float64) - y) ** 2
            lost = float(share @ off) / variance
            each[name] = 1 - lost + (lost * spread - off) / variance
    else:
        return None

    def mean(values: Floats) -> tuple[float, float]:
        centre = float(share @ values)
        spread = float(np.sum(share**2 * (values - centre) ** 2))
        return centre, float(np.sqrt(spread * len(values) / max(1, len(values) - 1)))

    means = {name: mean(values) for name, values in each.items()}
    gaps = {name: mean(each["student"] - values) for name, values in each.items() if name != "student"}
    return {name: one for name, (one, _) in means.items()}, {name: error for name, (_, error) in means.items()}, gaps


def _resampled(said: Said, scorer: str) -> Found:
    """Any other score of scikit-learn's, with standard errors from resampled rows."""
    rng, score = np.random.default_rng(0), get_scorer(scorer)
    kind = _Numbers if said.classes is None else _Labels
    models = {name: kind(values, said.classes) for name, values in said.answers.items()}
    keywords = {} if said.weight is None else {"sample_weight": said.weight}
    rows = np.arange(len(said.y))
    values = {name: float(score(model, rows, said.y, **keywords)) for name, model in models.items()}
    n_rows = min(len(rows), MOST_RESAMPLED)
    drawn: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(RESAMPLES):
        some = rng.integers(0, len(rows), n_rows)
        mine = {name: weight[some] for name, weight in keywords.items()}
        for name, model in models.items():
            drawn[name].append(float(score(model, some, said.y[some], **mine)))
    shrink = float(np.sqrt(n_rows / len(rows)))
    tries = {name: np.array(draws) for name, draws in drawn.items()}
    errors = {name: float(np.nanstd(draws)) * shrink for name, draws in tries.items()}
    gaps = {
        name: (values["student"] - values[name], float(np.nanstd(tries["student"] - draws)) * shrink)
        for name, draws in tries.items()
        if name != "student"
    }
    if not all(np.isfinite([*values.values(), *errors.values()])):
        raise ValueError(f"{scorer} isn't defined for these answers")
    return values, errors, gaps


def _verdict(gap: float, error: float) -> str:
    """The words of `compare`, from a normal distribution around the difference."""
    if error == 0:
        return "no practical difference" if abs(gap) <= ROPE else "better" if gap > 0 else "worse"
    better, worse = float(norm.sf((ROPE - gap) / error)), float(norm.cdf((-ROPE - gap) / error))
    for words, p in (("better", better), ("worse", worse), ("no practical difference", 1 - better - worse)):
        if p >= LEVEL:
            return words
    return "undecided"


# Classes and numbers --------------------------------------------------------------------------------------------------


def _classes(said: Said) -> list[dict[str, Any]]:
    """One row a class: how many rows it has, how many of them are found, how many of those so answered are right."""
    assert said.classes is not None
    truth, rows = np.searchsorted(said.classes, said.y), []
    answers = {name: said.answers[name].argmax(axis=1) for name in ("student", "teacher") if name in said.answers}
    for place, label in enumerate(said.classes):
        mine = truth == place
        row: dict[str, Any] = {"class": str(label), "rows": int(mine.sum())}
        for name, answer in answers.items():
            row |= {
                f"{name}_found": float((answer[mine] == place).mean()) if mine.any() else None,
                f"{name}_right": float(mine[answer == place].mean()) if (answer == place).any() else None,
            }
        rows.append(row)
    return rows


def _confusion(said: Said) -> dict[str, Any] | None:
    assert said.classes is not None
    if len(said.classes) > MOST_CLASSES:
        return None
    answers = said.classes[said.answers["student"].argmax(axis=1)]
    counts = confusion_matrix(said.y, answers, labels=said.classes)
    return {"classes": [str(label) for label in said.classes], "counts": counts.tolist()}


def _calibration(said: Said) -> dict[str, Any] | None:
    """How often what the student answers is right, by how sure it says it is."""
    assert said.classes is not None
    values = said.answers["student"].astype(np.float64)
    if np.isin(values, (0.0, 1.0)).all():
        return None  # answers without probabilities, or of a student that is always certain
    sure, right = values.max(axis=1), said.right("student")
    cuts = np.unique(np.quantile(sure, np.linspace(0, 1, 11)[1:-1]))
    place, bins = np.searchsorted(cuts, sure, side="left"), []
    for number in np.unique(place):
        mine = place == number
        came = float(right[mine].mean())
        error = float(np.sqrt(max(came * (1 - came), 0.25 / mine.sum()) / mine.sum()))
        bins.append({"rows": int(mine.sum()), "stated": float(sure[mine].mean()), "right": came, "std_error": error})
    values /= values.sum(axis=1, keepdims=True)
    return {"bins": bins, "error": calibration_error(said.y, values, said.classes)}


def _errors(said: Said) -> dict[str, Any]:
    """Of numbers: how far answers are off, in units of the target, and some rows to draw."""
    y, answer = said.y.astype(np.float64), said.answers["student"].astype(np.float64)
    some = np.unique(np.linspace(0, len(y) - 1, POINTS).astype(int))
    off = {
        name: np.quantile(np.abs(said.answers[name] - y), (0.5, 0.9)).tolist()
        for name in ("student", "teacher", "baseline")
        if name in said.answers
    }
    return {"off": off, "points": [[float(a), float(b)] for a, b in zip(y[some], answer[some], strict=True)]}


# Disagreement ---------------------------------------------------------------------------------------------------------


def _disagreement(said: Said) -> dict[str, Any] | None:
    if "teacher" not in said.answers:
        return None
    mine, theirs = said.answers["student"], said.answers["teacher"]
    if said.classes is None:
        y = said.y.astype(np.float64)
        gap = np.abs(mine.astype(np.float64) - theirs)
        apart = gap > np.quantile(gap, 0.8)  # the fifth of the rows on which they are furthest apart
        closer = np.abs(mine - y) < np.abs(theirs - y)
        right = {"student": closer, "teacher": ~closer}
    else:
        apart = mine.argmax(axis=1) != theirs.argmax(axis=1)
        right = {name: said.right(name) for name in ("student", "teacher")}
    found: dict[str, Any] = {"rows": int(apart.sum()), "share": float(apart.mean())}
    if not apart.any():
        return found
    found |= {f"{name}_right": float(values[apart].mean()) for name, values in right.items()}
    if said.table is not None:
        found["segments"] = _segments(said.table, apart, right)
    return found


def _segments(table: Any, apart: NDArray[np.bool_], right: Mapping[str, NDArray[np.bool_]]) -> list[dict[str, Any]]:
    """Parts of the table, by one column each, where models disagree clearly more often than elsewhere."""
    found = []
    for name in list(table.columns)[:MOST_COLUMNS]:
        best: dict[str, Any] | None = None
        for text, mine in _parts(str(name), cells_of(table, name)):
            n_rows, n_others = int(mine.sum()), int((~mine).sum())
            if min(n_rows, n_others) < FEWEST_ROWS:
                continue
            inside, outside = float(apart[mine].mean()), float(apart[~mine].mean())
            both = float(apart.mean())
            z = (inside - outside) / np.sqrt(both * (1 - both) * (1 / n_rows + 1 / n_others) + 1e-12)
            if z > CLEAR and (best is None or z > best["z"]):
                here = mine & apart
                best = {"rows": text, "n_rows": n_rows, "share": inside, "z": float(z)}
                best |= {f"{model}_right": float(values[here].mean()) for model, values in right.items()}
        if best is not None:
            found.append(best)
    return sorted(found, key=lambda part: -part["z"])[:MOST_SEGMENTS]


def _parts(name: str, cells: NDArray[Any]) -> list[tuple[str, NDArray[np.bool_]]]:
    """Each value of a category, and each quarter of numbers or dates, in words."""
    reading = read_column(name, cells)
    if not isinstance(reading, Reading):
        return []
    name = shown(name)
    if reading.kind == "category":
        values = np.array([None if is_gap(cell) else str(cell) for cell in cells.tolist()], dtype=object)
        parts = [(f"{name} is {shown(value)}", values == str(value)) for value in reading.values]
        return [*parts, (f"{name} is missing", values == None)]  # noqa: E711  # cell by cell
    if reading.kind == "text":
        told_words = [f"{name} has the word {quoted(str(word))}" for word in reading.values]
        told_words += [f"{name} is missing"] * reading.marks_gaps
        return list(zip(told_words, reading.features(cells).T > 0, strict=True))
    numbers = numbers_of(cells, reading.written)
    known = numbers[~np.isnan(numbers)]
    low, middle, high = (float(cut) for cut in np.quantile(known, (0.25, 0.5, 0.75)))

    def told(cut: float) -> str:
        if reading.kind == "date":
            return str(np.datetime64("1970-01-01") + np.timedelta64(int(cut), "D"))
        if reading.written.clock:
            return clock(cut, reading.written.clock)
        return plain(float(f"{cut:.4g}"))

    return [
        (f"{name} ≤ {told(low)}", numbers <= low),
        (f"{told(low)} < {name} ≤ {told(middle)}", (numbers > low) & (numbers <= middle)),
        (f"{told(middle)} < {name} ≤ {told(high)}", (numbers > middle) & (numbers <= high)),
        (f"{name} > {told(high)}", numbers > high),
        (f"{name} is missing", np.isnan(numbers)),
    ]


def as_table(X: Any, names: Sequence[str] | None) -> Any:
    """Columns of a data frame as they are, or those of an array by name; None for what has no columns."""
    if hasattr(X, "columns"):
        return X
    values = np.asarray(X) if not hasattr(X, "toarray") and not callable(X) else None
    if values is None or values.ndim != 2:
        return None
    return _Columns(names or [f"x{place}" for place in range(values.shape[1])], values)


class _Columns:
    def __init__(self, names: Sequence[str], values: NDArray[Any]) -> None:
        self.columns = list(names)
        self._values = values

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._values[:, self.columns.index(name)]

    def take(self, rows: NDArray[np.intp]) -> _Columns:
        """Some of the rows."""
        return _Columns(self.columns, self._values[rows])
