"""Students fitted to soft targets against the same students fitted to rows expanded by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier
from sklearn.utils.validation import has_fit_parameter

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet
from stepdown.learners import RegressionClassifier, fit_to, soft_fit_support, supports_weight
from stepdown.learners._expansion import expand_soft_targets
from stepdown.learners._soft_expanded import _fit_to_draws

VECTORS = Path(__file__).parents[1] / "vectors"
LINEAR = {vector["name"]: vector for vector in json.loads((VECTORS / "A5.json").read_text())["A5_linear"]}
TREES = {vector["name"]: vector for vector in json.loads((VECTORS / "A4.json").read_text())["A4_gini_brier"]}


def make_data(n_classes=3, n=150, weighted=True, seed=0, zeros=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    logits = 3 * X @ rng.normal(size=(5, n_classes)) + rng.gumbel(size=(n, n_classes))
    Q = np.exp(logits - logits.max(axis=1, keepdims=True))
    Q /= Q.sum(axis=1, keepdims=True)
    if zeros:
        Q[Q < 0.1] = 0.0
        Q /= Q.sum(axis=1, keepdims=True)
    classes = np.array(list("abcdef"))[:n_classes]
    return TransferSet(X, Q, sample_weight=rng.random(n) + 0.2 if weighted else None, classes=classes)


def fit_expanded(student, data):
    """Expand by plain loops, in the order of rows, then classes."""
    rows, labels, weights = [], [], []
    for i in range(data.n_samples):
        for c, label in enumerate(data.classes):
            if data.y[i, c] > 0:
                rows.append(i)
                labels.append(label)
                weights.append(data.weights()[i] * data.y[i, c])
    return clone(student).fit(data.X[rows], labels, sample_weight=weights)


EXACT = [
    (DecisionTreeClassifier(max_depth=4, random_state=0), 1e-12),
    (DecisionTreeClassifier(max_depth=4, criterion="entropy", random_state=0), 1e-12),
    (DecisionTreeClassifier(max_leaf_nodes=9, random_state=0), 1e-12),
    (DecisionTreeClassifier(max_depth=6, min_impurity_decrease=0.01, random_state=0), 1e-12),
    (DecisionTreeClassifier(max_depth=6, ccp_alpha=0.01, random_state=0), 1e-12),
    (DecisionTreeClassifier(max_depth=4, class_weight={"a": 5.0}, random_state=0), 1e-12),
    (DecisionTreeClassifier(max_depth=6, min_weight_fraction_leaf=0.1, random_state=0), 1e-12),
    (ExtraTreeClassifier(max_depth=3, max_features=None, random_state=0), 1e-12),
    (ExtraTreesClassifier(15, max_depth=2, max_features=None, random_state=0), 1e-12),
    (LogisticRegression(tol=1e-9, max_iter=2000), 1e-6),
    (LogisticRegression(tol=1e-9, max_iter=2000, C=0.05, fit_intercept=False), 1e-6),
    (LogisticRegression(tol=1e-9, max_iter=2000, class_weight={"a": 4.0}, solver="newton-cg"), 1e-5),
    (GradientBoostingClassifier(n_estimators=10, random_state=0), 1e-14),
    (GaussianNB(), 1e-12),
    (SVC(), 1e-12),
]


@pytest.mark.parametrize(("student", "tolerance"), EXACT, ids=lambda value: str(value))
@pytest.mark.parametrize("n_classes", [2, 4])
def test_exact_students_equal_the_expansion(student, tolerance, n_classes):
    data = make_data(n_classes)
    ask = "predict_proba" if hasattr(student, "predict_proba") else "decision_function"
    soft, hard = fit_to(student, data, seed=0), fit_expanded(student, data)
    assert type(soft) is type(student)
    assert soft_fit_support(student, data).kind == "exact"
    np.testing.assert_array_equal(soft.classes_, data.classes)
    np.testing.assert_allclose(getattr(soft, ask)(data.X), getattr(hard, ask)(data.X), atol=tolerance)


def test_soft_targets_are_what_the_tree_learned():
    """An oracle that shares no code with expansion: the leaf means, weighted."""
    data = make_data(3)
    tree = fit_to(DecisionTreeClassifier(max_depth=3, random_state=0), data)
    leaves = tree.apply(data.X)
    for leaf in np.unique(leaves):
        rows = leaves == leaf
        mean = np.average(data.y[rows], axis=0, weights=data.sample_weight[rows])
        np.testing.assert_allclose(tree.predict_proba(data.X[rows][:1])[0], mean, atol=1e-12)


def test_tree_vector():
    vector = TREES["tree_depth2"]
    X, Q = np.array(vector["inputs"]["X"]), np.array(vector["inputs"]["Q"])
    tree = fit_to(DecisionTreeClassifier(max_depth=2, random_state=0), TransferSet(X, Q, classes=np.arange(3)))
    assert tree.tree_.feature.tolist() == vector["expected"]["feature"]
    np.testing.assert_allclose(tree.tree_.threshold, vector["expected"]["threshold"], atol=1e-6)
    np.testing.assert_allclose(tree.predict_proba(X), vector["expected"]["leaf_probabilities_per_row"], atol=1e-9)


def test_first_split_and_impurity_of_the_vector():
    vector = TREES["split_gains"]
    inputs, expected = vector["inputs"], vector["expected"]
    X, Q = np.array(inputs["x"])[:, None], np.array(inputs["Q"])
    data = TransferSet(X, Q, sample_weight=np.array(inputs["sample_weight"]), classes=np.arange(3))
    stump = fit_to(DecisionTreeClassifier(max_depth=1), data).tree_
    assert stump.threshold[0] == pytest.approx(expected["best_threshold"], abs=1e-6)
    assert stump.impurity[0] == pytest.approx(expected["root_gini"], abs=1e-9)
    share = stump.weighted_n_node_samples[1:] / stump.weighted_n_node_samples[0]
    gain = max(split["gini_gain"] for split in expected["splits"])
    assert stump.impurity[0] - share @ stump.impurity[1:] == pytest.approx(gain, abs=1e-9)


def test_logistic_vector():
    vector = LINEAR["binary_soft_logistic_L2"]
    inputs, expected = vector["inputs"], vector["expected"]
    q = np.array(inputs["q1"])
    data = TransferSet(np.array(inputs["X"]), np.stack([1 - q, q], axis=1), classes=np.arange(2))
    model = fit_to(LogisticRegression(C=inputs["C"], tol=1e-10, max_iter=1000), data)
    np.testing.assert_allclose(model.coef_[0], expected["coef"], atol=vector["tol"])
    np.testing.assert_allclose(model.intercept_[0], expected["intercept"], atol=vector["tol"])
    np.testing.assert_allclose(model.predict_proba(data.X)[:, 1], expected["proba1"], atol=vector["tol"])


def test_logistic_takes_sparse_rows_and_float32():
    data = make_data(3, n=80)
    student = LogisticRegression(tol=1e-9, max_iter=2000)
    dense = fit_to(student, data)
    sparse = fit_to(student, data.replace(X=csr_matrix(data.X)))
    np.testing.assert_allclose(sparse.coef_, dense.coef_, atol=1e-7)
    single = fit_to(LogisticRegression(), data.replace(X=data.X.astype(np.float32)))
    np.testing.assert_allclose(single.coef_, dense.coef_, atol=2e-2)
    assert dense.n_iter_.shape == (1,)
    assert dense.n_features_in_ == 5


def test_logistic_that_can_not_be_solved_directly_is_expanded():
    data = make_data(2)
    student = LogisticRegression(solver="liblinear", random_state=0)
    np.testing.assert_allclose(fit_to(student, data).coef_, fit_expanded(student, data).coef_, atol=1e-12)


def test_logistic_says_when_it_has_not_converged():
    with pytest.warns(ConvergenceWarning, match="stopped after 2 iterations"):
        fit_to(LogisticRegression(max_iter=2), make_data(3))


def test_forests_bootstrap_rows_and_know_their_bags():
    """One-hot targets through the soft route give the forest that labels give, bags included."""
    student = RandomForestClassifier(100, random_state=0, oob_score=True)
    data = make_data(3, n=120, weighted=False)
    one_hot = np.eye(3)[data.label_index()]
    # A trace of softness sends it through the soft route without changing what is learned.
    soft = fit_to(student, data.replace(y=one_hot * (1 - 1e-13) + 1e-13 / 3))
    hard = clone(student).fit(data.X, data.labels())
    np.testing.assert_allclose(soft.predict_proba(data.X), hard.predict_proba(data.X), atol=0.15)
    assert np.mean(soft.predict(data.X) == hard.predict(data.X)) > 0.97
    for mine, theirs in zip(soft.estimators_samples_, hard.estimators_samples_, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert abs(soft.oob_score_ - hard.oob_score_) < 0.1
    assert not np.allclose(soft.predict_proba(data.X), fit_expanded(student, data).predict_proba(data.X), atol=0.02)


@pytest.mark.parametrize(
    "student",
    [
        HistGradientBoostingClassifier(max_iter=5, random_state=0),
        SGDClassifier(loss="log_loss", random_state=0),
        MLPClassifier((6,), max_iter=40, random_state=0, learning_rate_init=0.05, tol=0.0, n_iter_no_change=50),
        RandomForestClassifier(10, criterion="entropy", random_state=0),
        SVC(kernel="linear", C=0.5),
        MultinomialNB(),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_other_students_learn_what_the_targets_say(student):
    if not supports_weight(student):
        pytest.skip("scikit-learn before 1.7: networks take no weights")
    data = make_data(3, n=200, zeros=True)
    data = data.replace(X=data.X - data.X.min())
    model = fit_to(student, data, seed=0)
    assert type(model) is type(student)
    assert np.mean(model.predict(data.X) == data.labels()) > 0.6
    assert model.get_params().keys() == student.get_params().keys()
    changed = {name for name, value in student.get_params().items() if model.get_params()[name] != value}
    assert changed <= {"random_state"}


def test_approximations_are_stated():
    support = soft_fit_support(HistGradientBoostingClassifier())
    assert support.kind == "approximate"
    assert "histogram" in str(support)
    assert soft_fit_support(GradientBoostingClassifier(subsample=0.5)).kind == "approximate"
    assert soft_fit_support(MLPClassifier()).kind == "approximate"
    if supports_weight(MLPClassifier()):  # since scikit-learn 1.7
        assert soft_fit_support(MLPClassifier(solver="lbfgs")).kind == "exact"
    assert soft_fit_support(make_pipeline(StandardScaler(), DecisionTreeClassifier())).kind == "exact"
    assert soft_fit_support(DecisionTreeClassifier(criterion="entropy", min_samples_leaf=5)).kind == "approximate"


def test_a_full_batch_network_is_exact():
    data = make_data(3, n=60)
    student = MLPClassifier((3,), solver="lbfgs", max_iter=2000, random_state=0, activation="tanh", alpha=0.1)
    if not has_fit_parameter(student, "sample_weight"):
        pytest.skip("scikit-learn before 1.7: networks take no weights")
    np.testing.assert_allclose(
        fit_to(student, data).predict_proba(data.X), fit_expanded(student, data).predict_proba(data.X), atol=1e-10
    )


def test_draws_in_proportion_where_weights_can_not_be_given():
    class Witness:
        def fit(self, X, y):
            self.X, self.y = X, y
            return self

    data = make_data(3, n=200, zeros=True)
    seen = _fit_to_draws(Witness(), data.X, data.y, data.weights(), data.classes, 0)
    share = np.array([np.mean(seen.y == label) for label in data.classes])
    expected = data.weights() @ data.y / data.weights().sum()
    np.testing.assert_allclose(share, expected, atol=0.01)
    drawn_rows = np.array([np.sum(np.all(row == seen.X, axis=1)) for row in data.X])
    np.testing.assert_allclose(drawn_rows, 800 * data.weights() / data.weights().sum(), atol=3.1)


def test_limits_on_rows_mean_rows():
    data = make_data(4, n=200, weighted=False)
    student = DecisionTreeClassifier(criterion="entropy", min_samples_leaf=20, random_state=0)
    tree = fit_to(student, data)
    assert tree.get_params()["min_samples_leaf"] == 20
    assert np.bincount(tree.apply(data.X)).max() >= 20
    leaf = tree.tree_.children_left == -1
    assert np.bincount(tree.apply(data.X), minlength=tree.tree_.node_count)[leaf].min() >= 20


@pytest.mark.parametrize("student", [KNeighborsClassifier(), LinearDiscriminantAnalysis()], ids=str)
def test_students_of_labels_alone_are_refused_with_a_way_out(student):
    data = make_data(3, weighted=False)
    with pytest.raises(NotSupportedError, match=r"ModelCompression\(targets='labels'\).*RegressionClassifier"):
        fit_to(student, data)
    assert soft_fit_support(student).kind == "refused"
    one_hot = data.replace(y=np.eye(3)[data.label_index()])
    assert soft_fit_support(student, one_hot).kind == "exact"
    np.testing.assert_array_equal(
        fit_to(student, one_hot).predict(data.X), clone(student).fit(data.X, data.labels()).predict(data.X)
    )


def test_neighbours_average_soft_targets():
    data = make_data(3, weighted=False)
    model = fit_to(RegressionClassifier(KNeighborsRegressor(3)), data)
    for row in range(5):
        nearest = np.argsort(np.linalg.norm(data.X - data.X[row], axis=1))[:3]
        np.testing.assert_allclose(model.predict_proba(data.X[row : row + 1])[0], data.y[nearest].mean(axis=0))


@pytest.mark.parametrize("weights", ["weights", "none"])
@pytest.mark.parametrize("student", [KNeighborsClassifier(), DecisionTreeClassifier(max_depth=2)], ids=str)
def test_weights_are_never_ignored(student, weights):
    data = make_data(2)
    labels = data.replace(y=data.labels(), sample_weight=data.sample_weight if weights == "weights" else None)
    if weights == "weights" and isinstance(student, KNeighborsClassifier):
        with pytest.raises(NotSupportedError, match="takes no sample_weight"):
            fit_to(student, labels)
        with pytest.raises(NotSupportedError, match="takes no sample_weight"):
            fit_to(make_pipeline(StandardScaler(), student), labels)
        return
    fitted = fit_to(student, labels, seed=0)
    if weights == "weights":
        expected = DecisionTreeClassifier(max_depth=2, random_state=0).fit(data.X, data.labels(), labels.sample_weight)
        np.testing.assert_allclose(fitted.predict_proba(data.X), expected.predict_proba(data.X))


def test_pipelines_pass_soft_targets_and_weights_to_the_last_step():
    data = make_data(3)
    inner = make_pipeline(MinMaxScaler(), LogisticRegression(tol=1e-9, max_iter=2000))
    student = make_pipeline(StandardScaler(), inner)
    model = fit_to(student, data)
    scaled = MinMaxScaler().fit_transform(StandardScaler().fit_transform(data.X))
    alone = fit_to(LogisticRegression(tol=1e-9, max_iter=2000), data.replace(X=scaled))
    np.testing.assert_allclose(model.predict_proba(data.X), alone.predict_proba(scaled), atol=1e-9)
    assert type(model) is type(student)
    assert not hasattr(student[0], "mean_")


def test_a_pipeline_with_a_cache_keeps_its_fitted_steps(tmp_path):
    data = make_data(3)
    student = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=3), memory=str(tmp_path))
    assert fit_to(student, data, seed=0).predict(data.X).shape == (150,)


def test_frames_keep_their_names():
    data = make_data(3)
    frame = data.replace(X=pd.DataFrame(data.X, columns=list("vwxyz")))
    for student in (DecisionTreeClassifier(max_depth=2), LogisticRegression(), GaussianNB()):
        assert fit_to(student, frame).feature_names_in_.tolist() == list("vwxyz")


def test_a_class_that_no_row_names_stays_a_class():
    data = make_data(3, n=100)
    Q = data.y.copy()
    Q[:, 1] = 0.0
    Q /= Q.sum(axis=1, keepdims=True)
    for student in (GaussianNB(), GradientBoostingClassifier(n_estimators=3), DecisionTreeClassifier(), SVC()):
        model = fit_to(student, data.replace(y=Q), seed=0)
        assert model.classes_.tolist() == ["a", "b", "c"]
        assert np.mean(model.predict(data.X) == "b") < 0.1


def test_rows_of_weight_zero_count_for_nothing():
    data = make_data(3)
    weight = data.sample_weight.copy()
    weight[:50] = 0.0
    for student in (DecisionTreeClassifier(max_depth=3, random_state=0), GaussianNB(), LogisticRegression(tol=1e-9)):
        kept = fit_to(student, data.take(np.arange(50, 150)))
        everything = fit_to(student, data.replace(sample_weight=weight))
        np.testing.assert_allclose(everything.predict_proba(data.X), kept.predict_proba(data.X), atol=1e-5)


def test_seeds_fill_what_is_open_and_nothing_else():
    data = make_data(3)
    student = make_pipeline(StandardScaler(), DecisionTreeClassifier(splitter="random"))
    first, again, other = (fit_to(student, data, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[-1].tree_.threshold, again[-1].tree_.threshold)
    assert not np.array_equal(first[-1].tree_.threshold, other[-1].tree_.threshold)
    assert fit_to(DecisionTreeClassifier(random_state=3), data, seed=1).random_state == 3
    assert student[-1].random_state is None


def test_nothing_of_the_callers_changes():
    data = make_data(3)
    before = data.X.copy(), data.y.copy(), data.sample_weight.copy()
    for student, _ in EXACT:
        params = repr(student.get_params())
        fit_to(student, data, seed=0)
        assert repr(student.get_params()) == params
        assert not any(name.endswith("_") and not name.startswith("__") for name in vars(student))
    for array, copy in zip((data.X, data.y, data.sample_weight), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_regression_and_frozen_models():
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(40, 2)), rng.normal(size=40), rng.random(40)
    model = fit_to(LinearRegression(), TransferSet(X, y, sample_weight=w))
    np.testing.assert_allclose(model.coef_, LinearRegression().fit(X, y, w).coef_)
    frozen = FrozenEstimator(DecisionTreeRegressor().fit(X, y))
    assert fit_to(frozen, TransferSet(X, y, sample_weight=w)) is frozen


def test_bad_targets_are_named():
    data = make_data(3)
    with pytest.raises(InvalidInputError, match="sum to 1"):
        fit_to(DecisionTreeClassifier(), data.replace(y=data.y * 2))
    with pytest.raises(InvalidInputError, match="no classifier"):
        fit_to(DecisionTreeRegressor(), data)
    with pytest.raises(InvalidInputError, match="3 columns for 2 classes"):
        fit_to(DecisionTreeClassifier(), data.replace(classes=np.array(["a", "b"])))
    with pytest.raises(InvalidInputError, match="expected \\(150,\\)"):
        fit_to(DecisionTreeClassifier(), data.replace(sample_weight=np.ones(3)))
    with pytest.raises(InvalidInputError, match="non-negative"):
        fit_to(DecisionTreeClassifier(), data.replace(sample_weight=-np.ones(150)))


def test_expansion_is_public_and_agrees_with_the_loops():
    data = make_data(3, zeros=True)
    rows, labels, weights = expand_soft_targets(data.y, data.sample_weight)
    model = GaussianNB().fit(data.X[rows], data.classes[labels], weights)
    np.testing.assert_allclose(model.theta_, fit_expanded(GaussianNB(), data).theta_, atol=1e-12)
