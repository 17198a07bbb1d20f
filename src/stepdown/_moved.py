"""Names of the first release that have moved: they still answer, with a DeprecationWarning that says where to look.

The rooms are searched in order, so that no list of names has to be kept. This file goes with the release after next.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

ROOMS = {
    "stepdown": ("core", "methods", "trainers", "search", "oracle", "learners", "verdict", "diagnosis"),
    "stepdown.models": ("learners", "oracle"),
    "stepdown.chains": ("search", "multihop", "verdict", "diagnosis", "oracle"),
    "stepdown.evaluation": ("verdict", "diagnosis", "nn"),
    "stepdown.reports": ("verdict", "diagnosis"),
    "stepdown.datasets": ("cli._datasets", "nn"),
    "stepdown.nn": ("nn.contrib",),
}

RENAMED = {
    "DoubtedLabels": "LabelErrors",
    "QueryPolicy": "QueryStrategy",
    "doubted_labels": "likely_label_errors",
}


def renamed(old: str, new: str) -> property:
    """Return an attribute that answers for another one."""

    def find(self: Any) -> Any:
        warnings.warn(f"{old} is now called {new}", DeprecationWarning, stacklevel=2)
        return getattr(self, new)

    return property(find)


def moved(module: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module whose names have moved to other rooms."""

    def find(name: str) -> Any:
        if not name.startswith("_"):
            name = RENAMED.get(name, name)
            for room in ROOMS[module]:
                place = import_module(f"stepdown.{room}")
                if hasattr(place, name):
                    text = f"{module}.{name} has moved: from stepdown.{room} import {name}"
                    warnings.warn(text, DeprecationWarning, stacklevel=2)
                    return getattr(place, name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return find
