"""How the weights of a network's layers move over the epochs, as data to look at before training.

A schedule is a pure function of the epoch, so that training that is resumed goes on as if it had not stopped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from stepdown.core import InvalidInputError

PUBLISHED_DECAY, PUBLISHED_EPOCHS = 0.7, 50


class Schedule(BaseEstimator, ABC):
    """Weights of layers as a function of the epoch; layers stand from the first to the last."""

    @abstractmethod
    def weights(self, epoch: int, n_layers: int) -> tuple[float, ...]:
        """Weights of the layers in an epoch.

        Parameters
        ----------
        epoch : int
            From 0.
        n_layers : int
            At least 1.

        Returns
        -------
        tuple of float
            One non-negative weight a layer; the last layer's stands last.
        """

    def table(self, epochs: int, n_layers: int) -> NDArray[np.float64]:
        """Weights of all epochs.

        Parameters
        ----------
        epochs : int
            How many.
        n_layers : int
            At least 1.

        Returns
        -------
        array of shape (epochs, n_layers)
        """
        return np.array([self.weights(epoch, n_layers) for epoch in range(epochs)]).reshape(epochs, n_layers)

    def plot(self, epochs: int, n_layers: int, *, ax: Any = None) -> Any:
        """Draw the weights over the epochs on a logarithmic scale; needs matplotlib.

        Parameters
        ----------
        epochs : int
            How many.
        n_layers : int
            At least 1.
        ax : matplotlib axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        matplotlib axes

        Raises
        ------
        ImportError
            Without matplotlib; ``pip install "stepdown[plot]"``.
        """
        if ax is None:
            try:
                from matplotlib.figure import Figure
            except ImportError as error:
                raise ImportError('plotting needs matplotlib: pip install "stepdown[plot]"') from error
            ax = Figure(layout="constrained").add_subplot()
        table = self.table(epochs, n_layers)
        for layer, weights in enumerate(table.T, start=1):
            ax.step(np.arange(epochs), weights, where="mid", label=f"layer {layer}")
        ax.set(xlabel="epoch", ylabel="weight", title=str(self))
        if (table > 0).all():
            ax.set_yscale("log")
        ax.legend()
        return ax


def _epoch(epoch: int, n_layers: int) -> int:
    if epoch < 0 or n_layers < 1:
        raise InvalidInputError(f"epoch={epoch}, n_layers={n_layers}: epochs count from 0 and layers from 1.")
    return epoch


class CriticalPeriod(Schedule):
    """The layers before the last start heavy and fade; the last keeps weight 1.

    ``initial * decay ** epoch``: early training, when a network's paths of information form, belongs to the layers
    below. Passalis, Tzelepi & Tefas, "Heterogeneous Knowledge Distillation using Information Flow Modeling", CVPR
    2020, section 3.3.

    Parameters
    ----------
    initial : float
        Weight in epoch 0.
    decay : float
        Factor an epoch, between 0 and 1.

    Examples
    --------
    >>> CriticalPeriod().weights(epoch=1, n_layers=3)
    (70.0, 70.0, 1.0)
    """

    def __init__(self, initial: float = 100.0, decay: float = PUBLISHED_DECAY) -> None:
        self.initial = initial
        self.decay = decay

    @classmethod
    def over(cls, epochs: int) -> Self:
        """The published course, which has 50 epochs, drawn out or pressed together to another number of them.

        The layers below then fall under weight 1 after a quarter of the training, however long it is.

        Parameters
        ----------
        epochs : int
            Of the whole training, at least 1.

        Returns
        -------
        CriticalPeriod

        Raises
        ------
        InvalidInputError
            For fewer than one epoch.

        Examples
        --------
        >>> CriticalPeriod.over(50)
        CriticalPeriod()
        >>> CriticalPeriod.over(100).weights(epoch=2, n_layers=2)
        (70.0, 1.0)
        """
        if epochs < 1:
            raise InvalidInputError(f"epochs={epochs}: expected 1 or more.")
        return cls(decay=PUBLISHED_DECAY ** (PUBLISHED_EPOCHS / epochs))

    def weights(self, epoch: int, n_layers: int) -> tuple[float, ...]:
        early = float(self.initial * self.decay ** _epoch(epoch, n_layers))
        return (early,) * (n_layers - 1) + (1.0,)


class Constant(Schedule):
    """The layers before the last keep one weight; the last has weight 1.

    Parameters
    ----------
    weight : float
        Of the layers before the last.

    Examples
    --------
    >>> Constant(0.5).weights(epoch=7, n_layers=3)
    (0.5, 0.5, 1.0)
    """

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    def weights(self, epoch: int, n_layers: int) -> tuple[float, ...]:
        _epoch(epoch, n_layers)
        return (float(self.weight),) * (n_layers - 1) + (1.0,)


class Phases(Schedule):
    """One layer at a time, from the first to the last, each for its own number of epochs.

    Sarridis et al., "InDistill: Information flow-preserving knowledge distillation for model compression", 2022: the
    deeper, the longer.

    Parameters
    ----------
    lengths : sequence of int
        Epochs of each layer before the last, which keeps the rest.

    Examples
    --------
    >>> Phases((1, 2)).table(epochs=4, n_layers=3)
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """

    def __init__(self, lengths: Sequence[int] = (3, 4, 5)) -> None:
        self.lengths = lengths

    def weights(self, epoch: int, n_layers: int) -> tuple[float, ...]:
        if len(self.lengths) != n_layers - 1:
            raise InvalidInputError(
                f"lengths={tuple(self.lengths)} came for {n_layers} layers; expected {n_layers - 1}: one for each "
                "layer before the last."
            )
        active = int(np.searchsorted(np.cumsum(self.lengths), _epoch(epoch, n_layers), side="right"))
        return tuple(float(layer == active) for layer in range(n_layers))
