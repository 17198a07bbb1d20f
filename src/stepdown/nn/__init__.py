"""Transfer between PyTorch networks."""

# The gate stands before everything that imports torch.
from . import _extra  # noqa: F401

# isort: split
from . import functional
from ._schedules import Constant, CriticalPeriod, Phases, Schedule

__all__ = ["Constant", "CriticalPeriod", "Phases", "Schedule", "functional"]
