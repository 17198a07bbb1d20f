"""Where channels last isn't safe.

torch 2.13 on processors with AVX2 and without AVX-512: the gradient of a 1x1 convolution with a stride from 2 to 7
channels, channels last, is written past its end, which corrupts memory and mostly ends the process. From 8 channels on,
without a stride, with larger kernels and with channels first it isn't.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def safely_laid_out(network: nn.Module | None) -> Iterator[None]:
    """Let layers whose gradient would be written past its end get their rows channels first, on a CPU."""
    modules: list[Any] = [] if network is None else [module for module in network.modules() if _overruns(module)]
    handles = [module.register_forward_pre_hook(_channels_first) for module in modules]
    for module in modules:
        with torch.no_grad():  # of 1x1 weights both layouts are contiguous to torch, which then goes by the strides
            weight = module.weight
            weight.data = weight.new_empty(weight.numel()).view_as(weight).copy_(weight)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _overruns(module: Any) -> bool:
    if not isinstance(module, nn.Conv2d) or module.kernel_size != (1, 1) or max(module.stride) == 1:
        return False
    return 1 < module.in_channels < 8


def _channels_first(module: nn.Module, inputs: tuple[Any, ...]) -> Any:
    first, *rest = inputs
    return (first.contiguous(), *rest) if first.device.type == "cpu" else None
