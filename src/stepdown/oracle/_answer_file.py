"""Answers on disk, one line each, found again by what the row holds.

The file is only ever appended to, a line at a time, and synced to the disk before the next query: whatever ends the
process, at most the line that was being written is lost. JSON lines hold no code.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from stepdown.core import InvalidInputError, NotSupportedError

from ._lock import AlreadyLockedError, locked

log = logging.getLogger("stepdown")

_LINE_BYTES = 256  # at most, of an answer that is a label
_BEGINNING = '{"row": '
# From here on floats can't hold every integer, and two rows could look the same.
_LARGEST_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Answer:
    """What a teacher answered for one row."""

    value: Any
    classes: tuple[Any, ...] | None = None

    @property
    def is_label(self) -> bool:
        return not isinstance(self.value, tuple)


def row_keys(X: Any) -> list[str]:
    """A digest of what each row holds: equal for equal values, in whatever kind of table.

    Examples
    --------
    >>> one, other = row_keys(np.array([[1, 2], [2, 1]]))
    >>> one == row_keys([[1.0, 2.0]])[0], one == other
    (True, False)
    """
    if issparse(X):
        rows = X.tocsr()
        return [
            key for start in range(0, rows.shape[0], 1000) for key in row_keys(rows[start : start + 1000].toarray())
        ]
    table = X.to_numpy() if hasattr(X, "to_numpy") else np.asarray(X)
    numbers = _as_numbers(table)
    if numbers is not None:
        return [_digest(row.tobytes()) for row in numbers]
    return [_digest(json.dumps([_cell(value) for value in row]).encode()) for row in table.tolist()]


def _as_numbers(table: NDArray[Any]) -> NDArray[np.float64] | None:
    """Floats with one kind of zero and one kind of NaN; None for a table that floats can't hold exactly."""
    if table.dtype.kind == "O":
        # A data frame of several numeric types comes as objects; texts that look like numbers stay texts.
        cells = [cell for row in table.tolist() for cell in row]
        if not all(cell is None or isinstance(cell, bool | int | float | np.number | np.bool_) for cell in cells):
            return None
        if any(isinstance(cell, int) and abs(cell) > _LARGEST_EXACT for cell in cells):
            return None
    elif table.dtype.kind not in "biuf" or (
        table.dtype.kind in "iu" and table.size and max(int(table.max()), -int(table.min())) > _LARGEST_EXACT
    ):
        return None
    numbers = np.ascontiguousarray(table, dtype="<f8") + 0.0  # -0.0 + 0.0 is 0.0
    numbers[np.isnan(numbers)] = np.nan
    return numbers


def _cell(value: Any) -> Any:
    # pandas' NA has no truth value, so its type is looked at before it is compared.
    if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:
        return None
    if isinstance(value, bool | int | float):
        return value if isinstance(value, int) and abs(value) > _LARGEST_EXACT else float(value)
    return str(value)


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


class AnswerFile:
    """An append-only file of answers.

    A line that was cut off is skipped, also when more lines follow it, and so is one that has changed on the disk.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._unwritten: list[tuple[str, Answer]] = []
        if not self.path.parent.is_dir():
            raise InvalidInputError(
                f"store={str(path)!r}: the folder {str(self.path.parent)!r} doesn't exist; create it first."
            )

    def read(self) -> dict[str, Answer]:
        """The answers, by the keys of their rows; the first counts where a row has several."""
        answers: dict[str, Answer] = {}
        if not self.path.exists():
            return answers
        for number, line in enumerate(self.path.read_text(encoding="utf-8", errors="replace").split("\n"), start=1):
            if line.strip():
                self._add(answers, line, number)
        return answers

    def append(self, answers: Sequence[tuple[str, Answer]]) -> None:
        """Write answers, and return when they are on the disk.

        What a full disk has kept out is written with the next answers.
        """
        self._unwritten += answers
        lines = "".join(_line(key, answer) for key, answer in self._unwritten)
        with self.path.open("a+b") as file:
            if file.seek(0, os.SEEK_END) > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    lines = "\n" + lines
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())
        self._unwritten.clear()

    def check_room(self, n_answers: int, n_classes: int) -> None:
        """Raise before answers are paid for that the disk has no room for."""
        size = self.path.stat().st_size if self.path.exists() else 0
        try:
            with self.path.open("ab") as file:
                try:
                    file.write(b"\n" * n_answers * (_LINE_BYTES + 24 * n_classes))
                    file.flush()
                    os.fsync(file.fileno())
                finally:
                    os.truncate(self.path, size)
        except OSError as error:
            raise InvalidInputError(
                f"store={str(self.path)!r} can't be written ({error.strerror}), so nothing was queried. Make room, or"
                " give another path."
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from querying at the same time, where the system has such locks."""
        self.path.touch()
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.path))
            except AlreadyLockedError:
                log.warning("%s: another process is querying; waiting for it", self.path)
                stack.enter_context(locked(self.path, wait=True))
            yield

    def _add(self, answers: dict[str, Answer], line: str, number: int) -> None:
        try:
            entry = json.loads(line)
            if entry.pop("check", None) not in (None, _check(entry)):  # files of before have none
                raise ValueError("the line was changed")
            value, classes = entry["answer"], entry.get("classes")
            answer = Answer(
                tuple(float(part) for part in value) if isinstance(value, list) else value,
                None if classes is None else tuple(classes),
            )
            answers.setdefault(entry["row"], answer)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if not (answers or line.startswith(_BEGINNING) or _BEGINNING.startswith(line)):
                raise InvalidInputError(
                    f"store={str(self.path)!r}: line {number} is not a stored answer: {line[:60]!r}. Give the path of a"
                    " new file, or of one that was written here."
                ) from error
            log.warning("%s: line %d was cut off or changed, and is skipped", self.path, number)


def _line(key: str, answer: Answer) -> str:
    value = _plain([answer.value])[0] if answer.is_label else list(answer.value)
    entry: dict[str, Any] = {"row": key, "answer": value}
    if answer.classes is not None and not answer.is_label:
        entry["classes"] = _plain(answer.classes)
    return json.dumps(entry | {"check": _check(entry)}) + "\n"


def _check(entry: dict[str, Any]) -> str:
    return blake2b(json.dumps(entry).encode(), digest_size=4).hexdigest()


def _plain(labels: Sequence[Any]) -> list[Any]:
    """Labels as JSON holds them."""
    plain = [label.item() if isinstance(label, np.generic) else label for label in labels]
    strange = [label for label in plain if not isinstance(label, str | bool | int | float)]
    if strange:
        raise NotSupportedError(
            f"labels of type {type(strange[0]).__name__} can't be stored; map them to strings or numbers."
        )
    return plain
