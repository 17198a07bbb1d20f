"""The hybrid information-flow loss: one Gram product a side, the gradient made on the way forward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from stepdown.core import InvalidInputError

from ._kernels import SMALLEST_SIMILARITY
from ._numerics import Reduction, centred, full_precision, inverse_norms, rows

BLOCK_ELEMENTS = 1 << 15
"""Entries of a block of rows on the CPU, so that a block's dozen passes stay in the cache."""


OPPOSITE = 2 * SMALLEST_SIMILARITY
"""1 + cosine where it counts as -1: kept from 0, whose logarithm isn't finite, and without a gradient."""


OFFSET = 0.05
"""Share of the squared norms that the rows' spread around their mean makes up, below which the mean is taken off."""


class Relations(NamedTuple):
    """The neighbour probabilities of a batch in one layer: what a teacher's side of the loss comes to.

    Parameters
    ----------
    probabilities : tensor of shape (2, n_rows, n_rows)
        Rows sum to 1; first of the cosine kernel, then of the Student-t kernel.
    eps : float
        What they were made with.
    diagonal : bool
        Whether a row counts as its own neighbour; where not, the diagonal is 0.
    """

    probabilities: Tensor
    eps: float
    diagonal: bool

    def __len__(self) -> int:
        return self.probabilities.shape[1]


