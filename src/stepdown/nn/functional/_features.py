"""Losses that compare features row by row; shapes must match, or an adapter makes them."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from stepdown.core import InvalidInputError

from ._numerics import Reduction, full_precision, masked_sqrt, reduced


@full_precision
def hint(prediction: Tensor, teacher: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Squared distance of a regression of the student's features to the teacher's.

    Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015, eq. 3, which is half of reduction "row".

    Parameters
    ----------
    prediction : tensor of shape (n_rows, ...)
        The student's features behind a trainable regressor.
    teacher : tensor of the same shape
    reduction : {"mean", "row", "sum"}
        "mean" over all elements is what most published code does.

    Returns
    -------
    tensor of shape ()

    Raises
    ------
    InvalidInputError
        For shapes that differ.

    Examples
    --------
    >>> hint(torch.zeros(1, 2), torch.tensor([[1.0, 2.0]])).item()
    2.5
    """
    prediction, teacher = _same_shape(prediction, teacher)
    return reduced((prediction - teacher) ** 2, reduction)


def attention_map(features: Tensor, *, power: float = 2.0, channels: int | None = None) -> Tensor:
    """Where a layer is active: mean over channels of the absolute activation to a power, flattened, rows of norm 1.

    Parameters
    ----------
    features : tensor of shape (n_rows, n_channels, ...) or (n_rows, n_tokens, n_channels)
        At least one axis of positions.
    power : float
        Positive.
    channels : int, optional
        Axis of the channels; by default -1 of three axes and 1 of more.

    Returns
    -------
    tensor of shape (n_rows, n_positions)
        Rows of a layer that is silent everywhere are 0.

    Raises
    ------
    InvalidInputError
        For features without positions.

    Examples
    --------
    >>> attention_map(torch.tensor([[[0.0], [2.0]]]))
    tensor([[0., 1.]])
    """
    if features.ndim < 3:
        raise InvalidInputError(
            f"features of shape {tuple(features.shape)} have no map of attention; expected (n_rows, n_channels, "
            "positions...) or (n_rows, n_tokens, n_channels). For flat layers use Hint, PKT or InformationFlow."
        )
    axis = _channels(features, channels)
    energy = features.abs().pow(power).mean(axis).flatten(1)
    norms = masked_sqrt((energy**2).sum(1, keepdim=True))
    return energy / torch.where(norms > 0, norms, 1.0)


@full_precision
def at(
    student: Tensor,
    teacher: Tensor,
    *,
    power: float = 2.0,
    reduction: Reduction = "mean",
    channels: int | None = None,
) -> Tensor:
    """Squared distance of the attention maps, or with reduction "row" their distance.

    Zagoruyko & Komodakis, "Paying More Attention to Attention", ICLR 2017, eq. 2. The larger map is averaged down to
    the smaller one first.

    Parameters
    ----------
    student, teacher : tensor of shape (n_rows, n_channels, height, width) or (n_rows, n_tokens, n_channels)
        Channels may differ.
    power : float
        Positive.
    reduction : {"mean", "row"}
        "mean" of the squares over all elements is what most published code does; "row" is the paper's norm of the
        difference, averaged over the rows.
    channels : int, optional
        Axis of the channels; by default -1 of three axes (tokens and sequences) and 1 of more (maps).

    Returns
    -------
    tensor of shape ()

    Raises
    ------
    InvalidInputError
        For features that aren't maps.

    Examples
    --------
    >>> features = torch.rand(2, 3, 4, 4)
    >>> at(features, 2 * features).item() < 1e-12
    True
    """
    student, teacher = _full(student), _full(teacher.detach())
    if len(student) != len(teacher):
        raise InvalidInputError(f"the student has {len(student)} rows and the teacher {len(teacher)}.")
    if student.ndim == teacher.ndim == 4:
        student, teacher = (side.movedim(_channels(side, channels), 1) for side in (student, teacher))
        channels = 1
    if student.ndim == teacher.ndim == 4 and student.shape[2:] != teacher.shape[2:]:
        size = (min(student.shape[2], teacher.shape[2]), min(student.shape[3], teacher.shape[3]))
        student, teacher = functional.adaptive_avg_pool2d(student, size), functional.adaptive_avg_pool2d(teacher, size)
    mine, theirs = _same_shape(*(attention_map(side, power=power, channels=channels) for side in (student, teacher)))
    difference = mine - theirs
    if reduction == "mean":
        return (difference**2).mean()
    if reduction == "row":
        return masked_sqrt((difference**2).sum(1)).mean()
    raise InvalidInputError(f"reduction={reduction!r}: expected 'mean' or 'row'.")


