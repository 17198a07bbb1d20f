"""LightGBM and XGBoost on soft targets: exact for two classes, by expansion for more."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from stepdown.core import InvalidInputError, TransferSet
from stepdown.learners import fit_to, soft_fit_support

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")

LGBM = lightgbm.LGBMClassifier(n_estimators=10, n_jobs=1, verbose=-1, min_child_samples=5, random_state=0)
XGB = xgboost.XGBClassifier(n_estimators=10, n_jobs=1, max_depth=3, random_state=0)
BOOSTERS = pytest.mark.parametrize("student", [LGBM, XGB], ids=["lightgbm", "xgboost"])


def make_data(n_classes=2, n=200, names=None):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 5))
    Q = np.exp(X @ rng.normal(size=(5, n_classes)) * 2)
    Q /= Q.sum(axis=1, keepdims=True)
    classes = np.arange(n_classes) if names is None else np.array(names)
    return TransferSet(X, Q, sample_weight=rng.random(n) + 0.5, classes=classes)


@BOOSTERS
def test_labels_in_disguise_give_the_same_booster(student):
    data = make_data()
    labels = data.label_index()
    soft = np.eye(2)[labels] * (1 - 2e-12) + 1e-12
    mine = fit_to(student, data.replace(y=soft))
    theirs = clone(student).fit(data.X, labels, sample_weight=data.sample_weight)
    np.testing.assert_allclose(mine.predict_proba(data.X), theirs.predict_proba(data.X), atol=1e-5)


def log_loss(model, data):
    p = np.clip(model.predict_proba(data.X), 1e-12, 1)
    return float(-np.average(np.sum(data.y * np.log(p), axis=1), weights=data.sample_weight))


@BOOSTERS
def test_two_classes_are_boosted_on_the_probabilities(student):
    """An oracle of what was minimised: two hundred rounds reach the entropy of the targets, labels can't."""
    data = make_data()
    assert soft_fit_support(student, data).kind == "exact"
    many = clone(student).set_params(n_estimators=200)
    entropy = float(-np.average(np.sum(data.y * np.log(data.y), axis=1), weights=data.sample_weight))
    excess = log_loss(fit_to(many, data), data) - entropy
    from_labels = log_loss(fit_to(many, data.replace(y=data.labels())), data) - entropy
    assert 0 <= excess < 0.02 < from_labels


@BOOSTERS
def test_the_result_is_a_plain_classifier(student):
    data = make_data()
    frame = data.replace(X=pd.DataFrame(data.X, columns=list("abcde")))
    params = student.get_params()
    model = fit_to(student, frame, seed=0)
    assert type(model) is type(student)
    assert repr(model.get_params()) == repr(params)
    assert model.classes_.tolist() == [0, 1]
    assert model.n_features_in_ == 5
    assert model.feature_importances_.shape == (5,)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(frame.X), model.predict_proba(frame.X))
    np.testing.assert_array_equal(model.predict(frame.X), model.predict_proba(frame.X).argmax(axis=1))
    model.fit(data.X, data.labels())  # and can be fitted again
    assert repr(student.get_params()) == repr(params)


def test_lightgbm_keeps_names_of_classes_and_their_weights():
    data = make_data(names=["no", "yes"])
    weighted = fit_to(clone(LGBM).set_params(class_weight={"yes": 20.0}), data)
    assert weighted.classes_.tolist() == ["no", "yes"]
    assert weighted.predict_proba(data.X)[:, 1].mean() > fit_to(LGBM, data).predict_proba(data.X)[:, 1].mean() + 0.2


def test_xgboost_folds_the_weight_of_the_positive_class():
    data = make_data()
    weighted = fit_to(clone(XGB).set_params(scale_pos_weight=20.0), data)
    assert weighted.predict_proba(data.X)[:, 1].mean() > fit_to(XGB, data).predict_proba(data.X)[:, 1].mean() + 0.2
    assert weighted.scale_pos_weight == 20.0
    with pytest.raises(InvalidInputError, match="0 and 1 only"):
        fit_to(XGB, make_data(names=["no", "yes"]))


@BOOSTERS
def test_more_classes_are_expanded_and_that_is_said(student):
    data = make_data(3)
    support = soft_fit_support(student, data)
    assert support.kind == "approximate"
    assert "histogram" in support.how
    model = fit_to(student, data)
    assert type(model) is type(student)
    assert np.abs(model.predict_proba(data.X) - data.y).mean() < 0.15
    assert model.get_params()["random_state"] == 0
