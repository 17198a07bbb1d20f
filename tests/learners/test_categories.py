"""Data frames with columns of categories, and frozen models that read texts by themselves."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from stepdown import MultihopClassifier, MultihopRegressor, diagnose
from stepdown.core import InvalidInputError
from stepdown.learners import BaggedTreesClassifier, BaggedTreesRegressor

random = np.random.RandomState(0)
N = 120
AGE = random.randint(18, 80, N).astype(float)
CITY = random.choice(list("abc"), N)
y = ((AGE > 50) ^ (CITY == "a")).astype(int)
TEXTS = pd.DataFrame({"age": AGE, "city": CITY})
FRAMES = {
    "texts": TEXTS.assign(city=pd.Categorical(CITY)),
    "gaps": TEXTS.assign(city=pd.Categorical(np.where(AGE > 75, None, CITY), categories=list("cab"))),
    "bool": TEXTS.assign(city=pd.Categorical(CITY), young=pd.Categorical(AGE < 30)),
    "categories alone": pd.DataFrame({"city": pd.Categorical(CITY), "old": pd.Categorical(AGE > 50)}),
}
TEACHER = HistGradientBoostingClassifier(max_iter=20)
BOOSTING = HistGradientBoostingClassifier(max_iter=5)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_the_default_chain_takes_categories_where_teacher_and_student_do(frame):
    clf = MultihopClassifier(TEACHER, BOOSTING, random_state=0).fit(frame, y)
    assert "multihop-bare" in [row["way"] for row in clf.comparison_]
    assert clf.score(frame, y) > 0.8
    assert diagnose(TEACHER, BOOSTING, frame, y, random_state=0).way


def test_so_does_regression():
    teacher, student = (HistGradientBoostingRegressor(max_iter=count) for count in (30, 15))
    model = MultihopRegressor(teacher, student, random_state=0).fit(FRAMES["bool"], AGE)
    assert model.score(FRAMES["bool"], AGE) > 0.8


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_bag_reads_categories_by_name(frame):
    bag = BaggedTreesClassifier(10, max_features=None, random_state=0).fit(frame, y)
    assert bag.score(frame, y) > 0.9
    other_codes = frame.assign(city=frame["city"].cat.reorder_categories(list("bca")))
    assert np.array_equal(bag.predict_proba(other_codes), bag.predict_proba(frame))
    unknown = frame.assign(city=pd.Categorical(["elsewhere"] * N))
    assert bag.predict(unknown).shape == (N,)
    assert BaggedTreesRegressor(10, random_state=0).fit(frame, AGE).score(frame, AGE) > 0.1


def test_a_bag_reads_the_categories_of_polars():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"age": AGE, "city": pl.Series(CITY.tolist(), dtype=pl.Enum(list("cab")))})
    assert BaggedTreesClassifier(10, max_features=None, random_state=0).fit(frame, y).score(frame, y) > 0.9


def test_models_that_do_not_read_categories_are_refused_by_name():
    with pytest.raises(InvalidInputError, match="teacher: RandomForestClassifier can't take these columns"):
        MultihopClassifier(RandomForestClassifier(), BOOSTING).fit(FRAMES["texts"], y)
    with pytest.raises(InvalidInputError, match="student: DecisionTreeClassifier can't take these columns"):
        MultihopClassifier(BOOSTING, DecisionTreeClassifier()).fit(FRAMES["texts"], y)


class ReadsTexts(ClassifierMixin, BaseEstimator):
    """Encodes columns of texts inside, as CatBoost and EBM do, and has no tag that says so."""

    def fit(self, X, y):
        self.model_ = make_pipeline(OneHotEncoder(handle_unknown="ignore"), DecisionTreeClassifier()).fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def predict_proba(self, X):
        return self.model_.predict_proba(X)


STUDENT = make_pipeline(
    make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough"), DecisionTreeClassifier(max_depth=4)
)


def test_a_frozen_model_that_reads_texts_is_believed():
    teacher = ReadsTexts().fit(TEXTS, y)
    for frozen in (FrozenEstimator(teacher), FrozenEstimator(make_pipeline("passthrough", teacher))):
        assert MultihopClassifier(frozen, STUDENT, random_state=0).fit(TEXTS, y).score(TEXTS, y) > 0.9


def test_a_frozen_model_that_can_not_read_them_is_refused():
    frozen = FrozenEstimator(DecisionTreeClassifier().fit(TEXTS[["age"]], y))
    with pytest.raises(InvalidInputError, match="teacher: DecisionTreeClassifier can't take these columns"):
        MultihopClassifier(frozen, STUDENT).fit(TEXTS, y)