@full_precision
def vid(mean: Tensor, teacher: Tensor, log_scale: Tensor, *, eps: float = 1e-5) -> Tensor:
    """Negative log-likelihood of the teacher's features under a Gaussian that the student predicts.

    Ahn et al., "Variational Information Distillation for Knowledge Transfer", CVPR 2019, eq. 5, without the constant;
    the mean over all elements of ``((t - mean)^2 / var + log var) / 2`` with ``var = softplus(log_scale) + eps``.

    Parameters
    ----------
    mean, teacher : tensor of shape (n_rows, n_channels, ...)
    log_scale : tensor of shape (n_channels,)
        Trained with the student; see `vid_initial_scale`.
    eps : float
        The smallest variance.

    Returns
    -------
    tensor of shape ()

    Raises
    ------
    InvalidInputError
        For shapes that differ.

    Examples
    --------
    >>> scale = torch.full((2,), vid_initial_scale(1.0))
    >>> round(vid(torch.zeros(1, 2), torch.tensor([[1.0, 1.0]]), scale).item(), 4)
    0.5
    """
    mean, teacher = _same_shape(mean, teacher)
    if log_scale.shape != mean.shape[1:2]:
        raise InvalidInputError(
            f"log_scale has shape {tuple(log_scale.shape)}; expected one value for each of the teacher's channels."
        )
    shape = (1, -1) + (1,) * (mean.ndim - 2)
    variance = (functional.softplus(log_scale) + eps).view(shape)
    return 0.5 * ((teacher - mean) ** 2 / variance + variance.log()).mean()


def vid_initial_scale(variance: float = 5.0, *, eps: float = 1e-5) -> float:
    """The ``log_scale`` whose variance is the given one.

    Parameters
    ----------
    variance : float
        Larger than `eps`.
    eps : float
        As in `vid`.

    Returns
    -------
    float

    Examples
    --------
    >>> round(vid_initial_scale(), 6)
    4.993229
    """
    return math.log(math.expm1(variance - eps))


def strongest_filters(weight: Tensor, proportion: float) -> Tensor:
    """The filters that stay when a proportion of a layer's, those of the smallest L1 norm, is removed.

    Sarridis et al., "InDistill: Information flow-preserving knowledge distillation for model compression", 2022.

    Parameters
    ----------
    weight : tensor of shape (n_filters, ...)
        Of a convolution or a linear layer.
    proportion : float
        To be removed, between 0 and 1; the number is rounded half to even. Of equal norms the later filters go last.

    Returns
    -------
    tensor of int, of shape (n_kept,)
        Increasing.

    Raises
    ------
    InvalidInputError
        If nothing would stay.

    Examples
    --------
    >>> strongest_filters(torch.tensor([[0.5, -0.5], [0.1, 0.2], [-2.0, 0.1]]), 1 / 3)
    tensor([0, 2])
    """
    norms = weight.detach().abs().flatten(1).sum(1)
    removed = round(proportion * len(norms))
    if not 0 <= removed < len(norms):
        raise InvalidInputError(f"proportion={proportion} removes {removed} of {len(norms)} filters; some must stay.")
    return norms.argsort(stable=True)[removed:].sort().values


def _channels(features: Tensor, channels: int | None) -> int:
    return (-1 if features.ndim == 3 else 1) if channels is None else channels


def _full(features: Tensor) -> Tensor:
    return features if features.dtype.itemsize >= 4 else features.float()


def _same_shape(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    if student.shape != teacher.shape:
        raise InvalidInputError(
            f"features of shape {tuple(student.shape)} (student) and {tuple(teacher.shape)} (teacher) came, and this "
            "loss compares element by element. PKT, SP and InformationFlow compare relations between rows, which "
            "takes any shapes."
        )
    return _full(student), _full(teacher.detach())
