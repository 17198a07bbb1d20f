"""The two things a third party writes: how knowledge moves, and how a student is fitted to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, final

from sklearn.base import BaseEstimator

from ._counting import count_fits
from ._lesson import Supervision
from ._teacher import Teacher, as_teacher
from ._transfer_set import TransferSet


class Trainer(BaseEstimator, ABC):
    """How one kind of student is fitted, as well as it can be, to what it is handed.

    A trainer serves labels alone as well as soft targets and weights, so that every way of a
    comparison can use the same one: most of what is won by distillation is won here.
    """

    default: ClassVar[Callable[[], Trainer]]
    """The student's own ``fit``; set by the room that knows models, because this one knows none."""

    @abstractmethod
    def fit(self, student: Any, supervision: Supervision, *, seed: int | None = None) -> Any:
        """Return a new fitted estimator of the student's own class.

        Parameters
        ----------
        student : estimator
            Left as it is; the trainer works on a clone.
        supervision : TransferSet or Lesson
            Labels, real targets or soft targets, perhaps weights; a `Lesson` for a network only.
        seed : int, optional
            The trainer's own randomness. The student's ``random_state`` is set from it only where it is None.

        Returns
        -------
        estimator
            Fitted; ``type(result) is type(student)``.
        """

    def check_student(self, student: Any) -> None:
        """Raise `NotSupportedError` for a kind of student that this trainer doesn't fit; the student isn't touched."""

    def quick(self) -> Trainer:
        """A cheaper trainer of the same nature, for comparing ways rather than for shipping."""
        return self


class TransferMethod(BaseEstimator, ABC):
    """How knowledge moves over one hop. The one extension point: all that a chain ever sees of a method."""

    between_networks: ClassVar[bool] = False
    """Whether teacher and student must be networks; known without importing torch."""

    @abstractmethod
    def supervise(
        self, teachers: Sequence[Teacher], student: Any, data: TransferSet, *, seed: int | None = None
    ) -> Supervision:
        """Return what the student is to learn from; leave all that is given as it is.

        Parameters
        ----------
        teachers : sequence of Teacher
            All earlier models of the chain, the complex one first. Most methods read the last, the nearest.
        student : estimator
            Who will learn from it; not touched.
        data : TransferSet
            The rows of the hop, with labels or real targets.
        seed : int, optional
            All randomness of the method.

        Returns
        -------
        TransferSet or Lesson
            New targets, weights or further rows, where row *i* of `data` is its row *i* and rows that the method adds
            stand behind; or, between networks, a loss that is computed while the student trains.
        """

    @final
    def transfer(
        self,
        teachers: Sequence[Teacher | Any],
        student: Any,
        data: TransferSet,
        *,
        trainer: Trainer | None = None,
        seed: int | None = None,
    ) -> Any:
        """Return a new fitted student; everything that is given stays as it was.

        Parameters
        ----------
        teachers : sequence of fitted estimators or Teacher
            As in `supervise`.
        student : estimator
            Unfitted, or fitted and not to be touched.
        data : TransferSet
            The rows of the hop, with labels or real targets.
        trainer : Trainer, optional
            How the student is fitted; by default by its own ``fit``.
        seed : int, optional
            All randomness of the hop.

        Returns
        -------
        estimator
            ``type(result) is type(student)``.
        """
        supervision = self.supervise([as_teacher(teacher) for teacher in teachers], student, data, seed=seed)
        count_fits()
        return (Trainer.default() if trainer is None else trainer).fit(student, supervision, seed=seed)

    def asks(self, teachers: Sequence[Teacher]) -> Sequence[Teacher]:
        """Which of the earlier models, the complex one first, this method asks; records of a chain name these.

        The last, the nearest, unless a method says otherwise.
        """
        return teachers[-1:]

    def check_student(self, student: Any, data: TransferSet) -> None:
        """Raise where the parameters, the student or the task can't work, whatever the teachers say.

        Chains call it before anything is fitted.

        Parameters
        ----------
        student : estimator
            Not touched.
        data : TransferSet
            Not touched.

        Raises
        ------
        InvalidInputError
            For a parameter out of range.
        NotSupportedError
            For a student or a task that the method can't serve.
        """

    def check_teachers(self, teachers: Sequence[Any], data: TransferSet) -> None:
        """Raise where the teachers can't serve, fitted or not yet; chains call it before anything is fitted.

        Parameters
        ----------
        teachers : sequence of estimators
            All earlier models of the chain, the complex one first; not touched.
        data : TransferSet
            Not touched.

        Raises
        ------
        NotSupportedError
            For a kind of teacher that the method can't learn from.
        """
