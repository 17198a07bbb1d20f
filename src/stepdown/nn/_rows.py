"""Rows as a network takes them: in the type of its own parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from skorch import NeuralNet
from torch import nn
from torch.utils.data import DataLoader

from stepdown.core import DictRows


def parameter_type(net: NeuralNet) -> torch.dtype:
    """The floating type of a net's parameters; of a net that has no module yet, the one that torch would give it."""
    module = getattr(net, "module_", net.module)
    if isinstance(module, nn.Module):
        for parameter in module.parameters():
            if parameter.is_floating_point():
                return parameter.dtype
    return torch.get_default_dtype()


def cast_rows(net: NeuralNet, X: Any) -> Any:
    """Rows in the type of a net's parameters, where that is another than theirs.

    Real numbers are converted. Whole numbers are where nothing else can be meant by them: not for a net with
    embeddings, which looks them up, not for one with an iterator of its own, which may scale them. Whatever is no array
    or sparse matrix stays as it is.

    Parameters
    ----------
    net : skorch.NeuralNet
        Fitted or not; left as it is.
    X : array, sparse matrix or anything else that skorch takes

    Returns
    -------
    array, sparse matrix or X itself

    Examples
    --------
    >>> cast_rows(NeuralNet(nn.Linear(2, 1), criterion=nn.MSELoss), np.zeros((1, 2))).dtype
    dtype('float32')
    """
    if isinstance(X, DictRows):
        return DictRows({name: cast_rows(net, values) for name, values in X.items()})
    if not (isinstance(X, np.ndarray) or issparse(X)):
        return X
    if X.dtype.kind in "iub":
        if _reads_whole_numbers(net):
            return X
    elif X.dtype.kind != "f":
        return X
    wanted = str(parameter_type(net)).removeprefix("torch.")
    # numpy has no bfloat16; such networks are asked in float32 under autocast.
    return X.astype(wanted if wanted in ("float16", "float32", "float64") else "float32", copy=False)


def _reads_whole_numbers(net: NeuralNet) -> bool:
    module = getattr(net, "module_", net.module)
    if not isinstance(module, nn.Module):
        return True  # not known before the net is initialised, which is when it's asked again
    embeds = any(isinstance(part, nn.Embedding | nn.EmbeddingBag) for part in module.modules())
    return embeds or net.iterator_train is not DataLoader
