"""skorch's own loop with a lesson in it: for its time a net is an instance of a private subclass of its own class.

Batches, optimisers, callbacks, checkpoints, devices and, with skorch's ``AccelerateMixin``, precision and processes
stay what the user has set. Afterwards the net is a plain instance of the user's class again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from skorch import NeuralNet, NeuralNetClassifier
from skorch.callbacks import TrainEndCheckpoint

from stepdown.core import InvalidInputError

from ._layouts import safely_laid_out


class Steps(NeuralNet):
    """The steps of skorch's that every lesson changes; those of the user's class come next."""

    lesson: Any
    module_: Any
    open_: ExitStack

    def initialize(self) -> Any:
        self._know_classes()  # before the module, whose outputs they may be
        return super().initialize()

    def initialize_module(self) -> Any:
        super().initialize_module()
        if getattr(self, "module_", None) is self.module:  # trained in place it would be lost as what clones start from
            self.module_ = copy.deepcopy(self.module)
        self.open_.enter_context(safely_laid_out(getattr(self, "module_", None)))
        return self

    def initialize_callbacks(self) -> Any:
        super().initialize_callbacks()
        for _, callback in self.callbacks_:  # skorch forgets this one, which a clone of the net has for itself
            if isinstance(getattr(callback, "checkpoint", None), TrainEndCheckpoint):
                callback.checkpoint.initialize()
        return self

    def check_data(self, X: Any, y: Any = None) -> None:
        super().check_data(X, y)
        self._know_classes()  # skorch knows those of its rows only, and some may be missing

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Let batches that Accelerate doesn't know go on with the training's epochs and be shared by the processes."""
        iterator = super().get_iterator(dataset, training=training)
        if training and hasattr(iterator, "set_epoch"):
            iterator.set_epoch(len(self.history))  # training that is resumed draws on where it was
        accelerator = getattr(self, "accelerator", None)
        if getattr(iterator, "part", 0) is None and accelerator is not None:
            iterator.part = (accelerator.process_index, accelerator.num_processes)
        return iterator

    def load_params(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().load_params(*args, **kwargs)
        except (RuntimeError, ValueError, KeyError) as error:
            reasons = "; ".join(line.strip() for line in str(error).splitlines()[:3])
            raise InvalidInputError(
                f"the checkpoint doesn't fit this student, a {type(self.module_).__name__}; it must be of the same "
                f"architecture: {reasons}"
            ) from error

    def _know_classes(self) -> None:
        if self.lesson.classes is not None and isinstance(self, NeuralNetClassifier):
            self.classes_inferred_ = self.lesson.classes


@contextmanager
def lent(net: Any, steps: type[Steps], lesson: Any) -> Iterator[None]:
    """Let a net train by a lesson; what it was, it is again afterwards."""
    kind = type(net)

    def as_the_users(self: Any, protocol: Any) -> Any:
        # A checkpoint that pickles the net in the middle of its training holds the user's class.
        return object.__new__, (kind,), self.__getstate__()

    names = {"lesson": lesson, "__reduce_ex__": as_the_users, "__module__": kind.__module__, "__doc__": kind.__doc__}
    with ExitStack() as stack:
        names |= {"open_": stack, "__qualname__": kind.__qualname__}
        net.__class__ = type(kind.__name__, (steps, kind), names)
        try:
            yield
        finally:
            net.__class__ = kind
