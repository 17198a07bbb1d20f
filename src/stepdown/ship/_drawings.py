"""What a report draws, as SVG without a script: a tree, points, bars, a line of calibration."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stepdown.verdict import NOTHING, Scale, figure, share

from ._markup import Markup, tag

# A drawing is made for a narrow screen and grows with a wide one.
WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 12, 40
MOST_LEAVES = 40
LETTER = 6.6  # pixels of a letter at 12 px
LONGEST = 30  # letters
ROW = 30


def picture(width: float, height: float, label: str, *content: Any, cls: str = "plot") -> Markup:
    """An image with a text for who can't see it."""
    size = f"0 0 {round(width)} {round(height)}"
    style = f"max-width:{round(1.45 * width)}px"
    if cls != "plot":
        style = f"max-width:{round(width)}px;min-width:{round(0.75 * width)}px"
    return tag("svg", *content, viewBox=size, role="img", aria_label=label, cls=cls, style=style)


def text(x: float, y: float, words: str, *, cls: str = "", anchor: str | None = None) -> Markup:
    return tag("text", words, x=round(x, 1), y=round(y, 1), cls=cls or None, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, cls: str) -> Markup:
    return tag("line", x1=round(x1, 1), y1=round(y1, 1), x2=round(x2, 1), y2=round(y2, 1), cls=cls)


def dot(x: float, y: float, cls: str, radius: float = 4, title: str | None = None) -> Markup:
    named = () if title is None else (tag("title", title),)
    return tag("circle", *named, cx=round(x, 1), cy=round(y, 1), r=radius, cls=cls)


# A tree ---------------------------------------------------------------------------------------------------------------


def tree(root: Mapping[str, Any], label: str) -> Markup | None:
    """A tree from left to right, the yes side above; None where it has more leaves than a person would follow."""
    levels: list[int] = []
    leaves = _measure(root, 0, levels)
    if leaves > MOST_LEAVES or leaves < 2:
        return None
    starts = [8.0]
    for longest in levels:
        starts.append(starts[-1] + longest * LETTER + 46)
    drawn: list[Markup] = []
    _draw(root, 0, starts, iter(range(leaves)), drawn)
    return picture(starts[-1] - 30, leaves * ROW + 10, label, *drawn, cls="tree")


def _short(words: str, longest: int = LONGEST) -> str:
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def _leaf_words(node: Mapping[str, Any]) -> str:
    sure = "" if node["sure"] is None else f" {share(node['sure'])}"
    return f"{_short(node['answer'], 20)}{sure}, {share(node['share'])} of rows"


def _measure(node: Mapping[str, Any], depth: int, levels: list[int]) -> int:
    """The number of leaves; the longest text of every level is noted."""
    words = _short(node["ask"]) if "ask" in node else _leaf_words(node)
    if len(levels) <= depth:
        levels.append(0)
    levels[depth] = max(levels[depth], len(words))
    return sum(_measure(node[side], depth + 1, levels) for side in ("yes", "no")) if "ask" in node else 1


def _draw(
    node: Mapping[str, Any], depth: int, starts: Sequence[float], places: Iterator[int], drawn: list[Markup]
) -> float:
    """Draw what is below first, then the node in its middle; return its height."""
    x = starts[depth]
    if "ask" not in node:
        y = 20.0 + next(places) * ROW
        drawn.append(dot(x + 2, y - 4, "leaf"))
        drawn.append(text(x + 11, y, _leaf_words(node), cls="answer"))
        return y
    words = _short(node["ask"])
    heights = [_draw(node[side], depth + 1, starts, places, drawn) for side in ("yes", "no")]
    y = sum(heights) / 2
    end = x + len(words) * LETTER + 6
    for side, height in zip(("yes", "no"), heights, strict=True):
        to = starts[depth + 1] - 4
        bend = min(end + 14, to)
        path = f"M{end:.1f} {y - 4:.1f} L{bend:.1f} {height - 4:.1f} L{to:.1f} {height - 4:.1f}"
        drawn.append(tag("path", d=path, cls=f"edge {side}"))
        drawn.append(text(to - 3, height - 8, side, cls="side", anchor="end"))
    drawn.append(tag("text", tag("title", node["ask"]), words, x=round(x, 1), y=round(y, 1), cls="ask"))
    return y


