"""Arrays from a file of NumPy's."""

from __future__ import annotations

import os
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray


def load_arrays(path: str | os.PathLike[str], *names: str) -> tuple[NDArray[Any], ...]:
    """Read arrays with one row a sample from an ``.npz`` file; nothing in it is executed.

    Parameters
    ----------
    path : path
        What `numpy.savez` or `numpy.savez_compressed` wrote.
    *names : str
        Of the arrays, in the order to return them in; by default ``"X", "y"``.

    Returns
    -------
    tuple of array
        One for each name, all of the same length.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it isn't such a file, a name isn't in it, an array holds Python objects, or lengths differ.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp(), "data.npz")
    >>> np.savez(file, X=np.zeros((3, 2)), y=[0, 1, 1])
    >>> X, y = load_arrays(file)
    >>> X.shape, y.tolist()
    ((3, 2), [0, 1, 1])
    """
    wanted, file = names or ("X", "y"), os.fspath(path)
    if os.path.isfile(path) and not zipfile.is_zipfile(path):
        raise ValueError(f"{file}: expected an .npz file, as numpy.savez writes it.")
    with np.load(path, allow_pickle=False) as archive:
        absent = [name for name in wanted if name not in archive.files]
        if absent:
            raise ValueError(f"{file}: no arrays {absent}; it holds {archive.files}.")
        arrays = tuple(_read(archive, name, file) for name in wanted)
    lengths = {name: array.shape[0] if array.ndim else None for name, array in zip(wanted, arrays, strict=True)}
    if len(set(lengths.values())) > 1 or None in lengths.values():
        raise ValueError(f"{file}: expected arrays with one row for each sample, got rows {lengths}.")
    return arrays


def _read(archive: Any, name: str, file: str) -> NDArray[Any]:
    try:
        return np.asarray(archive[name])
    except ValueError as error:
        raise ValueError(
            f"{file}: array {name!r} can't be read without executing code in it; save it as numbers or text."
        ) from error
