"""A teacher and a tree for a file that doesn't fit memory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.tree import BaseDecisionTree

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet, derive_seed
from stepdown.learners import fit_to
from stepdown.search import Store, check_class_count, refuse_shared
from stepdown.trainers import (
    Binned,
    Bins,
    FlatTrees,
    Growth,
    Limits,
    Rows as TreeRows,
    TreeSearch,
    exact_sums,
    flat,
    grow,
)

from ._blocks import Blocks, on_bins, student_of
from ._labels import Labelling, as_rows, labelled, said
from ._rows import Numbers, Rows, check_numbers, rows_of

log = logging.getLogger("stepdown")

_HELD_OUT = 1
_LEARNED = 2
_Z_RANGE = 64.0  # standardised targets beyond would be cut; a bound is what makes their sums exact


@dataclass(frozen=True)
class LargeFit:
    """What `fit_parquet` made.

    Parameters
    ----------
    teacher : estimator
        Fitted to `teacher_rows` rows.
    student : estimator
        A plain fitted tree of the student's class, for all rows.
    n_rows, teacher_rows, held_out : int
        Rows of the file, rows that the teacher has learned from, rows that were kept from both.
    scores : dict of str to float
        Accuracy, in regression the coefficient of determination, on the rows held out: "teacher", "student", and
        "sample", the student searched on the teacher's rows alone.
    prepare : transformer or None
        Fitted to the teacher's rows; what it makes of a table is what teacher and student read.
    """

    teacher: Any
    student: Any
    n_rows: int
    teacher_rows: int
    held_out: int
    scores: dict[str, float]
    prepare: Any = None


def fit_parquet(
    teacher: Any,
    student: Any,
    path: Any,
    target: str,
    *,
    memory: Path | str,
    prepare: Any = None,
    drop: Sequence[str] = (),
    weight: float = 0.5,
    teacher_rows: int = 200_000,
    held_out: int = 50_000,
    block_rows: int = 100_000,
    random_state: int = 0,
) -> LargeFit:
    """Fit a teacher to a sample of a table, and a tree to all of it by the teacher's answers, in bounded memory.

    The table is a Parquet file, read in blocks, or what dask or ray hold in partitions: those are labelled where they
    are, by dask's or ray's workers, and only bins and answers come back. The teacher answers each block once; its
    answers and the bins of all values are kept in `memory`, a byte a value, and a run that was killed goes on at the
    block where it was. The tree is grown from sums over blocks; beside it stands one that `TreeSearch` finds on the
    teacher's rows, and the better on all rows ships. Blocks of any size give the same student. Rows that the teacher
    has learned from teach by their labels alone.

    Parameters
    ----------
    teacher : estimator
        Fitted here as a clone, to `teacher_rows` rows; a ``FrozenEstimator`` is used as it is.
    student : DecisionTreeClassifier or DecisionTreeRegressor
        With ``max_depth`` or ``max_leaf_nodes``; never touched.
    path : path, dask.dataframe.DataFrame or ray.data.Dataset
        A table of numbers; missing values are allowed where the teacher allows them. With `prepare`, of whatever that
        reads.
    target : str
        The column to predict.
    memory : path
        A folder of your own (its files are pickles and arrays); it takes a byte a value and four a row and class.
    prepare : transformer, optional
        Makes numbers of a block, a data frame, such as ``stepdown.ship.TableColumns()``. Fitted here, as a clone, to
        the teacher's rows: categories that only other rows have are unknown to it.
    drop : sequence of str, default=()
        Columns that are left out.
    weight : float, default=0.5
        Share of the teacher in the targets, in [0, 1].
    teacher_rows, held_out : int
        Rows for the teacher; rows that nothing learns from, which are scored. At most a half and a tenth of all.
    block_rows : int, default=100_000
        Rows of a file in memory at a time.
    random_state : int, default=0

    Returns
    -------
    LargeFit

    Raises
    ------
    InvalidInputError
        For a file that isn't Parquet, columns that aren't numbers, a missing target, numbers out of range, a folder
        that others can write.
    NotSupportedError
        For a student that isn't a single tree with a bound, or has parameters that only exact growth keeps.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import pyarrow as pa, pyarrow.parquet as pq
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> table = load_breast_cancer(as_frame=True).frame
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "cancer.parquet")
    ...     pq.write_table(pa.Table.from_pandas(table), file)
    ...     student = DecisionTreeClassifier(max_depth=3)
    ...     made = fit_parquet(GaussianNB(), student, file, "target", memory=folder, block_rows=100)
    >>> made.student.get_depth(), made.n_rows, made.scores["student"] > 0.85
    (3, 569, True)
    """
    classify = is_classifier(student)
    _check(student, weight, {"teacher_rows": teacher_rows, "held_out": held_out, "block_rows": block_rows})
    if is_classifier(teacher) != classify:
        raise NotSupportedError("teacher and student: expected two classifiers or two regressors.")
    rows = rows_of(path, target, drop)
    if prepare is None:
        check_numbers(rows)
    classes, told = _targets(rows, classify)
    held_out, teacher_rows = min(held_out, rows.n_rows // 10), min(teacher_rows, rows.n_rows // 2)
    role = _roles(rows.n_rows, held_out, teacher_rows, random_state)
    store = _store(memory, *rows.name, target, teacher, prepare, list(drop), held_out, teacher_rows, random_state)

    mine, test = np.flatnonzero(role == _LEARNED), np.flatnonzero(role == _HELD_OUT)
    log.info("reading %d rows for the teacher and %d to be scored, of %d", len(mine), len(test), rows.n_rows)
    both = np.sort(np.append(mine, test))
    frame, learns = rows.some(both, block_rows), role[both] == _LEARNED
    prepared: Any = Numbers(rows.table) if prepare is None else clone(prepare).fit(frame[learns])
    names = list(rows.columns if prepare is None else prepared.get_feature_names_out())
    read = as_rows(prepared.transform(frame))
    sample, X_test = read[learns], read[~learns]
    learned = TransferSet(sample, told[mine] if classes is None else classes[told[mine]], classes=classes)
    fitted = store.load("teacher")
    if fitted is None:
        log.info("fitting the teacher, %s", type(teacher).__name__)
        frozen = isinstance(teacher, FrozenEstimator)
        fitted = teacher if frozen else fit_to(teacher, learned, seed=derive_seed(random_state, "teacher"))
        store.save(fitted, "teacher")
    bins = Bins(TreeRows(sample), 255)
    codes, answers = labelled(rows, Labelling(prepared, fitted, bins, names, classes), store, block_rows)

    centre = 0.0 if classify else float(np.mean(told[mine]))
    spread = 1.0 if classify else float(np.std(told[mine])) or 1.0
    n_targets = 1 if classes is None else len(classes)

    def targets(start: int, stop: int) -> NDArray[np.float64]:
        """What rows are told, of shape (n_targets, n_rows)."""
        share = np.where(role[start:stop] == _LEARNED, 0.0, weight)
        by_teacher = np.asarray(answers[start:stop], dtype=np.float64).T
        if classes is None:
            mixed = (1 - share) * told[start:stop] + share * by_teacher[0]
            return np.clip((mixed - centre) / spread, -_Z_RANGE, _Z_RANGE)[None]
        own = np.zeros((n_targets, stop - start))
        own[told[start:stop], np.arange(stop - start)] = 1.0
        return (1 - share) * own + share * by_teacher

    limits = Limits.of(student, rows.n_rows - held_out, float(rows.n_rows - held_out))
    growth = Growth(
        student.max_depth,
        student.max_leaf_nodes,
        limits.min_samples_leaf,
        limits.min_samples_split,
        limits.min_weight_leaf,
    )

    def to_grow_by(start: int, stop: int) -> NDArray[np.float64]:
        counted = (role[start:stop] != _HELD_OUT).astype(np.float64)
        mixed = targets(start, stop)
        mixed = mixed[1:] if n_targets == 2 else mixed
        largest = 1.0 if classify else _Z_RANGE
        columns = [counted[None], exact_sums(mixed * counted, rows.n_rows, largest)]
        return np.concatenate([*columns, counted[None]] if growth.counts_rows else columns)

    def to_answer_by(start: int, stop: int) -> NDArray[np.float64]:
        counted = (role[start:stop] != _HELD_OUT).astype(np.float64)
        mixed = targets(start, stop)
        mixed = mixed if classify else np.concatenate([mixed, mixed**2])
        return np.concatenate([counted[None], exact_sums(mixed * counted, rows.n_rows, _Z_RANGE**2)])

    log.info("growing the tree from sums over %d rows", rows.n_rows)
    blocks = Blocks(codes, to_grow_by, bins.n_bins, block_rows)
    grown, inner, _ = grow(blocks, growth)
    edges = [own.astype(np.float64) for own in bins.edges]
    searched = _searched(student, learned, limits, len(mine) / rows.n_rows, random_state)
    kept = []
    for tree in (flat(grown, inner, edges), FlatTrees.of([searched.tree_])):
        binned: Binned = on_bins(tree, bins.edges)
        sums = blocks.leaf_sums(binned, to_answer_by)
        if sums[0, tree.is_leaf].min() >= limits.min_samples_leaf:
            value = sums[1:].max(axis=0).sum() if classify else np.sum(sums[1] ** 2 / np.maximum(sums[0], 1))
            kept.append((float(value), tree, sums))
    _, tree, sums = max(kept, key=lambda one: one[0])
    made = student_of(tree, sums, searched, centre, spread)
    scores = {
        name: _score(said(model, X_test, names, classes), told[test], classify)
        for name, model in {"teacher": fitted, "student": made, "sample": searched}.items()
    }
    if prepare is None:
        made.feature_names_in_ = np.asarray(rows.columns, dtype=object)
    return LargeFit(fitted, made, rows.n_rows, len(mine), len(test), scores, None if prepare is None else prepared)


def _check(student: Any, weight: float, sizes: dict[str, int]) -> None:
    if not 0 <= weight <= 1:
        raise InvalidInputError(f"weight={weight!r}: expected a number in [0, 1].")
    for name, size in sizes.items():
        if size < 1:
            raise InvalidInputError(f"{name}={size!r}: expected at least 1.")
    if not isinstance(student, BaseDecisionTree) or (student.max_depth is None and student.max_leaf_nodes is None):
        raise NotSupportedError(f"student={student!r}: expected a single tree with max_depth or max_leaf_nodes.")
    for name in ("ccp_alpha", "min_impurity_decrease", "monotonic_cst", "class_weight"):
        if getattr(student, name, None):
            raise NotSupportedError(f"student: {name} isn't kept by growth from sums; leave it out.")


def _targets(rows: Rows, classify: bool) -> tuple[NDArray[Any] | None, NDArray[Any]]:
    """The classes, in order, and of every row the place of its class; in regression None, and the numbers."""
    import pandas as pd

    column = rows.targets()
    if missing := int(column.isna().sum()):
        raise InvalidInputError(f"{rows.table}: {missing} rows have no {rows.target!r}. Drop these rows.")
    if classify:
        told, found = pd.factorize(column, sort=True)
        classes = np.asarray(found)
        if classes.dtype == object:
            classes, again = np.unique(classes.astype(str), return_inverse=True)
            told = again[told]
        check_class_count(len(told), len(classes))
        if len(classes) < 2:
            raise InvalidInputError(f"{rows.table}: {rows.target!r} is {classes[0]!s} in every row.")
        return classes, told
    try:
        values = column.to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{rows.target}: expected numbers for a regressor: {error}") from error
    if not np.isfinite(values).all():
        raise InvalidInputError(f"{rows.target}: expected finite numbers.")
    return None, values


def _store(memory: Path | str, *names: Any) -> Store:
    """Where this fit, and no other, keeps what it makes."""
    folder = Path(memory)
    for own in (folder, folder / "stepdown-large"):
        refuse_shared(own)
    store = Store(folder / "stepdown-large", *names)
    store.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return store


def _roles(n_rows: int, held_out: int, teacher_rows: int, seed: int) -> NDArray[np.uint8]:
    """Which rows are held out, which the teacher learns from; drawn by position, whatever the blocks."""
    random = np.random.default_rng(derive_seed(seed, "rows of the file"))
    drawn = random.choice(n_rows, held_out + teacher_rows, replace=False)
    role = np.zeros(n_rows, dtype=np.uint8)
    role[drawn[:held_out]], role[drawn[held_out:]] = _HELD_OUT, _LEARNED
    return role


def _searched(student: Any, learned: TransferSet, limits: Limits, share: float, seed: int) -> Any:
    """The student that tree search finds on the teacher's rows, by their labels: about these it has nothing to say."""
    leaf = max(1, round(limits.min_samples_leaf * share))
    split = max(2, round(limits.min_samples_split * share))
    looser = type(student)(**student.get_params() | {"min_samples_leaf": leaf, "min_samples_split": split})
    made = TreeSearch(prune=0.0).fit(looser, learned, seed=derive_seed(seed, "student"))
    return made.set_params(min_samples_leaf=student.min_samples_leaf, min_samples_split=student.min_samples_split)


def _score(answers: NDArray[np.float64], told: NDArray[Any], classify: bool) -> float:
    if classify:
        return float(np.mean(np.argmax(answers, axis=1) == told))
    return float(1 - np.mean((answers - told) ** 2) / max(np.var(told), np.finfo(float).tiny))
