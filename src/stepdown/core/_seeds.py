"""Seeds that depend on what is being fitted, never on how much was fitted before it."""

from __future__ import annotations

import zlib

import numpy as np


def derive_seed(seed: int | None, *names: str | int) -> int | None:
    """Return the seed of one named piece of work.

    A counter would give the last hop another seed as soon as a hop is put before it, and then a
    chain and its one-hop transfer would differ by luck. Names don't move.

    Parameters
    ----------
    seed : int or None
        The root seed; None stays None (fresh entropy everywhere).
    *names : str or int
        What the seed is for, for instance ``("hop", "student")``.

    Returns
    -------
    int or None
        In the range [0, 2**31).

    Examples
    --------
    >>> derive_seed(0, "student") == derive_seed(0, "student")
    True
    >>> derive_seed(0, "student") == derive_seed(0, "bridge")
    False
    """
    if seed is None:
        return None
    words = [zlib.crc32(str(name).encode()) for name in names]
    return int(np.random.SeedSequence([int(seed), *words]).generate_state(1)[0] >> 1)
