"""Losses of a network's answers: one row of logits, or logits at every token or pixel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from stepdown.core import InvalidInputError

from ._numerics import Reduction, full_precision, reduced

IGNORED = -100
"""The target that torch and Hugging Face take for "doesn't count"."""


@full_precision
def kd(
    student: Tensor,
    teacher: Tensor,
    target: Tensor | None = None,
    *,
    temperature: float = 4.0,
    weight: float = 0.9,
    reduction: Reduction = "row",
    classes: int | None = None,
    mask: Tensor | None = None,
    ignore_index: int = IGNORED,
) -> Tensor:
    """Soft targets: weight T^2 KL(teacher || student) + (1 - weight) cross-entropy.

    Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", 2015. The factor T^2 keeps the size of
    the soft gradient independent of the temperature. At tokens and pixels each position is a row.

    Parameters
    ----------
    student, teacher : tensor of shape (n_rows, n_classes), (n_rows, n_tokens, n_classes) or (n_rows, n_classes, ...)
        Logits, classes in the same order. A class of logit -inf for the teacher doesn't count.
    target : tensor of the shape of the logits without their classes, or of their shape, optional
        Class indices, or shares of the classes; without them the soft part stands alone, with weight 1.
    temperature : float
        Positive; softens both sides.
    weight : float
        Of the soft part, between 0 and 1.
    reduction : {"row", "mean", "sum"}
        Of the soft part: "row" is the formula; "mean" divides by the number of classes too, as some published code
        does.
    classes : int, optional
        Axis of the classes. By default the one that the target lacks; where that leaves two, or there is no target,
        -1 of three axes (tokens) and 1 of more (maps).
    mask : tensor of bool or int, of the shape of the logits without their classes, optional
        Positions that count; 0 leaves one out of both parts.
    ignore_index : int
        Positions with this target are left out of both parts.

    Returns
    -------
    tensor of shape ()
        0 where no position counts.

    Raises
    ------
    InvalidInputError
        For shapes that differ, fewer than two classes, a temperature that isn't positive, or targets that are neither
        classes nor shares that sum to 1.

    Examples
    --------
    >>> import torch
    >>> logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    >>> kd(logits, logits).item()
    0.0
    """
    axis = _class_axis(student, target, classes)
    student, teacher = _matched_logits(student, teacher, axis)
    _expect_positive(temperature)
    student, teacher = (side.movedim(axis, -1) for side in (student, teacher))
    log_student, log_teacher = ((side / temperature).log_softmax(-1) for side in (student, teacher))
    possible = log_teacher > -torch.inf
    apart = torch.where(possible, log_teacher - torch.where(possible, log_student, 0.0), 0.0)
    soft = temperature**2 * log_teacher.exp() * apart
    if target is None:
        return _over(soft, _counting(soft[..., 0], mask), reduction)
    target = _checked_target(target, student, axis, ignore_index)
    is_shares = target.ndim == student.ndim
    flat = target.flatten(0, -2) if is_shares else target.flatten()
    hard = functional.cross_entropy(student.flatten(0, -2), flat, reduction="none", ignore_index=ignore_index)
    counts = _counting(soft[..., 0], mask, None if is_shares else target != ignore_index)
    hard = hard.view(student.shape[:-1])
    return weight * _over(soft, counts, reduction) + (1 - weight) * _over(hard[..., None], counts, "row")


@full_precision
def binary_kd(
    student: Tensor,
    teacher: Tensor,
    target: Tensor | None = None,
    *,
    temperature: float = 4.0,
    weight: float = 0.9,
    mask: Tensor | None = None,
    ignore_index: int = IGNORED,
) -> Tensor:
    """Soft targets of outputs that each say yes or no: the mean of weight T^2 KL + (1 - weight) binary cross-entropy.

    KL is that of the Bernoulli distributions of sigmoid(teacher / T) and sigmoid(student / T). Hinton, Vinyals & Dean,
    2015, for each label by itself, as Yang et al., "Multi-Label Knowledge Distillation", ICCV 2023, do.

    Parameters
    ----------
    student, teacher : tensor of shape (n_rows,) or (n_rows, ...)
        Logits: of one class against the other, of several labels a row, or of those at every position.
    target : tensor of the same shape, optional
        1 and 0, or shares between; without it the soft part stands alone, with weight 1. One column may be left out
        on either side. Whole numbers without the last axis are classes: 1 for that output, 0 for the others.
    temperature : float
        Positive; softens both sides.
    weight : float
        Of the soft part, between 0 and 1.
    mask : tensor of bool or int, of shape (n_rows, ...), optional
        What counts, of the shape of the logits or of its first axes.
    ignore_index : int
        Entries with this target, such as unknown labels, are left out of both parts.

    Returns
    -------
    tensor of shape ()
        0 where nothing counts.

    Raises
    ------
    InvalidInputError
        For shapes that differ, a temperature that isn't positive, or targets outside 0 to 1.

    Examples
    --------
    >>> import torch
    >>> logits = torch.tensor([[2.0, -1.0, 3.0]])
    >>> binary_kd(logits, logits).item()
    0.0
    >>> round(binary_kd(logits, logits, torch.tensor([[1.0, 0.0, 1.0]]), weight=0.0).item(), 4)
    0.1629
    """
    student, teacher = (side.unsqueeze(1) if side.ndim == 1 else side for side in (student, teacher))
    if student.shape != teacher.shape or not student.ndim:
        raise InvalidInputError(
            f"logits of shape {tuple(student.shape)} (student) and {tuple(teacher.shape)} (teacher) came; expected "
            "twice the same: one output for each label."
        )
    student, teacher = (_full(side) for side in (student, teacher.detach()))
    _expect_positive(temperature)
    shares = (teacher / temperature).sigmoid()
    entropy, cross = (
        functional.binary_cross_entropy_with_logits(side / temperature, shares, reduction="none")
        for side in (teacher, student)
    )
    soft = temperature**2 * (cross - entropy)
    if mask is not None:
        mask = mask.reshape(*mask.shape, *(1,) * (student.ndim - mask.ndim)).expand(student.shape)
    if target is None:
        return _over(soft[..., None], _counting(soft, mask), "row")
    target = _checked_labels(target, student, ignore_index)
    known = target != ignore_index
    hard = functional.binary_cross_entropy_with_logits(student, torch.where(known, target, 0.0), reduction="none")
    return _over((weight * soft + (1 - weight) * hard)[..., None], _counting(soft, mask, known), "row")


@full_precision
def logit(student: Tensor, teacher: Tensor) -> Tensor:
    """Half the squared distance of the outputs, averaged over the rows.

    Ba & Caruana, "Do Deep Nets Really Need to be Deep?", NeurIPS 2014.

    Parameters
    ----------
    student, teacher : tensor of shape (n_rows, ...)
        Logits, columns in the same order, or real predictions.

    Returns
    -------
    tensor of shape ()

    Examples
    --------
    >>> import torch
    >>> logit(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])).item()
    2.5
    """
    if student.shape != teacher.shape or not student.ndim:
        raise InvalidInputError(_unlike(student, teacher, "(n_rows, ...), twice the same"))
    return 0.5 * reduced((_full(student) - _full(teacher.detach())) ** 2, "row")


def _class_axis(logits: Tensor, target: Tensor | None, classes: int | None) -> int:
    """Where the classes of logits are, counted from 0."""
    if classes is not None:
        if not -logits.ndim <= classes < logits.ndim or classes % logits.ndim == 0:
            raise InvalidInputError(
                f"classes={classes} for logits of shape {tuple(logits.shape)}; 0 is the rows' axis."
            )
        return classes % logits.ndim
    likely = [logits.ndim - 1, 1] if logits.ndim == 3 else [1, logits.ndim - 1]
    if target is not None and target.ndim == logits.ndim - 1:
        fitting = [axis for axis in likely if logits.shape[:axis] + logits.shape[axis + 1 :] == target.shape]
        return (fitting or likely)[0]
    return likely[0]


def _counting(like: Tensor, *which: Tensor | None) -> Tensor | None:
    """Which positions count, for all of the given masks; None where all do."""
    counts = None
    for mask in which:
        if mask is None:
            continue
        if mask.shape != like.shape:
            raise InvalidInputError(
                f"a mask of shape {tuple(mask.shape)} came for logits at positions {tuple(like.shape)}; expected one "
                "number for each position."
            )
        counts = mask.bool() if counts is None else counts & mask.bool()
    return counts


def _over(entries: Tensor, counts: Tensor | None, reduction: Reduction) -> Tensor:
    """Entries of shape (positions..., n) reduced over the positions that count."""
    if counts is None:
        return reduced(entries.flatten(0, -2), reduction)
    kept = torch.where(counts[..., None], entries, 0.0).sum()
    divisor = counts.sum().clamp(min=1)
    return kept if reduction == "sum" else kept / (divisor * (entries.shape[-1] if reduction == "mean" else 1))


def _checked_target(target: Tensor, logits: Tensor, axis: int, ignore_index: int) -> Tensor:
    """Classes at the positions of logits, or shares with the classes last."""
    n_classes = logits.shape[-1]
    if target.shape == logits.movedim(-1, axis).shape:
        target = target.movedim(axis, -1).to(logits.dtype)
        sums = target.sum(-1)
        if not bool(((sums - 1).abs() < 1e-3).all()):
            raise InvalidInputError(
                f"rows of targets sum to {sums.min().item():.3g} to {sums.max().item():.3g}, not to 1, so they are no "
                "shares of classes. For several labels a row take BinaryKD, which teaches each label by itself."
            )
        return target
    positions = tuple(logits.shape[:-1])
    if tuple(target.shape) != positions or target.is_floating_point() or target.dtype == torch.bool:
        way_out = "targets.flatten().long() makes them of one column" if logits.ndim == 2 else "targets.long()"
        raise InvalidInputError(
            f"targets have shape {tuple(target.shape)} and type {target.dtype}; expected class indices of shape "
            f"({', '.join(map(str, positions))}{',' if len(positions) == 1 else ''}) ({way_out})."
        )
    if not target.is_cuda:  # a GPU would have to be waited for
        wrong = target[((target < 0) | (target >= n_classes)) & (target != ignore_index)]
        if len(wrong):
            raise InvalidInputError(
                f"class {int(wrong[0])} among the targets; the networks have {n_classes} outputs, and {ignore_index} "
                "stands for what doesn't count."
            )
    return target.long()


def _checked_labels(target: Tensor, logits: Tensor, ignore_index: int) -> Tensor:
    if target.shape != logits.shape and (*target.shape, 1) == logits.shape:
        target = target.unsqueeze(-1)
    elif target.shape == logits.shape[:-1] and not target.is_floating_point() and target.dtype != torch.bool:
        classes = _checked_target(target, logits, logits.ndim - 1, ignore_index).unsqueeze(-1)
        ours = torch.arange(logits.shape[-1], device=logits.device) == classes
        target = torch.where(classes == ignore_index, ignore_index, ours.long())
    if target.shape != logits.shape:
        raise InvalidInputError(
            f"targets of shape {tuple(target.shape)} came for logits of shape {tuple(logits.shape)}; expected one "
            "number, 0 or 1, for each output."
        )
    target = target.to(logits.dtype)
    if not target.is_cuda:
        wrong = target[~((target >= 0) & (target <= 1) | (target == ignore_index))]
        if len(wrong):
            raise InvalidInputError(
                f"{wrong[0].item():.4g} among the targets; expected 0, 1 or a share between, and {ignore_index} for "
                "what isn't known."
            )
    return target


def _matched_logits(student: Tensor, teacher: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    if student.shape != teacher.shape or student.ndim < 2 or student.shape[axis] < 2:
        binary = student.shape == teacher.shape and student.ndim > 0
        raise InvalidInputError(
            _unlike(student, teacher, "(n_rows, n_classes), twice the same, with at least two classes")
            + (" For one output that says yes or no take BinaryKD." if binary else "")
        )
    return _full(student), _full(teacher.detach())


def _unlike(student: Tensor, teacher: Tensor, expected: str) -> str:
    return (
        f"logits of shape {tuple(student.shape)} (student) and {tuple(teacher.shape)} (teacher) came; expected "
        f"{expected}. Networks with different outputs can be matched by their layers: PKT or InformationFlow."
    )


def _expect_positive(temperature: float) -> None:
    if not temperature > 0:
        raise InvalidInputError(f"temperature={temperature}: expected a positive number.")


def _full(values: Tensor) -> Tensor:
    return values if values.dtype.itemsize >= 4 else values.float()
