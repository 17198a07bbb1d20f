"""A lesson between networks: its loss, its hooks and its adapters in the loop of the student's net."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.base import clone
from skorch import NeuralNet
from skorch.callbacks import LRScheduler
from skorch.history import History
from skorch.utils import to_tensor
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from stepdown.core import InvalidInputError, Lesson, NotSupportedError, TransferSet

from ._cached_teacher import CachedTeacher
from ._distributed import GlobalBatch
from ._lent import Steps, lent
from ._method import LossMethod
from ._nets import arguments, example_of, network_of, seeded, targets_for
from ._networks import quietly, run
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
        self.history: History | None = None
        self.skipped: int | None = None
        self.stage_start, self.stage_end, self.last_epoch = 0, 0, -1
        self.rates: list[float] = []
        self.n_batches, self.batch = math.inf, 0
        self.good: dict[str, Tensor] | None = None
        self._open = ExitStack()

    def teach(self, net: NeuralNet) -> NeuralNet:
        """Train the net in place and return it; after an error nothing of the lesson stays in it either."""
        with lent(net, _LiveSteps, self):
            try:
                self._stages(net)
            except NonFiniteLossError as error:
                self._restore(net)
                when = "no epoch was finished" if self.good is None else "the last good one is the error's `student`"
                raise TrainingStoppedError(
                    f"{error} Training was stopped; {when}.", None if self.good is None else net
                ) from error
            finally:
                self._end(net)
        return net

    def _stages(self, net: NeuralNet) -> None:
        """One stage after another in one training; the optimiser and the user's callbacks begin anew.

        What an adaptive optimiser has learned of one loss drowns another that is a thousand times smaller.
        """
        for start, end in pairwise([*self.method.stage_starts(net.max_epochs), net.max_epochs]):
            self.stage_start, self.stage_end = start, end
            if start == 0:
                net.fit(self.X, self.y, **({"epochs": end} if end < net.max_epochs else {}))
                continue
            if self.last_epoch != len(net.history) - 1:  # interrupted by hand; callbacks stop behind an epoch
                return
            self.skipped = max(0, start - len(net.history))
            net.optimizer_.state.clear()
            net.partial_fit(self.X, self.y, epochs=end - start)

    def start_stage(self, net: Any) -> None:
        """Set the learning rate that a stage begins with, before the user's schedulers look at it."""
        pace, groups = self.method.pace(self.stage_start), net.optimizer_.param_groups
        if self.stage_start == 0:
            self.rates = [group["lr"] for group in groups]
        if pace.changing and any(isinstance(callback, LRScheduler) for _, callback in net.callbacks_):
            raise InvalidInputError(
                f"the student has a scheduler of its own and {self.method!r} changes the learning rate as well; leave "
                "one of the two out."
            )
        for group, rate in zip(groups, self.rates, strict=False):  # a group that a callback has added keeps its rate
            group["lr"] = rate * pace.rate
            group.pop("initial_lr", None)

    def step(self, net: Any) -> None:
        """Bring the learning rate up to date where it changes between steps."""
        epoch = max(0, len(net.history) - 1) + (self.skipped or 0)
        pace = self.method.pace(epoch + min((self.batch + 0.5) / self.n_batches, 1.0))
        if pace.changing:
            for group, rate in zip(net.optimizer_.param_groups, self.rates, strict=False):
                group["lr"] = rate * pace.rate
        if pace.renewed and self.batch == 0:
            net.optimizer_.state.clear()
        self.batch += 1

    def begin(self, net: NeuralNet) -> nn.ModuleDict:
        """Open the transfer to the module that skorch has just made; return what is to be trained besides."""
        self._open.close()
        module = getattr(net, "module_", None)
        if not isinstance(module, nn.Module):
            raise NotSupportedError(f"{type(net).__name__} makes no module_; its network must be called that.")
        device = net.device or getattr(getattr(net, "accelerator", None), "device", None)
        if device is not None:
            module.to(device)
        x, labels = example_of(net, self.X, self.y)
        if any(map(is_lazy, module.parameters())):
            with quietly(module):
                run(module, x)
        # Masks, and ranges that nothing has filled yet; they may be buffers or parameters that aren't trained.
        self.unbounded = _not_finite(module.state_dict())
        cached = isinstance(self.teacher, CachedTeacher)
        teacher = self.teacher if cached else _on_the_device_of(module, self.teacher)
        self.transfer = Transfer(teacher, module, self.method, example=x, labels=labels)
        self._open.enter_context(self.transfer)
        return self.transfer.adapters

    def loss(self, net: NeuralNet, x: Any, out: Any, y: Any, *, training: bool) -> Tensor:
        """The method's loss of a batch; in validation that of its stage's last epoch, for comparable epochs."""
        assert self.transfer is not None
        target = None if y is None else to_tensor(y, device=net.device)
        try:
            epoch = max(len(net.history) - 1 + (self.skipped or 0), 0 if training else self.stage_end - 1)
            return self.transfer.loss(arguments(x, net.device), out, target, epoch=epoch)
        except InvalidInputError as error:
            if len(main_tensor(out)) > 1:
                raise
            before = [] if training else [batch for batch in net.history[-1]["batches"] if "valid_loss" in batch]
            if before:  # the mean of what came before leaves a last row out of the epoch's mean
                rows = sum(batch["valid_batch_size"] for batch in before)
                mean = sum(batch["valid_loss"] * batch["valid_batch_size"] for batch in before) / rows
                return main_tensor(out).new_tensor(mean)
            part, way_out = (
                ("training", "another batch_size, or iterator_train__drop_last=True")
                if training
                else ("validation", "a larger iterator_valid__batch_size, or more rows for validation (train_split)")
            )
            raise InvalidInputError(f"a batch of one row came in {part}; take {way_out}: {error}") from error

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
        self.good, self.last_epoch = copy.deepcopy(state), epoch

    def _end(self, net: NeuralNet) -> None:
        """Take the hooks and the adapters out of the net and of its optimiser."""
        self._open.close()
        adapters = net.__dict__.get("adapters_")
        if adapters is not None:
            _forget(getattr(net, "optimizer_", None), adapters)
            del net.adapters_

    def _restore(self, net: NeuralNet) -> None:
        if self.good is not None and self.transfer is not None:
            self.transfer.student.load_state_dict(self.good)
            net.optimizer_.state.clear()  # its moments may be what broke the weights


