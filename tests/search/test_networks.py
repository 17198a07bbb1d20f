"""Networks and estimators in one chain, on real rows: every pairing, one gate, nothing of the caller's touched."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skorch import NeuralNetClassifier, NeuralNetRegressor  # noqa: E402
from torch import nn  # noqa: E402

import stepdown.nn as networks  # noqa: E402
from stepdown import KD, DynamicProgramming, Fixed, MultihopClassifier, MultihopRegressor, SRatio, compare  # noqa: E402
from stepdown.core import InvalidInputError, NotSupportedError, TransferSet  # noqa: E402
from stepdown.nn import (  # noqa: E402
    PKT,
    InformationFlow,
    WeightedSum,
    WithHead,
)


class Net(nn.Module):
    """Two hidden layers."""

    def __init__(self, width=8, inputs=64, outputs=10):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(inputs, 2 * width), nn.ReLU())
        self.second = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU())
        self.out = nn.Linear(width, outputs)

    def forward(self, x):
        return self.out(self.second(self.first(x)))


class Other(nn.Module):
    """Another architecture, with other names."""

    def __init__(self, inputs=64, outputs=10):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(inputs, 48), nn.Tanh())
        self.head = nn.Linear(48, outputs)

    def forward(self, x):
        return self.head(self.body(x))


def net(module=Net, kind=NeuralNetClassifier, **rest):
    settings = {
        **({"criterion": nn.CrossEntropyLoss} if kind is NeuralNetClassifier else {}),
        **{"optimizer": torch.optim.Adam, "lr": 0.01, "max_epochs": 10, "batch_size": 32},
        **{"iterator_train__shuffle": True, "train_split": None, "verbose": 0},
    }
    return kind(module, **{**settings, **rest})


def small(inputs=64, outputs=10, width=6, **rest):
    return net(module__width=width, module__inputs=inputs, module__outputs=outputs, **rest)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300] / 16, y[:300]


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return X[:200], y[:200]


def frozen_state(model):
    """Everything that a fit could change of a caller's net."""
    module = model.module if isinstance(model.module, nn.Module) else None
    weights = None if module is None else {name: values.clone() for name, values in module.state_dict().items()}
    return sorted(vars(model)), weights


def same_state(one, other):
    (names, weights), (others, theirs) = one, other
    if weights is None:
        return names == others
    return names == others and all(torch.equal(weights[name], theirs[name]) for name in weights)


def says(model, X):
    return model.predict_proba(X)


# Every pairing -----------------------------------------------------------------------------------------------------


def test_network_to_tree(digits):
    X, y = digits
    assert X.dtype == np.float64
    teacher, student = small(width=24), DecisionTreeClassifier(max_depth=4)
    before = frozen_state(teacher)
    clf = MultihopClassifier(teacher, student, cv=3, random_state=0).fit(X, y)
    assert type(clf.student_) is DecisionTreeClassifier
    assert type(clf.teacher_) is NeuralNetClassifier
    assert {row["kind"] for row in clf.comparison_} == {
        "plain",
        "labels",
        "one-hop",
        "multihop",
        "control",
    }
    assert clf.score(X, y) > 0.5
    assert same_state(before, frozen_state(teacher))
    again = MultihopClassifier(teacher, student, cv=3, random_state=0).fit(X, y)
    np.testing.assert_array_equal(says(clf, X), says(again, X))


def test_forest_to_network(digits):
    X, y = digits
    student = small()
    before = frozen_state(student)
    clf = MultihopClassifier(RandomForestClassifier(40), student, search=Fixed("multihop"), random_state=0).fit(X, y)
    assert [record.name for record in clf.chain_] == ["teacher", "bridge", "student"]
    assert type(clf.chain_[1].model).__name__ == "BaggedTreesClassifier"
    assert type(clf.student_) is NeuralNetClassifier
    assert type(clf.student_.criterion_) is nn.CrossEntropyLoss
    assert clf.chain_[-1].complexity.parameters == 64 * 12 + 12 + 12 * 6 + 6 + 6 * 10 + 10
    assert clf.score(X, y) > 0.5
    assert same_state(before, frozen_state(student))
    rows = X.astype(np.float32)
    np.testing.assert_array_equal(clf.student_.predict(rows), clf.predict(X))


def test_boosting_to_network(cancer):
    lightgbm = pytest.importorskip("lightgbm")
    X, y = cancer
    teacher = lightgbm.LGBMClassifier(n_estimators=20, n_jobs=1, verbose=-1)
    student = make_pipeline(StandardScaler(), small(30, 2))
    clf = MultihopClassifier(teacher, student, cv=3, random_state=0).fit(X, y)
    assert len(clf.comparison_) == 6
    assert clf.score(X, y) > 0.9
    assert clf.student_[0].mean_.dtype == np.float64
    np.testing.assert_array_equal(clf.student_.predict(X.astype(np.float32)), clf.predict(X))


