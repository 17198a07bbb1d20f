"""Synthetic rows that a teacher can label: MUNGE, and resampling of cells.

Nominal columns hold codes: equal numbers mean equal values, nothing else is read from them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.neighbors import NearestNeighbors

from stepdown.core import InvalidInputError

Floats = NDArray[np.float64]

# Between so few values there is nothing.
_FEW_VALUES = 10


def munge_pass(
    X: ArrayLike,
    nominal: ArrayLike | None = None,
    *,
    uniforms: ArrayLike,
    normals: ArrayLike,
    swap_probability: float = 0.5,
    local_variance: float = 2.0,
) -> tuple[Floats, NDArray[np.intp]]:
    """One pass of MUNGE with given random numbers.

    Rows are visited in order. Each looks for its nearest other row in the copy as changed so far, and, attribute by
    attribute with `swap_probability`, the two exchange values: nominal ones as they are, continuous ones with normal
    noise whose standard deviation is their distance divided by `local_variance`.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Continuous columns on comparable scales.
    nominal : array-like of bool of shape (n_features,), optional
    uniforms : array-like of shape (n_samples, n_features)
        In [0, 1); an attribute takes part where its number is below `swap_probability`.
    normals : array-like of shape (n_normals,)
        Consumed in order, two for each continuous attribute that takes part: for the row, then for its neighbour.
    swap_probability : float, default=0.5
        p of the paper, in [0, 1].
    local_variance : float, default=2.0
        s of the paper, positive; larger means less noise.

    Returns
    -------
    X_out : array of shape (n_samples, n_features)
    neighbours : array of int of shape (n_samples,)
        Squared differences plus one for each nominal mismatch; the lowest index on ties.

    Raises
    ------
    InvalidInputError
        On fewer than two rows, missing values, parameters out of range or too few random numbers.

    References
    ----------
    C. Bucila, R. Caruana and A. Niculescu-Mizil, "Model compression", KDD 2006, algorithm MUNGE. The neighbour is
    searched among the changed rows, as there; searching the original rows is another algorithm.

    Examples
    --------
    >>> rows, neighbours = munge_pass([[0.0], [1.0]], uniforms=[[0.9], [0.1]], normals=[0.0, 0.0])
    >>> rows.tolist(), neighbours.tolist()
    ([[1.0], [0.0]], [1, 0])
    """
    out, is_nominal = _as_table(X, nominal)
    _check_munge(swap_probability, local_variance)
    n = len(out)
    u, z = np.asarray(uniforms, dtype=np.float64), np.asarray(normals, dtype=np.float64)
    if u.shape != out.shape:
        raise InvalidInputError(f"uniforms: expected shape {out.shape}, got {u.shape}.")
    chosen = u < swap_probability
    noisy, swapped = chosen & ~is_nominal, chosen & is_nominal
    ends = 2 * np.cumsum(noisy.sum(axis=1))
    if ends[-1] > len(z):
        raise InvalidInputError(f"normals: expected at least {ends[-1]}, got {len(z)}.")
    starts = np.concatenate([[0], ends[:-1]])
    neighbours = np.empty(n, dtype=np.intp)
    difference = np.empty_like(out)
    # A pass is sequential by definition: each row meets what the rows before it have left.
    for i in range(n):
        np.subtract(out, out[i], out=difference)
        if is_nominal.any():
            difference[:, is_nominal] = difference[:, is_nominal] != 0
        distance = np.einsum("ij,ij->i", difference, difference)
        distance[i] = np.inf
        j = int(np.argmin(distance))
        neighbours[i] = j
        swap, noise = swapped[i], noisy[i]
        out[i, swap], out[j, swap] = out[j, swap], out[i, swap]
        mine, theirs = out[i, noise], out[j, noise]
        deviation = np.abs(mine - theirs) / local_variance
        draws = z[starts[i] : ends[i]].reshape(-1, 2)
        out[i, noise] = theirs + deviation * draws[:, 0]
        out[j, noise] = mine + deviation * draws[:, 1]
    return out, neighbours


def munge(
    X: ArrayLike,
    nominal: ArrayLike | None = None,
    *,
    copies: int = 10,
    swap_probability: float = 0.5,
    local_variance: float = 2.0,
    seed: int | None = None,
) -> Floats:
    """Synthetic rows near the data's manifold, by passes of MUNGE over independent copies.

    Continuous columns are scaled to [0, 1] for the distances and scaled back; values may leave the range of the data.
    The time is O(copies * n_samples² * n_features); see `resample` for large data.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Finite numbers.
    nominal : array-like of bool of shape (n_features,), optional
    copies : int, default=10
        k of the paper.
    swap_probability, local_variance : float
        See `munge_pass`.
    seed : int, optional

    Returns
    -------
    array of shape (copies * n_samples, n_features)

    Raises
    ------
    InvalidInputError
        See `munge_pass`.

    Examples
    --------
    >>> munge([[0.0, 1.0], [1.0, 3.0], [2.0, 2.0]], copies=4, seed=0).shape
    (12, 2)
    """
    rows, is_nominal = _as_table(X, nominal)
    _check_munge(swap_probability, local_variance)
    _check_copies(copies)
    low = np.where(is_nominal, 0.0, rows.min(axis=0))
    span = np.where(is_nominal, 1.0, rows.max(axis=0) - low)
    span[span == 0] = 1.0
    scaled = (rows - low) / span
    rng = np.random.default_rng(seed)
    passes = []
    for _ in range(copies):
        uniforms = rng.random(rows.shape)
        needed = 2 * int(np.count_nonzero((uniforms < swap_probability) & ~is_nominal))
        drawn, _ = munge_pass(
            scaled,
            is_nominal,
            uniforms=uniforms,
            normals=rng.standard_normal(needed),
            swap_probability=swap_probability,
            local_variance=local_variance,
        )
        passes.append(drawn)
    out = np.concatenate(passes)
    out *= span
    out += low
    return out


def resample(
    X: ArrayLike,
    nominal: ArrayLike | None = None,
    *,
    copies: int = 10,
    swap_probability: float = 0.1,
    noise_probability: float = 0.1,
    noise: float = 0.1,
    seed: int | None = None,
) -> Floats:
    """Copies of the rows with some cells drawn anew from their columns and some numeric cells disturbed.

    No neighbours are searched, so it takes time O(copies * n_samples * n_features). Missing values stay possible.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    nominal : array-like of bool of shape (n_features,), optional
        Columns without noise.
    copies : int, default=10
    swap_probability : float, default=0.1
        Share of the cells that get the value of a random row, in [0, 1]. Above 0, at least one cell of each row is
        drawn or disturbed.
    noise_probability : float, default=0.1
        Share of the numeric cells that get normal noise, in [0, 1].
    noise : float, default=0.1
        Its standard deviation, in standard deviations of the column.
    seed : int, optional

    Returns
    -------
    array of shape (copies * n_samples, n_features)

    Raises
    ------
    InvalidInputError
        On fewer than two rows, infinite values or parameters out of range.

    Examples
    --------
    >>> resample([[0.0, 1.0], [1.0, 3.0], [2.0, 2.0]], copies=4, seed=0).shape
    (12, 2)
    """
    rows, is_nominal = _as_table(X, nominal, allow_missing=True)
    _check_copies(copies)
    _check_probability("swap_probability", swap_probability)
    _check_probability("noise_probability", noise_probability)
    if not 0 <= noise < np.inf:
        raise InvalidInputError(f"noise={noise!r}: expected a number that is not negative.")
    rng = np.random.default_rng(seed)
    out = np.tile(rows, (copies, 1))
    swapped = rng.random(out.shape) < swap_probability
    disturbed = (rng.random(out.shape) < noise_probability) & ~is_nominal
    if swap_probability > 0:
        # An unchanged row is one that the teacher was fitted on, and its answer would be an in-sample one.
        untouched = np.flatnonzero(~(swapped | disturbed).any(axis=1))
        swapped[untouched, rng.integers(out.shape[1], size=len(untouched))] = True
    cells, columns = np.nonzero(swapped)
    out[cells, columns] = rows[rng.integers(len(rows), size=len(cells)), columns]
    cells, columns = np.nonzero(disturbed)
    out[cells, columns] += noise * _deviations(rows)[columns] * rng.standard_normal(len(cells))
    return out


def interpolate(
    X: ArrayLike,
    nominal: ArrayLike | None = None,
    *,
    copies: int = 2,
    n_neighbors: int = 6,
    seed: int | None = None,
) -> Floats:
    """Rows between each row and one of its nearest others.

    Columns are standardised for the distances; a nominal mismatch counts as much as two values that differ as random
    ones do. A column is ``x + u * (x_j - x)`` with one uniform `u` a row; nominal columns, and those with at most ten
    values, are taken from the neighbour with probability `u`, else from the row.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Finite numbers.
    nominal : array-like of bool of shape (n_features,), optional
    copies : int, default=2
        Rows made of each row.
    n_neighbors : int, default=6
        The neighbour is drawn from so many.
    seed : int, optional

    Returns
    -------
    array of shape (copies * n_samples, n_features)
        Row ``k * n_samples + i`` is made of row *i*.

    Raises
    ------
    InvalidInputError
        On fewer than two rows, missing values or parameters out of range.

    References
    ----------
    After N. V. Chawla and others, "SMOTE: synthetic minority over-sampling technique", JAIR 16, 2002, where neighbours
    are of one class.

    Examples
    --------
    >>> rows = interpolate([[0.0, 1.0], [1.0, 3.0], [2.0, 2.0]], copies=4, seed=0)
    >>> rows.shape, bool(rows.min() >= 0), bool(rows.max() <= 3)
    ((12, 2), True, True)
    """
    rows, is_nominal = _as_table(X, nominal)
    _check_copies(copies)
    if n_neighbors < 1:
        raise InvalidInputError(f"n_neighbors={n_neighbors!r}: expected at least 1.")
    deviation = _deviations(rows)
    codes = [rows[:, [j]] == np.unique(rows[:, j]) for j in np.flatnonzero(is_nominal)]
    numbers = rows[:, ~is_nominal] / np.where(deviation > 0, deviation, 1.0)[~is_nominal]
    places = np.hstack([numbers, *codes])
    search = NearestNeighbors(n_neighbors=min(n_neighbors, len(rows) - 1)).fit(places)
    near = search.kneighbors(return_distance=False)
    either = is_nominal | np.array([len(np.unique(column)) <= _FEW_VALUES for column in rows.T])
    rng = np.random.default_rng(seed)
    own = np.tile(np.arange(len(rows)), copies)
    other = near[own, rng.integers(near.shape[1], size=len(own))]
    u = rng.random((len(own), 1))
    taken = rng.random((len(own), rows.shape[1])) < u
    start, stop = rows[own], rows[other]
    return np.where(either, np.where(taken, stop, start), start + u * (stop - start))


def _deviations(rows: Floats) -> Floats:
    """Standard deviation of each column over the values that it has."""
    known = ~np.isnan(rows)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, rows, 0.0).sum(axis=0) / count
    return np.asarray(np.sqrt((np.where(known, rows - mean, 0.0) ** 2).sum(axis=0) / count))


def _as_table(
    X: ArrayLike, nominal: ArrayLike | None, *, allow_missing: bool = False
) -> tuple[Floats, NDArray[np.bool_]]:
    """A copy of the rows as floats, and the mask of nominal columns."""
    rows = np.array(X, dtype=np.float64)
    if rows.ndim != 2 or len(rows) < 2 or rows.shape[1] < 1:
        raise InvalidInputError(f"X: expected at least two rows of shape (n_samples, n_features), got {rows.shape}.")
    if np.isinf(rows).any() or (not allow_missing and np.isnan(rows).any()):
        raise InvalidInputError("X: expected finite numbers; impute missing values, or use Resample, which takes them.")
    mask = np.zeros(rows.shape[1], dtype=bool) if nominal is None else np.asarray(nominal, dtype=bool)
    if mask.shape != (rows.shape[1],):
        raise InvalidInputError(f"nominal: expected a mask of shape ({rows.shape[1]},), got {mask.shape}.")
    return rows, mask


def _check_munge(swap_probability: float, local_variance: float) -> None:
    _check_probability("swap_probability", swap_probability)
    if not 0 < local_variance < np.inf:
        raise InvalidInputError(f"local_variance={local_variance!r}: expected a positive finite number.")


def _check_probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InvalidInputError(f"{name}={value!r}: expected a number in [0, 1].")


def _check_copies(copies: int) -> None:
    if copies < 1:
        raise InvalidInputError(f"copies={copies!r}: expected at least 1.")
