"""The published weights of the small networks of the information-flow recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from stepdown.cli._image_networks import TINY, VERY_TINY, Small

MEAN, STD = (125.3 / 255, 123.0 / 255, 113.9 / 255), (63.0 / 255, 62.1 / 255, 66.7 / 255)
"""What the published weights expect."""
PUBLISHED = {"aux_pkt": TINY, "tiny_cifar10": TINY, "very_tiny_cifar10": VERY_TINY, "proposed": VERY_TINY}


def published(checkpoints: str | Path, name: str) -> Small:
    """A network with published weights, in evaluation mode, its memory laid out as convolutions are fastest on."""
    with np.load(checkpoints) as arrays:
        state = {key.split("/", 1)[1]: torch.from_numpy(arrays[key]) for key in arrays if key.startswith(f"{name}/")}
    network = Small(PUBLISHED[name])
    network.load_state_dict(state)
    return fast(network.eval())


def fast(network: Any) -> Any:
    """The network with its convolutions' weights laid out channels last."""
    return network.to(memory_format=torch.channels_last)


def n_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
