"""The hops of information-flow distillation: from a teacher over auxiliary networks to a student."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sklearn.base import clone
from skorch import NeuralNet, NeuralNetClassifier
from torch import nn

from stepdown.core import Hop, InvalidInputError, NotSupportedError, Teacher, TransferSet

from ._auxiliary import auxiliary
from ._combined import Staged
from ._flow_recipe import FlowRecipe
from ._information_flow import InformationFlow
from ._kd import KD
from ._nets import example_of, network_of, seeded, targets_for
from ._pairs import propose_pairs
from ._pkt import PKT
from ._prototype import with_module
from ._rows import cast_rows
from ._schedules import CriticalPeriod, Schedule

FlowHops = list[tuple[Hop, tuple[tuple[str, str], ...]]]
"""Hops, each with the layers that it pairs: (teacher's, student's) from the first to the last."""


def flow_hops(
    teacher: Teacher | Any,
    student: NeuralNet,
    data: TransferSet,
    bridges: Sequence[tuple[str, float]],
    *,
    layers: Sequence[str] | None = None,
    teacher_layer: str | None = None,
    label_epochs: int | None = None,
    schedule: Callable[[int], Schedule] = CriticalPeriod.over,
    diagonal: bool = True,
    builder: Callable[[float], nn.Module] | None = None,
    recipe: FlowRecipe | None = None,
    seed: int | None = None,
) -> FlowHops:
    """The hops, not yet made.

    The first bridge learns the labels and then, by `PKT`, how the teacher's penultimate layer relates rows; a further
    one the labels and then by `InformationFlow` from the bridge before it; the student by `InformationFlow` alone,
    from the last bridge or, without any, from the teacher. Between networks built alike layers of the same name are
    paired, because kappa, the match of layers that say as much, is the identity there (as in the paper); between the
    teacher and a student of another architecture by `propose_pairs`. A recipe sets optimiser, epochs and rates.
    """
    check_learns_labels(student)
    if recipe is not None:
        student = recipe.applied(student)
    epochs = student.max_epochs if label_epochs is None else label_epochs
    if epochs < 0:
        raise InvalidInputError(f"label_epochs={label_epochs}: expected 0 or more.")
    with seeded(seed, student.device):
        made = clone(student).initialize()
        x, labels = example_of(made, cast_rows(made, data.X), targets_for(student, data))
        wide = [(name, auxiliary(made.module_, factor, example=x, builder=builder)) for name, factor in bridges]
        theirs = propose_pairs(network_of(teacher), made.module_, x, labels)
    if layers is None:
        layers = [layer.name for layer in propose_pairs(made.module_, made.module_, x, labels).student]
    alike = tuple((layer, layer) for layer in layers)
    from_teacher = ((theirs[-1][0] if teacher_layer is None else teacher_layer, layers[-1]),)
    hops: FlowHops = []
    for name, network in wide:
        pairs = alike if hops else from_teacher
        flow = InformationFlow(pairs, schedule(student.max_epochs), diagonal=diagonal)
        if recipe is None:
            told = flow if hops else PKT(pairs, diagonal=diagonal)
            settings, method = (
                {"max_epochs": epochs + student.max_epochs},
                Staged([(epochs, KD(weight=0.0)), (None, told)]),
            )
        else:
            settings, method = recipe.for_bridge(flow, layers[-1])
        hops.append((Hop(with_module(student, network, **settings), method, name=name), pairs))
    pairs = alike if hops else tuple(theirs)
    flow = InformationFlow(pairs, schedule(student.max_epochs), diagonal=diagonal)
    told = flow if recipe is None else recipe.for_student(flow, layers[-1])
    return [*hops, (Hop(student, told, name="student"), pairs)]


def check_learns_labels(student: Any) -> None:
    """Refuse a student whose auxiliaries couldn't learn labels."""
    if not isinstance(student, NeuralNetClassifier):
        raise NotSupportedError(
            f"a {type(student).__name__} came; the auxiliary learns labels first, so expected a NeuralNetClassifier."
        )
