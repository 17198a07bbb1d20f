import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from lightgbm import LGBMClassifier
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, export_text

from stepdown import KD, ConfWeight, DynamicProgramming, Fixed, MultihopClassifier, MultihopRegressor, TreeSearch
from stepdown.methods import Dense
from stepdown.search import Gate
from stepdown.search._solve import solve
from stepdown.trainers import PlainFit

TREE = DecisionTreeClassifier(max_depth=3)


def small(**changes) -> MultihopClassifier:
    return MultihopClassifier(RandomForestClassifier(20), TREE, random_state=0, **changes)


def test_what_ships_is_a_plain_tree(wine) -> None:
    clf = small().fit(*wine)
    assert type(clf.student_) is DecisionTreeClassifier
    assert clf.student_.get_depth() <= 3
    assert "feature_" in export_text(clf.student_)
    np.testing.assert_array_equal(clf.predict(wine[0]), clf.student_.predict(wine[0]))
    assert clf.score(*wine) > 0.9


def test_the_same_seed_gives_the_same_student_and_another_seed_another_teacher(wine) -> None:
    a, b, c = (small().set_params(random_state=seed).fit(*wine) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a.predict_proba(wine[0]), b.predict_proba(wine[0]))
    assert not np.array_equal(a.teacher_.predict_proba(wine[0]), c.teacher_.predict_proba(wine[0]))


def test_the_record_says_what_was_done(wine) -> None:
    clf = small(search=Fixed("multihop-averaged")).fit(*wine)
    assert [record.name for record in clf.chain_] == ["teacher", "bridge", "student"]
    assert clf.chain_[-1].teachers == ("teacher", "bridge")
    assert clf.chain_[0].complexity.size > clf.chain_[-1].complexity.size
    assert all(record.seconds > 0 for record in clf.chain_)
    assert clf.comparison_ == []


def test_the_gate_lists_every_way_with_its_paired_difference(wine) -> None:
    clf = small().fit(*wine)
    rows = {row["way"]: row for row in clf.comparison_}
    assert {row["kind"] for row in rows.values()} == {
        "plain",
        "labels",
        "one-hop",
        "multihop",
        "control",
    }
    assert rows["labels"]["difference"] == 0
    assert sum(row["chosen"] for row in rows.values()) == 1
    for row in rows.values():
        assert row["difference"] == pytest.approx(row["score"] - rows["labels"]["score"])
    assert clf.chain_[-1].score == next(row["score"] for row in rows.values() if row["chosen"])


def test_nothing_of_the_callers_changes(wine) -> None:
    teacher, student, method = RandomForestClassifier(10), DecisionTreeClassifier(max_depth=2), KD()
    mids = [("mid", ExtraTreesClassifier(5, max_depth=3))]
    clf = MultihopClassifier(teacher, student, methods=method, intermediates=mids)
    before = pickle.dumps((teacher, student, method, wine, clf.get_params()))
    clf.fit(*wine)
    assert pickle.dumps((teacher, student, method, wine, clf.get_params())) == before


def test_a_frozen_teacher_stays_as_it_is_and_is_not_fitted_again(wine) -> None:
    forest = RandomForestClassifier(20, random_state=0).fit(*wine)
    before = pickle.dumps(forest)
    clf = MultihopClassifier(FrozenEstimator(forest), TREE, random_state=0).fit(*wine)
    assert pickle.dumps(forest) == before
    assert clf.teacher_.estimator is forest
    assert any(row["way"] == "multihop-bare" for row in clf.comparison_)


class OnlyAnswers(DecisionTreeClassifier):
    @property
    def predict_proba(self):
        raise AttributeError("this model gives answers only")


def test_a_teacher_with_hard_answers_teaches(wine) -> None:
    teacher = FrozenEstimator(OnlyAnswers().fit(*wine))
    clf = MultihopClassifier(teacher, TREE, search=Fixed(), random_state=0).fit(*wine)
    assert [record.name for record in clf.chain_] == ["teacher", "bridge", "student"]
    # The bridge, not the teacher, teaches the student; and it says more than the teacher's answers.
    bridge = clf.chain_[1].model
    assert np.mean((bridge.oob_values_ > 0.02) & (bridge.oob_values_ < 0.98)) > 0.05
    assert clf.score(*wine) > 0.9


