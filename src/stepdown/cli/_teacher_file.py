"""A fitted teacher from a file that loads without executing code, applied to the columns of a table."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from sklearn.base import is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from stepdown.core import InvalidInputError, StepdownError
from stepdown.learners import peel

from ._data import Data
from ._errors import UsageError
from ._guard import refuse_bomb
from ._skops import UntrustedTypesFoundException, io as skops

TRIED_ROWS = 20


def load_teacher(path: Path, trust: Sequence[str]) -> Any:
    """Load a fitted model that skops has written."""
    if not path.is_file():
        raise UsageError(f"{path}: file not found.")
    trusted = {name.strip() for names in trust for name in names.split(",") if name.strip()}
    try:
        refuse_bomb(path)
        strange = [name for name in skops.get_untrusted_types(file=path) if name not in trusted]
        if strange:
            raise UsageError(
                f"{path} holds types that are not known to be safe; if you trust them, add --trust"
                f" '{','.join(strange)}'"
            )
        model = skops.load(path, trusted=sorted(trusted))
    except (BadZipFile, KeyError, UntrustedTypesFoundException) as error:
        raise UsageError(
            f"{path} is not a model file of skops; write one with skops.io.dump(model, 'model.skops'). Pickles are not"
            " read, because loading them executes code."
        ) from error
    except StepdownError:
        raise
    except Exception as error:  # a file that somebody made fails in every way there is
        raise UsageError(
            f"{path} can't be loaded here ({_one_line(error)}); the packages that made it may be of other versions."
        ) from error
    return model


def on_columns(model: Any, table: Data, path: Path) -> FrozenEstimator:
    """Return the model as a teacher that can't be fitted again.

    It gets the raw columns of the table: those that it was fitted on, by name and in its order, where it knows them.
    """
    classify = table.task == "classification"
    if not hasattr(model, "predict") or not (is_classifier(model) if classify else is_regressor(model)):
        raise UsageError(f"{path} holds a {type(model).__name__}; expected a model for {table.task}.")
    try:
        check_is_fitted(peel(model).learner)
    except (NotFittedError, TypeError) as error:
        raise UsageError(f"{path} holds a {type(model).__name__} that isn't fitted.") from error
    names = getattr(model, "feature_names_in_", None)
    teacher = model
    if names is not None:
        wanted = [str(name) for name in names]
        missing = [name for name in wanted if name not in table.X.columns]
        if missing:
            raise InvalidInputError(
                f"{path} was fitted on columns that the table lacks: {missing[:5]}. Give it the raw columns of the"
                " table: a Pipeline that prepares them itself."
            )
        if wanted != list(table.X.columns):
            # Nothing of ours, because the teacher itself may be what ships.
            chosen = ColumnTransformer([("chosen", "passthrough", wanted)], verbose_feature_names_out=False)
            teacher = Pipeline([("columns", chosen.set_output(transform="pandas").fit(table.X)), ("model", model)])
    return FrozenEstimator(teacher)


def check_answers(teacher: FrozenEstimator, table: Data, path: Path) -> None:
    """Have the teacher answer some rows of the table."""
    rows = table.X.iloc[:TRIED_ROWS]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (teacher.predict_proba if hasattr(teacher, "predict_proba") else teacher.predict)(rows)
    except (ValueError, TypeError, KeyError) as error:
        raise cannot_answer(path, error) from error


def cannot_answer(path: Path, error: Exception) -> InvalidInputError:
    """Return the error of a teacher that fails on rows of the table."""
    return InvalidInputError(
        f"{path} can't answer rows of the table ({_one_line(error)}). It gets the raw columns, so it must be a"
        " Pipeline that prepares them itself."
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")
