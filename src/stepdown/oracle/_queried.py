"""A teacher with a label budget."""

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

from stepdown._moved import renamed
from stepdown.core import InvalidInputError, NotSupportedError
from stepdown.learners import cast_rows

from ._answer_file import Answer, AnswerFile, row_keys
from ._strategies import QueryStrategy

log = logging.getLogger("stepdown")

Predict = TypeVar("Predict", bound=Callable[..., Any])

# Probabilities that were rounded on their way sum to 1 up to this, and are divided by their sum.
_SUM_TOLERANCE = 0.02
STOPPED = "No more queries were made."


def _unless_hard(method: Predict) -> Predict:
    return cast("Predict", available_if(lambda self: self.is_hard is not True)(method))


class Queried(ClassifierMixin, BaseEstimator):
    """A teacher with a label budget: so many rows may be queried, and not one more.

    It counts the rows that were answered, keeps every answer, and never queries a row of the same values again. With
    `store` each answer is on the disk before the next query, and those already there are read first: an interrupted run
    queries only the rest.

    All clones are the object itself and share its budget; a copy (pickled, sent to another process, deeply copied)
    knows the answers so far and makes no query. Processes that share a `store` wait for each other.

    Parameters
    ----------
    teacher : FrozenEstimator, or callable
        A fitted classifier, or ``f(rows)`` that returns labels of shape (n_rows,) or probabilities of shape (n_rows,
        n_classes), for instance from a service. It gets rows of the table as it was given.
    budget : int
        Most rows that may be queried, at least 1; those in `store` count.
    strategy : QueryStrategy, optional
        Which rows of a pool are queried; by default ``Representative()``.
    store : path, optional
        A file of JSON lines, one answer each, created if missing. Use one file a teacher: the file doesn't know whose
        answers it holds.
    classes : array-like of shape (n_classes,), optional
        The labels of the columns of a callable's probabilities. By default an estimator's ``classes_``; a chain with
        labelled rows takes their labels, sorted.
    batch_size : int, default=32
        Rows a call. The first call has one row, so that an answer of the wrong shape costs one. A call that raises
        isn't counted, and earlier answers are kept.

    Examples
    --------
    >>> teacher = Queried(lambda rows: ["warm" if row[0] > 20 else "cold" for row in rows], budget=3)
    >>> teacher.predict([[25.0], [15.0], [25.0]]).tolist(), teacher.n_queried, teacher.n_left
    (['warm', 'cold', 'warm'], 2, 1)
    """

    def __init__(
        self,
        teacher: Any,
        budget: int,
        *,
        strategy: QueryStrategy | None = None,
        store: str | Path | None = None,
        classes: ArrayLike | None = None,
        batch_size: int = 32,
    ) -> None:
        self.teacher = teacher
        self.budget = budget
        self.strategy = strategy
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
        """Rows that were queried, those in `store` included."""
        return len(self._known())

    n_asked = renamed("n_asked", "n_queried")

    @property
    def n_left(self) -> int:
        """Rows that may still be queried; 0 for a copy."""
        return 0 if self._is_copy else max(0, self.budget - self.n_queried)

    @property
    def is_hard(self) -> bool | None:
        """Whether the answers are labels; None while that isn't known."""
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
        """Sorted labels: the declared ones, those of stored probabilities, or the answers so far."""
        if self.declared_classes is not None:
            return self.declared_classes
        known = self._known().values()
        labels = {answer.value for answer in known if answer.is_label}
        labels |= {label for answer in known for label in answer.classes or ()}
        if not labels:
            raise AttributeError("the classes aren't known yet: give Queried(classes=...), or query first.")
        return np.unique(np.asarray(list(labels)))

    def is_known(self, X: Any) -> NDArray[np.bool_]:
        """Which rows of X have been answered, of shape (n_samples,)."""
        known = self._known()
        return np.array([key in known for key in row_keys(X)], dtype=bool)

    # Queries ----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise for parameters that can't be right, before any query; the file is read for it."""
        if not isinstance(self.budget, int | np.integer) or isinstance(self.budget, bool) or self.budget < 1:
            raise InvalidInputError(f"budget={self.budget!r}: expected a number of rows, at least 1.")
        if not isinstance(self.batch_size, int | np.integer) or self.batch_size < 1:
            raise InvalidInputError(f"batch_size={self.batch_size!r}: expected a number of rows, at least 1.")
        if isinstance(self.teacher, type) or not (callable(self.teacher) or isinstance(self.teacher, FrozenEstimator)):
            raise NotSupportedError(
                f"teacher={self.teacher!r}: a teacher with a label budget must be a fitted model,"
                " FrozenEstimator(model), or a callable f(rows)."
            )
        if not callable(self.teacher) and not is_classifier(self.teacher):
            raise NotSupportedError("a label budget needs a classifier as the teacher.")
        if self.strategy is not None and not isinstance(self.strategy, QueryStrategy):
            raise InvalidInputError(f"strategy={self.strategy!r}: expected a query strategy such as Random(), or None.")
        if self.classes is not None:
            classes = np.asarray(self.classes)
            if classes.ndim != 1 or len(np.unique(classes)) != len(classes) or len(classes) < 2:
                raise InvalidInputError(f"classes={self.classes!r}: expected at least two labels, each once.")
        self._known()

    def query(self, X: Any, classes: NDArray[Any] | None = None) -> None:
        """Query the rows that have no answer yet.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        classes : array of shape (n_classes,), optional
            The labels of the columns where neither `classes` nor the teacher gives them.

        Raises
        ------
        InvalidInputError
            If the budget doesn't suffice for all rows, before any query; or if an answer has a wrong shape or wrong
            values, after which no more queries are made.
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

    ask = renamed("ask", "query")

    def _one_by_one(self, X: Any, fresh: list[int], keys: list[str], classes: NDArray[Any] | None) -> None:
        known = self._known()
        first = 0 if known else 1  # a first call about one row
        batches = [fresh[:first]] if first else []
        batches += [fresh[at : at + self.batch_size] for at in range(first, len(fresh), self.batch_size)]
        for batch in batches:
            if self._file is not None:
                self._file.check_room(len(batch), 0 if classes is None or self.is_hard else len(classes))
            answers = self._read(self._call(_safe_indexing(X, np.array(batch))), len(batch), classes)
            new = list(zip([keys[place] for place in batch], answers, strict=True))
            known.update(new)  # before the file: a full disk must not lose what was paid for
            if self._file is not None:
                self._file.append(new)
            if classes is None and not answers[0].is_label:
                raise InvalidInputError(
                    f"{self._name} returned {len(answers[0].value)} probabilities a row, and their classes are"
                    f" unknown: give Queried(classes=...), or labelled rows of all classes. {STOPPED}"
                )
            log.info("%d of %d rows queried", len(known), self.budget)

    def _call(self, rows: Any) -> Any:
        if callable(self.teacher):
            return self.teacher(rows)
        rows = cast_rows(self.teacher, rows)
        return self.teacher.predict(rows) if self.is_hard else self.teacher.predict_proba(rows)

    def _read(self, returned: Any, n_rows: int, classes: NDArray[Any] | None) -> list[Answer]:
        """Check what the teacher returned, and take it apart."""
        values = np.asarray(returned)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim not in (1, 2) or len(values) != n_rows:
            raise InvalidInputError(
                f"{self._name} returned shape {np.shape(returned)} for {n_rows} rows; expected one label a row, of"
                f" shape ({n_rows},), or probabilities of shape ({n_rows}, n_classes). {STOPPED}"
            )
        is_label = values.ndim == 1
        if self.is_hard is not None and self.is_hard != is_label:
            raise InvalidInputError(f"{self._name} returned both labels and probabilities; expected one kind.")
        return self._labels(values, classes) if is_label else self._probabilities(values, classes)

    def _labels(self, values: NDArray[Any], classes: NDArray[Any] | None) -> list[Answer]:
        labels = values.tolist()
        if any(label is None or label != label for label in labels):
            raise InvalidInputError(f"{self._name} returned missing labels (None or NaN). {STOPPED}")
        if self._column_classes(None) is not None and classes is not None:
            unknown = list(dict.fromkeys(label for label in labels if label not in set(classes.tolist())))
            if unknown:
                raise InvalidInputError(
                    f"{self._name} returned {unknown[:5]}, which are not among its classes"
                    f" {classes.tolist()[:20]}. {STOPPED}"
                )
        return [Answer(label) for label in labels]

    def _probabilities(self, values: NDArray[Any], classes: NDArray[Any] | None) -> list[Answer]:
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"{self._name} returned a table that isn't numeric: {error}.") from error
        if classes is not None and values.shape[1] != len(classes):
            raise InvalidInputError(
                f"{self._name} returned {values.shape[1]} probabilities a row for {len(classes)} classes,"
                f" {classes.tolist()[:20]}. Give Queried(classes=...) in the order of its columns. {STOPPED}"
            )
        off = np.abs(values.sum(axis=1) - 1.0)
        if not np.isfinite(values).all() or values.min() < 0 or off.max() > _SUM_TOLERANCE:
            raise InvalidInputError(
                f"{self._name} returned numbers that are not probabilities, such as {values[off.argmax()].tolist()};"
                f" each row must sum to 1. {STOPPED}"
            )
        names = None if classes is None else tuple(classes.tolist())
        return [Answer(tuple(row), names) for row in values.tolist()]

    def _refuse_more_than(self, wanted: int) -> None:
        if self._is_copy:
            raise InvalidInputError(
                f"{wanted} rows have no answer, and this is a copy of a Queried, which makes no queries: two copies"
                " would spend the budget twice."
            )
        if wanted > self.n_left:
            kept = "" if self.store is None else f", those in {str(self.store)!r} included"
            raise InvalidInputError(
                f"{wanted} rows have no answer, and {self.n_left} of budget={self.budget} are left"
                f" ({self.n_queried} rows were queried{kept}). Raise the budget, or query fewer rows."
            )

    # A classifier -----------------------------------------------------------------------------------------------

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Return the object itself: the teacher is fitted."""
        return self

    @_unless_hard
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return probabilities of shape (n_samples, n_classes), columns as in ``classes_``; query what isn't known.

        Raises
        ------
        InvalidInputError
            If the budget doesn't suffice, or the classes of the columns are unknown.
        NotSupportedError
            If the teacher answers with labels.
        """
        return self._proba(self._answers(X))[0]

    def predict(self, X: Any) -> NDArray[Any]:
        """Return labels of shape (n_samples,), of probabilities the most probable; query what isn't known."""
        answers = self._answers(X)
        if self.is_hard:
            return np.asarray([answer.value for answer in answers])
        proba, classes = self._proba(answers)
        return classes[np.argmax(proba, axis=1)]

    def _answers(self, X: Any) -> list[Answer]:
        self.query(X)
        known = self._known()
        return [known[key] for key in row_keys(X)]

    def _proba(self, answers: list[Answer]) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Probabilities with columns in sorted order, and their classes."""
        if self.is_hard:
            raise NotSupportedError(f"{self._name} returns labels, not probabilities; use predict.")
        stored = {answer.classes for answer in answers} - {None}
        columns = self._column_classes(next(iter(stored)) if stored else None)
        widths = {len(answer.value) for answer in answers}
        if columns is None:
            raise InvalidInputError(
                f"{self._name} returned {sorted(widths)} probabilities a row, and their classes are unknown: give"
                " Queried(classes=...), or labelled rows of all classes. Its answers are kept."
            )
        if stored - {tuple(columns.tolist())} or widths - {len(columns)}:
            others = [list(names)[:20] for names in stored - {tuple(columns.tolist())} if names is not None]
            raise InvalidInputError(
                f"stored answers are {sorted(widths)} probabilities a row, for the classes"
                f" {others or 'unknown'}; the teacher's classes are {columns.tolist()[:20]}. Give each"
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
        # A callable may read anything.
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

    # The answers: made at first use, because `__init__` of an estimator only stores parameters --------------------

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
        """The classes of the columns, in their order."""
        if self.classes is not None:
            return np.asarray(self.classes)
        if not callable(self.teacher) and hasattr(self.teacher, "classes_"):
            return np.asarray(self.teacher.classes_)
        return None if otherwise is None else np.asarray(otherwise)

    @property
    def _name(self) -> str:
        named = self.teacher.estimator if isinstance(self.teacher, FrozenEstimator) else self.teacher
        return str(getattr(named, "__name__", type(named).__name__))
