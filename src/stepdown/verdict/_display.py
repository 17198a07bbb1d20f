"""Paired differences as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from ._numbers import Scale
from ._tables import check_schema

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


COLOURS = {"better": "tab:green", "worse": "tab:red", "no practical difference": "tab:olive"}


class ComparisonDisplay:
    """Paired differences with their intervals, around the region of practical equivalence.

    Make it with `from_summary`; `plot` needs matplotlib.

    Parameters
    ----------
    comparisons : sequence of mapping
        Rows with "a", "b", "difference", "low", "high" and "verdict".
    scorer : str
        What the differences are differences of.
    rope : float or None
        Half-width of the region of practical equivalence; None draws none.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        After `plot`.
    figure_ : matplotlib.figure.Figure
        After `plot`.
    """

    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(
        self, comparisons: Sequence[Mapping[str, Any]], *, scorer: str = "score", rope: float | None = None
    ) -> None:
        self.comparisons = comparisons
        self.scorer = scorer
        self.rope = rope

    @classmethod
    def from_summary(cls, summary: Mapping[str, Any], *, ax: Axes | None = None) -> Self:
        """Draw the comparisons of a summary.

        Parameters
        ----------
        summary : mapping
            Of schema 1, with "comparisons".
        ax : matplotlib.axes.Axes, optional
            None makes a new figure.

        Returns
        -------
        ComparisonDisplay
            Plotted.

        Raises
        ------
        ImportError
            If matplotlib is missing, with the line that installs it.
        ValueError
            If the summary is of another schema or has no comparisons.
        """
        check_schema(summary)
        rows = list(summary.get("comparisons") or [])
        if not rows:
            raise ValueError("summary: it has no comparisons to draw; expected a summary of `stepdown.compare`.")
        return cls(rows, scorer=str(summary.get("scorer", "score")), rope=summary.get("rope")).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw on `ax`, or on a new figure."""
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError('ComparisonDisplay.plot needs matplotlib: pip install "stepdown[plot]"') from error

        if ax is None:
            _, ax = plt.subplots(figsize=(7, 0.5 * len(self.comparisons) + 1.2), layout="constrained")
        scale = Scale(self.scorer)
        factor = 100.0 if scale.in_points else 1.0
        places = range(len(self.comparisons))
        for place, row in zip(places, self.comparisons, strict=True):
            colour = COLOURS.get(row["verdict"], "tab:gray")
            ax.plot([factor * row["low"], factor * row["high"]], [place, place], color=colour, linewidth=2)
            ax.plot([factor * row["difference"]], [place], marker="o", color=colour)
        if self.rope:
            ax.axvspan(-factor * self.rope, factor * self.rope, color="tab:gray", alpha=0.15, linewidth=0)
        ax.axvline(0.0, color="black", linewidth=0.8)
        ax.set_yticks(list(places), [f"{row['a']} – {row['b']}" for row in self.comparisons])
        ax.set_ylim(len(self.comparisons) - 0.5, -0.5)
        ax.set_xlabel(f"difference in {self.scorer}{' (points)' if scale.in_points else ''}")
        self.ax_ = ax
        self.figure_ = ax.figure
        return self