def test_a_chain_helps_when_a_frozen_teacher_has_memorised_noise(noisy) -> None:
    X, y, X_test, y_test = noisy
    forest = RandomForestClassifier(100, random_state=0).fit(X, y)
    scores = {}
    for way in ("one-hop", "multihop"):
        fits = [
            MultihopClassifier(FrozenEstimator(forest), TREE, search=Fixed(way), random_state=seed).fit(X, y)
            for seed in range(5)
        ]
        scores[way] = np.mean([clf.score(X_test, y_test) for clf in fits])
    assert scores["multihop"] > scores["one-hop"]


def test_no_intermediates_means_one_hop(wine) -> None:
    clf = small(methods=KD(), intermediates=[], search=Fixed("one-hop")).fit(*wine)
    assert [record.name for record in clf.chain_] == ["teacher", "student"]
    with pytest.raises(ValueError, match="no such way"):
        small(methods=KD(), intermediates=[], search=Fixed("multihop")).fit(*wine)


def test_an_explicit_chain_takes_the_models_in_order(wine) -> None:
    mids = [("big", RandomForestClassifier(10, max_depth=4)), ("small", RandomForestClassifier(4, max_depth=3))]
    clf = small(methods=KD(), intermediates=mids, search=Fixed()).fit(*wine)
    assert [record.name for record in clf.chain_] == ["teacher", "big", "small", "student"]
    sizes = [record.complexity.size for record in clf.chain_]
    assert sizes == sorted(sizes, reverse=True)


def test_a_chain_that_does_not_fall_warns(wine) -> None:
    mids = [("small", RandomForestClassifier(2, max_depth=2)), ("big", RandomForestClassifier(15))]
    with pytest.warns(UserWarning, match=r"complexity doesn't fall: small .* -> big"):
        small(methods=KD(), intermediates=mids, search=Fixed()).fit(*wine)


def test_dense_guidance_listens_to_all_earlier_models(wine) -> None:
    mids = [("mid", RandomForestClassifier(10, max_depth=4))]
    clf = small(methods=Dense(KD()), intermediates=mids, search=Fixed()).fit(*wine)
    bare = small(methods=KD(), intermediates=mids, search=Fixed()).fit(*wine)
    assert clf.chain_[-1].teachers == ("teacher", "mid")
    assert not np.array_equal(clf.predict_proba(wine[0]), bare.predict_proba(wine[0]))


def test_a_list_of_methods_is_chosen_from(wine) -> None:
    clf = small(methods=[KD(), ConfWeight()], intermediates=[]).fit(*wine)
    names = [row["way"] for row in clf.comparison_]
    assert names == ["plain", "labels", "one-hop, KD()", "one-hop, ConfWeight()"]


def test_logistic_regression_is_left_alone_by_default(cancer) -> None:
    student = make_pipeline(StandardScaler(), LogisticRegression())
    clf = MultihopClassifier(RandomForestClassifier(30), student, search=Gate(margin=np.inf), random_state=0).fit(
        *cancer
    )
    plain = clone(student).fit(*cancer)
    np.testing.assert_allclose(clf.predict_proba(cancer[0]), plain.predict_proba(cancer[0]), atol=1e-4)
    assert [record.name for record in clf.chain_] == ["student"]
    for shown in (clf.chain_, clf.comparison_, pickle.loads(pickle.dumps(clf)).chain_):
        assert repr(shown).startswith("The teacher is not used: the student was trained by 'labels'; ")
    taught = small(search=Fixed("one-hop")).fit(*cancer)
    assert taught.chain_.note == taught.comparison_.note == ""
    assert repr(taught.chain_).startswith("teacher [")


def test_string_labels_frames_and_weights(cancer) -> None:
    X, y = cancer
    words = np.where(y == 1, "benign", "malignant")
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])])
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    clf = small().fit(frame, words, sample_weight=weights)
    assert clf.classes_.tolist() == ["benign", "malignant"]
    assert set(clf.predict(frame)) <= set(words)
    assert clf.student_.feature_names_in_.tolist() == list(frame.columns)
    as_polars = small().fit(pl.DataFrame(dict(frame)), words, sample_weight=weights)
    np.testing.assert_allclose(as_polars.predict_proba(pl.DataFrame(dict(frame))), clf.predict_proba(frame))


def test_weights_count(wine) -> None:
    X, y = wine
    heavy = np.where(y == 2, 1e-6, 1.0)
    clf = small(search=Fixed("labels"))
    light, plain = (np.mean(clf.fit(X, y, sample_weight=w).predict(X) == 2) for w in (heavy, None))
    assert light < plain - 0.1


