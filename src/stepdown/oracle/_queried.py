"""A teacher that may be asked only so often."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.metaestimators import available_if

from stepdown.core import InvalidInputError, NotSupportedError
from stepdown.learners import cast_rows

from ._answer_file import Answer, AnswerFile, row_keys

log = logging.getLogger("stepdown")

Predict = TypeVar("Predict", bound=Callable[..., Any])

# Probabilities that were rounded on their way sum to 1 up to this, and are divided by their sum.
_SUM_TOLERANCE = 0.02


def _unless_hard(method: Predict) -> Predict:
    return cast("Predict", available_if(lambda self: self.is_hard is not True)(method))


class Queried(ClassifierMixin, BaseEstimator):
    """A teacher that may be asked about so many rows, and not one more.

    It counts the rows that were answered, keeps every answer, and never asks about a row again that holds the same
    values. With `store` the answers are on the disk before the next question is asked, and those that lie there are
    read first: a run that was broken off asks the rest only.

    There is one purse: clones are the object itself, and a copy (pickled, sent to another process, deeply copied)
    says what is known and asks nothing. Processes that share a `store` wait for each other.

    Parameters
    ----------
    teacher : FrozenEstimator, or callable
        A fitted classifier, or ``f(rows)`` that returns labels of shape (n_rows,) or probabilities of shape (n_rows,
        n_classes), for instance by asking a service. It is handed rows of the table as it was given.
    budget : int
        At least 1. Most rows that may be answered; those in `store` count.
    store : path, optional
        A file of JSON lines, one answer each, made when there is none. One file a teacher: the file can't tell whose
        answers it holds.
    classes : array-like of shape (n_classes,), optional
        What the columns of a callable's probabilities stand for. By default an estimator's ``classes_``; a chain that
        has labels takes theirs, sorted.
    batch_size : int, default=32
        Rows a call. The first call is about one row, so that an answer of the wrong shape costs one. A call that raises
        counts as nothing, and what was answered before it is kept.

    Examples
    --------
    >>> asked = Queried(lambda rows: ["warm" if row[0] > 20 else "cold" for row in rows], budget=3)
    >>> asked.predict([[25.0], [15.0], [25.0]]).tolist(), asked.n_queried, asked.n_left
    (['warm', 'cold', 'warm'], 2, 1)
    """

    def __init__(
        self,
        teacher: Any,
        budget: int,
        *,
        store: str | Path | None = None,
        classes: ArrayLike | None = None,
        batch_size: int = 32,
    ) -> None:
        self.teacher = teacher
        self.budget = budget
        self.store = store
        self.classes = classes
        self.batch_size = batch_size

    # What is known ----------------------------------------------------------------------------------------------

    @property
    def model_that_counts(self) -> Any:
        """The model whose complexity is this wrapper's."""
        return self.teacher

    @property
    def n_queried(self) -> int:
        """Rows that were answered, those in `store` included."""
        return len(self._known())

    @property
    def n_left(self) -> int:
        """Rows that may still be asked about; 0 for a copy."""
        return 0 if self._is_copy else max(0, self.budget - self.n_queried)

    @property
    def is_hard(self) -> bool | None:
        """Whether the answers are labels; None as long as that isn't known."""
        if not callable(self.teacher):
            return not hasattr(self.teacher, "predict_proba")
        first = next(iter(self._known().values()), None)
        return None if first is None else first.is_label

    @property
    def declared_classes(self) -> NDArray[Any] | None:
        """Sorted labels as `classes` or the estimator declares them; None where neither does."""
        declared = self._column_classes(None)
        return None if declared is None else np.sort(declared)

    @property
    def classes_(self) -> NDArray[Any]:
        """Sorted labels: the declared ones, those that stored probabilities stand for, or those that were answered."""
        if self.declared_classes is not None:
            return self.declared_classes
        known = self._known().values()
        labels = {answer.value for answer in known if answer.is_label}
        labels |= {label for answer in known for label in answer.classes or ()}
        if not labels:
            raise AttributeError("the classes aren't known yet: give Queried(classes=...), or ask first.")
        return np.unique(np.asarray(list(labels)))

    def is_known(self, X: Any) -> NDArray[np.bool_]:
        """Which rows of X have been answered, of shape (n_samples,)."""
        known = self._known()
        return np.array([key in known for key in row_keys(X)], dtype=bool)

    # Asking -----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise for parameters that can't be right, before anything is asked; the file is read for it."""
        if not isinstance(self.budget, int | np.integer) or isinstance(self.budget, bool) or self.budget < 1:
            raise InvalidInputError(f"budget={self.budget!r}: expected a number of rows, at least 1.")
        if not isinstance(self.batch_size, int | np.integer) or self.batch_size < 1:
            raise InvalidInputError(f"batch_size={self.batch_size!r}: expected a number of rows, at least 1.")
        if isinstance(self.teacher, type) or not (callable(self.teacher) or isinstance(self.teacher, FrozenEstimator)):
            raise NotSupportedError(
                f"teacher={self.teacher!r}: a teacher that may be asked only so often is a fitted model,"
                " FrozenEstimator(model), or a callable f(rows)."
            )
        if not callable(self.teacher) and not is_classifier(self.teacher):
            raise NotSupportedError("a query budget needs a classifier as the teacher.")
        if self.classes is not None:
            classes = np.asarray(self.classes)
            if classes.ndim != 1 or len(np.unique(classes)) != len(classes) or len(classes) < 2:
                raise InvalidInputError(f"classes={self.classes!r}: expected at least two labels, each once.")
        self._known()

    def ask(self, X: Any, classes: NDArray[Any] | None = None) -> None:
        """Have the rows answered that aren't yet.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        classes : array of shape (n_classes,), optional
            What probabilities stand for where neither `classes` nor the teacher says it.

        Raises
        ------
        InvalidInputError
            If there are more rows than may still be asked about: none of them is asked then. If an answer has a shape
            or values that can't be right: nothing more is asked then.
        """
        self.check()
        keys = row_keys(X)
        with self._alone():
            known = self._known()
            fresh = list({key: place for place, key in reversed(list(enumerate(keys))) if key not in known}.values())
            if not fresh:
                return
            self._refuse_more_than(len(fresh))
            fresh.sort()
            self._one_by_one(X, fresh, keys, self._column_classes(classes))

    def _one_by_one(self, X: Any, fresh: list[int], keys: list[str], classes: NDArray[Any] | None) -> None:
        known = self._known()
        first = 0 if known else 1  # a first call about one row
        batches = [fresh[:first]] if first else []
        batches += [fresh[at : at + self.batch_size] for at in range(first, len(fresh), self.batch_size)]
        for batch in batches:
            answers = self._read(self._call(_safe_indexing(X, np.array(batch))), len(batch), classes)
            new = list(zip([keys[place] for place in batch], answers, strict=True))
            known.update(new)  # before the file: a full disk must not lose what was paid for
            if self._file is not None:
                self._file.append(new)
            if classes is None and not answers[0].is_label:
                raise InvalidInputError(
                    f"{self._name} answers with {len(answers[0].value)} probabilities a row, and nobody has said what"
                    " they stand for: give Queried(classes=...), or labelled rows of all classes. Nothing more was"
                    " asked."
                )
            log.info("%d of %d rows asked", len(known), self.budget)

    def _call(self, rows: Any) -> Any:
        if callable(self.teacher):
            return self.teacher(rows)
        rows = cast_rows(self.teacher, rows)
        return self.teacher.predict(rows) if self.is_hard else self.teacher.predict_proba(rows)

    def _read(self, said: Any, n_rows: int, classes: NDArray[Any] | None) -> list[Answer]:
        """Check what came, and take it apart."""
        values = np.asarray(said)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim not in (1, 2) or len(values) != n_rows:
            raise InvalidInputError(
                f"{self._name} answered with shape {np.shape(said)} for {n_rows} rows; expected one label a row, of"
                f" shape ({n_rows},), or probabilities of shape ({n_rows}, n_classes). Nothing more was asked."
            )
        is_label = values.ndim == 1
        if self.is_hard is not None and self.is_hard != is_label:
            raise InvalidInputError(f"{self._name} answered with labels and with probabilities; one kind is expected.")
        return self._labels(values, classes) if is_label else self._probabilities(values, classes)

    def _labels(self, values: NDArray[Any], classes: NDArray[Any] | None) -> list[Answer]:
        labels = values.tolist()
        if any(label is None or label != label for label in labels):
            raise InvalidInputError(f"{self._name} answered with missing labels (None or NaN). Nothing more was asked.")
        if self._column_classes(None) is not None and classes is not None:
            unknown = list(dict.fromkeys(label for label in labels if label not in set(classes.tolist())))
            if unknown:
                raise InvalidInputError(
                    f"{self._name} answered with {unknown[:5]}, which are not among its classes"
                    f" {classes.tolist()[:20]}. Nothing more was asked."
                )
        return [Answer(label) for label in labels]

    def _probabilities(self, values: NDArray[Any], classes: NDArray[Any] | None) -> list[Answer]:
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"{self._name} answered with a table that holds no numbers: {error}.") from error
        if classes is not None and values.shape[1] != len(classes):
            raise InvalidInputError(
                f"{self._name} answered with {values.shape[1]} probabilities a row for {len(classes)} classes,"
                f" {classes.tolist()[:20]}. Give Queried(classes=...) as its columns are. Nothing more was asked."
            )
        off = np.abs(values.sum(axis=1) - 1.0)
        if not np.isfinite(values).all() or values.min() < 0 or off.max() > _SUM_TOLERANCE:
            raise InvalidInputError(
                f"{self._name} answered with numbers that are no probabilities, such as"
                f" {values[off.argmax()].tolist()}; each row must sum to 1. Nothing more was asked."
            )
        names = None if classes is None else tuple(classes.tolist())
        return [Answer(tuple(row), names) for row in values.tolist()]

    def _refuse_more_than(self, wanted: int) -> None:
        if self._is_copy:
            raise InvalidInputError(
                f"{wanted} rows have no answer, and this is a copy of a Queried, which asks nothing: two copies would"
                " spend the budget twice."
            )
        if wanted > self.n_left:
            kept = "" if self.store is None else f", those in {str(self.store)!r} included"
            raise InvalidInputError(
                f"{wanted} rows have no answer, and {self.n_left} of budget={self.budget} are left"
                f" ({self.n_queried} rows were answered{kept}). Raise the budget, or ask about fewer rows."
            )

    # A classifier -----------------------------------------------------------------------------------------------

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Return the object itself: the teacher is fitted."""
        return self

    @_unless_hard
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Ask what isn't known, and return probabilities of shape (n_samples, n_classes) in the order of ``classes_``.

        Raises
        ------
        InvalidInputError
            If the budget doesn't suffice, or nobody has said what the columns stand for.
        NotSupportedError
            If the teacher answers with labels.
        """
        return self._proba(self._answers(X))[0]

    def predict(self, X: Any) -> NDArray[Any]:
        """Ask what isn't known, and return labels of shape (n_samples,): of probabilities the most probable."""
        answers = self._answers(X)
        if self.is_hard:
            return np.asarray([answer.value for answer in answers])
        proba, classes = self._proba(answers)
        return classes[np.argmax(proba, axis=1)]

    def _answers(self, X: Any) -> list[Answer]:
        self.ask(X)
        known = self._known()
        return [known[key] for key in row_keys(X)]

    def _proba(self, answers: list[Answer]) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Probabilities with columns in sorted order, and what the columns stand for."""
        if self.is_hard:
            raise NotSupportedError(f"{self._name} answers with labels, not with probabilities; use predict.")
        stored = {answer.classes for answer in answers} - {None}
        columns = self._column_classes(next(iter(stored)) if stored else None)
        widths = {len(answer.value) for answer in answers}
        if columns is None:
            raise InvalidInputError(
                f"{self._name} answers with {sorted(widths)} probabilities a row, and nobody has said what they stand"
                " for: give Queried(classes=...), or labelled rows of all classes. Its answers are kept."
            )
        if stored - {tuple(columns.tolist())} or widths - {len(columns)}:
            others = [list(names)[:20] for names in stored - {tuple(columns.tolist())} if names is not None]
            raise InvalidInputError(
                f"stored answers are {sorted(widths)} probabilities a row, for the classes"
                f" {others or 'nobody has said'}; the teacher's classes are {columns.tolist()[:20]}. Give each"
                " teacher a store of its own."
            )
        values = np.array([answer.value for answer in answers], dtype=np.float64)
        values = values / values.sum(axis=1, keepdims=True)
        return values[:, np.argsort(columns)], np.sort(columns)

    # What scikit-learn sees -------------------------------------------------------------------------------------

    def __sklearn_clone__(self) -> Self:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # What a callable can read is its own business.
        inner = None if callable(self.teacher) else get_tags(self.teacher).input_tags
        tags.input_tags.allow_nan = inner is None or inner.allow_nan
        tags.input_tags.sparse = inner is None or inner.sparse
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state |= {"_answers_known": dict(self._known()), "_is_copy": True}
        state.pop("_file", None)
        return state

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    # The purse: made at first use, because `__init__` of an estimator only stores parameters ---------------------

    _is_copy = False
    _file: AnswerFile | None = None

    def _known(self) -> dict[str, Answer]:
        """Answers by the keys of their rows; those on file are read when the path is new."""
        known: dict[str, Answer] | None = self.__dict__.get("_answers_known")
        if known is None:
            known = {}
            self.__dict__["_answers_known"] = known
        if self._is_copy or self.store is None:
            self._file = None
        elif self._file is None or self._file.path != Path(self.store):
            self._file = AnswerFile(self.store)
            known.update(self._file.read())
        return known

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the file against other processes, and see what they have written to it."""
        known = self._known()
        if self._file is None:
            yield
            return
        with self._file.locked():
            known.update(self._file.read())
            yield

    def _column_classes(self, otherwise: Sequence[Any] | NDArray[Any] | None) -> NDArray[Any] | None:
        """What columns stand for, in their order."""
        if self.classes is not None:
            return np.asarray(self.classes)
        if not callable(self.teacher) and hasattr(self.teacher, "classes_"):
            return np.asarray(self.teacher.classes_)
        return None if otherwise is None else np.asarray(otherwise)

    @property
    def _name(self) -> str:
        named = self.teacher.estimator if isinstance(self.teacher, FrozenEstimator) else self.teacher
        return str(getattr(named, "__name__", type(named).__name__))
