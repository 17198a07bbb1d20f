"""What a teacher says: about any rows, and about the rows that it was trained on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from stepdown.core import (
    ENOUGH_ROWS,
    MOST_LEARNED,
    InvalidInputError,
    NotSupportedError,
    RefitOnLabels,
    Signal,
    SignalWarning,
    Teacher,
    TransferSet,
    count_fits,
    is_counting,
    sample_rows,
    side_by_side,
)

from ._decisions import at_threshold, decision_threshold
from ._networks import cast_rows, net_of
from ._out_of_bag import out_of_bag
from ._pipelines import supports_weight
from ._soft_fit import fit_to

IN_SAMPLE = "in-sample"
OUT_OF_FOLD = "out-of-fold"

# Above this mean probability of the true labels a model has all but memorised them.
_MEMORISED = 0.99


def predictions(model: Any, X: Any, classes: NDArray[Any] | None) -> tuple[NDArray[np.float64], bool]:
    """What a fitted model says about rows, in the class order of the caller.

    Parameters
    ----------
    model : estimator
        Fitted. With ``predict_proba``, or with ``predict`` alone (a model of hard answers).
    X : array-like of shape (n_samples, n_features)
    classes : array of shape (n_classes,), or None
        Sorted labels that the columns stand for; None in regression.

    Returns
    -------
    values : array of shape (n_samples, n_classes) or (n_samples,)
        Probabilities, with zeros for classes that the model doesn't know; or real predictions. Of a model of two
        classes that decides by a threshold of its own they are moved, so that the larger one is what it decides.
    hard : bool
        True where the model has ``predict`` alone and `values` is one-hot.

    Raises
    ------
    InvalidInputError
        If the model knows a class that `classes` lacks, or says something that is no number.
    NotSupportedError
        If the model predicts several outputs.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> tree = DecisionTreeClassifier().fit([[0], [1]], ["a", "c"])
    >>> predictions(tree, [[0], [1]], np.array(["a", "b", "c"]))
    (array([[1., 0., 0.],
           [0., 0., 1.]]), False)
    """
    X = cast_rows(model, X)
    if classes is None:
        return _real_predictions(model, X), False
    columns = _columns(model, classes)
    if not hasattr(model, "predict_proba"):
        labels = np.asarray(model.predict(X)).ravel()
        values = np.zeros((len(labels), len(classes)))
        values[np.arange(len(labels)), _positions(labels, classes, model)] = 1.0
        return values, True
    values = np.asarray(model.predict_proba(X), dtype=np.float64)
    expected = len(classes) if columns is None else len(columns)
    n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
    if values.shape != (n_samples, expected):
        raise InvalidInputError(
            f"{type(model).__name__}.predict_proba returned shape {values.shape}; expected (n_samples, {expected})."
        )
    if not np.all(np.isfinite(values)):
        raise InvalidInputError(f"{type(model).__name__}.predict_proba returned NaN or infinity; check its inputs.")
    values = values if columns is None else aligned(values, columns, len(classes))
    threshold = decision_threshold(model, X, values[:, 1], classes) if len(classes) == 2 else None
    return (values if threshold is None else at_threshold(values, threshold)), False


def aligned(values: NDArray[np.float64], columns: NDArray[np.intp], n_classes: int) -> NDArray[np.float64]:
    """Put columns where they belong among `n_classes`; the others are zero."""
    if np.array_equal(columns, np.arange(n_classes)):
        return values
    spread = np.zeros((len(values), n_classes))
    spread[:, columns] = values
    return spread


def _real_predictions(model: Any, X: Any) -> NDArray[np.float64]:
    if is_classifier(model):
        raise InvalidInputError(
            f"{type(model).__name__} is a classifier but the targets are real numbers; use a regressor."
        )
    values = np.asarray(model.predict(X), dtype=np.float64)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise NotSupportedError(f"{type(model).__name__} predicts {values.shape[1]} outputs; one target is supported.")
    if not np.all(np.isfinite(values)):
        raise InvalidInputError(f"{type(model).__name__}.predict returned NaN or infinity; check its inputs.")
    return values


def _columns(model: Any, classes: NDArray[Any]) -> NDArray[np.intp] | None:
    """Where the model's classes stand in `classes`; None where it doesn't say what its classes are."""
    known = getattr(model, "classes_", None)
    if known is None:
        return None
    if isinstance(known, list) and known and np.ndim(known[0]) == 1:
        raise NotSupportedError(f"{type(model).__name__} predicts {len(known)} outputs; one target is supported.")
    return _positions(np.asarray(known), classes, model)


def _positions(labels: NDArray[Any], classes: NDArray[Any], model: Any) -> NDArray[np.intp]:
    """Positions of labels in the sorted classes; labels that aren't among them are an error."""
    if np.array_equal(labels, classes):
        return np.arange(len(classes))
    try:
        index = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
        strange = classes[index] != labels
    except TypeError:  # numbers against strings can't be ordered
        strange = np.ones(len(labels), dtype=bool)
    if np.any(strange):
        unknown = np.unique(labels[strange])[:5].tolist()
        raise InvalidInputError(
            f"{type(model).__name__} knows classes {unknown} that the labels lack: {classes.tolist()[:20]}. "
            "Teacher and data must speak of the same classes; map the labels, or add rows of these classes."
        )
    return index


