"""Clients of different kinds share answers on public rows, and nothing else."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from stepdown import Fixed, MultihopClassifier, compare
from stepdown.contrib.federated import Client, Consensus, federate, mean_of_logits, mean_of_probabilities
from stepdown.core import InvalidInputError, NotSupportedError, TransferSet
from stepdown.learners import fit_to

X, y = load_digits(return_X_y=True)
X = X / 16
VECTORS = Path(__file__).parents[1] / "vectors"


def vector(group, number=0):
    return next(iter(json.loads((VECTORS / f"{group}.json").read_text()).values()))[number]


def softmax(logits):
    shares = np.exp(np.asarray(logits))
    return shares / shares.sum(-1, keepdims=True)


def divergence(target, logits):
    return float((target * (np.log(target) - np.log(softmax(logits)))).sum(-1).mean())


@pytest.mark.parametrize("number", [0, 1])
def test_the_means_are_those_of_the_specification(number):
    case = vector("E5_feddf", number)
    expected, answers = case["expected"], softmax(case["inputs"]["client_logits"])
    logits, shares = mean_of_logits(answers), mean_of_probabilities(answers)
    mine = case["inputs"]["student_logits"]
    assert divergence(logits, mine) == pytest.approx(expected["kl_avg_logits"], abs=1e-9)
    losses = [divergence(one, mine) for one in answers]
    assert np.mean(losses) == pytest.approx(expected["loss_avg_losses"], abs=1e-9)
    if number == 0:
        np.testing.assert_allclose(logits, expected["target_softmax_of_mean"], atol=1e-9)
        np.testing.assert_allclose(shares, expected["target_mean_of_softmax"], atol=1e-9)
        assert divergence(shares, mine) == pytest.approx(expected["kl_mean_of_softmax"], abs=1e-9)


@pytest.mark.parametrize("number", [0, 1])
def test_logits_are_averaged_as_in_fedmd_with_weights(number):
    case = vector("E5_fedmd", number)
    found = mean_of_logits(softmax(case["inputs"]["client_logits"]), case["inputs"].get("client_weights"))
    np.testing.assert_allclose(found, softmax(case["expected"]["consensus_logits"]), atol=1e-9)


class Watched(ClassifierMixin, BaseEstimator):
    """A tree that writes down which rows it learns from and which it answers."""

    def __init__(self, seen=None):
        self.seen = seen

    def __sklearn_clone__(self):
        return Watched(self.seen)

    def fit_soft(self, X, Q, classes, sample_weight=None):
        self.seen.append(("learned", X))
        self.tree_ = fit_to(DecisionTreeClassifier(max_depth=4), TransferSet(X, Q, classes=classes), seed=0)
        self.classes_ = self.tree_.classes_
        return self

    def fit(self, X, y):
        self.seen.append(("learned", X))
        self.tree_ = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, y)
        self.classes_ = self.tree_.classes_
        return self

    def predict_proba(self, X):
        self.seen.append(("answered", X))
        return self.tree_.predict_proba(X)

    def predict(self, X):
        return self.tree_.predict(X)


def test_rows_stay_with_their_owner():
    parts, public = (X[:200], X[200:400]), X[400:600]
    seen = [], []
    labels = y[:200], y[200:400]
    before = [part.copy() for part in (*parts, public)]
    federate(
        [Client(Watched(log), *own) for log, *own in zip(seen, parts, labels, strict=True)], public, rounds=2, seed=0
    )
    for part, log in zip(parts, seen, strict=True):
        kinds = [what for what, _ in log]
        assert kinds == ["learned", "answered"] * 3
        for what, rows in log:
            known = public if what == "answered" else np.concatenate([part, public])[: len(rows)]
            np.testing.assert_array_equal(rows, known)
    for part, was in zip((*parts, public), before, strict=True):
        np.testing.assert_array_equal(part, was)


def mixture():
    """Clients of four kinds with few rows each, of which two lack classes."""
    torch = pytest.importorskip("torch", reason="one client is a network")
    skorch = pytest.importorskip("skorch", reason="one client is a network")
    net = skorch.NeuralNetClassifier(
        torch.nn.Sequential(torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, 10)),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        **{"lr": 0.02, "max_epochs": 15, "iterator_train__shuffle": True, "train_split": None, "verbose": 0},
    )
    low, high = np.flatnonzero(y[:400] < 6), np.flatnonzero(y[:400] > 3)
    return [
        Client(net, X[400:520].astype(np.float32), y[400:520]),
        Client(DecisionTreeClassifier(max_depth=6), X[low[:100]], y[low[:100]]),
        Client(LogisticRegression(max_iter=300), X[high[:100]], y[high[:100]]),
        Client(RandomForestClassifier(30), X[520:640], y[520:640], weight=2.0),
    ]


def test_networks_and_estimators_gain_by_what_the_others_say_and_teach_a_chain():
    public, labels, X_test, y_test = X[640:1000], y[640:1000], X[1000:], y[1000:]
    federation = federate(mixture(), public, rounds=1, seed=0)
    alone, after = ([model.predict(_rows(model, X_test)) for model in models] for models in federation.models)
    gains = [np.mean(b == y_test) - np.mean(a == y_test) for a, b in zip(alone, after, strict=True)]
    assert min(gains[1:3]) > 0.1  # who lacked classes has learned them
    assert np.mean(gains) > 0.1
    teacher = federation.teacher()
    assert teacher.score(X_test, y_test) > np.mean([np.mean(a == y_test) for a in alone]) + 0.1
    tree = DecisionTreeClassifier(max_depth=6)
    chain = MultihopClassifier(teacher, tree, cv=3, search=Fixed("one-hop"), random_state=0).fit(public, labels)
    assert type(chain.student_) is DecisionTreeClassifier
    verdict = compare(chain, public[:150], labels[:150], cv=2)
    assert "one-hop" in str(verdict)


def _rows(model, rows):
    return rows.astype(np.float32) if hasattr(model, "module_") else rows


def test_the_seed_decides_and_no_round_leaves_clients_alone():
    clients = [
        Client(RandomForestClassifier(5), X[:150], y[:150]),
        Client(DecisionTreeClassifier(), X[150:300], y[150:300]),
    ]
    one, two = (federate(clients, X[300:400], mean=mean_of_logits, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.answers, two.answers)
    ensemble = federate(clients, X[300:400], rounds=0, seed=3)
    assert len(ensemble.answers) == 1
    np.testing.assert_array_equal(ensemble.answers[0], one.answers[0])
    told = ensemble.teacher().predict_proba(X[300:400])
    np.testing.assert_allclose(told, ensemble.answers[0].mean(0))


def test_what_cannot_work_is_refused_early():
    tree, neighbours = (
        Client(DecisionTreeClassifier(), X[:50], y[:50]),
        Client(KNeighborsClassifier(), X[50:90], y[50:90]),
    )
    with pytest.raises(InvalidInputError, match="1 clients came; expected two or more"):
        federate([tree], X)
    with pytest.raises(InvalidInputError, match="rounds=-1: expected 0 or more"):
        federate([tree, tree], X, rounds=-1)
    with pytest.raises(InvalidInputError, match=r"weights \[1.0, 0.0\]: expected positive"):
        federate([tree, Client(DecisionTreeClassifier(), X, y, weight=0.0)], X)
    with pytest.raises(NotSupportedError, match=r"client 1, a KNeighborsClassifier, can't learn .*rounds=0"):
        federate([tree, neighbours], X)
    assert federate([tree, neighbours], X[:20], rounds=0).answers[0].shape == (2, 20, 10)
    with pytest.raises(InvalidInputError, match=r"answers of shape \(2, 3\) came"):
        mean_of_logits(np.ones((2, 3)))
    with pytest.raises(InvalidInputError, match="came for 2 clients; expected one each"):
        mean_of_probabilities(np.ones((2, 3, 4)), [1.0])
    assert isinstance(Consensus([], [0, 1]).fit(None), Consensus)