def test_network_to_network_by_default(iris):
    X, y = iris
    clf = MultihopClassifier(small(4, 3, 16), small(4, 3, 3), cv=3, search=Fixed("multihop"), random_state=0)
    clf.fit(X, y)
    assert [record.name for record in clf.chain_] == ["teacher", "bridge", "student"]
    sizes = [record.complexity.size for record in clf.chain_]
    assert sizes == sorted(sizes, reverse=True)
    assert [type(record.model) for record in clf.chain_] == [NeuralNetClassifier] * 3
    assert clf.chain_[1].model.module_.second[0].out_features == 6
    assert clf.score(X, y) > 0.6


def test_network_to_network_by_information_flow(digits):
    X, y = digits
    teacher, student = net(Other, max_epochs=25), small(width=8)
    method = InformationFlow([("body", "second")])
    clf = MultihopClassifier(teacher, student, methods=method, cv=3, random_state=0).fit(X, y)
    assert [row["way"] for row in clf.comparison_] == ["plain", "labels", "one-hop", "multihop", "control"]
    scores = {row["way"]: row["score"] for row in clf.comparison_}
    assert min(scores["one-hop"], scores["multihop"]) > 0.5  # with a head that nobody has fitted it would be a tenth
    chain = clone(clf).set_params(search=Fixed("multihop")).fit(X, y).chain_
    assert [type(record.method) for record in chain[1:]] == [WithHead, WithHead]
    assert chain[1].method.method.pairs == [("body", "second")]
    assert tuple(chain[2].method.method.pairs) == (("second", "second"),)
    assert type(chain[1].model.module_) is Net
    assert chain[1].model.module_.second[0].out_features == 16
    assert method.pairs == [("body", "second")]


def test_methods_that_read_outputs_teach_the_head_themselves(iris):
    X, y = iris
    methods = [networks.KD(), WeightedSum([(1.0, networks.KD()), (1.0, PKT())])]
    clf = MultihopClassifier(small(4, 3, 16), small(4, 3, 3), methods=methods, intermediates=[], cv=3, random_state=0)
    clf.fit(X, y)
    assert not any(isinstance(record.method, WithHead) for record in clf.chain_)
    assert {row["kind"] for row in clf.comparison_} == {"plain", "labels", "one-hop"}


def test_a_network_between_a_forest_and_a_tree(iris):
    X, y = iris
    middle = [("net", small(4, 3, 12, max_epochs=20))]
    clf = MultihopClassifier(
        RandomForestClassifier(30), DecisionTreeClassifier(max_depth=2), methods=KD(), intermediates=middle, cv=3
    )
    clf.set_params(search=Fixed("multihop"), random_state=0).fit(X, y)
    assert [type(record.model).__name__ for record in clf.chain_] == [
        "RandomForestClassifier",
        "NeuralNetClassifier",
        "DecisionTreeClassifier",
    ]
    assert clf.score(X, y) > 0.9


def test_frozen_networks_teach_as_they_are(digits):
    X, y = digits
    teacher = small(width=24, max_epochs=20).fit(X.astype(np.float32), y)
    weights = copy.deepcopy(teacher.module_.state_dict())
    for student, methods in ((DecisionTreeClassifier(max_depth=4), "auto"), (small(), InformationFlow())):
        clf = MultihopClassifier(FrozenEstimator(teacher), student, methods=methods, random_state=0)
        clf.set_params(search=Fixed("multihop")).fit(X, y)
        assert clf.teacher_.estimator is teacher
        assert clf.score(X, y) > 0.5
    assert all(torch.equal(weights[name], values) for name, values in teacher.module_.state_dict().items())
    assert not any(module._forward_hooks for module in teacher.module_.modules())


def test_several_teachers_of_both_kinds(iris):
    X, y = iris
    teachers = [small(4, 3, 12), RandomForestClassifier(20)]
    clf = MultihopClassifier(teachers, DecisionTreeClassifier(max_depth=2), intermediates=[], cv=3, random_state=0)
    one, two = (clone(clf).fit(X, y) for _ in range(2))
    assert one.score(X, y) > 0.9
    rows = X.astype(np.float32)
    np.testing.assert_array_equal(one.teacher_.predict_proba(rows), two.teacher_.predict_proba(rows))


def test_regression_through_networks():
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:200] * 20, (y[:200] - y.mean()) / y.std()
    module = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
    network = net(module, NeuralNetRegressor)
    down = MultihopRegressor(network, DecisionTreeRegressor(max_depth=3), cv=3, random_state=0).fit(X, y)
    up = MultihopRegressor(RandomForestRegressor(30), network, search=Fixed("one-hop"), random_state=0).fit(X, y)
    for reg in (down, up):
        assert reg.predict(X).shape == (200,)
        assert reg.score(X, y) > 0.3


# One object --------------------------------------------------------------------------------------------------------


def test_verdicts_are_the_same(iris):
    X, y = iris
    clf = MultihopClassifier(RandomForestClassifier(20), small(4, 3, 3, max_epochs=4), cv=3, random_state=0)
    summary = compare(clf, X, y, cv=2).to_dict()
    names = {way["name"] for way in summary["ways"]}
    assert {"teacher", "chosen", "one-hop", "multihop", "control", "plain", "labels"} <= names


