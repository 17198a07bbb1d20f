"""Pipelines of imbalanced-learn's shape: steps that choose or make rows while fitting, as teachers and students."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from stepdown import Fixed, MultihopClassifier
from stepdown.core import NotSupportedError, TransferSet, as_teacher
from stepdown.learners import fit_to, peel, training_signal

X, y = make_classification(160, 6, weights=[0.85], random_state=0)
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)


class Chooses(BaseEstimator):
    """As many rows of each class as there are of the rarest."""

    def fit_resample(self, X, y):
        fewest = np.bincount(y).min()
        self.sample_indices_ = np.concatenate([np.flatnonzero(y == label)[:fewest] for label in np.unique(y)])
        return X[self.sample_indices_], y[self.sample_indices_]


class Makes(BaseEstimator):
    """Rows of the rarest class again, slightly off, behind the others."""

    def fit_resample(self, X, y):
        rare = np.flatnonzero(y == np.bincount(y).argmin())
        return np.concatenate([X, X[rare] + 0.01, X[rare] - 0.01]), np.concatenate([y, y[rare], y[rare]])


class Removes(BaseEstimator):
    """Rows go, and nobody says which."""

    def fit_resample(self, X, y):
        return X[::2], y[::2]


class Resampling(Pipeline):
    """scikit-learn's refuses steps without transform."""

    def _validate_steps(self):
        pass

    def fit(self, X, y):
        for _, step in self.steps[:-1]:
            X, y = step.fit_resample(X, y) if hasattr(step, "fit_resample") else (step.fit_transform(X, y), y)
        self.steps[-1][1].fit(X, y)
        return self

    def predict_proba(self, X):
        return self.steps[-1][1].predict_proba(peel(self).prepare(X))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def behind(sampler, learner):
    return Resampling([("scale", StandardScaler()), ("sample", sampler), ("learner", learner)])


@pytest.mark.parametrize("sampler", [Chooses(), Makes()], ids=lambda sampler: type(sampler).__name__)
@pytest.mark.parametrize(
    ("weight", "search"), [(None, "auto"), (np.linspace(1, 2, len(y)), Fixed("one-hop"))], ids=["", "weights"]
)
def test_teachers_and_students_may_resample(sampler, weight, search):
    forest = RandomForestClassifier(5, random_state=0)
    for teacher, student in (
        (behind(sampler, forest), TREE),
        (forest, behind(sampler, TREE)),
        (forest, behind(sampler, LogisticRegression())),
    ):
        clf = MultihopClassifier(teacher, student, search=search, random_state=0).fit(X, y, sample_weight=weight)
        assert clf.score(X, y) > 0.8
        assert type(clf.student_) is type(student)


@pytest.mark.parametrize("sampler", [Chooses(), Makes()], ids=lambda sampler: type(sampler).__name__)
def test_targets_and_weights_follow_the_rows(sampler):
    model = behind(sampler, TREE)
    plain = fit_to(model, TransferSet.for_classification(X, y))
    ones = fit_to(model, TransferSet.for_classification(X, y, sample_weight=np.ones(len(y))))
    one_hot = np.eye(2)[y]
    hardly_soft = fit_to(model, TransferSet(X, one_hot * 0.998 + 0.001, classes=np.array([0, 1])))
    assert np.array_equal(plain.predict_proba(X), ones.predict_proba(X))
    assert np.mean(plain.predict(X) == hardly_soft.predict(X)) > 0.98


def test_what_nobody_can_follow_is_refused_but_for_labels():
    model = behind(Removes(), TREE)
    assert np.mean(fit_to(model, TransferSet.for_classification(X, y)).predict(X) == y) > 0.8
    with pytest.raises(NotSupportedError, match="Removes doesn't say which rows it kept"):
        fit_to(model, TransferSet.for_classification(X, y, sample_weight=np.ones(len(y))))


def test_a_forest_behind_a_sampler_has_seen_other_rows_than_its_bags_say():
    data = TransferSet.for_classification(X, y)
    teacher = fit_to(behind(Chooses(), RandomForestClassifier(10, random_state=0)), data)
    assert training_signal(as_teacher(teacher), data, cv=3, seed=0).source == "out-of-fold"
