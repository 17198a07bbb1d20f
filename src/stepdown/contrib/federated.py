"""Models of several owners that teach each other, and a student, by nothing but their answers on public rows.

Li & Wang, "FedMD: Heterogenous Federated Learning via Model Distillation", 2019, let clients with networks of different
kinds learn from their mean answer; Lin et al., "Ensemble Distillation for Robust Model Fusion in Federated Learning"
(FedDF), NeurIPS 2020, let one student learn from all. Here the clients may be estimators and networks in any mixture.
A simulation: all clients run in this process, one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet, derive_seed
from stepdown.learners import fit_to, predictions, soft_fit_support
from stepdown.methods import stack_rows

__all__ = ["Client", "Consensus", "Federation", "federate", "mean_of_logits", "mean_of_probabilities"]

Answers = NDArray[np.float64]
"""Probabilities of shape (n_clients, n_samples, n_classes), or (n_samples, n_classes)."""

FLOOR = 1e-4
"""The least probability of which a logarithm is taken: trees say 0, and a single one would overrule all others."""


def mean_of_probabilities(answers: Answers, weights: Sequence[float] | None = None) -> Answers:
    """The weighted mean of what clients say, each row and class by itself.

    Teaching by the mean of the clients' divergences, as FedDF's code does by default, has this target too.

    Parameters
    ----------
    answers : array of shape (n_clients, n_samples, n_classes)
        Probabilities.
    weights : sequence of float, optional
        One a client, not negative and not all 0; by default all the same.

    Returns
    -------
    array of shape (n_samples, n_classes)

    Examples
    --------
    >>> mean_of_probabilities(np.array([[[1.0, 0.0]], [[0.5, 0.5]]])).tolist()
    [[0.75, 0.25]]
    """
    mean: Answers = np.average(answers, axis=0, weights=_checked_weights(answers, weights))
    return mean


def mean_of_logits(answers: Answers, weights: Sequence[float] | None = None) -> Answers:
    """The softmax of the weighted mean of the clients' logits, as in FedMD and in FedDF's paper.

    Logits are read from probabilities, which have them but for a constant a row, and that the softmax takes out again.
    For clients that haven't met all classes it is much worse than `mean_of_probabilities` (docs/nn.md).

    Parameters
    ----------
    answers : array of shape (n_clients, n_samples, n_classes)
        Probabilities; those below 0.0001 count as that.
    weights : sequence of float, optional
        As in `mean_of_probabilities`.

    Returns
    -------
    array of shape (n_samples, n_classes)

    Examples
    --------
    >>> mean_of_logits(np.array([[[0.9, 0.1]], [[0.5, 0.5]]])).round(3).tolist()
    [[0.75, 0.25]]
    """
    logits = np.average(np.log(np.maximum(answers, FLOOR)), axis=0, weights=_checked_weights(answers, weights))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: Answers = shares / shares.sum(axis=1, keepdims=True)
    return found


@dataclass(frozen=True, eq=False)
class Client:
    """An owner of rows and of a model of any kind.

    Parameters
    ----------
    model : estimator or skorch net
        Unfitted; left as it is. One that can learn soft targets, see `stepdown.learners.soft_fit_support`.
    X : array-like of shape (n_samples, n_features)
        The client's own rows, which it alone learns from.
    y : array-like of shape (n_samples,)
        Their labels; a client needn't have all classes.
    weight : float
        Of its answers in the mean, positive.
    """

    model: Any
    X: Any
    y: Any
    weight: float = 1.0


class Consensus(ClassifierMixin, BaseEstimator):
    """Fitted models that answer together, as one classifier.

    Parameters
    ----------
    models : sequence of estimator
        Fitted.
    classes : array of shape (n_classes,)
        Sorted; a model that doesn't know one of them gives it no probability.
    mean : callable
        `mean_of_probabilities`, `mean_of_logits` or another function of answers and weights.
    weights : sequence of float, optional

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
    """

    def __init__(
        self,
        models: Sequence[Any],
        classes: Any,
        mean: Callable[[Answers, Sequence[float] | None], Answers] = mean_of_probabilities,
        weights: Sequence[float] | None = None,
    ) -> None:
        self.models = models
        self.classes = classes
        self.mean = mean
        self.weights = weights

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the models; nothing is learned.

        Parameters
        ----------
        X : array-like
            Not used.
        y : array-like, optional
            Not used.

        Returns
        -------
        Consensus
        """
        for model in self.models:
            check_is_fitted(model)
        self.classes_ = np.asarray(self.classes)
        return self

    def predict_proba(self, X: Any) -> Answers:
        """Return the mean of what the models say.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        answers = np.stack([predictions(model, X, self.classes_)[0] for model in self.models])
        return self.mean(answers, self.weights)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class that the mean gives most to.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
        """
        labels: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels


