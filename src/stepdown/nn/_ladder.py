"""Ladders of networks: a student's architecture at several widths, or steps of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from sklearn.base import clone
from skorch import NeuralNet
from torch import nn

from stepdown.core import InvalidInputError, NotSupportedError

from ._auxiliary import auxiliary
from ._nets import example_of, seeded
from ._prototype import NamedNets, Prototype, size_of, with_module
from ._rows import cast_rows

ROWS = 8
"""Rows that an architecture is traced on."""


def auxiliaries(
    student: NeuralNet,
    factors: Sequence[float] = (4.0, 2.0),
    *,
    X: Any,
    builder: Callable[[float], nn.Module] | None = None,
    seed: int | None = None,
) -> NamedNets:
    """Networks built like the student and wider, as nets with its settings; see `auxiliary`.

    Parameters
    ----------
    student : skorch.NeuralNet
        Unfitted or fitted; left as it is.
    factors : sequence of float
        Widths against the student's, positive.
    X : array-like of shape (n_rows, ...)
        Rows as the student takes them, a few of which are run.
    builder : callable, optional
        As in `auxiliary`, for students that can't be widened automatically.
    seed : int, optional
        Of the fresh weights.

    Returns
    -------
    tuple of (str, skorch net)
        Names and unfitted nets, the widest first.

    Raises
    ------
    StepdownError
        As `auxiliary`.

    Examples
    --------
    >>> import numpy as np
    >>> student = NeuralNet(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), criterion=nn.CrossEntropyLoss)
    >>> for name, net in auxiliaries(student, X=np.zeros((9, 4), dtype=np.float32)):
    ...     print(name, net.module)
    auxiliary 4x Prototype(Sequential of 259 parameters)
    auxiliary 2x Prototype(Sequential of 131 parameters)
    """
    with seeded(seed, student.device):
        made = clone(student).initialize()
        x, _ = example_of(made, cast_rows(made, X), None, limit=ROWS)
        widths = sorted(set(factors), reverse=True)
        wide = [(factor, auxiliary(made.module_, factor, example=x, builder=builder)) for factor in widths]
    return tuple((f"auxiliary {factor:g}x", with_module(student, Prototype(network))) for factor, network in wide)


def built_ladder(
    build: Callable[[float, float], nn.Module], sizes: Iterable[tuple[float, float]], *, like: NeuralNet
) -> NamedNets:
    """Nets around the networks that a function builds for some widths and depths.

    Parameters
    ----------
    build : callable
        ``build(width, depth)`` returns a fresh network; a function of a module, so that the nets can be pickled. It is
        called whenever a net is initialised.
    sizes : iterable of (width, depth)
        What it is called with, as numbers that it understands.
    like : skorch.NeuralNet
        Its class and settings are those of the nets; left as it is.

    Returns
    -------
    tuple of (str, skorch net)
        As `ladder` returns them.

    Raises
    ------
    InvalidInputError
        For a function that builds no network, or sizes that come twice.

    Examples
    --------
    >>> def build(width, depth):
    ...     hidden = [layer for _ in range(depth - 1) for layer in (nn.Linear(width, width), nn.ReLU())]
    ...     return nn.Sequential(nn.Linear(4, width), nn.ReLU(), *hidden, nn.Linear(width, 3))
    >>> nets = built_ladder(build, [(8, 1), (8, 2), (16, 2)], like=NeuralNet(build, criterion=nn.CrossEntropyLoss))
    >>> [name for name, _ in nets]
    ['width 16, depth 2', 'width 8, depth 2', 'width 8, depth 1']
    """
    return ladder([(f"width {w:g}, depth {d:g}", with_module(like, partial(build, w, d))) for w, d in sizes])


def ladder(nets: Iterable[tuple[str, NeuralNet]]) -> NamedNets:
    """Nets of one's own, ordered by their numbers of parameters.

    Parameters
    ----------
    nets : iterable of (str, skorch net)
        Names, each given once, and nets; left as they are, and initialised as copies to be counted.

    Returns
    -------
    tuple of (str, skorch net)
        From complex to simple; in the order given where they are equal.

    Raises
    ------
    InvalidInputError
        For a name that comes twice.
    NotSupportedError
        For what is no skorch net, or makes no network.

    Examples
    --------
    >>> settings = dict(criterion=nn.CrossEntropyLoss)
    >>> nets = [("narrow", NeuralNet(nn.Linear(4, 3), **settings)), ("wide", NeuralNet(nn.Linear(9, 3), **settings))]
    >>> [name for name, _ in ladder(nets)]
    ['wide', 'narrow']
    """
    named = list(nets)
    names = [name for name, _ in named]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInputError(f"the names {twice} came more than once; give each net its own.")
    sizes = {name: _parameters(name, net) for name, net in named}
    return tuple(sorted(named, key=lambda pair: -sizes[pair[0]]))


def _parameters(name: str, net: Any) -> int:
    if not isinstance(net, NeuralNet):
        raise NotSupportedError(f"{name!r} is a {type(net).__name__}; expected a skorch net.")
    try:
        with seeded(0, net.device):
            made: nn.Module = clone(net).initialize().module_
            return size_of(made)
    except Exception as error:  # whatever the user's function or skorch raises
        raise NotSupportedError(
            f"{name!r} can't be initialised ({error}); expected a net that makes a module_."
        ) from error
