"""What a network costs: parameters, arithmetic and memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from skorch import NeuralNet
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from stepdown.core import InvalidInputError

from ._nets import example_of, network_of
from ._networks import quietly, run
from ._prototype import size_of
from ._rows import cast_rows
from ._taps import bare, main_tensor


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """What a network costs to keep and to run.

    Parameters
    ----------
    parameters : int
        Shared ones counted once.
    flops : float
        Floating-point operations a row: a multiplication and an addition count as two.
    bytes : int
        Of parameters and buffers in memory.
    """

    parameters: int
    flops: float
    bytes: int

    def __str__(self) -> str:
        return f"{self.parameters:,} parameters, {self.flops:,.0f} FLOPs a row, {self.bytes:,} bytes"


def network_cost(net: Any, X: Any) -> NetworkCost:
    """Count a network's parameters, its arithmetic a row, and its bytes.

    The arithmetic is that of matrix products, convolutions and attention in one pass in evaluation mode, as
    ``torch.utils.flop_counter`` has it; normalisation, activations and pooling are not counted. Recurrent and attention
    layers are run without their fused kernels, which the counter doesn't see into. What a pass takes in time is
    measured by ``stepdown.learners.latency``.

    Parameters
    ----------
    net : skorch net, FrozenNetwork or torch.nn.Module
        A net must be fitted or initialised; left as it is.
    X : array-like of shape (n_rows, ...), or a batch
        Rows as the net takes them, of which the first is run; for a bare module a batch as it takes it (a tensor, a
        tuple or a mapping), which is run as a whole.

    Returns
    -------
    NetworkCost

    Raises
    ------
    NotSupportedError
        For what isn't a network.
    InvalidInputError
        For a batch without rows.

    Examples
    --------
    >>> from torch import nn
    >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> print(network_cost(network, torch.zeros(5, 4)))
    67 parameters, 112 FLOPs a row, 268 bytes
    """
    network = bare(network_of(net))
    x = example_of(net, cast_rows(net, X), None, limit=1)[0] if isinstance(net, NeuralNet) else X
    counter = FlopCounterMode(display=False)
    with quietly(network), _unfused(), counter:
        output = main_tensor(run(network, x))
    if not len(output):
        raise InvalidInputError("a batch without rows came; expected at least one.")
    kept = {id(values): values for values in [*network.parameters(), *network.buffers()]}
    size = sum(values.numel() * values.element_size() for values in kept.values())
    return NetworkCost(size_of(network), counter.get_total_flops() / len(output), size)


@contextmanager
def _unfused() -> Iterator[None]:
    """Layers that torch would hand to one opaque kernel run as the products that they consist of."""
    fast = torch.backends.mha.get_fastpath_enabled()
    libraries: list[Any] = [torch.backends.mkldnn, torch.backends.cudnn]
    enabled = [library.enabled for library in libraries]
    torch.backends.mha.set_fastpath_enabled(False)
    # Not by their flags(...), which warn about settings of devices that aren't there.
    for library in libraries:
        library.enabled = False
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for library, was in zip(libraries, enabled, strict=True):
            library.enabled = was
