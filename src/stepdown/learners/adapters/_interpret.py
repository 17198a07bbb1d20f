"""Additive models by interpret."""

from __future__ import annotations

from typing import Any

import numpy as np

from stepdown.learners._sizes import ADDITIVE, Complexity

from ._adapter import Adapter


class Interpret(Adapter):
    """An explainable boosting machine has a term for each column or pair of columns, with a number for each bin."""

    library = "interpret"
    bins_rows = True

    def size(self, learner: Any) -> Complexity | None:
        if not hasattr(learner, "term_scores_"):
            return None
        n = sum(int(np.count_nonzero(scores)) for scores in learner.term_scores_)
        return Complexity(ADDITIVE, n, parameters=n, terms=len(learner.term_scores_))
