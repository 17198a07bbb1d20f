"""What can go wrong, said so that the reader can act.

A message says what came, what was expected and what to do; `run_hops` adds which hop it was.
"""

from __future__ import annotations


class StepdownError(Exception):
    """Base of every error that stepdown raises on purpose."""


class InvalidInputError(StepdownError, ValueError):
    """A value, a shape or a combination of arguments that can't be right."""


class NotSupportedError(StepdownError, TypeError):
    """A model that lacks what a method or a trainer needs of it."""


class ComplexityWarning(UserWarning):
    """A chain whose complexity doesn't fall from hop to hop."""


class SignalWarning(UserWarning):
    """A teacher signal that carries little, for instance in-sample confidences of a forest."""
