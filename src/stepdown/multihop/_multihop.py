"""The estimators that users meet: a teacher, a student, and the chain between them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from stepdown.core import (
    Chain,
    HopRecord,
    Table,
    Trainer,
    TransferMethod,
    WayRow,
    printing,
)
from stepdown.learners import answers, as_estimator, cast_rows, complexity
from stepdown.oracle import Queried
from stepdown.search import (
    Choice,
    HeldOut,
    Kinds,
    Search,
    Task,
    Trained,
    checked_rows,
    held_out,
    solve,
    standing_in,
    warn_unless_falling,
)

from ._select import Selecting, rungs_of

Predict = TypeVar("Predict", bound=Callable[..., Any])


def _student_has(attribute: str) -> Callable[[Predict], Predict]:
    def check(self: Any) -> bool:
        getattr(self.student_ if hasattr(self, "student_") else self._simple(), attribute)
        return True

    return cast("Callable[[Predict], Predict]", available_if(check))


def _takes_former_parameters(init: Callable[..., None]) -> Callable[..., None]:
    """Let ``query_budget=`` and ``queries=`` of the first release make a `Queried` teacher; the signature stays."""

    @wraps(init)
    def takes(self: Any, teacher: Any, *given: Any, **named: Any) -> None:
        former = {name: named.pop(name) for name in ("query_budget", "queries") if name in named}
        if former:
            text = "query_budget= and queries= have moved: give Queried(teacher, budget=..., strategy=...) instead"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
        if former.get("query_budget") is not None:
            strategy = former.get("queries", "auto")
            teacher = Queried(teacher, former["query_budget"], strategy=None if strategy == "auto" else strategy)
        init(self, teacher, *given, **named)

    return takes


class _Multihop(Selecting, MetaEstimatorMixin, BaseEstimator):
    """What classifier and regressor share: everything but the targets."""

    @_takes_former_parameters
    def __init__(
        self,
        teacher: Any,
        student: Any,
        *,
        methods: TransferMethod | Sequence[TransferMethod] | str = "auto",
        intermediates: Sequence[tuple[str, Any]] | str = "auto",
        trainer: Trainer | str = "auto",
        search: Search | str = "auto",
        cv: Any = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        random_state: Any = None,
        memory: Any = None,
        verbose: int = 0,
        keep_rungs: bool = False,
    ) -> None:
        self.teacher = teacher
        self.student = student
        self.methods = methods
        self.intermediates = intermediates
        self.trainer = trainer
        self.search = search
        self.cv = cv
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.memory = memory
        self.verbose = verbose
        self.keep_rungs = keep_rungs

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, groups: Any = None, X_unlabeled: Any = None
    ) -> Self:
        """Fit the teacher, choose the chain on the training rows, and train the student."""
        with printing(self.verbose):
            problem, choice = solve(self, X, y, sample_weight, groups, X_unlabeled)
            self._keep(problem, choice, problem.train(choice.way, choice.score))
        return self

    def _keep(self, problem: Task, choice: Choice, trained: Trained) -> None:
        self.teacher_ = problem.teacher.model
        self.student_ = trained.model
        size = complexity(self.teacher_)
        first = HopRecord("teacher", (), None, None, self.teacher_, size, None, problem.teacher_seconds)
        records = [first, *trained.records] if choice.way.uses_teacher else trained.records
        self.chain_ = Chain(records, choice.teacher_unused)
        self.comparison_ = _comparison(choice)
        self.candidates_ = choice.candidates
        if choice.kinds is not None:
            self.kinds_ = _table_of_kinds(choice.kinds)
        elif hasattr(self, "kinds_"):
            del self.kinds_
        self.held_out_: HeldOut | None = held_out(problem, choice)
        if self.keep_rungs:
            self.rungs_ = rungs_of(problem, choice, trained)
        elif hasattr(self, "rungs_"):
            del self.rungs_
        warn_unless_falling(self.chain_, constructed=isinstance(self.intermediates, str))

    # Prediction: the student's ----------------------------------------------------------------------------------

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the student's predictions, of shape (n_samples,)."""
        rows = self._new_rows(X)
        return answers(self.student_, rows)

    def _new_rows(self, X: Any) -> Any:
        check_is_fitted(self, "student_")
        return cast_rows(self.student_, checked_rows(self, X, [*_listed(self.teacher), self._simple()]))

    def _simple(self) -> Any:
        """The simple model, or the tree that stands for it where its kind is open."""
        return standing_in(self.student, classify=isinstance(self, ClassifierMixin))

    @property
    def n_features_in_(self) -> int:
        """How many columns `fit` saw."""
        return self.student_.n_features_in_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "student_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = [get_tags(model).input_tags for model in [*_listed(self.teacher), self._simple()]]
        tags.input_tags.sparse = all(tag.sparse for tag in inner)
        tags.input_tags.allow_nan = all(tag.allow_nan for tag in inner)
        return tags

    def _sk_visual_block_(self) -> Any:
        try:
            from sklearn.utils._repr_html.estimator import _VisualBlock
        except ImportError:  # scikit-learn 1.6
            from sklearn.utils._estimator_html_repr import _VisualBlock

        if hasattr(self, "chain_"):
            models = [(record.name, record.model) for record in self.chain_]
        else:
            between = [] if isinstance(self.intermediates, str) else list(self.intermediates)
            teachers = [("teacher", model) for model in _listed(self.teacher)]
            models = [*teachers, *between, ("student", self._simple())]
        # A model in a block of its own, because only such blocks show the name that it has in the chain.
        blocks = [_VisualBlock("parallel", [model], names=[name], dash_wrapped=False) for name, model in models]
        return _VisualBlock("serial", blocks, dash_wrapped=False)


