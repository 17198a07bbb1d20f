"""Searches by name: ``dynamic:max_fits=100`` becomes ``DynamicProgramming(max_fits=100)``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_type_hints

from sklearn.base import clone

from stepdown.core import InvalidInputError
from stepdown.search import DynamicProgramming, Fixed, Gate, Search

from ._errors import UsageError
from ._estimators import nearest, parse_parameters, refuse_unknown

SEARCHES: Mapping[str, Search] = {
    "gate": Gate(),
    "dynamic": DynamicProgramming(),
    "one-hop": Fixed("one-hop"),
    "multihop": Fixed("multihop"),
}


def read_search(text: str) -> Search:
    """Return the search of a name, with its parameters.

    Examples
    --------
    >>> read_search("dynamic:max_fits=100"), read_search("one-hop")
    (DynamicProgramming(max_fits=100), Fixed(way='one-hop'))
    """
    name, _, rest = text.strip().partition(":")
    if name not in SEARCHES:
        raise UsageError(f"unknown search {name!r}{nearest(name, list(SEARCHES))} Known: {', '.join(SEARCHES)}.")
    search = clone(SEARCHES[name])
    values = parse_parameters(text, rest)
    owner = type(search).__name__
    # The name says already which way a fixed search takes.
    known = [] if isinstance(search, Fixed) else sorted(search.get_params(deep=False))
    refuse_unknown(text, owner, values, known)
    hints = get_type_hints(type(search).__init__)
    for key, value in values.items():
        if not _is_a(value, hints[key]):
            raise UsageError(f"{text!r}: {key} can't be {value!r}; expected {_words(hints[key])}.")
    search.set_params(**values)
    if values:
        try:
            search.check([])
        except InvalidInputError as error:
            raise UsageError(f"{text!r}: {error}") from error
    return search


def _is_a(value: Any, hint: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, hint) or (isinstance(value, int) and isinstance(float(value), hint))


def _words(hint: Any) -> str:
    return getattr(hint, "__name__", str(hint)).replace(" | ", " or ")
