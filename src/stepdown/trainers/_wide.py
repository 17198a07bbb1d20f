"""Wide sparse rows, of texts for instance: a tree asks about few of their columns, and only these are made dense."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.base import clone

from stepdown.core import TransferSet, derive_seed
from stepdown.learners import LEAF, fit_to, tree_from_nodes

_FEW_COLUMNS = 300
_MOST_TREES = 20
_MAX_CELLS = 50_000_000


def is_wide(X: Any) -> bool:
    """Whether most columns of sparse rows had better stay as they are."""
    return bool(issparse(X)) and X.shape[1] > _FEW_COLUMNS


def on_columns_that_split(
    fit: Callable[[TransferSet], Any], plain: Any, student: Any, data: TransferSet, n_trees: int, seed: int | None
) -> Any:
    """Fit a tree to the columns by which the plain fit, or one of some trees on bootstraps, splits."""
    random = np.random.default_rng(derive_seed(seed, "columns"))
    X = csr_array(data.X)
    trees = [plain]
    for _ in range(min(n_trees, _MOST_TREES)):
        rows = np.unique(random.integers(data.n_samples, size=data.n_samples))
        part = data.replace(X=X, X_unlabeled=None).take(rows)
        if part.sample_weight is None or np.any(part.weights() > 0):
            trees.append(fit_to(clone(student).set_params(random_state=int(random.integers(2**31))), part))
    features = [tree.tree_.feature[tree.tree_.children_left != LEAF] for tree in trees]
    columns = np.unique(np.concatenate(features))
    if len(columns) * data.n_samples > _MAX_CELLS:
        columns = np.unique(features[0])
    if len(columns) * data.n_samples > _MAX_CELLS:
        return plain
    narrow = fit(data.replace(X=X[:, columns].toarray(), X_unlabeled=None))
    state = narrow.tree_.__getstate__()
    nodes = state["nodes"].copy()
    inner = nodes["left_child"] != LEAF
    nodes["feature"][inner] = columns[nodes["feature"][inner]]
    return tree_from_nodes(
        student, nodes, state["values"], n_features=X.shape[1], classes=getattr(narrow, "classes_", None)
    )