class MultihopClassifier(ClassifierMixin, _Multihop):
    """A simple classifier taught by a complex one, through a chain of intermediates if that is worth it.

    The teacher is fitted (unless it is frozen), the ways to the student (labels alone, one hop, a chain over a bridge,
    and the control whose bridge never saw the teacher) are validated on the training rows, and the student is trained
    by the one that the gate chose. What ships is ``student_``, a plain estimator of the student's own class.

    The idea of several hops is that of Dhurandhar and Pedapati [1]_; the default recipes and the gate are our own.

    Parameters
    ----------
    teacher : classifier, or list of classifiers
        The complex model. Fitted here as a clone; wrap a fitted one in ``sklearn.frozen.FrozenEstimator`` to keep it.
        An object that only has ``predict`` and perhaps ``predict_proba``, or a function of rows, is used as it is.
        Several are averaged. ``Queried(teacher, budget=...)`` may be queried for so many rows of a pool (`X_unlabeled`,
        or X where there is no y); a bridge learns the answers and labels the rest.
    student : classifier or "auto"
        The simple model; never touched, a clone is trained. "auto", short for
        ``stepdown.students.AutoStudentClassifier(max_rules=16)``, takes the kind of small model that validates best.
    methods : TransferMethod, list of TransferMethod, or "auto", default="auto"
        How knowledge moves in every hop; a list is chosen from.
    intermediates : "auto" or list of (str, estimator), default="auto"
        The models between teacher and student, the most complex first. "auto" builds a bridge: of bagged trees,
        between networks of a network like the student and twice as wide. ``[]`` allows one hop only.
    trainer : Trainer or "auto", default="auto"
        How the student is fitted. "auto" takes the best known for its kind (`stepdown.trainers.trainer_for`).
    search : Search or "auto", default="auto"
        How the chain is chosen: ``Gate()``, ``Fixed()`` or ``DynamicProgramming()``.
    cv : int, splitter, iterable of (train, test) or None, default=None
        Folds of the teacher's out-of-fold signals, 5 unless given, from 30,000 rows on 2; bagged teachers give
        out-of-bag signals instead. A splitter or an iterable holds for all teachers and methods, bagged ones as well,
        and the ways are validated on its last folds (two, unless the search says otherwise). Rows that it never answers
        are learned from by their labels.
    scoring : str, callable or None, default=None
        What the search validates by; None means accuracy.
    n_jobs : int, optional
        Processes for validation folds and for the folds of the teacher.
    random_state : int, RandomState or None, default=None
        Seeds everything whose own ``random_state`` is None.
    memory : str, path or joblib.Memory, optional
        A folder where the fitted teacher and everything that the search makes is kept, so that a search that was
        killed goes on where it was when it is started again with the same arguments; `random_state` must be an integer
        for that. Files are pickles, which run code when they are read: the folder must be your own.
    verbose : int, default=0
        What to print of what is being done: nothing, the steps (1), or their details, too (2): what the logger
        "stepdown" says at the levels INFO and DEBUG.
    keep_rungs : bool, default=False
        Whether to keep every model on the way, for `select` and ``pareto_``. The student is then trained by the best
        way of every kind.

    Attributes
    ----------
    student_ : classifier
        The student that ships; its class is that of `student`.
    teacher_ : classifier
        The fitted teacher.
    chain_ : list of HopRecord
        The models on the way, in order, with method, complexity, validated score and seconds. Its ``note`` says so,
        in the first line that is printed, where the student learned nothing from the teacher.
    comparison_ : list of dict
        One row a way to the student: validated score and standard error, difference to "labels".
    candidates_ : list of dict
        One row a hop that the search tried: score, fits and seconds. ``candidates_.to_frame()`` makes a data frame.
    kinds_ : list of dict
        Where the kind of student is open: one row a kind, with its validated score and standard error.
    rungs_ : list of Rung
        With `keep_rungs`: the models from the teacher down, with complexity and validated score.
    held_out_ : HeldOut or None
        What teacher and students said in validation about training rows that they hadn't seen, for
        `stepdown.ship.report`; None where nothing was validated.
    classes_ : array of shape (n_classes,)

    References
    ----------
    .. [1] A. Dhurandhar and T. Pedapati, "Multihop: Leveraging Complex Models to Learn Accurate Simple Models",
       IEEE ICKG, 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown import MultihopClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MultihopClassifier(RandomForestClassifier(30), DecisionTreeClassifier(max_depth=2), random_state=0)
    >>> type(clf.fit(X, y).student_).__name__, clf.student_.get_depth()
    ('DecisionTreeClassifier', 2)
    >>> [record.name for record in clf.chain_][-1]
    'student'
    """

    @property
    def classes_(self) -> NDArray[Any]:
        """Class labels, sorted."""
        return self.student_.classes_

    @_student_has("predict_proba")
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the student's probabilities, of shape (n_samples, n_classes), columns as in ``classes_``."""
        rows = self._new_rows(X)
        return self.student_.predict_proba(rows)

    @_student_has("predict_log_proba")
    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the logarithms of the student's probabilities, of shape (n_samples, n_classes)."""
        rows = self._new_rows(X)
        return self.student_.predict_log_proba(rows)

    @_student_has("decision_function")
    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the student's decision values."""
        rows = self._new_rows(X)
        return self.student_.decision_function(rows)


