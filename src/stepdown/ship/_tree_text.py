"""A tree in words: its rules, what each leaf answers, and how many rows it has seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Classes that a leaf is told about, the most probable first, and what is too little to be told.
MOST_CLASSES = 3
LITTLE = 0.005


def tree_text(model: Any, names: Sequence[str], classes: Sequence[Any] | None, *, merge: bool = True) -> str:
    """Return the rules of a fitted tree.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> tree = DecisionTreeClassifier(random_state=0).fit([[0.0], [1.0], [2.0], [3.0]], ["a", "a", "a", "b"])
    >>> print(tree_text(tree, ["size"], tree.classes_), end="")
    |--- size <= 2.5
    |   |--- class: a  (a 1.00; 3 rows)
    |--- size >  2.5
    |   |--- class: b  (b 1.00; 1 row)
    """
    tree = model.tree_
    values = np.asarray(tree.value)[:, 0, :]
    if classes is not None:
        values = values / values.sum(axis=1, keepdims=True)
    answers = values.argmax(axis=1) if classes is not None else values[:, 0]
    is_leaf = tree.children_left < 0
    leaves = _leaves_below(tree.children_left, tree.children_right)
    # A node whose leaves all answer the same is told as one leaf.
    ends = np.array([is_leaf[node] or (merge and len(set(answers[leaves[node]])) == 1) for node in range(len(is_leaf))])

    def told(node: int, depth: int) -> Iterator[str]:
        bar = "|   " * depth + "|--- "
        if ends[node]:
            yield bar + _answer(tree, values, leaves[node], classes)
            return
        name, threshold = names[tree.feature[node]], f"{tree.threshold[node]:.6g}"
        yield f"{bar}{name} <= {threshold}"
        yield from told(tree.children_left[node], depth + 1)
        yield f"{bar}{name} >  {threshold}"
        yield from told(tree.children_right[node], depth + 1)

    lines = "".join(f"{line}\n" for line in told(0, 0))
    n_told = sum(1 for line in lines.splitlines() if "|--- class: " in line or "|--- value: " in line)
    n_leaves = int(is_leaf.sum())
    if n_told == n_leaves:
        return lines
    return f"{lines}\n{n_leaves} leaves are told as {n_told}: neighbours that answer the same are one.\n"


def _leaves_below(left: NDArray[np.intp], right: NDArray[np.intp]) -> list[list[int]]:
    """The leaves below each node; children stand behind their parents."""
    below: list[list[int]] = [[] for _ in left]
    for node in reversed(range(len(left))):
        below[node] = [node] if left[node] < 0 else below[left[node]] + below[right[node]]
    return below


def _answer(tree: Any, values: NDArray[np.float64], leaves: list[int], classes: Sequence[Any] | None) -> str:
    count = int(tree.n_node_samples[leaves].sum())
    rows = f"{count:,} {'row' if count == 1 else 'rows'}"
    # Inner nodes of a tree that was moved after growing may say something else than their leaves.
    weight = np.asarray(tree.weighted_n_node_samples)[leaves]
    value = np.average(values[leaves], axis=0, weights=weight if weight.sum() > 0 else None)
    if classes is None:
        return f"value: {value[0]:.6g}  ({rows})"
    best = int(values[leaves[0]].argmax())
    shown = [place for place in np.argsort(-value, kind="stable") if value[place] >= LITTLE][:MOST_CLASSES]
    shares = ", ".join(f"{classes[place]} {value[place]:.2f}" for place in shown)
    return f"class: {classes[best]}  ({shares}; {rows})"
