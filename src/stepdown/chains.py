"""Moved to search, multihop, verdict, diagnosis and oracle; kept for one release."""

from ._moved import moved

__getattr__ = moved(__name__)
