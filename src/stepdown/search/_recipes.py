"""The ways that are tried when the user names none: few, good, and measured (docs/results.md).

This file is the only one in the room that knows particular methods.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.svm import LinearSVR

from stepdown.core import Hop, NotSupportedError, SignalWarning, Trainer, TransferMethod, TransferSet, derive_seed
from stepdown.learners import (
    BaggedTreesClassifier,
    BaggedTreesRegressor,
    bagged_bridge,
    between_twins,
    can_teach,
    grown,
    is_between_networks,
    learned_property,
    limits_in_rows,
    peel,
    shrunk,
    supports_weight,
    wider_nets,
)
from stepdown.methods import (
    KD,
    ConfWeight,
    Dense,
    Mixture,
    ModelCompression,
    Munge,
    NoTransfer,
    Resample,
    SRatio,
)
from stepdown.trainers import PlainFit

from ._pool_from import PoolFrom
from ._task import Way

log = logging.getLogger("stepdown")

# Half labels, half teacher: the gain is flat in the weight between 0.3 and 1, and a half never hurt.
SHARE_OF_TEACHER = 0.5
# A bridge's out-of-bag answers are better than the labels when these are noisy, and never much worse.
SHARE_OF_BRIDGE = 0.75
# Means over a bag are less sure than they may be; sharper ones give the student clearer orders:
# benchmarks/tabular/bridges.py.
BRIDGE_TEMPERATURE = 1 / 5
# Against the student's, as in the recipe of the networks' room.
WIDTH_OF_BRIDGE = 2.0
# Further rows help small data; from some thousand rows on they cost more than they bring.
MOST_ROWS_TO_MULTIPLY = 1500
# Under a frozen teacher a bridge was better at 100 and 300 rows, and at 1,000 it was not (docs/when-hops-help.md).
MOST_ROWS_FOR_BRIDGE = 750
# Answers are few, and so a larger bag costs little.
TREES_ON_ANSWERS = 100


def build_ways(
    teacher: Any,
    student: Any,
    data: TransferSet,
    trainer: Trainer,
    methods: Sequence[TransferMethod] | None,
    intermediates: Sequence[tuple[str, Any]] | None,
    *,
    frozen: bool,
    cv: int,
    seed: int | None,
) -> list[Way]:
    """List the ways."""
    # Models and methods are one object for all ways, so that these share what is fitted: routes go by identity.
    labels = NoTransfer()
    ways = [
        Way("plain", "plain", labels, PlainFit(), uses_teacher=False),
        Way("labels", "labels", labels, trainer, uses_teacher=False),
    ]
    ladder = _bridge(teacher, student, data, methods or (), seed) if intermediates is None else list(intermediates)
    if methods is None:
        return _teachable(ways + _default_ways(data, trainer, ladder, frozen, cv, labels), teacher, student)
    for method, text in zip(methods, distinct(methods), strict=True):
        mark = f", {text}" if len(methods) > 1 else ""
        ways.append(Way(f"one-hop{mark}", "one-hop", method, trainer))
        if ladder:
            hops = tuple(Hop(model, method, None, name) for name, model in ladder)
            alone = (Hop(ladder[-1][1], labels, None, ladder[-1][0]),)
            # A constructed network has the student's names of layers, whatever those of the teacher are.
            last = between_twins(method) if intermediates is None else method
            ways.append(Way(f"multihop{mark}", "multihop", last, trainer, hops))
            ways.append(Way(f"control{mark}", "control", last, trainer, alone, uses_teacher=False))
    return ways


def distinct(methods: Sequence[TransferMethod]) -> list[str]:
    """What the methods are called: their text, numbered where another is spelt alike."""
    texts = [str(method) for method in methods]
    return [text if (n := texts[:place].count(text)) == 0 else f"{text} #{n + 1}" for place, text in enumerate(texts)]


def _teachable(ways: list[Way], teacher: Any, student: Any) -> list[Way]:
    """The ways whose models answer with what the loss of the next one learns: a mean says nothing of a quantile."""

    def is_sound(way: Way) -> bool:
        earlier = [teacher] if way.uses_teacher else []
        for method, pupil in [*((hop.method, hop.student) for hop in way.before), (way.method, student)]:
            if not all(can_teach(model, pupil) for model in method.asks(earlier)):
                return False
            earlier = [*earlier, pupil]
        return True

    sound = [way for way in ways if is_sound(way)]
    if not any(way.uses_teacher for way in sound):
        warnings.warn(
            f"the student learns the {learned_property(student)} of its targets, which the teacher's answers aren't: it"
            " is trained on the labels alone. A teacher of the same loss could teach it.",
            SignalWarning,
            stacklevel=5,
        )
    return sound


def _bridge(
    teacher: Any, student: Any, data: TransferSet, methods: Sequence[TransferMethod], seed: int | None
) -> list[tuple[str, Any]]:
    """The constructed intermediate: between networks one of them, else bagged trees, where methods and rows allow.

    Where they don't, there is none, and one hop is what remains.
    """
    wider = _wider_nets(teacher, student, data, (WIDTH_OF_BRIDGE,), seed)
    return wider or [("bridge", bag) for bag in _bags(student, data, methods)]


def _bags(student: Any, data: TransferSet, methods: Sequence[TransferMethod] = ()) -> list[Any]:
    """Bagged trees, where they can read the rows and be taught by all of the methods."""
    if np.ndim(data.X) > 2 or any(is_between_networks(method) for method in methods):
        log.info("no bridge: bagged trees can't stand between these networks; pass intermediates=")
        return []
    n_classes = 1 if data.classes is None else len(data.classes)
    return [bagged_bridge(student, data.n_samples, n_columns=np.shape(data.X)[1], n_classes=n_classes)]


def without_bags(ways: Sequence[Way]) -> list[Way]:
    """The ways that don't lead over a bag of trees."""
    bags = (BaggedTreesClassifier, BaggedTreesRegressor)
    return [way for way in ways if not any(isinstance(peel(hop.student).final, bags) for hop in way.before)]


