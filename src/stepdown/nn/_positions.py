"""Sequences and maps as losses read them: which tokens, which axis of channels, and what becomes of the positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

from torch import Tensor

from stepdown.core import InvalidInputError

Tokens: TypeAlias = int | slice | list[int] | tuple[Any, Any] | None
ChannelAxis: TypeAlias = int | tuple[int, int] | None
Pool: TypeAlias = Literal["mean", "max"] | Callable[[Tensor], Tensor] | None

POOLS: dict[Any, Callable[[Tensor], Tensor]] = {"mean": lambda values: values.mean(-1), "max": lambda v: v.amax(-1)}


def seen(
    student: Tensor, teacher: Tensor, tokens: Tokens, channels: ChannelAxis, pool: Pool, *, by_position: bool
) -> tuple[Tensor, Tensor, int | None]:
    """Both layers with their tokens chosen and their positions pooled, and the axis of their channels if it is known.

    Tokens and maps that are compared position by position become maps both.
    """
    theirs, mine = (
        (_chosen(layer, each_tokens, axis := _axis(layer, each)), axis)
        for layer, each_tokens, each in zip((teacher, student), _both(tokens), _both(channels), strict=True)
    )
    if pool is not None:
        return _pooled(*mine, pool), _pooled(*theirs, pool), None
    layers = [mine[0], theirs[0]]
    if by_position and sorted(layer.ndim for layer in layers) == [3, 4]:
        maps = [layer.movedim(axis, 1) for layer, axis in (mine, theirs)]
        shape = next(layer for layer in maps if layer.ndim == 4).shape[2:]
        return _as_map(maps[0], shape), _as_map(maps[1], shape), 1
    if isinstance(channels, tuple) and all(layer.ndim > 2 for layer in layers):
        return mine[0].movedim(mine[1], 1), theirs[0].movedim(theirs[1], 1), 1
    return layers[0], layers[1], None if isinstance(channels, tuple) else channels


def expect_channels(channels: ChannelAxis, teacher: Tensor, student: Tensor) -> None:
    """Refuse an axis of channels that a layer doesn't have, or that its rows are on."""
    for axis, layer in zip(_both(channels), (teacher, student), strict=True):
        if axis is not None and layer.ndim > 2 and not (-layer.ndim < axis < layer.ndim and axis):
            raise InvalidInputError(
                f"channels={channels!r} of a layer of shape {tuple(layer.shape)}: expected an axis from 1 to "
                f"{layer.ndim - 1}, or counted from the end; rows are on axis 0."
            )


def _both(setting: Any) -> tuple[Any, Any]:
    """(teacher's, student's)"""
    return setting if isinstance(setting, tuple) else (setting, setting)


def _axis(layer: Tensor, channels: int | None) -> int:
    return (-1 if layer.ndim == 3 else 1) if channels is None or layer.ndim == 2 else channels


def _chosen(layer: Tensor, tokens: int | slice | list[int] | None, axis: int) -> Tensor:
    """Some of the tokens of a sequence; maps have none."""
    if tokens is None or layer.ndim != 3:
        return layer
    moved = layer.movedim(axis, -1)
    try:
        chosen = moved[:, tokens]
    except IndexError as error:
        raise InvalidInputError(f"tokens={tokens} of a sequence of {moved.shape[1]} tokens: {error}.") from error
    if not chosen.numel():
        raise InvalidInputError(f"tokens={tokens} leaves none of {moved.shape[1]} tokens.")
    return chosen if chosen.ndim == 2 else chosen.movedim(-1, axis)


def _pooled(layer: Tensor, axis: int, pool: Any) -> Tensor:
    """Channels without their positions."""
    if not callable(pool) and pool not in POOLS:
        raise InvalidInputError(
            f"pool={pool!r}: expected 'mean', 'max', or a function of (n_rows, n_channels, n_positions)."
        )
    if layer.ndim < 3:
        return layer
    made = (pool if callable(pool) else POOLS[pool])(layer.movedim(axis, 1).flatten(2))
    if len(made) != len(layer):
        raise InvalidInputError(
            f"pool made {len(made)} rows of {len(layer)}; it gets (n_rows, n_channels, n_positions)."
        )
    return made


def _as_map(layer: Tensor, shape: Sequence[int]) -> Tensor:
    """Tokens, of shape (n_rows, n_channels, n_tokens), laid out like a map."""
    if layer.ndim == 4:
        return layer
    n_tokens, (height, width) = layer.shape[2], shape
    high = max(1, round((n_tokens * height / width) ** 0.5))
    if n_tokens % high or abs(high * width - n_tokens // high * height) > 1e-6 * n_tokens:
        raise InvalidInputError(
            f"{n_tokens} tokens don't make a map like {height} x {width}; tokens=slice(1, None) leaves a class "
            "token out, and PKT and InformationFlow compare layers of any shapes."
        )
    return layer.unflatten(2, (high, n_tokens // high))
