"""The teacher's answers and the bins of all values, kept on disk."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepdown.learners import predictions
from stepdown.search import Store
from stepdown.trainers import Bins

from ._rows import Rows

log = logging.getLogger("stepdown")


class Labelling:
    """What is asked about a block: the bins of its values, of shape (n_features, n_rows), and the teacher's answers."""

    def __init__(
        self, prepare: Any, teacher: Any, bins: Bins, names: list[str] | None, classes: NDArray[Any] | None
    ) -> None:
        self.prepare, self.teacher, self.names, self.classes = prepare, teacher, names, classes
        self.edges, self.n_bins = bins.edges, bins.n_bins

    def __call__(self, frame: Any) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        X = as_rows(self.prepare.transform(frame))
        codes = np.empty(X.shape[::-1], dtype=np.uint8)
        for code, own, column in zip(codes, self.edges, X.T, strict=True):
            place = np.searchsorted(own, column, side="left")
            code[:] = np.where(np.isnan(column), self.n_bins, place)
        values = said(self.teacher, X, self.names, self.classes).astype(np.float32)
        return codes, values.reshape(len(X), -1)


def as_rows(X: Any) -> NDArray[np.float32]:
    """Rows in single precision, one behind another: BLAS rounds otherwise where columns are, and by their number."""
    return np.ascontiguousarray(X, dtype=np.float32)


def labelled(rows: Rows, asked: Labelling, store: Store, size: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Codes and answers of all rows, as memory-mapped arrays; what is there already is left as it is."""
    done = store.load("labelled") or 0
    n_answers = 1 if asked.classes is None else len(asked.classes)
    shapes: dict[str, tuple[tuple[int, int], Any]] = {
        "codes": ((len(asked.edges), rows.n_rows), np.uint8),
        "answers": ((rows.n_rows, n_answers), np.float32),
    }
    mode = "r+" if done else "w+"
    codes, answers = (
        np.lib.format.open_memmap(store.folder / f"{name}.npy", mode, kind, shape)
        for name, (shape, kind) in shapes.items()
    )
    log.info("labelled %d of %d rows", done, rows.n_rows, extra={"progress": (0, rows.n_rows - done)})
    for start, (code, answer) in rows.each(asked, size, done):
        stop = start + len(answer)
        codes[:, start:stop], answers[start:stop] = code, answer
        codes.flush()
        answers.flush()
        store.save(stop, "labelled")
        log.info("labelled %d of %d rows", stop, rows.n_rows, extra={"progress": (stop - done, rows.n_rows - done)})
    return codes, answers


def said(
    model: Any, X: NDArray[np.float32], names: list[str] | None, classes: NDArray[Any] | None
) -> NDArray[np.float64]:
    """What a model says about rows; one that was fitted to a data frame is asked about one."""
    table: Any = X
    if hasattr(model, "feature_names_in_") and names is not None:
        import pandas as pd

        table = pd.DataFrame(X, columns=names)
    return predictions(model, table, classes)[0]