def _wider_nets(
    teacher: Any, student: Any, data: TransferSet, factors: tuple[float, ...], seed: int | None
) -> list[tuple[str, Any]]:
    """Networks between a network and a network; nothing between other models, or for what can't be widened."""
    if not (peel(teacher).is_network and peel(student).is_network):
        return []
    try:
        wider = wider_nets(student, data, factors, derive_seed(seed, "bridge"))
    except NotSupportedError as error:
        log.info("no network of the student's architecture is the bridge: %s", error)
        return []
    return [("bridge", wider[0][1])] if len(wider) == 1 else wider


def maker_of_rows(data: TransferSet, student: Any) -> Callable[..., Any] | None:
    """What makes rows without a label, near those there are, for a teacher or a bridge to answer.

    None where that is not affordable, the rows are of a kind that nothing can be made of, or limits of the student's
    count rows: they mean rows of the user's.
    """
    if limits_in_rows(student) or not data.is_classification or data.n_samples > MOST_ROWS_TO_MULTIPLY:
        return None
    copies = 2 if data.n_samples <= MOST_ROWS_TO_MULTIPLY // 3 else 1
    makers = (Munge(copies), Resample(copies))
    return next((maker.synthesise for maker in makers if maker.takes(data.X)), None)


def _default_ways(
    data: TransferSet,
    trainer: Trainer,
    ladder: list[tuple[str, Any]],
    frozen: bool,
    cv: int,
    labels: TransferMethod,
) -> list[Way]:
    """The ways with a teacher, or with its stand-in, when the user names no method."""
    half = KD(weight=SHARE_OF_TEACHER, cv=cv)
    ways = [Way("one-hop", "one-hop", half, trainer)]
    if data.X_unlabeled is not None:
        mixed = Mixture([(1 - SHARE_OF_TEACHER, NoTransfer()), (SHARE_OF_TEACHER, ModelCompression(cv=cv))])
        ways.append(Way("one-hop-rows", "one-hop-rows", mixed, trainer))
    if ladder:
        taught = tuple(Hop(model, half, None, name) for name, model in ladder)
        alone = tuple(Hop(model, labels, None, name) for name, model in ladder[-1:])
        averaged = Way("multihop-averaged", "multihop", Dense(half), trainer, taught)
        bare = Way("multihop-bare", "multihop", _from_bridge(data, cv), trainer, taught)
        control = Way("control", "control", clone(bare.method), trainer, alone, uses_teacher=False)
        ways += [bare, averaged, control] if frozen else [averaged, bare, control]
    return ways


def word_of_teacher(cv: int) -> TransferMethod:
    """The one hop from a teacher with a threshold of its own: labels and bridges blur where it draws its line."""
    return ModelCompression(cv=cv)


def labels_of_teacher(cv: int) -> TransferMethod:
    """The method for a student that takes neither soft targets nor weights, as nearest neighbours do."""
    return ModelCompression("labels", cv=cv)


