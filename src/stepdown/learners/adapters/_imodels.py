"""Rules and sums of trees by imodels."""

from __future__ import annotations

from typing import Any

import numpy as np

from stepdown.learners._sizes import RULES, Complexity, of_sum

from ._adapter import Adapter


class Imodels(Adapter):
    """Models of rules count these, those of the list in which the last one is what holds otherwise; FIGS its splits."""

    library = "imodels"

    def size(self, learner: Any) -> Complexity | None:
        if isinstance(rules := getattr(learner, "rules_", None), list):
            return Complexity(RULES, len(rules), rules=len(rules))
        if isinstance(trees := getattr(learner, "trees_", None), list):
            counts = [_leaves_and_depth(root) for root in trees]
            return of_sum(np.array([leaves for leaves, _ in counts]), [depth for _, depth in counts])
        return None


def _leaves_and_depth(node: Any) -> tuple[int, int]:
    if node.left is None:
        return 1, 0
    (left, left_depth), (right, right_depth) = _leaves_and_depth(node.left), _leaves_and_depth(node.right)
    return left + right, 1 + max(left_depth, right_depth)
