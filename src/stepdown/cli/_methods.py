"""Methods by name: ``KD:temperature=2`` becomes ``KD(temperature=2)``."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from stepdown import methods
from stepdown.core import TransferMethod

from ._errors import UsageError
from ._estimators import nearest, with_parameters


def _is_usable(cls: Any) -> bool:
    """Whether a class is a method that words can make: no other model or method has to be given."""
    if not (inspect.isclass(cls) and issubclass(cls, TransferMethod)) or inspect.isabstract(cls):
        return False
    return all(each.default is not each.empty for each in inspect.signature(cls).parameters.values())


METHODS: dict[str, Any] = {name: cls for name in methods.__all__ if _is_usable(cls := getattr(methods, name))}


def read_methods(texts: Sequence[str]) -> list[TransferMethod]:
    """Return the methods of names, with their parameters.

    Examples
    --------
    >>> read_methods(["KD:temperature=2", "SRatio"])
    [KD(temperature=2), SRatio()]
    """
    found = []
    for text in texts:
        name, _, rest = text.strip().partition(":")
        if name not in METHODS:
            raise UsageError(f"unknown method {name!r}{nearest(name, list(METHODS))} Known: {', '.join(METHODS)}.")
        found.append(with_parameters(text, METHODS[name](), rest))
    return found
