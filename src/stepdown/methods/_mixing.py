"""One transfer set of several: the one whose loss is the weighted mean of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.core import InvalidInputError, Supervision, TransferSet
from stepdown.learners import mixed_lessons

from ._rows import stack_rows

Floats = NDArray[np.float64]


def mix_supervision(parts: Sequence[Supervision], shares: Sequence[float], data: TransferSet) -> Supervision:
    """Mix what several methods, or several teachers, tell a student about the same rows.

    For a loss that is linear in the target, as cross-entropy is, the loss on the result is the mean of the losses on
    the given sets: a row's weight is the mean of its weights, its target the mean of its targets weighted by these.
    Rows that a method has added stay its own, with their weight times the share.
    """
    if len(parts) == 1:
        return parts[0]
    sets = [part for part in parts if isinstance(part, TransferSet)]
    if len(sets) < len(parts):
        return mixed_lessons(parts, shares, data)
    if any((one.classes is None) != (data.classes is None) for one in sets):
        raise InvalidInputError("targets of different kinds, such as logits and probabilities, can't be mixed.")
    part = np.asarray(shares, dtype=np.float64)
    part = part / part.sum()
    n = data.n_samples
    added = [one.n_samples - n for one in sets]
    plain_weights = all(one.sample_weight is data.sample_weight for one in sets) and not any(added)
    plain_targets = all(one.y is data.y for one in sets) and not any(added)
    weights = [one.weights() for one in sets]
    total = sum((share * weight[:n] for share, weight in zip(part, weights, strict=True)), np.zeros(n))
    own_weight = [share * weight[n:] for share, weight in zip(part, weights, strict=True)]
    # numpy adds 0.1 * 1 ten times to 0.999...; unit weights that nobody changed stay None instead.
    changes: dict[str, Any] = {"sample_weight": data.sample_weight}
    if not plain_weights:
        changes["sample_weight"] = np.concatenate([total, *own_weight])
    if not plain_targets:
        changes["y"] = _mixed_targets(sets, part, weights, total, n)
    if any(added):
        changes["X"] = stack_rows(
            [data.X, *(one.take(np.arange(n, one.n_samples)).X for one in sets if one.n_samples > n)]
        )
        changes |= {"groups": None, "folds": None}
        if any(one.made is not None for one in sets):
            none = np.zeros(n, dtype=bool)
            own = [
                np.zeros(more, dtype=bool) if one.made is None else one.made[n:]
                for one, more in zip(sets, added, strict=True)
            ]
            changes["made"] = np.concatenate([none, *own])
    return data.replace(**changes)


def _mixed_targets(
    sets: Sequence[TransferSet], part: Floats, weights: Sequence[Floats], total: Floats, n: int
) -> NDArray[Any]:
    if all(not one.is_soft for one in sets) and all(one.classes is not None for one in sets):
        first = np.asarray(sets[0].y)[:n]
        if all(np.array_equal(np.asarray(one.y)[:n], first) for one in sets):
            return np.concatenate([first, *(np.asarray(one.y)[n:] for one in sets)])
    targets = [_as_targets(one) for one in sets]
    mixed = np.zeros_like(targets[0][:n])
    for share, weight, target in zip(part, weights, targets, strict=True):
        # A row that has no weight anywhere still needs a target: the plain mean.
        factor = np.divide(share * weight[:n], total, out=np.full(n, share), where=total > 0)
        mixed += factor.reshape(-1, *[1] * (mixed.ndim - 1)) * target[:n]
    return np.concatenate([mixed, *(target[n:] for target in targets)])


def _as_targets(one: TransferSet) -> Floats:
    return one.soft_targets() if one.is_classification else np.asarray(one.y, dtype=np.float64)
