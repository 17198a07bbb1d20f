"""One layer with other widths: of the same kind and settings, freshly initialised."""

from __future__ import annotations

import copy
import inspect
from typing import Any

from torch import nn

from stepdown.core import NotSupportedError

from ._widths import BUILDER

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
RECURRENT = (nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
NORMS = (*BATCH_NORMS, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, nn.PReLU)
LAYERS = (*CONVOLUTIONS, *TRANSPOSED, *EMBEDDINGS, *RECURRENT, *NORMS, nn.Linear, nn.MultiheadAttention)

READ = ("in_channels", "in_features", "num_features", "num_channels", "input_size", "kdim", "vdim")
GIVEN = ("out_channels", "out_features", "embedding_dim", "hidden_size", "embed_dim")
"""Arguments that are a layer's widths, kept in attributes of the same names as all others are."""


def remade(module: Any, width_in: int, width_out: int) -> nn.Module:
    """A layer of torch's own class that reads and gives other widths; normalisations know the first alone."""
    kind = next(kind for kind in LAYERS if isinstance(module, kind))
    accepted = inspect.signature((nn.RNNBase if issubclass(kind, nn.RNNBase) else kind).__init__).parameters
    kept: dict[str, Any] = {}
    for name in accepted:
        if name in READ:
            kept[name] = width_in
        elif name in GIVEN:
            kept[name] = width_out
        elif hasattr(module, name):
            kept[name] = getattr(module, name)
    if "bias" in accepted:  # of normalisations in newer versions of torch only
        bias = getattr(module, "in_proj_bias" if kind is nn.MultiheadAttention else "bias")
        kept["bias"] = bias if isinstance(bias, bool) else bias is not None
    if isinstance(module, CONVOLUTIONS + TRANSPOSED):
        kept["groups"] = width_in if 1 < module.groups == module.in_channels else module.groups
    elif isinstance(module, nn.LayerNorm | nn.RMSNorm):
        kept["normalized_shape"] = (width_in, *module.normalized_shape[1:])
    elif isinstance(module, nn.PReLU):
        kept["num_parameters"] = 1 if module.num_parameters == 1 else width_in
    elif isinstance(module, nn.MultiheadAttention):
        kept["add_bias_kv"] = module.bias_k is not None
    elif isinstance(module, nn.RNNBase):
        mode, projection = kept.pop("mode"), kept.pop("proj_size")
        kept |= {"nonlinearity": "relu" if mode == "RNN_RELU" else "tanh"} if kind is nn.RNN else {}
        kept |= {"proj_size": projection} if projection else {}
    made: nn.Module = kind(**kept)
    return made


def become(module: nn.Module, made: nn.Module) -> None:
    """Let a layer, of torch's own class or derived from it, have the weights and the widths of another, in place.

    Raises
    ------
    NotSupportedError
        For a derived class with weights of its own.
    """
    if made.state_dict().keys() != module.state_dict().keys():
        kind = next(kind for kind in LAYERS if isinstance(module, kind))
        raise NotSupportedError(
            f"{type(module).__name__} is a {kind.__name__} with weights of its own, which can't be widened; {BUILDER}."
        )
    like = next((values for values in module.state_dict().values() if values.is_floating_point()), None)
    made = made if like is None else made.to(like.device, like.dtype)
    for name, value in vars(made).items():
        if name not in ("training", "_modules") and "hook" not in name:
            vars(module)[name] = value
    module._modules.update(made._modules)


def grown(module: nn.Module, width_in: int, width_out: int) -> nn.Module:
    """A copy of a layer with other widths, freshly initialised, in the same mode."""
    derived = copy.deepcopy(module)
    become(derived, remade(module, width_in, width_out))
    return derived


def tie(student: nn.Module, made: nn.Module) -> None:
    """Let a network share the parameters that the student shares."""
    first: dict[int, str] = {}
    for name, values in student.named_parameters(remove_duplicate=False):
        shared = first.setdefault(id(values), name)
        ours = made.get_parameter(shared)
        if ours.shape != made.get_parameter(name).shape:
            raise NotSupportedError(
                f"{type(student).__name__} can't be widened: {name!r} is the same parameter as {shared!r}, and "
                f"would be of another shape; {BUILDER}."
            )
        owner, _, child = name.rpartition(".")
        made.get_submodule(owner).register_parameter(child, ours)
