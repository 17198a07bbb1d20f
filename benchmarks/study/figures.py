"""The figures of docs/when-hops-help.md: small SVG files, the same bytes whenever the numbers are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "stepdown",
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
COLOURS = {"again": "#4477aa", "frozen": "#cc6677", "hard answers": "#999933"}
MARKS = ("o", "s", "D", "^", "v")
SHADES = ("#4477aa", "#66ccee", "#cc6677", "#999933", "#888888")


@contextmanager
def _figure(path: Path, width: float, height: float) -> Iterator[Figure]:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    # Matplotlib leaves spaces at the ends of lines.
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


def _point(
    axes: Axes, effect: dict[str, Any], y: float, *, colour: str, mark: str = "o", label: str | None = None
) -> None:
    """A mean and its 95 % interval; hollow where the interval holds 0."""
    if "low" not in effect:
        return
    clear = effect["low"] > 0 or effect["high"] < 0
    axes.plot([effect["low"], effect["high"]], [y, y], color=colour, lw=1)
    axes.plot(effect["mean"], y, mark, color=colour, mfc=colour if clear else "white", ms=4, label=label)


def _finish(axes: Axes, names: Sequence[str], title: str, limit: float | None = None) -> None:
    axes.axvline(0, color="black", lw=0.6)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(title)
    if limit is not None:
        axes.set_xlim(-limit, limit)


def draw_situations(rows: Sequence[dict[str, Any]], path: Path, name_of: Callable[[dict[str, Any]], str]) -> None:
    """The bridge's advantage over one hop in every situation, the largest above."""
    rows = sorted(rows, key=lambda row: -row["effects"]["bridge"]["mean"])
    with _figure(path, 6.5, 0.9 + 0.17 * len(rows)) as figure:
        axes = figure.subplots()
        for place, row in enumerate(rows):
            _point(axes, row["effects"]["bridge"], place, colour=COLOURS[row["given"]])
        _finish(axes, [name_of(row) for row in rows], "bridge less one hop, points (95 %)")


def draw_ways(rows: Sequence[dict[str, Any]], path: Path, name_of: Callable[[dict[str, Any]], str]) -> None:
    """Every way against labels alone, by how the teacher is given."""
    ways = {
        "one-hop": "one-hop",
        "one-hop, regularised teacher": "one-hop, teacher regularised",
        "multihop-bare": "bridge",
        "control": "control",
        "as advised": "as diagnose advises",
    }
    with _figure(path, 6.5, 0.9 + 0.75 * len(rows)) as figure:
        axes = figure.subplots()
        for place, row in enumerate(rows):
            for number, (way, label) in enumerate(ways.items()):
                y = place + 0.15 * (number - (len(ways) - 1) / 2)
                told = label if place == 0 else None
                _point(axes, row["ways"][way], y, colour=SHADES[number], mark=MARKS[number], label=told)
        _finish(axes, [name_of(row) for row in rows], "less labels alone with the same trainer, points (95 %)")
        figure.legend(loc="outside upper center", ncols=3, frameon=False)


def draw_networks(rows: Sequence[dict[str, Any]], path: Path, ways: Sequence[str]) -> None:
    """Every way between networks against one hop: KD's accuracy, and the retrieval of information flow."""
    shown = (("KD", "KD: accuracy, points"), ("retrieval", "information flow: mAP, points"))
    names = list(dict.fromkeys((row["data"], row["rows"], row["noise"]) for row in rows))
    with _figure(path, 7, 0.9 + 0.6 * len(names)) as figure:
        for axes, (score, title) in zip(figure.subplots(1, 2, sharey=True), shown, strict=True):
            for row in rows:
                if row["score"] != score:
                    continue
                place = names.index((row["data"], row["rows"], row["noise"]))
                for number, way in enumerate(ways):
                    y = place + 0.18 * (number - (len(ways) - 1) / 2)
                    told = way if place == 0 and score == "KD" else None
                    _point(axes, row["ways"][way], y, colour=SHADES[number], mark=MARKS[number], label=told)
            ticks = [f"{data}, {n:,} rows,\n{100 * noise:.0f} % drawn anew" for data, n, noise in names]
            axes.axvline(0, color="black", lw=0.6)
            axes.set_yticks(range(len(names)), ticks)
            axes.set_xlabel(f"{title}, less one hop")
            if score == "KD":
                axes.invert_yaxis()
        figure.legend(loc="outside upper center", ncols=4, frameon=False)
