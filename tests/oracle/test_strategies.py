"""A label budget: which rows are queried, what is learned from the answers, and that no more are ever queried."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown import KD, DynamicProgramming, Fixed, MultihopClassifier, MultihopRegressor, Queried, TreeSearch, compare
from stepdown.core import Signal, Teacher, TransferSet
from stepdown.methods import NoTransfer
from stepdown.oracle import PoolState, QueryStrategy, Random, Representative
from stepdown.search._pool_from import PoolFrom
from stepdown.search._solve import solve

TREE = DecisionTreeClassifier(max_depth=4)
QUICK = TreeSearch("quick")


class Service:
    """A fitted model behind a counter."""

    def __init__(self, model, hard=False, fails_at=None):
        self.model, self.hard, self.fails_at = model, hard, fails_at
        self.n_rows = 0
        self.asked = []

    def __call__(self, rows):
        if self.fails_at is not None and self.n_rows >= self.fails_at:
            self.fails_at = None
            raise ConnectionError("no answer")
        self.n_rows += len(rows)
        self.asked.append(np.asarray(rows))
        return self.model.predict(rows) if self.hard else self.model.predict_proba(rows)

    def __deepcopy__(self, memo):
        return self  # a clone of the chain asks the same service


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(n_class=4, return_X_y=True)
    model = RandomForestClassifier(30, random_state=0).fit(X[:250], y[:250])
    return X[250:], y[250:], model


def chain(teacher, budget=None, strategy=None, **changes) -> MultihopClassifier:
    teacher = teacher if budget is None else Queried(teacher, budget, strategy=strategy)
    return MultihopClassifier(teacher, **{"student": TREE, "trainer": QUICK, "random_state": 0} | changes)


# Which rows ------------------------------------------------------------------------------------------------------


def state(rows, known=(), n_left=2, closed=()):
    known = np.array(known, dtype=int)
    may = np.setdiff1d(np.arange(len(rows)), np.concatenate([known, np.array(closed, dtype=int)]))
    return PoolState(rows, known, may, n_left, lambda: None)


def test_random_rows_are_among_the_open_ones_and_follow_the_seed() -> None:
    one = Random().choose(state(np.eye(30), known=[0, 1], n_left=20), seed=0)
    assert len(set(one.tolist())) == 20
    assert not {0, 1} & set(one.tolist())
    assert np.array_equal(one, Random().choose(state(np.eye(30), known=[0, 1], n_left=20), seed=0))
    assert not np.array_equal(one, Random().choose(state(np.eye(30), known=[0, 1], n_left=20), seed=1))


def test_representative_rows_lie_next_to_the_centres() -> None:
    rows = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [9.0], [9.1], [9.2]])
    assert Representative().choose(state(rows, n_left=3), seed=0).tolist() == [1, 4, 7]
    assert Representative().choose(state(rows, n_left=3, closed=[4]), seed=0).tolist()[::2] == [1, 7]
    # A cluster with a known row has had its turn; when all have, the second nearest come.
    assert Representative().choose(state(rows, known=[5], n_left=2), seed=0).tolist() == [1, 7]
    assert len(Representative().choose(state(rows, known=[1, 4, 7], n_left=6), seed=0)) == 6


def test_representative_rows_of_equal_ones() -> None:
    rows = np.repeat([[0.0], [1.0]], 5, axis=0)
    assert len(Representative().choose(state(rows, n_left=2), seed=0)) == 2


def test_distances_are_of_standardised_numbers_and_of_categories() -> None:
    frame = pd.DataFrame({"income": [1e6, 3e6, np.nan, 2e6], "town": ["Ulm", "Bonn", "Ulm", "Bonn"]})
    numbers = state(frame).numbers
    np.testing.assert_allclose(numbers[:, 0], np.array([-1.0, 1.0, 0.0, 0.0]) * np.sqrt(1.5))
    assert np.linalg.norm(numbers[0, 1:] - numbers[1, 1:]) == pytest.approx(1.0)
    assert np.array_equal(numbers[0, 1:], numbers[2, 1:])


# What is learned -------------------------------------------------------------------------------------------------


def test_the_bridge_labels_the_pool_and_the_answers_stay_what_they_are() -> None:
    X, pool = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    data = TransferSet(X, np.array([0, 1]), X_unlabeled=pool, classes=np.array([0, 1]))
    teacher = Teacher(None)
    teacher.remember("out-of-fold:5", data, Signal(np.array([[0.7, 0.3], [0.2, 0.8]]), "frozen"))
    bridge = Teacher(DecisionTreeClassifier().fit([[0], [2], [3]], [0, 0, 1]), name="bridge")
    told = PoolFrom(KD(weight=1.0)).supervise([teacher, bridge], TREE, data)
    np.testing.assert_allclose(told.y, [[0.7, 0.3], [0.2, 0.8], [1, 0], [0, 1]])
    np.testing.assert_allclose(told.X.ravel(), [0, 1, 2, 3])
    assert told.sample_weight is None
    weighted = PoolFrom(NoTransfer()).supervise([bridge], TREE, data.replace(sample_weight=np.array([1.0, 3.0])))
    np.testing.assert_allclose(weighted.y, [[1, 0], [0, 1], [1, 0], [0, 1]])
    np.testing.assert_allclose(weighted.sample_weight, [1, 3, 2, 2])
    assert [one.name for one in PoolFrom(KD()).asks([teacher, bridge])] == ["teacher", "bridge"]


def test_own_rows_come_first_and_keep_their_labels(digits) -> None:
    X, y, model = digits
    service = Service(model)
    clf = chain(Queried(service, 30, classes=model.classes_))
    problem, _ = solve(clf, X[:20], y[:20], np.full(20, 2.0), np.arange(20) // 2, X[20:])
    data = problem.data
    assert data.n_samples == 50
    np.testing.assert_array_equal(data.X[:20], X[:20])
    np.testing.assert_array_equal(data.labels()[:20], y[:20])
    assert {row.tobytes() for row in data.X[20:]} == {row.tobytes() for rows in service.asked for row in rows}
    np.testing.assert_array_equal(data.labels()[20:], model.predict(data.X[20:]))
    assert len(data.X_unlabeled) == len(X) - 50
    np.testing.assert_allclose(data.sample_weight, 2.0)
    assert len(np.unique(data.groups)) == 10 + 30
    one_hop = next(problem.supervised(way) for way in clf_ways(problem) if way.kind == "one-hop")
    np.testing.assert_allclose(one_hop.y[:20], np.eye(4)[y[:20]])
    np.testing.assert_allclose(one_hop.y[20:], model.predict_proba(data.X[20:]))


def clf_ways(problem):
    from stepdown.search._recipes import ways_of_answers

    return ways_of_answers(problem.student, QUICK, None, cv=5)


@pytest.mark.parametrize("hard", [False, True])
def test_the_teacher_may_be_the_only_source_of_labels(digits, hard) -> None:
    X, y, model = digits
    service = Service(model, hard)
    clf = chain(Queried(service, 60, classes=model.classes_), search=Fixed()).fit(X[:300])
    assert service.n_rows == 60
    assert [record.name for record in clf.chain_] == ["teacher", "bridge", "student"]
    assert clf.score(X[300:], y[300:]) > 0.8
    assert clf.classes_.tolist() == [0, 1, 2, 3]
    one_hop = chain(Queried(Service(model, hard), 60, classes=model.classes_), search=Fixed("one-hop")).fit(X[:300])
    # One draw of 170 rows: what the hops are worth on average is measured in benchmarks/tabular/queries.py.
    assert clf.score(X[300:], y[300:]) > one_hop.score(X[300:], y[300:]) - 0.02


def test_all_rows_within_the_budget_leave_nothing_for_a_bridge(digits) -> None:
    X, _, model = digits
    clf = chain(FrozenEstimator(model), budget=1000).fit(X[:80])
    assert {row["kind"] for row in clf.comparison_} == {"plain", "labels", "one-hop"}
    assert clf.teacher_.n_queried == len(np.unique(X[:80], axis=0))


def test_a_linear_student_prefers_the_labels_alone(digits) -> None:
    X, _, model = digits
    clf = chain(FrozenEstimator(model), student=LogisticRegression(max_iter=300), trainer="auto", budget=40)
    problem, choice = solve(clf.set_params(scoring=None), X[:200] / 16, None)
    assert choice.ways[1].kind == "labels"
    assert problem.data.n_samples == 40


def test_rows_that_hold_the_same_are_asked_about_once(digits) -> None:
    X, _, model = digits
    service = Service(model)
    problem, _ = solve(
        chain(Queried(service, 30, classes=model.classes_), search=Fixed()), np.vstack([X[:60]] * 2), None
    )
    assert service.n_rows == 30
    assert problem.data.n_samples == 60  # the answer holds for both
    assert len(problem.data.X_unlabeled) == 60


def test_tables_go_to_the_teacher_as_they_are() -> None:
    rng = np.random.default_rng(0)
    pool = pd.DataFrame({"town": rng.choice(["Ulm", "Bonn", "Kiel"], 80), "age": rng.integers(18, 80, 80)})
    seen = []

    def service(rows):
        seen.append(rows)
        return [
            "yes" if town == "Ulm" and age > 40 else "no" for town, age in zip(rows["town"], rows["age"], strict=True)
        ]

    student = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough"),
        DecisionTreeClassifier(max_depth=2),
    )
    clf = chain(service, student=student, trainer="auto", budget=40).fit(pool)
    assert list(seen[0].columns) == ["town", "age"]
    assert sum(len(rows) for rows in seen) == 40
    assert clf.score(pool, service(pool)) > 0.9


# What is paid ----------------------------------------------------------------------------------------------------


def test_nothing_is_asked_beyond_the_budget_by_anyone(digits) -> None:
    X, y, model = digits
    service = Service(model)
    queried = Queried(service, 40, classes=model.classes_)
    clf = chain(queried, n_jobs=2).fit(X[:200])
    assert service.n_rows == 40
    clf.set_params(n_jobs=None, search=Fixed()).fit(X[:200])
    clone(clf).fit(X[:200])
    clone(clf).fit(X[:10], y[:10], X_unlabeled=X[:200])
    assert service.n_rows == 40
    clf.predict_proba(X)
    assert clf.teacher_.n_queried == 40
    with pytest.raises(ValueError, match="a copy of a Queried, which makes no queries"):
        clf.teacher_.predict(X)
    cross_val_score(
        chain(queried, search=Fixed()), X[:200], y[:200], params={"X_unlabeled": X[:200]}, cv=2, error_score="raise"
    )
    assert service.n_rows == 40


def test_a_second_fit_goes_on_with_the_budget(digits) -> None:
    X, _, model = digits
    service = Service(model, hard=True)
    clf = chain(service, budget=30).fit(X[:200])
    first = clf.student_
    clf.fit(X[:200])
    assert service.n_rows == 30
    np.testing.assert_array_equal(first.predict(X), clf.student_.predict(X))
    clf.set_params(teacher__budget=50).fit(X[:200])
    assert service.n_rows == 50
    with pytest.raises(ValueError, match="no query for this pool: 50 rows were queried before"):
        clf.fit(X[300:])
    clone(clf).fit(X[:200])
    assert service.n_rows == 50
    assert pickle.loads(pickle.dumps(clf)).predict(X).shape == (len(X),)


@pytest.mark.parametrize("policy", [Random(), Representative()])
def test_a_broken_off_run_asks_the_rest_only(digits, tmp_path, policy) -> None:
    X, _, model = digits
    service = Service(model, fails_at=20)
    store = tmp_path / "answers.jsonl"
    queried = Queried(service, 40, strategy=policy, store=store, classes=model.classes_, batch_size=10)
    with pytest.raises(ConnectionError):
        chain(queried).fit(X[:200])
    paid = service.n_rows
    assert 20 <= paid < 40
    queried = Queried(service, 40, strategy=policy, store=store, classes=model.classes_, batch_size=10)
    again = chain(queried).fit(X[:200])
    assert service.n_rows == 40
    if isinstance(policy, Representative):  # it goes on with the rows that it had chosen
        whole = chain(Queried(Service(model), 40, strategy=policy, classes=model.classes_)).fit(X[:200])
        np.testing.assert_array_equal(whole.predict(X), again.predict(X))


def test_without_a_store_the_estimator_keeps_what_was_answered(digits) -> None:
    X, _, model = digits
    service = Service(model, hard=True, fails_at=33)
    clf = chain(service, budget=40)
    with pytest.raises(ConnectionError):
        clf.fit(X[:200])
    assert clf.fit(X[:200]).teacher_.n_queried == 40
    assert service.n_rows == 40


class OneByOne(QueryStrategy):
    """Notes what it may look at between the questions."""

    def __init__(self, seen):
        self.seen = seen

    def choose(self, state, *, seed=None):
        proba = state.learn()
        self.seen.append((len(state.known), state.n_left, len(state.open), None if proba is None else proba.shape))
        return state.open[:10]


def test_a_strategy_may_look_at_the_answers_between_rounds(digits) -> None:
    X, _, model = digits
    policy = OneByOne([])
    solve(chain(FrozenEstimator(model), strategy=policy, budget=20, search=Fixed()), X[:100], None)
    assert policy.seen == [(0, 20, 100, None), (10, 10, 90, (100, 4))]
    twice = OneByOne([])
    solve(chain(FrozenEstimator(model), strategy=twice, budget=20, search=Fixed()), np.vstack([X[:50]] * 2), None)
    assert twice.seen == [(0, 20, 50, None), (20, 10, 40, (100, 4))]


# What is refused -------------------------------------------------------------------------------------------------


class Closed(QueryStrategy):
    def choose(self, state, *, seed=None):
        return np.array([0, 0])


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        ({"budget": 0}, {}, "budget=0: expected a number of rows"),
        ({"budget": "all"}, {}, "budget='all'"),
        ({"strategy": "random"}, {}, r"strategy='random': expected a query strategy such as Random\(\)"),
        ({"strategy": Closed()}, {}, r"Closed\(\) chose 2 rows; expected 1 to 40 different"),
        ({"methods": KD()}, {}, "leave methods='auto'"),
        ({"search": DynamicProgramming()}, {}, r"its methods would query .* use Gate\(\) or Fixed\(\)"),
        ({"search": Fixed("many hops")}, {}, "no such way to the student"),
        ({"intermediates": [("a", TREE), ("b", TREE)]}, {}, "one bridge, which labels the pool; got 2"),
        ({"student": KNeighborsClassifier(), "trainer": "auto"}, {}, "KNeighborsClassifier"),
        ({"student": DecisionTreeRegressor()}, {}, "a classifier is needed"),
        ({"student": FrozenEstimator(TREE)}, {}, "can't be trained"),
        ({"cv": 1}, {}, "cv=1"),
        ({}, {"X_unlabeled": True}, r"X is the pool .* \['X_unlabeled'\] can't be used"),
        ({}, {"sample_weight": True}, r"\['sample_weight'\] can't be used"),
        ({}, {"y": True}, r"needs rows to query: fit\(X, y, X_unlabeled=pool\)"),
    ],
)
def test_what_cannot_work_is_refused_before_the_first_query(digits, changes, arguments, message) -> None:
    X, y, model = digits
    service = Service(model, hard=True)
    values = {"y": y[:60], "sample_weight": np.ones(60), "X_unlabeled": X[60:]}
    with pytest.raises((ValueError, TypeError), match=message):
        chain(service, **{"budget": 40} | changes).fit(X[:60], **{name: values[name] for name in arguments})
    assert service.n_rows == 0


def test_the_models_of_the_search_can_be_kept_and_the_teacher_is_none_of_them(digits) -> None:
    X, y, model = digits
    service = Service(model)
    clf = chain(service, budget=20, keep_rungs=True).fit(X[:60], y[:60], X_unlabeled=X[60:200])
    assert service.n_rows == 20
    names = [rung.name for rung in clf.rungs_]
    assert "teacher" not in names
    assert "bridge" in names
    assert clf.select(max_rules=16).name.startswith("student")


def test_labels_that_the_teacher_does_not_know_are_refused(digits) -> None:
    X, y, model = digits
    with pytest.raises(ValueError, match=r"labels \[7\] are unknown to the teacher"):
        chain(FrozenEstimator(model), budget=30).fit(X[:60], np.where(y[:60] == 0, 7, y[:60]), X_unlabeled=X[60:])


def test_texts_and_numbers_are_not_mixed(digits) -> None:
    X, y, _ = digits
    with pytest.raises(ValueError, match="strings and numbers"):
        chain(lambda rows: ["one"] * len(rows), budget=3).fit(X[:60], y[:60], X_unlabeled=X[60:])


def test_one_class_only_is_said_and_the_answers_are_kept(digits) -> None:
    X, _, _ = digits
    clf = chain(lambda rows: ["one"] * len(rows), budget=5)
    with pytest.raises(ValueError, match=r"one class only, \['one'\].* The answers are kept"):
        clf.fit(X[:60])
    assert clf.teacher.n_queried == 5


def test_columns_without_names_end_it_after_one_row(digits) -> None:
    X, _, model = digits
    service = Service(model)
    with pytest.raises(ValueError, match="their classes are unknown"):
        chain(service, budget=40).fit(X[:60])
    assert service.n_rows == 1


def test_the_parameters_of_the_first_release_make_a_queried_teacher(digits) -> None:
    X, _, model = digits
    service = Service(model, hard=True)
    with pytest.warns(DeprecationWarning, match=r"Queried\(teacher, budget=\.\.\., strategy=\.\.\.\)"):
        clf = MultihopClassifier(service, TREE, trainer=QUICK, query_budget=9, queries=Random(), search=Fixed())
    assert clone(clf).teacher is clf.teacher
    assert (clf.teacher.budget, type(clf.teacher.strategy)) == (9, Random)
    clf.fit(X[:50])
    assert service.n_rows == 9
    with pytest.raises(TypeError, match="unexpected keyword argument 'serach'"):
        MultihopClassifier(service, TREE, serach=Fixed())
    assert "query_budget" not in clf.get_params()


def test_a_teacher_that_could_be_fitted_is_refused(digits) -> None:
    X, y, _ = digits
    with pytest.raises(TypeError, match=r"a fitted model, FrozenEstimator\(model\), or a callable"):
        chain(RandomForestClassifier(), budget=5).fit(X[:60], y[:60], X_unlabeled=X[60:])


def test_without_a_budget_labels_are_needed(digits) -> None:
    X, _, model = digits
    with pytest.raises(ValueError, match="requires y to be passed"):
        chain(FrozenEstimator(model)).fit(X)


def test_a_regressor_has_no_query_budget(digits) -> None:
    X, y, model = digits
    with pytest.raises(TypeError, match="a regressor is needed"):
        MultihopRegressor(Queried(FrozenEstimator(model), 5), DecisionTreeRegressor()).fit(X, y)


def test_compare_refuses_a_label_budget(digits) -> None:
    X, y, model = digits
    service = Service(model)
    with pytest.raises(TypeError, match="every outer fold would need queries of its own"):
        compare(chain(service, budget=5), X, y)
    assert service.n_rows == 0


class Constant(ClassifierMixin):
    """Answers a class of its own about one row of the pool."""

    classes_ = np.array([0, 1, 2])

    def __call__(self, rows):
        return np.where(rows[:, 0] == 0, 2, rows[:, 0] % 2).astype(int)


def test_a_class_that_was_answered_once_is_no_obstacle() -> None:
    rows = np.arange(60.0).reshape(-1, 1)
    clf = chain(Constant(), budget=60).fit(rows)
    assert clf.classes_.tolist() == [0, 1, 2]
    few = chain(Constant(), budget=2, student=LogisticRegression(), trainer="auto").fit(rows[[2, 4, 31, 33]])
    assert few.comparison_ == []  # two answers can't be split into folds


def test_hard_teachers_of_scikit_learn(digits) -> None:
    X, y, _ = digits
    machine = LinearSVC(max_iter=20_000, random_state=0).fit(X[:200] / 16, y[:200])
    clf = chain(FrozenEstimator(machine), budget=50).fit(X[200:400] / 16)
    assert clf.teacher_.is_hard
    assert clf.score(X[400:] / 16, y[400:]) > 0.7
