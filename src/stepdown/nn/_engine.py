"""The one file that knows skorch: nets in, a trained net out, through skorch's own loop.

For the time of the training the student is an instance of a private subclass of its own class, in which the loss is the
method's. Batches, optimisers, callbacks, checkpoints, devices and, with skorch's ``AccelerateMixin``, precision and
processes stay what the user has set. Afterwards the student is a plain instance of the user's class again.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from sklearn.base import clone
from skorch import NeuralNet
from skorch.utils import to_tensor
from torch import Tensor, nn

from stepdown.core import InvalidInputError, Lesson, NotSupportedError, TransferSet

from ._cached_teacher import CachedTeacher
from ._distributed import GlobalBatch
from ._method import LossMethod
from ._nets import arguments, example_of, network_of, seeded, targets_for
from ._rows import cast_rows
from ._taps import main_tensor
from ._transfer import NonFiniteLossError, Transfer


class TrainingStoppedError(NonFiniteLossError):
    """A training that met a loss that isn't finite.

    Parameters
    ----------
    message : str
        With the epoch and the layer.
    student : skorch net, optional
        As it was after the last epoch that left it with finite weights; None where no epoch was finished.
    """

    def __init__(self, message: str, student: NeuralNet | None = None) -> None:
        super().__init__(message)
        self.student = student


def taught(student: NeuralNet, lesson: Lesson, *, seed: int | None = None) -> NeuralNet:
    """Train a clone of a skorch net by a lesson's loss."""
    data = lesson.data.replace(X=cast_rows(student, lesson.data.X))
    targets = targets_for(student, data)
    net = clone(student)
    teacher = lesson.teacher if isinstance(lesson.teacher, CachedTeacher) else network_of(lesson.teacher)
    training = _Training(_over_processes(lesson.loss, net), teacher, data, targets)
    with seeded(seed, net.device):
        return training.teach(net)


class _Training:
    """One training: from the moment when skorch makes the module to the plain net that comes out."""

    def __init__(self, method: LossMethod, teacher: nn.Module | CachedTeacher, data: TransferSet, targets: Any) -> None:
        self.method = method
        self.teacher = teacher
        self.X = data.X
        self.y = targets
        self.classes = data.classes
        self.transfer: Transfer | None = None
        self.unbounded: set[str] = set()
        self.good: dict[str, Tensor] | None = None
        self._open = ExitStack()

    def teach(self, net: NeuralNet) -> NeuralNet:
        """Train the net in place and return it; after an error nothing of the lesson stays in it either."""
        kind = type(net)
        net.__class__ = _taught_class(kind, self)
        try:
            net.fit(self.X, self.y)
        except NonFiniteLossError as error:
            self._restore(net)
            self.end(net, kind)
            when = "no epoch was finished" if self.good is None else "the last good one is the error's `student`"
            raise TrainingStoppedError(
                f"{error} Training was stopped; {when}.", None if self.good is None else net
            ) from error
        finally:
            self.end(net, kind)
        return net

    def begin(self, net: NeuralNet) -> nn.ModuleDict:
        """Open the transfer to the module that skorch has just made; return what is to be trained besides."""
        self._open.close()
        module = getattr(net, "module_", None)
        if not isinstance(module, nn.Module):
            raise NotSupportedError(f"{type(net).__name__} makes no module_; its network must be called that.")
        device = net.device or getattr(getattr(net, "accelerator", None), "device", None)
        if device is not None:
            module.to(device)
        self.unbounded = _not_finite(dict(module.named_buffers()))  # masks, and ranges that nothing has filled yet
        x, labels = example_of(net, self.X, self.y)
        cached = isinstance(self.teacher, CachedTeacher)
        teacher = self.teacher if cached else _on_the_device_of(module, self.teacher)
        self.transfer = Transfer(teacher, module, self.method, example=x, labels=labels)
        self._open.enter_context(self.transfer)
        return self.transfer.adapters

    def divide(self, net: NeuralNet, iterator: Any, training: bool) -> Any:
        """Let batches that Accelerate doesn't know go on with the training's epochs and be shared by the processes."""
        if training and hasattr(iterator, "set_epoch"):
            iterator.set_epoch(len(net.history))  # training that is resumed draws on where it was
        accelerator = getattr(net, "accelerator", None)
        if getattr(iterator, "part", 0) is None and accelerator is not None:
            iterator.part = (accelerator.process_index, accelerator.num_processes)
        return iterator

    def loss(self, net: NeuralNet, x: Any, out: Any, y: Any) -> Tensor:
        """The method's loss of a batch."""
        assert self.transfer is not None
        target = None if y is None else to_tensor(y, device=net.device)
        try:
            return self.transfer.loss(arguments(x, net.device), out, target, epoch=max(len(net.history) - 1, 0))
        except InvalidInputError as error:
            if len(main_tensor(out)) > 1:
                raise
            raise InvalidInputError(
                f"a batch of one row came: {error} Take another batch_size, or iterator_train__drop_last=True."
            ) from error

    def keep(self, epoch: int) -> None:
        """Remember the student as it is; stop, before any callback writes a checkpoint, if its weights are broken."""
        assert self.transfer is not None
        state = self.transfer.student.state_dict()
        broken = [name for name in _not_finite(state) if name not in self.unbounded]
        if broken:
            raise NonFiniteLossError(
                f"the loss was finite in epoch {epoch} and its last step has broken the student's weights: "
                f"{', '.join(broken[:5])}."
            )
        self.good = copy.deepcopy(state)

    def end(self, net: NeuralNet, kind: type[NeuralNet]) -> None:
        """Take the hooks and the adapters out, and make the net what it was; a second time does nothing."""
        self._open.close()
        if type(net) is kind:
            return
        adapters = net.__dict__.get("adapters_")
        if adapters is not None:
            _forget(getattr(net, "optimizer_", None), adapters)
            del net.adapters_
        net.__class__ = kind

    def _restore(self, net: NeuralNet) -> None:
        if self.good is not None and self.transfer is not None:
            self.transfer.student.load_state_dict(self.good)
            net.optimizer_.state.clear()  # its moments may be what broke the weights


