"""skorch nets; what else they are asked is the business of the door to the room of networks."""

from __future__ import annotations

from typing import Any

from stepdown.learners._sizes import NETWORK, Complexity

from ._adapter import Adapter


class Skorch(Adapter):
    """Networks of PyTorch."""

    library = "skorch"

    def size(self, learner: Any) -> Complexity | None:
        """Parameters."""
        if not hasattr(learner, "module_"):
            return None
        n = sum(int(parameter.numel()) for parameter in learner.module_.parameters())
        return Complexity(NETWORK, n, parameters=n)
