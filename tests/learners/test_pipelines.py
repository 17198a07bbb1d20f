"""Models are taken out of their wrappers once, however these are nested."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from stepdown.core import TransferSet
from stepdown.learners import complexity, grades, peel, with_final
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