@full_precision
def relations(features: Tensor, *, diagonal: bool = True, eps: float = 1e-6) -> Relations:
    """Neighbour probabilities of a teacher's layer, to be computed once and used in `information_flow`.

    Parameters
    ----------
    features : tensor of shape (n_rows, ...)
        At least two rows; feature maps are flattened; no gradient is kept.
    diagonal : bool
        Whether a row counts as its own neighbour.
    eps : float
        Added to the norms and under the root of the distances.

    Returns
    -------
    Relations

    Raises
    ------
    InvalidInputError
        For fewer than two rows.

    Examples
    --------
    >>> relations(torch.eye(3)).probabilities.sum(-1).round(decimals=4)
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    return Relations(_probabilities([rows(features, at_least=2)], diagonal, eps)[:, 0], eps, diagonal)


@full_precision
def information_flow(
    student: Tensor,
    teacher: Tensor | Relations,
    *,
    reduction: Reduction = "mean",
    diagonal: bool = True,
    eps: float = 1e-6,
) -> Tensor:
    """Jeffreys divergence of the neighbour probabilities, for the cosine and the Student-t kernel, added.

    With p of the teacher and q of the student, rows normalised to 1::

        sum over both kernels of reduce_ij (p_ij - q_ij) (log p_ij - log q_ij)

    Passalis, Tzelepi & Tefas, "Heterogeneous Knowledge Distillation using Information Flow Modeling", CVPR 2020,
    eq. 6 to 9. The published code keeps the diagonal and takes the mean; the paper leaves the diagonal out and sums.

    Parameters
    ----------
    student : tensor of shape (n_rows, ...)
        At least two rows; feature maps are flattened.
    teacher : tensor of shape (n_rows, ...) or Relations
        Over the same rows, in the same order; widths may differ. `relations` computes its side ahead.
    reduction : {"mean", "row", "sum"}
        "mean" falls as 1/n_rows; "row", the average divergence of a row, doesn't depend on the size of the batch.
    diagonal : bool
        Whether a row counts as its own neighbour.
    eps : float
        Added to the norms and under the root of the distances.

    Returns
    -------
    tensor of shape ()
        Non-negative; 0 where the relations are equal. Can be differentiated once.

    Raises
    ------
    InvalidInputError
        For fewer than two rows, different numbers of rows, or relations made with other settings.

    Notes
    -----
    All-zero rows are finite in value and gradient. The gradient of each kernel is a symmetric matrix times
    the features, so that both need one product together, and only a matrix of the features' shape is kept.

    Examples
    --------
    >>> features = torch.tensor([[1.0, 0.0], [0.5, 1.0], [0.0, 2.0]])
    >>> information_flow(features, features).item() < 1e-9
    True
    >>> information_flow(features.flip(1), relations(features)).item() < 1e-6
    True
    """
    return information_flows([student], [teacher], reduction=reduction, diagonal=diagonal, eps=eps)[0]


@full_precision
def information_flows(
    students: Sequence[Tensor],
    teachers: Sequence[Tensor | Relations],
    *,
    reduction: Reduction = "mean",
    diagonal: bool = True,
    eps: float = 1e-6,
) -> Tensor:
    """`information_flow` of several layers over the same rows, of shape (n_layers,).

    The matrices of all layers are worked on together: at usual batch sizes they are so small that the number of steps
    is what takes the time.
    """
    matrices = _of_one_type([rows(layer, at_least=2) for layer in students])
    n = len(matrices[0])
    for layer in teachers:
        if isinstance(layer, Relations) and (layer.diagonal, layer.eps) != (diagonal, eps):
            raise InvalidInputError(
                f"the teacher's relations were made with diagonal={layer.diagonal}, eps={layer.eps}, and the loss was "
                f"asked for diagonal={diagonal}, eps={eps}; pass the same to both."
            )
        if len(layer) != n:
            raise InvalidInputError(
                f"the student has {n} rows and the teacher {len(layer)}: both must come from the same batch."
            )
    entries = n * (n if diagonal else n - 1)
    divisors = {"mean": entries, "row": n, "sum": 1}
    if reduction not in divisors:
        raise InvalidInputError(f"reduction={reduction!r}: expected 'mean', 'row' or 'sum'.")
    layers = [known for known in teachers if not isinstance(known, Relations)]
    if len(layers) == len(teachers):
        probabilities = _probabilities([rows(layer) for layer in layers], diagonal, eps)
    else:
        known = [
            layer if isinstance(layer, Relations) else relations(layer, diagonal=diagonal, eps=eps)
            for layer in teachers
        ]
        probabilities = torch.stack([each.probabilities for each in known], 1)
    return _Divergences.apply(probabilities.to(matrices[0].dtype), eps, diagonal, divisors[reduction], *matrices)


@torch.no_grad()
def _probabilities(layers: Sequence[Tensor], diagonal: bool, eps: float) -> Tensor:
    """Neighbour probabilities of layers, of shape (2, n_layers, n_rows, n_rows)."""
    layers = _of_one_type(layers)
    gram = _grams(layers)
    apart, _ = _centred_grams(layers, gram)
    scale = inverse_norms(gram, eps)
    squared = apart.diagonal(0, 1, 2)
    probabilities = gram.new_empty(2, *gram.shape)
    distances = gram.new_empty(len(gram), _block_size(gram), gram.shape[1])
    for block in _blocks(gram):
        kernels = probabilities[:, :, block]
        room = distances[:, : kernels.shape[2]]
        _kernels(gram[:, block], apart[:, block], block, squared, scale, eps, diagonal, kernels, room)
        kernels /= kernels.sum(-1, keepdim=True)
    return probabilities


class _Divergences(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, teacher: Tensor, eps: float, diagonal: bool, divisor: int, *layers: Tensor) -> Tensor:
        wanted = ctx.needs_input_grad[4:]
        losses, gradients = _losses_and_gradients(layers, teacher, eps, diagonal, divisor, wanted)
        ctx.save_for_backward(*gradients)
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        gradients = zip(ctx.saved_tensors, grad, strict=True)
        return None, None, None, None, *(None if layer is None else layer * of for layer, of in gradients)


def _losses_and_gradients(
    layers: Sequence[Tensor], teacher: Tensor, eps: float, diagonal: bool, divisor: int, wanted: Sequence[bool]
) -> tuple[Tensor, list[Tensor | None]]:
    """The losses of layers and, where wanted, their gradients in the features.

    With kernel K, row sums r, q = K/r, ratio x = p/q - 1 and l = log(p/q), a row's entries give
    ``sum_j q x l``, and ``dJ/dK = -(x + l + c)/r`` with ``c_i = -sum_j q l``. By the chain rule

    - cosine, K = u_i u_j G_ij + 1 with u = 1/(norm + eps): ``W = dJ/dK u_i u_j`` is the slope in G, and through u_i
      comes ``-u_i/norm_i (W G summed over row i and over column i)`` times row i;
    - Student-t, K = 1/(1 + d): ``T = -dJ/dK K^2/d`` is twice the slope in d^2, hence ``-T`` the one in G, and through
      the norms comes ``(T summed over row i and over column i)`` times row i.

    So everything is a matrix over pairs of rows and a vector over rows: the gradient is
    ``(W - T + (W - T)' + diag) features``.
    """
    gram = _grams(layers)
    apart, off = _centred_grams(layers, gram)
    scale = inverse_norms(gram, eps)
    inverse = inverse_norms(gram, 0.0)
    squared = apart.diagonal(0, 1, 2).clone()
    w_sums, t_sums, w_rows = gram.new_zeros(3, *scale.shape)
    losses = gram.new_zeros(len(gram))
    # Taken once: fresh pages cost more than the arithmetic.
    room = gram.new_empty(9, len(gram), _block_size(gram), gram.shape[1])
    for block in _blocks(gram):
        kernels, x, log_ratio, weighted, (distances,) = room[:, :, : block.stop - block.start].split(2)
        inner = gram[:, block]
        _kernels(inner, apart[:, block], block, squared, scale, eps, diagonal, kernels, distances)
        r = kernels.sum(-1, keepdim=True)
        torch.mul(teacher[:, :, block], r, out=x).div_(kernels).sub_(1)
        if not diagonal:  # no pair, hence no difference
            x.diagonal(block.start, 2, 3).zero_()
        torch.log1p(x, out=log_ratio)
        torch.mul(kernels, log_ratio, out=weighted)
        c = weighted.sum(-1, keepdim=True).div_(r)
        losses += weighted.mul_(x).sum(-1, keepdim=True).div_(r).sum((0, 2, 3))
        if not any(wanted):
            continue
        w, t = x.add_(log_ratio).sub_(c)  # now -r dJ/dK

        w *= scale[:, block, None] / (-divisor * r[0])
        w *= scale[:, None]
        torch.ops.aten.threshold_backward.grad_input(w, kernels[0], OPPOSITE, grad_input=w)
        if any(off):
            w_rows += w.sum(1)
            w_rows[:, block] += w.sum(2)
        torch.mul(w, inner, out=weighted[0])
        w_sums += weighted[0].sum(1)
        w_sums[:, block] += weighted[0].sum(2)

        t *= kernels[1].square_()
        t /= distances
        t /= divisor * r[1]
        t.diagonal(block.start, 1, 2).zero_()  # a row's distance to itself doesn't move
        t_sums += t.sum(1)
        t_sums[:, block] += t.sum(2)
        torch.sub(w, t, out=inner)  # its inner products have been used
    losses /= divisor
    if not any(wanted):
        return losses, [None] * len(layers)
    _add_transpose(gram)
    own = w_sums * scale * inverse
    gram.diagonal(0, 1, 2).add_(t_sums - own)
    gradients: list[Tensor | None] = []
    for number, (layer, slopes) in enumerate(zip(layers, gram, strict=True)):
        if not wanted[number]:
            gradients.append(None)
        elif off[number]:
            # Of a common offset only the cosine's part has a gradient: the distances' would be rounding, times it.
            through_mean = (w_rows[number] - own[number])[:, None] * layer.mean(0)
            gradients.append(slopes @ centred(layer) + through_mean)
        else:
            gradients.append(slopes @ layer)
    return losses, gradients


def _of_one_type(layers: Sequence[Tensor]) -> Sequence[Tensor]:
    return layers if len({layer.dtype for layer in layers}) == 1 else [layer.double() for layer in layers]


def _grams(layers: Sequence[Tensor]) -> Tensor:
    """Inner products of the rows of each layer, of shape (n_layers, n_rows, n_rows)."""
    n = len(layers[0])
    gram = layers[0].new_empty(len(layers), n, n)
    for layer, out in zip(layers, gram, strict=True):
        _gram(layer, out)
    return gram


def _gram(features: Tensor, gram: Tensor) -> None:
    """Write the inner products of the rows; for wide features on the CPU only one half is multiplied out."""
    n, width = features.shape
    if features.is_cuda or n < 64 or width < 512:
        torch.mm(features, features.T, out=gram)
        return
    panel = -(-n // 4)
    for start in range(0, n, panel):
        stop = min(start + panel, n)
        torch.mm(features[start:], features[start:stop].T, out=gram[start:, start:stop])
        gram[start:stop, stop:] = gram[stop:, start:stop].T


def _centred_grams(layers: Sequence[Tensor], gram: Tensor) -> tuple[Tensor, list[bool]]:
    """Inner products for the distances, and of which layers they are those of centred rows.

    These are the layers where a common offset would eat the digits; elsewhere the Gram matrix itself serves. A GPU
    multiplies again rather than wait for the answer.
    """
    squared = gram.diagonal(0, 1, 2).mean(1)
    off = [True] * len(layers) if gram.is_cuda else (squared - gram.mean((1, 2)) < OFFSET * squared).tolist()
    if not any(off):
        return gram, off
    apart = gram.clone()
    for layer, out, wide in zip(layers, apart, off, strict=True):
        if wide:
            _gram(centred(layer), out)
    return apart, off


def _add_transpose(matrices: Tensor) -> None:
    """Add to square matrices their transposes, in place and a tile at a time."""
    n = matrices.shape[1]
    size = n if matrices.is_cuda else 256
    for top in range(0, n, size):
        down = slice(top, top + size)
        for left in range(0, top, size):
            across = slice(left, left + size)
            matrices[:, down, across] += matrices[:, across, down].mT
            matrices[:, across, down] = matrices[:, down, across].mT
        matrices[:, down, down] += matrices[:, down, down].mT.clone()


def _block_size(gram: Tensor) -> int:
    """Rows of a block; a GPU takes all at once."""
    n = gram.shape[1]
    return n if gram.is_cuda else min(n, max(1, BLOCK_ELEMENTS // n))


def _blocks(gram: Tensor) -> Iterator[slice]:
    n, size = gram.shape[1], _block_size(gram)
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def _kernels(
    inner: Tensor,
    apart: Tensor,
    block: slice,
    squared: Tensor,
    scale: Tensor,
    eps: float,
    diagonal: bool,
    kernels: Tensor,
    distances: Tensor,
) -> None:
    """Write both kernels of a block of rows of each layer, the cosine's twice as large, and its distances."""
    torch.mul(inner, scale[:, None], out=kernels[0]).mul_(scale[:, block, None]).add_(1).clamp_(min=OPPOSITE)
    torch.add(squared[:, None], apart, alpha=-2, out=distances).add_(squared[:, block, None])
    distances.clamp_(min=0).add_(eps).sqrt_()
    torch.add(distances, 1, out=kernels[1]).reciprocal_()
    if eps == 0:  # equal rows: the slope, divided by this, becomes 0 instead of infinite
        distances.masked_fill_(distances == 0, torch.inf)
    if not diagonal:
        kernels.diagonal(block.start, 2, 3).zero_()
