"""Losses of a network's answers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from stepdown.core import InvalidInputError

from ._numerics import Reduction, full_precision, reduced


@full_precision
def kd(
    student: Tensor,
    teacher: Tensor,
    target: Tensor | None = None,
    *,
    temperature: float = 4.0,
    weight: float = 0.9,
    reduction: Reduction = "row",
) -> Tensor:
    """Soft targets: weight T^2 KL(teacher || student) + (1 - weight) cross-entropy.

    Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", 2015. The factor T^2 keeps the size of
    the soft gradient independent of the temperature.

    Parameters
    ----------
    student, teacher : tensor of shape (n_rows, n_classes)
        Logits, columns in the same order.
    target : tensor of shape (n_rows,) or (n_rows, n_classes), optional
        Class indices, or shares of the classes; without them the soft part stands alone, with weight 1.
    temperature : float
        Positive; softens both sides.
    weight : float
        Of the soft part, between 0 and 1.
    reduction : {"row", "mean", "sum"}
        Of the soft part: "row" is the formula; "mean" divides by the number of classes too, as some published code
        does.

    Returns
    -------
    tensor of shape ()

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
    student, teacher = _matched_logits(student, teacher)
    if temperature <= 0:
        raise InvalidInputError(f"temperature={temperature}: expected a positive number.")
    log_student = functional.log_softmax(student / temperature, 1)
    log_teacher = functional.log_softmax(teacher / temperature, 1)
    soft = temperature**2 * reduced(
        functional.kl_div(log_student, log_teacher, reduction="none", log_target=True), reduction
    )
    if target is None:
        return soft
    return weight * soft + (1 - weight) * functional.cross_entropy(student, _checked_target(target, student))


@full_precision
def logit(student: Tensor, teacher: Tensor) -> Tensor:
    """Half the squared distance of the logits, averaged over the rows.

    Ba & Caruana, "Do Deep Nets Really Need to be Deep?", NeurIPS 2014.

    Parameters
    ----------
    student, teacher : tensor of shape (n_rows, n_classes)
        Logits, columns in the same order.

    Returns
    -------
    tensor of shape ()

    Examples
    --------
    >>> import torch
    >>> logit(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])).item()
    2.5
    """
    student, teacher = _matched_logits(student, teacher)
    return 0.5 * reduced((student - teacher) ** 2, "row")


def _checked_target(target: Tensor, logits: Tensor) -> Tensor:
    n, n_classes = logits.shape
    if target.shape == logits.shape and target.is_floating_point():
        sums = target.sum(1)
        if not bool(((sums - 1).abs() < 1e-3).all()):
            raise InvalidInputError(
                f"rows of targets sum to {sums.min().item():.3g} to {sums.max().item():.3g}, not to 1, so they are no "
                "shares of classes. For several labels a row regress the logits by Logit, and add the binary "
                "cross-entropy of the labels in a loop of your own."
            )
        return target
    if target.shape != (n,) or target.is_floating_point() or target.dtype == torch.bool:
        raise InvalidInputError(
            f"targets have shape {tuple(target.shape)} and type {target.dtype}; expected class indices of shape ({n},) "
            "(targets.flatten().long() makes them of one column)."
        )
    if not target.is_cuda and not bool((target < n_classes).all()):  # a GPU would have to be waited for
        raise InvalidInputError(f"class {int(target.max())} among the targets; the networks have {n_classes} outputs.")
    return target.long()


def _matched_logits(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    if student.shape != teacher.shape or student.ndim != 2 or student.shape[1] < 2:
        raise InvalidInputError(
            f"logits of shape {tuple(student.shape)} (student) and {tuple(teacher.shape)} (teacher) came; expected "
            "(n_rows, n_classes), twice the same, with at least two classes. Networks with different outputs can be "
            "matched by their layers: PKT or InformationFlow."
        )
    student, teacher = (values if values.dtype.itemsize >= 4 else values.float() for values in (student, teacher))
    return student, teacher.detach()
