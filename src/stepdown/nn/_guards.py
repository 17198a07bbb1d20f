"""What is wrong with a batch's outputs, said before anything has learned from them."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from stepdown.core import InvalidInputError

from ._taps import main_tensor, tensors_of

LAID_OUT = (
    "squeeze",
    "unsqueeze",
    "view",
    "reshape",
    "select",
    "slice",
    "transpose",
    "permute",
    "clone",
    "alias",
    "tocopy",
    "to_copy",
)
"""Steps that change no number; autograd's names begin with them."""


def expect_rows(side: str, n: int, layers: Mapping[str, Tensor]) -> None:
    """Refuse a layer that isn't laid out row by row: time first, hidden states, packed sequences, windows."""
    for name, layer in layers.items():
        if layer.ndim == 0 or len(layer) != n:
            raise InvalidInputError(rows_message(f"{side}'s layer {name!r}", layer, n))


def rows_message(layer: str, values: Tensor, n: int) -> str:
    """What to do about a layer whose first axis isn't the batch."""
    return (
        f"{layer} has shape {tuple(values.shape)} for a batch of {n} rows; the first axis must be the batch. "
        "Where another axis is, as in time-first layers and hidden states, say which behind the name ('rnn@1') or make "
        "recurrent and attention layers with batch_first=True; else name a layer behind it whose rows are the batch's, "
        "such as the input of the head ('head:input')."
    )


def expect_latest(out: Any, returned: Any) -> None:
    """Refuse the output of an earlier pass than the one whose activations are at hand."""
    given, made = (list(tensors_of(side).values()) or [main_tensor(side)] for side in (out, returned))
    if any(part is known for part in given for known in made):
        return
    # Cut, cast or gathered; what has no gradient can't be traced.
    taught = [part for part in given if part.requires_grad]
    if taught and not any(known.requires_grad and is_made_from(part, known) for part in taught for known in made):
        raise InvalidInputError(
            "the student has run again since it made this output, so that its layers are those of another batch. Ask "
            "for the loss right after student(x), or run a copy: copy.deepcopy(student)."
        )


def expect_one_pass(logits: Tensor, layers: Mapping[str, Tensor]) -> None:
    """Refuse layers that ran for something else than the output, where a network is called part by part."""
    for name, layer in layers.items():
        if logits.requires_grad and not (layer.requires_grad and is_made_from(logits, layer)):
            raise InvalidInputError(
                f"student's layer {name!r} has run again since it made this output, or without gradients; what it "
                "shows belongs to another pass. Ask for the loss right after student(x), or run a copy: "
                "copy.deepcopy(student)."
            )


def expect_gradients(logits: Tensor, layers: Mapping[str, Tensor]) -> None:
    """Refuse a student's layer through which nothing can be learned."""
    for name, layer in layers.items():
        if not layer.is_floating_point():
            raise InvalidInputError(
                f"student's layer {name!r} holds {'complex' if layer.is_complex() else 'whole'} numbers "
                f"({layer.dtype}); losses compare real ones that have a gradient. Name a layer behind it."
            )
        if logits.requires_grad and not layer.requires_grad:
            raise InvalidInputError(
                f"student's layer {name!r} has no gradient: it is frozen, or runs inside torch.utils.checkpoint with "
                "use_reentrant=True. Leave the pair out, or take use_reentrant=False."
            )


def expect_no_softmax(side: str, logits: Tensor) -> None:
    """Refuse probabilities where a loss takes the softmax itself."""
    values = logits.detach()
    if values.ndim < 2 or not bool((values >= 0).all()):
        return
    for axis in {1, values.ndim - 1}:
        if values.shape[axis] > 1 and bool(((values.sum(axis) - 1).abs() < 1e-2).all()):
            raise InvalidInputError(
                f"the {side} returns probabilities: every row is non-negative and sums to 1; the method reads logits. "
                "Let the network end before its softmax, or return the logarithm of the probabilities."
            )


def expect_no_sigmoid(side: str, logits: Tensor, squashed: Container[int]) -> None:
    """Refuse probabilities where a loss takes the sigmoid or the softmax itself."""
    if id(logits) in squashed or _made_by(logits).startswith("Sigmoid"):
        raise InvalidInputError(
            f"the {side} returns probabilities: it ends in a sigmoid; the method reads logits. Let the network end "
            "before its sigmoid, or return torch.logit of the probabilities."
        )


class SigmoidWatch(TorchDispatchMode):
    """Which tensors are the outcome of a sigmoid; a network that runs without gradients can't be asked for them.

    Values don't tell: an untrained network's logits may well lie between 0 and 1 all.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made = WeakTensorKeyDictionary()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__.strip("_")
        moved = name in LAID_OUT and args and isinstance(args[0], Tensor) and args[0] in self._made
        if isinstance(out, Tensor) and (moved or name in ("sigmoid", "special_expit", "hardsigmoid")):
            self._made[out] = None
        return out

    def found(self) -> frozenset[int]:
        """Identities of those that still exist."""
        return frozenset(map(id, self._made))


def expect_one_output(method: str, logits: Tensor, heads: Mapping[str, Tensor]) -> None:
    """Refuse several heads where a loss reads one: tensors of which neither is made from the other."""
    if "logits" in heads:
        return
    first, *others = [name for name, part in heads.items() if part.grad_fn is not None] or [""]
    apart = [
        name
        for name in others
        if not (is_made_from(heads[first], heads[name]) or is_made_from(heads[name], heads[first]))
    ]
    if apart:
        ways = ", ".join(f"{name!r}: {method}()" for name in (first, *apart))
        raise InvalidInputError(
            f"the student returns several outputs ({', '.join(map(repr, (first, *apart)))}), and {method} reads one. "
            f"Say what teaches each: Heads({{{ways}}}), in which outputs may be left out. Or let both networks return "
            "one tensor, or a dict in which the one to be taught is called 'logits'."
        )


def expect_one_answer(method: str, logits: Tensor, mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
    """Refuse a teacher of several heads of the shape of the student's logits, where the student has one head."""
    alike = [name for name, part in theirs.items() if part.shape == logits.shape]
    if len(alike) > 1 and len(mine) < 2 and "logits" not in theirs:
        raise InvalidInputError(
            f"the teacher returns several outputs of the student's shape ({', '.join(map(repr, alike))}), and {method} "
            f"reads one. Say which teaches: Heads({{{alike[0]!r}: {method}()}})."
        )


def _made_by(values: Tensor) -> str:
    """What made a tensor, behind what has only laid it out anew."""
    node = values.grad_fn
    while node is not None and type(node).__name__.lower().startswith(LAID_OUT):
        node = node.next_functions[0][0]
    return type(node).__name__


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