def _not_finite(state: Mapping[str, Any]) -> set[str]:
    return {name for name, values in state.items() if isinstance(values, Tensor) and not bool(values.isfinite().all())}


def _taught_class(kind: type[NeuralNet], lesson: _Training) -> type[NeuralNet]:
    """The user's class with the lesson's loss in the place of the criterion's."""

    class Taught(kind):
        def initialize_module(self) -> Any:
            super().initialize_module()
            adapters = lesson.begin(self)
            if len(adapters):  # as a module of skorch's it is optimised, moved, and saved by Checkpoint(f_adapters=...)
                self.adapters_ = adapters
            return self

        def _initialize_accelerator(self) -> Any:
            # The criterion isn't used here, and one without parameters can't be prepared for several processes.
            criteria: list[str] = getattr(self, "_criteria", [])
            self._criteria = []
            try:
                return super()._initialize_accelerator()
            finally:
                self._criteria = criteria

        def check_data(self, X: Any, y: Any = None) -> None:
            super().check_data(X, y)
            if lesson.classes is not None:  # skorch knows those of its rows only, and a part may lack some
                self.classes_inferred_ = lesson.classes

        def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False) -> Tensor:
            return lesson.loss(self, X, y_pred, y_true)

        def get_iterator(self, dataset: Any, training: bool = False) -> Any:
            return lesson.divide(self, super().get_iterator(dataset, training=training), training)

        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            super().on_epoch_end(net, **kwargs)
            lesson.keep(len(self.history) - 1)

        def load_params(self, *args: Any, **kwargs: Any) -> None:
            try:
                super().load_params(*args, **kwargs)
            except (RuntimeError, ValueError, KeyError) as error:
                reasons = "; ".join(line.strip() for line in str(error).splitlines()[:3])
                raise InvalidInputError(
                    f"the checkpoint doesn't fit this student, a {type(self.module_).__name__}; it must be of the same "
                    f"architecture: {reasons}"
                ) from error

        def __reduce_ex__(self, protocol: Any) -> Any:
            # A checkpoint that pickles the net in the middle of its training holds the user's class.
            return object.__new__, (kind,), self.__getstate__()

    Taught.__name__, Taught.__qualname__ = kind.__name__, kind.__qualname__
    return Taught


def _over_processes(method: LossMethod, net: NeuralNet) -> LossMethod:
    """The method over the batches of all processes, where Accelerate runs more than one."""
    processes = getattr(getattr(net, "accelerator", None), "num_processes", 1)
    return GlobalBatch(method) if processes > 1 else method


def _on_the_device_of(student: nn.Module, teacher: nn.Module) -> nn.Module:
    """The teacher itself where it lives on the student's device, else a copy there: the caller's is never moved."""
    mine = next(student.parameters(), None)
    if mine is None or all(theirs.device == mine.device for theirs in teacher.parameters()):
        return teacher
    return copy.deepcopy(teacher).to(mine.device)


def _forget(optimizer: Any, adapters: nn.Module) -> None:
    """Take the adapters' parameters out of an optimiser that trained them with the student."""
    gone = {id(parameter) for parameter in adapters.parameters()}
    for group in getattr(optimizer, "param_groups", ()):
        group["params"] = [parameter for parameter in group["params"] if id(parameter) not in gone]
    for parameter in adapters.parameters():
        getattr(optimizer, "state", {}).pop(parameter, None)