def _not_finite(state: Mapping[str, Any]) -> set[str]:
    return {name for name, values in state.items() if isinstance(values, Tensor) and not bool(values.isfinite().all())}


class _LiveSteps(Steps):
    """The lesson's loss in the place of the criterion's."""

    lesson: _Training
    history_: History

    def initialize_module(self) -> Any:
        super().initialize_module()
        adapters = self.lesson.begin(self)
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

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False) -> Tensor:
        return self.lesson.loss(self, X, y_pred, y_true, training=training)

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        super().on_train_begin(net, **kwargs)
        self.lesson.start_stage(self)
        if self.lesson.skipped is not None:  # schedules and scores begin anew where they find no history
            self.lesson.history, self.history_ = self.history_, History()
            for _, callback in self.callbacks_:
                if hasattr(callback, "best_score_"):
                    callback.best_score_ = np.inf if callback.lower_is_better else -np.inf

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        if self.lesson.history is not None:
            self.history_, self.lesson.history = self.lesson.history, None
        self.lesson.batch = 0
        super().on_epoch_begin(net, **kwargs)

    def on_batch_begin(self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any) -> None:
        super().on_batch_begin(net, batch=batch, training=training, **kwargs)
        if training:
            self.lesson.step(self)

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        iterator = super().get_iterator(dataset, training=training)
        if training and hasattr(iterator, "__len__"):
            with suppress(TypeError):  # a stream of unknown length: its rate changes between epochs only
                self.lesson.n_batches = len(iterator)
        return iterator

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        super().on_epoch_end(net, **kwargs)
        self.lesson.keep(len(self.history) - 1)


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
