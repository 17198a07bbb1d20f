"""Representations made into a few discrete values, so that information can be counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize


def discretise(
    representation: ArrayLike, n_clusters: int, *, n_components: int = 10, random_state: int | None = None
) -> NDArray[np.intp]:
    """Cluster what a model says about rows: rows to length 1, principal components, k-means.

    Information counted from the clusters depends on their number and is biased upwards with it
    (`partial_information`), so take the same for all models that are compared.

    Parameters
    ----------
    representation : array-like of shape (n_samples, n_features)
        Features of a layer, or probabilities (whose directions tell them apart).
    n_clusters : int
        At most so many values; fewer where there are fewer distinct rows.
    n_components : int, default=10
        Principal components that are clustered, at most.
    random_state : int, optional
        Of k-means.

    Returns
    -------
    array of int of shape (n_samples,)

    Raises
    ------
    ValueError
        If the representation isn't a table of finite numbers, or a number is below 1.

    References
    ----------
    P. Dissanayake, F. Hamman, B. Halder, I. Sucholutsky, Q. Zhang, S. Dutta, "Quantifying knowledge distillation using
    partial information decomposition", AISTATS 2025.

    Examples
    --------
    >>> clusters = discretise([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]], 2, random_state=0)
    >>> bool(clusters[0] == clusters[1]), bool(clusters[1] == clusters[2])
    (True, False)
    """
    values = np.asarray(representation, dtype=np.float64)
    if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(
            f"representation: expected finite numbers of shape (n_samples, n_features), not {values.shape}."
        )
    if n_clusters < 1 or n_components < 1:
        raise ValueError(f"n_clusters={n_clusters!r}, n_components={n_components!r}: expected at least 1.")
    rows = normalize(values)
    # Rounded, because a last digit that differs doesn't make another answer.
    distinct = len(np.unique(np.round(rows, 6), axis=0))
    n_clusters = min(n_clusters, distinct)
    if n_clusters == 1:
        return np.zeros(len(rows), dtype=np.intp)
    if n_components < min(rows.shape):
        rows = PCA(n_components, svd_solver="full").fit_transform(rows)
    clusters = KMeans(n_clusters, n_init=10, random_state=random_state).fit_predict(rows)
    return np.asarray(clusters, dtype=np.intp)
