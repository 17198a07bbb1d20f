"""Networks that are built from a configuration, as those of Hugging Face are: wider ones from a wider configuration."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

HEADS = ("num_attention_heads", "n_head", "n_heads", "encoder_attention_heads", "num_heads")
WIDTHS = (
    *("hidden_size", "hidden_sizes", "intermediate_size", "embedding_size", "d_model", "d_ff", "d_kv", "dim"),
    *("hidden_dim", "n_embd", "n_inner", "head_dim", "encoder_ffn_dim", "decoder_ffn_dim", "ffn_dim", "embed_dim"),
)
"""Under which names configurations keep widths; numbers of heads, of layers and of words stay."""


def has_configuration(network: nn.Module) -> bool:
    """Whether a network's class builds one from its ``config``."""
    return isinstance(getattr(type(network), "config_class", None), type) and hasattr(network, "config")


def wider(network: Any, factor: float) -> nn.Module:
    """A fresh network of the same class; widths are multiples of the heads, and of two for each of these."""
    config = copy.deepcopy(network.config)
    known = config.to_dict()
    heads = next((known[name] for name in HEADS if isinstance(known.get(name), int)), 1)

    def grown(name: str, value: int) -> int:
        step = 2 if name in ("head_dim", "d_kv") else 2 * heads
        return step * max(1, round(value * factor / step))

    for name in WIDTHS:
        value = known.get(name)
        if isinstance(value, int) and value > 0:
            setattr(config, name, grown(name, value))
        elif isinstance(value, list | tuple) and all(isinstance(part, int) for part in value):
            setattr(config, name, [grown(name, part) for part in value])
    made: nn.Module = type(network)(config)
    return made.train(network.training)
