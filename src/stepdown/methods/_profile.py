"""How a profile of confidences becomes one weight a row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from stepdown.core import InvalidInputError

from ._weights import mean_one_penalty

Floats = NDArray[np.float64]


class ProfileWeights(BaseEstimator, ABC):
    """How `ProfWeight` weighs rows, given their profiles."""

    @property
    def n_losses(self) -> int:
        """How often `weigh` asks for losses."""
        return 0

    def check(self) -> None:
        """Raise an `InvalidInputError` where a parameter is out of range; called before anything is fitted."""
        return

    @abstractmethod
    def weigh(self, profile: Floats, losses: Callable[[Floats], Floats], *, seed: int | None = None) -> Floats:
        """Return weights of shape (n_samples,), not negative.

        Parameters
        ----------
        profile : array of shape (n_samples, n_grades)
            Confidence in the true class of the grades that beat the simple model.
        losses : callable
            Takes weights, fits the student with them and returns its loss on each row, of shape (n_samples,).
        seed : int, optional
        """


class AreaUnderProfile(ProfileWeights):
    """The mean of the profile, which at unit spacing is the area under it.

    Examples
    --------
    >>> AreaUnderProfile().weigh(np.array([[0.6, 0.8]]), lambda weights: weights).round(3).tolist()
    [0.7]
    """

    def weigh(self, profile: Floats, losses: Callable[[Floats], Floats], *, seed: int | None = None) -> Floats:
        return np.asarray(profile.mean(axis=1))


class LearnedWeights(ProfileWeights):
    """A small network of the profile, learned together with the student.

    In turns, the student is fitted with the weights, and the network, with one hidden layer of ReLU units and a
    softplus at the end, is moved by Adam to lower ``mean(w * loss) + gamma * (mean(w) - 1)**2``. Without the second
    term all weights would vanish. Weights start near 1.

    Parameters
    ----------
    gamma : float, default=1.0
        Positive. The paper's values of this and of the others aren't public.
    hidden : int, default=16
        Hidden units.
    rounds : int, default=2
        Turns.
    steps : int, default=200
        Adam steps a turn.
    learning_rate : float, default=0.01

    References
    ----------
    A. Dhurandhar, K. Shanmugam, R. Luss and P. Olsen, "Improving simple models with confidence profiles",
    NeurIPS 2018, the variant with learned weights.

    Examples
    --------
    >>> profile = np.array([[0.1], [0.9]])
    >>> easy, hard = LearnedWeights(gamma=5.0).weigh(profile, lambda weights: np.array([2.0, 0.1]), seed=0)
    >>> bool(easy < hard)
    True
    """

    def __init__(
        self, gamma: float = 1.0, *, hidden: int = 16, rounds: int = 2, steps: int = 200, learning_rate: float = 0.01
    ) -> None:
        self.gamma = gamma
        self.hidden = hidden
        self.rounds = rounds
        self.steps = steps
        self.learning_rate = learning_rate

    @property
    def n_losses(self) -> int:
        return self.rounds

    def check(self) -> None:
        if self.gamma <= 0 or self.hidden < 1 or self.rounds < 1 or self.steps < 1 or self.learning_rate <= 0:
            raise InvalidInputError(f"{self!r}: expected positive parameters.")

    def weigh(self, profile: Floats, losses: Callable[[Floats], Floats], *, seed: int | None = None) -> Floats:
        network = _WeightNet(profile.shape[1], self.hidden, np.random.default_rng(seed))
        weights = np.ones(len(profile))
        for _ in range(self.rounds):
            loss = losses(weights)
            for _ in range(self.steps):
                weights, hidden = network.forward(profile)
                gradient = loss / len(loss) + self.gamma * mean_one_penalty(weights)[1]
                network.step(network.backward(profile, hidden, weights, gradient), self.learning_rate)
            weights, _ = network.forward(profile)
        return weights


class _WeightNet:
    """profile -> ReLU -> softplus, with Adam whose moments last over all turns."""

    def __init__(self, n_inputs: int, hidden: int, rng: np.random.Generator) -> None:
        self.parameters = [
            rng.normal(scale=np.sqrt(2.0 / n_inputs), size=(n_inputs, hidden)),
            np.zeros(hidden),
            rng.normal(scale=0.1 / np.sqrt(hidden), size=hidden),
            np.array(np.log(np.e - 1.0)),  # softplus of it is 1
        ]
        self.first = [np.zeros_like(p) for p in self.parameters]
        self.second = [np.zeros_like(p) for p in self.parameters]
        self.t = 0

    def forward(self, profile: Floats) -> tuple[Floats, Floats]:
        W, b, v, c = self.parameters
        hidden = np.maximum(profile @ W + b, 0.0)
        return np.logaddexp(0.0, hidden @ v + c), hidden

    def backward(self, profile: Floats, hidden: Floats, weights: Floats, gradient: Floats) -> list[Floats]:
        # The slope of softplus in terms of its value: 1 - exp(-softplus(a)).
        outer = gradient * -np.expm1(-weights)
        inner = np.outer(outer, self.parameters[2]) * (hidden > 0)
        return [profile.T @ inner, inner.sum(axis=0), hidden.T @ outer, np.asarray(outer.sum())]

    def step(self, gradients: list[Floats], rate: float) -> None:
        self.t += 1
        for k, g in enumerate(gradients):
            self.first[k] = 0.9 * self.first[k] + 0.1 * g
            self.second[k] = 0.999 * self.second[k] + 0.001 * g**2
            mean, spread = self.first[k] / (1 - 0.9**self.t), self.second[k] / (1 - 0.999**self.t)
            self.parameters[k] = self.parameters[k] - rate * mean / (np.sqrt(spread) + 1e-8)
