"""Seeing through pipelines: what is prepared before the last step, and the last step itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.ensemble._bagging import BaseBagging, _generate_bagging_indices
from sklearn.feature_selection import SelectorMixin, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, get_routing_for_object, process_routing
from sklearn.utils.validation import has_fit_parameter

from stepdown.core import NotSupportedError, TransferSet, derive_seed


@dataclass(frozen=True, slots=True)
class Peeled:
    """A model without its wrappers: pipelines and ``FrozenEstimator``, however they are nested.

    Parameters
    ----------
    steps : list of (name, transformer)
        What prepares the rows for the learner, in order, without "passthrough"; also those of a frozen pipeline.
    final : estimator
        The last step as ``fit`` meets it: the learner, or the ``FrozenEstimator`` that keeps it.
    learner : estimator
        What answers.
    """

    steps: list[tuple[str, Any]]
    final: Any
    learner: Any

    @property
    def is_frozen(self) -> bool:
        """Whether fitting leaves the learner as it is."""
        return self.final is not self.learner

    @property
    def is_network(self) -> bool:
        """Whether the learner is a skorch net; it is known by the module of its class."""
        classes = type(self.learner).__mro__
        return any(cls.__name__ == "NeuralNet" and cls.__module__.split(".")[0] == "skorch" for cls in classes)

    def prepare(self, X: Any) -> Any:
        """Rows as the learner sees them, by the fitted steps."""
        for _, step in self.steps:
            if not resamples(step):
                X = step.transform(X)
        return X


def peel(model: Any) -> Peeled:
    """Take a model out of its wrappers.

    Parameters
    ----------
    model : estimator
        Fitted or not; neither copied nor changed.

    Returns
    -------
    Peeled

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> peeled = peel(make_pipeline(StandardScaler(), DecisionTreeClassifier()))
    >>> peeled.steps, peeled.learner
    ([('standardscaler', StandardScaler())], DecisionTreeClassifier())
    >>> peel(FrozenEstimator(DecisionTreeClassifier())).is_frozen
    True
    """
    steps, kept = [], None
    while isinstance(model, Pipeline | FrozenEstimator):
        if isinstance(model, FrozenEstimator):
            kept, model = kept or model, model.estimator
        else:
            *before, (_, model) = model.steps
            steps += [(name, step) for name, step in before if step is not None and step != "passthrough"]
    return Peeled(steps, model if kept is None else kept, model)


def resamples(step: Any) -> bool:
    """Whether a step of imbalanced-learn's kind chooses or makes rows to learn from; it leaves new rows alone."""
    return hasattr(step, "fit_resample")


def fit_steps(pipeline: Pipeline, data: TransferSet) -> TransferSet:
    """Fit in place what stands before the last step, to rows and labels; return what the last step learns from.

    A step that resamples takes the targets and weights of the rows along; rows that it makes have their labels.
    """
    *before, last = pipeline.steps
    if not before:
        return data
    if not any(resamples(step) for _, step in before):
        head = pipeline[:-1]
        X = head.fit_transform(data.X, _labels_of_every_class(data))
        pipeline.steps = [*head.steps, last]  # with ``memory`` these are not the ones that went in
        return data.replace(X=X, X_unlabeled=None)
    data = data.replace(X_unlabeled=None)
    for _, step in before:
        if resamples(step):
            data = _resampled(step, data)
        elif step is not None and step != "passthrough":
            data = data.replace(X=step.fit_transform(data.X, _labels_of_every_class(data)))
    return data


def _labels_of_every_class(data: TransferSet) -> NDArray[Any]:
    """Labels for steps that learn from them: a rare class that is nowhere the likeliest has its likeliest rows."""
    labels = data.labels()
    if not data.is_soft:
        return labels
    Q = data.soft_targets()
    for place in np.setdiff1d(np.flatnonzero(Q.sum(axis=0)), data.label_index()):
        likeliest = np.argsort(-Q[:, place], kind="stable")[: max(1, round(Q[:, place].sum()))]
        labels[likeliest] = data.classes[place]  # type: ignore[index]
    return labels


def _resampled(sampler: Any, data: TransferSet) -> TransferSet:
    X, y = sampler.fit_resample(data.X, data.labels())
    rows = getattr(sampler, "sample_indices_", None)
    if rows is not None:
        return data.take(np.asarray(rows)).replace(X=X)
    n_rows, n_made = data.n_samples, len(y) - data.n_samples
    if n_made < 0 or not np.array_equal(y[:n_rows], data.labels()):
        raise NotSupportedError(
            f"{type(sampler).__name__} doesn't say which rows it kept (sample_indices_), so that soft targets and "
            "weights can't follow them; put a sampler there that only chooses rows, or only adds some."
        )
    made = TransferSet(X, y, classes=data.classes)
    weights = None if data.sample_weight is None else np.append(data.weights(), np.full(n_made, data.weights().mean()))
    targets = np.concatenate([data.soft_targets(), made.soft_targets()[n_rows:]]) if data.is_soft else y
    return made.replace(y=targets, sample_weight=weights)


