"""The arms that are tried when the user names none: few, good, and measured (docs/results.md).

This file is the only one in the room that knows particular methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier

from stepdown.core import Hop, Teacher, Trainer, TransferMethod, TransferSet
from stepdown.methods import KD, ConfWeight, Dense, NoTransfer, SRatio
from stepdown.models import bagged_bridge, grown, predictions, shrunk, split_pipeline, supports_weight
from stepdown.trainers import PlainFit

from ._problem import Arm

__all__ = ["build_arms", "constructed_ladder", "default_methods", "preferred_arm"]

# Half labels, half teacher: the gain is flat in the weight between 0.3 and 1, and a half never hurt.
SHARE_OF_TEACHER = 0.5
# A bridge's out-of-bag answers are better than the labels when these are noisy, and never much worse.
SHARE_OF_BRIDGE = 0.75


def build_arms(
    student: Any,
    data: TransferSet,
    trainer: Trainer,
    methods: Sequence[TransferMethod] | None,
    intermediates: Sequence[tuple[str, Any]] | None,
    cv: int,
) -> list[Arm]:
    """List the arms.

    Parameters
    ----------
    methods : sequence of TransferMethod, or None
        None for the default recipes.
    intermediates : sequence of (name, estimator), or None
        None for a constructed bridge, an empty sequence for 1-hop transfer only.
    cv : int
        Folds of the signals of the default recipes.
    """
    arms = [
        Arm("simple alone", "simple alone", NoTransfer(), PlainFit(), uses_teacher=False),
        Arm("simple + trainer", "simple + trainer", NoTransfer(), trainer, uses_teacher=False),
    ]
    # One object for all arms, so that they share the fitted bridge.
    ladder = [("bridge", bagged_bridge(student, data.n_samples))] if intermediates is None else list(intermediates)
    if methods is None:
        arms.append(Arm("1-hop", "1-hop", KD(weight=SHARE_OF_TEACHER, cv=cv), trainer))
        if ladder:
            taught = tuple(Hop(model, KD(weight=SHARE_OF_TEACHER, cv=cv), None, name) for name, model in ladder)
            alone = tuple(Hop(model, NoTransfer(), None, name) for name, model in ladder[-1:])
            averaged = Dense(KD(weight=SHARE_OF_TEACHER, cv=cv))
            bare = KD(weight=SHARE_OF_BRIDGE, cv=cv)
            arms += [
                Arm("chain, averaged with the teacher", "multihop", averaged, trainer, taught),
                Arm("chain, bare", "multihop", bare, trainer, taught),
                Arm("control", "control", clone(bare), trainer, alone, uses_teacher=False),
            ]
        return arms
    several = len(methods) > 1
    for method in methods:
        mark = f", {method}" if several else ""
        arms.append(Arm(f"1-hop{mark}", "1-hop", method, trainer))
        if ladder:
            hops = tuple(Hop(model, method, None, name) for name, model in ladder)
            alone = (Hop(ladder[-1][1], NoTransfer(), None, ladder[-1][0]),)
            arms.append(Arm(f"chain{mark}", "multihop", method, trainer, hops))
            arms.append(Arm(f"control{mark}", "control", method, trainer, alone, uses_teacher=False))
    return arms


def preferred_arm(arms: Sequence[Arm], teacher: Teacher, student: Any, data: TransferSet) -> Arm:
    """The arm to take unless the training data speak against it.

    It follows from the situation, by what was measured over data sets, because one data set of a few hundred rows
    can seldom tell arms apart that differ by a point.
    """
    kinds = {arm.name: arm for arm in arms}
    if _is_linear(student):
        return kinds["simple + trainer"]
    if "chain, bare" in kinds:
        hard = predictions(teacher.model, data.take(np.arange(1)).X, data.classes)[1]
        return kinds["chain, bare" if teacher.is_frozen or hard else "chain, averaged with the teacher"]
    return next(arm for kind in ("multihop", "1-hop") for arm in arms if arm.kind == kind)


def _is_linear(student: Any) -> bool:
    final = split_pipeline(student)[1]
    return any("sklearn.linear_model" in cls.__module__ for cls in type(final).__mro__)


def default_methods(student: Any) -> list[TransferMethod]:
    """What the wide search chooses from when the user names no method."""
    methods: list[TransferMethod] = [KD(weight=SHARE_OF_TEACHER), KD(weight=SHARE_OF_BRIDGE), Dense(KD())]
    if supports_weight(student) and is_classifier(student):
        methods += [ConfWeight(), SRatio()]
    return methods


def constructed_ladder(teacher: Any, student: Any, data: TransferSet) -> list[tuple[str, Any]]:
    """What the wide search chooses from when the user names no intermediates."""
    return [*shrunk(teacher), ("bridge", bagged_bridge(student, data.n_samples)), *grown(student)]
