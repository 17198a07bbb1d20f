"""The published recipe of information-flow distillation, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from skorch import NeuralNet
from torch import nn

from stepdown.core import HopRecord, InvalidInputError, Teacher, TransferSet, run_hops

from ._flow_hops import flow_hops
from ._flow_recipe import CVPR2020, FALLING, FlowRecipe
from ._head import fit_head
from ._schedules import CriticalPeriod, Schedule


@dataclass(frozen=True, slots=True)
class FlowRecord:
    """What came of the recipe.

    Parameters
    ----------
    student : skorch.NeuralNet
        What ships: a plain fitted net of the given class; a classifier has its head fitted to the labels.
    auxiliary : skorch.NeuralNet
        The bridge that taught it.
    pairs : tuple of (str, str)
        Layers of auxiliary and student, from the first to the last.
    hops : tuple of HopRecord
        Both hops, with methods and seconds.
    """

    student: NeuralNet
    auxiliary: NeuralNet
    pairs: tuple[tuple[str, str], ...]
    hops: tuple[HopRecord, ...]

    def __str__(self) -> str:
        return "\n".join(str(hop) for hop in self.hops)


def flow_through_auxiliary(
    teacher: Teacher | Any,
    student: NeuralNet,
    data: TransferSet,
    *,
    layers: Sequence[str] | None = None,
    teacher_layer: str | None = None,
    factor: float = 2.0,
    label_epochs: int | None = None,
    schedule: Schedule | None = None,
    diagonal: bool = True,
    builder: Callable[[float], nn.Module] | None = None,
    recipe: FlowRecipe | Literal["cvpr2020", "falling"] | None = None,
    seed: int | None = None,
) -> FlowRecord:
    """Teach an auxiliary network by the teacher's last features, and the student by the auxiliary's layers.

    The auxiliary is built like the student and wider. It learns the labels first and then, by `PKT`, how the teacher's
    penultimate layer relates rows. The student learns by `InformationFlow` from the auxiliary, layer by layer with the
    weights of a schedule, and without labels; a classifier's head is fitted in the end. Passalis, Tzelepi & Tefas,
    "Heterogeneous Knowledge Distillation using Information Flow Modeling", CVPR 2020.

    Parameters
    ----------
    teacher : fitted skorch net, FrozenEstimator, FrozenNetwork or Teacher
        Of any architecture.
    student : skorch.NeuralNet
        Its settings, epochs among them, train the auxiliary as well.
    data : TransferSet
        Labels 0, 1, ..., n_classes - 1.
    layers : sequence of str, optional
        The student's layers from the first to the last before the output; by default as in `propose_pairs`.
    teacher_layer : str, optional
        By default the teacher's last layer before the output.
    factor : float
        Widths of the auxiliary against the student's.
    label_epochs : int, optional
        Epochs in which the auxiliary learns labels, before the student's number of epochs of `PKT`; by default as many.
    schedule : Schedule, optional
        Weights of the student's layers; by default ``CriticalPeriod.over`` the student's number of epochs.
    diagonal : bool
        Whether a row counts as its own neighbour in both hops, as in the published code; the paper leaves that out,
        which lets a short training do without the teacher's scale.
    builder : callable, optional
        As in `auxiliary`, for students that can't be widened automatically.
    recipe : FlowRecipe, "cvpr2020" or "falling", optional
        Optimiser, epochs and learning rates of all parts, in the place of the student's own settings. "cvpr2020" is the
        publication to the letter; "falling", one falling rate with the labels as one more relation, gave more on
        CIFAR-10 (docs/results.md). `FlowRecipe` has both, and shorter ones. Batches, and with them augmentation, stay
        the student's; so do its callbacks, which begin anew in each stage.
    seed : int, optional
        All of torch's randomness.

    Returns
    -------
    FlowRecord

    Raises
    ------
    StepdownError
        As `LossMethod.transfer` and `auxiliary`, with the hop named.

    Examples
    --------
    >>> import numpy as np
    >>> from skorch import NeuralNetClassifier
    >>> from torch import nn
    >>> def net(width):
    ...     module = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3))
    ...     settings = dict(criterion=nn.CrossEntropyLoss, max_epochs=2, train_split=None, verbose=0)
    ...     return NeuralNetClassifier(module, **settings)
    >>> X, y = np.random.default_rng(0).random((60, 4), dtype=np.float32), np.arange(60) % 3
    >>> record = flow_through_auxiliary(net(32).fit(X, y), net(4), TransferSet.for_classification(X, y), seed=0)
    >>> record.pairs, record.auxiliary.module_[0].out_features
    ((('1', '1'),), 8)
    """
    if isinstance(recipe, str):
        known = {"cvpr2020": CVPR2020, "falling": FALLING}
        if recipe not in known:
            raise InvalidInputError(f"recipe={recipe!r}: expected {', '.join(map(repr, known))}, or a FlowRecipe.")
        recipe = known[recipe]
    if recipe is not None and label_epochs is not None:
        raise InvalidInputError(
            f"label_epochs={label_epochs} came with a recipe, which has its own; change it by "
            "dataclasses.replace(recipe, labels=...)."
        )
    hops = flow_hops(
        teacher,
        student,
        data,
        [("auxiliary", factor)],
        layers=layers,
        teacher_layer=teacher_layer,
        label_epochs=label_epochs,
        schedule=CriticalPeriod.over if schedule is None else lambda _: schedule,
        diagonal=diagonal,
        builder=builder,
        recipe=recipe,
        seed=seed,
    )
    records, _ = run_hops([teacher], [hop for hop, _ in hops], data, seed=seed)
    return FlowRecord(fit_head(records[1].model, data), records[0].model, hops[1][1], tuple(records))
