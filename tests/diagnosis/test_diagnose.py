"""Real teachers, students and labels with known noise: is what is said true, and does it lead the right way?"""

import json
import re
from pathlib import Path
from string import Formatter

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import (
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import shuffle

from made import label_noise
from stepdown import Fixed, MultihopClassifier, diagnose
from stepdown.core import InvalidInputError, NotSupportedError
from stepdown.diagnosis import Diagnosis
from stepdown.diagnosis._advice import RULES, Condition, Rule, advise
from stepdown.oracle import Queried
from stepdown.search._recipes import MOST_ROWS_FOR_BRIDGE
from stepdown.trainers import PlainFit

TREE = DecisionTreeClassifier(max_depth=4)
FOREST = RandomForestClassifier(40, random_state=0)
# Shuffled, because the file goes by writer.
X, Y = shuffle(*load_digits(return_X_y=True), random_state=0)
TRAIN, REST = slice(0, 300), slice(300, 900)
NOISY = label_noise(Y[TRAIN], 0.2, seed=0)


def found(teacher, student=TREE, X=X[TRAIN], y=Y[TRAIN], **keywords) -> Diagnosis:
    return diagnose(teacher, student, X, y, random_state=0, **{"cv": 3, **keywords})


def rule(found: Diagnosis) -> str:
    """The name of the rule that says which way to take; its way is one that `Fixed` takes."""
    chosen = next(one for one in found.recommendations if one["role"] == "way")
    assert found.way == chosen["way"]
    assert found.way in {"labels", "one-hop", "multihop"}
    return chosen["name"]


def names(diagnosis: Diagnosis) -> list[str]:
    return [row["name"] for row in diagnosis.recommendations]


@pytest.fixture(scope="module")
def clean() -> Diagnosis:
    return found(FOREST)


@pytest.fixture(scope="module")
def memorised() -> Diagnosis:
    return found(FrozenEstimator(clone(FOREST).fit(X[TRAIN], NOISY)), y=NOISY)


# The situations -------------------------------------------------------------------------------------------------------


def test_clean_labels_and_a_forest(clean) -> None:
    facts = clean.facts
    assert rule(clean) == "one-hop"
    assert not {"look-at-the-labels", "regularise-the-teacher", "few-rows"} & set(names(clean))
    assert facts["teacher_signal"] == "out-of-bag"
    assert facts["label_error_share"] < 0.05
    assert facts["capacity_gap"] > 0.15
    assert facts["complexity_ratio"] > 50
    assert facts["information_unique_teacher"] > facts["information_unique_student"] + facts["information_bias"]
    # What the forest reaches on rows that nobody gave is near what its out-of-bag answers promised.
    truth = clone(FOREST).fit(X[TRAIN], Y[TRAIN]).score(X[REST], Y[REST])
    assert facts["teacher_accuracy"] == pytest.approx(truth, abs=0.06)


def test_a_frozen_forest_that_has_memorised_noise(memorised) -> None:
    facts = memorised.facts
    assert rule(memorised) == "bridge-memorised-noise"
    assert {"thaw-the-teacher", "look-at-the-labels", "seen-rows"} <= set(names(memorised))
    assert facts["repeats_label_errors"] > 0.9
    assert facts["teacher_accuracy_in_sample"] > 0.95
    # Nothing that would need unseen answers is stated.
    for unknown in ("teacher_accuracy", "overfit", "capacity_gap", "confidence", "confidence_gap", "teacher_lead"):
        assert facts[unknown] is None
    wrong = np.flatnonzero(Y[TRAIN] != NOISY)
    assert np.mean(np.isin(memorised.likely_error_rows, wrong)) > 0.8


def test_a_frozen_forest_that_has_not_seen_the_noise() -> None:
    other = found(FrozenEstimator(clone(FOREST).fit(X[REST], Y[REST])), y=NOISY)
    assert other.facts["repeats_label_errors"] < 0.2
    assert rule(other) == "one-hop-frozen"
    assert "thaw-the-teacher" not in names(other)


def test_an_over_fitted_booster_is_to_be_regularised_first() -> None:
    booster = GradientBoostingClassifier(n_estimators=60, max_depth=4, max_features="sqrt")
    X, y = load_breast()
    noisy = label_noise(y, 0.2, seed=0)
    wild = found(booster, X=X, y=noisy)
    assert names(wild)[0] == "regularise-the-teacher"
    assert wild.facts["overfit"] > 0.15
    assert wild.facts["confidence_gap"] > 0.02
    assert wild.facts["repeats_label_errors"] > 0.9
    # One that is clearly better than a bag of trees on unseen rows isn't harmed by what it has learned by heart.
    better = wild.facts | {"teacher_lead_std_errors": 2.5}
    assert "regularise-the-teacher" not in [row["name"] for row in advise(better)]
    # Regularised, it isn't told so again.
    tame = found(booster.set_params(n_estimators=15, max_depth=1), X=X, y=noisy)
    assert "regularise-the-teacher" not in names(tame)
    assert tame.facts["overfit"] < wild.facts["overfit"]


def load_breast():
    X, y = load_breast_cancer(return_X_y=True)
    return X[:250], y[:250]


def test_a_linear_student_needs_no_teacher() -> None:
    linear = found(FOREST, make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)))
    assert rule(linear) == "labels-alone-linear"
    assert linear.facts["training_gain"] == 0  # a linear model has no trainer of its own