@dataclass(frozen=True, eq=False)
class Federation:
    """What came of the rounds.

    Parameters
    ----------
    models : tuple of tuple of estimator
        The clients' fitted models after each round; first those that learned from their own rows alone.
    answers : tuple of array of shape (n_clients, n_public, n_classes)
        What they said about the public rows, in the same order: all that was shared.
    classes : array of shape (n_classes,)
    weights : tuple of float
    mean : callable
    """

    models: tuple[tuple[Any, ...], ...]
    answers: tuple[Answers, ...]
    classes: NDArray[Any]
    weights: tuple[float, ...]
    mean: Callable[[Answers, Sequence[float] | None], Answers]

    def teacher(self, after: int = -1) -> FrozenEstimator:
        """Return all clients as one teacher, for `stepdown.MultihopClassifier` and `stepdown.compare`.

        Parameters
        ----------
        after : int
            After which round; by default the last.

        Returns
        -------
        sklearn.frozen.FrozenEstimator
            Of a fitted `Consensus`; a chain doesn't train it again.
        """
        consensus = Consensus(self.models[after], self.classes, self.mean, self.weights)
        return FrozenEstimator(consensus.fit(None))


def federate(
    clients: Sequence[Client],
    X_public: Any,
    *,
    rounds: int = 1,
    mean: Callable[[Answers, Sequence[float] | None], Answers] = mean_of_probabilities,
    seed: int | None = None,
) -> Federation:
    """Let clients learn from their own rows and, in rounds, from the mean of all answers on public rows.

    In a round every client answers the public rows, the mean of the answers goes back to all, and every client is
    fitted anew to its own labels and to that mean on the public rows, each row counting the same. (FedMD trains its
    networks on: first towards the mean by the absolute error of logits, then on the own rows. Trees can't be trained on
    and have no logits, so that here all kinds of client learn both at once, by their own soft fit.) Nothing but answers
    leaves a client. With ``rounds=0`` the clients stay alone, and `Federation.teacher` is the ensemble of FedDF.

    Parameters
    ----------
    clients : sequence of Client
        Two or more, of any kinds of model.
    X_public : array-like of shape (n_public, n_features)
        Rows without labels that everybody has.
    rounds : int
        From 0.
    mean : callable
        `mean_of_probabilities` or `mean_of_logits`.
    seed : int, optional
        All randomness; clients draw from it by their position and the round.

    Returns
    -------
    Federation

    Raises
    ------
    InvalidInputError
        For fewer than two clients, a negative number of rounds, or weights that aren't positive.
    NotSupportedError
        Before anything is fitted, for a model that can't learn soft targets.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown import MultihopClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clients = [
    ...     Client(DecisionTreeClassifier(max_depth=3), X[::4], y[::4]),
    ...     Client(LogisticRegression(max_iter=500), X[1::4], y[1::4]),
    ... ]
    >>> federation = federate(clients, X[2::4], seed=0)
    >>> [answers.shape for answers in federation.answers]
    [(2, 37, 3), (2, 37, 3)]
    >>> student = DecisionTreeClassifier(max_depth=2)
    >>> chain = MultihopClassifier(federation.teacher(), student, cv=3, random_state=0).fit(X[2::4], y[2::4])
    >>> type(chain.student_).__name__
    'DecisionTreeClassifier'
    """
    if len(clients) < 2:
        raise InvalidInputError(f"{len(clients)} clients came; expected two or more, who have something to exchange.")
    if rounds < 0:
        raise InvalidInputError(f"rounds={rounds}: expected 0 or more.")
    weights = tuple(client.weight for client in clients)
    if not all(weight > 0 for weight in weights):
        raise InvalidInputError(f"weights {list(weights)}: expected positive ones.")
    classes = np.unique(np.concatenate([np.unique(client.y) for client in clients]))
    own = [TransferSet(client.X, np.asarray(client.y), classes=classes) for client in clients]
    if rounds:
        _check_kinds(clients)
    models: list[tuple[Any, ...]] = []
    answers: list[Answers] = []
    for number in range(rounds + 1):
        if number == 0:
            lessons = own
        else:
            told = mean(answers[-1], weights)
            lessons = [_with_public(data, X_public, told) for data in own]
        models.append(
            tuple(
                fit_to(client.model, lesson, seed=derive_seed(seed, f"client {place}, round {number}"))
                for place, (client, lesson) in enumerate(zip(clients, lessons, strict=True))
            )
        )
        answers.append(np.stack([predictions(model, X_public, classes)[0] for model in models[-1]]))
    return Federation(tuple(models), tuple(answers), classes, weights, mean)


def _check_kinds(clients: Sequence[Client]) -> None:
    for place, client in enumerate(clients):
        support = soft_fit_support(client.model)
        if support.kind == "refused":
            raise NotSupportedError(
                f"client {place}, a {type(client.model).__name__}, can't learn from the others' answers: "
                f"{support.how}. With rounds=0 it can take part."
            )


def _with_public(data: TransferSet, X_public: Any, told: Answers) -> TransferSet:
    """A client's own rows and labels, and behind them the public rows with what all say."""
    assert data.classes is not None
    labels = np.eye(len(data.classes))[data.label_index()]
    return data.replace(X=stack_rows([data.X, X_public]), y=np.concatenate([labels, told]))


def _checked_weights(answers: Answers, weights: Sequence[float] | None) -> Sequence[float] | None:
    if np.ndim(answers) != 3:
        raise InvalidInputError(
            f"answers of shape {np.shape(answers)} came; expected (n_clients, n_samples, n_classes)."
        )
    if weights is not None and (len(weights) != len(answers) or min(weights) < 0 or max(weights) == 0):
        raise InvalidInputError(f"weights {list(weights)} came for {len(answers)} clients; expected one each, from 0.")
    return weights