def test_seeds_depend_on_names_and_not_on_hops(iris):
    X, y = iris
    base = MultihopClassifier(small(4, 3, 12), small(4, 3, 3), methods=networks.KD(), cv=3, random_state=3)
    short = clone(base).set_params(intermediates=[], search=Fixed("one-hop")).fit(X, y)
    with_bridge = clone(base).set_params(search=Fixed("one-hop")).fit(X, y)
    np.testing.assert_array_equal(says(short, X), says(with_bridge, X))
    # The teacher and labels alone, too, don't depend on what stands between.
    alone, longer = (
        clone(base).set_params(intermediates=between, search=Fixed("labels")).fit(X, y)
        for between in ([], [("a", small(4, 3, 8)), ("b", small(4, 3, 6))])
    )
    np.testing.assert_array_equal(says(alone, X), says(longer, X))
    rows = X.astype(np.float32)
    np.testing.assert_array_equal(says(short.teacher_, rows), says(longer.teacher_, rows))
    other = clone(base).set_params(intermediates=[], search=Fixed("one-hop"), random_state=4).fit(X, y)
    assert not np.array_equal(says(short, X), says(other, X))


def test_clone_and_pickle(iris):
    X, y = iris
    clf = MultihopClassifier(small(4, 3, 12), small(4, 3, 3), methods=InformationFlow(), random_state=0)
    fitted = clone(clf).set_params(search=Fixed("multihop")).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(says(fitted, X), says(again, X))
    assert not hasattr(clone(fitted), "student_")


def test_the_wide_search_tries_wider_networks(iris):
    X, y = iris
    search = DynamicProgramming(max_fits=30, folds=2)
    clf = MultihopClassifier(small(4, 3, 32), small(4, 3, 2), methods=networks.KD(), search=search, random_state=0)
    clf.fit(X, y)
    assert {"auxiliary 4x", "auxiliary 2x", "student"} <= {row["target"] for row in clf.candidates_}


def test_a_network_that_cannot_be_widened_gets_a_bag_of_trees(iris):
    class Unnamed(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 3) / 2)

        def forward(self, x):
            return x @ self.weight

    X, y = iris
    clf = MultihopClassifier(small(4, 3, 12), net(Unnamed), cv=3, search=Fixed("multihop"), random_state=0).fit(X, y)
    assert type(clf.chain_[1].model).__name__ == "BaggedTreesClassifier"


# Refusals before anything is fitted ---------------------------------------------------------------------------------


class Untouchable(RandomForestClassifier):
    def fit(self, X, y, sample_weight=None):
        raise AssertionError("the teacher was fitted")


@pytest.mark.parametrize(
    ("teacher", "student", "methods", "error", "message"),
    [
        (Untouchable(), small(4, 3), InformationFlow(), NotSupportedError, r"hop 1 \(-> student, .*\): a Untouchable"),
        (small(4, 3), DecisionTreeClassifier(), PKT(), NotSupportedError, "hop 1.*expected a skorch net"),
        (Untouchable(), DecisionTreeClassifier(), [KD(), PKT()], NotSupportedError, "expected a skorch net"),
        (small(4, 3), small(4, 3), SRatio(), None, ""),
    ],
)
def test_what_needs_networks_says_so_early(iris, teacher, student, methods, error, message):
    clf = MultihopClassifier(teacher, student, methods=methods, search=Fixed("plain"), random_state=0)
    if error is None:
        clf.fit(*iris)
        return
    with pytest.raises(error, match=message):
        clf.fit(*iris)


@pytest.mark.parametrize("place", ["teacher", "student"])
def test_labels_that_a_network_cannot_answer(iris, place):
    X, y = iris
    models = {"teacher": Untouchable(), "student": DecisionTreeClassifier(), place: small(4, 3)}
    with pytest.raises(InvalidInputError, match="predicts positions"):
        MultihopClassifier(**models).fit(X, np.array(["a", "b", "c"])[y])


def test_weights_are_heard_by_networks_and_refused_by_their_own_methods(iris):
    X, y = iris
    weights = np.where(y == 2, 0.01, 1.0)
    clf = MultihopClassifier(RandomForestClassifier(20), small(4, 3), search=Fixed("one-hop"), random_state=0)
    assert np.mean(clf.fit(X, y, sample_weight=weights).predict(X) == 2) < 0.2
    flow = MultihopClassifier(small(4, 3), small(4, 3, 3), methods=networks.KD())
    with pytest.raises(NotSupportedError, match="sample_weight came"):
        flow.fit(X, y, sample_weight=weights)


def test_the_data_of_the_caller_stay_as_they_are(digits):
    X, y = digits
    kept = X.copy()
    data = TransferSet.for_classification(X, y)
    clf = MultihopClassifier(small(), small(width=4), methods=InformationFlow(), random_state=0)
    clf.set_params(search=Fixed("multihop")).fit(data.X, data.y)
    assert X.dtype == np.float64
    np.testing.assert_array_equal(X, kept)
