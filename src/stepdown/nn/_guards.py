"""What is wrong with a batch's outputs, said before anything has learned from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from stepdown.core import InvalidInputError

from ._method import Outputs


def expect_rows(side: str, outputs: Outputs) -> None:
    """Refuse a layer that isn't laid out row by row: time first, hidden states, packed sequences, windows."""
    n = len(outputs.logits)
    for name, layer in outputs.layers.items():
        if layer.ndim == 0 or len(layer) != n:
            raise InvalidInputError(rows_message(f"{side}'s layer {name!r}", layer, n))


def rows_message(layer: str, values: Tensor, n: int) -> str:
    """What to do about a layer whose first axis isn't the batch."""
    return (
        f"{layer} has shape {tuple(values.shape)} for a batch of {n} rows; the first axis must be the batch. Make "
        "recurrent and attention layers with batch_first=True, or name a layer behind it whose rows are the batch's, "
        "such as the input of the head ('head:input')."
    )


def expect_gradients(student: Outputs) -> None:
    """Refuse a student's layer through which nothing can be learned."""
    for name, layer in student.layers.items():
        if not layer.is_floating_point():
            raise InvalidInputError(
                f"student's layer {name!r} holds whole numbers ({layer.dtype}), which have no gradient; name a layer "
                "behind it."
            )
        if student.logits.requires_grad and not layer.requires_grad:
            raise InvalidInputError(
                f"student's layer {name!r} has no gradient: it is frozen, or runs inside torch.utils.checkpoint with "
                "use_reentrant=True. Leave the pair out, or take use_reentrant=False."
            )


def expect_logits(side: str, logits: Tensor) -> None:
    """Refuse probabilities where a loss takes the softmax itself."""
    values = logits.detach()
    if values.ndim != 2 or values.shape[1] < 2 or not bool((values >= 0).all()):
        return
    if bool(((values.sum(1) - 1).abs() < 1e-2).all()):
        raise InvalidInputError(
            f"the {side} returns probabilities: every row is non-negative and sums to 1; the method reads logits. Let "
            "the network end before its softmax, or return the logarithm of the probabilities."
        )


def expect_one_output(out: Any) -> None:
    """Refuse several heads where a loss reads one: tensors of which neither is made from the other."""
    named = isinstance(out, Mapping)
    if isinstance(out, Tensor) or (out.get("logits") if named else getattr(out, "logits", None)) is not None:
        return
    parts = out.items() if named else enumerate(out)
    heads = {name: part for name, part in parts if isinstance(part, Tensor) and part.grad_fn is not None}
    first, *others = heads or [None]
    apart = [
        name
        for name in others
        if not (is_made_from(heads[first], heads[name]) or is_made_from(heads[name], heads[first]))
    ]
    if apart:
        raise InvalidInputError(
            f"the student returns several outputs ({', '.join(map(repr, (first, *apart)))}), and the method teaches "
            f"{first!r} alone. Let both networks return one tensor, or a dict in which the one to be taught is called "
            "'logits'."
        )


def is_made_from(values: Tensor, part: Tensor) -> bool:
    """Whether a tensor's gradient flows into another one."""
    seen, left = set(), [values.grad_fn]
    while left:
        node = left.pop()
        if node is part.grad_fn:
            return True
        if node is not None and node not in seen:
            seen.add(node)
            left.extend(parent for parent, _ in node.next_functions)
    return False