def test_a_student_as_good_as_its_teacher_needs_none() -> None:
    same = found(DecisionTreeClassifier(max_depth=4, random_state=0), trainer=PlainFit())
    assert rule(same) == "nothing-to-hand-on"
    assert same.facts["capacity_gap"] < 0.01


def test_answers_only() -> None:
    machine = LinearSVC(random_state=0).fit(X[TRAIN] / 16, Y[TRAIN])
    hard = found(FrozenEstimator(machine), X=X[TRAIN] / 16)
    assert rule(hard) == "bridge-hard-answers"
    assert "ask-for-probabilities" in names(hard)
    assert hard.facts["confidence_in_sample"] is None
    assert hard.facts["calibration_error_in_sample"] is None
    # As the gate does: with many rows no bridge is shown to be better.
    many = [row["name"] for row in advise(hard.facts | {"rows": MOST_ROWS_FOR_BRIDGE + 1})]
    assert "one-hop-many-rows" in many
    assert "bridge-hard-answers" not in many


def test_a_pool_that_the_teacher_may_label_and_one_it_may_not(clean) -> None:
    frozen = FrozenEstimator(clone(FOREST).fit(X[TRAIN], NOISY))
    free = found(frozen, y=NOISY, X_unlabeled=X[REST])
    assert rule(free) == "label-the-pool"
    assert free.facts["query_budget"] == free.facts["unlabelled_rows"] == 600
    few = found(frozen, y=NOISY, X_unlabeled=X[REST], query_budget=40)
    assert rule(few) == "buy-answers"
    assert few.facts["query_budget"] == 40
    assert "600 unlabelled rows and a label budget of 40" in str(few).replace("\n    ", " ")
    assert clean.facts["unlabelled_rows"] == 0


def test_few_trees_and_few_rows() -> None:
    small = found(FOREST, RandomForestClassifier(3, max_depth=3), X=X[:90], y=Y[:90])
    assert rule(small) == "labels-alone-few-trees"
    assert small.facts["fewest_rows_of_a_class"] < 10
    assert "few-rows" in names(small)


def test_doubt_grows_with_the_noise() -> None:
    teacher = KNeighborsClassifier(5)
    doubts = [
        found(teacher, y=label_noise(Y[TRAIN], noise, seed=1), trainer=PlainFit()).facts["label_error_share"]
        for noise in (0.0, 0.1, 0.2, 0.3)
    ]
    np.testing.assert_allclose(doubts, [0.0, 0.1, 0.2, 0.3], atol=0.07)


# What it must not do --------------------------------------------------------------------------------------------------


def test_nothing_of_the_callers_is_touched(clean) -> None:
    forest, tree = clone(FOREST), clone(TREE)
    frozen = FrozenEstimator(clone(FOREST).fit(X[TRAIN], Y[TRAIN]))
    before = frozen.predict_proba(X[REST])
    rows, labels = X[TRAIN].copy(), Y[TRAIN].copy()
    again = found(forest, tree, X=rows, y=labels)
    found(frozen, X=rows, y=labels)
    assert not hasattr(forest, "estimators_")
    assert not hasattr(tree, "tree_")
    np.testing.assert_array_equal(frozen.predict_proba(X[REST]), before)
    np.testing.assert_array_equal(rows, X[TRAIN])
    np.testing.assert_array_equal(labels, Y[TRAIN])
    assert again.facts == clean.facts  # and the seed decides everything


def test_the_summary_is_plain_json(clean, memorised) -> None:
    for diagnosis in (clean, memorised):
        summary = diagnosis.to_dict()
        assert json.loads(json.dumps(summary, allow_nan=False)) == summary
        assert summary["schema"] == 1


def test_groups_are_kept_together() -> None:
    # Every row four times: whoever splits copies apart finds a nearest neighbour that knows the label.
    rows, labels = np.repeat(X[:80], 4, axis=0), np.repeat(label_noise(Y[:80], 0.3, seed=0), 4)
    groups = np.repeat(np.arange(80), 4)
    near = KNeighborsClassifier(1)
    apart = found(near, X=rows, y=labels)
    together = found(near, X=rows, y=labels, groups=groups)
    assert apart.facts["teacher_accuracy"] > 0.95
    assert together.facts["teacher_accuracy"] < 0.75
    assert together.facts["label_error_share"] > apart.facts["label_error_share"] + 0.1


def test_frames_words_as_labels_and_several_teachers() -> None:
    frame = pd.DataFrame(X[TRAIN], columns=[f"pixel_{place}" for place in range(64)])
    words = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])[Y[TRAIN]]
    diagnosis = found([KNeighborsClassifier(3), LogisticRegression(max_iter=3000)], X=frame, y=words)
    assert diagnosis.facts["teacher_signal"] == "out-of-fold"
    assert rule(diagnosis) == "one-hop"


