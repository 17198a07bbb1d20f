"""What searches keep on disk, so that one that was killed goes on where it was.

One file an item: a fitted intermediate, what a teacher says out of fold, the scores of a fold. Its name is a hash of
everything that the item depends on, so nothing has to be invalidated. Files are pickles behind a check sum: a truncated
or foreign file is never unpickled, but whoever can write to the folder can make one that is, and a pickle runs code.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import warnings
from copy import copy
from pathlib import Path
from threading import get_ident
from typing import Any

import joblib
import numpy as np
from sklearn.utils.validation import check_memory

from stepdown.core import InvalidInputError, TransferSet, package_versions
from stepdown.learners import fit_to

_MAGIC = b"stepdown store 1\n"


def folder_of(memory: Any) -> Path | None:
    """The folder that `memory` stands for: a path, or a ``joblib.Memory``; None where there is none."""
    if memory is None:
        return None
    try:
        location = memory if isinstance(memory, os.PathLike) else getattr(check_memory(memory), "location", None)
    except OSError as error:
        raise InvalidInputError(f"memory={memory!r}: no folder can be made there ({error.strerror}).") from error
    return None if location is None else Path(location) / "stepdown"


def hash_of(*parts: Any) -> str:
    """A name for what these values are, equal for equal ones in any process.

    Each is hashed by itself, because a hash over several depends on whether they share objects.
    """
    return hashlib.sha256("".join(joblib.hash(part) for part in parts).encode()).hexdigest()[:32]


def hash_of_rows(data: TransferSet) -> str:
    """A name for a transfer set; data frames count by the values, names and types of their columns."""
    return hash_of(
        *_plain(data.X),
        np.asarray(data.y),
        data.sample_weight,
        *_plain(data.X_unlabeled),
        data.groups,
        data.classes,
    )


def _plain(X: Any) -> list[Any]:
    if not hasattr(X, "columns"):
        return [X]
    columns = ((str(name), str(X[name].dtype), np.asarray(X[name])) for name in X.columns)
    return [
        type(X).__name__,
        *((name, dtype, values.tolist() if values.dtype == object else values) for name, dtype, values in columns),
    ]


def refuse_shared(folder: Path) -> None:
    """Refuse a folder that others can write to: reading a pickle that somebody planted there would run their code."""
    if os.name == "nt" or not folder.exists():
        return
    about = folder.stat()
    reason = "belongs to another user" if about.st_uid not in (os.geteuid(), 0) else ""
    if about.st_mode & stat.S_IWOTH:
        reason = "can be written by everybody"
    if reason:
        raise InvalidInputError(
            f"memory: the folder {folder} {reason}, and holds pickles, which run code when they are read. Use a folder"
            " of your own, such as one with the rights 700."
        )


class Store:
    """Items under the hash of what they depend on.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     Store(folder, "data").save([1.5], "fold", 0)
    ...     Store(folder, "data").load("fold", 0), Store(folder, "other data").load("fold", 0)
    ([1.5], None)
    """

    def __init__(self, folder: Path | str, *root: Any) -> None:
        self.folder = Path(folder) / hash_of(package_versions(), *root)

    def room(self, *name: Any) -> Store:
        """A store inside this one, for a part of the rows."""
        inner = copy(self)
        inner.folder = self.folder / "-".join(map(str, name))
        return inner

    @classmethod
    def where_possible(cls, memory: Any, data: TransferSet, *root: Any) -> Store | None:
        """A store in the folder of `memory`; None where there is no folder, or no name for what items depend on."""
        folder = folder_of(memory)
        if folder is None:
            return None
        refuse_shared(folder.parent)
        refuse_shared(folder)
        try:
            if isinstance(memory, joblib.Memory):
                return _InMemory(memory, folder, hash_of_rows(data), *root)
            return cls(folder, hash_of_rows(data), *root)
        except Exception as error:  # joblib hashes by pickling, and not everything can be pickled
            reason = f"{type(error).__name__}: {error}"
            warnings.warn(f"memory isn't used: no hash of what was given, {reason}", UserWarning, stacklevel=2)
            return None

    def has(self, *key: Any) -> bool:
        """Whether there is a file of the item, whatever is in it."""
        return self._path(key).exists()

    def load(self, *key: Any) -> Any:
        """The item, or None. A file that can't be one of ours is ignored with a warning, and will be written anew."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            return _unusable(path, str(error))
        head = len(_MAGIC) + 64
        if not content.startswith(_MAGIC) or _digest(content[head:]) != content[len(_MAGIC) : head]:
            return _unusable(path, "it is truncated, changed or not of stepdown's making")
        try:
            name, item = pickle.loads(content[head:])
        except Exception as error:  # a class that has moved, or whatever else unpickling runs into
            return _unusable(path, f"{type(error).__name__}: {error}")
        return item if name == path.name else _unusable(path, "it belongs to another name")

    def save(self, item: Any, *key: Any) -> None:
        """Write an item; it is there as a whole or not at all. What can't be pickled isn't kept."""
        path = self._path(key)
        try:
            body = pickle.dumps((path.name, item), protocol=5)
        except Exception as error:  # third-party models fail to pickle in every way there is
            warnings.warn(f"{key[0]} can't be kept: {type(error).__name__}: {error}", UserWarning, stacklevel=2)
            return
        part = path.with_suffix(f".{os.getpid()}-{get_ident()}.part")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_bytes(_MAGIC + _digest(body) + body)
            os.replace(part, path)
        except OSError as error:  # a full disk costs the next search time, and this one nothing
            part.unlink(missing_ok=True)
            warnings.warn(f"{path.parent} can't be written: {error.strerror}.", UserWarning, stacklevel=2)

    def _path(self, key: tuple[Any, ...]) -> Path:
        return self.folder / f"{key[0]}-{hash_of(*key)}.pkl"


class _InMemory(Store):
    """Items in a ``joblib.Memory`` of the user's: its backend, its compression, its memory maps."""

    def __init__(self, memory: joblib.Memory, folder: Path, *root: Any) -> None:
        super().__init__(folder, *root)
        self._keep = memory.cache(_kept, ignore=["item"])

    def has(self, *key: Any) -> bool:
        return bool(self._keep.check_call_in_cache(str(self._path(key)), None))

    def load(self, *key: Any) -> Any:
        return self._keep(str(self._path(key)), None)  # which keeps None where there is nothing, until it is saved

    def save(self, item: Any, *key: Any) -> None:
        self._keep.call(str(self._path(key)), item)


def _kept(name: str, item: Any) -> Any:
    return item


def fit_once(memory: Any, model: Any, data: TransferSet, seed: int | None) -> Any:
    """The fitted model, read where it has been fitted to the same rows before."""
    store = Store.where_possible(memory, data, "teacher", model, seed)
    fitted = None if store is None else store.load("teacher")
    if fitted is None:
        fitted = fit_to(model, data, seed=seed)
        if store is not None:
            store.save(fitted, "teacher")
    return fitted


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _unusable(path: Path, reason: str) -> None:
    warnings.warn(f"{path} is ignored and will be made again: {reason}.", UserWarning, stacklevel=4)
