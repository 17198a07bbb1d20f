"""The questions that a foreign library's models are asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stepdown.learners._sizes import Complexity
from stepdown.learners._soft_support import Realisation, SoftFitSupport

PartOf = Callable[[int], tuple[str, Any]]


class Adapter:
    """What stepdown asks about a library's models; every answer here is that of a model of which nothing is known.

    Attributes
    ----------
    library : str
        The first part of the module that the models' classes, or classes they derive from, are defined in.
    members : tuple of str
        Parameters that count the members of an ensemble.
    reads_categories : bool
        Whether the models take columns of categories in a data frame as they are.
    bins_rows : bool
        Whether they put rows into bins before they learn.
    """

    library: str
    members: tuple[str, ...] = ()
    reads_categories = False
    bins_rows = False

    def size(self, learner: Any) -> Complexity | None:
        """How complex a fitted model is; None leaves its bytes.

        Parameters
        ----------
        learner : estimator
        """
        return None

    def rounds(self, learner: Any) -> tuple[int, PartOf] | None:
        """How many members a fitted model has, and what makes (name, model) of the first so many.

        Parameters
        ----------
        learner : estimator
        """
        return None

    def soft_fit(self, learner: Any, n_classes: int) -> tuple[SoftFitSupport, Realisation] | None:
        """How an unfitted classifier learns soft targets better than by weighted rows, and what does it.

        Parameters
        ----------
        learner : estimator
        n_classes : int
        """
        return None


def rounds_named(count: int) -> str:
    """The name of a grade."""
    return "1 round" if count == 1 else f"{count} rounds"