def test_sparse_rows_where_the_models_take_them(wine) -> None:
    X, y = wine
    clf = small().fit(csr_matrix(X), y)
    dense = small().fit(X, y)
    assert abs(clf.score(csr_matrix(X), y) - dense.score(X, y)) < 0.06


def test_groups_never_stand_on_both_sides(wine) -> None:
    """Every row stands twice; without groups a memorising teacher would know every label out-of-fold."""
    X, y = wine
    rng = np.random.default_rng(0)
    y = rng.permutation(y)
    twice, labels, groups = np.r_[X, X], np.r_[y, y], np.r_[np.arange(len(y)), np.arange(len(y))]
    knows = {}
    for name, given in (("with", groups), ("without", None)):
        clf = MultihopClassifier(DecisionTreeClassifier(), TREE, search=Fixed("one-hop"), random_state=0)
        problem, choice = solve(clf, twice, labels, None, given)
        told = problem.supervised(choice.way)
        knows[name] = np.mean(told.soft_targets()[np.arange(len(labels)), told.label_index()])
    assert knows["without"] > knows["with"] + 0.2


def test_pipelines_as_teacher_and_student(cancer) -> None:
    X, y = cancer
    frame = pd.DataFrame({"a": X[:, 0], "b": np.where(X[:, 1] > np.median(X[:, 1]), "high", "low")})
    columns = make_column_transformer((OneHotEncoder(), ["b"]), remainder="passthrough")
    teacher = make_pipeline(columns, RandomForestClassifier(20))
    student = make_pipeline(clone(columns), DecisionTreeClassifier(max_depth=2))
    clf = MultihopClassifier(teacher, student, random_state=0).fit(frame, y)
    assert type(clf.student_[-1]) is DecisionTreeClassifier
    assert clf.score(frame, y) > 0.8


@pytest.mark.parametrize(
    ("teacher", "student"),
    [
        (LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1), DecisionTreeClassifier(max_depth=3)),
        (MLPClassifier((20,), solver="lbfgs", max_iter=50), DecisionTreeClassifier(max_depth=3)),
        (RandomForestClassifier(20), RandomForestClassifier(3, max_depth=2)),
        (RandomForestClassifier(20), make_pipeline(StandardScaler(), LogisticRegression())),
        (RandomForestClassifier(20), MLPClassifier((3,), solver="lbfgs", max_iter=30)),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_pairs_of_models(teacher, student, wine) -> None:
    X = StandardScaler().fit_transform(wine[0])
    clf = MultihopClassifier(teacher, student, random_state=0).fit(X, wine[1])
    assert type(clf.student_) is type(student)
    assert clf.score(X, wine[1]) > 0.8


def test_regression(diabetes) -> None:
    X, y = diabetes
    reg = MultihopRegressor(RandomForestRegressor(30), DecisionTreeRegressor(max_depth=3), random_state=0).fit(X, y)
    assert type(reg.student_) is DecisionTreeRegressor
    plain = DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, y)
    assert reg.student_.get_depth() <= 3
    assert reg.score(X, y) > plain.score(X, y) - 0.15
    ridge = MultihopRegressor(RandomForestRegressor(30), Ridge(), random_state=0).fit(X, y)
    assert isinstance(ridge.student_, Ridge)


def test_grid_search_reaches_methods_student_and_search(wine) -> None:
    grid = {"methods__weight": [0.3, 0.9], "student__max_depth": [1, 3], "search__folds": [2]}
    search = GridSearchCV(small(methods=KD(), intermediates=[], search=Gate()), grid, cv=2).fit(*wine)
    assert search.best_params_["student__max_depth"] == 3
    assert search.best_estimator_.student_.get_depth() <= 3


def test_cross_validate_clone_pickle(wine) -> None:
    scores = cross_validate(small(), *wine, cv=3, error_score="raise")["test_score"]
    assert scores.mean() > 0.8
    clf = clone(small()).fit(*wine)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(wine[0]), clf.predict_proba(wine[0]))


def test_parallel_folds_give_the_same(wine) -> None:
    one, two = small(n_jobs=None).fit(*wine), small(n_jobs=2).fit(*wine)
    assert one.comparison_ == two.comparison_


