"""scikit-learn's own checks over several inner pairs."""

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from stepdown import Fixed, MultihopClassifier, MultihopRegressor, TreeSearch

FOREST = RandomForestClassifier(5, max_depth=4)
TREE = DecisionTreeClassifier(max_depth=3)
QUICK = TreeSearch("quick")


class RowMean(RegressorMixin, BaseEstimator):
    """Answers rows of any width, as a frozen teacher has to here: the checks bring tables of many shapes.

    A frozen classifier can't stand among the pairs: it would have to know the labels of every check beforehand.
    """

    def fit(self, X, y):
        raise AssertionError("a frozen teacher is not fitted")

    def predict(self, X):
        return np.asarray(X.mean(axis=1)).ravel()

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


SMALL = DecisionTreeRegressor(max_depth=3)
LIGHT = {"n_estimators": 3, "verbose": -1, "n_jobs": 1}
COMMON = {"random_state": 0, "cv": 2}
# One way, nothing to choose from: most pairs are about the models. The gate, which takes several times as long, goes
# through the checks with a classifier whose trainer searches and with a regressor that is fitted as it is.
ONE_HOP = {"search": Fixed("one-hop"), "trainer": QUICK, **COMMON}

PAIRS = [
    MultihopClassifier(FOREST, TREE, trainer=QUICK, **COMMON),
    MultihopRegressor(RandomForestRegressor(5), Ridge(), intermediates=[("middle", SMALL)], **COMMON),
    MultihopClassifier(FOREST, MLPClassifier((3,), solver="lbfgs", max_iter=15), search=Fixed("one-hop"), **COMMON),
    MultihopRegressor(RandomForestRegressor(5), SMALL, **ONE_HOP),
    MultihopClassifier(FOREST, RandomForestClassifier(2, max_depth=2), search=Fixed("multihop"), **COMMON),
    MultihopClassifier(FOREST, LogisticRegression(max_iter=50), search=Fixed("one-hop"), **COMMON),
    MultihopClassifier(LGBMClassifier(**LIGHT), TREE, **ONE_HOP),
    MultihopClassifier(make_pipeline(StandardScaler(), FOREST), TREE, **ONE_HOP),
    MultihopClassifier(FOREST, make_pipeline(StandardScaler(), TREE), **ONE_HOP),
    MultihopClassifier(LogisticRegression(max_iter=50), TREE, **ONE_HOP),
    MultihopRegressor(Ridge(), SMALL, **ONE_HOP),
    MultihopRegressor(FrozenEstimator(RowMean()), SMALL, **ONE_HOP),
]


# Bootstraps and bins are drawn over rows: a row of weight two is drawn once where the same row given twice is drawn
# twice. scikit-learn's own forests fail these two checks for the same reason. With the folds that the checks give,
# pairs of other models pass, and those whose chosen way doesn't listen to the forest.
WEIGHTS = "bootstraps and bins are drawn over rows, whatever their weights"
DRAWN = {repr(PAIRS[place]) for place in range(2, 9)}
CHECKS = [f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")]


def expected(estimator):
    """The checks that can't hold, and why."""
    return dict.fromkeys(CHECKS, WEIGHTS) if repr(estimator) in DRAWN else {}


@parametrize_with_checks(PAIRS, expected_failed_checks=expected)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_contract(estimator, check) -> None:
    check(estimator)
