"""Transfer between PyTorch networks."""

# The gate stands before everything that imports torch.
from . import _extra  # noqa: F401

# isort: split
from . import functional

__all__ = ["functional"]
