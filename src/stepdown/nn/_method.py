"""What a transfer method between networks is: a loss of both sides' outputs, and what it needs to see."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from stepdown.core import InvalidInputError, Lesson, StepdownError, Teacher, TransferMethod, TransferSet

from ._guards import expect_no_softmax, expect_one_answer, expect_one_output
from ._nets import check_nets, expect_logits, network_of, targets_for
from ._positions import expect_channels, seen
from ._schedules import Schedule

Pairs = Sequence[tuple[str, str]]
"""Layers that correspond: (teacher's, student's) by name, from the first to the last."""


class Pace(NamedTuple):
    """How fast a moment of a training goes: the factor of the net's learning rate, whether the optimiser forgets its
    state in each epoch, and whether the factor changes between steps.
    """

    rate: float = 1.0
    renewed: bool = False
    changing: bool = False


@contextmanager
def naming_the_layers(theirs: str, mine: str) -> Iterator[None]:
    """Say in every error of ours from inside which layers it came from."""
    try:
        yield
    except StepdownError as error:
        raise type(error)(f"teacher's layer {theirs!r} -> student's layer {mine!r}: {error}") from error
    except KeyError as error:
        raise InvalidInputError(f"{error} stands for several layers; a pair names one of each network.") from error


@dataclass(frozen=True, slots=True)
class Outputs:
    """What one network made of a batch.

    Parameters
    ----------
    logits : tensor of shape (n_rows, ...)
        What the network returned.
    layers : mapping of str to tensor of shape (n_rows, ...)
        The activations that the method asked for.
    adapters : mapping of str to torch.nn.Module
        On the student's side what the method's `adapters` returned; trained with the student, never part of it.
    heads : mapping of str to tensor
        All tensors that the network returned, by key or position, where it returns more than one tensor.
    mask : tensor, optional
        The batch's ``attention_mask``, where it has one.
    squashed : container of int
        Identities of tensors that a sigmoid made; known of a teacher's first batch.
    """

    logits: Tensor
    layers: Mapping[str, Tensor] = field(default_factory=dict)
    adapters: Mapping[str, nn.Module] = field(default_factory=dict)
    heads: Mapping[str, Tensor] = field(default_factory=dict)
    mask: Tensor | None = None
    squashed: Container[int] = ()

    def head(self, name: str) -> Outputs:
        """The same with one head as the output; a network of one output has it as each of its heads."""
        if self.heads and name not in self.heads:
            raise InvalidInputError(f"no output {name!r}; the network returns {', '.join(map(repr, self.heads))}.")
        return replace(self, logits=self.heads[name], heads={}) if self.heads else self

    def token_mask(self) -> Tensor | None:
        """Which tokens of logits of shape (n_rows, n_tokens, n_classes) aren't padding, where the batch says so."""
        if self.mask is None or self.logits.ndim != 3 or self.mask.shape != self.logits.shape[:2]:
            return None
        return self.mask

    def within(self, part: str) -> Outputs:
        """The same with the adapters of one part of a combined method."""
        adapters = self.adapters.get(part)
        return replace(self, adapters=dict(adapters.items()) if isinstance(adapters, nn.ModuleDict) else {})


def total(terms: Mapping[str, Tensor], student: Outputs) -> Tensor:
    """The sum of a method's terms; 0 where there are none."""
    return sum(terms.values(), start=student.logits.new_zeros(()))


