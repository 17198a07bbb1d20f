"""What the student's parameters and the teacher's settings mean to the user, they mean to the student that ships."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    TweedieRegressor,
)
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from stepdown import KD, DynamicProgramming, Fixed, MultihopClassifier, MultihopRegressor, compare
from stepdown.core import SignalWarning, TransferSet, as_teacher
from stepdown.learners import predictions, weighed_by_threshold
from stepdown.methods import Dense, ModelCompression, Munge, NoTransfer
from stepdown.search._recipes import maker_of_rows

HIGH = HistGradientBoostingRegressor(max_iter=30, max_leaf_nodes=6, loss="quantile", quantile=0.9, random_state=0)
FOREST = RandomForestRegressor(20, min_samples_leaf=3, random_state=0)
TREE = DecisionTreeRegressor(max_depth=3, random_state=0)


def skewed(n: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 3))
    return X, 3 * X[:, 0] + (1 + np.abs(X[:, 1])) * (rng.exponential(size=n) - 1)


# Losses ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "student",
    [
        HIGH,
        GradientBoostingRegressor(n_estimators=30, max_depth=2, loss="quantile", alpha=0.1, random_state=0),
        GradientBoostingRegressor(n_estimators=30, max_depth=2, loss="huber", random_state=0),
        DecisionTreeRegressor(max_depth=3, criterion="absolute_error", random_state=0),
        RandomForestRegressor(3, max_depth=3, criterion="absolute_error", random_state=0),
        make_pipeline(StandardScaler(), QuantileRegressor(quantile=0.8, alpha=0)),
        BaggingRegressor(HIGH, 2, random_state=0),
        TransformedTargetRegressor(HIGH),
    ],
    ids=lambda student: repr(student)[:40],
)
def test_a_loss_that_means_say_nothing_of_is_taught_by_labels(student) -> None:
    X, y = skewed(150)
    with pytest.warns(SignalWarning, match="labels alone"):
        reg = MultihopRegressor(FOREST, student, random_state=0).fit(X, y)
    assert {row["way"] for row in reg.comparison_} == {"plain", "labels"}
    np.testing.assert_allclose(reg.predict(X), clone(student).fit(X, y).predict(X))


def test_a_teacher_of_the_same_loss_teaches_it() -> None:
    X, y = skewed(300)
    teacher = GradientBoostingRegressor(n_estimators=30, loss="quantile", alpha=0.9, random_state=0)
    for source in (teacher, FrozenEstimator(clone(teacher).fit(X, y)), [teacher, teacher]):
        reg = MultihopRegressor(source, HIGH, search=Fixed("one-hop"), random_state=0).fit(X, y)
        assert reg.chain_[-1].teachers == ("teacher",)
        fresh, truth = skewed(5000, 1)
        assert np.mean(truth <= reg.predict(fresh)) == pytest.approx(0.9, abs=0.05)
    validated = MultihopRegressor(teacher, HIGH, random_state=0).fit(X, y).comparison_
    assert {row["way"] for row in validated} == {"plain", "labels", "one-hop"}
    assert all(row["score"] < 0 for row in validated)  # pinball loss, not squared error


class NeverFit(RandomForestRegressor):
    def fit(self, X, y, sample_weight=None):
        raise AssertionError("fitted too early")


@pytest.mark.parametrize(
    "changes",
    [
        {"methods": KD()},
        {"methods": ModelCompression(synthesiser=Munge(1))},
        {"methods": [NoTransfer(), Dense(KD())]},
        {"methods": KD(), "intermediates": [("mean", TREE)]},
        {"search": DynamicProgramming()},
    ],
    ids=lambda changes: str(changes),
)
def test_methods_and_searches_that_teach_means_are_refused_before_the_first_fit(changes) -> None:
    with pytest.raises(TypeError, match=r"quantile 0\.9"):
        MultihopRegressor(NeverFit(), HIGH, **changes).fit(*skewed(60))


def test_a_method_alone_refuses_as_well() -> None:
    X, y = skewed(60)
    with pytest.raises(TypeError, match=r"KD.*quantile 0\.9.*mean"):
        KD().transfer([FOREST.fit(X, y)], HIGH, TransferSet(X, y), seed=0)


def test_compare_of_a_student_that_nobody_teaches() -> None:
    with pytest.warns(SignalWarning, match="labels alone"):
        verdict = compare(MultihopRegressor(FOREST, HIGH, random_state=0), *skewed(90), cv=2)
    assert {way["name"] for way in verdict.to_dict()["ways"]} == {"teacher", "plain", "labels", "chosen", "baseline"}


# Ranges ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "student",
    [
        PoissonRegressor(),
        TweedieRegressor(power=1.5),
        DecisionTreeRegressor(max_depth=3, criterion="poisson", random_state=0),
        make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=10, loss="poisson", random_state=0)),
        HistGradientBoostingRegressor(max_iter=10, loss="gamma", random_state=0),
        TransformedTargetRegressor(LinearRegression(), func=np.sqrt, inverse_func=np.square),
    ],
    ids=lambda student: repr(student)[:40],
)
def test_answers_that_the_loss_does_not_take_are_moved_into_its_range(student) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = rng.poisson(np.exp(X[:, 0] - 1)) + 0.01 * ("gamma" in repr(student))
    teacher = make_pipeline(PolynomialFeatures(2), LinearRegression()).fit(X, y)
    assert teacher.predict(X).min() < 0
    for way in ("one-hop", "multihop-averaged"):
        reg = MultihopRegressor(teacher, student, search=Fixed(way), random_state=0).fit(X, y)
        assert np.isfinite(reg.predict(X)).all()
    compressed = ModelCompression(synthesiser=Munge(1), signals="in-sample")
    MultihopRegressor(FrozenEstimator(teacher), student, methods=compressed, search=Fixed("one-hop")).fit(X, y)


# Limits and sizes -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_classes():
    return make_classification(150, 6, n_informative=4, flip_y=0.1, random_state=0)


@pytest.fixture(scope="module")
def votes(two_classes):
    return RandomForestClassifier(20, random_state=0).fit(*two_classes)


def rows_in_leaves(tree, X) -> list[int]:
    leaf = tree.tree_.children_left == -1
    return np.bincount(tree.apply(X), minlength=len(leaf))[leaf].tolist()


def trees_of(model) -> list:
    final = model[-1] if hasattr(model, "steps") else model
    return list(getattr(final, "estimators_", [final]))


@pytest.mark.parametrize(
    ("student", "least"),
    [
        (DecisionTreeClassifier(max_depth=5, min_samples_leaf=20), 20),
        (DecisionTreeClassifier(max_leaf_nodes=12, min_samples_leaf=0.1, criterion="entropy"), 15),
        (DecisionTreeClassifier(min_samples_leaf=12, criterion="entropy"), 12),
        (DecisionTreeClassifier(max_depth=5, min_weight_fraction_leaf=0.1), 15),
        (make_pipeline(StandardScaler(), ExtraTreeClassifier(max_depth=5, min_samples_leaf=15)), 15),
        (ExtraTreesClassifier(3, max_depth=5, min_samples_leaf=15), 15),
    ],
    ids=repr,
)
def test_limits_count_rows_of_the_user(two_classes, votes, student, least) -> None:
    X, y = two_classes
    for search in ("auto", Fixed("multihop-bare"), Fixed("one-hop")):
        clf = MultihopClassifier(FrozenEstimator(votes), student, search=search, random_state=0).fit(X, y)
        rows = clf.student_[:-1].transform(X) if hasattr(student, "steps") else X
        assert min(min(rows_in_leaves(tree, rows)) for tree in trees_of(clf.student_)) >= least


@pytest.mark.parametrize(
    ("student", "makes"),
    [
        (DecisionTreeClassifier(max_depth=3), True),
        (DecisionTreeClassifier(max_depth=3, min_samples_split=5), False),
        (HistGradientBoostingClassifier(), False),  # at least 20 rows a leaf by default
        (HistGradientBoostingClassifier(min_samples_leaf=1), True),
    ],
    ids=repr,
)
def test_no_rows_are_made_up_where_limits_would_count_them(two_classes, student, makes) -> None:
    data = TransferSet.for_classification(*two_classes)
    assert (maker_of_rows(data, student) is not None) == makes


def test_made_up_rows_beside_a_limit_are_refused(two_classes) -> None:
    method = ModelCompression(synthesiser=Munge(1))
    data = TransferSet.for_classification(*two_classes)
    with pytest.raises(TypeError, match=r"min_samples_leaf=7.*made-up rows"):
        method.check_student(DecisionTreeClassifier(min_samples_leaf=7), data)
    method.check_student(HistGradientBoostingClassifier(), data)  # a default is no wish


@pytest.mark.parametrize(
    "student",
    [
        DecisionTreeClassifier(random_state=0),
        DecisionTreeClassifier(criterion="entropy", max_depth=30, random_state=0),
        make_pipeline(StandardScaler(), DecisionTreeClassifier(max_leaf_nodes=120, random_state=0)),
        RandomForestClassifier(3, random_state=0),
        BaggingClassifier(DecisionTreeClassifier(random_state=0), 3, random_state=0),
    ],
    ids=repr,
)
def test_trees_without_a_bound_are_no_larger_than_their_own_fit(two_classes, votes, student) -> None:
    X, y = two_classes
    own = sum(tree.get_n_leaves() for tree in trees_of(clone(student).fit(X, y)))
    for teacher in (FrozenEstimator(votes), votes):
        clf = MultihopClassifier(teacher, student, search=Fixed("one-hop"), random_state=0).fit(X, y)
        taught = trees_of(clf.student_)
        assert sum(tree.get_n_leaves() for tree in taught) <= own
        assert repr(clf.student_) == repr(student)


def test_a_regression_tree_without_a_bound_stops_where_its_targets_are_pure() -> None:
    X, y = skewed(150)
    y = np.round(y / 4)
    reg = MultihopRegressor(FOREST, DecisionTreeRegressor(random_state=0), search=Fixed("one-hop")).fit(X, y)
    assert reg.student_.get_n_leaves() <= DecisionTreeRegressor(random_state=0).fit(X, y).get_n_leaves()


# Thresholds -----------------------------------------------------------------------------------------------------------

LINE = LogisticRegression()


class Cautious(ClassifierMixin, BaseEstimator):
    """Says yes from 0.2 on, and names that nowhere."""

    def fit(self, X, y, sample_weight=None):
        self.weights_ = sample_weight
        self.model_ = LogisticRegression().fit(X, y, sample_weight)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)

    def predict(self, X):
        return self.classes_[(self.predict_proba(X)[:, 1] >= 0.2).astype(int)]


@pytest.fixture(scope="module")
def rare():
    X, y = make_classification(300, 5, n_informative=4, n_redundant=0, weights=[0.85], flip_y=0.1, random_state=0)
    return X, np.array(["no", "yes"])[y]


@pytest.mark.parametrize(
    ("teacher", "threshold"),
    [
        (FixedThresholdClassifier(LINE, threshold=0.2, pos_label="yes"), 0.2),
        (FixedThresholdClassifier(LINE, threshold=0.3, pos_label="no"), 0.7),
        (make_pipeline(StandardScaler(), FixedThresholdClassifier(LINE, threshold=0.2, pos_label="yes")), 0.2),
        (GridSearchCV(FixedThresholdClassifier(LINE, pos_label="yes"), {"threshold": [0.2]}), 0.2),
        (Cautious(), 0.2),
        (LINE, None),
        (FixedThresholdClassifier(LINE, pos_label="yes"), None),
    ],
    ids=["yes", "no", "pipeline", "searched", "custom", "plain", "auto"],
)
def test_probabilities_and_weights_say_what_a_teacher_decides(rare, teacher, threshold) -> None:
    X, y = rare
    data = TransferSet.for_classification(X, y)
    role = as_teacher(clone(teacher).fit(X, y))
    assert (weighed_by_threshold(role, data) is data) == (threshold is None)
    values, hard = predictions(role.model, X, data.classes)
    assert not hard
    np.testing.assert_allclose(values.sum(axis=1), 1.0)
    np.testing.assert_array_equal(data.classes[values.argmax(axis=1)], role.model.predict(X))
    p = role.model.predict_proba(X)[:, 1]
    weight = weighed_by_threshold(as_teacher(role.model), data).weights()
    assert weight.sum() == pytest.approx(len(y))
    if threshold is not None:
        assert weight[y == "yes"][0] / weight[y == "no"][0] == pytest.approx((1 - threshold) / threshold, rel=0.1)
        assert np.all((values[:, 1] > 0.5) == (p >= threshold)) or teacher.__class__ is Cautious


def test_a_teacher_is_made_again_without_the_weights_of_its_threshold(rare) -> None:
    role = as_teacher(Cautious().fit(*rare))
    data = weighed_by_threshold(role, TransferSet.for_classification(*rare))
    assert role.refit is not None
    np.testing.assert_allclose(pickle.loads(pickle.dumps(role.refit))(data, np.arange(300)).weights_, np.ones(300))


@pytest.mark.parametrize(
    "teacher",
    [
        FixedThresholdClassifier(RandomForestClassifier(25, min_samples_leaf=5, random_state=0), threshold=0.15),
        TunedThresholdClassifierCV(
            RandomForestClassifier(15, min_samples_leaf=5, random_state=0),
            scoring="f1",
            thresholds=20,
            cv=2,
            random_state=0,
        ),
        Cautious(),
    ],
    ids=["fixed", "tuned", "custom"],
)
def test_the_student_decides_like_a_teacher_with_a_threshold(teacher) -> None:
    # A tuned threshold is tuned again in every fold: it goes straight to the student, the others through the gate.
    search = Fixed("one-hop") if isinstance(teacher, TunedThresholdClassifierCV) else "auto"
    X, y = make_classification(2000, 6, n_informative=5, n_redundant=0, weights=[0.9], flip_y=0.1, random_state=0)
    rows, labels = X[:500], y[:500]
    for source in (teacher, FrozenEstimator(clone(teacher).fit(rows, labels))):
        student = DecisionTreeClassifier(max_depth=4)
        clf = MultihopClassifier(source, student, search=search, random_state=0).fit(rows, labels)
        often, usually = clf.predict(X[500:]).mean(), clf.teacher_.predict(X[500:]).mean()
        assert 0.6 * usually < often < 1.6 * usually


def test_a_student_without_weights_learns_the_decisions_of_a_threshold(rare) -> None:
    teacher = FixedThresholdClassifier(LINE, threshold=0.2, pos_label="yes")
    labels = ModelCompression("labels", signals="in-sample")
    clf = MultihopClassifier(teacher, KNeighborsClassifier(1), methods=labels, search=Fixed("one-hop")).fit(*rare)
    np.testing.assert_array_equal(clf.predict(rare[0]), clf.teacher_.predict(rare[0]))
