"""A named check, and what the checks share."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from stepdown.core import SignalWarning


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of the contract, bound to the object that is to keep it.

    Parameters
    ----------
    name : str
        What the promise is; for test ids.
    promise : callable
        Takes nothing; raises an AssertionError where the promise is broken.
    """

    name: str
    promise: Callable[[], None]

    def __call__(self) -> None:
        # A signal that carries little is an answer, not a failure; neither is a student that would need more steps.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SignalWarning)
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.promise()

    def __str__(self) -> str:
        return self.name


def make_checks(functions: Sequence[Callable[..., None]], *subject: Any) -> list[Check]:
    """Bind check functions to what they check; the names are those of the functions."""
    return [Check(function.__name__.removeprefix("_check_"), partial(function, *subject)) for function in functions]


def run_all(checks: Sequence[Check], subject: Any) -> None:
    """Run checks; a failure says which promise of what was broken."""
    for check in checks:
        try:
            check()
        except AssertionError as error:
            raise AssertionError(f"{type(subject).__name__}, {check.name}: {error}") from error
        except Exception as error:
            error.add_note(f"stepdown: in the check {check.name} of {subject!r}")
            raise


@contextmanager
def unchanged(**objects: Any) -> Iterator[None]:
    """Fail if one of the objects is changed inside, down to the byte, or numpy's global random state is."""
    before = {name: pickle.dumps(thing) for name, thing in objects.items()}
    state = pickle.dumps(np.random.get_state())  # noqa: NPY002  the global one is what is watched
    yield
    for name, thing in objects.items():
        assert pickle.dumps(thing) == before[name], f"the caller's {name} was changed; work on a clone or a copy."
    now = pickle.dumps(np.random.get_state())  # noqa: NPY002
    assert now == state, "numpy's global random state was used; draw from a generator made of the seed."


def must_survive(thing: Any) -> None:
    """The habits of an estimator's parameters: stored as given, cloned, set, shown and pickled without loss."""
    own = thing.get_params(deep=False)
    try:
        copy = clone(thing)
    except RuntimeError as error:
        raise AssertionError(f"{error}; __init__ may only store what it is given.") from error
    assert type(copy) is type(thing), "clone gives another class."
    assert repr(copy) == repr(thing), f"a clone looks different: {copy!r} for {thing!r}."
    assert copy.set_params(**copy.get_params(deep=False)) is copy, "set_params must return the object itself."
    assert repr(copy) == repr(thing), "setting the parameters to what they are changes something."
    assert set(thing.get_params(deep=True)) >= set(own), "get_params(deep=True) lacks parameters of its own."
    again = pickle.loads(pickle.dumps(thing))
    assert repr(again) == repr(thing), "pickling loses parameters."


def same_answers(one: Any, two: Any, X: Any, message: str) -> None:
    """Fail unless two fitted models say the same about rows."""
    a, b = answers(one, X), answers(two, X)
    assert a.shape == b.shape, message
    assert np.allclose(a, b, rtol=1e-9, atol=1e-9), message


def must_explain(error: Exception, what: str) -> None:
    """Fail unless an error that refuses something has a sentence to say."""
    assert len(str(error)) > 20, f"refusing {what}, the message says little: {error}."


def answers(model: Any, X: Any) -> NDArray[np.float64]:
    """Probabilities, real predictions, or positions of labels where there is nothing finer."""
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(X), dtype=np.float64)
    says = np.asarray(model.predict(X))
    return says.astype(np.float64) if says.dtype.kind in "iufb" else np.searchsorted(model.classes_, says).astype(float)