def test_a_network_as_teacher_and_as_student() -> None:
    pytest.importorskip("skorch")
    torch = pytest.importorskip("torch")
    from skorch import NeuralNetClassifier

    torch.manual_seed(0)

    def net(width):
        return NeuralNetClassifier(
            torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, 10)),
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=0.01,
            max_epochs=20,
            batch_size=50,
            train_split=None,
            verbose=0,
        )

    diagnosis = found(net(64), net(4), X=(X[TRAIN] / 16).astype(np.float32), trainer=PlainFit())
    assert diagnosis.facts["student_kind"] == "network"
    assert diagnosis.facts["complexity_ratio"] > 5
    assert diagnosis.facts["teacher_accuracy"] > 0.7


# What it refuses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        ((RandomForestRegressor(), LinearRegression()), {}, NotSupportedError, "teacher: diagnose needs classifiers"),
        ((FOREST, DecisionTreeClassifier), {}, NotSupportedError, "student=.*expected an estimator object"),
        ((FOREST, FrozenEstimator(TREE)), {}, NotSupportedError, "can't be trained"),
        ((FOREST, TREE), {"query_budget": 5}, InvalidInputError, "give the pool as X_unlabeled"),
        ((FOREST, TREE), {"query_budget": -1, "X_unlabeled": X[REST]}, InvalidInputError, "query_budget=-1"),
        ((FOREST, TREE), {"X_unlabeled": X[REST][:, :3]}, InvalidInputError, "X_unlabeled has shape"),
        ((Queried(FrozenEstimator(FOREST), 9), TREE), {}, NotSupportedError, "would spend its budget"),
        ((FOREST, TREE), {"cv": 1}, InvalidInputError, "cv=1"),
        ((FOREST, TREE), {"y": np.zeros(300)}, InvalidInputError, "one class only"),
        ((FOREST, TREE), {"trainer": "best"}, InvalidInputError, "trainer='best'"),
    ],
)
def test_what_can_not_be_diagnosed(arguments, keywords, error, message) -> None:
    with pytest.raises(error, match=message):
        found(*arguments, **keywords)


# The table of rules ---------------------------------------------------------------------------------------------------


def test_every_source_is_a_heading_on_its_page() -> None:
    root = Path(__file__).parents[2]
    sources = [rule.source for rule in RULES if rule.source is not None]
    assert len(sources) > len(RULES) / 2
    for source in sources:
        page, heading = re.fullmatch(r'(docs/[a-z-]+\.md), "(.*)"', source).groups()
        assert re.search(rf"^##+ {re.escape(heading)}", (root / page).read_text(), flags=re.MULTILINE), source


def test_the_page_about_the_rules_tells_them_all_and_runs(capsys) -> None:
    page = (Path(__file__).parents[2] / "docs" / "diagnose.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| (first|way|also) \|", page, flags=re.MULTILINE)
    assert rows == list(dict.fromkeys((rule.name, rule.role) for rule in RULES))
    exec(re.search(r"```python\n(.*?)```", page, flags=re.DOTALL).group(1), {})
    assert "Which way to the student" in capsys.readouterr().out


def test_the_last_way_always_holds_and_roles_are_known() -> None:
    assert [rule for rule in RULES if rule.role == "way"][-1].when == ()
    assert {rule.role for rule in RULES} == {"first", "way", "also"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_reason_reads_only_facts_that_are_known_when_the_rule_holds(rule, clean, memorised) -> None:
    known = {name for name, fact in memorised.facts.items() if fact is not None and clean.facts[name] is not None}
    asked = {condition.fact for condition in rule.when}
    known |= asked
    if asked & {"overfit", "capacity_gap", "teacher_lead"}:  # differences from it
        known.add("teacher_accuracy")
    if "unlabelled_rows" in asked:
        known.add("query_budget")
    assert {field for _, field, _, _ in Formatter().parse(rule.reason) if field} <= known
    assert asked <= set(clean.facts)


def test_unknown_facts_fulfil_nothing_and_the_first_way_is_taken() -> None:
    big = Condition("size", lambda known, value: known > value, 3)
    rules = (
        Rule("a", "way", (big,), "A.", "Size {size}."),
        Rule("b", "way", (), "B.", "Else."),
        Rule("c", "also", (big,), "C.", "Too."),
    )
    assert [row["name"] for row in advise({"size": 5}, rules)] == ["a", "c"]
    assert advise({"size": 5}, rules)[0]["because"] == {"size": 5}
    assert [row["name"] for row in advise({"size": None}, rules)] == ["b"]
    assert [row["name"] for row in advise({"size": 3}, rules)] == ["b"]


@pytest.mark.parametrize("way", sorted({rule.way for rule in RULES if rule.way}))
def test_fixed_takes_the_way_of_every_rule(way) -> None:
    clf = MultihopClassifier(FOREST, TREE, search=Fixed(way), trainer=PlainFit(), random_state=0)
    assert clf.fit(X[TRAIN], Y[TRAIN]).comparison_ == []


def test_every_rule_about_ways_has_one() -> None:
    assert all((rule.role == "way") == (rule.way is not None) for rule in RULES)