def test_memory_keeps_the_teacher(wine, tmp_path) -> None:
    first = small(memory=str(tmp_path)).fit(*wine)
    second = small(memory=str(tmp_path)).fit(*wine)
    assert list(tmp_path.rglob("teacher-*.pkl"))
    np.testing.assert_array_equal(first.predict_proba(wine[0]), second.predict_proba(wine[0]))


def test_the_trainer_can_be_chosen(wine) -> None:
    plain = small(trainer=PlainFit(), search=Fixed("labels")).fit(*wine)
    alone = small(search=Fixed("plain")).fit(*wine)
    np.testing.assert_array_equal(plain.predict_proba(wine[0]), alone.predict_proba(wine[0]))
    assert isinstance(small(search=Fixed()).fit(*wine).chain_[-1].trainer, TreeSearch)


def test_a_scorer_of_the_users(wine) -> None:
    clf = small(scoring="neg_log_loss").fit(*wine)
    assert all(row["score"] <= 0 for row in clf.comparison_)


def test_the_drawing_shows_the_chain(wine) -> None:
    drawn = small(search=Fixed()).fit(*wine)._repr_html_()
    places = [drawn.index(f"<label>{name}</label>") for name in ("teacher", "bridge", "student")]
    assert places == sorted(places)
    assert drawn.rindex("DecisionTreeClassifier") > places[-1]


def test_verbose_says_what_is_done(wine, capsys) -> None:
    small(verbose=1).fit(*wine)
    assert "fitting the teacher, RandomForestClassifier" in capsys.readouterr().out


def test_the_wide_search_contains_plain_training_and_every_one_hop(wine) -> None:
    mids = [("mid", RandomForestClassifier(10, max_depth=4)), ("low", RandomForestClassifier(4, max_depth=3))]
    clf = small(methods=[KD(), ConfWeight()], intermediates=mids, search=DynamicProgramming()).fit(*wine)
    hops = {(row["source"], row["target"], row["method"]) for row in clf.candidates_}
    for method in ("KD()", "ConfWeight()"):
        assert {("teacher", "mid", method), ("teacher", "student", method), ("mid", "low", method)} <= hops
    assert ("labels", "student", "NoTransfer()") in hops
    assert clf.chain_[-1].name == "student"


def test_the_budget_of_the_wide_search_is_kept(wine) -> None:
    clf = small(search=DynamicProgramming(max_fits=30)).fit(*wine)
    full = small(search=DynamicProgramming(max_fits=None)).fit(*wine)
    assert sum(row["fits"] for row in clf.candidates_) <= 30 + 5
    assert len(full.candidates_) > len(clf.candidates_)


@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame, lambda X: pl.DataFrame(X, schema=list("abcdefghijklm"))])
def test_further_rows_stay_within_small_whole_numbers(wine, kind) -> None:
    X, y = wine
    whole = kind((np.median(X, axis=0) < X).astype("uint8") * 255)
    if hasattr(whole, "rename") and not hasattr(whole, "to_dicts"):
        whole.columns = list("abcdefghijklm")
    teacher = FrozenEstimator(RandomForestClassifier(10, random_state=0).fit(whole, y))
    clf = MultihopClassifier(teacher, TREE, random_state=0).fit(whole, y)
    assert clf.score(whole, y) > 0.8


def test_the_record_names_the_models_that_were_asked(wine) -> None:
    bare = small(search=Fixed("multihop-bare")).fit(*wine).chain_
    assert [record.teachers for record in bare] == [(), ("teacher",), ("bridge",)]
    control = small(search=Fixed("control")).fit(*wine).chain_
    assert [record.teachers for record in control] == [(), ("bridge",)]


def test_several_teachers_are_averaged(wine) -> None:
    X, y = wine
    forest, line = RandomForestClassifier(10, random_state=0), LogisticRegression(max_iter=5000)
    frozen = FrozenEstimator(clone(line).fit(X, y))
    clf = MultihopClassifier([forest, frozen], TREE, search=Fixed("one-hop"), random_state=0).fit(X, y)
    expected = (clone(forest).fit(X, y).predict_proba(X) + frozen.predict_proba(X)) / 2
    np.testing.assert_allclose(clf.teacher_.predict_proba(X), expected)
    assert not hasattr(forest, "estimators_")
    assert "teacher" in clone(clf)._repr_html_()
    reg = MultihopRegressor([Ridge(), RandomForestRegressor(5)], DecisionTreeRegressor(max_depth=2), random_state=0)
    assert reg.fit(X, X[:, 0]).student_.get_depth() <= 2
