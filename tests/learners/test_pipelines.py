"""Models are taken out of their wrappers once, however these are nested."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFE, SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from stepdown import KD, MultihopClassifier
from stepdown.core import NotSupportedError, TransferSet
from stepdown.learners import complexity, fit_to, grades, peel, supports_weight, with_final
from stepdown.trainers import PlainFit, trainer_for

X, y = load_iris(return_X_y=True)
DATA = TransferSet.for_classification(X, y)


def wrapped(learner):
    """Steps outside and inside of what is frozen."""
    scale = StandardScaler().fit(X)
    inner = make_pipeline(PCA(3, random_state=0), learner).fit(scale.transform(X), y)
    return make_pipeline(scale, "passthrough", FrozenEstimator(FrozenEstimator(inner))), inner[-1]


def test_every_wrapper_is_taken_off():
    model, tree = wrapped(DecisionTreeClassifier(max_depth=3, random_state=0))
    peeled = peel(model)
    assert peeled.learner is tree
    assert peeled.final is model[-1]
    assert peeled.is_frozen
    assert not peeled.is_network
    assert [name for name, _ in peeled.steps] == ["standardscaler", "pca"]
    assert np.array_equal(tree.predict_proba(peeled.prepare(X)), model.predict_proba(X))
    assert complexity(model).nodes == tree.tree_.node_count


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "learner",
    [
        RandomForestClassifier(6, random_state=0),
        GradientBoostingClassifier(n_estimators=6, random_state=0),
        MLPClassifier((5, 4), solver="lbfgs", max_iter=2000, random_state=0),
    ],
    ids=lambda learner: type(learner).__name__,
)
def test_grades_of_a_frozen_pipeline_behind_steps_keep_its_inner_steps(learner):
    model, _ = wrapped(learner)
    found = grades(model, 3, data=DATA)
    assert len(found) == 3
    assert all(np.mean(grade.model.predict(X) == y) > 0.8 for grade in found)


def test_another_learner_is_put_behind_all_steps():
    model, _ = wrapped(DecisionTreeClassifier(max_depth=2))
    other = clone(with_final(model, DecisionTreeClassifier(max_depth=5))).fit(X, y)
    assert [type(step).__name__ for _, step in peel(other).steps] == ["StandardScaler", "PCA"]
    assert other.score(X, y) > 0.95


@pytest.mark.parametrize("learner", [DecisionTreeClassifier(max_depth=2), MLPClassifier((5,), max_iter=400)])
def test_what_is_frozen_needs_no_trainer_of_its_own(learner):
    assert isinstance(trainer_for(FrozenEstimator(learner)), PlainFit)


@pytest.mark.parametrize("step", [RFE(LogisticRegression(), n_features_to_select=2), SelectKBest(k=2)], ids=repr)
def test_steps_that_learn_from_labels_know_a_class_that_is_nowhere_the_likeliest(step):
    share = np.where(y == 2, 0.4, 0.02)
    rare = TransferSet(X, np.column_stack([1 - share, share]), classes=np.array(["no", "yes"]))
    model = fit_to(make_pipeline(step, LogisticRegression()), rare)
    assert list(model.classes_) == ["no", "yes"]
    assert model[0].get_support()[2:].all()  # petals tell the third kind, and so they tell the rare class
    kept = rare.labels()
    assert set(kept) == {"no"}


PLAIN = DecisionTreeClassifier(max_depth=2)
HANDS_WEIGHTS_ON = [
    VotingClassifier([("a", PLAIN)]),
    StackingClassifier([("a", PLAIN)], LogisticRegression()),
    GridSearchCV(PLAIN, {"max_depth": [1, 2]}),
    BaggingClassifier(PLAIN),
    CalibratedClassifierCV(PLAIN),
]
INNER = make_pipeline(StandardScaler(), LogisticRegression())
HOLD_PIPELINES = [
    VotingClassifier([("a", INNER)]),
    StackingClassifier([("a", PLAIN)], INNER),
    GridSearchCV(INNER, {"logisticregression__C": [1, 2]}),
    AdaBoostClassifier(INNER, n_estimators=2),
    GradientBoostingClassifier(n_estimators=2, init=INNER),
    BaggingClassifier(INNER, 2),
]
WANTS_ROUTING = [
    OneVsRestClassifier(PLAIN),
    OneVsOneClassifier(PLAIN),
    OutputCodeClassifier(PLAIN),
    FixedThresholdClassifier(PLAIN),
    TunedThresholdClassifierCV(PLAIN),
]


@pytest.mark.parametrize("model", [*HANDS_WEIGHTS_ON, *WANTS_ROUTING], ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("routing", [False, True], ids=["", "routing"])
@pytest.mark.parametrize("request_it", [False, True], ids=["", "requested"])
def test_weights_are_believed_in_only_where_fit_takes_them(model, routing, request_it):
    rows, labels = X[y != 2], y[y != 2]
    with config_context(enable_metadata_routing=routing):
        model = clone(model)
        if routing and request_it:
            for part in [model, *model.get_params().values()]:
                if isinstance(part, DecisionTreeClassifier | LogisticRegression | CalibratedClassifierCV):
                    part.set_fit_request(sample_weight=True)
        try:
            model.fit(rows, labels, sample_weight=np.linspace(1, 2, len(rows)))
            takes = True
        except (ValueError, TypeError):
            takes = False
        # Bagging draws by weights that nobody inside has requested; not to use them there is on the safe side.
        cautious = routing and isinstance(model, BaggingClassifier)
        assert supports_weight(model) == takes or (cautious and takes)


@pytest.mark.parametrize("model", HOLD_PIPELINES, ids=lambda model: type(model).__name__)
def test_no_weights_reach_through_an_inner_pipeline(model):
    rows, labels = X[y != 2], y[y != 2]
    try:
        clone(model).fit(rows, labels, sample_weight=np.linspace(1, 2, len(rows)))
        takes = True
    except ValueError:
        takes = False
    assert supports_weight(model) == takes


def test_calibration_would_leave_the_weights_outside_of_a_pipeline():
    assert not supports_weight(CalibratedClassifierCV(INNER))


@pytest.mark.parametrize("student", [HOLD_PIPELINES[2], OneVsRestClassifier(PLAIN), KNeighborsClassifier(3)], ids=str)
def test_a_student_of_labels_only_is_told_labels_unless_a_method_is_named(student):
    clf = MultihopClassifier(RandomForestClassifier(10), student, random_state=0).fit(X, y)
    assert type(clf.student_) is type(student)
    assert {"one-hop", "labels"} <= {row["way"] for row in clf.comparison_}
    with pytest.raises(NotSupportedError, match="neither soft targets nor sample_weight"):
        MultihopClassifier(RandomForestClassifier(10), student, methods=KD()).fit(X, y)


def test_a_model_of_several_targets_is_refused_before_any_fit():
    with pytest.raises(NotSupportedError, match="student: MultiOutputClassifier learns several targets"):
        MultihopClassifier(RandomForestClassifier(10), MultiOutputClassifier(PLAIN)).fit(X, y)


def test_a_student_that_wants_routing_is_refused_before_the_teacher_is_fitted():
    class Counted(RandomForestClassifier):
        fits = 0

        def fit(self, *arguments, **keywords):
            Counted.fits += 1
            return super().fit(*arguments, **keywords)

    with pytest.raises(NotSupportedError, match="OneVsRestClassifier takes neither soft targets nor sample_weight"):
        MultihopClassifier(Counted(5), OneVsRestClassifier(PLAIN), methods=KD(), random_state=0).fit(X, y)
    assert Counted.fits == 0