def with_final(estimator: Any, final: Any) -> Any:
    """The same pipeline, of the same steps, around another final estimator; anything else is replaced.

    Parameters
    ----------
    estimator : estimator
        Left as it is; what is frozen is unwrapped. Its steps are shared, not cloned: clone the result where it is to
        be fitted.
    final : estimator

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> with_final(make_pipeline(StandardScaler(), LogisticRegression()), DecisionTreeClassifier())
    Pipeline(steps=[('standardscaler', StandardScaler()),
                    ('logisticregression', DecisionTreeClassifier())])
    """
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    if not isinstance(estimator, Pipeline):
        return final
    *before, (name, last) = estimator.steps
    return type(estimator)(
        [*before, (name, with_final(last, final))], memory=estimator.memory, verbose=estimator.verbose
    )


def prepares_without_targets(steps: Sequence[tuple[str, Any]]) -> bool:
    """Whether no step, nor an estimator inside one, is known to learn from the targets.

    Rows prepared by a step that has learned from their labels are not unseen any more, and what a bagged model
    says about them out-of-bag isn't either.
    """
    if any(resamples(step) for _, step in steps):
        return False
    parts = [part for _, step in steps for part in [step, *step.get_params(deep=True).values()]]
    return not any(_learns_from_targets(part) for part in parts if isinstance(part, BaseEstimator))


def _learns_from_targets(part: BaseEstimator) -> bool:
    # The tag alone won't do: selectors leave it unset because some of their scores do without targets.
    return (
        get_tags(part).target_tags.required
        or is_classifier(part)
        or is_regressor(part)
        or (isinstance(part, SelectorMixin) and not isinstance(part, VarianceThreshold))
        or type(part).__module__.startswith("sklearn.cross_decomposition")
    )


def clone_with_seed(estimator: Any, seed: int | None) -> Any:
    """A clone whose every ``random_state`` that is None, also of nested estimators, is set from `seed`.

    Parameters
    ----------
    estimator : estimator
        Left as it is.
    seed : int or None
        None leaves the clone's randomness open.

    Returns
    -------
    estimator
        Unfitted. A ``random_state`` that was given is kept.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> clone_with_seed(DecisionTreeClassifier(random_state=7), 0).random_state
    7
    >>> clone_with_seed(DecisionTreeClassifier(), 0).random_state is None
    False
    """
    model = clone(estimator)
    if seed is None or isinstance(model, FrozenEstimator):
        return model
    open_seeds = {
        name: derive_seed(seed, name)
        for name, value in model.get_params(deep=True).items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    }
    if open_seeds:
        model.set_params(**open_seeds)
    return model


def supports_weight(estimator: Any) -> bool:
    """Whether ``fit`` of the estimator, or of the last step of a pipeline, makes use of ``sample_weight``.

    An estimator that holds others is believed only where those take weights too: calibration and stacking would
    otherwise fit their inner models without them. A pipeline inside it takes none: only this room knows its last step.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> supports_weight(DecisionTreeClassifier()), supports_weight(KNeighborsClassifier())
    (True, False)
    """
    peeled = peel(estimator)
    if peeled.is_frozen or peeled.is_network:
        return True  # nothing is fitted, so nothing is ignored; a net takes weights in its loss
    final = peeled.final
    inner = inner_estimators(final)
    if get_config()["enable_metadata_routing"] and _routes(final):
        return _routes_weights(final)
    if has_fit_parameter(final, "sample_weight") or isinstance(final, _HAND_WEIGHTS_ON):
        draws = isinstance(final, BaseBagging) and _BAGS_DRAW_BY_WEIGHT  # whatever learns from the rows
        return all(
            supports_weight(part) and not peel(part).is_network and (draws or not isinstance(part, Pipeline))
            for part in inner
        )
    return False


def _routes(estimator: Any) -> bool:
    """Whether scikit-learn's metadata routing says what of an estimator's keywords its inner ones get."""
    try:
        return isinstance(get_routing_for_object(estimator), MetadataRouter)
    except NotImplementedError:  # scikit-learn hasn't come to it yet, and the named keywords hold
        return False


def _routes_weights(router: Any) -> bool:
    """Whether someone inside has requested weights, and nobody would be handed them unrequested."""
    try:
        process_routing(router, "fit", sample_weight=[1.0])
    except (ValueError, TypeError):
        return False
    return bool(get_routing_for_object(router).consumes("fit", ["sample_weight"]))


_BAGS_DRAW_BY_WEIGHT = "sample_weight" in signature(_generate_bagging_indices).parameters
# Their ``fit`` names no weights and hands them on all the same; others that take any keyword want metadata routing.
_HAND_WEIGHTS_ON = (BaseSearchCV, VotingClassifier, VotingRegressor, StackingClassifier, StackingRegressor)


def inner_estimators(estimator: Any) -> list[Any]:
    """The unfitted estimators that one fits inside itself; defaults that are None stay unsaid."""
    named = [entry[-1] for entry in getattr(estimator, "estimators", None) or [] if isinstance(entry, tuple)]
    single = [getattr(estimator, name, None) for name in ("estimator", "regressor", "final_estimator", "init")]
    return [part for part in [*named, *single] if hasattr(part, "fit")]


def learning_parts(model: Any) -> Iterator[Any]:
    """The estimator behind pipelines and freezing, and those that it fits inside itself."""
    part = peel(model).learner
    yield part
    for inner in inner_estimators(part):
        yield from learning_parts(inner)