def training_signal(
    teacher: Teacher,
    data: TransferSet,
    *,
    signals: str = OUT_OF_FOLD,
    cv: int = 5,
    seed: int | None = None,
    n_jobs: int | None = None,
) -> Signal:
    """What a teacher says about the rows it was trained on, as if it had not seen them.

    In-sample confidences of a model that interpolates are nearly one and carry nothing. So a bagged model is asked
    out-of-bag, which costs no fit; any other is made again on folds; and one that can't be made again (frozen) is
    asked as it is.

    Parameters
    ----------
    teacher : Teacher
        Its memo keeps the signal, for every hop that asks about the same rows again: the seed of the first to
        ask counts.
    data : TransferSet
        The training rows. Folds are stratified by the labels and keep groups together.
    signals : {"out-of-fold", "in-sample"}
        "out-of-fold" includes out-of-bag and frozen as said above; "in-sample" asks the model as it is, and warns
        where that says nothing.
    cv : int
        Folds, at least 2.
    seed : int, optional
        Shuffles the folds.
    n_jobs : int, optional
        Folds at a time, by joblib; None takes the teacher's own.

    Returns
    -------
    Signal
        A class with a single row is out of reach of the fold that answers it and gets probability 0 there. Rows
        that no tree has out of its bag get the share of each class (the mean, in regression), rows that given
        folds leave out their labels.

    Raises
    ------
    InvalidInputError
        For an unknown `signals`, a `cv` below 2, a single row or group.

    Warns
    -----
    SignalWarning
        For an in-sample signal of a model that has all but memorised the labels.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from stepdown.core import as_teacher
    >>> data = TransferSet.for_classification(*load_iris(return_X_y=True))
    >>> teacher = as_teacher(KNeighborsClassifier(1).fit(data.X, data.y))
    >>> signal = training_signal(teacher, data, seed=0)
    >>> signal.source, float(np.mean(signal.values.argmax(axis=1) == data.y)) < 1
    ('out-of-fold', True)
    """
    key = signal_key(signals, cv)
    kept = teacher.recall(key, data)
    if kept is not None:
        return kept
    if signals == IN_SAMPLE:
        return teacher.remember(key, data, _in_sample(teacher, data))
    if teacher.is_frozen:
        values, hard = predictions(teacher.model, data.X, data.classes)
        return teacher.remember(key, data, Signal(values, "frozen", hard))
    values_or_none = out_of_bag(teacher.model, data)
    if values_or_none is not None:
        return teacher.remember(key, data, Signal(values_or_none, "out-of-bag"))
    [(values, hard)] = out_of_fold(
        teacher, data, cv, seed, n_jobs, lambda model, X, _: [predictions(model, X, data.classes)]
    )
    return teacher.remember(key, data, Signal(values, OUT_OF_FOLD, hard))


def signal_key(signals: str, cv: int) -> str:
    """The name under which a teacher's memo keeps a signal; the arguments are checked on the way."""
    if signals not in (OUT_OF_FOLD, IN_SAMPLE):
        raise InvalidInputError(f"signals={signals!r}: expected {OUT_OF_FOLD!r} or {IN_SAMPLE!r}.")
    if not isinstance(cv, int | np.integer) or cv < 2:
        raise InvalidInputError(f"cv={cv!r}: expected a number of folds, at least 2.")
    return signals if signals == IN_SAMPLE else f"{signals}:{cv}"


def _in_sample(teacher: Teacher, data: TransferSet) -> Signal:
    values, hard = predictions(teacher.model, data.X, data.classes)
    if data.is_classification:
        of_the_label = float(np.mean(values[np.arange(len(values)), data.label_index()]))
        if of_the_label > _MEMORISED:
            warnings.warn(
                f"the in-sample signal of {teacher.name} gives the labels a mean probability of {of_the_label:.3f}: "
                "it repeats the labels and carries nothing else. Use signals='out-of-fold'.",
                SignalWarning,
                stacklevel=4,
            )
    return Signal(values, IN_SAMPLE, hard)


Ask = Callable[[Any, Any, TransferSet], list[tuple[NDArray[np.float64], bool]]]