class LossMethod(TransferMethod, ABC):
    """Knowledge moves through a loss of what both networks make of a batch.

    A method holds hyper-parameters only. What it needs of the networks it names in `layers`; what is to be trained
    besides the student it makes in `adapters`. Both sides then come to `loss`.
    """

    between_networks = True

    @abstractmethod
    def loss(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> Tensor:
        """The loss of a batch.

        Parameters
        ----------
        student : Outputs
            With gradients, and with the adapters.
        teacher : Outputs
            Of the same rows, without gradients.
        target : tensor of shape (n_rows,) or (n_rows, ...), or None
            Class indices or real targets; for `Heads` a mapping.
        epoch : int
            From 0.

        Returns
        -------
        tensor of shape ()
        """

    def terms(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> dict[str, Tensor]:
        """What the loss is the sum of, named for messages and logs."""
        return {type(self).__name__: self.loss(student, teacher, target, epoch=epoch)}

    def layers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the teacher's and of the student's layers that `loss` reads."""
        return (), ()

    def adapters(self, student: Outputs, teacher: Outputs) -> dict[str, nn.Module]:
        """New modules to be trained with the student, made to the shapes of an example batch."""
        return {}

    def wants_pairs(self) -> bool:
        """Whether layers are still to be paired from an example batch."""
        return False

    def with_pairs(self, pairs: Pairs) -> LossMethod:
        """The method with the layers paired that were left open."""
        return self

    def heads(self) -> tuple[str, ...]:
        """Names of the outputs that `loss` reads, where networks return several."""
        return ()

    def stage_starts(self, epochs: int) -> tuple[int, ...]:
        """In which epochs of a training another loss begins; 0 first."""
        return (0,)

    def pace(self, epoch: float) -> Pace:
        """How fast training goes at an epoch, counted from 0 and with the share of its batches that is done."""
        return Pace()

    def reads_outputs(self) -> bool:
        """Whether the loss reads what the networks return, so that it teaches the student's head."""
        return not self.wants_pairs() and self.layers() == ((), ())

    def reads_teacher(self, epoch: int) -> bool:
        """Whether the loss of an epoch reads the teacher at all where there are targets; else it isn't run."""
        return True

    def check_criteria(self, student: Any, teacher: Any) -> None:
        """Refuse nets whose modules return probabilities to a loss that reads logits."""
        if self.reads_outputs():
            expect_logits(student, teacher)

    def check_outputs(self, student: Outputs, teacher: Outputs) -> None:
        """Refuse, at the first batch, outputs that the loss would misread."""
        if self.reads_outputs():
            expect_one_output(type(self).__name__, student.logits, student.heads)
            expect_one_answer(type(self).__name__, student.logits, student.heads, teacher.heads)
            expect_no_softmax("student", student.logits)
            expect_no_softmax("teacher", teacher.logits)

    def check_student(self, student: Any, data: TransferSet) -> None:
        check_nets(self, student=student)
        targets_for(student, data)

    def check_teachers(self, teachers: Sequence[Any], data: TransferSet) -> None:
        check_nets(self, teacher=teachers[-1])

    def supervise(
        self, teachers: Sequence[Teacher], student: Any, data: TransferSet, *, seed: int | None = None
    ) -> Lesson:
        """Return the lesson that the last of the teachers gives by this loss.

        A network is trained to it in its own loop, with its own batches, optimiser, callbacks and checkpoints; its
        criterion and ``get_loss`` are not used. The epochs of `loss` are those of its history, so that training resumed
        from a checkpoint goes on.

        Parameters
        ----------
        teachers : sequence of Teacher
            The last one teaches: a fitted skorch net, a ``FrozenEstimator`` of one, a `FrozenNetwork` or a module.
        student : skorch.NeuralNet
            A module that is given as an instance is copied and starts from its weights.
        data : TransferSet
            Labels 0, 1, ..., n_classes - 1 for a classifier, else real targets.
        seed : int, optional
            Not used: a loss draws from torch's randomness, which the trainer seeds.

        Returns
        -------
        Lesson

        Raises
        ------
        NotSupportedError
            For a teacher or a student that isn't a network, soft targets or weights.
        InvalidInputError
            For labels that aren't positions, or networks without logits for a loss that reads them. Training raises it
            for layers that don't exist or can't be matched, a batch of one row where rows are compared, a layer that is
            zero for every row, or a checkpoint of another student; and `TrainingStoppedError`, which carries the last
            good student, for a loss that isn't finite.
        """
        self.check_student(student, data)
        if not teachers:
            raise InvalidInputError(f"{type(self).__name__} needs a trained network as its teacher, got none.")
        model = teachers[-1].model
        network_of(model)
        self.check_criteria(student, model)
        return Lesson(data, self, model)


class Seen(NamedTuple):
    """A pair of layers as a loss reads it: (teacher's, student's) names, the method for it, tensors and adapter."""

    names: tuple[str, str]
    method: LayerMethod
    student: Tensor
    teacher: Tensor
    adapter: nn.Module | None


class LayerMethod(LossMethod, ABC):
    """A loss of pairs of layers, each weighted by a schedule, added up.

    A subclass has a parameter ``pairs``, and writes `layer_loss`. It may have parameters ``tokens``, ``channels`` and
    ``pool``, which say how sequences and maps are read before:

    tokens : int, slice or list of int, optional
        Of layers with three axes those that count: 0 is the class token of a transformer, ``slice(1, None)`` what is
        behind it. By default all.
    channels : int, optional
        Axis of the channels. By default -1 of three axes (tokens and sequences) and 1 of more (maps).
    pool : {"mean", "max"} or callable, optional
        What makes one number a channel of all positions: a function of a tensor of shape
        (n_rows, n_channels, n_positions) to (n_rows, ...). By default positions stay.

    A tuple for ``tokens`` or ``channels`` stands for (teacher's, student's).
    """

    pairs: Pairs | str
    by_position: ClassVar[bool] = False
    """Whether layers are compared position by position, so that tokens and maps have to be laid out alike."""

    @abstractmethod
    def layer_loss(self, student: Tensor, teacher: Tensor, adapter: nn.Module | None) -> Tensor:
        """The unweighted loss of one pair of layers."""

    def layer_losses(self, pairs: Sequence[Seen]) -> Iterable[Tensor]:
        """The unweighted losses of several pairs."""
        found = []
        for names, method, student, teacher, adapter in pairs:
            with naming_the_layers(*names):
                found.append(method.layer_loss(student, teacher, adapter))
        return found

    def layer_weights(self, epoch: int, n_layers: int) -> tuple[float, ...]:
        """Weights of the pairs in an epoch: a schedule's where the method has one, else all 1."""
        schedule: Schedule | None = getattr(self, "schedule", None)
        return (1.0,) * n_layers if schedule is None else schedule.weights(epoch, n_layers)

    def adapter(self, student: Tensor, teacher: Tensor) -> nn.Module | None:
        """The module that one pair of layers needs, if any."""
        return None

    def _seen(self, student: Tensor, teacher: Tensor) -> tuple[LayerMethod, Tensor, Tensor]:
        """Both layers as the loss reads them, and the method with the axis of their channels."""
        tokens, channels, pool = (getattr(self, name, None) for name in ("tokens", "channels", "pool"))
        if hasattr(self, "tokens"):  # elsewhere `channels` may be something else
            expect_channels(channels, teacher, student)
        if tokens is None and pool is None and not isinstance(channels, tuple) and student.ndim == teacher.ndim:
            return self, student, teacher
        mine, theirs, axis = seen(student, teacher, tokens, channels, pool, by_position=self.by_position)
        if axis == channels:
            return self, mine, theirs
        return type(self)(**{**self.get_params(deep=False), "channels": axis}), mine, theirs

    def wants_pairs(self) -> bool:
        return isinstance(self.pairs, str) and self.pairs == "auto"

    def with_pairs(self, pairs: Pairs) -> LossMethod:
        if not self.wants_pairs():
            return self
        return type(self)(**{**self.get_params(deep=False), "pairs": tuple(pairs)})

    def layers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        pairs = self._pairs()
        return tuple(theirs for theirs, _ in pairs), tuple(mine for _, mine in pairs)

    def adapters(self, student: Outputs, teacher: Outputs) -> dict[str, nn.Module]:
        made = {}
        for number, (theirs, mine) in enumerate(self._pairs()):
            with naming_the_layers(theirs, mine):
                method, layer, taught = self._seen(student.layers[mine], teacher.layers[theirs])
                adapter = method.adapter(layer, taught)
            if adapter is not None:
                made[str(number)] = adapter
        return made

    def terms(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> dict[str, Tensor]:
        pairs = self._pairs()
        shares, seen = [], []
        for number, (names, weight) in enumerate(zip(pairs, self.layer_weights(epoch, len(pairs)), strict=True)):
            if weight == 0:
                continue
            with naming_the_layers(*names):
                method, layer, taught = self._seen(student.layers[names[1]], teacher.layers[names[0]])
            shares.append(weight)
            seen.append(Seen(names, method, layer, taught, student.adapters.get(str(number))))
        found: dict[str, Tensor] = {}
        for weight, pair, loss in zip(shares, seen, self.layer_losses(seen) if seen else (), strict=True):
            name = " -> ".join(pair.names)
            found[name] = found[name] + weight * loss if name in found else weight * loss
        return found

    def loss(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> Tensor:
        return total(self.terms(student, teacher, target, epoch=epoch), student)

    def _pairs(self) -> Pairs:
        pairs = () if isinstance(self.pairs, str) or not isinstance(self.pairs, Iterable) else tuple(self.pairs)
        if not pairs or not all(map(_is_pair, pairs)):
            raise InvalidInputError(
                f"pairs={self.pairs!r} of {type(self).__name__}: expected a sequence of (teacher's layer, student's "
                "layer); propose_pairs makes one from a batch, and so does Transfer for pairs='auto'."
            )
        return pairs


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(name, str) for name in pair)
