"""Linear probes on the layers of nets: grades of networks, as ProfWeight and SRatio were made for."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

import stepdown.nn
from stepdown import MultihopClassifier, ProfWeight, SRatio
from stepdown.core import TransferSet, as_teacher
from stepdown.learners import fit_to, graded_signals, grades, training_signal
from stepdown.nn import _probes
from stepdown.nn._probes import layer_features, network_probes


def net(module, kind=NeuralNetClassifier, **rest):
    settings = {
        **({"criterion": nn.CrossEntropyLoss} if kind is NeuralNetClassifier else {}),
        **{"optimizer": torch.optim.Adam, "lr": 0.01, "max_epochs": 12, "batch_size": 32},
        **{"iterator_train__shuffle": True, "train_split": None, "verbose": 0},
    }
    return kind(module, **{**settings, **rest})


class Deep(nn.Module):
    def __init__(self, probabilities=False):
        super().__init__()
        self.a = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU())
        self.b = nn.Linear(32, 16)
        self.relu = nn.ReLU()
        self.drop = nn.Dropout(0.3)
        self.c = nn.Linear(16, 10)

    def forward(self, x):
        return self.c(self.drop(self.relu(self.b(self.a(x)))))


@pytest.fixture(scope="module")
def data():
    X, y = load_digits(return_X_y=True)
    return TransferSet.for_classification(X[:240] / 16, y[:240])


@pytest.fixture(scope="module")
def fitted(data):
    return fit_to(net(Deep), data, seed=0)


def test_probes_are_logistic_regressions_on_the_activations(fitted, data):
    with torch.no_grad():
        fitted.module_.eval()
        x = torch.as_tensor(data.X, dtype=torch.float32)
        first = fitted.module_.a(x)
        second = fitted.module_.relu(fitted.module_.b(first))
    found = network_probes(fitted, data, 5)
    assert [name for name, _ in found] == ["probe on layer a.2", "probe on layer relu"]
    for (_, probe), activation in zip(found, (first, second), strict=True):
        expected = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(activation.numpy(), data.y)
        np.testing.assert_allclose(
            probe.predict_proba(data.X), expected.predict_proba(activation.numpy()), rtol=1e-3, atol=1e-5
        )
        assert probe.score(data.X, data.y) > 0.9
    assert [name for name, _ in network_probes(fitted, data, 1)] == ["probe on layer relu"]
    assert network_probes(fit_to(net(nn.Sequential(nn.Linear(64, 10)), max_epochs=1), data), data, 3) == []


def test_the_net_stays_as_it_was(fitted, data):
    weights = {name: values.clone() for name, values in fitted.module_.state_dict().items()}
    fitted.module_.train()
    [(_, probe), *_] = network_probes(fitted, data, 5)
    probe.predict(data.X)
    assert all(module.training for module in fitted.module_.modules())
    assert not any(module._forward_hooks for module in fitted.module_.modules())
    assert all(torch.equal(weights[name], values) for name, values in fitted.module_.state_dict().items())
    assert clone(probe)[0].net is fitted


def test_blocks_bound_the_rows_that_are_run_at_a_time(fitted, data, monkeypatch):
    sizes = []
    handle = fitted.module_.register_forward_pre_hook(lambda module, given: sizes.append(len(given[0])))
    whole = layer_features(fitted, data.X, ["b"])["b"]
    monkeypatch.setattr(_probes, "BLOCK", 100)
    parts = layer_features(fitted, data.X, ["b"])["b"]
    handle.remove()
    assert sizes == [240, 100, 100, 40]
    np.testing.assert_allclose(whole, parts, rtol=1e-5, atol=1e-6)


def test_wide_activations_are_averaged(data):
    module = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(2048, 10)
    )
    model = fit_to(net(module, max_epochs=2), data, seed=0)
    activation = layer_features(model, data.X, ["2"])["2"]
    assert activation.shape == (240, 512)
    with torch.no_grad():
        full = model.module_[:3](torch.as_tensor(data.X, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(activation, full.reshape(240, 512, 4).mean(axis=2), rtol=1e-4, atol=1e-6)
    assert [grade.name for grade in grades(model, 3, data=data)] == ["probe on layer 2", "full"]


def test_grades_are_cross_fitted(data, monkeypatch):
    fits, fit = [], stepdown.nn.network_probes
    monkeypatch.setattr(
        stepdown.nn, "network_probes", lambda net, part, n: fits.append(part.n_samples) or fit(net, part, n)
    )
    teacher = as_teacher(fit_to(net(Deep), data, seed=0))
    signals = graded_signals(teacher, data, 3, cv=3, seed=0)
    assert fits == [160, 160, 160]
    assert [signal.source for signal in signals] == ["out-of-fold"] * 3
    errors = [np.mean(signal.values.argmax(axis=1) != data.y) for signal in signals]
    assert max(errors) < 0.3
    seen = graded_signals(as_teacher(FrozenEstimator(teacher.model)), data, 3)
    assert [signal.source for signal in seen] == ["frozen"] * 3
    assert np.mean(seen[0].values.argmax(axis=1) != data.y) < errors[0]
    np.testing.assert_array_equal(signals[-1].values, training_signal(teacher, data, cv=3, seed=0).values)
    graded_signals(teacher, data, 3, cv=3, seed=0)
    assert len(fits) == 4  # and nothing is fitted a second time


def test_a_pipeline_is_probed_behind_its_steps(data):
    model = fit_to(make_pipeline(StandardScaler(), net(Deep)), data, seed=0)
    found = grades(model, 3, data=data)
    assert [grade.name for grade in found] == ["probe on layer a.2", "probe on layer relu", "full"]
    for grade in found[:-1]:
        assert np.mean(grade.model.predict(data.X) == data.y) > 0.9


def test_regression_probes():
    X, y = load_diabetes(return_X_y=True)
    data = TransferSet(X * 20, (y - y.mean()) / y.std())
    module = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 1))
    model = fit_to(net(module, NeuralNetRegressor, max_epochs=5), data, seed=0)
    probe = grades(model, 2, data=data)[0].model
    assert probe.score(data.X, data.y) > 0.4


@pytest.mark.parametrize("method", [ProfWeight(cv=3), SRatio(cv=3)], ids=["ProfWeight", "SRatio"])
def test_a_network_weighs_the_rows_of_a_tree(data, method):
    clf = MultihopClassifier(net(Deep), DecisionTreeClassifier(max_depth=4), methods=method, intermediates=[], cv=3)
    clf.set_params(random_state=0).fit(data.X, data.y)
    assert {row["kind"] for row in clf.comparison_} == {"plain", "labels", "one-hop"}
    teacher = as_teacher(clf.teacher_)
    weights = method.supervise([teacher], clf.student, data, seed=0).weights()
    assert np.std(weights) > 0.05
    assert weights.mean() == pytest.approx(1.0)
