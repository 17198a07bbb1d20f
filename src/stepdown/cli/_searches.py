"""Searches by name: ``dynamic:max_fits=100`` becomes ``DynamicProgramming(max_fits=100)``."""

from __future__ import annotations

from collections.abc import Mapping

from sklearn.base import clone

from stepdown.core import InvalidInputError
from stepdown.search import DynamicProgramming, Fixed, Gate, Search

from ._errors import UsageError
from ._estimators import nearest, with_parameters

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
    # The name says already which way a fixed search takes.
    search = with_parameters(text, search, rest, [] if isinstance(search, Fixed) else None)
    try:
        if rest:
            search.check([])
    except InvalidInputError as error:
        raise UsageError(f"{text!r}: {error}") from error
    return search
