"""A fitted student as a small program over the columns of the table: what every export is written from.

Scaling, encoding and filling are gone: a tree asks about values as they are in the table, a linear score counts in
their units. The cast of tree inputs to single precision is folded into the thresholds, so that no target needs it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Category = str | int | float
Label = str | bool | int | float
Link = Literal["identity", "exp", "logistic", "softmax", "one-vs-rest", "margin"]


# What stands between words of a text, in every language alike.
SEPARATORS = " \t\n\r.,;:!?()\"'/-"


@dataclass(frozen=True)
class Written:
    """How a cell becomes a number: text without the signs that are dropped, days since 1970-01-01, or a mark.

    What is in `swaps` is replaced in a text first, pair by pair. A date is text of the form `date`, or a count since
    1970-01-01, `per_day` of a day; `part` takes its month (1 to 12) or day of the week (Monday is 1). A clock has so
    many parts between colons, and counts its last. With `words` it is 1 where a text has one of them between
    separators, and 0 elsewhere.
    """

    kind: Literal["number", "date", "clock"] = "number"
    decimal: str = "."
    dropped: str = ""
    date: str | None = None
    whole_days: bool = False
    swaps: tuple[tuple[str, str], ...] = ()
    per_day: float = 0.0
    clock: int = 0
    part: Literal["", "month", "weekday"] = ""
    words: tuple[str, ...] = ()

    @property
    def replaced(self) -> tuple[tuple[str, str], ...]:
        """Whatever is replaced in a text before it is read, by what, in this order."""
        point = ((self.decimal, "."),) * (self.dropped != "")
        return (*self.swaps, *((sign, "") for sign in self.dropped), *point)


@dataclass(frozen=True)
class Column:
    """A column that the student reads; `fill` is what a missing value counts as, where it is one value throughout.

    Two columns of one `place` are read from the same cells: a date and its month, or several words of a text.
    """

    name: str
    place: int
    kind: Literal["number", "date", "clock", "text"]
    fill: Category | None = None
    written: Written = field(default_factory=Written)


def unit(column: Column) -> str:
    """What a program that gets numbers for a column gets."""
    what = {"date": "days since 1970-01-01", "clock": "its smallest part, 01:30 as 90"}
    return what.get(column.kind, "a number")


@dataclass(frozen=True)
class AtMost:
    """Whether a number is at most the threshold, in double precision."""

    threshold: float


@dataclass(frozen=True)
class OneOf:
    """Whether a value is one of these."""

    values: tuple[Category, ...]


@dataclass(frozen=True)
class Known:
    """Whether there is a value at all."""


@dataclass(frozen=True)
class Leaf:
    """What a leaf answers: one number, or a probability or points for each class; and the training rows behind it."""

    values: tuple[float, ...]
    rows: int
    share: float

    @property
    def passes_on(self) -> bool:
        """Whether it leaves a row to the next rule of a list."""
        return math.isnan(self.values[0])


@dataclass(frozen=True)
class Split:
    """A question about a column; `missing` says whether a missing value counts as a yes."""

    column: int
    test: AtMost | OneOf | Known
    yes: Node
    no: Node
    missing: bool


Node = Leaf | Split


@dataclass(frozen=True)
class Slope:
    """Coefficient times the number, held within low and high; a missing one counts `missing` (NaN: no answer)."""

    column: int
    coefficient: float
    low: float
    high: float
    missing: float


@dataclass(frozen=True)
class Amounts:
    """An amount for each category, 0 for any other; a missing one counts `missing` (NaN: no answer)."""

    column: int
    values: tuple[tuple[Category, float], ...]
    missing: float


@dataclass(frozen=True)
class Score:
    """A sum of terms."""

    intercept: float
    terms: tuple[Slope | Amounts, ...]


@dataclass(frozen=True)
class Trees:
    """Trees whose answers are averaged."""

    trees: tuple[Node, ...]


@dataclass(frozen=True)
class Linear:
    """Scores, and what makes an answer of them; one score for two classes: it speaks for the second."""

    scores: tuple[Score, ...]
    link: Link

    @property
    def n_scores(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class TreeSum:
    """Scores as of `Linear`, each of an intercept and what the leaves of all trees add to it.

    With a `unit`, leaves are whole multiples of it.
    """

    intercepts: tuple[float, ...]
    trees: tuple[Node, ...]
    link: Link
    unit: float | None = None

    @property
    def n_scores(self) -> int:
        return len(self.intercepts)


@dataclass(frozen=True)
class RuleList:
    """Rules as trees, of which the first that answers is right: a leaf of NaN leaves the row to the next."""

    trees: tuple[Node, ...]

    @property
    def answers(self) -> list[Leaf]:
        """The leaf of each rule that answers."""
        return [leaf for tree in self.trees for leaf in leaves(tree) if not leaf.passes_on]


Shares = Trees | RuleList  # whose leaves answer, instead of adding to scores
Body = Shares | TreeSum | Linear


@dataclass(frozen=True)
class Program:
    """Columns in, a label with probabilities or a number out."""

    columns: tuple[Column, ...]
    classes: tuple[Label, ...] | None
    body: Body

    @property
    def has_probabilities(self) -> bool:
        """Whether the student gives probabilities, not labels or numbers alone."""
        return self.classes is not None and not (isinstance(self.body, Linear) and self.body.link == "margin")


def leaves(node: Node) -> Iterator[Leaf]:
    """The leaves from left to right, the yes side first; exports number them so."""
    if isinstance(node, Leaf):
        yield node
    else:
        yield from leaves(node.yes)
        yield from leaves(node.no)


def depth(node: Node) -> int:
    """The most questions that a row is asked."""
    return 0 if isinstance(node, Leaf) else 1 + max(depth(node.yes), depth(node.no))