# Axes -----------------------------------------------------------------------------------------------------------------


class _Axes:
    """A frame with round numbers on both sides."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float], *, log: bool = False, right: int = RIGHT) -> None:
        self.log, self.right = log, right
        self.x = _span([math.log10(max(x, 1)) for x in xs] if log else xs)
        self.y = _span(ys)

    def across(self, x: float) -> float:
        value = math.log10(max(x, 1)) if self.log else x
        return LEFT + (value - self.x[0]) / (self.x[1] - self.x[0]) * (WIDTH - LEFT - self.right)

    def up(self, y: float) -> float:
        return HEIGHT - BOTTOM - (y - self.y[0]) / (self.y[1] - self.y[0]) * (HEIGHT - TOP - BOTTOM)

    def frame(self, x_label: str, y_label: str, show_x: Any = figure, show_y: Any = figure) -> list[Markup]:
        parts = []
        if self.log:
            steps = range(math.ceil(self.x[0]), math.floor(self.x[1]) + 1)
            ticks = [10.0**step for step in steps] or [10 ** self.x[0], 10 ** self.x[1]]
        else:
            ticks = _ticks(*self.x)
        for tick in ticks:
            x = self.across(tick)
            parts += [
                line(x, TOP, x, HEIGHT - BOTTOM, "grid"),
                text(x, HEIGHT - BOTTOM + 14, show_x(tick), anchor="middle"),
            ]
        for tick in _ticks(*self.y):
            y = self.up(tick)
            parts += [line(LEFT, y, WIDTH - self.right, y, "grid"), text(LEFT - 5, y + 4, show_y(tick), anchor="end")]
        middle = (LEFT + WIDTH - self.right) / 2
        turned = f"rotate(-90 11 {HEIGHT / 2 - 10})"
        parts.append(text(middle, HEIGHT - 6, x_label, anchor="middle"))
        parts.append(tag("text", y_label, x=11, y=HEIGHT / 2 - 10, transform=turned, text_anchor="middle"))
        return parts


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    raw = (high - low) / 5
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * part for part in (1, 2, 5, 10) if size * part >= raw)
    return [round(number * step, 12) for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


# Plots ----------------------------------------------------------------------------------------------------------------


def size_and_score(models: Sequence[Mapping[str, Any]], scale: Scale) -> Markup:
    """Every model with a size and a score: "name", "bytes", "score", "role"; the baseline is a line."""
    sized = [model for model in models if model.get("bytes")]
    base = next((model for model in models if model["role"] == "baseline"), None)
    scores = [float(model["score"]) for model in models]
    axes = _Axes([float(model["bytes"]) for model in sized], scores, log=True)
    name = "R²" if scale.scorer == "r2" else scale.scorer.replace("_", " ")
    name += " (%)" if scale.in_points else ""
    parts = axes.frame("size in bytes", name, in_bytes, _percent if scale.in_points else figure)
    placed: list[tuple[float, float, float]] = []
    if base is not None:
        y = axes.up(base["score"])
        parts += [line(LEFT, y, WIDTH - RIGHT, y, "baseline"), text(LEFT + 4, y - 4, base["name"], cls="note")]
        placed.append((LEFT, y - 4, LEFT + len(str(base["name"])) * LETTER * 0.9))
    for model in sorted(sized, key=lambda one: one["role"] not in ("student", "teacher")):
        x, y = axes.across(model["bytes"]), axes.up(model["score"])
        parts.append(dot(x, y, f"model {model['role']}", 5 if model["role"] in ("student", "teacher") else 3.5))
        words = _short(str(model["name"]))
        wide = len(words) * LETTER * 0.9
        left = x + 8 + wide > WIDTH - 2
        start = x - 8 - wide if left else x + 8
        for shift in (4, 16, -8, 28, -20):
            mine = (start, y + shift, start + wide)
            if TOP < mine[1] < HEIGHT - BOTTOM and all(
                abs(mine[1] - other[1]) > 11 or mine[2] < other[0] or mine[0] > other[2] for other in placed
            ):
                placed.append(mine)
                parts.append(text(x - 8 if left else x + 8, y + shift, words, anchor="end" if left else None))
                break
    told = "; ".join(f"{model['name']} {scale.value(model['score'])}" for model in models)
    return picture(WIDTH, HEIGHT, f"{name} against size: {told}", *parts)


def in_bytes(number: float | None) -> str:
    """A size as people write it."""
    if number is None:
        return NOTHING
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{figure(number / size)} {unit}"
    return f"{figure(number)} B"


def calibration(bins: Sequence[Mapping[str, Any]]) -> Markup:
    """How often answers are right, against how sure the student says it is."""
    ends = [(row["right"] - 2 * row["std_error"], row["right"] + 2 * row["std_error"]) for row in bins]
    low = min(min(row["stated"] for row in bins), *(end[0] for end in ends))
    values = [max(0.0, low), 1.0]
    axes = _Axes(values, values)
    parts = axes.frame("how sure it says it is (%)", "right (%)", _hundred, _hundred)
    a, b = axes.x
    parts.append(line(axes.across(a), axes.up(a), axes.across(b), axes.up(b), "ideal"))
    for row, (down, top) in zip(bins, ends, strict=True):
        x = axes.across(row["stated"])
        parts.append(line(x, axes.up(max(0.0, down)), x, axes.up(min(1.0, top)), "whisker"))
        parts.append(dot(x, axes.up(row["right"]), "model student", 4, f"{count_words(row)}"))
    told = "; ".join(f"{share(row['stated'])} sure, {share(row['right'])} right" for row in bins)
    return picture(WIDTH, HEIGHT, f"Calibration: {told}", *parts)


def count_words(row: Mapping[str, Any]) -> str:
    return f"{row['rows']:,} rows: {share(row['stated'])} sure, {share(row['right'])} right"


def _percent(value: float) -> str:
    return figure(round(100 * value, 6))


def _hundred(value: float) -> str:
    return f"{100 * value:.0f}" if 0 <= round(value, 9) <= 1 else ""


def true_and_answered(points: Sequence[Sequence[float]]) -> Markup:
    """Rows by what is true and what the student answers."""
    values = [value for pair in points for value in pair]
    axes = _Axes([pair[0] for pair in points], [pair[1] for pair in points])
    parts = axes.frame("true", "answered")
    low, high = max(axes.x[0], axes.y[0]), min(axes.x[1], axes.y[1])
    if low < high:
        parts.append(line(axes.across(low), axes.up(low), axes.across(high), axes.up(high), "ideal"))
    parts += [dot(axes.across(a), axes.up(b), "row", 2.2) for a, b in points]
    label = f"{len(points)} rows: true values from {figure(min(values))} to {figure(max(values))} against answers"
    return picture(WIDTH, HEIGHT, label, *parts)


def intervals(rows: Sequence[tuple[str, Mapping[str, Any]]], scale: Scale) -> Markup:
    """Differences with their intervals around no difference; a name above each."""
    ends = [float(row[key]) for _, row in rows for key in ("low", "high")]
    low, high = _span([*ends, 0.0])
    height = 34 * len(rows) + 30

    def across(value: float) -> float:
        return 8 + (value - low) / (high - low) * (WIDTH - 16)

    parts = []
    for tick in _ticks(low, high):
        signed = scale.difference(tick).removesuffix(".0") if abs(tick) > 1e-12 else "0"
        parts.append(text(across(tick), height - 10, signed, anchor="middle"))
        parts.append(line(across(tick), height - 26, across(tick), height - 22, "grid"))
    for place, (name, row) in enumerate(rows):
        y = 28 + 34 * place
        way = "better" if row["low"] > 0 else "worse" if row["high"] < 0 else "same"
        parts.append(text(8, y - 10, name))
        parts.append(line(across(0), y - 6, across(0), y + 7, "zero"))
        parts.append(line(across(row["low"]), y, across(row["high"]), y, f"whisker {way}"))
        parts.append(dot(across(row["difference"]), y, f"gap {way}"))
    told = "; ".join(f"{name} {scale.interval(row)}" for name, row in rows)
    return picture(WIDTH, height, f"Differences{scale.unit and ' in points'}: {told}", *parts)
