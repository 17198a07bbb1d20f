"""Fit any student to what a hop hands it: labels, real targets or soft targets, with weights or without.

Learners of the scikit-learn kind take hard labels. What soft targets are made into depends on the learner: exact where
its loss allows it, stated where it is an approximation, refused where it would be a pretence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet, rows_of

from ._bagged_trees import BaggedTreesClassifier
from ._class_weight import with_class_weight
from ._networks import (
    cast_rows,
    check_handed_rows,
    check_labels,
    fit_network,
    network_randomness,
    renewed,
    soft_network_support,
)
from ._pipelines import clone_with_seed, fit_steps, peel, supports_weight
from ._regression_classifier import RegressionClassifier
from ._soft_expanded import expansion_support, fit_by_expansion
from ._soft_logistic import fit_soft_logistic, has_smooth_penalty
from ._soft_support import Floats, Realisation, SoftFitSupport
from ._soft_trees import FOREST_REGRESSORS, TREE_REGRESSORS, fit_soft_forest, fit_soft_tree, grows_by_gini
from .adapters import adapter_of

_SUM_TOLERANCE = 1e-6


def fit_to(student: Any, data: TransferSet, *, seed: int | None = None) -> Any:
    """Fit a clone of the student to a transfer set.

    Labels and real targets go to the student's own ``fit``. Soft targets are realised as `soft_fit_support` says. In
    a pipeline the steps before the last are fitted to the rows and labels; soft targets and weights go to the last.

    Parameters
    ----------
    student : estimator
        Left as it is.
    data : TransferSet
    seed : int, optional
        Sets every ``random_state`` of the clone that is None, and draws whatever the realisation draws.

    Returns
    -------
    estimator
        ``type(result) is type(student)``. After soft targets its ``classes_`` are `data.classes`; after labels they are
        those among the labels.

    Raises
    ------
    NotSupportedError
        If the student can't take soft targets, or weights came and it takes none.
    InvalidInputError
        If targets, weights and student don't fit together.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> Q = np.array([[1.0, 0.0], [0.75, 0.25], [0.0, 1.0]])
    >>> data = TransferSet(np.array([[0.0], [1.0], [2.0]]), Q, classes=np.array(["no", "yes"]))
    >>> fit_to(DecisionTreeClassifier(max_leaf_nodes=2), data).predict_proba([[0.5]])
    array([[0.875, 0.125]])
    """
    _check(student, rows_of(data))
    model = renewed(clone_with_seed(student, seed), student, seed)
    if isinstance(model, FrozenEstimator):
        return model
    data = data.replace(X=cast_rows(model, data.X))
    if peel(model).is_network:
        check_labels(model, data)
    elif data.sample_weight is None and not _is_truly_soft(data):
        with network_randomness(model, seed):  # of nets that an ensemble holds
            return model.fit(data.X, data.labels())
    if isinstance(model, Pipeline):
        return _fit_pipeline(model, data, seed)
    return _fit_final(model, data, seed)


def soft_fit_support(student: Any, data: TransferSet | None = None) -> SoftFitSupport:
    """How soft targets would be realised on a student.

    Parameters
    ----------
    student : estimator
        Unfitted; of a pipeline the last step counts.
    data : TransferSet, optional
        Some students are exact for two classes only, and one-hot targets are labels to everyone; without data
        more than two classes and soft targets are assumed.

    Returns
    -------
    SoftFitSupport
        ``kind`` is "exact", "approximate" or "refused"; ``how`` says it in a sentence.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> soft_fit_support(DecisionTreeClassifier()).kind, soft_fit_support(KNeighborsClassifier()).kind
    ('exact', 'refused')
    """
    final = peel(student).final
    if data is not None and not _is_truly_soft(data):
        return SoftFitSupport("exact", "labels, or one-hot targets: the student's own fit")
    n_classes = 3 if data is None or data.classes is None else len(data.classes)
    return _realisation(final, n_classes)[0]


def _check(student: Any, data: TransferSet) -> None:
    name = type(peel(student).final).__name__
    n_rows = data.n_samples
    if n_rows == 0:
        raise InvalidInputError("the transfer set has no rows; give at least one.")
    if data.sample_weight is not None:
        weight = np.asarray(data.sample_weight)
        if weight.shape != (n_rows,):
            raise InvalidInputError(f"sample_weight has shape {weight.shape}; expected ({n_rows},).")
        if not np.all(np.isfinite(weight)) or weight.min() < 0 or weight.max() <= 0:
            raise InvalidInputError("sample_weight must be finite and non-negative, and not zero everywhere.")
        if not supports_weight(student):
            raise NotSupportedError(
                f"{name}.fit takes no sample_weight, and ignoring the weights would train another model. Take a "
                "student that does, or a method without weights."
            )
    if not data.is_soft:
        return
    if not is_classifier(student):
        raise InvalidInputError(f"{name} is no classifier but the targets are class probabilities.")
    Q = np.asarray(data.y)
    assert data.classes is not None
    if Q.shape[1] != len(data.classes):
        raise InvalidInputError(f"soft targets have {Q.shape[1]} columns for {len(data.classes)} classes.")
    if not np.all(np.isfinite(Q)) or Q.min() < 0 or np.abs(Q.sum(axis=1) - 1.0).max() > _SUM_TOLERANCE:
        raise InvalidInputError("soft targets must be non-negative and sum to 1 in each row.")


def _is_truly_soft(data: TransferSet) -> bool:
    """Whether the targets say more than labels: some row is no one-hot row, or a class has no row of its own."""
    if not data.is_soft:
        return False
    Q = np.asarray(data.y)
    return not (np.all(Q.max(axis=1) == 1.0) and np.all(Q.max(axis=0) == 1.0))


def _fit_pipeline(pipeline: Pipeline, data: TransferSet, seed: int | None) -> Pipeline:
    """Fit a pipeline in place."""
    final = pipeline.steps[-1][1]
    data = fit_steps(pipeline, data)
    if final is None or isinstance(final, str):
        raise NotSupportedError(f"the last step of the pipeline is {final!r}; it must be the model to be fitted.")
    check_handed_rows(final, data.X)
    fitted = _fit_pipeline(final, data, seed) if isinstance(final, Pipeline) else _fit_final(final, data, seed)
    pipeline.steps[-1] = (pipeline.steps[-1][0], fitted)
    return pipeline


def _fit_final(model: Any, data: TransferSet, seed: int | None) -> Any:
    if isinstance(model, FrozenEstimator):
        return model
    if peel(model).is_network:
        return _fit_network(model, data, seed)
    if not _is_truly_soft(data):
        keywords = {} if data.sample_weight is None else {"sample_weight": data.weights()}
        return model.fit(data.X, data.labels(), **keywords)
    assert data.classes is not None
    support, realise = _realisation(model, len(data.classes))
    if realise is None:
        raise NotSupportedError(f"{type(model).__name__}: {support.how}.")
    weight = None if data.sample_weight is None else data.weights()
    return realise(model, data.X, data.soft_targets(), weight, data.classes, seed)


def _fit_network(net: Any, data: TransferSet, seed: int | None) -> Any:
    if _is_truly_soft(data) and (support := soft_network_support(net)).kind == "refused":
        raise NotSupportedError(f"{support.how}.")
    if data.is_soft and not _is_truly_soft(data):
        data = data.replace(y=data.labels())
    return fit_network(net, data, seed=seed)


def _realisation(model: Any, n_classes: int) -> tuple[SoftFitSupport, Realisation | None]:
    """How soft targets are realised on a final estimator, and the function that does it.

    Exact types, not subclasses: a subclass may fit in another way.
    """
    kind = type(model)
    if isinstance(model, FrozenEstimator):
        return SoftFitSupport("exact", "a frozen model is not fitted"), lambda model, *_: model
    if peel(model).is_network:
        return soft_network_support(model), None  # fitted before anyone asks for a realisation
    if isinstance(model, RegressionClassifier | BaggedTreesClassifier):
        return SoftFitSupport("exact", "fits squared error on the soft targets"), _natively
    if hasattr(kind, "fit_soft"):
        return SoftFitSupport("exact", "fits its own loss on the soft targets, by fit_soft"), _natively
    if kind in TREE_REGRESSORS and grows_by_gini(model):
        return SoftFitSupport("exact", "splits by squared error on the soft targets, which is Gini"), _folded(
            fit_soft_tree
        )
    if kind in FOREST_REGRESSORS and grows_by_gini(model):
        if model.class_weight == "balanced_subsample":
            how = "squared error on the soft targets, which is Gini; classes balanced over all rows, not a bootstrap"
            return SoftFitSupport("approximate", how), _folded(fit_soft_forest)
        how = "splits by squared error on the soft targets, which is Gini; the bootstrap draws rows"
        return SoftFitSupport("exact", how), _folded(fit_soft_forest)
    if kind is LogisticRegression and has_smooth_penalty(model):
        return SoftFitSupport("exact", "minimises the log-loss on the soft targets"), _folded(fit_soft_logistic)
    if (adapter := adapter_of(model)) is not None and (own := adapter.soft_fit(model, n_classes)) is not None:
        return own
    support = expansion_support(model)
    return support, None if support.kind == "refused" else fit_by_expansion


def _natively(
    model: Any, X: Any, Q: Floats, sample_weight: Floats | None, classes: NDArray[Any], seed: int | None
) -> Any:
    return model.fit_soft(X, Q, classes, sample_weight)


def _folded(fit: Callable[..., Any]) -> Realisation:
    """A realisation that needs ``class_weight`` folded into targets and weights beforehand."""

    def realise(
        model: Any, X: Any, Q: Floats, sample_weight: Floats | None, classes: NDArray[Any], seed: int | None
    ) -> Any:
        return fit(model, X, *with_class_weight(model, Q, sample_weight, classes), classes)

    return realise
