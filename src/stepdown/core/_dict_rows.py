"""Rows of several arrays by name, as networks of several inputs take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ._errors import InvalidInputError


class DictRows(dict[str, Any]):
    """Arrays by name over the same rows, which are chosen as those of one array are.

    Parameters
    ----------
    arrays : mapping of str to array of shape (n_samples, ...)
        Such as ``{"input_ids": ..., "attention_mask": ...}``; left as it is.

    Raises
    ------
    InvalidInputError
        For no arrays, or arrays of different lengths.

    Examples
    --------
    >>> rows = DictRows({"ids": [[1, 2], [3, 4], [5, 6]], "mask": [[1, 1], [1, 0], [1, 1]]})
    >>> rows.shape, rows[[2, 0]]["ids"].tolist()
    ((3,), [[5, 6], [1, 2]])
    """

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        super().__init__({name: np.asarray(values) for name, values in arrays.items()})
        lengths = {name: np.shape(values)[:1] for name, values in self.items()}
        if len(set(lengths.values())) != 1 or () in lengths.values():
            shapes = {name: np.shape(values) for name, values in self.items()}
            raise InvalidInputError(
                f"X is a mapping of arrays of shapes {shapes}; expected one row each for all of them."
            )

    @property
    def shape(self) -> tuple[int]:
        return (len(self),)

    def __len__(self) -> int:
        return len(next(iter(self.values())))

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return super().__getitem__(key)
        rows = key[0] if isinstance(key, tuple) else key  # scikit-learn asks for [rows, ...]
        return DictRows({name: values[rows] for name, values in self.items()})