class MultihopRegressor(RegressorMixin, _Multihop):
    """A simple regressor taught by a complex one, through a chain of intermediates if that is worth it.

    Everything is as in `MultihopClassifier`; targets are real numbers, and ways are compared by squared error.

    Parameters
    ----------
    teacher, student : regressor
        The complex and the simple model; a list of teachers is averaged. ``student="auto"`` is short for
        ``stepdown.students.AutoStudentRegressor(max_rules=16)``.
    methods, intermediates, trainer, search, cv, scoring, n_jobs, random_state, memory, verbose, keep_rungs
        As in `MultihopClassifier`; ``scoring=None`` means the coefficient of determination.

    Attributes
    ----------
    student_, teacher_, chain_, comparison_, candidates_, rungs_, held_out_
        As in `MultihopClassifier`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from stepdown import MultihopRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = MultihopRegressor(RandomForestRegressor(30), DecisionTreeRegressor(max_depth=3), random_state=0)
    >>> reg.fit(X, y).student_.get_depth()
    3
    """


def _listed(teacher: Any) -> list[Any]:
    """The complex models, of which there may be several; a callable has no say in what rows may hold."""
    listed = list(teacher) if isinstance(teacher, list | tuple) else [teacher]
    models = [model.teacher if isinstance(model, Queried) else model for model in listed]
    return [as_estimator(model, classify=True) for model in models if hasattr(model, "predict")]


def _table_of_kinds(kinds: Kinds) -> Table:
    """Rows for people: what each kind of student scored, and by how much it differs from the first."""
    rows = Table()
    for place, name in enumerate(kinds.names):
        gain, error = kinds.scores.difference(place, 0)
        score = {"score": kinds.scores.mean(place), "std_error": kinds.scores.std_error(place)}
        difference = {"difference": gain, "difference_std_error": error, "chosen": place == kinds.chosen}
        rows.append({"kind": name, **score, **difference})
    return rows


def _comparison(choice: Choice) -> Table:
    """Rows for people: what each way scored, and by how much it differs from the labels with the same trainer."""
    rows = Table(note=choice.teacher_unused)
    if choice.scores is None:
        return rows
    names = [way.name for way in choice.ways]
    base = names.index("labels")
    for place, way in enumerate(choice.ways):
        gain, error = choice.scores.difference(place, base)
        rows.append(
            WayRow(
                {
                    "way": way.name,
                    "kind": way.kind,
                    "score": choice.scores.mean(place),
                    "std_error": choice.scores.std_error(place),
                    "difference": gain,
                    "difference_std_error": error,
                    "validated": "frozen" if choice.scores.biased[place] else "cross-validation",
                    "chosen": way is choice.way,
                }
            )
        )
    return rows
