"""Calls side by side, by whichever backend of joblib its user has chosen."""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import joblib
import numpy as np
from joblib.parallel import get_active_backend

LARGE = 100_000  # bytes
_CORES = "LOKY_MAX_CPU_COUNT"


def side_by_side(function: Callable[..., Any], calls: Iterable[tuple[Any, ...]], n_jobs: int | None) -> Iterator[Any]:
    """What a function returns for each of several arguments, in their order and as soon as it is there.

    In processes of joblib's own, each takes its share of the cores: libraries that count cores themselves, such as
    LightGBM, would otherwise start as many threads in each process as there are cores in all. To backends on other
    machines, such as dask's and ray's, each large array or data frame is handed over once, not with every call.

    Parameters
    ----------
    function : callable
    calls : iterable of tuple
        Positional arguments of each call.
    n_jobs : int or None
        As in ``joblib.Parallel``.

    Returns
    -------
    iterator

    Examples
    --------
    >>> list(side_by_side(pow, [(2, 3), (3, 2)], n_jobs=1))
    [8, 9]
    """
    backend, jobs = get_active_backend()[0], joblib.effective_n_jobs(n_jobs)
    if not type(backend).__module__.startswith("joblib._parallel_backends"):
        handed: dict[int, _Handed] = {}
        tasks = [joblib.delayed(_unpacked)(*_packed((function, call), handed)) for call in calls]
    elif jobs == 1 or getattr(backend, "supports_sharedmem", False):
        tasks = [joblib.delayed(function)(*call) for call in calls]
    else:
        share = max(1, joblib.cpu_count() // jobs)
        tasks = [joblib.delayed(_on_cores)(share, function, call) for call in calls]
    how = "generator" if getattr(backend, "supports_return_generator", False) else "list"  # ray's has no generator
    return iter(joblib.Parallel(n_jobs=n_jobs, return_as=how)(tasks))


def _on_cores(cores: int, function: Callable[..., Any], call: tuple[Any, ...]) -> Any:
    """A call in a process that counts so many cores."""
    before = os.environ.get(_CORES)
    os.environ[_CORES] = str(cores)
    try:
        return function(*call)
    finally:
        if before is None:
            del os.environ[_CORES]
        else:
            os.environ[_CORES] = before


class _Handed:
    """A large value as an argument by itself: dask scatters such by their size, ray keeps them by their identity."""

    def __init__(self, value: Any, size: int) -> None:
        self.value, self.size = value, size

    def __sizeof__(self) -> int:
        return self.size


def _size(thing: Any) -> int:
    """In bytes, of arrays and data frames; of anything else nothing."""
    if type(thing) is np.ndarray:
        return 0 if thing.dtype.hasobject and thing.size < LARGE // 8 else thing.nbytes
    return sys.getsizeof(thing) if type(thing).__name__ == "DataFrame" else 0


class _Unpacker(pickle.Unpickler):
    def __init__(self, body: bytes, handed: tuple[_Handed, ...]) -> None:
        super().__init__(io.BytesIO(body))
        self.handed = handed

    def persistent_load(self, place: int) -> Any:
        return self.handed[place].value


def _packed(thing: Any, handed: dict[int, _Handed]) -> tuple[Any, ...]:
    """A pickle without large values, and these."""
    try:
        from cloudpickle import Pickler
    except ImportError:  # joblib before 1.6 had it inside
        from joblib.externals.cloudpickle import Pickler
    used: list[_Handed] = []

    class Packer(Pickler):
        def persistent_id(self, thing: Any) -> int | None:
            size = _size(thing)
            if size < LARGE:
                return None
            one = handed.setdefault(id(thing), _Handed(thing, size))
            if one not in used:
                used.append(one)
            return used.index(one)

    file = io.BytesIO()
    Packer(file, protocol=5).dump(thing)
    return (file.getvalue(), *used)


def _unpacked(body: bytes, *handed: _Handed) -> Any:
    function, call = _Unpacker(body, handed).load()
    return function(*call)
