"""Moved to nn and the examples; kept for one release."""

from ._moved import moved

__getattr__ = moved(__name__)
