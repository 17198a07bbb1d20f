"""A tree for a file: the same for every block size and after a kill, and with the values that its rows say."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown.core import InvalidInputError, NotSupportedError
from stepdown.large import fit_parquet

ASKED = []


class KilledError(Exception):
    pass


class Counting(GaussianNB):
    """Notes how many rows it is asked about; dies at the row after `dies_after`."""

    dies_after = None

    def predict_proba(self, X):
        if Counting.dies_after is not None and sum(ASKED) + len(X) > Counting.dies_after:
            raise KilledError
        ASKED.append(len(X))
        return super().predict_proba(X)


@pytest.fixture
def file(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 4)).round(2)
    y = np.where((X[:, 0] > 0) ^ (X[:, 1] > 0.5), "yes", "no")
    flipped = rng.random(1500) < 0.1
    y[flipped] = np.where(y[flipped] == "yes", "no", "yes")
    columns = {f"x{i}": X[:, i] for i in range(4)} | {"y": y, "number": X[:, 0] * 3 + (X[:, 1] > 0) + 100}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet", row_group_size=400)
    pq.write_table(pa.table(columns).drop_columns("number"), tmp_path / "classes.parquet", row_group_size=400)
    pq.write_table(pa.table(columns).drop_columns("y"), tmp_path / "numbers.parquet", row_group_size=400)
    ASKED.clear()
    Counting.dies_after = None
    return tmp_path


def fit(file, teacher, student, name, *, memory="memory", **how):
    target = "y" if name == "classes" else "number"
    return fit_parquet(
        teacher, student, file / f"{name}.parquet", target, memory=file / memory, teacher_rows=500, **how
    )


@pytest.mark.parametrize("size", [7, 130, 1500])
def test_blocks_of_any_size_give_the_same_student(file, size):
    for name, teacher, student in (
        ("classes", GaussianNB(), DecisionTreeClassifier(max_depth=3, min_samples_leaf=5)),
        ("numbers", LinearRegression(), DecisionTreeRegressor(max_depth=None, max_leaf_nodes=6)),
    ):
        one = fit(file, teacher, student, name, memory="one", block_rows=400)
        other = fit(file, teacher, student, name, memory=f"other {size}", block_rows=size)
        for field in ("feature", "threshold", "value", "n_node_samples"):
            assert np.array_equal(getattr(one.student.tree_, field), getattr(other.student.tree_, field))
        assert one.scores == other.scores
        assert one.student.tree_.node_count > 3


def test_leaves_answer_by_all_rows_but_those_held_out(file):
    made = fit(file, GaussianNB(), DecisionTreeClassifier(max_depth=2), "classes", weight=0.0, held_out=150)
    table = pq.read_table(file / "classes.parquet").to_pandas()
    X, y = table.drop(columns="y"), table["y"].to_numpy()
    assert made.student.tree_.n_node_samples[0] == 1350
    leaves, shares = made.student.apply(X), made.student.predict_proba(X)[:, 1]
    for leaf in np.unique(leaves):
        assert shares[leaves == leaf][0] == pytest.approx(np.mean(y[leaves == leaf] == "yes"), abs=0.05)
    assert made.scores["student"] > 0.8


def test_a_killed_run_goes_on_at_its_block(file):
    student = DecisionTreeClassifier(max_depth=3)
    whole = fit(file, Counting(), student, "classes", memory="undisturbed", block_rows=100)
    per_run = sum(ASKED)
    ASKED.clear()
    Counting.dies_after = 750
    with pytest.raises(KilledError):
        fit(file, Counting(), student, "classes", block_rows=100)
    assert sum(ASKED) == 700
    Counting.dies_after = None
    again = fit(file, Counting(), student, "classes", block_rows=90)
    assert sum(ASKED) == per_run
    assert np.array_equal(whole.student.tree_.threshold, again.student.tree_.threshold)
    assert np.array_equal(whole.student.tree_.value, again.student.tree_.value)


def test_limits_count_all_rows_and_nothing_of_the_users_changes(file):
    student = DecisionTreeClassifier(max_depth=4, min_samples_leaf=200)
    teacher = FrozenEstimator(GaussianNB().fit(np.eye(4), ["yes", "no", "yes", "no"]))
    made = fit(file, teacher, student, "classes")
    leaves = made.student.tree_.children_left == -1
    assert made.student.tree_.n_node_samples[leaves].min() >= 200
    assert not hasattr(student, "tree_")
    assert made.student.set_params(random_state=None).get_params() == student.get_params()


@pytest.mark.parametrize(
    ("student", "name", "how", "match"),
    [
        (DecisionTreeClassifier(), "classes", {}, "max_depth or max_leaf_nodes"),
        (DecisionTreeClassifier(max_depth=2, ccp_alpha=0.1), "classes", {}, "ccp_alpha"),
        (DecisionTreeClassifier(max_depth=2), "rows", {}, r"numbers beside the target, got \['y"),
        (DecisionTreeClassifier(max_depth=2), "classes", {"weight": 2}, "weight=2"),
        (DecisionTreeRegressor(max_depth=2), "numbers", {}, "two classifiers or two regressors"),
    ],
)
def test_what_is_refused(file, student, name, how, match):
    with pytest.raises((InvalidInputError, NotSupportedError), match=match):
        fit(file, GaussianNB(), student, name, **how)


def test_what_is_no_parquet_is_said_so(tmp_path):
    (tmp_path / "a.parquet").write_text("x,y\n1,2\n")
    with pytest.raises(InvalidInputError, match="expected a Parquet file"):
        fit_parquet(GaussianNB(), DecisionTreeClassifier(max_depth=2), tmp_path / "a.parquet", "y", memory=tmp_path)