def out_of_fold(
    teacher: Teacher, data: TransferSet, cv: int, seed: int | None, n_jobs: int | None, ask: Ask
) -> list[tuple[NDArray[np.float64], bool]]:
    """Make the teacher again on each part of the rows and put together what it says about the rest.

    ``ask(model, X, part)`` returns one or more answers of a model that was fitted to `part`.
    """
    refit = _refit_of(teacher, seed)
    assert refit is not None

    # Where rows are many, a search compares ways by these models rather than by further ones.
    keeps = data.n_samples >= ENOUGH_ROWS and data.folds is None and isinstance(teacher.refit, RefitOnLabels)

    def answer(train: NDArray[np.intp], test: NDArray[np.intp]) -> tuple[list[tuple[NDArray[np.float64], bool]], Any]:
        if keeps and len(train) > MOST_LEARNED:
            train = train[sample_rows(data.take(train), MOST_LEARNED, seed)]
        part = data.take(train)
        # Some classifiers refuse to learn a single class, which leaves but one thing to say.
        single = part.is_classification and len(np.unique(part.label_index())) == 1
        model = DummyClassifier().fit(part.X, part.labels()) if single else refit(part, train)
        return ask(model, data.take(test).X, part), model if keeps else None

    folds = data.splits() or list(fold_rows(data, cv, seed))
    n_jobs = teacher.n_jobs if n_jobs is None else n_jobs
    if isinstance(teacher.refit, RefitOnLabels):
        count_fits(len(folds))
        made = list(side_by_side(answer, folds, n_jobs))
    elif is_counting():  # what hops make beside their students is heard here only
        made = [answer(train, test) for train, test in folds]
    else:
        made = list(side_by_side(answer, folds, n_jobs))
    if keeps:
        teacher.again = [(test, model) for (_, test), (_, model) in zip(folds, made, strict=True)]
    answers = [said for said, _ in made]
    together = []
    for parts in zip(*answers, strict=True):
        first = parts[0][0]
        values, times = np.zeros((data.n_samples, *first.shape[1:])), np.zeros(data.n_samples)
        for (_, test), (part, _) in zip(folds, parts, strict=True):
            values[test] += part
            times[test] += 1
        values /= np.maximum(times, 1).reshape(-1, *[1] * (values.ndim - 1))
        # Folds that were given may leave rows out, such as the first ones of a series: there are only labels for these.
        values[times == 0] = (data.soft_targets() if data.is_classification else np.asarray(data.y))[times == 0]
        together.append((values, parts[0][1]))
    return together


def made_again(teacher: Teacher, rows: NDArray[np.intp], part: TransferSet, seed: int | None) -> Teacher:
    """A teacher that isn't frozen as if it had been fitted to some of its rows only, `part`."""
    refit = _refit_of(teacher, seed)
    assert refit is not None
    return Teacher(refit(part, rows), teacher.refit, teacher.name, n_jobs=teacher.n_jobs)


def _refit_of(teacher: Teacher, seed: int | None) -> Any:
    """How a teacher is made again on folds: as it was made, with the weights of rows where it takes them."""
    model = teacher.model
    if not isinstance(teacher.refit, RefitOnLabels):
        return teacher.refit
    weighted = supports_weight(model)
    own_seed = seed if net_of(model) is not None else None  # other models are made again with their own

    def refit(part: TransferSet, rows: NDArray[np.intp]) -> Any:
        part = part.replace(y=part.labels(), sample_weight=part.sample_weight if weighted else None)
        return fit_to(model, part, seed=own_seed)

    return refit


def fold_rows(
    data: TransferSet, cv: int, seed: int | None = None
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Training and test positions of shuffled folds, at most as many as rows or groups: stratified, groups together.

    Parameters
    ----------
    data : TransferSet
    cv : int
    seed : int, optional

    Yields
    ------
    train, test : arrays of int

    Raises
    ------
    InvalidInputError
        If there is only one row, or one group.

    Examples
    --------
    >>> data = TransferSet(np.zeros((4, 1)), np.array([0, 0, 1, 1]), classes=np.array([0, 1]))
    >>> [sorted(data.y[test].tolist()) for _, test in fold_rows(data, 2, seed=0)]
    [[0, 1], [0, 1]]
    """
    n_units = data.n_samples if data.groups is None else len(np.unique(data.groups))
    if n_units < 2:
        units = "row" if data.groups is None else "group"
        raise InvalidInputError(f"{n_units} {units} can't be split into folds; give at least 2 {units}s.")
    cv = min(cv, n_units)
    rows = np.empty((data.n_samples, 0))
    index = data.label_index() if data.is_classification else None
    # A class with fewer rows than folds is missing from some test parts, which costs nothing here; sklearn refuses
    # only when that is so for all classes.
    stratify = index is not None and np.bincount(index).max() >= cv
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        if data.groups is None:
            splitter = StratifiedKFold if stratify else KFold
            yield from splitter(cv, shuffle=True, random_state=seed).split(rows, index)
        elif stratify:
            yield from StratifiedGroupKFold(cv, shuffle=True, random_state=seed).split(rows, index, data.groups)
        else:
            yield from GroupKFold(cv, shuffle=True, random_state=seed).split(rows, index, data.groups)