def _from_bridge(data: TransferSet, cv: int) -> TransferMethod:
    """The last hop of a bare chain: what a bridge says out of bag, and about rows that nobody has labelled."""
    if not data.is_classification:
        return KD(weight=SHARE_OF_BRIDGE, cv=cv)
    if data.X_unlabeled is None:
        return KD(temperature=BRIDGE_TEMPERATURE, weight=SHARE_OF_BRIDGE, cv=cv)
    compression = ModelCompression(temperature=BRIDGE_TEMPERATURE, cv=cv)
    return Mixture([(1 - SHARE_OF_BRIDGE, NoTransfer()), (SHARE_OF_BRIDGE, compression)])


def preferred_way(ways: Sequence[Way], student: Any, *, frozen: bool, pool: bool, n_samples: int) -> Way:
    """The way to take unless the training data speak clearly against it.

    It follows from the situation, by what was measured over data sets (docs/results.md), because one data set of a few
    hundred rows can seldom tell ways apart that differ by a point. A linear student gains nothing from a teacher. Rows
    that the teacher itself may label are worth more than a bridge. Where rows are few, a frozen teacher is listened to
    through a bridge, whose out-of-bag answers it can't give itself. Else one hop is as good as several.
    """
    order: tuple[str, ...]
    if _is_linear(student):
        order = ("labels",)
    elif pool:
        order = ("one-hop-rows", "one-hop")
    else:
        order = ("multihop", "one-hop") if frozen and n_samples <= MOST_ROWS_FOR_BRIDGE else ("one-hop",)
    return next(way for kind in (*order, "labels") for way in ways if way.kind == kind)


def _is_linear(student: Any) -> bool:
    final = peel(student).final
    # Linear support vector machines and discriminants live in other modules of scikit-learn's.
    return isinstance(final, LinearClassifierMixin | LinearSVR) or any(
        "sklearn.linear_model" in cls.__module__ for cls in type(final).__mro__
    )


def default_methods(student: Any, cv: int, ways: Sequence[Way]) -> list[TransferMethod]:
    """What a wide search chooses from when the user names no method: that of one hop first, and with `cv` folds."""
    methods: list[TransferMethod] = [
        next(way.method for way in ways if way.kind == "one-hop"),
        KD(weight=SHARE_OF_BRIDGE, cv=cv),
        Dense(KD(cv=cv)),
    ]
    if supports_weight(student) and is_classifier(student):
        methods += [ConfWeight(cv=cv), SRatio(cv=cv)]
    return methods


def constructed_ladder(teacher: Any, student: Any, data: TransferSet, seed: int | None) -> list[tuple[str, Any]]:
    """What the wide search chooses from when the user names no intermediates."""
    wider = _wider_nets(teacher, student, data, (4.0, 2.0), seed)
    return [*shrunk(teacher), *(wider or [("bridge", bag) for bag in _bags(student, data)]), *grown(student)]


def ways_of_answers(
    student: Any, trainer: Trainer, intermediates: Sequence[tuple[str, Any]] | None, *, cv: int
) -> list[Way]:
    """List the ways where the teacher has answered some rows and won't answer more."""
    answers = KD(weight=1.0, cv=cv)
    ways = [
        Way("plain", "plain", NoTransfer(), PlainFit(), uses_teacher=False),
        Way("labels", "labels", NoTransfer(), trainer, uses_teacher=False),
        Way("one-hop", "one-hop", answers, trainer),
    ]
    for name, model in [("bridge", bridge_of_answers(student))] if intermediates is None else intermediates:
        taught, alone = Hop(model, answers, None, name), Hop(model, NoTransfer(), None, name)
        ways.append(Way("multihop", "multihop", PoolFrom(answers), trainer, (taught,)))
        ways.append(Way("control", "control", PoolFrom(NoTransfer()), trainer, (alone,), uses_teacher=False))
    return ways


def bridge_of_answers(student: Any) -> Any:
    """A bag of trees that takes every answer at its word: what a teacher says has no noise to be averaged out."""
    bridge = bagged_bridge(student, 1, n_trees=TREES_ON_ANSWERS)
    peel(bridge).final.set_params(max_features=1 / 3, min_samples_leaf=1)
    return bridge


def preferred_of_answers(ways: Sequence[Way], student: Any) -> Way:
    """As `preferred_way`, for a label budget."""
    order = ("labels",) if _is_linear(student) else ("multihop", "one-hop")
    return next(way for kind in order for way in ways if way.kind == kind)
