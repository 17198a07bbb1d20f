import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from stepdown import Fixed
from stepdown.cli._limits import check_limits, shippable
from stepdown.core import InvalidInputError
from stepdown.search import Gate


def test_what_ships_is_one_flat_pipeline_that_answers_as_before():
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = np.arange(40) % 2
    steps = Pipeline([("scale", StandardScaler().fit(X))])
    inner = make_pipeline(MinMaxScaler(), LogisticRegression()).fit(steps.transform(X), y)
    shipped = shippable(steps, FrozenEstimator(Pipeline([("scale", MinMaxScaler().fit(X)), ("model", inner)])))
    assert [type(step).__name__ for _, step in shipped.steps] == [
        "StandardScaler",
        "MinMaxScaler",
        "MinMaxScaler",
        "LogisticRegression",
    ]
    assert len({name for name, _ in shipped.steps}) == 4
    np.testing.assert_array_equal(shippable(steps, inner).predict(X), inner.predict(steps.transform(X)))
    assert shippable(None, FrozenEstimator(inner[-1]))[-1] is inner[-1]


@pytest.mark.parametrize(
    ("limits", "search", "words"),
    [
        ({"max_us_per_row": float("nan")}, Gate(), "--max-us-per-row nan: expected a number above 0"),
        ({"max_us_per_row": 0.0}, Gate(), "--max-us-per-row 0"),
        (
            {"max_rules": 3},
            Fixed("one-hop"),
            "--max-rules takes the best validated model, and --search one-hop validates",
        ),
    ],
)
def test_limits_that_choose_nothing(limits, search, words):
    with pytest.raises(InvalidInputError, match=words):
        check_limits(limits, search)


def test_no_limits_suit_every_search():
    check_limits({}, Fixed("one-hop"))
    check_limits({"max_bytes": 1}, Gate())
