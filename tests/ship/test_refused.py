"""What can't be exported is refused by name, and trees answer at the very edge of their thresholds."""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown import ship
from stepdown.core import StepdownError

X, Y = np.arange(12.0).reshape(6, 2), np.arange(6.0)


@pytest.mark.parametrize(
    ("model", "y", "words"),
    [
        (DecisionTreeRegressor(), np.c_[Y, Y], "one output, got 2"),
        (LinearRegression(), np.c_[Y, -Y], "one output"),
        (HistGradientBoostingClassifier(max_iter=2), Y > 2, "HistGradientBoostingClassifier"),
        (GradientBoostingClassifier(n_estimators=2, loss="exponential"), Y > 2, "exponential loss"),
        (GradientBoostingClassifier(n_estimators=2, init="zero"), Y > 2, "init=None"),
        (make_pipeline(PolynomialFeatures(), LinearRegression()), Y, "PolynomialFeatures"),
        (make_pipeline(FunctionTransformer(np.abs), LinearRegression()), Y, "FunctionTransformer"),
    ],
    ids=lambda part: type(part).__name__,
)
@pytest.mark.parametrize("export", [ship.rules, ship.to_python, ship.to_json, ship.to_c])
def test_what_is_not_followed_is_refused_by_name(export, model, y, words) -> None:
    with pytest.raises(StepdownError, match=words):
        export(model.fit(X, y))


def test_an_unfitted_model_is_refused() -> None:
    with pytest.raises(StepdownError, match="fitted"):
        ship.rules(DecisionTreeClassifier())


@pytest.mark.parametrize("scaled", [False, True])
def test_rows_on_the_edge_of_a_threshold_fall_as_in_the_model(scaled) -> None:
    r = np.random.default_rng(0)
    rows = np.cumsum(r.choice([1e-7, 3e-8, 1e-6], (200, 1)), axis=0) + 1 / 3
    tree = DecisionTreeRegressor(random_state=0)
    model = (make_pipeline(StandardScaler(), tree) if scaled else tree).fit(rows, r.random(200))
    edges = tree.tree_.threshold[tree.tree_.children_left >= 0]
    edges = edges * rows.std() + rows.mean() if scaled else edges
    near = np.concatenate([edges + k * np.spacing(np.float32(edges)) / 4 for k in range(-4, 5)])
    space: dict = {}
    exec(ship.to_python(model), space)
    assert [space["predict"]([value]) for value in near] == model.predict(near[:, None]).tolist()
