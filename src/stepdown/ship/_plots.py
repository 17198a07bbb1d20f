"""The pictures of a report by matplotlib, as display objects: scikit-learn's own where it has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import ConfusionMatrixDisplay, PredictionErrorDisplay

from stepdown.core import InvalidInputError
from stepdown.verdict import ComparisonDisplay, Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

COLOURS = {"student": "tab:blue", "teacher": "tab:orange"}
KINDS = ("comparisons", "sizes", "calibration", "confusion", "errors")


class SizeDisplay:
    """Models by their size and score.

    Parameters
    ----------
    models : sequence of mapping
        Rows with "name", "role", "score" and "bytes"; one without bytes, the baseline, is a line.
    scorer : str
        What the score is.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        After `plot`.
    figure_ : matplotlib.figure.Figure
        After `plot`.
    """

    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(self, models: Sequence[Mapping[str, Any]], *, scorer: str = "score") -> None:
        self.models = models
        self.scorer = scorer

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw on `ax`, or on a new figure."""
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        factor = 100.0 if Scale(self.scorer).in_points else 1.0
        for model in self.models:
            score, colour = factor * model["score"], COLOURS.get(model["role"], "tab:gray")
            if model["bytes"] is None:
                ax.axhline(score, color=colour, linestyle="--", linewidth=1)
                ax.annotate(str(model["name"]), (0.01, score), xycoords=("axes fraction", "data"), va="bottom")
            else:
                ax.plot([model["bytes"]], [score], marker="o", color=colour)
                ax.annotate(
                    str(model["name"]), (model["bytes"], score), (6, 0), textcoords="offset points", va="center"
                )
        ax.set_xscale("log")
        ax.set_xlabel("size in bytes")
        ax.set_ylabel(f"{self.scorer} (%)" if factor > 1 else self.scorer)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def plotted(summary: Mapping[str, Any], kind: str, ax: Axes | None) -> Any:
    """The display of one kind, drawn."""
    if kind not in KINDS:
        raise InvalidInputError(f"plot: expected one of {', '.join(KINDS)}, got {kind!r}.")
    try:
        import matplotlib as mpl  # noqa: F401  # asked for here, so that the message says how it is installed
    except ImportError as error:
        raise ImportError('Report.plot needs matplotlib: pip install "stepdown[plot]"') from error
    found = summary.get("evidence") or {}
    scorer = str(found.get("scorer") or summary.get("scorer", "score"))
    if kind == "comparisons" and (rows := summary.get("comparisons") or found.get("pairs")):
        return ComparisonDisplay(rows, scorer=scorer, rope=summary.get("rope")).plot(ax)
    if kind == "sizes" and summary.get("sizes"):
        return SizeDisplay(summary["sizes"], scorer=scorer).plot(ax)
    if kind == "calibration" and (known := found.get("calibration")):
        true, stated = (np.array([row[key] for row in known["bins"]]) for key in ("right", "stated"))
        return CalibrationDisplay(true, stated, stated, estimator_name="student").plot(ax=ax)
    if kind == "confusion" and (known := found.get("confusion")):
        counts = np.array(known["counts"])
        return ConfusionMatrixDisplay(counts, display_labels=known["classes"]).plot(ax=ax)
    if kind == "errors" and (known := found.get("errors")):
        true, answered = np.array(known["points"]).T
        return PredictionErrorDisplay(y_true=true, y_pred=answered).plot(ax=ax, kind="actual_vs_predicted")
    raise InvalidInputError(f"plot({kind!r}): this report has nothing of that kind.")
