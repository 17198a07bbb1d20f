"""Transfer in a training loop of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from stepdown.core import InvalidInputError, StepdownError

from ._cached_teacher import CachedTeacher
from ._guards import SigmoidWatch, expect_gradients, expect_latest, expect_one_pass, expect_rows
from ._layouts import safely_laid_out
from ._method import LossMethod, Outputs, total
from ._networks import evaluating, in_the_type_of, quietly, run, without_last
from ._pairs import propose_pairs
from ._taps import Taps, bare, is_compiled, main_tensor, tensors_of

SOME_ROWS = 8
"""Of each layer that are looked at in every step for numbers other than zero."""


class NonFiniteLossError(StepdownError, ArithmeticError):
    """A loss that is infinite or not a number; the message names the epoch and the layer."""


class Transfer:
    """A teacher, a student and a method for the time of a training loop.

    The teacher is put in evaluation mode, runs without gradients and is otherwise left alone: not moved, not copied,
    not updated. The student is trained by the caller; only hooks are set on it. On exit both are as they were, but for
    what the student has learned.

    Parameters
    ----------
    teacher : torch.nn.Module or CachedTeacher
        Trained, on the device of the data.
    student : torch.nn.Module
        To be trained.
    method : LossMethod
        What is transferred and how.
    example : tensor, tuple or mapping, optional
        A batch of inputs, from which layers are paired (``pairs="auto"``) and adapters made; needed only for these.
    labels : tensor of shape (n_rows,), optional
        Of the example; used in pairing layers.

    Attributes
    ----------
    method : LossMethod
        With the layers paired.
    adapters : torch.nn.ModuleDict
        What is trained besides the student; give `parameters` to the optimiser and keep its state in checkpoints.
    terms : dict of str to tensor
        What the latest loss was the sum of, weighted and without gradients.

    Raises
    ------
    InvalidInputError
        For names of layers that don't exist, shapes that the method can't match, a student that shares parameters
        with its teacher, or a missing example.

    Examples
    --------
    >>> from stepdown.nn import KD
    >>> teacher, student = nn.Linear(4, 3), nn.Linear(4, 3)
    >>> optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    >>> x, y = torch.randn(8, 4), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    >>> with Transfer(teacher, student, KD()) as transfer:
    ...     for epoch in range(2):
    ...         loss = transfer.loss(x, student(x), y, epoch=epoch)
    ...         optimizer.zero_grad()
    ...         loss.backward()
    ...         optimizer.step()
    """

    def __init__(
        self,
        teacher: nn.Module | CachedTeacher,
        student: nn.Module,
        method: LossMethod,
        *,
        example: Any = None,
        labels: Tensor | None = None,
    ) -> None:
        for side, network in (("teacher", teacher), ("student", student)):
            if not isinstance(network, nn.Module | CachedTeacher):
                raise InvalidInputError(
                    f"the {side} must be a torch.nn.Module, got {type(network).__name__}; pass net.module_ of a skorch "
                    "net, and program.module() of an exported program."
                )
        cached = teacher if isinstance(teacher, CachedTeacher) else None
        teacher = teacher.module if isinstance(teacher, CachedTeacher) else teacher
        fixed = {id(values) for values in (*teacher.parameters(), *teacher.buffers())}
        moved: dict[str, list[Tensor]] = {
            "parameters": [values for values in student.parameters() if values.requires_grad],
            "running means": [values for name, values in student.named_buffers() if name.endswith("running_mean")],
        }
        for kind, values in moved.items():
            shared = {id(part) for part in values} & fixed
            if shared:
                raise InvalidInputError(
                    f"teacher and student share {len(shared)} {kind}, so that training would change the teacher; "
                    "copy it first: copy.deepcopy(teacher). Parameters that are frozen may be shared."
                )
        self.teacher = teacher
        self.student = student
        self.method = method
        self.example = example
        self.labels = labels
        self.adapters = nn.ModuleDict()
        self.terms: dict[str, Tensor] = {}
        self._resources = ExitStack()
        self._taps: tuple[Taps, Taps] | None = None
        self._cached = cached
        self._look_up: Callable[[Any], Outputs] | None = None
        self._adapters_known = False
        self._first_step = True

    def __enter__(self) -> Self:
        if self._taps is not None:
            raise InvalidInputError("this transfer has been entered already; make another for a second loop.")
        with ExitStack() as stack:
            if self.method.wants_pairs():
                if self.example is None:
                    raise InvalidInputError("pairs='auto' needs a batch to look at: Transfer(..., example=x).")
                labels = self.labels if self.labels is not None and self.labels.ndim == 1 else None  # not of tokens
                pairs = propose_pairs(self.teacher, self.student, self.example, labels)
                self.method = self.method.with_pairs(pairs)
            theirs, mine = self.method.layers()
            stack.enter_context(evaluating(self.teacher))
            stack.enter_context(safely_laid_out(self.student))
            self._taps = stack.enter_context(Taps(self.teacher, theirs)), stack.enter_context(Taps(self.student, mine))
            self._taps[1].watch_passes()
            stack.callback(setattr, self, "_taps", None)
            if self._cached is not None and self.method.heads():
                raise InvalidInputError("a CachedTeacher keeps one output of a network; pass the network itself.")
            self._look_up = None if self._cached is None else self._cached.outputs(theirs)
            if self.example is not None and not self._adapters_known:
                self._make_adapters()
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def parameters(self) -> Iterator[nn.Parameter]:
        """What is to be trained besides the student, for the optimiser.

        Returns
        -------
        iterator of torch.nn.Parameter
            Empty for most methods.

        Raises
        ------
        InvalidInputError
            Outside the ``with`` block, where adapters aren't made yet.
        """
        self._opened()
        return self.adapters.parameters()

    def teacher_outputs(self, x: Any) -> Outputs:
        """What the teacher makes of a batch, without gradients.

        Parameters
        ----------
        x : tensor, tuple or mapping
            What the teacher takes.

        Returns
        -------
        Outputs

        Raises
        ------
        InvalidInputError
            For a teacher that was switched to training mode in the meantime.
        """
        taps, _ = self._opened()
        if self._look_up is not None:
            return self._look_up(x)
        if any(module.training for module in self.teacher.modules()):
            raise InvalidInputError(
                "the teacher is in training mode, so that its normalisation would learn from the batches; call "
                "teacher.eval(), and train() on the student alone."
            )
        watch = SigmoidWatch() if self._first_step and not is_compiled(self.teacher) else None
        with torch.no_grad(), watch or nullcontext():
            out = run(self.teacher, in_the_type_of(self.teacher, x))
        squashed = frozenset() if watch is None else watch.found()
        found = Outputs(main_tensor(out), taps.outputs(), heads=tensors_of(out), squashed=squashed)
        taps.clear()
        expect_rows("teacher", len(found.logits), found.layers)
        return found

    def student_outputs(self, out: Any) -> Outputs:
        """What the student made of a batch in its latest forward pass, with the adapters.

        Parameters
        ----------
        out : tensor, tuple or mapping
            What that pass returned.

        Returns
        -------
        Outputs
        """
        _, taps = self._opened()
        known = taps.returned()
        found = Outputs(main_tensor(out), taps.outputs(), dict(self.adapters.items()), tensors_of(out))
        if known is not None:
            expect_latest(out, known)
        elif not is_compiled(self.student):
            expect_one_pass(found.logits, found.layers)
        taps.clear()
        expect_rows("student", len(found.logits), found.layers)
        return found

    def loss(self, x: Any, out: Any, y: Any = None, *, epoch: int) -> Tensor:
        """The loss of a batch that the student has just run on.

        Parameters
        ----------
        x : tensor, tuple or mapping
            The batch.
        out : tensor, tuple or mapping
            What ``student(x)`` returned, the student's latest forward pass.
        y : tensor of shape (n_rows,) or (n_rows, ...), or mapping of such, optional
            Targets; methods that need none ignore them.
        epoch : int
            From 0.

        Returns
        -------
        tensor of shape ()
            To be differentiated by the caller.

        Raises
        ------
        InvalidInputError
            For a batch that the method can't use, or a layer that is zero for every row.
        NonFiniteLossError
            For an infinite loss or one that isn't a number, with the epoch and the layer.
        """
        student = self.student_outputs(out)
        needed = self._first_step or y is None or self.method.reads_teacher(epoch)
        teacher = self.teacher_outputs(x) if needed else Outputs(student.logits.detach())
        if isinstance(x, Mapping) and isinstance(x.get("attention_mask"), Tensor):
            student = replace(student, mask=x["attention_mask"])
        if len(student.logits) != len(teacher.logits):
            raise InvalidInputError(
                f"the student's output has {len(student.logits)} rows and the teacher's {len(teacher.logits)}; pass "
                "the batch that the student has run on."
            )
        if not self._adapters_known:
            if self.method.adapters(student, teacher):
                raise InvalidInputError(
                    f"{type(self.method).__name__} trains adapters, which must be made before the optimiser: "
                    "Transfer(..., example=x), then [*student.parameters(), *transfer.parameters()]."
                )
            self._adapters_known = True
        if self._first_step and torch.is_grad_enabled():
            expect_gradients(student.logits, student.layers)
            for side, network, outputs in (("student", self.student, student), ("teacher", self.teacher, teacher)):
                self._expect_batch_first(side, network, outputs, x)
            self.method.check_outputs(student, teacher)
            self._first_step = False
        terms = self.method.terms(student, teacher, y, epoch=epoch)
        loss = total(terms, student)
        self._check(loss, terms, student, teacher, epoch)
        self.terms = {name: term.detach() for name, term in terms.items()}
        return loss

    def _opened(self) -> tuple[Taps, Taps]:
        if self._taps is None:
            raise InvalidInputError("the transfer is not open: use it inside `with Transfer(...) as transfer:`.")
        return self._taps

    def _make_adapters(self) -> None:
        with quietly(self.student):
            out = run(bare(self.student), self.example)
            student, teacher = self.student_outputs(out), self.teacher_outputs(self.example)
        made = self.method.adapters(student, teacher)
        # In the dtype of the weights: inside autocast the activations have another one.
        like = next((p for p in self.student.parameters() if p.is_floating_point()), student.logits)
        self.adapters = nn.ModuleDict(made).to(student.logits.device, like.dtype)
        self._adapters_known = True

    def _expect_batch_first(self, side: str, network: nn.Module, outputs: Outputs, x: Any) -> None:
        """Tell a batch of rows from as many time steps, by running the network on one row less."""
        n = len(outputs.logits)
        square = [name for name, layer in outputs.layers.items() if n in layer.shape[1:]]
        for axis in (0, 1) if square and n > 2 else ():
            fewer = without_last(in_the_type_of(network, x), n, axis)
            with Taps(bare(network), square) as taps, quietly(network):
                try:
                    left = len(main_tensor(run(bare(network), fewer)))
                except Exception:  # networks for batches of one size, or an axis that isn't the rows'
                    continue
                if left == n - 1:
                    found = taps.outputs()
                    expect_rows(side, left, {name: found[name] for name in square})
                    break
        for taps in self._opened():
            taps.clear()

    def _check(self, loss: Tensor, terms: dict[str, Tensor], student: Outputs, teacher: Outputs, epoch: int) -> None:
        if torch.is_grad_enabled() and not (loss.requires_grad and student.logits.requires_grad):
            raise InvalidInputError(
                "the loss has no gradient in the student: run student(x) with gradients, right before transfer.loss."
            )
        sides = {"teacher": teacher.layers, "student": student.layers}
        found = {(side, name): layer.detach() for side, layers in sides.items() for name, layer in layers.items()}
        for few in (True, False):  # a few rows that aren't zero say enough
            alive = {
                key: torch.linalg.vector_norm(layer[:SOME_ROWS] if few else layer) != 0  # seven times as fast as any()
                for key, layer in found.items()
            }
            # One answer from the device for all checks of the step.
            if bool(torch.stack([loss.detach().isfinite(), *alive.values()]).all()):
                return
        for (side, name), lives in alive.items():
            if not bool(lives):
                raise InvalidInputError(
                    f"{side}'s layer {name!r} is zero for every row in epoch {epoch}: a dead layer passes nothing on. "
                    "Lower the learning rate, or check its initialisation."
                )
        bad = [f"{name!r} is {term.item()}" for name, term in terms.items() if not bool(term.isfinite())]
        raise NonFiniteLossError(f"the loss is not finite in epoch {epoch}: {', '.join(bad) or 'the sum overflows'}.")
